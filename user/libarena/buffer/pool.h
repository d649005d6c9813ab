/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of a group that this process owns: the state of each extent.
 *
 * The record lies in the owner's private memory, where no peer can change it. An extent
 * goes FREE -> OWNED -> LENT -> FREE, or OWNED -> FREE. While the kernel works on it, it
 * is IN_IO, once for each operation, and can be neither freed nor lent. Any other step
 * is refused, with -EINVAL if not said otherwise, and changes nothing. One thread uses a
 * pool.
 *
 * All calls are O(1) unless their comment says otherwise. A buffer costs 16 bytes, which
 * take up no memory before the buffer is first used.
 *
 * A pool knows indexes of buffers. It must not know addresses, layouts or messages.
 */
#ifndef ARENA_POOL_H
#define ARENA_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <arena/extent.h>

/* Buffers of the largest pool. */
#define ARENA_POOL_MAX	(1U << 24)

struct arena_pool;

/** arena_pool_new() - a pool of @count free buffers, or NULL */
struct arena_pool *arena_pool_new(uint32_t count);
/** arena_pool_free() - end a pool; NULL is allowed */
void arena_pool_free(struct arena_pool *p);

/**
 * arena_pool_get() - FREE -> OWNED: an extent of @count consecutive buffers
 *
 * A new life of its first buffer begins. Its generation is the last one plus 1, but
 * never a number whose low 16 bits are 0. It repeats after 2^32 - 2^16 lives.
 *
 * Return: the first index (>= 0), -ENOSPC, or -EINVAL if the pool could never hold it.
 * Extents of up to 63 buffers are found if one is free. A longer one may fail under
 * fragmentation unless a free extent exceeds @count by 1/32.
 */
int64_t arena_pool_get(struct arena_pool *p, uint32_t count);

/**
 * arena_pool_skip() - number the lives of buffers from @lives + 1 on
 *
 * It concerns buffers that have had no life yet.
 */
void arena_pool_skip(struct arena_pool *p, uint32_t lives);

/** arena_pool_io_begin() - OWNED or IN_IO -> IN_IO, for one more operation */
int arena_pool_io_begin(struct arena_pool *p, uint32_t index, uint32_t count);

/** arena_pool_io_end() - one operation has completed; after the last one OWNED */
int arena_pool_io_end(struct arena_pool *p, uint32_t index, uint32_t count);

/**
 * arena_pool_put() - OWNED -> FREE, the same extent that was got
 *
 * Return: 0, -EBUSY if it is IN_IO, or -EINVAL.
 */
int arena_pool_put(struct arena_pool *p, uint32_t index, uint32_t count);

/**
 * arena_pool_lend() - OWNED -> LENT; @tag says to whom
 *
 * Return: 0, -EBUSY if it is IN_IO, or -EINVAL.
 */
int arena_pool_lend(struct arena_pool *p, uint32_t index, uint32_t count,
		    uint32_t tag);

/**
 * arena_pool_lend_held() - FREE -> LENT: a peer has the extent since before the pool was made
 * @p: pool
 * @index: first buffer
 * @count: buffers
 * @tag: who has it
 * @generation: number of the life in which it was lent; the next one follows it
 *
 * O(extents). Return: 0, or -EINVAL if not all of the buffers are FREE or @generation is 0.
 */
int arena_pool_lend_held(struct arena_pool *p, uint32_t index, uint32_t count, uint32_t tag,
			 uint16_t generation);

/**
 * arena_pool_return() - LENT -> FREE, after a message of the peer
 *
 * Extent and tag must be exactly what was lent, else -EINVAL.
 */
int arena_pool_return(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag);

/** arena_pool_regain() - LENT or LOST -> OWNED, otherwise as arena_pool_return() */
int arena_pool_regain(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag);

/** arena_pool_lose() - LENT -> LOST for all with this tag; O(extents) */
void arena_pool_lose(struct arena_pool *p, uint32_t tag);

/**
 * arena_pool_reclaim() - LOST -> FREE, where @may_free says so; O(extents)
 * @p: pool
 * @may_free: called for each extent that is LOST
 * @context: for @may_free
 */
void arena_pool_reclaim(struct arena_pool *p,
			bool (*may_free)(void *context, uint32_t index, uint32_t count),
			void *context);

/**
 * arena_pool_reset() - all FREE; O(extents)
 *
 * Return: 0, or -EBUSY if any is IN_IO, LENT or LOST.
 */
int arena_pool_reset(struct arena_pool *p);

/** arena_pool_extent() - the extent that begins at @index, an index of the pool */
struct arena_extent arena_pool_extent(const struct arena_pool *p, uint32_t index);

/** arena_pool_usage() - the number of buffers in each state */
struct arena_usage arena_pool_usage(const struct arena_pool *p);

/** arena_pool_keep_usage() - keep it in memory of the caller, see arena_keep_usage() */
void arena_pool_keep_usage(struct arena_pool *p, struct arena_usage *at);

/** arena_pool_available() - the number of FREE buffers */
uint32_t arena_pool_available(const struct arena_pool *p);

#endif /* ARENA_POOL_H */
