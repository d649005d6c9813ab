/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport MSG_RING: messages and acknowledgments through mailboxes. It must not know of
 * shared memory or sockets.
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
 * @tx: the way to the peer's mailbox, which stays the channel's
 * @credit: counts of sent and acknowledged messages
 */
struct msg_ring_transport {
	struct transport base;
	struct arena_mailbox *box;
	struct channel_tx *tx;
	struct channel_credit credit;
};

/** msg_ring_transport_init() - begin, with both mailboxes; @window messages may be unread */
void msg_ring_transport_init(struct msg_ring_transport *r, struct channel_state *state,
			     struct arena_mailbox *box, struct channel_tx *tx, uint32_t window);

#endif /* ARENA_CHANNEL_MSG_RING_H */
