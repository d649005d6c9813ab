/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel as a source of a ring's events: what libarena/ring needs beyond <arena/channel.h> to
 * drive it from its loop. A turn of that loop:
 *
 *	before it waits:
 *		channel_source_arm()		queues what is to be queued, submits nothing
 *		if it returns true:
 *			poll channel_source_fd() for channel_source_events(), one shot
 *		else:
 *			do not wait
 *	the poll has completed, or the ring does not wait:
 *		channel_source_disarm()
 *	while channel_source_has_message():
 *		arena_channel_recv()		until it returns no message
 *
 * The peer's pidfd (arena_channel_pidfd(), -1 until it is known) is polled besides, once;
 * channel_source_disarm() then finds the death.
 *
 * It makes no system call with MSG_RING and HYBRID, but for a peer that may have died. EVENTFD and
 * SOCKET take one to send and one to be woken. A channel knows nothing of libarena/ring.
 */
#ifndef ARENA_CHANNEL_SOURCE_H
#define ARENA_CHANNEL_SOURCE_H

#include <arena/channel.h>
#include <stdbool.h>

#include "../uring.h"

/**
 * channel_source_attach() - send by this ring from now on
 * @ch: channel, connected or not
 * @ring: the ring, which its owner submits: neither arena_channel_flush() nor anything else of
 *	the channel submits it, but for arena_channel_close() and where it is full
 * @user_data: of completions of messages that could not be sent; others have none
 *
 * Return: 0; -EBUSY if the application gave a tx ring of its own; or an error of
 * arena_channel_flush(), because what is queued on the channel's own ring could not be sent.
 */
int channel_source_attach(struct arena_channel *ch, struct io_uring *ring, uint64_t user_data);

/**
 * channel_source_detach() - send by a ring of the channel's own again
 * @ch: channel that is attached; what it has queued is submitted
 *
 * Return: 0 or an error of io_uring_setup(2), which the channel then has for good.
 */
int channel_source_detach(struct arena_channel *ch);

/** channel_source_failed() - a message's completion has come: it could not be sent */
void channel_source_failed(struct arena_channel *ch, int result);

/**
 * channel_source_arm() - announce that this side is going to sleep
 *
 * Return: true if there is nothing to do. Call channel_source_disarm() in any case.
 */
bool channel_source_arm(struct arena_channel *ch);

/** channel_source_disarm() - announce that it is awake; the rest as arena_channel_disarm() */
void channel_source_disarm(struct arena_channel *ch, bool peer_may_be_dead);

/** channel_source_fd() - what to poll; another one when the channel has connected */
int channel_source_fd(const struct arena_channel *ch);

/** channel_source_events() - POLLIN, and POLLOUT if a socket has no room */
short channel_source_events(const struct arena_channel *ch);

/**
 * channel_source_has_message() - would arena_channel_recv() return something else than 0?
 *
 * It connects a channel that is not connected yet, as far as that goes without waiting.
 */
bool channel_source_has_message(struct arena_channel *ch);

/** channel_source_has_room() - has a sender that found no room got some? It is told once. */
bool channel_source_has_room(struct arena_channel *ch);

#endif /* ARENA_CHANNEL_SOURCE_H */
