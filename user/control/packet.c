// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor. */
union passage {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int packet_open(int ends[2])
{
	int ret = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);

	return ret ? -errno : 0;
}

static void attach(struct msghdr *h, union passage *p, int fd)
{
	h->msg_control = p->bytes;
	h->msg_controllen = sizeof(p->bytes);
	p->head.cmsg_level = SOL_SOCKET;
	p->head.cmsg_type = SCM_RIGHTS;
	p->head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&p->head), &fd, sizeof(fd));
}

int packet_send(int fd, struct iovec *part, size_t n, int passed)
{
	struct msghdr h = { .msg_iov = part, .msg_iovlen = n };
	union passage p = { .bytes = { 0 } };

	if (passed >= 0)
		attach(&h, &p, passed);
	if (sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	/* The kernel bounds how many descriptors are under way, too, and may be short of memory. */
	return errno == ETOOMANYREFS || errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : -errno;
}

/* There is room for one, and the kernel closes the others. Return: the descriptor, or -1. */
static int take_passed(struct msghdr *h)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(h);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

ssize_t packet_receive(int fd, void *to, size_t room, int *passed)
{
	struct iovec part = { .iov_base = to, .iov_len = room };
	union passage p = { .bytes = { 0 } };
	/* The bytes that only align the end would have room for a second descriptor. */
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = p.bytes,
			    .msg_controllen = CMSG_LEN(sizeof(int)) };
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*passed = -1;
	if (n < 0)
		return -errno;
	*passed = take_passed(&h);
	if (n && !(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return n;
	/* A packet without bytes looks like the end, but may have a descriptor. */
	if (*passed >= 0)
		close(*passed);
	*passed = -1;
	return n ? -EPROTO : -EPIPE;
}

int packet_await(int fd, int timeout_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int ret = poll(&ready, 1, timeout_ms);

	if (ret <= 0)
		return ret ? -errno : -ETIMEDOUT;
	return 0;
}
