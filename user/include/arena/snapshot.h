/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Read memory that a peer may be writing. This header must not know what the bytes mean.
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
 * The caller checks the copy and uses only the copy. Each byte is loaded once, by an atomic
 * load. With memcpy(3) the compiler could read @shared again in place of the copy, and find
 * a value that differs from what was checked. If the peer writes at the same time, the copy
 * may be a mixture of old and new bytes: its values are then wrong, but they do not change.
 */
static inline void arena_snapshot(void *copy, const void *shared, size_t size)
{
	const unsigned char *from = (const unsigned char *)shared;
	unsigned char *to = (unsigned char *)copy;
	size_t i = 0;

	for (; i < size && (uintptr_t)(from + i) % sizeof(arena_word); i++)
		to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
	for (; size - i >= sizeof(arena_word); i += sizeof(arena_word)) {
		arena_word word = __atomic_load_n((const arena_word *)(from + i),
						  __ATOMIC_RELAXED);

		memcpy(to + i, &word, sizeof(word));
	}
	for (; i < size; i++)
		to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
}

#endif /* ARENA_SNAPSHOT_H */
