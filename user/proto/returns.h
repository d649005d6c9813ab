/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RETURN messages that are held back. Returning an extent is not urgent while the peer has others,
 * so a RETURN does not wake the peer by itself: it is sent ahead of the next message that the peer
 * waits for, or when the peer could lack the extents that are held.
 *
 *	proto_returns_hold(r, &ref, PROTO_RETURN_RECORD);	for each extent
 *	if (a message is to be sent || proto_returns_are_due(r, 0))
 *		proto_returns_send(r);
 *
 * A process calls proto_returns_send() also when something has been held for a second, so that
 * a peer that says nothing gets its buffers back.
 *
 * This header must not know of requests, nor what the extents hold.
 */
#ifndef PROTO_RETURNS_H
#define PROTO_RETURNS_H

#include <arena/channel.h>
#include <arena/ref.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * enum proto_returned - kinds of extents, which have different bounds
 * @PROTO_RETURN_RECORD: an extent of records
 * @PROTO_RETURN_DATA: an extent with data of a READ
 */
enum proto_returned {
	PROTO_RETURN_RECORD,
	PROTO_RETURN_DATA,
};

/**
 * struct proto_returns - RETURNs that are held back on one channel
 * @channel: the channel by which the extents came
 * @held: refs of the extents, oldest first
 * @n: used entries of @held
 * @room: entries of @held; one more extent makes them be sent
 * @buffers: how many buffers are held, by enum proto_returned
 * @most: how many buffers may be held before they are due
 */
struct proto_returns {
	struct arena_channel *channel;
	struct arena_ref *held;
	uint32_t n;
	uint32_t room;
	uint32_t buffers[2];
	uint32_t most[2];
};

/**
 * proto_returns_init() - begin with no extent held
 * @r: filled
 * @channel: where RETURNs are sent; must outlive @r
 * @records: records that the peer has; a quarter of them may be held
 * @data: buffers for data that the peer has; a half of them may be held or asked for
 * @requests: requests in flight, see proto_requests()
 *
 * Return: 0 or -ENOMEM.
 */
int proto_returns_init(struct proto_returns *r, struct arena_channel *channel, uint32_t records,
		       uint32_t data, uint32_t requests);

/** proto_returns_drop() - hold nothing any more, as the peer has died */
void proto_returns_drop(struct proto_returns *r);

/** proto_returns_exit() - drop the RETURNs that are held; also allowed for a zeroed @r */
void proto_returns_exit(struct proto_returns *r);

/**
 * proto_returns_hold() - hold the RETURN of an extent
 * @r: RETURNs of the channel by which the extent came
 * @ref: the ref that arena_return() filled in
 * @what: kind of the extent
 *
 * If @r has no more room, all that are held are sent first. That happens only if the peer sends
 * more messages than the protocol needs.
 *
 * Return: 0, or an error of arena_channel_send(), and then the extent is not held.
 */
int proto_returns_hold(struct proto_returns *r, const struct arena_ref *ref,
		       enum proto_returned what);

/**
 * proto_returns_are_due() - could the peer lack the extents that are held?
 * @r: of the channel
 * @asked: buffers of the peer that READs in flight will take
 */
static inline bool proto_returns_are_due(const struct proto_returns *r, uint32_t asked)
{
	uint32_t data = r->buffers[PROTO_RETURN_DATA];

	return r->buffers[PROTO_RETURN_RECORD] > r->most[PROTO_RETURN_RECORD] ||
	       (data && (uint64_t)data + asked > r->most[PROTO_RETURN_DATA]);
}

/**
 * proto_returns_send() - queue a RETURN for each extent that is held, oldest first
 * @r: of the channel
 *
 * Return: 0, or an error of arena_channel_send(); a RETURN that was not queued is still held.
 */
int proto_returns_send(struct proto_returns *r);

#endif /* PROTO_RETURNS_H */
