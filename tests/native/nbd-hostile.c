// SPDX-License-Identifier: MIT
/*
 * Goal: a client cannot harm the server or another client, whatever it sends.
 * Method: this client runs beside good clients. It breaks every rule of the protocol in the lower
 * half of the export, and after each kind of offence it checks that the server serves a new client.
 *
 *	nbd-hostile HOST PORT [EXPORT]
 *
 * The export must be writable and have 128 MiB. The program writes its first 33 MiB and its upper
 * half; others may write only what lies between. TAP goes to stdout.
 */
#include "nbd-beside.h"

/* ---- offences in the handshake ---- */

static void hang_up_in_handshake(void)
{
	uint8_t wire[800];
	size_t n;

	nbd_put32(wire, 3);
	n = 4 + pack_option(wire + 4, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
	n += pack_go(wire + n, NBD_OPT_INFO, export_name);
	n += pack_go(wire + n, NBD_OPT_GO, export_name);
	for (size_t i = 0; i <= n; i++) {
		int fd = dial();

		push(fd, wire, i);
		if (i % 2)
			slam(fd);
		else
			close(fd);
	}
	check_alive("after clients hung up at every byte of the handshake");
}

static void wrong_client_flags(void)
{
	for (unsigned int bit = 2; bit < 32; bit += 3) {
		int fd = dial();
		bool is_refused = greet(fd, 3 | 1U << bit) && is_closed(fd);

		if (!is_refused)
			ok(false, "the server closes at the unknown client flag 1 << %u", bit);
		close(fd);
	}
	check_alive("after clients sent unknown flags");
}

static void wrong_option_magic(void)
{
	int fd = dial_and_greet();
	uint8_t wire[16];

	pack_option(wire, NBD_OPT_LIST, NULL, 0);
	wire[3] ^= 1;
	push(fd, wire, sizeof(wire));
	ok(is_closed(fd), "the server closes the connection at a wrong option magic");
	close(fd);
}

/* The server refuses each option with a reply of the type, and continues the handshake. */
static void malformed_options(void)
{
	static const struct {
		const char *what;
		uint32_t option, length, type;
		const char *data;
	} cases[] = {
		{ "an option LIST with data", NBD_OPT_LIST, 1, NBD_REP_ERR_INVALID, "x" },
		{ "an option GO without data", NBD_OPT_GO, 0, NBD_REP_ERR_INVALID, "" },
		{ "an option GO without its last byte", NBD_OPT_GO, 5,
		  NBD_REP_ERR_INVALID, "\0\0\0\0\0" },
		{ "an option GO whose name is longer than its data", NBD_OPT_GO, 6,
		  NBD_REP_ERR_INVALID, "\0\0\0\1\0\0" },
		{ "an option GO with a name of 4 GiB", NBD_OPT_GO, 8, NBD_REP_ERR_INVALID,
		  "\377\377\377\377\0\0\0\0" },
		{ "an option GO with more info requests than data", NBD_OPT_GO, 6,
		  NBD_REP_ERR_INVALID, "\0\0\0\0\377\377" },
		{ "an option GO with a byte too many", NBD_OPT_GO, 7, NBD_REP_ERR_INVALID,
		  "\0\0\0\0\0\0\0" },
		{ "an option INFO for an unknown export", NBD_OPT_INFO, 10,
		  NBD_REP_ERR_UNKNOWN, "\0\0\0\4nope\0\0" },
		{ "the option STARTTLS", NBD_OPT_STARTTLS, 0, NBD_REP_ERR_UNSUP, "" },
		{ "an option STRUCTURED_REPLY with data", NBD_OPT_STRUCTURED_REPLY, 1,
		  NBD_REP_ERR_INVALID, "x" },
		{ "an option EXTENDED_HEADERS with data", NBD_OPT_EXTENDED_HEADERS, 3,
		  NBD_REP_ERR_INVALID, "abc" },
		{ "an option SET_META_CONTEXT before structured replies",
		  NBD_OPT_SET_META_CONTEXT, 8, NBD_REP_ERR_INVALID, "\0\0\0\0\0\0\0\0" },
		{ "an option LIST_META_CONTEXT without data", NBD_OPT_LIST_META_CONTEXT, 0,
		  NBD_REP_ERR_INVALID, "" },
		{ "the unknown option 0", 0, 0, NBD_REP_ERR_UNSUP, "" },
		{ "the unknown option 0xffffffff", UINT32_MAX, 3, NBD_REP_ERR_UNSUP, "abc" },
	};
	int fd = dial_and_greet();
	uint8_t wire[100];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		push(fd, wire, pack_option(wire, cases[i].option, cases[i].data,
					   cases[i].length));
		is(option_reply(fd, cases[i].option), cases[i].type,
		   "the server refuses %s", cases[i].what);
	}
	pack_option(wire, NBD_OPT_ABORT, NULL, 0);
	push(fd, wire, 16);
	ok(option_reply(fd, NBD_OPT_ABORT) == NBD_REP_ACK && is_closed(fd),
	   "the server acknowledges ABORT, then closes the connection");
	close(fd);
}

