// SPDX-License-Identifier: MIT
/*
 * Goal: a client gets every reply that is due, whichever way it ends, and also if it sends on: a
 * socket that is closed with unread bytes would take replies back.
 * Method: in each case the client ends, and only then reads, slowly, so that the last replies are
 * still in the server's socket when the server has nothing more to do. Afterwards the client sees
 * an end, not a reset.
 *
 *	nbd-farewell HOST PORT EXPORT
 *
 * The export must be writable and have 16 MiB or more. TAP goes to stdout.
 */
#include "nbd-client.h"

#define READS		32U
#define READ_BYTES	(32U << 10)
#define JUNK_BYTES	(256U << 10)

static uint8_t junk[JUNK_BYTES];

static int ask_much(void)
{
	int fd = enter();

	int window = 64 << 10;

	if (fd < 0)
		bail("cannot connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
	for (uint32_t i = 0; i < READS; i++)
		ask(fd, 0, NBD_CMD_READ, i, (uint64_t)i * READ_BYTES, READ_BYTES);
	return fd;
}

/* How many whole replies without an error come? They come in any order. */
static unsigned int replies(int fd)
{
	uint8_t wire[NBD_SIMPLE_REPLY_SIZE];
	unsigned int n = 0;

	usleep(300000);
	while (n < READS && pull(fd, wire, sizeof(wire)) && !nbd_get32(wire + 4) &&
	       pull(fd, buffer, READ_BYTES))
		n++;
	return n;
}

static void check_end(int fd, const char *who)
{
	uint8_t byte;

	is(replies(fd), READS, "a client that %s gets all replies", who);
	is(recv(fd, &byte, 1, 0), 0, "a client that %s sees an end and no reset", who);
	close(fd);
}

static void test_disc(bool sends_junk)
{
	int fd = ask_much();

	ask(fd, 0, NBD_CMD_DISC, 0, 0, 0);
	if (sends_junk)
		push(fd, junk, sizeof(junk));
	check_end(fd, sends_junk ? "sends DISC and then other bytes" :
		  "sends DISC and stays connected");
}

static void test_shutdown(void)
{
	int fd = ask_much();

	shutdown(fd, SHUT_WR);
	check_end(fd, "shuts its side down");
}

static void test_half_a_header(void)
{
	int fd = ask_much();

	push(fd, junk, 11);
	shutdown(fd, SHUT_WR);
	check_end(fd, "shuts its side down within a header");
}

static void test_half_a_payload(uint32_t length, const char *who)
{
	int fd = ask_much();

	ask(fd, 0, NBD_CMD_WRITE, 99, 0, length);
	push(fd, junk, 1000);
	shutdown(fd, SHUT_WR);
	check_end(fd, who);
}

static void test_no_request(void)
{
	int fd = ask_much();

	push(fd, junk, sizeof(junk));
	check_end(fd, "sends what is no request");
}

/* The option that follows ABORT is never looked at. */
static void test_abort(void)
{
	int fd = dial_and_greet();
	uint8_t wire[16];
	size_t n = pack_option(wire, NBD_OPT_LIST, NULL, 0);

	push(fd, wire, n);
	push(fd, wire, pack_option(wire, NBD_OPT_ABORT, NULL, 0));
	push(fd, junk, sizeof(junk));
	usleep(100000);
	while (option_reply(fd, NBD_OPT_LIST) == NBD_REP_SERVER)
		;
	is(option_reply(fd, NBD_OPT_ABORT), NBD_REP_ACK,
	   "a client that sends ABORT and then other bytes gets the reply");
	is(recv(fd, wire, 1, 0), 0, "a client that sends ABORT and other bytes sees an end");
	close(fd);
}

/* An option without its magic number cannot be answered, but the one before was. */
static void test_bad_option(void)
{
	int fd = dial_and_greet();
	uint8_t wire[16];

	push(fd, wire, pack_option(wire, NBD_OPT_LIST, NULL, 0));
	push(fd, junk, sizeof(junk));
	usleep(100000);
	while (option_reply(fd, NBD_OPT_LIST) == NBD_REP_SERVER)
		;
	is(recv(fd, wire, 1, 0), 0,
	   "a client that sends LIST and then no option gets the list and an end");
	close(fd);
}

/* A client that sends for ever is not drained for ever. */
static void test_endless(void)
{
	int fd = enter();
	unsigned int n = 0;

	ask(fd, 0, NBD_CMD_DISC, 0, 0, 0);
	while (n < 1000 && push(fd, junk, sizeof(junk)))
		n++;
	ok(n < 1000, "a client that sends on for ever after DISC is cut");
	close(fd);
}

/* Its place is free again in a bounded time, although it does not close. */
static void test_silent(void)
{
	struct timeval tv = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = enter();
	bool is_open = true;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	ask(fd, 0, NBD_CMD_DISC, 0, 0, 0);
	for (int i = 0; i < PATIENCE_MS / 100 && is_open; i++) {
		usleep(100000);
		/* The kernel answers bytes for a socket that is closed with a reset. */
		is_open = send(fd, junk, 1, MSG_NOSIGNAL) == 1;
	}
	ok(!is_open, "a client that sends DISC and does not close is closed");
	close(fd);
}

int main(int argc, char **argv)
{
	take_arguments(argc, argv);
	buffer = malloc(LONGEST);
	memset(junk, 'j', sizeof(junk));
	test_disc(false);
	test_disc(true);
	test_shutdown();
	test_half_a_header();
	test_half_a_payload(1 << 20, "shuts its side down within a payload");
	test_half_a_payload(UINT32_MAX, "shuts its side down within a payload that is refused");
	test_no_request();
	test_abort();
	test_bad_option();
	test_endless();
	test_silent();
	check_alive("after all farewells");
	return done_testing();
}
