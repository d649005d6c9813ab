// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "handoff.h"

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

int handoff_open(int ends[2])
{
	int ret = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);

	return ret ? -errno : 0;
}

/* Bytes of the structure of a type; 0 for a type that is not known. */
static uint32_t size_of(uint32_t type)
{
	switch (type) {
	case HANDOFF_READY:
		return sizeof(struct handoff_ready);
	case HANDOFF_CONN:
		return sizeof(struct handoff_conn);
	case HANDOFF_BYTES:
	case HANDOFF_REFUSED:
		return sizeof(struct handoff_head);
	case HANDOFF_END:
	case HANDOFF_TAKEN:
		return sizeof(struct handoff_count);
	default:
		return 0;
	}
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

int handoff_send(int fd, union handoff_any *any, const void *more, size_t n_more, int passed)
{
	struct iovec part[2] = {
		{ .iov_base = any, .iov_len = size_of(any->head.type) },
		{ .iov_base = (void *)more, .iov_len = n_more },
	};
	struct msghdr h = { .msg_iov = part, .msg_iovlen = 2 };
	union passage p = { .bytes = { 0 } };

	any->head.size = size_of(any->head.type);
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

/*
 * Take a message of @n bytes apart. A structure of a newer version has a tail that this code does
 * not know, and one of an older version lacks one.
 */
static int unpack(struct handoff_message *m, const uint8_t *raw, size_t n)
{
	struct handoff_head head;
	uint32_t known;

	if (n < sizeof(head))
		return -EPROTO;
	memcpy(&head, raw, sizeof(head));
	known = size_of(head.type);
	if (!known || head.size < sizeof(head) || head.size > n ||
	    n - head.size > sizeof(m->more))
		return -EPROTO;
	memset(&m->any, 0, sizeof(m->any));
	memcpy(&m->any, raw, head.size < known ? head.size : known);
	m->n_more = n - head.size;
	memcpy(m->more, raw + head.size, m->n_more);
	return 0;
}

int handoff_receive(int fd, struct handoff_message *m)
{
	static uint8_t raw[2 * HANDOFF_PART_MAX];
	struct iovec part = { .iov_base = raw, .iov_len = sizeof(raw) };
	union passage p = { .bytes = { 0 } };
	/* The bytes that only align the end would have room for a second descriptor. */
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = p.bytes,
			    .msg_controllen = CMSG_LEN(sizeof(int)) };
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int ret;

	if (n <= 0)
		return n ? -errno : -EPIPE;
	m->passed = take_passed(&h);
	ret = h.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : unpack(m, raw, (size_t)n);
	if (ret && m->passed >= 0) {
		close(m->passed);
		m->passed = -1;
	}
	return ret;
}

int handoff_await(int fd, struct handoff_message *m, int timeout_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int ret = poll(&ready, 1, timeout_ms);

	if (ret <= 0)
		return ret ? -errno : -ETIMEDOUT;
	return handoff_receive(fd, m);
}
