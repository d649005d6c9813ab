// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ops.h"

static void prep_timeout(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	(void)r;
	io_uring_prep_timeout(sqe, &op->ts, 0, 0);
}

static const struct ring_class timeout_class = {
	.prep = prep_timeout, .succeed = ring_op_done, .no_file = true,
};

int arena_ring_timeout(struct arena_ring *r, uint64_t ns, uint64_t cookie,
		       struct arena_op *handle)
{
	struct ring_op *op;
	int ret = ring_op_new(r, &timeout_class, (struct arena_file){ 0 }, cookie, &op);

	if (ret)
		return ret;
	op->ts.tv_sec = (long long)(ns / 1000000000);
	op->ts.tv_nsec = (long long)(ns % 1000000000);
	ring_op_begin(r, op, handle);
	return 0;
}
