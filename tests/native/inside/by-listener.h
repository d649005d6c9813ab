/* SPDX-License-Identifier: MIT */
/*
 * Attempts on the sockets that a network process has anyhow: to end those on which it listens
 * together with the others, or to keep clients away from all who listen, and to reach something by
 * its connections. A storage process has none. This header must not know of the region.
 */
#ifndef INSIDE_BY_LISTENER_H
#define INSIDE_BY_LISTENER_H

#include <linux/filter.h>
#include <netinet/tcp.h>

#include "by-ring.h"

static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

/* A connection as that of a client, so that no client is harmed where an attempt succeeds. */
static int own_connection = -1;

/* Before the sandbox, as clients come when there is one. The other end is never used. */
static void by_listener_begin(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in here = loopback();
	socklen_t length = sizeof(here);

	here.sin_port = 0;
	own_connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&here, &length) ||
	    connect(own_connection, (struct sockaddr *)&here, length) ||
	    accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0)
		abort();
	close(listener);
}

static bool listens(int fd)
{
	socklen_t length = sizeof(int);
	int value = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) && value;
}

static int find_listener(void)
{
	for (int fd = STDERR_FILENO + 1; fd < FDS; fd++)
		if (listens(fd))
			return fd;
	return -1;
}

/* Return: 0 if no client comes any more, which is what the attempt was to achieve. */
static int is_over(int fd)
{
	return listens(fd) ? -EALREADY : 0;
}

static int end_listener(void)
{
	return call(raw(SYS_shutdown, find_listener(), SHUT_RD));
}

/* The process may do that, and it harms no socket that listens. */
static int end_sending_of_listener(void)
{
	int fd = find_listener();

	if (raw(SYS_shutdown, fd, SHUT_WR))
		return -errno;
	return is_over(fd);
}

static int listen_for_nobody(void)
{
	return call(raw(SYS_listen, find_listener(), 0));
}

static int filter_listener(void)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = { .len = 1, .filter = &nothing };
	int fd = find_listener(), none = 0;
	int ret = call(raw(SYS_setsockopt, fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			   sizeof(program)));

	if (!ret)
		raw(SYS_setsockopt, fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
	return ret;
}

static int defer_clients(void)
{
	int fd = find_listener(), seconds = 3600, never = 0;
	int ret = call(raw(SYS_setsockopt, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
			   sizeof(seconds)));

	if (!ret)
		raw(SYS_setsockopt, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &never, sizeof(never));
	return ret;
}

static void fill_shutdown(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_shutdown(sqe, fd, SHUT_RD);
}

static int ring_end_listener(void)
{
	return by_ring(fill_shutdown, find_listener());
}

static void fill_disconnect(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_connect(sqe, fd, &nobody, sizeof(nobody));
}

/* A socket that is connected to nothing can be connected elsewhere. */
static int ring_disconnect(void)
{
	return by_ring(fill_disconnect, find_listener());
}

static int disconnect(int fd)
{
	return call(raw(SYS_connect, fd, &nobody, sizeof(nobody)));
}

static int disconnect_listener(void)
{
	return disconnect(find_listener());
}

static int disconnect_own(void)
{
	return disconnect(own_connection);
}

/* The address is one that somebody listens at. */
static int connect_elsewhere(void)
{
	struct sockaddr_storage to;
	socklen_t length = sizeof(to);
	int ret = disconnect_own();

	if (!ret)
		ret = call(getsockname(find_listener(), (struct sockaddr *)&to, &length));
	if (!ret)
		ret = call(raw(SYS_connect, own_connection, &to, length));
	return ret;
}

static int open_fast(void)
{
	struct sockaddr_in to = loopback();

	return call(raw(SYS_sendto, find_listener(), "x", 1, MSG_FASTOPEN | MSG_DONTWAIT, &to,
			sizeof(to)));
}

#endif /* INSIDE_BY_LISTENER_H */
