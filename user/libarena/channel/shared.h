/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transports HYBRID and EVENTFD: rings in shared memory carry the messages. The two differ
 * in how they wake a peer that sleeps.
 */
#ifndef ARENA_CHANNEL_SHARED_H
#define ARENA_CHANNEL_SHARED_H

#include "mailbox.h"
#include "spsc.h"
#include "transport.h"
#include "tx.h"

/**
 * struct shared_transport - messages through shared memory
 * @base: for the channel
 * @producer: of messages to the peer
 * @consumer: of the peer's
 * @box: HYBRID: own mailbox, on which this side sleeps; stays the channel's
 * @tx: HYBRID: way to the peer's mailbox; stays the channel's
 * @event: EVENTFD: own eventfd, on which this side sleeps; stays the channel's
 * @peer_event: EVENTFD: the peer's; stays the channel's
 * @quantum: a look whether the peer waits for room is taken after so many messages
 * @unchecked: messages received since the last look
 * @is_waiting: this side has said in shared memory that it waits for room
 * @owes_wake: HYBRID: the peer is to be woken, for which there was no room on @tx
 * @is_wake_queued: HYBRID: the message that wakes it is on @tx, and was not submitted
 */
struct shared_transport {
	struct transport base;
	struct arena_spsc_producer producer;
	struct arena_spsc_consumer consumer;
	struct arena_mailbox *box;
	struct channel_tx *tx;
	int event;
	int peer_event;
	uint32_t quantum;
	uint32_t unchecked;
	bool is_waiting;
	bool owes_wake;
	bool is_wake_queued;
};

/**
 * shared_transport_find() - find the rings
 * @s: transport
 * @own: this side's part of shared memory: its half of both rings
 * @peers: the peer's part
 * @window: how many messages may be unread
 *
 * Return: 0 or -EINVAL.
 */
int shared_transport_find(struct shared_transport *s, void *own, void *peers, uint32_t window);

/**
 * shared_transport_clear() - clear this side's half of both rings
 *
 * When the peer has come, because until then it may still read what the channel before this one
 * has sent; and before this side says its last word in connecting, because from then on the peer
 * looks.
 */
void shared_transport_clear(struct shared_transport *s);

/** shared_transport_init_hybrid() - the peer is woken by a message to its mailbox */
void shared_transport_init_hybrid(struct shared_transport *s, struct channel_state *state,
				  struct arena_mailbox *box, struct channel_tx *tx);

/** shared_transport_init_eventfd() - the peer is woken by its eventfd */
void shared_transport_init_eventfd(struct shared_transport *s, struct channel_state *state,
				   int event, int peer_event);

#endif /* ARENA_CHANNEL_SHARED_H */
