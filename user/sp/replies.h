/* SPDX-License-Identifier: MIT */
/*
 * Replies: all that was done in a turn is replied to in as few messages as possible.
 *
 * It must not know how requests are carried out.
 */
#ifndef SP_REPLIES_H
#define SP_REPLIES_H

struct arena_msg;
struct sp;

/** sp_replies_hello() - the first message: the versions that we speak, and the disk */
void sp_replies_hello(struct sp *sp);

/**
 * sp_replies_send() - reply to all that is done, and free the requests
 *
 * RETURNs that are held go ahead. What finds no buffer for its record waits for the NP to
 * return some, and no longer than this process lives: an NP that returns none has itself to
 * blame.
 */
void sp_replies_send(struct sp *sp);

/** sp_replies_regain() - act on RETURN: records, or data that a reply has lent */
void sp_replies_regain(struct sp *sp, const struct arena_msg *msg);

#endif /* SP_REPLIES_H */
