/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way to a peer's mailbox: the tx ring, which is an io_uring of the channel's own or of its
 * user, and messages on it. This header must not know what messages mean, nor channels.
 */
#ifndef ARENA_CHANNEL_TX_H
#define ARENA_CHANNEL_TX_H

#include <arena/message.h>
#include <stdbool.h>

#include "../uring.h"
#include "state.h"

/**
 * struct channel_tx - a tx ring and where its messages go
 * @state: of the channel; the error of a message that could not be sent goes there
 * @ring: the tx ring, NULL if there is none yet
 * @own: the channel's own ring, if @keeps_own
 * @target: the peer's mailbox, or -1
 * @user_data: user_data of messages
 * @keeps_own: the channel has a ring of its own. It keeps that also while it sends by another
 *	one, because its process may not be allowed to make rings later
 * @has_own: the channel sends by its own ring
 * @is_deferred: only the ring's owner submits it
 * @is_lent: @target is not the channel's, and stays open
 */
struct channel_tx {
	struct channel_state *state;
	struct io_uring *ring;
	struct io_uring own;
	int target;
	uint64_t user_data;
	bool keeps_own;
	bool has_own;
	bool is_deferred;
	bool is_lent;
};

/**
 * channel_tx_open() - choose the ring
 * @tx: @state and @target are set, all else is zero
 * @ring: the user's ring, or NULL to make one for the channel
 * @user_data: user_data of messages
 *
 * Return: 0, -EOPNOTSUPP, or an error of io_uring_setup(2).
 */
int channel_tx_open(struct channel_tx *tx, struct io_uring *ring, uint64_t user_data);

/** channel_tx_use() - send by @ring, which its owner submits, instead of the channel's own */
void channel_tx_use(struct channel_tx *tx, struct io_uring *ring, uint64_t user_data);

/** channel_tx_return() - submit that ring, and send by the channel's own again; 0 or -errno */
int channel_tx_return(struct channel_tx *tx);

/** channel_tx_close() - undo channel_tx_open(), and close @target; always allowed */
void channel_tx_close(struct channel_tx *tx);

/** channel_tx_post() - queue a message; a ring that is full is submitted; 0 or -errno */
int channel_tx_post(struct channel_tx *tx, const struct arena_msg *msg);

/** channel_tx_post_to() - the same, to another mailbox than the peer's */
int channel_tx_post_to(struct channel_tx *tx, int mailbox, const struct arena_msg *msg);

/** channel_tx_pending() - true if something is queued that a submit would send */
static inline bool channel_tx_pending(const struct channel_tx *tx)
{
	return io_uring_sq_ready(tx->ring);
}

/** channel_tx_submit() - send what is queued, unless @is_deferred; 0 or -errno */
int channel_tx_submit(struct channel_tx *tx);

/** channel_tx_forget() - forget messages on the channel's own ring that could not be sent */
void channel_tx_forget(struct channel_tx *tx);

/** channel_tx_end() - queue the last message, and send everything, even if @is_deferred */
void channel_tx_end(struct channel_tx *tx, const struct arena_msg *msg);

#endif /* ARENA_CHANNEL_TX_H */
