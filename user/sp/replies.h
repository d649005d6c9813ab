/* SPDX-License-Identifier: MIT */
/*
 * Replies: all requests that ended in a turn are answered in as few messages as possible.
 *
 * This header must not know how requests are carried out.
 */
#ifndef SP_REPLIES_H
#define SP_REPLIES_H

struct arena_msg;
struct sp;

/** sp_replies_hello() - send HELLO with the versions that arena-sp speaks and the disk */
void sp_replies_hello(struct sp *sp);

/**
 * sp_replies_send() - reply to all requests that are done, and free them
 *
 * RETURNs that are held are sent before the replies. A reply for which there is no record waits
 * until the NP returns some. If the NP returns none, the reply is lost when this process ends.
 */
void sp_replies_send(struct sp *sp);

/** sp_replies_regain() - act on RETURN: regain records, or data that a reply has lent */
void sp_replies_regain(struct sp *sp, const struct arena_msg *msg);

#endif /* SP_REPLIES_H */
