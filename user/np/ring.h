/* SPDX-License-Identifier: MIT */
/*
 * The I/O ring: every wait of the process happens in it. A turn of its loop
 * submits what was queued, waits, calls who waited for each completion, and
 * then the turn function once.
 *
 * SINGLE_ISSUER and DEFER_TASKRUN: nothing happens behind the loop's back, and
 * the ring's fd is of no use to another process.
 */
#ifndef NP_RING_H
#define NP_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/**
 * struct ring_op - an operation under way, part of what it belongs to
 * @done: called when it completes
 *
 * Its address is the operation's user_data, so it must stay in place until
 * @done was called.
 */
struct ring_op {
	void (*done)(struct ring_op *op, int res);
};

/**
 * struct ring - the ring and its loop
 * @uring: the ring
 * @now: seconds of the monotonic clock, fresh in every turn
 * @is_ending: the loop ends after this turn
 */
struct ring {
	struct io_uring uring;
	int64_t now;
	bool is_ending;
};

/**
 * ring_init() - make the ring
 * @r: the ring
 *
 * Return: 0 or -errno, -EINVAL if the kernel is older than 6.1.
 */
int ring_init(struct ring *r);
void ring_exit(struct ring *r);

/**
 * ring_sqe() - a submission entry, which there always is
 *
 * If the queue is full it is submitted first. Prepare the entry, then set its
 * user_data to a struct ring_op.
 */
struct io_uring_sqe *ring_sqe(struct ring *r);

/** ring_submit() - submit what is queued now, without waiting */
void ring_submit(struct ring *r);

/**
 * ring_run() - the loop, until ring_end()
 * @r: the ring
 * @turn: called at the end of each turn
 * @arg: its argument
 *
 * Return: 0, or -errno if the ring broke.
 */
int ring_run(struct ring *r, void (*turn)(void *arg), void *arg);
void ring_end(struct ring *r);

#endif /* NP_RING_H */
