/* SPDX-License-Identifier: MIT */
/*
 * Replies: all requests that ended in a turn are answered in as few messages as possible.
 *
 * This header must not know how requests are carried out.
 */
#ifndef SP_REPLIES_H
#define SP_REPLIES_H

#include <stdbool.h>
#include <stdint.h>

struct arena_msg;
struct sp_peer;
struct sp_request;

/**
 * sp_replies_hello() - send HELLO with the versions that arena-sp speaks and the disk
 * @peer: the NP
 * @n_held: how many HELD the caller sends next
 */
void sp_replies_hello(struct sp_peer *peer, uint32_t n_held);

/**
 * sp_replies_send() - reply to all requests of an NP that are done, and free them
 *
 * RETURNs that are held are sent before the replies. A reply for which there is no record waits
 * until the NP returns some. If the NP returns none, the reply is lost when this process ends.
 */
void sp_replies_send(struct sp_peer *peer);

/**
 * sp_replies_send_late() - answer EIO to a request that goes on
 *
 * Return: false if there is no record for the reply now.
 */
bool sp_replies_send_late(struct sp_peer *peer, const struct sp_request *r);

/** sp_replies_put_free() - let a request be used again; it has nothing any more */
void sp_replies_put_free(struct sp_request *r);

/** sp_replies_drop() - free all requests of an NP that are done, as nobody takes the replies */
void sp_replies_drop(struct sp_peer *peer);

/** sp_replies_regain() - act on RETURN: regain records, or data that a reply has lent */
void sp_replies_regain(struct sp_peer *peer, const struct arena_msg *msg);

#endif /* SP_REPLIES_H */
