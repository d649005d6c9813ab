/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RETURN messages that are held back. To return an extent is never urgent while the peer has
 * others, so a RETURN does not wake the peer for itself: it goes ahead of the next message
 * that the peer waits for, or when the peer begins to lack what is held.
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
 * enum proto_returned - what an extent is, as bounds differ
 * @PROTO_RETURN_RECORD: records
 * @PROTO_RETURN_DATA: data of READs
 */
enum proto_returned {
	PROTO_RETURN_RECORD,
	PROTO_RETURN_DATA,
};

/**
 * struct proto_returns - what is held back on one channel
 * @channel: by which the extents came
 * @held: their refs, oldest first
 * @n: of them
 * @room: for so many; one more sends them
 * @buffers: held buffers, by enum proto_returned
 * @most: of @buffers, before they are due
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
 * proto_returns_init() - nothing is held yet
 * @r: filled
 * @channel: where RETURNs go; must outlive @r
 * @records: buffers of records that the peer has: a quarter of them may be held
 * @data: buffers for data that the peer has: a half may be held or asked for
 * @requests: requests in flight, see proto_requests()
 *
 * Return: 0 or -ENOMEM.
 */
int proto_returns_init(struct proto_returns *r, struct arena_channel *channel, uint32_t records,
		       uint32_t data, uint32_t requests);

/** proto_returns_exit() - forget what is held; also allowed for a zeroed @r */
void proto_returns_exit(struct proto_returns *r);

/**
 * proto_returns_hold() - an extent is to be returned some time
 * @r: of the channel by which it came
 * @ref: as arena_return() filled it in
 * @what: what it is
 *
 * If @r has no more room, all are sent first. That happens only if the peer sends more than the
 * protocol has use for.
 *
 * Return: 0, or an error of arena_channel_send(): the extent is not held then.
 */
int proto_returns_hold(struct proto_returns *r, const struct arena_ref *ref,
		       enum proto_returned what);

/**
 * proto_returns_are_due() - may the peer lack what is held?
 * @r: of the channel
 * @asked: the peer's buffers for data that READs in flight will take
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
 * Return: 0, or an error of arena_channel_send(): what was not queued is still held.
 */
int proto_returns_send(struct proto_returns *r);

#endif /* PROTO_RETURNS_H */
