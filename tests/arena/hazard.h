/* SPDX-License-Identifier: MIT */
/*
 * Plain liburing code, for those halves of the hazard tests that show what happens without the
 * library.
 */
#ifndef TESTS_ARENA_HAZARD_H
#define TESTS_ARENA_HAZARD_H

#include <liburing.h>

#include "ring-rig.h"

static inline struct io_uring plain_ring(unsigned int entries, unsigned int flags)
{
	struct io_uring ring;
	int ret = io_uring_queue_init(entries, &ring, flags);

	if (ret)
		bail("cannot make a ring: %s", strerror(-ret));
	return ring;
}

/* Submit, and return the result of the next completion. */
static inline int plain_result(struct io_uring *ring)
{
	struct __kernel_timespec patience = { .tv_sec = RIG_PATIENCE_MS / 1000 };
	struct io_uring_cqe *cqe;
	int ret = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &patience, NULL);

	if (ret < 0)
		bail("no completion: %s", strerror(-ret));
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

#endif /* TESTS_ARENA_HAZARD_H */
