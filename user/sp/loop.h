/* SPDX-License-Identifier: MIT */
/*
 * The loop of a storage process. A turn of the loop handles all events that have come. It ends with
 * one call of the kernel, which begins all operations, sends all messages and waits.
 *
 * The loop must not know how requests are carried out.
 */
#ifndef SP_LOOP_H
#define SP_LOOP_H

#include "sp.h"

/**
 * enum sp_timer - what a timer of the ring is for
 * @SP_TIMER_RETURNS: RETURNs that are held are sent
 * @SP_TIMER_LATE: a period of the watch on late requests is over
 * @SP_TIMER_LIMITS: requests that wait for the limits of the export can go
 * @SP_TIMER_REPLAY: NPs are not waited for any longer
 */
enum sp_timer {
	SP_TIMER_RETURNS,
	SP_TIMER_LATE,
	SP_TIMER_LIMITS,
	SP_TIMER_REPLAY,
};

/** sp_loop_open() - make the ring and attach the disk to it; logs errors; 0 or -errno */
int sp_loop_open(struct sp *sp);

/** sp_loop_close() - wait for pending operations, then close the ring */
void sp_loop_close(struct sp *sp);

/** sp_loop_connect() - open the channels to all NPs; logs errors; 0 or -errno */
int sp_loop_connect(struct sp *sp);

/** sp_loop_disconnect() - send the queued messages, then close the channels */
void sp_loop_disconnect(struct sp *sp);

/** sp_loop_stop() - refuse requests from now on, and end when those under way have ended */
void sp_loop_stop(struct sp *sp, enum sp_exit status);

/** sp_loop_leaves() - is the disk gone, and is its successor to wait for it? */
bool sp_loop_leaves(const struct sp *sp);

/** sp_loop_run() - serve until the process has to stop; sp->status says why */
void sp_loop_run(struct sp *sp);

#endif /* SP_LOOP_H */
