// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "control.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* For credentials and nothing else: the kernel drops descriptors that find no room. */
union control_space {
	char space[CMSG_SPACE(sizeof(struct ucred))];
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

int control_send(int socket, const void *body, size_t size)
{
	const struct ucred cred = { .pid = getpid(), .uid = getuid(), .gid = getgid() };
	struct iovec iov = { .iov_base = (void *)body, .iov_len = size };
	union control_space control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(cred));
	memcpy(CMSG_DATA(c), &cred, sizeof(cred));
	if (sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == ECONNRESET || errno == EPIPE ? control_why_left(socket) : -errno;
}

/* Descriptors that came with the packet show as MSG_CTRUNC. */
static int take_credentials(struct control_packet *p, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct ucred cred;

	if (msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EPROTO;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
		memcpy(&cred, CMSG_DATA(c), sizeof(cred));
		p->pid = cred.pid;
	}
	return 0;
}

int control_receive(int socket, struct control_packet *p)
{
	struct iovec iov = { .iov_base = &p->body, .iov_len = sizeof(p->body) };
	union control_space control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t got;
	int ret;

	*p = (struct control_packet){ 0 };
	got = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		/* Packets that came before it left are still to be read. */
		return errno == EINTR || errno == ECONNRESET ? -EAGAIN : -errno;
	if (!got)
		return -EOWNERDEAD;
	p->size = (size_t)got;
	ret = take_credentials(p, &msg);
	return !ret && is_last_word(&p->body.wire, p->size) ? -EPIPE : ret;
}
