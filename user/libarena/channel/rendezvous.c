// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connecting through the region: each side says which process it is and publishes its mailbox,
 * and takes the other's. The first message in each mailbox, OPEN, says what its sender expects.
 *
 * The peer is watched by a pidfd that was got before its mailbox is taken, and the mailbox is
 * taken only if that process has published it. As long as the pidfd says that its process lives,
 * its number is not another's, so this is the process that published. If it says that it has
 * ended, the channel ends, which is right for either.
 */
#include <common/clock.h>
#include <mshare.h>
#include <unistd.h>

#include "channel.h"
#include "../why.h"

static connect_step take_mailbox, queue_open, send_open, expect_open;

/* A mailbox is named by the role that reads it and the role that writes to it. */
static uint64_t mailbox_tag(uint32_t reader, uint32_t writer)
{
	return (uint64_t)reader << 32 | writer;
}

static struct arena_msg open_message(const struct arena_channel *ch)
{
	return channel_msg_terms(CHANNEL_MSG_OPEN, (enum arena_channel_transport)
				 __builtin_ctz(ch->connect.transports), ch->options.entries, 0);
}

static int offer(struct arena_channel *ch)
{
	return mshare_publish_ring(arena_region(ch->a), ch->box.ring.ring_fd,
				   ch->options.peer_pid, mailbox_tag(ch->self, ch->peer));
}

int rendezvous_begin(struct arena_channel *ch)
{
	int ret;

	if (!ch->own || !ch->peers)
		return why("peer_role: the layout has no channel of the two roles");
	ch->connect.pid = ch->options.peer_pid;
	/* Whoever finds the mailbox finds this as well. */
	__atomic_store_n(&ch->own->pid, (uint32_t)getpid(), __ATOMIC_RELEASE);
	ret = offer(ch);
	ch->connect.is_offered = !ret;
	ch->connect.step = take_mailbox;
	return ret;
}

/* ---- the peer's process ---- */

static pid_t named_process(const struct arena_channel *ch)
{
	return (pid_t)__atomic_load_n(&ch->peers->pid, __ATOMIC_ACQUIRE);
}

/*
 * The process that the region names has ended. If it has taken our mailbox, no successor can.
 * Otherwise wait for one.
 */
static int has_ended(struct arena_channel *ch, pid_t pid)
{
	int ret;

	connect_forget_peer(ch);
	ch->connect.pid = 0;
	if (ch->connect.gone == pid)
		return -EAGAIN;
	ret = mshare_withdraw_ring(arena_region(ch->a), mailbox_tag(ch->self, ch->peer));
	/* It may be a successor that has taken it, which then is named. */
	if (ret == -ENOENT)
		return named_process(ch) == pid ? -EOWNERDEAD : -EAGAIN;
	if (!ret)
		ret = offer(ch);
	ch->connect.gone = pid;
	return ret ? ret : -EAGAIN;
}

/* 0 if there is such a process, or -errno. */
static int watch_process(struct arena_channel *ch, pid_t pid)
{
	int ret = connect_watch_peer(ch, pid);

	if (!ret)
		ret = connect_poll(ch, -1, 0);
	return ret == -EAGAIN ? 0 : ret;
}

/* 0 if the peer's process is watched, -EAGAIN if there is none yet, or the error that ends it. */
static int find_peer(struct arena_channel *ch)
{
	struct channel_connect *c = &ch->connect;
	pid_t pid = named_process(ch);
	int ret;

	if (ch->options.peer_pid)
		return 0;
	if (pid != c->pid)
		connect_forget_peer(ch);
	c->pid = pid > 0 ? pid : 0;
	if (!c->pid)
		return -EAGAIN;
	ret = watch_process(ch, pid);
	switch (ret) {
	case 0:
		c->gone = 0;
		return 0;
	case -EINVAL:
	case -ENOENT:
	case -ESRCH:
	case -EOWNERDEAD:
		return has_ended(ch, pid);
	default:
		return ret;
	}
}

