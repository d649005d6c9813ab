// SPDX-License-Identifier: MIT
/*
 * Goal: nothing that a client does hurts the server or another client.
 * Method: two good clients write and verify without pause, each in a quarter of
 * the export's upper half, while this one breaks every rule it knows in the lower half, and
 * looks after each kind of offence whether the server still answers.
 *
 *	nbd-hostile HOST PORT [EXPORT [STALL_SECONDS [HANDSHAKE_SECONDS]]]
 *	nbd-hostile HOST PORT EXPORT hogs
 *
 * With the two timeouts of the server it is tested that these hold. The hogs
 * take all of the server's memory; it has to get it back within 20 s. The export
 * must be writable and have 128 MiB. Written are its first 33 MiB and its upper
 * half; only what lies between may be anybody else's. TAP goes to stdout.
 */
#include <errno.h>
#include <netdb.h>
#include <common/nbd.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define MIB		(1U << 20)
#define LONGEST		(32 * MIB)
#define EXPORT_LEAST	(128ULL * MIB)
#define PATIENCE_MS	20000

static const char *host, *port, *export_name = "";
static uint64_t export_bytes;
static uint16_t export_flags;
static uint8_t *buffer;		/* LONGEST + 2 MiB, contents of no interest */
static uint64_t seed = 88172645463325252ULL;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int dial(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct timeval tv = { .tv_sec = PATIENCE_MS / 1000 };
	struct addrinfo *ai;
	int fd;

	if (getaddrinfo(host, port, &hints, &ai))
		return -1;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen)) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	}
	return fd;
}

