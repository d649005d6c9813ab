/* SPDX-License-Identifier: MIT */
/*
 * Messages to arenad by the control socket, on which only arenad is to send. This header must not
 * know what arenad does with them.
 */
#ifndef INSIDE_TO_ARENAD_H
#define INSIDE_TO_ARENAD_H

#include <control/socket.h>

#include "region.h"

/* So many messages have a descriptor; the kernel bounds how many are under way. */
#define WITH_DESCRIPTOR	64

/* More than a socket has room for. */
#define MANY_MESSAGES	100000

static int control_fd = -1;

static void note_control(const char *option, const char *value)
{
	if (!strcmp(option, "--control-fd"))
		control_fd = atoi(value);
}

static void to_arenad_begin(void)
{
	look_at_options(note_control);
}

/* A message of so many bytes, with a descriptor or -1. */
static int send_control(struct control_message m, size_t size, int passed)
{
	struct iovec part = { .iov_base = &m, .iov_len = size };
	char room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *c = (struct cmsghdr *)room;

	if (passed >= 0) {
		h.msg_control = room;
		h.msg_controllen = sizeof(room);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(passed));
		memcpy(CMSG_DATA(c), &passed, sizeof(passed));
	}
	return call(raw(SYS_sendmsg, control_fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/*
 * Those that arenad itself sends, others, and parts of them, until there is no room for more.
 * Return: how many went.
 */
static int tell_arenad(void)
{
	struct control_message m = { .version = CONTROL_VERSION, .epoch = 1 };
	int n;

	for (n = 0; n < MANY_MESSAGES; n++) {
		m.type = (uint32_t)n % 8;
		m.role = (uint32_t)n % 4;
		if (send_control(m, n % 3 ? sizeof(m) : 3,
				 n < WITH_DESCRIPTOR ? STDERR_FILENO : -1))
			break;
	}
	return n;
}

#endif /* INSIDE_TO_ARENAD_H */
