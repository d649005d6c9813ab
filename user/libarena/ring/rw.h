/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory that operations which move bytes need while they are under way: lists of
 * extents and headers of messages. It is bounded and allocated when the ring is opened;
 * pages of it that are not used have no memory.
 */
#ifndef ARENA_RING_RW_H
#define ARENA_RING_RW_H

#include "core.h"

/* Bytes of @r->zeroes. */
#define RING_ZEROES_SIZE	65536U

/** ring_rw_init() - allocate it for @r->n_ops operations; false without memory */
bool ring_rw_init(struct arena_ring *r);
/** ring_rw_free() - free it, also if it was allocated in part only */
void ring_rw_free(struct arena_ring *r);

#endif /* ARENA_RING_RW_H */
