/* SPDX-License-Identifier: MIT */
/*
 * Attempts on peers by the queues in shared memory of the transport HYBRID: numbers that cannot be,
 * and entries and records that change while the peer reads them.
 *
 * Each attempt is made on one peer. The daemon's own account of the channel is wrong afterwards, so
 * that the channel is of no use to it. This header must not know how a peer counts.
 */
#ifndef INSIDE_SHARED_QUEUE_H
#define INSIDE_SHARED_QUEUE_H

#include "records.h"

/* Messages that change while they are read, and how often each does. */
#define CHANGING	256
#define CHANGES		2000

/* This process writes its half of the channel to a peer; the peers are of the only other class. */
static struct channel_part *own_part(uint32_t peer)
{
	return buffer(group_of(own_role, ARENA_USE_CONTROL, 0), peer);
}

static uint32_t messages_a_window(void)
{
	return proto_window(layout()->group[group_of(PROTO_ROLE_NP(0), PROTO_USE_RECORD, 0)].count /
			    PROTO_RECORDS_A_REQUEST);
}

/* The entry of the next message. */
static struct arena_spsc_entry *next_entry(uint32_t peer)
{
	struct arena_spsc_out *out = &own_part(peer)->out;
	uint32_t entries = 1;

	while (entries < messages_a_window())
		entries *= 2;
	return &out->entry[out->tail & (entries - 1)];
}

/* Wake the peer once for each time that it sleeps, as more would be a flood. */
static void wake(uint32_t peer)
{
	uint32_t role = is_np() ? PROTO_ROLE_SP(peer) : PROTO_ROLE_NP(peer), sleeps;
	const struct channel_part *peers = buffer(group_of(role, ARENA_USE_CONTROL, 0),
						  own_number());
	static uint32_t woken[PROTO_MAX_SPS];

	sleeps = __atomic_load_n(&peers->in.sleeps, __ATOMIC_SEQ_CST);
	if (!(sleeps & 1) || sleeps == woken[peer])
		return;
	woken[peer] = sleeps;
	send_to(peer, channel_msg(CHANNEL_MSG_WAKE, 0));
}

/* Let the peer see a number of messages more. Return: 1. */
static int show(uint32_t peer, uint32_t more)
{
	struct arena_spsc_out *out = &own_part(peer)->out;

	__atomic_store_n(&out->tail, out->tail + more, __ATOMIC_SEQ_CST);
	wake(peer);
	return 1;
}

static int queue(uint32_t peer, struct arena_msg m)
{
	struct arena_spsc_entry *e = next_entry(peer);

	__atomic_store_n(&e->data, arena_msg_data(&m), __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, arena_msg_len(&m), __ATOMIC_RELAXED);
	return show(peer, 1);
}

/* Numbers of entries that cannot be. Each ends the channel. */
static int break_queue(uint32_t peer, uint32_t how)
{
	switch (how) {
	case 0:
		return show(peer, 1U << 31);
	case 1:
		return show(peer, UINT32_MAX);
	case 2:
		return show(peer, messages_a_window() + 1);
	default:
		return queue(peer, channel_msg(CHANNEL_MSG_BYE, 0));
	}
}

/*
 * Messages without sense that become other ones without sense while the peer reads them. Return:
 * how many the peer has to refuse.
 */
static int change_entries(uint32_t peer)
{
	const struct arena_msg a = { .type = NO_TYPE, .value = UINT16_MAX };
	const struct arena_msg b = {
		.type = PROTO_MESSAGE_RETURN,
		.ref = { .group = UINT16_MAX, .index = UINT32_MAX, .count = UINT16_MAX },
	};
	int n = 0;

	for (int i = 0; i < CHANGING; i++) {
		struct arena_spsc_entry *e = next_entry(peer);

		n += queue(peer, a);
		for (int k = 0; k < CHANGES; k++) {
			const struct arena_msg *m = k % 2 ? &a : &b;

			__atomic_store_n(&e->data, arena_msg_data(m), __ATOMIC_RELAXED);
			__atomic_store_n(&e->len, arena_msg_len(m), __ATOMIC_RELAXED);
		}
	}
	return n;
}

/*
 * Records that become sound and unsound while the peer reads them. They are refused in either form:
 * a range that the disk does not have, or a tag that the NP does not know. A record may be written
 * anew before the peer has read it, as there are fewer of them than messages, so it is never right,
 * not even for a moment. Return: how many.
 */
static int change_records(uint32_t peer)
{
	struct proto_request beyond = request();
	const struct proto_reply unknown = { .tag = 1 };
	int n = 0;

	beyond.offset = 1ULL << 40;
	for (int i = 0; i < CHANGING; i++) {
		struct arena_msg m = message_of(peer, is_np() ? (const void *)&beyond : &unknown);
		struct proto_request *q = buffer(m.ref.group, m.ref.index);

		n += queue(peer, m);
		for (int k = 0; k < CHANGES; k++)
			__atomic_store_n(&q->length, k % 2 ? 4096 : UINT64_MAX, __ATOMIC_RELAXED);
	}
	return n;
}

#endif /* INSIDE_SHARED_QUEUE_H */
