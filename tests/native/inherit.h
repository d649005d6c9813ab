/* SPDX-License-Identifier: MIT */
/*
 * The descriptors that a process of arenad's inherits, for rigs that start one of them in arenad's
 * place: channels, the control socket and the layout.
 */
#ifndef TESTS_NATIVE_INHERIT_H
#define TESTS_NATIVE_INHERIT_H

#include <arena/channel.h>
#include <arena/layout.h>
#include <control/socket.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* The mailboxes of a channel, and which pairing of its processes is the last one. */
struct inherit_pair {
	struct arena_channel_mailbox np;
	struct arena_channel_mailbox sp;
	uint32_t epoch;
};

static inline int inherit_make(struct inherit_pair *p, enum arena_channel_transport transport,
			       uint32_t entries)
{
	int ret = arena_channel_make_mailbox(transport, entries, &p->np);

	return ret ? ret : arena_channel_make_mailbox(transport, entries, &p->sp);
}

static inline struct arena_channel_end inherit_np(const struct inherit_pair *p)
{
	return (struct arena_channel_end){ .own = p->np, .peer = p->sp.ring };
}

static inline struct arena_channel_end inherit_sp(const struct inherit_pair *p)
{
	return (struct arena_channel_end){ .own = p->sp, .peer = p->np.ring };
}

static inline int inherit_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* In the process that is about to execute a program: let it have a descriptor. */
static inline int inherit_pass(int fd)
{
	fcntl(fd, F_SETFD, 0);
	return fd;
}

/* The same for a channel; @text is filled with the value of the option that names it. */
static inline void inherit_pass_end(struct arena_channel_end end, const char *name, char text[64])
{
	snprintf(text, 64, "%s%d,%d,%d", name, inherit_pass(end.own.ring),
		 inherit_pass(end.own.memory), inherit_pass(end.peer));
}

/* Tell a process by its control socket who its peer is. */
static inline int inherit_tell(int control, uint32_t role, uint32_t epoch, pid_t peer)
{
	const struct control_message m = { .type = CONTROL_PEER, .role = role, .epoch = epoch };
	int fd = inherit_pidfd(peer), ret;

	ret = control_socket_send(control, &m, fd);
	close(fd);
	return ret;
}

#endif /* TESTS_NATIVE_INHERIT_H */
