// SPDX-License-Identifier: MIT
/*
 * Goal: nothing that a client sends hurts the server or another client.
 * Method: beside good clients, this one breaks every rule it knows in the lower half of
 * the export, and looks after each kind of offence whether the server still answers.
 *
 *	nbd-hostile HOST PORT [EXPORT]
 *
 * The export must be writable and have 128 MiB. Written are its first 33 MiB and its
 * upper half; only what lies between may be anybody else's. TAP goes to stdout.
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
	check_alive("hanging up at every byte of the handshake");
}

static void wrong_client_flags(void)
{
	for (unsigned int bit = 2; bit < 32; bit += 3) {
		int fd = dial();
		bool is_refused = greet(fd, 3 | 1U << bit) && is_closed(fd);

		if (!is_refused)
			ok(false, "client flag bit %u closes", bit);
		close(fd);
	}
	check_alive("unknown client flags");
}

static void wrong_option_magic(void)
{
	int fd = dial_and_greet();
	uint8_t wire[16];

	pack_option(wire, NBD_OPT_LIST, NULL, 0);
	wire[3] ^= 1;
	push(fd, wire, sizeof(wire));
	ok(is_closed(fd), "a wrong option magic closes");
	close(fd);
}

/* Each is refused with a reply of the type, and the handshake goes on. */
static void malformed_options(void)
{
	static const struct {
		const char *what;
		uint32_t option, length, type;
		const char *data;
	} cases[] = {
		{ "LIST with data", NBD_OPT_LIST, 1, NBD_REP_ERR_INVALID, "x" },
		{ "GO without data", NBD_OPT_GO, 0, NBD_REP_ERR_INVALID, "" },
		{ "GO cut short", NBD_OPT_GO, 5, NBD_REP_ERR_INVALID, "\0\0\0\0\0" },
		{ "GO, name too long for its data", NBD_OPT_GO, 6,
		  NBD_REP_ERR_INVALID, "\0\0\0\1\0\0" },
		{ "GO, name of 4 GiB", NBD_OPT_GO, 8, NBD_REP_ERR_INVALID,
		  "\377\377\377\377\0\0\0\0" },
		{ "GO, too many info requests", NBD_OPT_GO, 6,
		  NBD_REP_ERR_INVALID, "\0\0\0\0\377\377" },
		{ "GO, bytes too many", NBD_OPT_GO, 7, NBD_REP_ERR_INVALID,
		  "\0\0\0\0\0\0\0" },
		{ "INFO of an unknown export", NBD_OPT_INFO, 10,
		  NBD_REP_ERR_UNKNOWN, "\0\0\0\4nope\0\0" },
		{ "STARTTLS", NBD_OPT_STARTTLS, 0, NBD_REP_ERR_UNSUP, "" },
		{ "STRUCTURED_REPLY", NBD_OPT_STRUCTURED_REPLY, 0,
		  NBD_REP_ERR_UNSUP, "" },
		{ "SET_META_CONTEXT", NBD_OPT_SET_META_CONTEXT, 8,
		  NBD_REP_ERR_UNSUP, "\0\0\0\0\0\0\0\0" },
		{ "option 0", 0, 0, NBD_REP_ERR_UNSUP, "" },
		{ "option 0xffffffff", UINT32_MAX, 3, NBD_REP_ERR_UNSUP, "abc" },
	};
	int fd = dial_and_greet();
	uint8_t wire[100];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		push(fd, wire, pack_option(wire, cases[i].option, cases[i].data,
					   cases[i].length));
		is(option_reply(fd, cases[i].option), cases[i].type,
		   "%s is refused", cases[i].what);
	}
	pack_option(wire, NBD_OPT_ABORT, NULL, 0);
	push(fd, wire, 16);
	ok(option_reply(fd, NBD_OPT_ABORT) == NBD_REP_ACK && is_closed(fd),
	   "ABORT is acknowledged, then the server closes");
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
	   "an option of 100000 bytes is refused");
	nbd_put32(wire + 12, UINT32_MAX);
	push(fd, wire, 16);
	ok(is_closed(fd), "an option of 4 GiB closes");
	close(fd);
	fd = dial_and_greet();
	pack_option(wire, NBD_OPT_EXPORT_NAME, NULL, 0);
	nbd_put32(wire + 12, 100);
	push(fd, wire, 16);
	push(fd, buffer, 100);
	ok(is_closed(fd), "EXPORT_NAME of an unknown export closes");
	close(fd);
}

static void garbage(bool is_after_handshake)
{
	for (int i = 0; i < 200; i++) {
		int fd = is_after_handshake ? enter() : i % 2 ? dial() : dial_and_greet();
		size_t n = random64() % 3000;

		for (size_t j = 0; j < n; j++)
			buffer[j] = (uint8_t)random64();
		/* Sometimes with a good beginning, to get further in. */
		if (i % 3 == 0 && is_after_handshake)
			nbd_put32(buffer, NBD_REQUEST_MAGIC);
		else if (i % 3 == 0)
			pack_option(buffer, (uint32_t)(random64() % 12), NULL, 0);
		/* A wild write into the good client's half must not happen. */
		if (is_after_handshake)
			nbd_put16(buffer + 6, (uint16_t)(4 + random64() % 60000));
		push(fd, buffer, n);
		close(fd);
	}
	check_alive(is_after_handshake ? "garbage instead of requests" :
		    "garbage instead of a handshake");
}

