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
 * MARK and OPEN carry the token of the epoch, which no process of an earlier epoch knows. A process
 * can post to its own mailbox, too, so a hostile one may have left anything for its successor, and
 * its last messages for the peer may be as those of its successor: without the token they are old.
 * There may be any number of them, and they are dropped in steps, so that other work goes on.
 */
#include "channel.h"
#include "../why.h"

/* Old messages that are dropped in a step. */
#define OLD_A_STEP	1024

static connect_step queue_mark, send_mark, find_mark, queue_open, send_open, expect_open,
		    queue_ready, send_ready, expect_ready;

uint32_t inherited_entries(enum arena_channel_transport transport, uint32_t window)
{
	uint32_t each = transport == ARENA_CHANNEL_HYBRID ? CHANNEL_WAKES : window;

	each = 2 * (each + CHANNEL_SPARE);
	/* If the largest windows overflow, the kernel keeps the rest until there is room. */
	return each < MAILBOX_MAX_ENTRIES ? each : MAILBOX_MAX_ENTRIES;
}

/* A message that carries the token of this epoch. */
static struct arena_msg with_token(const struct arena_channel *ch, enum channel_msg type)
{
	return channel_msg_token(type, ch->options.epoch, ch->options.token);
}

static struct arena_msg ready_message(const struct arena_channel *ch)
{
	return channel_msg_terms(CHANNEL_MSG_READY, (enum arena_channel_transport)
				 __builtin_ctz(ch->connect.transports), ch->options.entries,
				 ch->options.epoch);
}

/* ---- what is old ---- */

/* An OPEN of another epoch is kept: that epoch may be the next one. */
static void take_open(struct arena_channel *ch, const struct arena_msg *msg)
{
	const struct arena_msg wanted = with_token(ch, CHANNEL_MSG_OPEN);

	ch->state.opened = *msg;
	ch->connect.has_opened = channel_msg_is_same(msg, &wanted);
}

/* The next message that is not old, or one of the channel's own: 1, 0 if none has come, -errno. */
static int next_message(struct arena_channel *ch, struct arena_msg *msg)
{
	int ret = arena_mailbox_fetch(&ch->box, msg);

	if (ret > 0)
		arena_mailbox_drop(&ch->box);
	return ret;
}

static int queue_mark(struct arena_channel *ch, int64_t until)
{
	const struct arena_msg mark = with_token(ch, CHANNEL_MSG_MARK);
	int ret = channel_tx_post_to(&ch->tx, ch->end.own.ring, &mark);

	return connect_check_sent(ch, ret, send_mark, until);
}

static int send_mark(struct arena_channel *ch, int64_t until)
{
	return connect_check_sent(ch, channel_tx_submit(&ch->tx), find_mark, until);
}

/* ---- the steps ---- */

/* What the kernel has no memory for now is sent while the channel connects. */
int inherited_begin(struct arena_channel *ch)
{
	struct channel_connect *c = &ch->connect;
	const struct arena_msg opened = ch->state.opened;
	int ret = 0;

	c->has_opened = false;
	c->n_dropped = 0;
	/* It may have come while this side was in the epoch before. */
	if (opened.type)
		take_open(ch, &opened);
	c->step = queue_mark;
	while (!ret && c->step != find_mark)
		ret = c->step(ch, 0);
	return ret == -EAGAIN ? 0 : ret;
}

/* If the kernel has put MARK there, and it is missing, somebody has changed the memory. */
static int without_mark(const struct arena_channel *ch)
{
	return ch->tx.is_deferred && channel_tx_pending(&ch->tx) ? -EAGAIN : -EPROTO;
}

/* A caller that does not wait comes again: the mailbox is not empty. */
static int find_mark(struct arena_channel *ch, int64_t until)
{
	const struct arena_msg mark = with_token(ch, CHANNEL_MSG_MARK);
	struct arena_msg msg;
	int ret;

	(void)until;
	for (int i = 0; i < OLD_A_STEP; i++) {
		ret = next_message(ch, &msg);
		if (ret <= 0)
			return ret ? ret : without_mark(ch);
		if (channel_msg_is_same(&msg, &mark)) {
			ch->connect.step = queue_open;
			return 0;
		}
		if (msg.type == CHANNEL_MSG_OPEN)
			take_open(ch, &msg);
	}
	return -EAGAIN;
}

static int queue_open(struct arena_channel *ch, int64_t until)
{
	const struct arena_msg msg = with_token(ch, CHANNEL_MSG_OPEN);

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

	while (!(ret = next_message(ch, msg))) {
		ret = connect_poll(ch, ch->end.own.ring, until);
		if (ret)
			return ret;
	}
	if (ret < 0)
		return ret;
	if (ch->connect.n_dropped++ >= most)
		return -EOVERFLOW;
	if (msg->type == CHANNEL_MSG_OPEN)
		take_open(ch, msg);
	return is_bye(ch, msg) ? -EPIPE : 1;
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
	const struct arena_msg msg = ready_message(ch);

	return connect_check_sent(ch, channel_tx_post(&ch->tx, &msg), send_ready, until);
}

static int send_ready(struct arena_channel *ch, int64_t until)
{
	return connect_check_sent(ch, channel_tx_submit(&ch->tx), expect_ready, until);
}

static bool is_ready(const struct arena_channel *ch, const struct arena_msg *msg)
{
	return msg->type == CHANNEL_MSG_READY && channel_msg_number(msg) == ch->options.epoch;
}

static int expect_ready(struct arena_channel *ch, int64_t until)
{
	const struct arena_msg wanted = ready_message(ch);
	struct arena_msg msg = { 0 };
	int ret = 1;

	while (ret > 0 && !is_ready(ch, &msg))
		ret = expect(ch, &msg, until);
	if (ret <= 0)
		return ret;
	/* The peer expects another channel. */
	if (!channel_msg_is_same(&msg, &wanted))
		return -EPROTO;
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
