// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "shared.h"

#include <poll.h>
#include <string.h>
#include <sys/uio.h>

#include "credit.h"
#include "own.h"

static struct shared_transport *shared_of(struct transport *t)
{
	return (struct shared_transport *)t;
}

/* ---- the rings ---- */

/* The consumer's half comes first. */
static struct arena_spsc_out *out_of(void *part)
{
	return (void *)((char *)part + sizeof(struct arena_spsc_in));
}

int shared_transport_find(struct shared_transport *s, void *own, void *peers, uint32_t window)
{
	uint32_t entries = 1;
	int ret;

	while (entries < window)
		entries *= 2;
	ret = arena_spsc_producer_init(&s->producer, out_of(own), peers, entries);
	if (!ret)
		ret = arena_spsc_consumer_init(&s->consumer, own, out_of(peers), entries);
	if (!ret)
		arena_spsc_limit(&s->producer, &s->consumer, window);
	s->quantum = channel_credit_quantum(window);
	return ret;
}

void shared_transport_clear(struct shared_transport *s)
{
	memset(s->consumer.in, 0, sizeof(*s->consumer.in));
	memset(s->producer.out, 0, sizeof(*s->producer.out));
}

/* ---- waking ---- */

static int submit_wake(struct shared_transport *s)
{
	int ret = channel_tx_submit(s->tx);

	s->is_wake_queued = ret != 0;
	return ret;
}

static int wake_by_mailbox(struct shared_transport *s)
{
	const struct arena_msg msg = channel_msg(CHANNEL_MSG_WAKE, 0);
	int ret = 0;

	/* On a ring of the channel's own, nothing but a wake-up can still be queued. */
	if (!s->tx->has_own || !channel_tx_pending(s->tx))
		ret = channel_tx_post(s->tx, &msg);
	s->owes_wake = ret != 0;
	return ret ? ret : submit_wake(s);
}

static int wake_by_eventfd(struct shared_transport *s)
{
	struct pollfd event = { .fd = s->peer_event, .events = POLLOUT };
	const uint64_t one = 1;

	/*
	 * If the eventfd is full, it is readable, and the peer will not sleep. Between the two
	 * calls the peer can fill it and make it block: <arena/channel.h> has this exception.
	 */
	if (poll(&event, 1, 0) != 1 || !(event.revents & POLLOUT))
		return 0;
	if (write(s->peer_event, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

static int wake(struct shared_transport *s)
{
	s->base.state->wakeups++;
	return s->box ? wake_by_mailbox(s) : wake_by_eventfd(s);
}

/* A wake-up has had its effect when it is seen. Nothing else can come but a BYE. */
static int drain_mailbox(struct shared_transport *s)
{
	struct arena_msg msg;
	uint32_t n = 0;
	int ret;

	while ((ret = arena_mailbox_peek(s->box, &msg)) > 0) {
		arena_mailbox_drop(s->box);
		if (n++ > CHANNEL_WAKES + CHANNEL_SPARE)
			return -EOVERFLOW;
		if (msg.type == CHANNEL_MSG_BYE)
			s->base.state->end = CHANNEL_CLOSED;
		else if (msg.type != CHANNEL_MSG_WAKE)
			return -EPROTO;
	}
	return ret;
}

static int drain_eventfd(struct shared_transport *s)
{
	uint64_t count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };

	/* NOWAIT, because the peer has the eventfd, too, and could make it block. */
	if (preadv2(s->event, &iov, 1, -1, RWF_NOWAIT) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

/* True if something is in the mailbox. For an eventfd that would take a system call. */
static bool was_woken(const struct shared_transport *s)
{
	return s->box && arena_mailbox_count(s->box);
}

/* ---- messages ---- */

static int shared_send(struct transport *t, const struct arena_msg *msg)
{
	struct shared_transport *s = shared_of(t);
	int ret = arena_spsc_put(&s->producer, msg);

	/* A sender without room that never receives must still notice the peer's end. */
	if (ret == -EAGAIN && was_woken(s))
		t->state->error = drain_mailbox(s);
	return ret;
}

static int shared_flush(struct transport *t)
{
	struct shared_transport *s = shared_of(t);

	if (arena_spsc_must_wake(&s->producer) || s->owes_wake)
		return wake(s);
	/* arena_spsc_must_wake() is true only once for each sleep of the peer. */
	return s->is_wake_queued ? submit_wake(s) : 0;
}

static int received(struct shared_transport *s, const struct arena_msg *msg)
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

static int shared_recv(struct transport *t, struct arena_msg *msg)
{
	struct shared_transport *s = shared_of(t);
	int ret = arena_spsc_get(&s->consumer, msg);

	if (ret > 0)
		return received(s, msg);
	if (ret || !was_woken(s))
		return ret;
	return drain_mailbox(s);
}

static bool shared_has_message(struct transport *t)
{
	struct shared_transport *s = shared_of(t);
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

static bool shared_has_room(struct transport *t)
{
	return arena_spsc_has_room(&shared_of(t)->producer);
}

static bool shared_arm(struct transport *t)
{
	struct shared_transport *s = shared_of(t);
	bool is_idle = arena_spsc_sleep(&s->consumer);

	s->is_waiting = t->state->is_stalled;
	if (s->is_waiting && !arena_spsc_stall(&s->producer))
		is_idle = false;
	return is_idle;
}

static int shared_disarm(struct transport *t)
{
	struct shared_transport *s = shared_of(t);

	arena_spsc_awake(&s->consumer);
	if (s->is_waiting)
		arena_spsc_resume(&s->producer);
	s->is_waiting = false;
	return s->box ? drain_mailbox(s) : drain_eventfd(s);
}

/* ---- the end ---- */

static int shared_find_bye(struct transport *t)
{
	struct shared_transport *s = shared_of(t);

	return s->box ? drain_mailbox(s) : 0;
}

static void hybrid_bye(struct transport *t)
{
	const struct arena_msg msg = channel_msg(CHANNEL_MSG_BYE, 0);

	channel_tx_end(shared_of(t)->tx, &msg);
}

/* BYE was sent on the control socket before, so that a peer that is woken finds it. */
static void eventfd_bye(struct transport *t)
{
	wake(shared_of(t));
}

static int hybrid_fd(const struct transport *t)
{
	return ((const struct shared_transport *)t)->box->ring.ring_fd;
}

static int eventfd_fd(const struct transport *t)
{
	return ((const struct shared_transport *)t)->event;
}

#define SHARED_OPS				\
	.send = shared_send,			\
	.flush = shared_flush,			\
	.recv = shared_recv,			\
	.has_message = shared_has_message,	\
	.has_room = shared_has_room,		\
	.arm = shared_arm,			\
	.disarm = shared_disarm,		\
	.find_bye = shared_find_bye,		\
	.spins = SPINS_IN_MEMORY

static const struct transport_ops hybrid_ops = {
	SHARED_OPS,
	.fd = hybrid_fd,
	.bye = hybrid_bye,
};

static const struct transport_ops eventfd_ops = {
	SHARED_OPS,
	.fd = eventfd_fd,
	.bye = eventfd_bye,
};

void shared_transport_init_hybrid(struct shared_transport *s, struct channel_state *state,
				  struct arena_mailbox *box, struct channel_tx *tx)
{
	s->base = (struct transport){ .ops = &hybrid_ops, .state = state };
	s->box = box;
	s->tx = tx;
}

void shared_transport_init_eventfd(struct shared_transport *s, struct channel_state *state,
				   int event, int peer_event)
{
	s->base = (struct transport){ .ops = &eventfd_ops, .state = state };
	s->event = event;
	s->peer_event = peer_event;
}
