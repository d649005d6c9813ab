/* SPDX-License-Identifier: MIT */
/*
 * An SP's replies: its word checked against what it was asked.
 */
#ifndef NP_REPLY_H
#define NP_REPLY_H

#include <proto/record.h>
#include <stdbool.h>

struct np;
struct peer;

/**
 * reply_take() - a reply of an SP
 * @np: the process
 * @peer: the SP
 * @r: sound copy of the record
 *
 * Return: false, and nothing has changed, if it does not fit what the SP was asked: the tag,
 * and for a READ exactly the one extent that its data needs.
 */
bool reply_take(struct np *np, struct peer *peer, const struct proto_reply *r);

/** reply_fail_peer() - answer EIO to all that an SP will not answer any more */
void reply_fail_peer(struct np *np, struct peer *peer);

#endif /* NP_REPLY_H */
