// SPDX-License-Identifier: MIT
/*
 * Goal: a client that keeps connections, buffers or time of the server stops neither the server
 * nor another client.
 * Method: crowds of such clients come, stay and leave beside good clients; the server has to serve
 * a new client meanwhile and afterwards.
 *
 *	nbd-greedy HOST PORT EXPORT [STALL_SECONDS HANDSHAKE_SECONDS]
 *	nbd-greedy HOST PORT EXPORT hogs
 *
 * If the two timeouts of the server are given, the program checks that the server keeps them. The
 * hogs take all of the server's memory; it has to get it back within 20 s. The export is used as by
 * nbd-hostile. TAP goes to stdout.
 */
#include <poll.h>
#include <time.h>

#include "nbd-beside.h"

static unsigned int stall_seconds, handshake_seconds;

static void idle_crowd(void)
{
	int fds[60];

	for (unsigned int i = 0; i < 60; i++) {
		fds[i] = i % 2 ? enter() : dial();
		/* Some clients send half a header, others half a payload. */
		pack_request(buffer, 0, NBD_CMD_WRITE, 1, 0, MIB);
		if (i % 4 == 1)
			push(fds[i], buffer, 13);
		if (i % 4 == 3)
			push(fds[i], buffer, MIB / 2);
	}
	check_alive("while 60 clients stay in the middle of a handshake, header or payload");
	for (unsigned int i = 0; i < 60; i++)
		slam(fds[i]);
	check_alive("after 60 clients left in the middle of a handshake, header or payload");
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

/* Check that the server closes the connection after @seconds, not much sooner or later. */
static void is_cut(int fd, unsigned int seconds, const char *whom)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	time_t start = time(NULL);
	uint8_t greeting[NBD_GREETING_SIZE];
	long took;

	/* The server greets a client that does not begin; skip the greeting. */
	while (poll(&p, 1, (int)(seconds + 5) * 1000) > 0 &&
	       recv(fd, greeting, sizeof(greeting), 0) > 0)
		;
	took = (long)(time(NULL) - start);
	ok(took + 2 >= (long)seconds && took <= (long)seconds + 4,
	   "the server cuts off %s after %u s (%ld)", whom, seconds, took);
	slam(fd);
}

/* Read nothing until the server has closed the connection. */
static void is_starved(int fd, unsigned int seconds)
{
	uint64_t got = 0;
	ssize_t n;

	sleep(seconds + 3);
	while ((n = recv(fd, buffer, MIB, 0)) > 0)
		got += (uint64_t)n;
	ok(got < 100ULL * 4 * MIB && (n == 0 || errno == ECONNRESET),
	   "the server cuts off a client that does not take its replies after %u s",
	   seconds);
	slam(fd);
}

static void gluttons(void)
{
	int fd[4];

	for (unsigned int i = 0; i < 4; i++)
		fd[i] = start_glutton();
	check_alive("while clients stay that do not take their replies");
	for (unsigned int i = 1; i < 4; i++)
		slam(fd[i]);
	if (stall_seconds)
		is_starved(fd[0], stall_seconds);
	else
		slam(fd[0]);
	check_alive("after clients left that did not take their replies");
}

static void dawdlers(void)
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
 * Take all of the memory by requests of the greatest length that do not move. There are as many
 * WRITEs as fit, and one that waits: if more waited, the server would cut them off one after the
 * other, which takes too long.
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
	check_alive("while READs take all memory");
	/* The READs of the good clients have to continue. */
	usleep(PATIENCE_MS * 1000);
	check_alive("after READs took all memory for 20 s");
	for (unsigned int i = 0; i < N; i++)
		slam(fds[i]);
	for (unsigned int i = 0; i < N_WRITES; i++) {
		fds[i] = enter();
		ask(fds[i], 0, NBD_CMD_WRITE, i, 0, LONGEST);
		push(fds[i], buffer, MIB);
	}
	/* The WRITEs of the good clients have to continue. */
	usleep(PATIENCE_MS * 1000);
	check_alive("while WRITEs take all memory");
	for (unsigned int i = 0; i < N_WRITES; i++)
		slam(fds[i]);
}

static void everything(void)
{
	idle_crowd();
	gluttons();
	dawdlers();
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[4], "hogs"))
		return run_beside_good_clients(argc, argv, hogs);
	if (argc > 5) {
		stall_seconds = (unsigned int)atoi(argv[4]);
		handshake_seconds = (unsigned int)atoi(argv[5]);
	}
	return run_beside_good_clients(argc, argv, everything);
}