/* ---- offences in the transmission phase ---- */

static void hang_up_in_request(uint16_t type, uint32_t payload, uint32_t step)
{
	for (size_t i = 0; i <= NBD_REQUEST_SIZE + payload;
	     i += i < NBD_REQUEST_SIZE ? 1 : step) {
		int fd = enter();

		pack_request(buffer, 0, type, 7, 1000, type == NBD_CMD_WRITE ?
			     payload : LONGEST);
		/* One whole request before it: in flight when we leave. */
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
	check_alive("hanging up at every byte of a READ");
	hang_up_in_request(NBD_CMD_WRITE, 300, 1);
	check_alive("hanging up at every byte of a WRITE");
	hang_up_in_request(NBD_CMD_WRITE, LONGEST, LONGEST / 16 + 4097);
	check_alive("hanging up in long WRITEs");
	hang_up_in_request(9, 0, 1);
	check_alive("hanging up in an unknown command");
}

/* Each gets its error, and the stream stays in step. */
static void refused_requests(void)
{
	const struct {
		const char *what;
		uint16_t flags, type;
		uint64_t offset;
		uint32_t length;
		int error;
	} cases[] = {
		{ "READ of nothing", 0, 0, 0, 0, NBD_EINVAL },
		{ "READ of 4 GiB", 0, 0, 0, UINT32_MAX, NBD_EINVAL },
		{ "READ longer than the maximum", 0, 0, 0, LONGEST + 1, NBD_EINVAL },
		{ "READ behind the end", 0, 0, export_bytes - 1, 2, NBD_EINVAL },
		{ "READ at the end", 0, 0, export_bytes, 1, NBD_EINVAL },
		{ "READ at 2^64 - 1", 0, 0, UINT64_MAX, 1, NBD_EINVAL },
		{ "READ around 2^64", 0, 0, UINT64_MAX - 1, 4096, NBD_EINVAL },
		{ "READ with unknown flags", 0x8000, 0, 0, 512, NBD_EINVAL },
		{ "WRITE of nothing", 0, 1, 0, 0, NBD_EINVAL },
		{ "WRITE longer than the maximum", 0, 1, 0, LONGEST + 1, NBD_EINVAL },
		{ "WRITE behind the end", 0, 1, export_bytes - 1, 2, NBD_ENOSPC },
		{ "WRITE around 2^64", 0, 1, UINT64_MAX - 1, 4096, NBD_ENOSPC },
		{ "WRITE with unknown flags", 2, 1, 0, 512, NBD_EINVAL },
		{ "FLUSH with an offset", 0, 3, 1, 0, NBD_EINVAL },
		{ "FLUSH with a length", 0, 3, 0, 1, NBD_EINVAL },
		{ "TRIM", 0, 4, 0, 512, NBD_EINVAL },
		{ "WRITE_ZEROES", 0, 6, 0, 512, NBD_EINVAL },
		{ "BLOCK_STATUS", 0, 7, 0, 512, NBD_EINVAL },
		{ "command 0xffff", 0, 0xffff, 0, 512, NBD_EINVAL },
	};
	int fd = enter();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ask(fd, cases[i].flags, cases[i].type, 1000 + i,
		    cases[i].offset, cases[i].length);
		if (cases[i].type == NBD_CMD_WRITE)
			push(fd, buffer, cases[i].length);
		is(answer(fd, 1000 + i), cases[i].error, "%s is refused",
		   cases[i].what);
	}
	ok(transfer(fd, NBD_CMD_READ, 1, buffer, 1),
	   "a good request on the same connection is served");
	say_goodbye(fd);
}

static void closing_requests(void)
{
	int fd = enter();

	pack_request(buffer, 0, NBD_CMD_READ, 1, 0, 512);
	buffer[0] ^= 0x80;
	push(fd, buffer, NBD_REQUEST_SIZE);
	ok(is_closed(fd), "a wrong request magic closes");
	close(fd);
	fd = enter();
	ask(fd, 0, NBD_CMD_WRITE, 1, 0, UINT32_MAX);
	ok(is_closed(fd), "a WRITE of 4 GiB closes");
	close(fd);
	check_alive("requests that close");
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
	   !memcmp(wire + 1, "abc", 3), "a client of one byte at a time is served");
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
	is(got, n, "all replies come after %s", is_half_close ?
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
	is(good, n, "a pipeline of %u requests is served", n);
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
	   "unaligned requests of the greatest length are served");
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
	   "EXPORT_NAME with zeroes is served");
	say_goodbye(fd);
	fd = dial_and_greet();
	push(fd, wire, pack_option(wire, NBD_OPT_EXPORT_NAME, export_name,
				   (uint32_t)strlen(export_name)));
	is_good = pull(fd, wire, 10) && nbd_get64(wire) == export_bytes;
	ok(is_good && transfer(fd, NBD_CMD_READ, 0, buffer, 512),
	   "EXPORT_NAME without zeroes is served");
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
