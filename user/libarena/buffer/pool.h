/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has which buffer of a group that this process owns.
 *
 * The state lies in the owner's private memory: a peer cannot touch it. A run
 * of buffers goes FREE -> OWNED -> LENT -> FREE, or OWNED -> FREE. While the
 * kernel works on it, it is IN_IO, once for each operation: from before that is
 * submitted until its completion has come, also if it is cancelled meanwhile. What
 * is lent can be neither freed nor handed. Any other step is refused, with
 * -EINVAL if not said otherwise, and changes nothing. Not thread-safe: one thread
 * owns a pool.
 *
 * Getting and putting are O(1), and so is all else where nothing is said. A
 * buffer costs 16 bytes; those of buffers that were never used are not touched,
 * so they have no memory.
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
 * arena_pool_get() - FREE -> OWNED: a run of @count consecutive buffers
 *
 * A new life of its first buffer begins. Its generation is one more than that of
 * the last: skipping those whose low 16 bits are 0, so none comes again in the next
 * 2^32 - 2^16 lives.
 *
 * Return: the first index (>= 0), -ENOSPC, or -EINVAL if the pool could never
 * hold it. -ENOSPC means for up to 63 buffers that no such run is free now. For more
 * it means that none is free of @count and a 32nd part; one that is shorter may
 * have been overlooked, but never while all buffers are free.
 */
int64_t arena_pool_get(struct arena_pool *p, uint32_t count);

/** arena_pool_io_begin() - OWNED or IN_IO -> IN_IO, for one operation of the kernel more */
int arena_pool_io_begin(struct arena_pool *p, uint32_t index, uint32_t count);

/** arena_pool_io_end() - one operation has completed; after the last one OWNED */
int arena_pool_io_end(struct arena_pool *p, uint32_t index, uint32_t count);

/**
 * arena_pool_put() - OWNED -> FREE, the same run that was got
 *
 * Return: 0, -EBUSY if it is IN_IO, or -EINVAL.
 */
int arena_pool_put(struct arena_pool *p, uint32_t index, uint32_t count);

/**
 * arena_pool_lend() - OWNED -> LENT to a peer, with a tag to recognise it
 *
 * Return: 0, -EBUSY if it is IN_IO, or -EINVAL.
 */
int arena_pool_lend(struct arena_pool *p, uint32_t index, uint32_t count,
		    uint32_t tag);

/**
 * arena_pool_return() - LENT -> FREE, on a peer's word
 *
 * The run and the tag must be exactly what was handed, else -EINVAL.
 */
int arena_pool_return(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag);

/** arena_pool_regain() - LENT or LOST -> OWNED, otherwise the same */
int arena_pool_regain(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag);

/** arena_pool_lose() - LENT -> LOST, all with this tag; O(runs) */
void arena_pool_lose(struct arena_pool *p, uint32_t tag);

/**
 * arena_pool_reclaim() - LOST -> FREE, where @may_free says so; O(runs)
 * @p: pool
 * @may_free: asked for each run that is LOST
 * @context: for @may_free
 */
void arena_pool_reclaim(struct arena_pool *p,
			bool (*may_free)(void *context, uint32_t index, uint32_t count),
			void *context);

/**
 * arena_pool_reset() - all FREE; O(runs)
 *
 * Return: 0, or -EBUSY if any is IN_IO, LENT or LOST.
 */
int arena_pool_reset(struct arena_pool *p);

/** arena_pool_extent() - the run that begins at @index, an index of the pool */
struct arena_extent arena_pool_extent(const struct arena_pool *p, uint32_t index);

/** arena_pool_usage() - how many buffers are in which state */
struct arena_usage arena_pool_usage(const struct arena_pool *p);

/** arena_pool_available() - how many buffers are FREE */
uint32_t arena_pool_available(const struct arena_pool *p);

#endif /* ARENA_POOL_H */
