// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "control.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control_space {
	char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int arena_channel_socketpair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) ? -errno : 0;
}

int control_prepare(int socket)
{
	const int on = 1;

	return setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) ? -errno : 0;
}

/* ---- BYE ---- */

static struct channel_wire last_word(void)
{
	const struct arena_msg msg = channel_msg(CHANNEL_MSG_BYE, 0);

	return channel_wire(&msg);
}

static bool is_last_word(const struct channel_wire *wire, size_t size)
{
	const struct channel_wire want = last_word();

	return size == sizeof(want) && !memcmp(wire, &want, sizeof(want));
}

void control_bye(int socket)
{
	const struct channel_wire wire = last_word();

	send(socket, &wire, sizeof(wire), MSG_DONTWAIT | MSG_NOSIGNAL);
	/* If another process has this end, too, the peer does not notice a mere close(2). */
	shutdown(socket, SHUT_RDWR);
}

/*
 * If the other end was closed while packets lay unread in it, the first read fails with
 * ECONNRESET. Later reads return what came before.
 */
static ssize_t receive_wire(int socket, struct channel_wire *wire)
{
	ssize_t got;

	do
		got = recv(socket, wire, sizeof(*wire), MSG_DONTWAIT | MSG_TRUNC);
	while (got < 0 && (errno == ECONNRESET || errno == EINTR));
	return got;
}

int control_find_bye(int socket, struct channel_state *state)
{
	struct channel_wire wire;
	ssize_t got = receive_wire(socket, &wire);

	if (got <= 0)
		return 0;
	if (!is_last_word(&wire, (size_t)got))
		return -EPROTO;
	state->end = CHANNEL_CLOSED;
	return 0;
}

/* ---- packets ---- */

static void add_control(struct msghdr *msg, int type, const void *data, size_t size)
{
	struct cmsghdr *c = (void *)((char *)msg->msg_control + msg->msg_controllen);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), data, size);
	msg->msg_controllen += CMSG_SPACE(size);
}

int control_why_left(int socket)
{
	struct channel_wire wire;
	ssize_t got;

	/* The packets of a handshake may come first. */
	for (int i = 0; i < 3; i++) {
		got = receive_wire(socket, &wire);
		if (got <= 0)
			break;
		if (is_last_word(&wire, (size_t)got))
			return -EPIPE;
	}
	return -EOWNERDEAD;
}

int control_send(int socket, const void *body, size_t size, int fd)
{
	const struct ucred cred = { .pid = getpid(), .uid = getuid(), .gid = getgid() };
	struct iovec iov = { .iov_base = (void *)body, .iov_len = size };
	union control_space control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };

	add_control(&msg, SCM_CREDENTIALS, &cred, sizeof(cred));
	if (fd >= 0)
		add_control(&msg, SCM_RIGHTS, &fd, sizeof(fd));
	if (sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == ECONNRESET || errno == EPIPE ? control_why_left(socket) : -errno;
}

/* Keep one descriptor and close all others: no packet has more than one. */
static int take_descriptors(struct control_packet *p, const struct cmsghdr *c)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int ret = 0;

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (p->fd < 0) {
			p->fd = fd;
			continue;
		}
		close(fd);
		ret = -EPROTO;
	}
	return ret;
}

static int take_control(struct control_packet *p, struct msghdr *msg)
{
	int ret = msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct ucred cred;

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS && take_descriptors(p, c))
			ret = -EPROTO;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			p->pid = cred.pid;
		}
	}
	return ret;
}

int control_receive(int socket, struct control_packet *p)
{
	struct iovec iov = { .iov_base = &p->body, .iov_len = sizeof(p->body) };
	union control_space control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t got;
	int ret;

	*p = (struct control_packet){ .fd = -1 };
	got = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		/* Packets that came before it left are still to be read. */
		return errno == EINTR || errno == ECONNRESET ? -EAGAIN : -errno;
	if (!got)
		return -EOWNERDEAD;
	p->size = (size_t)got;
	ret = take_control(p, &msg);
	return !ret && is_last_word(&p->body.wire, p->size) ? -EPIPE : ret;
}
