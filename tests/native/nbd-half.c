// SPDX-License-Identifier: MIT
/*
 * A client that ends its sending side behind a write, and waits for the reply.
 *
 *	nbd-half HOST PORT EXPORT BLOCK LETTER
 *
 * It prints "ready" when it is connected, waits for a line, fills the block of 4096 bytes, and
 * prints "sent". When the reply has come it prints "error N", with -1 if none has come.
 */
#include "nbd-client.h"

#define BLOCK	4096U

static void say(const char *what, int error)
{
	printf(what, error);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static uint8_t wire[NBD_REQUEST_SIZE + BLOCK];
	int fd;

	if (argc != 6)
		bail("usage: %s HOST PORT EXPORT BLOCK LETTER", argv[0]);
	take_arguments(4, argv);
	buffer = malloc(LONGEST + 2 * MIB);
	fd = enter();
	if (fd < 0)
		bail("cannot connect");
	say("ready\n", 0);
	getchar();
	pack_request(wire, 0, NBD_CMD_WRITE, 1, (uint64_t)atoi(argv[4]) * BLOCK, BLOCK);
	memset(wire + NBD_REQUEST_SIZE, argv[5][0], BLOCK);
	if (!push(fd, wire, sizeof(wire)) || shutdown(fd, SHUT_WR))
		bail("cannot send");
	say("sent\n", 0);
	say("error %d\n", answer(fd, 1));
	return 0;
}
