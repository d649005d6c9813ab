/* SPDX-License-Identifier: MIT */
/*
 * The loop of a storage process. A turn of the loop handles all events that have come. It ends with
 * one call of the kernel, which begins all operations, sends all messages and waits.
 *
 * The loop must not know how requests are carried out.
 */
#ifndef SP_LOOP_H
#define SP_LOOP_H

#include <arena/message.h>
#include <stdint.h>

struct sp;

/* The names of transports, as --transport takes them; NULL at the end. */
extern const char *const sp_transports[];

/** sp_loop_open() - make the ring and attach the disk to it; logs errors; 0 or -errno */
int sp_loop_open(struct sp *sp);

/** sp_loop_close() - wait for pending operations, then close the ring */
void sp_loop_close(struct sp *sp);

/** sp_loop_connect() - open the channel to the NP; logs errors; 0 or -errno */
int sp_loop_connect(struct sp *sp);

/** sp_loop_disconnect() - send the queued messages, then close the channel */
void sp_loop_disconnect(struct sp *sp);

/** sp_loop_send() - queue a message to the NP */
void sp_loop_send(struct sp *sp, const struct arena_msg *msg);

/** sp_loop_hold() - hold the RETURN of an extent of the NP's records */
void sp_loop_hold(struct sp *sp, const struct arena_ref *ref);

/** sp_loop_return() - send the RETURNs that are held */
void sp_loop_return(struct sp *sp);

/** sp_loop_run() - serve until the process has to stop; sp->status says why */
void sp_loop_run(struct sp *sp);

#endif /* SP_LOOP_H */
