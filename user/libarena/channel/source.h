/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel as a source of a ring's events: what libarena/ring needs beyond <arena/channel.h> to
 * drive it from its loop. A turn of that loop:
 *
 *	arena_channel_flush()			queues what is to be sent, submits nothing
 *	if channel_source_state():
 *		report it; the caller receives or sends
 *	else before it sleeps:
 *		channel_source_arm()
 *		if it returns true:
 *			poll arena_channel_fd(), one shot, and sleep
 *		channel_source_disarm()
 *
 * The peer's pidfd (arena_channel_pidfd(), -1 until it is known) and the control socket (for
 * POLLRDHUP) are polled besides, once; when one of them is ready, channel_source_gone().
 *
 * With MSG_RING and HYBRID none of this is a system call. SOCKET takes one to send; the ring polls
 * the socket all the time, and the functions read it only if that poll has @fired. A channel must
 * not know libarena/ring.
 */
#ifndef ARENA_CHANNEL_SOURCE_H
#define ARENA_CHANNEL_SOURCE_H

#include <arena/channel.h>
#include <stdbool.h>

#include "../uring.h"

/**
 * struct channel_watcher - the ring that drives a channel
 * @closing: called by arena_channel_close(), before it closes a file; NULL without a ring
 * @owner: argument of @closing
 * @index: argument of @closing
 */
struct channel_watcher {
	void (*closing)(void *owner, uint32_t index);
	void *owner;
	uint32_t index;
};

/**
 * channel_source_attach() - send by this ring from now on
 * @ch: channel, connected or not
 * @watcher: copied
 * @ring: the ring, which its owner submits: neither arena_channel_flush() nor anything else of
 *	the channel submits it, but for arena_channel_close() and where it is full
 * @user_data: user_data of completions; only messages that could not be sent have one
 *
 * Return: 0; -EBUSY if it has a watcher, or the application gave a tx ring of its own; or an
 * error of arena_channel_flush(), because what is queued on the channel's own ring could not be
 * sent.
 */
int channel_source_attach(struct arena_channel *ch, const struct channel_watcher *watcher,
			  struct io_uring *ring, uint64_t user_data);

/**
 * channel_source_detach() - send by a ring of the channel's own again
 * @ch: channel that is attached; what it has queued is submitted
 *
 * If that fails, it is the channel's error.
 */
void channel_source_detach(struct arena_channel *ch);

/** channel_source_failed() - a message's completion has come: it could not be sent */
void channel_source_failed(struct arena_channel *ch, int result);

/**
 * enum channel_source_state - what a channel has to report
 * @CHANNEL_HAS_MESSAGE: arena_channel_recv() may have a message
 * @CHANNEL_HAS_ROOM: there is credit after a stall
 * @CHANNEL_HAS_END: the channel has ended, or has an error, and arena_channel_recv() has not
 *	returned that
 */
enum channel_source_state {
	CHANNEL_HAS_MESSAGE = 1,
	CHANNEL_HAS_ROOM = 2,
	CHANNEL_HAS_END = 4,
};

/**
 * channel_source_state() - what there is to report, enum channel_source_state
 * @ch: channel
 * @fired: its file descriptor became ready since the last call
 *
 * It takes all steps of connecting that need no wait, if the channel is not connected yet.
 */
uint32_t channel_source_state(struct arena_channel *ch, bool fired);

/** channel_source_reported_room() - record that room was reported, once for each stall */
void channel_source_reported_room(struct arena_channel *ch);

/** channel_source_in_kernel() - true if only a poll shows events: a socket, or connecting */
bool channel_source_in_kernel(const struct arena_channel *ch);

/** channel_source_is_full() - true if the descriptor must be polled for POLLOUT */
bool channel_source_is_full(const struct arena_channel *ch);

/** channel_source_control() - the control socket, or -1 */
int channel_source_control(const struct arena_channel *ch);

/**
 * channel_source_arm() - announce that this side is going to sleep
 *
 * Return: true if there is nothing to do. Call channel_source_disarm() in any case.
 */
bool channel_source_arm(struct arena_channel *ch);

/** channel_source_disarm() - announce that it is awake */
void channel_source_disarm(struct arena_channel *ch);

/** channel_source_gone() - record that the peer has died, or has left the control socket */
void channel_source_gone(struct arena_channel *ch);

#endif /* ARENA_CHANNEL_SOURCE_H */
