/* SPDX-License-Identifier: MIT */
/*
 * Messages to rings with IORING_SETUP_DEFER_TASKRUN, which receive them only when their owner
 * enters the kernel. The library has no such transport.
 */
#ifndef BENCH_HANDOFF_DEFERRED_H
#define BENCH_HANDOFF_DEFERRED_H

#include <liburing.h>

#include "handoff.h"

static struct io_uring inbox[2], outbox;
static unsigned int deferred_queued;

static void deferred_init(void)
{
	for (int s = 0; s < 2; s++) {
		struct io_uring_params p = {
			.flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
				 IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
			.cq_entries = 4 * RING,
		};

		check(io_uring_queue_init_params(8, &inbox[s], &p), "io_uring_setup");
	}
}

/* The task that enables a ring becomes its only issuer. */
static void deferred_start(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER };

	check(io_uring_enable_rings(&inbox[side]), "io_uring_enable_rings");
	check(io_uring_queue_init_params(WINDOW, &outbox, &p), "io_uring_setup");
	deferred_queued = 0;
}

static void deferred_end(void)
{
	io_uring_queue_exit(&inbox[0]);
	io_uring_queue_exit(&inbox[1]);
	io_uring_queue_exit(&outbox);
}

static void deferred_flush(void)
{
	if (deferred_queued && io_uring_submit(&outbox) != (int)deferred_queued)
		die("io_uring_submit");
	deferred_queued = 0;
}

static void deferred_send(uint64_t v)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&outbox);

	io_uring_prep_msg_ring(sqe, inbox[!side].ring_fd, 0, v, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	if (++deferred_queued >= kind->batch)
		deferred_flush();
}

static uint64_t deferred_recv(void)
{
	struct io_uring_cqe *cqe;
	uint64_t v;
	int ret;

	while ((ret = io_uring_wait_cqe(&inbox[side], &cqe)) == -EINTR)
		;
	check(ret, "io_uring_wait_cqe");
	v = cqe->user_data;
	io_uring_cqe_seen(&inbox[side], cqe);
	return v;
}

#endif /* BENCH_HANDOFF_DEFERRED_H */
