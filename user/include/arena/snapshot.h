/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading what a peer may be writing.
 */
#ifndef ARENA_SNAPSHOT_H
#define ARENA_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias)) arena_word;

/**
 * arena_snapshot() - copy shared memory once into private memory
 * @copy: private
 * @shared: memory that a peer can change at any time
 * @size: bytes
 *
 * Checks are made on the copy. Each byte is loaded once: memcpy(3) may load some
 * twice, and the compiler may read @shared again in place of the copy, which could
 * then differ from what was checked; neither does so with atomic loads. The copy
 * may be torn; that makes it wrong, not dangerous.
 */
static inline void arena_snapshot(void *copy, const void *shared, size_t size)
{
	const unsigned char *from = (const unsigned char *)shared;
	unsigned char *to = (unsigned char *)copy;
	size_t i = 0;

	if (!((uintptr_t)from % sizeof(arena_word)))
		for (; size - i >= sizeof(arena_word); i += sizeof(arena_word)) {
			arena_word word = __atomic_load_n((const arena_word *)(from + i),
							  __ATOMIC_RELAXED);

			memcpy(to + i, &word, sizeof(word));
		}
	for (; i < size; i++)
		to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
}

#endif /* ARENA_SNAPSHOT_H */
