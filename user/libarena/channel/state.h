/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of a channel that the channel and its transport share: errors, and the peer's end.
 * This header must not know either of them.
 */
#ifndef ARENA_CHANNEL_STATE_H
#define ARENA_CHANNEL_STATE_H

#include <arena/message.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * enum channel_end - whether the peer has ended the channel, and how
 * @CHANNEL_OPEN: it has not
 * @CHANNEL_CLOSED: it has closed the channel, and everything that it sent has arrived
 * @CHANNEL_DIED: it has died, or left without BYE, or its successor has come
 */
enum channel_end {
	CHANNEL_OPEN,
	CHANNEL_CLOSED,
	CHANNEL_DIED,
};

/**
 * struct channel_state - errors and the end of a channel
 * @error: an error that stays, or 0
 * @end: whether the peer has ended the channel
 * @is_stalled: the last message to be sent found no room
 * @wakeups: how often the peer was woken
 * @has_epochs: an OPEN that comes to a connected channel is that of the peer's successor
 * @opened: the last OPEN that was received, all zero if there was none. It outlives the epoch, for
 *	the peer may begin the next one before this side knows of it
 */
struct channel_state {
	int error;
	enum channel_end end;
	bool is_stalled;
	uint64_t wakeups;
	bool has_epochs;
	struct arena_msg opened;
};

/** channel_state_take_open() - take an OPEN that came to a connected channel; 0 or -EPROTO */
static inline int channel_state_take_open(struct channel_state *state, const struct arena_msg *msg)
{
	if (!state->has_epochs)
		return -EPROTO;
	state->opened = *msg;
	state->end = CHANNEL_DIED;
	return 0;
}

/** channel_end_error() - the error that a caller gets after the end; 0 while there is none */
static inline int channel_end_error(enum channel_end end)
{
	switch (end) {
	case CHANNEL_OPEN:
		return 0;
	case CHANNEL_CLOSED:
		return -EPIPE;
	default:
		return -EOWNERDEAD;
	}
}

#endif /* ARENA_CHANNEL_STATE_H */
