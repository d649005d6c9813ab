/* SPDX-License-Identifier: MIT */
/*
 * The loop of a storage process. A turn of it takes what has come, acts on it, and ends with
 * one call of the kernel that begins all operations, sends all messages and waits.
 *
 * It must not know how requests are carried out.
 */
#ifndef SP_LOOP_H
#define SP_LOOP_H

#include <arena/message.h>
#include <stdint.h>

struct sp;

/** sp_loop_open() - make the ring, with the disk on it; logs what is wrong; 0 or -errno */
int sp_loop_open(struct sp *sp);

/** sp_loop_close() - waits for what is pending */
void sp_loop_close(struct sp *sp);

/** sp_loop_connect() - open the channel to the NP; logs what is wrong; 0 or -errno */
int sp_loop_connect(struct sp *sp);

/** sp_loop_disconnect() - what is queued is still sent */
void sp_loop_disconnect(struct sp *sp);

/** sp_loop_send() - queue a message to the NP */
void sp_loop_send(struct sp *sp, const struct arena_msg *msg);

/** sp_loop_hold() - an extent of the NP's records is to be returned, with the next message */
void sp_loop_hold(struct sp *sp, const struct arena_ref *ref);

/** sp_loop_return() - return what is held */
void sp_loop_return(struct sp *sp);

/** sp_loop_run() - serve until told to stop; sp->status says why */
void sp_loop_run(struct sp *sp);

#endif /* SP_LOOP_H */
