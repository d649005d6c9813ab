/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading what a peer may be writing.
 */
#ifndef ARENA_SNAPSHOT_H
#define ARENA_SNAPSHOT_H

#include <stddef.h>
#include <string.h>

/**
 * arena_snapshot() - copy shared memory once into private memory
 * @copy: private
 * @shared: memory that a peer can change at any time
 * @size: bytes
 *
 * Checks are made on the copy. The barrier keeps the compiler from reading
 * @shared a second time in place of the copy, which could then differ from what
 * was checked. The copy may be torn; that makes it wrong, not dangerous.
 */
static inline void arena_snapshot(void *copy, const void *shared, size_t size)
{
	memcpy(copy, shared, size);
	__asm__ volatile("" : : "r"(copy) : "memory");
}

#endif /* ARENA_SNAPSHOT_H */
