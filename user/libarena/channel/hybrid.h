/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport HYBRID: rings in shared memory (spsc.h) carry the messages, and a message to its
 * mailbox wakes a peer that sleeps. It must not know how the two sides connected.
 */
#ifndef ARENA_CHANNEL_HYBRID_H
#define ARENA_CHANNEL_HYBRID_H

#include "mailbox.h"
#include "part.h"
#include "spsc.h"
#include "transport.h"
#include "tx.h"

/**
 * struct hybrid_transport - messages through shared memory
 * @base: for the channel
 * @producer: of messages to the peer
 * @consumer: of messages from the peer
 * @box: own mailbox, on which this side sleeps; stays the channel's
 * @tx: the way to the peer's mailbox; stays the channel's
 * @quantum: received messages between two looks whether the peer waits for room
 * @unchecked: messages received since the last look
 * @is_waiting: this side has announced in shared memory that it waits for room
 * @owes_wake: the peer must be woken, but there was no room on @tx
 * @is_wake_queued: the wake-up is on @tx and was not submitted yet
 */
struct hybrid_transport {
	struct transport base;
	struct arena_spsc_producer producer;
	struct arena_spsc_consumer consumer;
	struct arena_mailbox *box;
	struct channel_tx *tx;
	uint32_t quantum;
	uint32_t unchecked;
	bool is_waiting;
	bool owes_wake;
	bool is_wake_queued;
};

/**
 * hybrid_transport_find() - find the rings
 * @s: transport
 * @own: this side's part of shared memory: its half of both rings
 * @peers: the peer's part
 * @window: how many messages may be unread
 *
 * Return: 0 or -EINVAL.
 */
int hybrid_transport_find(struct hybrid_transport *s, struct channel_part *own,
			  const struct channel_part *peers, uint32_t window);

/**
 * hybrid_transport_clear() - clear this side's half of both rings
 *
 * Call it after the peer has begun to connect, because until then the peer may still read
 * messages of the channel before this one; and before this side sends its last packet of
 * connecting, because from then on the peer reads the rings.
 */
void hybrid_transport_clear(struct hybrid_transport *s);

/** hybrid_transport_init() - begin */
void hybrid_transport_init(struct hybrid_transport *s, struct channel_state *state,
			   struct arena_mailbox *box, struct channel_tx *tx);

#endif /* ARENA_CHANNEL_HYBRID_H */
