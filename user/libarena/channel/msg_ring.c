// SPDX-License-Identifier: LGPL-2.1-or-later
#include "msg_ring.h"

#include "own.h"

static struct msg_ring_transport *ring_of(struct transport *t)
{
	return (struct msg_ring_transport *)t;
}

/*
 * Acknowledge received messages if enough have come. On the application's ring the
 * acknowledgment goes out with the application's next submit.
 */
static int send_credit(struct msg_ring_transport *r)
{
	struct channel_credit *c = &r->credit;
	struct arena_msg msg;
	int ret;

	if (!channel_credit_is_due(c))
		return 0;
	msg = channel_msg(CHANNEL_MSG_CREDIT, c->received);
	ret = channel_tx_post(r->tx, &msg);
	if (ret)
		return ret;
	c->received_acked = c->received;
	return r->tx->has_own ? channel_tx_submit(r->tx) : 0;
}

static int take_own(struct msg_ring_transport *r, const struct arena_msg *msg)
{
	switch (msg->type) {
	case CHANNEL_MSG_CREDIT:
		return channel_credit_take(&r->credit, channel_msg_number(msg));
	case CHANNEL_MSG_BYE:
		r->base.state->end = CHANNEL_CLOSED;
		return 0;
	case CHANNEL_MSG_OPEN:
		return channel_state_take_open(r->base.state, msg);
	default:
		return -EPROTO;
	}
}

/*
 * Take a message of the application out of the mailbox; 1 or -errno. The first limit covers
 * everything that has come, the channel's own messages included; the second is the window.
 */
static int admit(struct msg_ring_transport *r)
{
	const struct channel_credit *c = &r->credit;
	uint32_t unread = channel_inbox_count(&r->inbox);

	if (channel_credit_unacknowledged(c, unread + arena_mailbox_count(r->box)) >
	    c->window + CHANNEL_SPARE ||
	    channel_credit_unacknowledged(c, unread) >= c->window)
		return -EOVERFLOW;
	arena_mailbox_drop(r->box);
	return 1;
}

static __attribute__((noinline)) int peek_behind_own(struct msg_ring_transport *r,
						     struct arena_msg *msg)
{
	uint32_t own = 0;
	int ret;

	do {
		arena_mailbox_drop(r->box);
		ret = own++ < CHANNEL_SPARE ? take_own(r, msg) : -EOVERFLOW;
		if (ret)
			return ret;
		ret = arena_mailbox_peek(r->box, msg);
	} while (ret > 0 && msg->type >= ARENA_MSG_CHANNEL);
	return ret;
}

/*
 * Take the channel's own messages that lie before the application's next one.
 *
 * Return: 1 and the application's message, which stays in the mailbox; 0 if there is none; or
 * -errno.
 */
static inline int peek(struct msg_ring_transport *r, struct arena_msg *msg)
{
	int ret = arena_mailbox_peek(r->box, msg);

	return ret > 0 && msg->type >= ARENA_MSG_CHANNEL ? peek_behind_own(r, msg) : ret;
}

static int msg_ring_recv(struct transport *t, struct arena_msg *msg)
{
	struct msg_ring_transport *r = ring_of(t);
	int ret = 1;

	if (!channel_inbox_take(&r->inbox, msg)) {
		ret = peek(r, msg);
		if (ret > 0)
			ret = admit(r);
	}
	if (ret > 0)
		r->credit.received++;
	/* If the kernel has no room for it now, the next call tries again. */
	if (ret >= 0)
		send_credit(r);
	return ret;
}

static bool msg_ring_has_message(struct transport *t)
{
	struct msg_ring_transport *r = ring_of(t);
	struct arena_msg msg;
	int type, ret;

	if (channel_inbox_count(&r->inbox))
		return true;
	type = arena_mailbox_type(r->box);
	if (type < ARENA_MSG_CHANNEL)
		return type >= 0;
	ret = peek(r, &msg);
	if (ret < 0)
		t->state->error = ret;
	return ret;
}

/*
 * Acknowledgments can lie behind messages that the caller has not received yet. These are moved
 * to the inbox. If the acknowledgments were only read and stayed in the mailbox, a caller that
 * sends and never receives would cause more and more of them, until the mailbox is full.
 */
static int read_all(struct msg_ring_transport *r)
{
	struct arena_msg msg;
	int ret;

	while ((ret = peek(r, &msg)) > 0) {
		ret = admit(r);
		if (ret < 0)
			return ret;
		channel_inbox_add(&r->inbox, &msg);
	}
	return ret;
}

static bool msg_ring_has_room(struct transport *t)
{
	struct msg_ring_transport *r = ring_of(t);
	int ret;

	if (channel_credit_has_room(&r->credit))
		return true;
	if (!arena_mailbox_count(r->box))
		return false;
	ret = read_all(r);
	if (ret < 0)
		t->state->error = ret;
	return ret < 0 || channel_credit_has_room(&r->credit);
}

static int msg_ring_send(struct transport *t, const struct arena_msg *msg)
{
	struct msg_ring_transport *r = ring_of(t);
	int ret = send_credit(r);

	if (ret)
		return ret;
	if (!msg_ring_has_room(t))
		return t->state->end ? channel_end_error(t->state->end) : -EAGAIN;
	if (t->state->error)
		return t->state->error;
	ret = channel_tx_post(r->tx, msg);
	if (!ret)
		r->credit.sent++;
	return ret;
}

static int msg_ring_flush(struct transport *t)
{
	struct msg_ring_transport *r = ring_of(t);
	int ret = send_credit(r);

	return ret ? ret : channel_tx_submit(r->tx);
}

static bool msg_ring_arm(struct transport *t)
{
	(void)t;
	return true;
}

static int msg_ring_disarm(struct transport *t)
{
	(void)t;
	return 0;
}

static int msg_ring_fd(const struct transport *t)
{
	return ((const struct msg_ring_transport *)t)->box->ring.ring_fd;
}

static int msg_ring_find_bye(struct transport *t)
{
	return read_all(ring_of(t));
}

static void msg_ring_bye(struct transport *t)
{
	const struct arena_msg msg = channel_msg(CHANNEL_MSG_BYE, 0);

	channel_tx_end(ring_of(t)->tx, &msg);
}

static void msg_ring_free(struct transport *t)
{
	channel_inbox_free(&ring_of(t)->inbox);
}

static const struct transport_ops msg_ring_ops = {
	.send = msg_ring_send,
	.flush = msg_ring_flush,
	.recv = msg_ring_recv,
	.has_message = msg_ring_has_message,
	.has_room = msg_ring_has_room,
	.arm = msg_ring_arm,
	.disarm = msg_ring_disarm,
	.fd = msg_ring_fd,
	.find_bye = msg_ring_find_bye,
	.bye = msg_ring_bye,
	.free = msg_ring_free,
	.spins = SPINS_IN_MEMORY,
};

int msg_ring_transport_init(struct msg_ring_transport *r, struct channel_state *state,
			    struct arena_mailbox *box, struct channel_tx *tx, uint32_t window)
{
	*r = (struct msg_ring_transport){
		.base = { .ops = &msg_ring_ops, .state = state },
		.box = box,
		.tx = tx,
	};
	channel_credit_init(&r->credit, window);
	return channel_inbox_init(&r->inbox, window);
}