static void long_options(void)
{
	int fd = dial_and_greet();
	uint8_t wire[16];

	pack_option(wire, NBD_OPT_GO, NULL, 0);
	nbd_put32(wire + 12, 100000);
	push(fd, wire, 16);
	push(fd, buffer, 100000);
	is(option_reply(fd, NBD_OPT_GO), NBD_REP_ERR_TOO_BIG,
	   "the server refuses an option of 100000 bytes");
	nbd_put32(wire + 12, UINT32_MAX);
	push(fd, wire, 16);
	ok(is_closed(fd), "the server closes the connection at an option of 4 GiB");
	close(fd);
	fd = dial_and_greet();
	pack_option(wire, NBD_OPT_EXPORT_NAME, NULL, 0);
	nbd_put32(wire + 12, 100);
	push(fd, wire, 16);
	push(fd, buffer, 100);
	ok(is_closed(fd), "the server closes the connection at EXPORT_NAME of an unknown export");
	close(fd);
}

static void garbage(bool is_after_handshake)
{
	for (int i = 0; i < 200; i++) {
		int fd = is_after_handshake ? enter() : i % 2 ? dial() : dial_and_greet();
		size_t n = random64() % 3000;

		for (size_t j = 0; j < n; j++)
			buffer[j] = (uint8_t)random64();
		/* A good beginning gets the garbage past the first check. */
		if (i % 3 == 0 && is_after_handshake)
			nbd_put32(buffer, NBD_REQUEST_MAGIC);
		else if (i % 3 == 0)
			pack_option(buffer, (uint32_t)(random64() % 12), NULL, 0);
		/* The type must not be WRITE, as that could change the data of a good client. */
		if (is_after_handshake)
			nbd_put16(buffer + 6, (uint16_t)(4 + random64() % 60000));
		push(fd, buffer, n);
		close(fd);
	}
	check_alive(is_after_handshake ? "after clients sent garbage instead of requests" :
		    "after clients sent garbage instead of a handshake");
}

/* ---- offences in the transmission phase ---- */

static void hang_up_in_request(uint16_t type, uint32_t payload, uint32_t step)
{
	for (size_t i = 0; i <= NBD_REQUEST_SIZE + payload;
	     i += i < NBD_REQUEST_SIZE ? 1 : step) {
		int fd = enter();

		pack_request(buffer, 0, type, 7, 1000, type == NBD_CMD_WRITE ?
			     payload : LONGEST);
		/* A whole request before it is in flight when the client leaves. */
		ask(fd, 0, NBD_CMD_READ, 8, 77, 100000);
		push(fd, buffer, i);
		if (i % 2)
			slam(fd);
		else
			close(fd);
	}
}

static void hang_up_in_requests(void)
{
	hang_up_in_request(NBD_CMD_READ, 0, 1);
	check_alive("after clients hung up at every byte of a READ");
	hang_up_in_request(NBD_CMD_WRITE, 300, 1);
	check_alive("after clients hung up at every byte of a WRITE");
	hang_up_in_request(NBD_CMD_WRITE, LONGEST, LONGEST / 16 + 4097);
	check_alive("after clients hung up in long WRITEs");
	hang_up_in_request(NBD_CMD_WRITE, LONGEST + 1, LONGEST / 4 + 4097);
	check_alive("after clients hung up in WRITEs that are served in pieces");
	hang_up_in_request(9, 0, 1);
	check_alive("after clients hung up in an unknown command");
}

