/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface between a channel and its transport. A transport carries messages when both
 * sides have connected. It must not know of roles, of how the two found each other, of how a
 * caller waits, or of other transports.
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
 * @recv: 1 and the next message, 0 if there is none; it puts the peer's end into the state
 * @has_message: true if @recv would not return 0, or if the state has an end or an error
 * @has_room: true if @send would accept a message or return an error that stays
 * @arm: announce that this side is going to sleep; true if it may
 * @disarm: announce that this side is awake
 * @fd: the descriptor to sleep on
 * @find_bye: called when the peer is gone: find out whether it has sent BYE, which may lie
 *	behind messages that were not received yet
 * @bye: send BYE, behind all messages
 * @free: free what the transport has allocated; may be NULL
 * @spins: the most turns of @has_message for which it pays to spin, see struct wait_spin
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
 * @ops: its functions
 * @state: errors and the end of the channel
 * @is_full: the descriptor accepts nothing for now; poll it for POLLOUT as well
 */
struct transport {
	const struct transport_ops *ops;
	struct channel_state *state;
	bool is_full;
};

#endif /* ARENA_CHANNEL_TRANSPORT_H */
