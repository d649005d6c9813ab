// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Operations on what a file stores that need no buffer of the caller: flushing, discarding,
 * and zeroing.
 *
 * There are several ways to discard and to zero. The ring finds out which of them a file has by
 * trying them, the cheapest first. None blocks the thread: fallocate(2) runs in a worker of the
 * kernel, block devices discard by a command, and zeroes are written like any data.
 */
#include <errno.h>
#include <linux/falloc.h>
#include <sys/ioctl.h>

#include "ops.h"
#include "rw.h"
#include "../why.h"

/* Of <linux/blkdev.h> since 6.12. */
#ifndef BLOCK_URING_CMD_DISCARD
#define BLOCK_URING_CMD_DISCARD	_IO(0x12, 0)
#endif

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

/*
 * Ranges. The ways are tried in this order.
 */
enum way {
	WAY_COMMAND = 1,	/* a block device's own discard */
	WAY_PUNCH = 2,		/* deallocate; a block device zeroes, if it can without writing */
	WAY_ZERO = 4,		/* zero, and keep it allocated */
	WAY_WRITE = 8,		/* write zeroes */
};

static enum way way_of(const struct ring_op *op)
{
	return (enum way)(op->range.ways & -op->range.ways);
}

static void prep_discard_command(struct io_uring_sqe *sqe, int fd, const struct ring_range *g)
{
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = BLOCK_URING_CMD_DISCARD;
	sqe->addr = g->offset;
	sqe->addr3 = g->length;
}

static void prep_zeroes(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe,
			int fd)
{
	struct iovec *iov = &r->iovs[(size_t)ring_op_index(r, op) * ARENA_RING_MAX_VECS];
	uint64_t left = op->range.length - op->range.done;
	unsigned int n = 0;

	while (left && n < ARENA_RING_MAX_VECS) {
		size_t some = left < RING_ZEROES_SIZE ? (size_t)left : RING_ZEROES_SIZE;

		iov[n++] = (struct iovec){ r->zeroes, some };
		left -= some;
	}
	io_uring_prep_writev(sqe, fd, iov, n, op->range.offset + op->range.done);
}

static void prep_range(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	const struct ring_range *g = &op->range;
	int fd = ring_file_target(r, op->file);

	switch (way_of(op)) {
	case WAY_COMMAND:
		prep_discard_command(sqe, fd, g);
		break;
	case WAY_PUNCH:
		io_uring_prep_fallocate(sqe, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					g->offset, g->length);
		break;
	case WAY_ZERO:
		io_uring_prep_fallocate(sqe, fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
					g->offset, g->length);
		break;
	case WAY_WRITE:
		prep_zeroes(r, op, sqe, fd);
		break;
	}
}

static bool range_done(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		       struct arena_event *event)
{
	if (way_of(op) != WAY_WRITE)
		return ring_op_finish(r, op, 0, 0, event);
	op->range.done += (uint32_t)cqe->res;
	if (op->range.done == op->range.length)
		return ring_op_finish(r, op, 0, 0, event);
	if (!cqe->res)
		return ring_op_finish(r, op, -ENOSPC, 0, event);
	return ring_op_continue(r, op, event);
}

/* Try the next way if this file does not know the last one. */
static bool next_way(struct arena_ring *r, struct ring_op *op, int32_t error)
{
	bool unknown = error == -EOPNOTSUPP || error == -ENOSYS || error == -ENODEV ||
		       (way_of(op) == WAY_COMMAND && (error == -EINVAL || error == -ENOTTY));
	uint32_t rest = op->range.ways & (op->range.ways - 1);

	(void)r;
	if (!unknown || !rest)
		return false;
	op->range.ways = rest;
	return true;
}

static const struct ring_class range_class = {
	.prep = prep_range, .succeed = range_done, .retry = next_way,
};

static int check_range(const struct arena_range *range, bool stream, uint32_t flags)
{
	const struct why_rule rules[] = {
		{ stream, "file: has no offsets" },
		{ !range->length, "length: is 0" },
		{ range->length > INT64_MAX, "length: is greater than INT64_MAX" },
		{ range->offset > (uint64_t)INT64_MAX - range->length,
		  "offset: the range ends beyond the largest file" },
		{ range->flags & ~flags, "flags: has one that is not of this call" },
	};

	return WHY_FIRST(rules);
}

static int begin_range(struct arena_ring *r, const struct arena_range *range,
		       uint32_t (*ways)(const struct arena_range *range, bool block),
		       uint32_t flags, struct arena_op *handle)
{
	const struct ring_file *f;
	struct ring_op *op;
	int ret = ring_op_new(r, &range_class, range->file, range->cookie, &op);

	if (ret)
		return ret;
	f = &r->files[range->file.index];
	ret = check_range(range, f->stream, flags);
	op->range = (struct ring_range){
		.offset = range->offset,
		.length = range->length,
		.ways = ways(range, f->block),
	};
	if (!ret && !op->range.ways)
		ret = -EOPNOTSUPP;
	if (ret)
		ring_op_drop(r, op);
	else
		ring_op_begin(r, op, handle);
	return ret;
}

static uint32_t discard_ways(const struct arena_range *range, bool block)
{
	(void)range;
	return block ? WAY_COMMAND | WAY_PUNCH : WAY_PUNCH;
}

int arena_ring_discard(struct arena_ring *r, const struct arena_range *range,
		       struct arena_op *handle)
{
	return begin_range(r, range, discard_ways, 0, handle);
}

static uint32_t zero_ways(const struct arena_range *range, bool block)
{
	uint32_t ways = range->flags & ARENA_IO_NO_HOLE ? WAY_ZERO : WAY_PUNCH | WAY_ZERO;

	if (!(range->flags & ARENA_IO_FAST))
		return ways | WAY_WRITE;
	/* If a block device cannot zero by itself, the kernel writes zeroes in this way. */
	return block ? ways & ~(uint32_t)WAY_ZERO : ways;
}

int arena_ring_write_zeroes(struct arena_ring *r, const struct arena_range *range,
			    struct arena_op *handle)
{
	return begin_range(r, range, zero_ways, ARENA_IO_NO_HOLE | ARENA_IO_FAST, handle);
}
