// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connecting by mailboxes that a common parent has made. They outlive the two processes, so a
 * mailbox may hold messages that a process before this one was sent, and messages that the peer's
 * process before this one has sent. Epochs tell them apart:
 *
 *	1. MARK goes to the own mailbox. Everything before it is old, but a peer that was faster
 *	   may have sent its OPEN.
 *	2. OPEN goes to the peer: from now on this side reads nothing of earlier epochs.
 *	3. When the peer's OPEN of this epoch has come, this side clears its half of the rings in
 *	   shared memory, which the peer does not read any more, and sends READY.
 *	4. When the peer's READY of this epoch has come, everything that follows is new.
 *
 * A process can post to its own mailbox, too. So what a hostile process has left for its successor
 * is bounded here, and is at worst what it could have done itself: MARK cannot be guessed.
 */
#include <common/clock.h>

#include "channel.h"
#include "../why.h"

/* Old messages that are dropped before an attempt fails. */
#define MAX_OLD		(1U << 20)

static connect_step queue_mark, send_mark, find_mark, queue_open, send_open, expect_open,
		    queue_ready, send_ready, expect_ready;

uint32_t inherited_entries(enum arena_channel_transport transport, uint32_t window)
{
	uint32_t each = transport == ARENA_CHANNEL_HYBRID ? CHANNEL_WAKES : window;

	each = 2 * (each + CHANNEL_SPARE);
	/* If the largest windows overflow, the kernel keeps the rest until there is room. */
	return each < MAILBOX_MAX_ENTRIES ? each : MAILBOX_MAX_ENTRIES;
}

static struct arena_msg open_message(const struct arena_channel *ch)
{
	return channel_msg_open((enum arena_channel_transport)
				__builtin_ctz(ch->connect.transports), ch->options.entries,
				ch->options.epoch);
}

/* ---- what is old ---- */

/* Take an OPEN. It is -EPROTO if it is of this epoch, but the peer expects another channel. */
static int take_open(struct arena_channel *ch, const struct arena_msg *msg)
{
	const struct arena_msg own = open_message(ch);

	ch->state.opened = *msg;
	if (channel_msg_number(msg) != ch->options.epoch)
		return 0;
	ch->connect.has_opened = channel_msg_is_same(msg, &own);
	return ch->connect.has_opened ? 0 : -EPROTO;
}

/* The next message that is not old, or one of the channel's own: 1, 0 if none has come, -errno. */
static int next_message(struct arena_channel *ch, struct arena_msg *msg, uint32_t most)
{
	int ret = arena_mailbox_fetch(&ch->box, msg);

	if (ret <= 0)
		return ret;
	if (ch->connect.n_dropped++ >= most)
		return -EOVERFLOW;
	arena_mailbox_drop(&ch->box);
	return 1;
}

static int queue_mark(struct arena_channel *ch, int64_t until)
{
	int ret = channel_tx_post_to(&ch->tx, ch->end.own.ring, &ch->connect.mark);

	return connect_check_sent(ch, ret, send_mark, until);
}

static int send_mark(struct arena_channel *ch, int64_t until)
{
	return connect_check_sent(ch, channel_tx_submit(&ch->tx), find_mark, until);
}

static int find_mark(struct arena_channel *ch, int64_t until)
{
	struct channel_connect *c = &ch->connect;
	struct arena_msg msg = { 0 };
	int ret;

	(void)until;
	/* The predecessor may have left any OPEN. One that makes no sense is as if it were none. */
	while ((ret = next_message(ch, &msg, MAX_OLD)) > 0) {
		if (channel_msg_is_same(&msg, &c->mark))
			break;
		if (msg.type == CHANNEL_MSG_OPEN)
			take_open(ch, &msg);
	}
	c->n_dropped = 0;
	c->step = queue_open;
	/* The kernel has put it there, so somebody has changed the memory if it is missing. */
	return ret > 0 ? 0 : ret ? ret : -EPROTO;
}

/* ---- the steps ---- */

/* What the kernel has no memory for now is sent while the channel connects. */
int inherited_begin(struct arena_channel *ch)
{
	struct channel_connect *c = &ch->connect;
	int ret = 0;

	c->has_opened = false;
	c->n_dropped = 0;
	/* It may have come while this side was in the epoch before. */
	if (ch->state.opened.type)
		take_open(ch, &ch->state.opened);
	c->mark = channel_msg(CHANNEL_MSG_MARK, (uint32_t)clock_ns());
	c->step = queue_mark;
	while (!ret && c->step != queue_open)
		ret = c->step(ch, 0);
	return ret == -EAGAIN ? 0 : ret;
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

/* A BYE of another epoch is old. */
static bool is_bye(const struct arena_channel *ch, const struct arena_msg *msg)
{
	return msg->type == CHANNEL_MSG_BYE && channel_msg_number(msg) == ch->options.epoch;
}

/* Wait for one message; 1, or as a step. */
static int expect(struct arena_channel *ch, struct arena_msg *msg, int64_t until)
{
	uint32_t most = ch->box.ring.cq.ring_entries;
	int ret;

	while (!(ret = next_message(ch, msg, most))) {
		ret = connect_poll(ch, ch->end.own.ring, until);
		if (ret)
			return ret;
	}
	if (ret < 0)
		return ret;
	if (msg->type == CHANNEL_MSG_OPEN)
		ret = take_open(ch, msg);
	else if (is_bye(ch, msg))
		ret = -EPIPE;
	return ret < 0 ? ret : 1;
}

static int expect_open(struct arena_channel *ch, int64_t until)
{
	struct arena_msg msg;
	int ret = 1;

	while (ret > 0 && !ch->connect.has_opened)
		ret = expect(ch, &msg, until);
	if (ret <= 0)
		return ret;
	if (ch->connect.transports & TRANSPORT_BIT(ARENA_CHANNEL_HYBRID))
		hybrid_transport_clear(&ch->hybrid);
	ch->connect.step = queue_ready;
	return 0;
}

static int queue_ready(struct arena_channel *ch, int64_t until)
{
	const struct arena_msg msg = channel_msg(CHANNEL_MSG_READY, ch->options.epoch);

	return connect_check_sent(ch, channel_tx_post(&ch->tx, &msg), send_ready, until);
}

static int send_ready(struct arena_channel *ch, int64_t until)
{
	return connect_check_sent(ch, channel_tx_submit(&ch->tx), expect_ready, until);
}

static int expect_ready(struct arena_channel *ch, int64_t until)
{
	const struct arena_msg ready = channel_msg(CHANNEL_MSG_READY, ch->options.epoch);
	struct arena_msg msg = { 0 };
	int ret = 1;

	while (ret > 0 && !channel_msg_is_same(&msg, &ready))
		ret = expect(ch, &msg, until);
	if (ret <= 0)
		return ret;
	/* The messages behind it were sent within the window, for which there is room now. */
	ret = arena_mailbox_take_overflow(&ch->box);
	if (!ret)
		ch->connect.step = NULL;
	return ret;
}

void inherited_give_up(struct arena_channel *ch)
{
	const struct arena_msg bye = channel_msg(CHANNEL_MSG_BYE, ch->options.epoch);

	if (ch->connect.step && ch->has_box)
		channel_tx_end(&ch->tx, &bye);
}
