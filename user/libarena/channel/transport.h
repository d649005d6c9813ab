/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a channel asks of its transport. A transport carries messages when both sides have
 * connected. It knows nothing of roles, of how the two found each other, of how a caller waits,
 * or of other transports.
 */
#ifndef ARENA_CHANNEL_TRANSPORT_H
#define ARENA_CHANNEL_TRANSPORT_H

#include <arena/message.h>
#include <stdbool.h>
#include <stdint.h>

#include "state.h"

struct transport;

/**
 * struct transport_ops - a kind of transport; errors are -errno
 * @send: queue a message: 0, or -EAGAIN if the window is full
 * @flush: send what is queued
 * @recv: 1 with the next message, 0 if there is none; notes how the peer ended the channel
 * @has_message: would @recv return something else than 0, or has it noted an end or an error?
 * @has_room: would @send accept a message, or return an error that stays?
 * @arm: this side is going to sleep; true if it may
 * @disarm: this side is awake
 * @fd: what to sleep on
 * @find_bye: the peer is gone: note it if the peer has closed the channel, which can be said
 *	behind messages that were not received yet
 * @bye: say that this side closes the channel, behind all messages
 * @free: what the transport has allocated, or NULL
 * @spins: for how many turns of @has_message it pays to spin at most, see struct wait_spin
 */
struct transport_ops {
	int (*send)(struct transport *t, const struct arena_msg *msg);
	int (*flush)(struct transport *t);
	int (*recv)(struct transport *t, struct arena_msg *msg);
	bool (*has_message)(struct transport *t);
	bool (*has_room)(struct transport *t);
	bool (*arm)(struct transport *t);
	int (*disarm)(struct transport *t);
	int (*fd)(const struct transport *t);
	int (*find_bye)(struct transport *t);
	void (*bye)(struct transport *t);
	void (*free)(struct transport *t);
	uint32_t spins;
};

#define SPINS_IN_MEMORY	512U
#define SPINS_IN_KERNEL	64U

/**
 * struct transport - the beginning of each transport
 * @ops: its kind
 * @state: how the channel fares
 * @is_full: the descriptor takes no more for now: poll it for POLLOUT as well
 */
struct transport {
	const struct transport_ops *ops;
	struct channel_state *state;
	bool is_full;
};

#endif /* ARENA_CHANNEL_TRANSPORT_H */
