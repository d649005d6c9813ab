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
	c->told = c->received;
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
	default:
		return -EPROTO;
	}
}

/*
 * Take the channel's own messages that lie before the application's next one.
 *
 * Return: 1 and the application's message, which stays in the mailbox; 0 if there is none; or
 * -errno.
 */
static int peek(struct msg_ring_transport *r, struct arena_msg *msg)
{
	uint32_t own = 0;
	int ret;

	while ((ret = arena_mailbox_peek(r->box, msg)) > 0 && msg->type >= ARENA_MSG_CHANNEL) {
		arena_mailbox_drop(r->box);
		ret = own++ < CHANNEL_SPARE ? take_own(r, msg) : -EOVERFLOW;
		if (ret)
			return ret;
	}
	return ret;
}

static int msg_ring_recv(struct transport *t, struct arena_msg *msg)
{
	struct msg_ring_transport *r = ring_of(t);
	struct channel_credit *c = &r->credit;
	int ret;

	/* Received messages count as unread for the peer until they are acknowledged. */
	if (arena_mailbox_count(r->box) + (c->received - c->told) > c->window + CHANNEL_SPARE)
		return -EOVERFLOW;
	ret = peek(r, msg);
	if (ret > 0) {
		arena_mailbox_drop(r->box);
		c->received++;
	}
	/* If the kernel has no room for it now, the next call tries again. */
	if (ret >= 0)
		send_credit(r);
	return ret;
}

static bool msg_ring_has_message(struct transport *t)
{
	struct msg_ring_transport *r = ring_of(t);
	struct arena_msg msg;
	int ret;

	if (!arena_mailbox_count(r->box))
		return false;
	ret = peek(r, &msg);
	if (ret < 0)
		t->state->error = ret;
	return ret;
}

/*
 * Acknowledgments can lie behind messages that the caller has not received yet. So look at all
 * messages and leave them in the mailbox. It does no harm to take an acknowledgment twice.
 */
static void look_for_credit(struct msg_ring_transport *r)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	io_uring_for_each_cqe(&r->box->ring, head, cqe) {
		struct arena_msg msg = arena_msg_unpack(cqe->user_data, (uint32_t)cqe->res);

		if (msg.type == CHANNEL_MSG_CREDIT &&
		    channel_credit_take(&r->credit, channel_msg_number(&msg)))
			r->base.state->error = -EPROTO;
		if (msg.type == CHANNEL_MSG_BYE)
			r->base.state->end = CHANNEL_CLOSED;
	}
}

static bool msg_ring_has_room(struct transport *t)
{
	struct msg_ring_transport *r = ring_of(t);

	if (channel_credit_has_room(&r->credit))
		return true;
	/* Remove own messages first, or a caller that never receives finds them each time. */
	if (!msg_ring_has_message(t))
		return t->state->error || channel_credit_has_room(&r->credit);
	look_for_credit(r);
	return t->state->error || channel_credit_has_room(&r->credit);
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
	if (arena_mailbox_has(ring_of(t)->box, CHANNEL_MSG_BYE))
		t->state->end = CHANNEL_CLOSED;
	return 0;
}

static void msg_ring_bye(struct transport *t)
{
	const struct arena_msg msg = channel_msg(CHANNEL_MSG_BYE, 0);

	channel_tx_end(ring_of(t)->tx, &msg);
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
	.spins = SPINS_IN_MEMORY,
};

void msg_ring_transport_init(struct msg_ring_transport *r, struct channel_state *state,
			     struct arena_mailbox *box, struct channel_tx *tx, uint32_t window)
{
	*r = (struct msg_ring_transport){
		.base = { .ops = &msg_ring_ops, .state = state },
		.box = box,
		.tx = tx,
	};
	channel_credit_init(&r->credit, window);
}
