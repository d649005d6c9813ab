/* SPDX-License-Identifier: MIT */
/*
 * Replies on their way out: the SP's word checked, the data sent from the SP's
 * buffers, the buffers given back.
 */
#ifndef NP_REPLY_H
#define NP_REPLY_H

#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>

struct conn;
struct np;
struct slot;
struct peer;

/**
 * reply_take() - a reply of an SP
 * @np: the process
 * @peer: the SP
 * @r: sound copy of the record
 *
 * Return: false, and nothing has changed, if it does not fit what the SP was asked: tag,
 * and for a READ exactly the one extent that its data needs; or if the SP still has the
 * request.
 */
bool reply_take(struct np *np, struct peer *peer, const struct proto_reply *r);

/** reply_error() - answer a slot that has no run; @error may be 0 */
void reply_error(struct slot *s, uint32_t error);

/** reply_abandon() - drop a dead connection's queued replies */
void reply_abandon(struct conn *c);

/** reply_fail_peer() - answer EIO to all that an SP will not answer any more */
void reply_fail_peer(struct np *np, struct peer *peer);

#endif /* NP_REPLY_H */
