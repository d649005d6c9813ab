/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Provided buffers: the kernel chooses one of a group when there is something to receive.
 *
 * For each group that is received into, some buffers lie in a ring from which the kernel
 * takes them. They are IN_IO until one comes back in a completion. Where a kernel has no
 * such rings, each operation holds one buffer that was chosen before.
 *
 * It must not know operations.
 */
#ifndef ARENA_RING_PROVIDED_H
#define ARENA_RING_PROVIDED_H

#include "core.h"

/**
 * struct ring_provided - the buffers of one group that the kernel can choose from
 * @ring: from which it takes them, NULL before the first use
 * @buf: the buffer that is provided under each number, count 0 if none is
 * @size: most buffers that can be provided, a power of two
 * @count: number of buffers that are provided
 */
struct ring_provided {
	struct io_uring_buf_ring *ring;
	struct arena_buf *buf;
	uint32_t size;
	uint32_t count;
};

/** ring_provided_ready() - make sure that there is a buffer to receive into; 0 or -errno */
int ring_provided_ready(struct arena_ring *r, uint32_t group, struct arena_buf *own);

/** ring_provided_prep() - prepare a recv of @fd into the group, or into the buffer @own */
void ring_provided_prep(struct arena_ring *r, uint32_t group, struct arena_buf own, int fd,
			struct io_uring_sqe *sqe);

/** ring_provided_take() - the buffer of a completion, which is OWNED now; count 0 if none */
struct arena_buf ring_provided_take(struct arena_ring *r, uint32_t group,
				    struct arena_buf *own, const struct io_uring_cqe *cqe);

/** ring_provided_give() - free a buffer that nothing was received into */
void ring_provided_give(struct arena_ring *r, struct arena_buf *b);

/** ring_provided_close() - free what the kernel holds; nothing is pending any more */
void ring_provided_close(struct arena_ring *r);

/** ring_provided_free() - free private memory only */
void ring_provided_free(struct arena_ring *r);

#endif /* ARENA_RING_PROVIDED_H */
