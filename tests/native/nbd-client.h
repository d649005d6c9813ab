/* SPDX-License-Identifier: MIT */
/*
 * An NBD client for tests: each step of the protocol is a call of its own, so that a test can leave
 * a step out or do it wrong. A program talks to one server.
 */
#ifndef TESTS_NATIVE_NBD_CLIENT_H
#define TESTS_NATIVE_NBD_CLIENT_H

#include <np/nbd/wire.h>
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tap.h"

#define MIB		(1U << 20)
#define LONGEST		(32 * MIB)
#define PATIENCE_MS	20000

static const char *host, *port, *export_name = "";
static uint64_t export_bytes;
static uint16_t export_flags;
static uint8_t *buffer;		/* LONGEST + 2 MiB of scratch space */
static uint64_t seed = 88172645463325252ULL;

static inline void take_arguments(int argc, char **argv)
{
	if (argc != 4)
		bail("usage: %s HOST PORT EXPORT", argv[0]);
	host = argv[1];
	port = argv[2];
	export_name = argv[3];
}

static inline uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static inline int dial_unix(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&un, sizeof(un))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static inline int dial_tcp(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
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
	return fd;
}

/* The host "unix" stands for a UNIX socket, whose path is in the place of the port. */
static inline int dial(void)
{
	struct timeval tv = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = strcmp(host, "unix") ? dial_tcp() : dial_unix(port);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	}
	return fd;
}

/* Close the connection with a reset. */
static inline void slam(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

static inline bool push(int fd, const void *data, size_t n)
{
	while (n) {
		ssize_t did = send(fd, data, n, MSG_NOSIGNAL);

		/* On a socket with a timeout the kernel does not restart calls after a signal. */
		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return false;
		data = (const char *)data + did;
		n -= (size_t)did;
	}
	return true;
}

static inline bool pull(int fd, void *data, size_t n)
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

/* Wait until the server closes, and ignore what it sends before. Return: false at a timeout. */
static inline bool is_closed(int fd)
{
	ssize_t n;

	do
		n = recv(fd, buffer, MIB, 0);
	while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

/* ---- handshake ---- */

static inline size_t pack_option(uint8_t *wire, uint32_t option, const void *data,
				 uint32_t length)
{
	nbd_put64(wire, NBD_OPTION_MAGIC);
	nbd_put32(wire + 8, option);
	nbd_put32(wire + 12, length);
	if (data)
		memcpy(wire + 16, data, length);
	return 16 + length;
}

static inline size_t pack_go(uint8_t *wire, uint32_t option, const char *name)
{
	uint32_t n = (uint32_t)strlen(name);
	uint8_t data[600];

	nbd_put32(data, n);
	memcpy(data + 4, name, n);
	nbd_put16(data + 4 + n, 1);
	nbd_put16(data + 6 + n, NBD_INFO_BLOCK_SIZE);
	return pack_option(wire, option, data, 8 + n);
}

static inline bool greet(int fd, uint32_t flags)
{
	uint8_t wire[NBD_GREETING_SIZE];

	if (!pull(fd, wire, sizeof(wire)) || nbd_get64(wire) != NBD_MAGIC ||
	    nbd_get64(wire + 8) != NBD_OPTION_MAGIC || nbd_get16(wire + 16) != 3)
		return false;
	nbd_put32(wire, flags);
	return push(fd, wire, 4);
}

static inline int dial_and_greet(void)
{
	int fd = dial();

	if (fd >= 0 && !greet(fd, 3)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Receive one reply to an option, with its data in buffer. Return: its type, 0 if none came. */
static inline uint32_t option_reply(int fd, uint32_t option)
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
static inline int enter(void)
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

static inline void pack_request(uint8_t *wire, uint16_t flags, uint16_t type,
				uint64_t cookie, uint64_t offset, uint32_t length)
{
	nbd_put32(wire, NBD_REQUEST_MAGIC);
	nbd_put16(wire + 4, flags);
	nbd_put16(wire + 6, type);
	nbd_put64(wire + 8, cookie);
	nbd_put64(wire + 16, offset);
	nbd_put32(wire + 24, length);
}

static inline bool ask(int fd, uint16_t flags, uint16_t type, uint64_t cookie,
		       uint64_t offset, uint32_t length)
{
	uint8_t wire[NBD_REQUEST_SIZE];

	pack_request(wire, flags, type, cookie, offset, length);
	return push(fd, wire, sizeof(wire));
}

/* Receive the reply with @cookie. Return: its error, or -1 if another one or none came. */
static inline int answer(int fd, uint64_t cookie)
{
	uint8_t wire[NBD_SIMPLE_REPLY_SIZE];

	if (!pull(fd, wire, sizeof(wire)) ||
	    nbd_get32(wire) != NBD_SIMPLE_REPLY_MAGIC ||
	    nbd_get64(wire + 8) != cookie)
		return -1;
	return (int)nbd_get32(wire + 4);
}

static inline bool transfer(int fd, uint16_t type, uint64_t offset, void *data,
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

static inline void say_goodbye(int fd)
{
	ask(fd, 0, NBD_CMD_DISC, 0, 0, 0);
	close(fd);
}

/* Check that the server serves a new client at this time. */
static inline void check_alive(const char *when)
{
	int fd = enter();

	ok(fd >= 0 && transfer(fd, NBD_CMD_READ, 4095, buffer, 8193),
	   "the server serves a new client %s", when);
	if (fd >= 0)
		say_goodbye(fd);
}

#endif /* TESTS_NATIVE_NBD_CLIENT_H */