/* ---- the steps ---- */

static int fetch_mailbox(struct arena_channel *ch, int timeout_ms)
{
	return mshare_take_ring(arena_region(ch->a), ch->connect.pid,
				mailbox_tag(ch->peer, ch->self), timeout_ms);
}

static int try_mailbox(struct arena_channel *ch)
{
	int ret = find_peer(ch);

	if (ret)
		return ret;
	ret = fetch_mailbox(ch, 0);
	return ret == -ESRCH ? -EAGAIN : ret;
}

/* Nothing tells a caller that waits when a process comes that is not known yet. */
static int wait_for_mailbox(struct arena_channel *ch, int64_t until)
{
	int fd;

	if (ch->options.peer_pid)
		return fetch_mailbox(ch, clock_left_ms(until));
	while ((fd = try_mailbox(ch)) == -EAGAIN && clock_left_ms(until)) {
		int64_t tick = connect_tick(ch);
		int ret = connect_poll(ch, -1, tick < until ? tick : until);

		if (ret == -EINTR)
			return ret;
	}
	return fd;
}

static int take_mailbox(struct arena_channel *ch, int64_t until)
{
	int fd = wait_for_mailbox(ch, until);

	if (fd == -EAGAIN || fd == -ETIMEDOUT)
		return -EAGAIN;
	if (fd < 0)
		return fd == -ESRCH ? -EOWNERDEAD : fd;
	ch->tx.target = fd;
	if (ch->connect.transports & TRANSPORT_BIT(ARENA_CHANNEL_HYBRID))
		hybrid_transport_clear(&ch->hybrid);
	ch->connect.step = queue_open;
	return 0;
}

static int queue_open(struct arena_channel *ch, int64_t until)
{
	const struct arena_msg msg = open_message(ch);

	return connect_check_sent(ch, channel_tx_post(&ch->tx, &msg), send_open, until);
}

static int send_open(struct arena_channel *ch, int64_t until)
{
	return connect_check_sent(ch, channel_tx_submit(&ch->tx), expect_open, until);
}

/* A mailbox keeps the order: the peer's OPEN comes before all else. */
static int expect_open(struct arena_channel *ch, int64_t until)
{
	const struct arena_msg own = open_message(ch);
	struct arena_msg msg;
	int ret;

	while (!(ret = arena_mailbox_peek(&ch->box, &msg))) {
		ret = connect_poll(ch, ch->box.ring.ring_fd, until);
		if (ret)
			return ret;
	}
	if (ret < 0)
		return ret;
	arena_mailbox_drop(&ch->box);
	if (msg.type == CHANNEL_MSG_BYE)
		return -EPIPE;
	if (!channel_msg_is_same(&msg, &own))
		return -EPROTO;
	ch->connect.step = NULL;
	/* It has taken the own mailbox, and has to fetch nothing from this process any more. */
	mshare_withdraw_ring(arena_region(ch->a), mailbox_tag(ch->self, ch->peer));
	return 0;
}

/*
 * Withdraw a mailbox that the peer has not taken, so that the next attempt can offer another one.
 * A peer that has taken it waits for our OPEN, and must get a BYE instead. That can be sent,
 * because it offered its own mailbox before it took ours.
 */
void rendezvous_give_up(struct arena_channel *ch)
{
	const struct arena_msg bye = channel_msg(CHANNEL_MSG_BYE, 0);

	if (!ch->connect.is_offered)
		return;
	ch->connect.is_offered = false;
	if (mshare_withdraw_ring(arena_region(ch->a), mailbox_tag(ch->self, ch->peer)) != -ENOENT)
		return;
	if (ch->tx.target < 0)
		ch->tx.target = fetch_mailbox(ch, 0);
	if (ch->tx.target >= 0)
		channel_tx_end(&ch->tx, &bye);
}
