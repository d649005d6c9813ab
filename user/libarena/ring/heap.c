// SPDX-License-Identifier: LGPL-2.1-or-later
#include "heap.h"

#include <stdlib.h>

bool ring_heap_init(struct ring_heap *h, uint32_t keys)
{
	h->n = 0;
	h->entry = calloc(keys, sizeof(*h->entry));
	h->place = calloc(keys, sizeof(*h->place));
	return h->entry && h->place;
}

void ring_heap_free(struct ring_heap *h)
{
	free(h->entry);
	free(h->place);
}

static void put(struct ring_heap *h, uint32_t i, struct ring_heap_entry e)
{
	h->entry[i] = e;
	h->place[e.key] = i + 1;
}

/* Move @e up from @i to its place. */
static void rise(struct ring_heap *h, uint32_t i, struct ring_heap_entry e)
{
	while (i && e.at < h->entry[(i - 1) / 2].at) {
		put(h, i, h->entry[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, e);
}

/* Move @e down from @i to its place, or up if it is earlier than its parent. */
static void settle(struct ring_heap *h, uint32_t i, struct ring_heap_entry e)
{
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < h->n && h->entry[child + 1].at < h->entry[child].at)
			child++;
		if (child >= h->n || e.at <= h->entry[child].at)
			break;
		put(h, i, h->entry[child]);
		i = child;
	}
	rise(h, i, e);
}

void ring_heap_set(struct ring_heap *h, uint32_t key, int64_t at)
{
	uint32_t i = h->place[key] ? h->place[key] - 1 : h->n++;

	settle(h, i, (struct ring_heap_entry){ at, key });
}

void ring_heap_remove(struct ring_heap *h, uint32_t key)
{
	uint32_t i = h->place[key] - 1;

	if (!h->place[key])
		return;
	h->place[key] = 0;
	if (i != --h->n)
		settle(h, i, h->entry[h->n]);
}
