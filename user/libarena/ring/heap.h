/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A heap of times, for at most one time of each key. It is as large as there are keys, so
 * nothing fails after ring_heap_init(). All calls are O(log n) but the first, which is O(1).
 *
 * It must not know what the keys stand for.
 */
#ifndef ARENA_RING_HEAP_H
#define ARENA_RING_HEAP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct ring_heap - times, the earliest first
 * @entry: the heap
 * @place: for each key, where its entry is, counted from 1; 0 if it has none
 * @n: entries
 */
struct ring_heap {
	struct ring_heap_entry {
		int64_t at;
		uint32_t key;
	} *entry;
	uint32_t *place;
	uint32_t n;
};

/** ring_heap_first() - the earliest time; INT64_MAX if there is none */
static inline int64_t ring_heap_first(const struct ring_heap *h)
{
	return h->n ? h->entry[0].at : INT64_MAX;
}

/** ring_heap_init() - an empty heap for keys below @keys; false without memory */
bool ring_heap_init(struct ring_heap *h, uint32_t keys);
/** ring_heap_free() - free its memory */
void ring_heap_free(struct ring_heap *h);
/** ring_heap_set() - the time of a key, in place of one that it may have had */
void ring_heap_set(struct ring_heap *h, uint32_t key, int64_t at);
/** ring_heap_remove() - no time for a key; it may have none */
void ring_heap_remove(struct ring_heap *h, uint32_t key);

#endif /* ARENA_RING_HEAP_H */
