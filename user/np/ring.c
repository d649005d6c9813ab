// SPDX-License-Identifier: MIT
#include "ring.h"

#include <common/clock.h>
#include <common/uring.h>
#include <string.h>

#include "limits.h"

int ring_init(struct ring *r)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = NP_CQ_ENTRIES,
	};
	int ret;

	memset(r, 0, sizeof(*r));
	ret = io_uring_queue_init_params(NP_SQ_ENTRIES, &r->uring, &p);
	if (ret)
		return ret;
	r->now = clock_coarse_s();
	return 0;
}

void ring_exit(struct ring *r)
{
	io_uring_queue_exit(&r->uring);
}

void ring_submit(struct ring *r)
{
	uring_submit(&r->uring);
}

struct io_uring_sqe *ring_sqe(struct ring *r)
{
	return uring_sqe(&r->uring);
}

static void dispatch(struct ring *r)
{
	struct io_uring_cqe *cqe;
	unsigned int budget = NP_CQ_ENTRIES;

	/* What the calls themselves complete waits for the next turn. */
	while (budget-- && io_uring_peek_cqe(&r->uring, &cqe) == 0) {
		struct ring_op *op = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&r->uring, cqe);
		if (op)
			op->done(op, res);
	}
}

int ring_run(struct ring *r, void (*turn)(void *arg), void *arg)
{
	while (!r->is_ending) {
		int ret = io_uring_submit_and_wait(&r->uring, 1);

		if (ret < 0 && !uring_is_transient(ret))
			return ret;
		r->now = clock_coarse_s();
		dispatch(r);
		turn(arg);
	}
	return 0;
}

void ring_end(struct ring *r)
{
	r->is_ending = true;
}