/* Leave with a reset instead of a goodbye. */
static void slam(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

static bool push(int fd, const void *data, size_t n)
{
	while (n) {
		ssize_t did = send(fd, data, n, MSG_NOSIGNAL);

		/* A timeout on the socket keeps signals from restarting. */
		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return false;
		data = (const char *)data + did;
		n -= (size_t)did;
	}
	return true;
}

static bool pull(int fd, void *data, size_t n)
{
	while (n) {
		ssize_t did = recv(fd, data, n, 0);

		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return false;
		data = (char *)data + did;
		n -= (size_t)did;
	}
	return true;
}

/* The server closes, whatever it still says before; not a timeout. */
static bool is_closed(int fd)
{
	ssize_t n;

	do
		n = recv(fd, buffer, MIB, 0);
	while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

/* ---- handshake ---- */

static size_t pack_option(uint8_t *wire, uint32_t option, const void *data,
			  uint32_t length)
{
	nbd_put64(wire, NBD_OPTION_MAGIC);
	nbd_put32(wire + 8, option);
	nbd_put32(wire + 12, length);
	if (data)
		memcpy(wire + 16, data, length);
	return 16 + length;
}

static size_t pack_go(uint8_t *wire, uint32_t option, const char *name)
{
	uint32_t n = (uint32_t)strlen(name);
	uint8_t data[600];

	nbd_put32(data, n);
	memcpy(data + 4, name, n);
	nbd_put16(data + 4 + n, 1);
	nbd_put16(data + 6 + n, NBD_INFO_BLOCK_SIZE);
	return pack_option(wire, option, data, 8 + n);
}

static bool greet(int fd, uint32_t flags)
{
	uint8_t wire[NBD_GREETING_SIZE];

	if (!pull(fd, wire, sizeof(wire)) || nbd_get64(wire) != NBD_MAGIC ||
	    nbd_get64(wire + 8) != NBD_OPTION_MAGIC || nbd_get16(wire + 16) != 3)
		return false;
	nbd_put32(wire, flags);
	return push(fd, wire, 4);
}

static int dial_and_greet(void)
{
	int fd = dial();

	if (fd >= 0 && !greet(fd, 3)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* One reply to an option; its data is at buffer. 0 if there is none. */
static uint32_t option_reply(int fd, uint32_t option)
{
	uint8_t wire[20];
	uint32_t length;

	if (!pull(fd, wire, sizeof(wire)) || nbd_get64(wire) != NBD_REPLY_MAGIC ||
	    nbd_get32(wire + 8) != option)
		return 0;
	length = nbd_get32(wire + 16);
	if (length > MIB || !pull(fd, buffer, length))
		return 0;
	return nbd_get32(wire + 12);
}

/* Return: a connection in the transmission phase, or -1. */
static int enter(void)
{
	int fd = dial_and_greet();
	uint8_t wire[700];
	uint32_t type;

	if (fd < 0)
		return -1;
	push(fd, wire, pack_go(wire, NBD_OPT_GO, export_name));
	while ((type = option_reply(fd, NBD_OPT_GO)) == NBD_REP_INFO)
		if (nbd_get16(buffer) == NBD_INFO_EXPORT) {
			export_bytes = nbd_get64(buffer + 2);
			export_flags = nbd_get16(buffer + 10);
		}
	if (type != NBD_REP_ACK) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- transmission ---- */

static void pack_request(uint8_t *wire, uint16_t flags, uint16_t type,
			 uint64_t cookie, uint64_t offset, uint32_t length)
{
	nbd_put32(wire, NBD_REQUEST_MAGIC);
	nbd_put16(wire + 4, flags);
	nbd_put16(wire + 6, type);
	nbd_put64(wire + 8, cookie);
	nbd_put64(wire + 16, offset);
	nbd_put32(wire + 24, length);
}

static bool ask(int fd, uint16_t flags, uint16_t type, uint64_t cookie,
		uint64_t offset, uint32_t length)
{
	uint8_t wire[NBD_REQUEST_SIZE];

	pack_request(wire, flags, type, cookie, offset, length);
	return push(fd, wire, sizeof(wire));
}

/* The error of the next reply, which must be of @cookie; -1 for no reply. */
static int answer(int fd, uint64_t cookie)
{
	uint8_t wire[NBD_SIMPLE_REPLY_SIZE];

	if (!pull(fd, wire, sizeof(wire)) ||
	    nbd_get32(wire) != NBD_SIMPLE_REPLY_MAGIC ||
	    nbd_get64(wire + 8) != cookie)
		return -1;
	return (int)nbd_get32(wire + 4);
}

static bool transfer(int fd, uint16_t type, uint64_t offset, void *data,
		     uint32_t length)
{
	uint64_t cookie = random64();

	if (!ask(fd, 0, type, cookie, offset, length))
		return false;
	if (type == NBD_CMD_WRITE && !push(fd, data, length))
		return false;
	if (answer(fd, cookie))
		return false;
	return type != NBD_CMD_READ || pull(fd, data, length);
}

static void say_goodbye(int fd)
{
	ask(fd, 0, NBD_CMD_DISC, 0, 0, 0);
	close(fd);
}

/* Does the server still serve a newcomer? */
static void check_alive(const char *after)
{
	int fd = enter();

	ok(fd >= 0 && transfer(fd, NBD_CMD_READ, 4095, buffer, 8193),
	   "after %s the server still answers", after);
	if (fd >= 0)
		say_goodbye(fd);
}

/* ---- the good client ---- */

static volatile sig_atomic_t is_told_to_stop;

static void tell(int signo)
{
	(void)signo;
	is_told_to_stop = 1;
}

/* Exit status 0 if all was answered, and what was read is what was written. */
static void be_good(unsigned int number)
{
	uint64_t span = export_bytes / 4, base = (2 + number) * span;
	static uint8_t want[MIB + 1], got[MIB + 1];
	unsigned int rounds = 0;
	int fd = enter();

	signal(SIGTERM, tell);
	seed += (uint64_t)getpid();
	while (fd >= 0 && !is_told_to_stop) {
		uint32_t length = 1 + (uint32_t)(random64() % MIB);
		uint64_t offset = base + random64() % (span - length);

		for (uint32_t i = 0; i + 8 <= length; i += 8) {
			uint64_t v = random64();

			memcpy(want + i, &v, 8);
		}
		if (!transfer(fd, NBD_CMD_WRITE, offset, want, length) ||
		    !transfer(fd, NBD_CMD_READ, offset, got, length))
			_exit(1);
		if (memcmp(want, got, length))
			_exit(4);
		if (++rounds % 64 == 0) {
			say_goodbye(fd);
			fd = enter();
		}
	}
	_exit(fd < 0 ? 2 : rounds < 10 ? 3 : 0);
}

static pid_t start_good_client(unsigned int number)
{
	pid_t pid = fork();

	if (pid == 0)
		be_good(number);
	return pid;
}

static void stop_good_client(pid_t pid, unsigned int number)
{
	int status = -1;

	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	is(status, 0, "good client %u verified all its data all the time", number);
}

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

/* ---- those who take the server's resources ---- */

static void idle_crowd(void)
{
	int fds[60];

	for (unsigned int i = 0; i < 60; i++) {
		fds[i] = i % 2 ? enter() : dial();
		/* Half a header, half a payload. */
		pack_request(buffer, 0, NBD_CMD_WRITE, 1, 0, MIB);
		if (i % 4 == 1)
			push(fds[i], buffer, 13);
		if (i % 4 == 3)
			push(fds[i], buffer, MIB / 2);
	}
	check_alive("a crowd that waits in mid-sentence came (it is still there)");
	for (unsigned int i = 0; i < 60; i++)
		slam(fds[i]);
	check_alive("the crowd left");
}

static int start_glutton(void)
{
	int fd = enter();
	int small = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (unsigned int i = 0; i < 100; i++)
		ask(fd, 0, NBD_CMD_READ, i, 0, 4 * MIB);
	return fd;
}

/* The server closes when the time is over, and not much before or after. */
static void is_cut(int fd, unsigned int seconds, const char *whom)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	time_t start = time(NULL);
	uint8_t greeting[NBD_GREETING_SIZE];
	long took;

	/* Whoever does not begin is greeted first. */
	while (poll(&p, 1, (int)(seconds + 5) * 1000) > 0 &&
	       recv(fd, greeting, sizeof(greeting), 0) > 0)
		;
	took = (long)(time(NULL) - start);
	ok(took + 2 >= (long)seconds && took <= (long)seconds + 4,
	   "%s is cut off after %u s (%ld)", whom, seconds, took);
	slam(fd);
}

/* Not a byte was read for so long that the server gave up. */
static void is_starved(int fd, unsigned int seconds)
{
	uint64_t got = 0;
	ssize_t n;

	sleep(seconds + 3);
	while ((n = recv(fd, buffer, MIB, 0)) > 0)
		got += (uint64_t)n;
	ok(got < 100ULL * 4 * MIB && (n == 0 || errno == ECONNRESET),
	   "a client that does not take its replies is cut off after %u s",
	   seconds);
	slam(fd);
}

static void gluttons(unsigned int stall_seconds)
{
	int fd[4];

	for (unsigned int i = 0; i < 4; i++)
		fd[i] = start_glutton();
	check_alive("clients came that do not take their replies (still there)");
	for (unsigned int i = 1; i < 4; i++)
		slam(fd[i]);
	if (stall_seconds)
		is_starved(fd[0], stall_seconds);
	else
		slam(fd[0]);
	check_alive("these left");
}

static void dawdlers(unsigned int stall_seconds, unsigned int handshake_seconds)
{
	if (handshake_seconds)
		is_cut(dial(), handshake_seconds, "a client that does not begin");
	if (stall_seconds) {
		int fd = enter();

		ask(fd, 0, NBD_CMD_WRITE, 1, 0, MIB);
		push(fd, buffer, 1000);
		is_cut(fd, stall_seconds, "a client whose payload does not come");
	}
}

/*
 * All of the memory, by requests of the greatest length that do not move. As
 * many WRITEs as fit, and one that waits: more would wait for their turn to be
 * cut off, one after the other.
 */
static void hogs(void)
{
	enum { N = 17, N_WRITES = 4 };
	int fds[N];

	for (unsigned int i = 0; i < N; i++) {
		fds[i] = enter();
		for (uint64_t j = 0; j < 4; j++)
			ask(fds[i], 0, NBD_CMD_READ, j, j, LONGEST);
	}
	check_alive("READs came that take all memory (still there)");
	for (unsigned int i = 0; i < N; i++)
		slam(fds[i]);
	for (unsigned int i = 0; i < N_WRITES; i++) {
		fds[i] = enter();
		ask(fds[i], 0, NBD_CMD_WRITE, i, 0, LONGEST);
		push(fds[i], buffer, MIB);
	}
	/* The good clients' WRITEs are what has to go on. */
	usleep(PATIENCE_MS * 1000);
	check_alive("WRITEs came that take all memory (still there)");
	for (unsigned int i = 0; i < N_WRITES; i++)
		slam(fds[i]);
}

static void everything(unsigned int stall, unsigned int handshake)
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
	idle_crowd();
	gluttons(stall);
	dawdlers(stall, handshake);
}

int main(int argc, char **argv)
{
	unsigned int stall = argc > 4 ? (unsigned int)atoi(argv[4]) : 0;
	unsigned int handshake = argc > 5 ? (unsigned int)atoi(argv[5]) : 0;
	pid_t good[2];
	int fd;

	if (argc < 3)
		return 2;
	host = argv[1];
	port = argv[2];
	if (argc > 3)
		export_name = argv[3];
	signal(SIGPIPE, SIG_IGN);
	buffer = calloc(1, LONGEST + 2 * MIB);
	fd = enter();
	if (!ok(fd >= 0 && export_bytes >= EXPORT_LEAST && !(export_flags & NBD_FLAG_READ_ONLY),
		"the export is there, big enough and writable"))
		return done_testing();
	say_goodbye(fd);
	good[0] = start_good_client(0);
	good[1] = start_good_client(1);
	if (argc > 4 && !strcmp(argv[4], "hogs"))
		hogs();
	else
		everything(stall, handshake);
	stop_good_client(good[0], 0);
	stop_good_client(good[1], 1);
	return done_testing();
}
