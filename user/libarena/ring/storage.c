// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Operations on what a file stores that need no buffer of the caller.
 */
#include "ops.h"

static void prep_fsync(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	io_uring_prep_fsync(sqe, ring_file_target(r, op->file),
			    op->datasync ? IORING_FSYNC_DATASYNC : 0);
}

static const struct ring_class fsync_class = { .prep = prep_fsync, .succeed = ring_op_done };

int arena_ring_fsync(struct arena_ring *r, struct arena_file file, bool data,
		     uint64_t cookie, struct arena_op *handle)
{
	struct ring_op *op;
	int ret = ring_op_new(r, &fsync_class, file, cookie, &op);

	if (ret)
		return ret;
	op->datasync = data;
	ring_op_begin(r, op, handle);
	return 0;
}
