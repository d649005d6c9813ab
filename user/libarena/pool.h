/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has which buffer of a group that this process owns.
 *
 * The state lies in the owner's private memory: a peer cannot touch it. A run
 * of buffers goes FREE -> OWNED -> HANDED -> FREE, or OWNED -> FREE. While the
 * kernel works on it, it is LENT, once for each operation: from before that is
 * submitted until its completion has come, also if it is cancelled meanwhile. What
 * is lent can be neither freed nor handed. Any other step is refused, with
 * -EINVAL if not said otherwise, and changes nothing. Not thread-safe: one thread
 * owns a pool.
 */
#ifndef ARENA_POOL_H
#define ARENA_POOL_H

#include <stdint.h>

struct arena_pool;

/** arena_pool_new() - a pool of @count free buffers, or NULL */
struct arena_pool *arena_pool_new(uint32_t count);
/** arena_pool_free() - end a pool; NULL is allowed */
void arena_pool_free(struct arena_pool *p);

/**
 * arena_pool_get() - FREE -> OWNED: a run of @count consecutive buffers
 *
 * Return: the first index (>= 0), -ENOSPC if no such run is free now, or
 * -EINVAL if the pool could never hold it.
 */
int64_t arena_pool_get(struct arena_pool *p, uint32_t count);

/** arena_pool_lend() - OWNED or LENT -> LENT, for one operation of the kernel more */
int arena_pool_lend(struct arena_pool *p, uint32_t index, uint32_t count);

/** arena_pool_done() - one operation has completed; after the last one OWNED */
int arena_pool_done(struct arena_pool *p, uint32_t index, uint32_t count);

/**
 * arena_pool_put() - OWNED -> FREE, the same run that was got
 *
 * Return: 0, -EBUSY if it is LENT, or -EINVAL.
 */
int arena_pool_put(struct arena_pool *p, uint32_t index, uint32_t count);

/**
 * arena_pool_hand() - OWNED -> HANDED to a peer, with a tag to recognise it
 *
 * Return: 0, -EBUSY if it is LENT, or -EINVAL.
 */
int arena_pool_hand(struct arena_pool *p, uint32_t index, uint32_t count,
		    uint32_t tag);

/**
 * arena_pool_return() - HANDED -> FREE, on a peer's word
 *
 * The run and the tag must be exactly what was handed, else -EINVAL.
 */
int arena_pool_return(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag);

/** arena_pool_available() - how many buffers are FREE */
uint32_t arena_pool_available(const struct arena_pool *p);

#endif /* ARENA_POOL_H */
