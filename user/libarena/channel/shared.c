// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kinds HYBRID and EVENTFD: messages through the rings in shared memory. What
 * they differ in is how they wake a peer that sleeps.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "transport.h"

static bool is_hybrid(const struct arena_channel *ch)
{
	return ch->options.kind == ARENA_CHANNEL_HYBRID;
}

/* The buffer of @writer's control group that is for the channel with @reader. */
static void *control_buffer(const struct arena_channel *ch, void *base, uint32_t writer,
			    uint32_t reader)
{
	return arena_layout_control(base, ch->layout, writer, reader);
}

/* The consumer's half comes first. */
static struct arena_spsc_out *out_of(void *buffer)
{
	return (void *)((char *)buffer + sizeof(struct arena_spsc_in));
}

int channel_shared_find(struct arena_channel *ch)
{
	uint32_t window = ch->options.entries, entries = 1;
	void *base, *own, *peers;
	int ret;

	if (!ch->m || !ch->layout || window > ch->layout->channel_entries)
		return -EINVAL;
	ret = mshare_attach(ch->m, &base);
	if (ret)
		return ret;
	own = control_buffer(ch, base, ch->self, ch->peer);
	peers = control_buffer(ch, base, ch->peer, ch->self);
	if (!own || !peers)
		return -EINVAL;
	while (entries < window)
		entries *= 2;
	ret = arena_spsc_producer_init(&ch->producer, out_of(own), peers, entries);
	if (!ret)
		ret = arena_spsc_consumer_init(&ch->consumer, own, out_of(peers), entries);
	arena_spsc_limit(&ch->producer, &ch->consumer, window);
	return ret;
}

void channel_shared_clear(struct arena_channel *ch)
{
	memset(ch->consumer.in, 0, sizeof(*ch->consumer.in));
	memset(ch->producer.out, 0, sizeof(*ch->producer.out));
}

static int submit_wake(struct arena_channel *ch)
{
	int ret = channel_ring_submit(ch);

	ch->is_wake_left = ret != 0;
	return ret;
}

static int wake_by_mailbox(struct arena_channel *ch)
{
	const struct arena_msg msg = channel_msg(CHANNEL_MSG_WAKE, 0);
	int ret = 0;

	/* Nothing but such a message can be left on a carrier of our own. */
	if (!ch->has_own || !io_uring_sq_ready(ch->carrier))
		ret = channel_ring_post(ch, &msg);
	ch->owes_wake = ret != 0;
	return ret ? ret : submit_wake(ch);
}

static int wake(struct arena_channel *ch)
{
	struct pollfd event = { .fd = ch->target, .events = POLLOUT };
	const uint64_t one = 1;

	ch->counters.wakeups++;
	if (is_hybrid(ch))
		return wake_by_mailbox(ch);
	/* Full means that it is awake for good. Whether write() blocks is the peer's to say. */
	if (poll(&event, 1, 0) != 1 || !(event.revents & POLLOUT))
		return 0;
	if (write(ch->target, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

/* What is in the mailbox but wake-ups, which have done their work. */
static int drain_mailbox(struct arena_channel *ch)
{
	struct arena_msg msg;
	uint32_t n = 0;
	int ret;

	while ((ret = channel_ring_next(ch, &msg)) > 0) {
		if (n++ > CHANNEL_WAKES + CHANNEL_SPARE)
			return -EOVERFLOW;
		if (msg.type == CHANNEL_MSG_BYE)
			ch->has_ended = true;
		else if (msg.type != CHANNEL_MSG_WAKE)
			return -EPROTO;
	}
	return ret;
}

static int drain(struct arena_channel *ch)
{
	uint64_t count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };

	if (is_hybrid(ch))
		return drain_mailbox(ch);
	/* NOWAIT: the peer has it too, and might make it one that blocks. */
	if (preadv2(ch->event, &iov, 1, -1, RWF_NOWAIT) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

/* Who has no room and receives nothing has to hear of the peer's end, too. */
static int shared_send(struct arena_channel *ch, const struct arena_msg *msg)
{
	int ret = arena_spsc_put(&ch->producer, msg);

	if (ret == -EAGAIN && is_hybrid(ch) && io_uring_cq_ready(&ch->box.ring))
		ch->error = drain_mailbox(ch);
	return ret;
}

static int shared_flush(struct arena_channel *ch)
{
	if (arena_spsc_must_wake(&ch->producer) || ch->owes_wake)
		return wake(ch);
	/* The ring says only once that there is somebody to be woken. */
	return ch->is_wake_left ? submit_wake(ch) : 0;
}

static int taken(struct arena_channel *ch, const struct arena_msg *msg)
{
	if (msg->type >= ARENA_MSG_CHANNEL)
		return -EPROTO;
	if (++ch->unchecked >= ch->credit.quantum) {
		ch->unchecked = 0;
		if (arena_spsc_must_resume(&ch->consumer))
			wake(ch);
	}
	return 1;
}

static int shared_recv(struct arena_channel *ch, struct arena_msg *msg)
{
	int ret = arena_spsc_get(&ch->consumer, msg);

	if (ret > 0)
		return taken(ch, msg);
	if (ret || !is_hybrid(ch) || !io_uring_cq_ready(&ch->box.ring))
		return ret;
	return drain_mailbox(ch);
}

static bool shared_has_message(struct arena_channel *ch)
{
	return arena_spsc_has_message(&ch->consumer) ||
	       (is_hybrid(ch) && io_uring_cq_ready(&ch->box.ring));
}

static bool shared_has_room(struct arena_channel *ch)
{
	return arena_spsc_has_room(&ch->producer);
}

static bool shared_arm(struct arena_channel *ch)
{
	bool is_idle = arena_spsc_sleep(&ch->consumer);

	ch->is_waiting = ch->is_stalled;
	if (ch->is_waiting && !arena_spsc_stall(&ch->producer))
		is_idle = false;
	return is_idle;
}

static int shared_disarm(struct arena_channel *ch)
{
	arena_spsc_awake(&ch->consumer);
	if (ch->is_waiting)
		arena_spsc_resume(&ch->producer);
	ch->is_waiting = false;
	return drain(ch);
}

/* The link says it for EVENTFD: first, so that whoever is woken sees it. */
static void shared_bye(struct arena_channel *ch)
{
	if (is_hybrid(ch)) {
		channel_ring_bye(ch);
		return;
	}
	shutdown(ch->options.link, SHUT_RDWR);
	wake(ch);
}

static int shared_fd(const struct arena_channel *ch)
{
	return is_hybrid(ch) ? ch->box.ring.ring_fd : ch->event;
}

const struct transport_ops channel_shared_ops = {
	.send = shared_send,
	.flush = shared_flush,
	.recv = shared_recv,
	.has_message = shared_has_message,
	.has_room = shared_has_room,
	.arm = shared_arm,
	.disarm = shared_disarm,
	.bye = shared_bye,
	.fd = shared_fd,
	.spins_max = SPINS_IN_MEMORY,
};
