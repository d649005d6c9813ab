// SPDX-License-Identifier: MIT
/*
 * A client that asks for much and reads nothing: its replies stay in the server's socket.
 *
 *	nbd-unread HOST PORT EXPORT
 *
 * It prints "asked", and goes on until its input ends. Then it reads, and prints "reset" if the
 * connection was reset, or "end" if it has ended or nothing comes.
 */
#include "nbd-client.h"

#define READS		8U
#define READ_BYTES	(2U << 20)

static const char *outcome(int fd)
{
	struct timeval tv = { .tv_sec = 5 };
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	while ((n = recv(fd, buffer, LONGEST, 0)) > 0)
		;
	return n < 0 && errno == ECONNRESET ? "reset" : "end";
}

int main(int argc, char **argv)
{
	char byte;
	int fd;

	take_arguments(argc, argv);
	buffer = malloc(LONGEST);
	fd = enter();
	if (fd < 0)
		bail("cannot connect");
	for (uint32_t i = 0; i < READS; i++)
		ask(fd, 0, NBD_CMD_READ, i, (uint64_t)i * READ_BYTES, READ_BYTES);
	/* So much has been answered that the socket is full. */
	sleep(1);
	printf("asked\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	printf("%s\n", outcome(fd));
	return 0;
}
