// SPDX-License-Identifier: LGPL-2.1-or-later
#include "hybrid.h"

#include <string.h>

#include "credit.h"
#include "own.h"

/* Parts fit a control buffer of arena_control_bytes(), from the smallest one on. */
_Static_assert(sizeof(struct channel_part) + 128 * sizeof(struct arena_spsc_entry) <= 4096 &&
	       sizeof(struct arena_spsc_entry) <= 32, "the layout's control buffers");

static struct hybrid_transport *hybrid_of(struct transport *t)
{
	return (struct hybrid_transport *)t;
}

/* ---- the rings ---- */

int hybrid_transport_find(struct hybrid_transport *s, struct channel_part *own,
			  const struct channel_part *peers, uint32_t window)
{
	uint32_t entries = 1;
	int ret;

	while (entries < window)
		entries *= 2;
	ret = arena_spsc_producer_init(&s->producer, &own->out, &peers->in, entries);
	if (!ret)
		ret = arena_spsc_consumer_init(&s->consumer, &own->in, &peers->out, entries);
	if (!ret)
		arena_spsc_limit(&s->producer, &s->consumer, window);
	s->quantum = channel_credit_quantum(window);
	return ret;
}

void hybrid_transport_clear(struct hybrid_transport *s)
{
	memset(s->consumer.in, 0, sizeof(*s->consumer.in));
	memset(s->producer.out, 0, sizeof(*s->producer.out));
}

/* ---- waking ---- */

static int submit_wake(struct hybrid_transport *s)
{
	int ret = channel_tx_submit(s->tx);

	s->is_wake_queued = ret != 0;
	return ret;
}

static int wake(struct hybrid_transport *s)
{
	const struct arena_msg msg = channel_msg(CHANNEL_MSG_WAKE, 0);
	int ret = 0;

	s->base.state->wakeups++;
	/* On a ring of the channel's own, nothing but a wake-up can still be queued. */
	if (!s->tx->has_own || !channel_tx_pending(s->tx))
		ret = channel_tx_post(s->tx, &msg);
	s->owes_wake = ret != 0;
	return ret ? ret : submit_wake(s);
}

/* A wake-up has had its effect when it is seen. */
static int take_own(struct hybrid_transport *s, const struct arena_msg *msg)
{
	switch (msg->type) {
	case CHANNEL_MSG_WAKE:
		return 0;
	case CHANNEL_MSG_BYE:
		s->base.state->end = CHANNEL_CLOSED;
		return 0;
	case CHANNEL_MSG_OPEN:
		return channel_state_take_open(s->base.state, msg);
	default:
		return -EPROTO;
	}
}

static int drain_mailbox(struct hybrid_transport *s)
{
	struct arena_msg msg;
	uint32_t n = 0;
	int ret;

	while ((ret = arena_mailbox_peek(s->box, &msg)) > 0) {
		arena_mailbox_drop(s->box);
		if (n++ > CHANNEL_WAKES + CHANNEL_SPARE)
			return -EOVERFLOW;
		ret = take_own(s, &msg);
		if (ret)
			return ret;
	}
	return ret;
}

static bool was_woken(const struct hybrid_transport *s)
{
	return arena_mailbox_count(s->box);
}

/* ---- messages ---- */

static int hybrid_send(struct transport *t, const struct arena_msg *msg)
{
	struct hybrid_transport *s = hybrid_of(t);
	int ret = arena_spsc_put(&s->producer, msg);

	/* A sender without room that never receives must still notice the peer's end. */
	if (ret == -EAGAIN && was_woken(s))
		t->state->error = drain_mailbox(s);
	return ret;
}

static int hybrid_flush(struct transport *t)
{
	struct hybrid_transport *s = hybrid_of(t);

	if (arena_spsc_must_wake(&s->producer) || s->owes_wake)
		return wake(s);
	/* arena_spsc_must_wake() is true only once for each sleep of the peer. */
	return s->is_wake_queued ? submit_wake(s) : 0;
}

static int received(struct hybrid_transport *s, const struct arena_msg *msg)
{
	if (msg->type >= ARENA_MSG_CHANNEL)
		return -EPROTO;
	if (++s->unchecked >= s->quantum) {
		s->unchecked = 0;
		if (arena_spsc_must_resume(&s->consumer))
			wake(s);
	}
	return 1;
}

static int hybrid_recv(struct transport *t, struct arena_msg *msg)
{
	struct hybrid_transport *s = hybrid_of(t);
	int ret = arena_spsc_get(&s->consumer, msg);

	if (ret > 0)
		return received(s, msg);
	if (ret || !was_woken(s))
		return ret;
	return drain_mailbox(s);
}

static bool hybrid_has_message(struct transport *t)
{
	struct hybrid_transport *s = hybrid_of(t);
	int ret;

	if (arena_spsc_has_message(&s->consumer))
		return true;
	if (!was_woken(s))
		return false;
	ret = drain_mailbox(s);
	if (ret < 0)
		t->state->error = ret;
	/* The message came before its wake-up, but perhaps after the look above. */
	return ret < 0 || t->state->end || arena_spsc_has_message(&s->consumer);
}

static bool hybrid_has_room(struct transport *t)
{
	return arena_spsc_has_room(&hybrid_of(t)->producer);
}

static bool hybrid_arm(struct transport *t)
{
	struct hybrid_transport *s = hybrid_of(t);
	bool is_idle = arena_spsc_sleep(&s->consumer);

	s->is_waiting = t->state->is_stalled;
	if (s->is_waiting && !arena_spsc_stall(&s->producer))
		is_idle = false;
	return is_idle;
}

static int hybrid_disarm(struct transport *t)
{
	struct hybrid_transport *s = hybrid_of(t);

	arena_spsc_awake(&s->consumer);
	if (s->is_waiting)
		arena_spsc_resume(&s->producer);
	s->is_waiting = false;
	return drain_mailbox(s);
}

/* ---- the end ---- */

static int hybrid_find_bye(struct transport *t)
{
	return drain_mailbox(hybrid_of(t));
}

static void hybrid_bye(struct transport *t)
{
	const struct arena_msg msg = channel_msg(CHANNEL_MSG_BYE, 0);

	channel_tx_end(hybrid_of(t)->tx, &msg);
}

static int hybrid_fd(const struct transport *t)
{
	return ((const struct hybrid_transport *)t)->box->ring.ring_fd;
}

static const struct transport_ops hybrid_ops = {
	.send = hybrid_send,
	.flush = hybrid_flush,
	.recv = hybrid_recv,
	.has_message = hybrid_has_message,
	.has_room = hybrid_has_room,
	.arm = hybrid_arm,
	.disarm = hybrid_disarm,
	.fd = hybrid_fd,
	.find_bye = hybrid_find_bye,
	.bye = hybrid_bye,
	.spins = SPINS_IN_MEMORY,
};

void hybrid_transport_init(struct hybrid_transport *s, struct channel_state *state,
			   struct arena_mailbox *box, struct channel_tx *tx)
{
	s->base = (struct transport){ .ops = &hybrid_ops, .state = state };
	s->box = box;
	s->tx = tx;
}
