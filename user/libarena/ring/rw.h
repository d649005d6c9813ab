/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory that operations which move bytes need while they are under way: lists of
 * extents and headers of messages. It is bounded and allocated when the ring is opened;
 * pages of it that are not used have no memory.
 */
#ifndef ARENA_RING_RW_H
#define ARENA_RING_RW_H

#include <sys/uio.h>

#include "ops.h"

/* Bytes of @r->zeroes. */
#define RING_ZEROES_SIZE	65536U

/** ring_rw_init() - allocate the memory for @r->n_ops operations; false without memory */
bool ring_rw_init(struct arena_ring *r);
/** ring_rw_free() - free the memory, also if only a part was allocated */
void ring_rw_free(struct arena_ring *r);

/**
 * ring_rw_take() - make the extents of an operation IN_IO
 * @r: ring
 * @op: operation, whose class says in which direction the bytes go
 * @io: the transfer; the caller checks its flags
 *
 * The operation's @rw and @buf are filled in. An operation that moves nothing leaves them zero.
 *
 * Return: 0; -EINVAL; or an error of arena_io_begin(). Nothing is IN_IO then.
 */
int ring_rw_take(struct arena_ring *r, struct ring_op *op, const struct arena_io *io);

/** ring_rw_retry() - a class's @retry: true for an -EFAULT that may pass */
bool ring_rw_retry(struct arena_ring *r, struct ring_op *op, int32_t error);

/** ring_rw_end() - a class's @end: its extents are no longer IN_IO */
void ring_rw_end(struct arena_ring *r, struct ring_op *op);

#endif /* ARENA_RING_RW_H */
