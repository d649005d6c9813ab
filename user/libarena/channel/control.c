// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How two processes with a common parent meet: over the socket that they
 * inherited. Each says what it can do (HELLO, with its credentials and
 * eventfd), tries what both can, and says what worked (READY). Both come to the
 * same result from these four messages.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "transport.h"

/**
 * struct link_packet - received
 * @body: what it says
 * @size: of @body
 * @pid: of the sender, 0 if the kernel does not say
 * @fd: that came with it, or -1
 */
struct link_packet {
	union {
		struct channel_hello hello;
		struct channel_ready ready;
	} body;
	size_t size;
	pid_t pid;
	int fd;
};

union control {
	char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int arena_channel_socketpair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) ? -errno : 0;
}

static void add_control(struct msghdr *msg, int type, const void *data, size_t size)
{
	struct cmsghdr *c = (void *)((char *)msg->msg_control + msg->msg_controllen);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), data, size);
	msg->msg_controllen += CMSG_SPACE(size);
}

static int send_packet(struct arena_channel *ch, const void *body, size_t size, int fd)
{
	const struct ucred cred = { .pid = getpid(), .uid = getuid(), .gid = getgid() };
	struct iovec iov = { .iov_base = (void *)body, .iov_len = size };
	union control control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };

	add_control(&msg, SCM_CREDENTIALS, &cred, sizeof(cred));
	if (fd >= 0)
		add_control(&msg, SCM_RIGHTS, &fd, sizeof(fd));
	if (sendmsg(ch->options.link, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

/* One descriptor is kept, more are closed: there is no message with more. */
static int take_descriptors(struct link_packet *p, const struct cmsghdr *c)
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

static int take_control(struct link_packet *p, struct msghdr *msg)
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

/* Whatever it returns, p->fd is the caller's. */
static int receive_packet(struct arena_channel *ch, struct link_packet *p, int64_t end)
{
	struct iovec iov = { .iov_base = &p->body, .iov_len = sizeof(p->body) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got;
	int ret;

	*p = (struct link_packet){ .fd = -1 };
	do {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		ret = channel_wait_for(ch, ch->options.link, end);
		if (ret)
			return ret;
		got = recvmsg(ch->options.link, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (got < 0 && (errno == EAGAIN || errno == EINTR));
	if (got < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (!got)
		return -EPIPE;
	p->size = (size_t)got;
	return take_control(p, &msg);
}

/* Is the descriptor one of "anon_inode:[NAME]"? */
static bool is_anonymous(int fd, const char *name)
{
	char path[64], target[64] = "", wanted[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(wanted, sizeof(wanted), "anon_inode:[%s]", name);
	return readlink(path, target, sizeof(target) - 1) > 0 && !strcmp(target, wanted);
}

static int check_hello(const struct arena_channel *ch, const struct link_packet *p)
{
	const struct channel_hello *h = &p->body.hello;

	if (p->size != sizeof(*h) || h->magic != CHANNEL_HELLO_MAGIC ||
	    h->version != CHANNEL_VERSION || h->entries != ch->options.entries ||
	    h->self != ch->peer || h->peer != ch->self ||
	    !(h->kinds & ch->kinds) || h->kinds & ~KINDS_ALL)
		return -EPROTO;
	if (h->kinds & KIND_BIT(ARENA_CHANNEL_EVENTFD) ?
	    p->fd < 0 || !is_anonymous(p->fd, "eventfd") : p->fd >= 0)
		return -EPROTO;
	if (h->kinds & KINDS_WITH_MAILBOX && h->mailbox < 0)
		return -EPROTO;
	if (ch->options.peer && ch->options.peer != p->pid)
		return -EPROTO;
	return 0;
}

static int open_pidfd(struct arena_channel *ch, pid_t pid)
{
	struct pollfd link = { .fd = ch->options.link, .events = POLLRDHUP };

	/* Of another namespace, which has no number for it here. */
	if (pid <= 0)
		return -ESRCH;
	if (ch->pidfd < 0)
		ch->pidfd = channel_pidfd(pid);
	if (ch->pidfd < 0)
		return ch->pidfd == -ESRCH ? -EPIPE : ch->pidfd;
	/* While the link is up, its number was not given to somebody else. */
	return poll(&link, 1, 0) ? -EPIPE : 0;
}

static int fetch_mailbox(struct arena_channel *ch, int32_t number)
{
	int fd = (int)syscall(SYS_pidfd_getfd, ch->pidfd, number, 0);

	if (fd < 0)
		return errno == EBADF ? -EPROTO : -errno;
	if (!is_anonymous(fd, "io_uring")) {
		close(fd);
		return -EPROTO;
	}
	ch->target = fd;
	return 0;
}

static int say_hello(struct arena_channel *ch)
{
	const struct channel_hello hello = {
		.magic = CHANNEL_HELLO_MAGIC,
		.version = CHANNEL_VERSION,
		.kinds = ch->kinds,
		.entries = ch->options.entries,
		.self = ch->self,
		.peer = ch->peer,
		.mailbox = ch->has_box ? ch->box.ring.ring_fd : -1,
	};

	/*
	 * Yama lets a process fetch fds of its descendants only, and knows one
	 * exception or all. The call fails where there is no Yama, which is as good.
	 */
	if (ch->has_box)
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	return send_packet(ch, &hello, sizeof(hello), ch->event);
}

/* What both can do, and works, in ch->kinds; the error if nothing does. */
static int try_kinds(struct arena_channel *ch, const struct channel_hello *h)
{
	int ret = 0;

	ch->kinds &= h->kinds;
	if (!(ch->kinds & KINDS_WITH_MAILBOX))
		return 0;
	ret = fetch_mailbox(ch, h->mailbox);
	if (ret)
		ch->kinds &= ~KINDS_WITH_MAILBOX;
	return ch->kinds ? 0 : ret;
}

static int agree(struct arena_channel *ch, int64_t end)
{
	const struct channel_ready own = { .magic = CHANNEL_READY_MAGIC, .kinds = ch->kinds };
	struct link_packet p;
	int ret;

	ret = send_packet(ch, &own, sizeof(own), -1);
	if (ret)
		return ret;
	ret = receive_packet(ch, &p, end);
	if (p.fd >= 0) {
		close(p.fd);
		return -EPROTO;
	}
	if (ret)
		return ret;
	if (p.size != sizeof(p.body.ready) || p.body.ready.magic != CHANNEL_READY_MAGIC ||
	    p.body.ready.reserved || !(p.body.ready.kinds & ch->kinds))
		return -EPROTO;
	ch->kinds &= p.body.ready.kinds;
	ch->options.kind = (enum arena_channel_transport)__builtin_ctz(ch->kinds);
	return 0;
}

/* The eventfd is the target, if the peer's mailbox is not. */
static void use_descriptor(struct arena_channel *ch, int *fd)
{
	if (ch->options.kind != ARENA_CHANNEL_EVENTFD)
		return;
	if (ch->target >= 0)
		close(ch->target);
	ch->target = *fd;
	*fd = -1;
}

static int meet(struct arena_channel *ch, struct link_packet *p, int64_t end)
{
	int ret, failed;

	ret = check_hello(ch, p);
	if (ret)
		return ret;
	ret = open_pidfd(ch, p->pid);
	if (ret)
		return ret;
	failed = try_kinds(ch, &p->body.hello);
	if (ch->kinds & KINDS_WITH_MEMORY)
		channel_shared_clear(ch);
	ret = agree(ch, end);
	if (failed || ret)
		return failed ? failed : ret;
	use_descriptor(ch, &p->fd);
	return 0;
}

int channel_meet_link(struct arena_channel *ch)
{
	int timeout = ch->options.timeout_ms;
	int64_t end = timeout < 0 ? -1 : channel_now_ms() + timeout;
	struct link_packet p;
	const int on = 1;
	int ret;

	if (setsockopt(ch->options.link, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)))
		return -errno;
	/* Others that have the peer's end keep the link up when it dies. */
	if (ch->options.peer) {
		ch->pidfd = channel_pidfd(ch->options.peer);
		if (ch->pidfd < 0)
			return ch->pidfd;
	}
	ret = say_hello(ch);
	if (ret)
		return ret;
	ret = receive_packet(ch, &p, end);
	if (!ret)
		ret = meet(ch, &p, end);
	if (p.fd >= 0)
		close(p.fd);
	return ret;
}
