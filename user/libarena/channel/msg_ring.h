/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport MSG_RING: messages and acknowledgments through mailboxes. It must not know of
 * shared memory or sockets.
 */
#ifndef ARENA_CHANNEL_MSG_RING_H
#define ARENA_CHANNEL_MSG_RING_H

#include "credit.h"
#include "inbox.h"
#include "mailbox.h"
#include "transport.h"
#include "tx.h"

/**
 * struct msg_ring_transport - messages through mailboxes
 * @base: for the channel
 * @box: own mailbox, which stays the channel's
 * @tx: the way to the peer's mailbox, which stays the channel's
 * @inbox: messages that lay before acknowledgments that a send needed
 * @credit: counts of sent and acknowledged messages
 */
struct msg_ring_transport {
	struct transport base;
	struct arena_mailbox *box;
	struct channel_tx *tx;
	struct channel_inbox inbox;
	struct channel_credit credit;
};

/**
 * msg_ring_transport_init() - prepare
 * @r: filled
 * @state: errors and the end of the channel
 * @box: own mailbox
 * @tx: way to the peer's, which is not known yet
 * @window: how many messages may be unread
 *
 * Return: 0, or -ENOMEM. To be freed by its ops in any case.
 */
int msg_ring_transport_init(struct msg_ring_transport *r, struct channel_state *state,
			    struct arena_mailbox *box, struct channel_tx *tx, uint32_t window);

#endif /* ARENA_CHANNEL_MSG_RING_H */
