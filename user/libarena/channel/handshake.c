// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connecting over the control socket that both sides inherited from a common parent. Each says
 * what it can do (HELLO, with its credentials), lets the other one fetch its mailbox (ALLOW), tries
 * what both can do, and says what worked (READY). Both come to the same result from these six
 * packets.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "channel.h"

static connect_step expect_hello, expect_allow, expect_ready;

static int receive(struct arena_channel *ch, struct control_packet *p, int64_t until)
{
	int ret;

	while ((ret = control_receive(ch->control, p)) == -EAGAIN) {
		ret = connect_poll(ch, ch->control, until);
		if (ret)
			return ret;
	}
	return ret;
}

/* ---- HELLO ---- */

int handshake_begin(struct arena_channel *ch)
{
	const struct channel_hello hello = {
		.magic = CHANNEL_HELLO_MAGIC,
		.version = CHANNEL_VERSION,
		.transports = ch->connect.transports,
		.entries = ch->options.entries,
		.self = ch->self,
		.peer = ch->peer,
		.mailbox = ch->has_box ? ch->box.ring.ring_fd : -1,
	};
	int ret = control_prepare(ch->control);

	if (ret)
		return ret;
	ch->connect.step = expect_hello;
	return control_send(ch->control, &hello, sizeof(hello));
}

static bool is_io_uring(int fd)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 &&
	       !strcmp(target, "anon_inode:[io_uring]");
}

/* A side without a role neither sends its role nor checks the peer's. */
static bool is_same_role(uint32_t a, uint32_t b)
{
	return a == b || a == ARENA_NO_ROLE || b == ARENA_NO_ROLE;
}

static int check_hello(const struct arena_channel *ch, const struct control_packet *p)
{
	const struct channel_hello *h = &p->body.hello;

	if (p->size != sizeof(*h) || h->magic != CHANNEL_HELLO_MAGIC ||
	    h->version != CHANNEL_VERSION || h->entries != ch->options.entries ||
	    !is_same_role(h->self, ch->peer) || !is_same_role(h->peer, ch->self) ||
	    !(h->transports & ch->connect.transports) || h->transports & ~WITH_ANYTHING)
		return -EPROTO;
	if (h->transports & WITH_MAILBOX && h->mailbox < 0)
		return -EPROTO;
	if (ch->options.peer_pid && ch->options.peer_pid != p->pid)
		return -EPROTO;
	return 0;
}

static int watch_sender(struct arena_channel *ch, pid_t pid)
{
	struct pollfd control = { .fd = ch->control, .events = POLLRDHUP };
	int ret;

	/* The peer is in another pid namespace and has no number in this one. */
	if (pid <= 0)
		return -ESRCH;
	ret = connect_watch_peer(ch, pid);
	if (ret)
		return ret == -ESRCH ? -EOWNERDEAD : ret;
	/* While the socket is connected, the number cannot have been reused. */
	return poll(&control, 1, 0) ? control_why_left(ch->control) : 0;
}

/* A peer that has left has no mailbox any more, and has said so before. */
static int why_no_mailbox(const struct arena_channel *ch, int err)
{
	struct pollfd control = { .fd = ch->control, .events = POLLRDHUP };

	if (err != -EBADF && err != -ESRCH)
		return err;
	if (poll(&control, 1, 0) > 0)
		return control_why_left(ch->control);
	return err == -EBADF ? -EPROTO : -EOWNERDEAD;
}

static int fetch_mailbox(struct arena_channel *ch, int32_t number)
{
	int fd = (int)syscall(SYS_pidfd_getfd, ch->pidfd, number, 0);

	if (fd < 0)
		return why_no_mailbox(ch, -errno);
	if (!is_io_uring(fd)) {
		close(fd);
		return -EPROTO;
	}
	ch->tx.target = fd;
	return 0;
}

/*
 * Yama lets a process fetch descriptors of its descendants only, and knows one exception, which
 * the peer is until the two have connected. The call fails where there is no Yama, which is as
 * good.
 */
static int allow(struct arena_channel *ch, pid_t pid)
{
	const struct channel_ready packet = {
		.magic = CHANNEL_ALLOW_MAGIC,
		.transports = ch->connect.transports,
	};

	ch->connect.allows = ch->connect.transports & WITH_MAILBOX;
	if (ch->connect.allows)
		prctl(PR_SET_PTRACER, pid, 0, 0, 0);
	return control_send(ch->control, &packet, sizeof(packet));
}

void handshake_end(struct arena_channel *ch)
{
	if (ch->connect.allows)
		prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	ch->connect.allows = false;
}

/* Try the transports that both sides offer. Return the error if none works. */
static int try_transports(struct arena_channel *ch)
{
	struct channel_connect *c = &ch->connect;
	int ret;

	if (!(c->transports & WITH_MAILBOX))
		return 0;
	ret = fetch_mailbox(ch, c->mailbox);
	if (ret)
		c->transports &= ~WITH_MAILBOX;
	return c->transports ? 0 : ret;
}

static int answer(struct arena_channel *ch)
{
	const struct channel_ready ready = {
		.magic = CHANNEL_READY_MAGIC,
		.transports = ch->connect.transports,
	};

	if (ch->connect.transports & TRANSPORT_BIT(ARENA_CHANNEL_HYBRID))
		hybrid_transport_clear(&ch->hybrid);
	return control_send(ch->control, &ready, sizeof(ready));
}

static int take_hello(struct arena_channel *ch, const struct control_packet *p)
{
	int ret = check_hello(ch, p);

	if (!ret)
		ret = watch_sender(ch, p->pid);
	if (ret)
		return ret;
	ch->connect.transports &= p->body.hello.transports;
	ch->connect.mailbox = p->body.hello.mailbox;
	ch->connect.step = expect_allow;
	return allow(ch, p->pid);
}

static int expect_hello(struct arena_channel *ch, int64_t until)
{
	struct control_packet p;
	int ret = receive(ch, &p, until);

	return ret ? ret : take_hello(ch, &p);
}

/* ---- ALLOW and READY ---- */

/* Wait for a packet with @magic that names at least one of the transports. */
static int expect(struct arena_channel *ch, uint64_t magic, int64_t until, uint32_t *transports)
{
	struct control_packet p;
	int ret = receive(ch, &p, until);
	const struct channel_ready *ready = &p.body.ready;

	if (ret)
		return ret;
	*transports = ready->transports & ch->connect.transports;
	return p.size != sizeof(*ready) || ready->magic != magic || ready->reserved ||
	       !*transports ? -EPROTO : 0;
}

static int expect_allow(struct arena_channel *ch, int64_t until)
{
	uint32_t transports;
	int ret = expect(ch, CHANNEL_ALLOW_MAGIC, until, &transports);

	if (!ret)
		ret = try_transports(ch);
	if (!ret)
		ret = answer(ch);
	if (!ret)
		ch->connect.step = expect_ready;
	return ret;
}

static int expect_ready(struct arena_channel *ch, int64_t until)
{
	struct channel_connect *c = &ch->connect;
	int ret = expect(ch, CHANNEL_READY_MAGIC, until, &c->transports);

	if (!ret)
		c->step = NULL;
	return ret;
}