/* Each request gets its error, and the server finds the next header where it is. */
static void refused_requests(void)
{
	const struct {
		const char *what;
		uint16_t flags, type;
		uint64_t offset;
		uint32_t length;
		int error;
	} cases[] = {
		{ "a READ of no byte", 0, 0, 0, 0, NBD_EINVAL },
		{ "a READ of 4 GiB", 0, 0, 0, UINT32_MAX, NBD_EINVAL },
		{ "a READ of more than 32 MiB across the end", 0, 0, export_bytes - LONGEST,
		  LONGEST + 1, NBD_EINVAL },
		{ "a READ across the end of the disk", 0, 0, export_bytes - 1, 2, NBD_EINVAL },
		{ "a READ behind the end of the disk", 0, 0, export_bytes, 1, NBD_EINVAL },
		{ "a READ at 2^64 - 1", 0, 0, UINT64_MAX, 1, NBD_EINVAL },
		{ "a READ whose end wraps around 2^64", 0, 0, UINT64_MAX - 1, 4096, NBD_EINVAL },
		{ "a READ with unknown flags", 0x8000, 0, 0, 512, NBD_EINVAL },
		{ "a WRITE of no byte", 0, 1, 0, 0, NBD_EINVAL },
		{ "a WRITE of more than 32 MiB across the end", 0, 1, export_bytes - LONGEST,
		  LONGEST + 1, NBD_ENOSPC },
		{ "a WRITE across the end of the disk", 0, 1, export_bytes - 1, 2, NBD_ENOSPC },
		{ "a WRITE whose end wraps around 2^64", 0, 1, UINT64_MAX - 1, 4096, NBD_ENOSPC },
		{ "a WRITE with unknown flags", 2, 1, 0, 512, NBD_EINVAL },
		{ "a FLUSH with an offset", 0, 3, 1, 0, NBD_EINVAL },
		{ "a FLUSH with a length", 0, 3, 0, 1, NBD_EINVAL },
		{ "a TRIM of no byte", 0, 4, 0, 0, NBD_EINVAL },
		{ "a TRIM across the end of the disk", 0, 4, export_bytes - 1, 2, NBD_EINVAL },
		{ "a TRIM with unknown flags", 2, 4, 0, 512, NBD_EINVAL },
		{ "a CACHE behind the end of the disk", 0, 5, export_bytes, 1, NBD_EINVAL },
		{ "a WRITE_ZEROES across the end of the disk", 0, 6, export_bytes - 1, 2,
		  NBD_ENOSPC },
		{ "a WRITE_ZEROES with unknown flags", 0x40, 6, 0, 512, NBD_EINVAL },
		{ "a BLOCK_STATUS without a context", 0, 7, 0, 512, NBD_EINVAL },
		{ "the unknown command 0xffff", 0, 0xffff, 0, 512, NBD_EINVAL },
	};
	int fd = enter();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ask(fd, cases[i].flags, cases[i].type, 1000 + i,
		    cases[i].offset, cases[i].length);
		if (cases[i].type == NBD_CMD_WRITE)
			push(fd, buffer, cases[i].length);
		is(answer(fd, 1000 + i), cases[i].error, "the server refuses %s",
		   cases[i].what);
	}
	ok(transfer(fd, NBD_CMD_READ, 1, buffer, 1),
	   "the server serves a good request after refused ones on the same connection");
	say_goodbye(fd);
}

static void closing_requests(void)
{
	int fd = enter();

	pack_request(buffer, 0, NBD_CMD_READ, 1, 0, 512);
	buffer[0] ^= 0x80;
	push(fd, buffer, NBD_REQUEST_SIZE);
	ok(is_closed(fd), "the server closes the connection at a wrong request magic");
	close(fd);
	check_alive("after a request at which it closed the connection");
}

/* ---- odd, but allowed ---- */

