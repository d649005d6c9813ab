/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport MSG_RING: messages and acknowledgments through mailboxes.
 */
#ifndef ARENA_CHANNEL_MSG_RING_H
#define ARENA_CHANNEL_MSG_RING_H

#include "credit.h"
#include "mailbox.h"
#include "transport.h"
#include "tx.h"

/**
 * struct msg_ring_transport - messages through mailboxes
 * @base: for the channel
 * @box: own mailbox, which stays the channel's
 * @tx: way to the peer's, which stays the channel's
 * @credit: who has sent and acknowledged how many
 */
struct msg_ring_transport {
	struct transport base;
	struct arena_mailbox *box;
	struct channel_tx *tx;
	struct channel_credit credit;
};

/** msg_ring_transport_init() - both mailboxes are there; @window messages may be unread */
void msg_ring_transport_init(struct msg_ring_transport *r, struct channel_state *state,
			     struct arena_mailbox *box, struct channel_tx *tx, uint32_t window);

#endif /* ARENA_CHANNEL_MSG_RING_H */
