/* SPDX-License-Identifier: MIT */
/*
 * An SP's replies, which are checked against its requests.
 */
#ifndef NP_REPLY_H
#define NP_REPLY_H

#include <proto/record.h>
#include <stdbool.h>

struct np;
struct peer;
struct request;

/**
 * reply_take() - check and accept a reply of an SP
 * @np: the process
 * @peer: the SP
 * @r: copy of the record, which is sound by itself
 *
 * The tag must name a request that this SP has, and the reply to a READ must have exactly the one
 * extent that the data needs.
 *
 * Return: false if the reply does not fit a request; then nothing has changed.
 */
bool reply_take(struct np *np, struct peer *peer, const struct proto_reply *r);

/**
 * reply_outdated() - count and log a request that is not done, as newer data may have been written
 *
 * Return: what its client is told.
 */
enum proto_status reply_outdated(struct request *r);

/**
 * reply_set_aside() - an SP may still have payload of this process's predecessor
 * @np: the process
 * @peer: the SP
 * @ref: names the payload
 *
 * hold_regain() takes it back. Return: false if the buffers are in use.
 */
bool reply_set_aside(struct np *np, struct peer *peer, const struct arena_ref *ref);

/**
 * reply_keep_held() - an SP still has payload of this process's predecessor
 * @np: the process
 * @peer: the SP
 * @ref: names the payload, as the SP says, of lent_has()
 *
 * reply_take_kept() takes it back, too.
 *
 * Return: false if it makes no sense, or if the buffers are in use.
 */
bool reply_keep_held(struct np *np, struct peer *peer, const struct arena_ref *ref);

/**
 * reply_take_kept() - take back the payload of a WRITE that an SP has kept after its reply
 * @np: the process
 * @peer: the SP
 * @ref: names the payload
 *
 * Return: false if the SP has kept no such payload; then nothing has changed.
 */
bool reply_take_kept(struct np *np, struct peer *peer, const struct arena_ref *ref);

/** reply_fail_peer() - answer EIO to all requests that an SP has and will not answer any more */
void reply_fail_peer(struct np *np, struct peer *peer);

#endif /* NP_REPLY_H */