static void one_byte_at_a_time(void)
{
	uint8_t wire[800];
	size_t n;
	int fd = dial();

	nbd_put32(wire, 3);
	n = 4 + pack_go(wire + 4, NBD_OPT_GO, export_name);
	pack_request(wire + n, 0, NBD_CMD_WRITE, 5, 4095, 3);
	memcpy(wire + n + NBD_REQUEST_SIZE, "abc", 3);
	for (size_t i = 0; i < n + NBD_REQUEST_SIZE + 3; i++) {
		push(fd, wire + i, 1);
		usleep(1000);
	}
	pull(fd, wire, NBD_GREETING_SIZE);
	while (option_reply(fd, NBD_OPT_GO) == NBD_REP_INFO)
		;
	ok(answer(fd, 5) == 0 && transfer(fd, NBD_CMD_READ, 4094, wire, 5) &&
	   !memcmp(wire + 1, "abc", 3), "the server serves a client that sends one byte at a time");
	say_goodbye(fd);
}

static void disconnect_with_requests_in_flight(bool is_half_close)
{
	const unsigned int n = 48;
	int fd = enter();
	unsigned int got = 0;
	uint8_t wire[16];

	for (unsigned int i = 0; i < n; i++)
		ask(fd, 0, NBD_CMD_READ, i, i * 4096ULL + i, 50000);
	if (is_half_close)
		shutdown(fd, SHUT_WR);
	else
		ask(fd, 0, NBD_CMD_DISC, 0, 0, 0);
	while (pull(fd, wire, sizeof(wire)) && pull(fd, buffer, 50000))
		got++;
	is(got, n, "the server answers all requests in flight after %s", is_half_close ?
	   "a half close" : "DISC");
	close(fd);
}

static void deep_pipeline(void)
{
	const unsigned int n = 2000;
	int fd = enter();
	unsigned int good = 0;
	uint8_t wire[16];

	for (unsigned int i = 0; i < n; i++)
		ask(fd, 0, NBD_CMD_READ, i, i, 1);
	for (unsigned int i = 0; i < n; i++)
		good += pull(fd, wire, 16) && !nbd_get32(wire + 4) &&
			pull(fd, wire, 1);
	is(good, n,
	   "the server answers %u requests that were sent before the first reply was read", n);
	say_goodbye(fd);
}

static void longest_requests(void)
{
	uint8_t *copy = malloc(LONGEST);
	int fd = enter();

	for (uint32_t i = 0; i < LONGEST; i += 8) {
		uint64_t v = random64();

		memcpy(buffer + i, &v, 8);
	}
	ok(transfer(fd, NBD_CMD_WRITE, 4095, buffer, LONGEST) &&
	   transfer(fd, NBD_CMD_READ, 4095, copy, LONGEST) &&
	   !memcmp(buffer, copy, LONGEST),
	   "the server serves unaligned requests of the greatest length");
	say_goodbye(fd);
	free(copy);
}

static void old_fashioned_clients(void)
{
	uint8_t wire[16 + 256];
	int fd = dial();
	bool is_good;

	greet(fd, 0);
	push(fd, wire, pack_option(wire, NBD_OPT_EXPORT_NAME, export_name,
				   (uint32_t)strlen(export_name)));
	is_good = pull(fd, wire, 10 + NBD_EXPORT_NAME_ZEROES) &&
		  nbd_get64(wire) == export_bytes;
	ok(is_good && transfer(fd, NBD_CMD_READ, 0, buffer, 512),
	   "the server serves a client that uses EXPORT_NAME and wants zeroes");
	say_goodbye(fd);
	fd = dial_and_greet();
	push(fd, wire, pack_option(wire, NBD_OPT_EXPORT_NAME, export_name,
				   (uint32_t)strlen(export_name)));
	is_good = pull(fd, wire, 10) && nbd_get64(wire) == export_bytes;
	ok(is_good && transfer(fd, NBD_CMD_READ, 0, buffer, 512),
	   "the server serves a client that uses EXPORT_NAME and wants no zeroes");
	say_goodbye(fd);
}

static void everything(void)
{
	hang_up_in_handshake();
	wrong_client_flags();
	wrong_option_magic();
	malformed_options();
	long_options();
	garbage(false);
	garbage(true);
	hang_up_in_requests();
	refused_requests();
	closing_requests();
	one_byte_at_a_time();
	disconnect_with_requests_in_flight(false);
	disconnect_with_requests_in_flight(true);
	deep_pipeline();
	longest_requests();
	old_fashioned_clients();
}

int main(int argc, char **argv)
{
	return run_beside_good_clients(argc, argv, everything);
}
