// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BITS	64U
#define RUN_HANDED	(1U << 31)
#define MAX_COUNT	(RUN_HANDED - 1)

/**
 * struct arena_run - what is known of the run that begins at a buffer
 * @length: buffers, with RUN_HANDED if a peer has it; 0 if no run begins here
 * @tag: of a run that a peer has
 * @lent: operations of the kernel on it, of a run that no peer has
 */
struct arena_run {
	uint32_t length;
	union {
		uint32_t tag;
		uint32_t lent;
	};
};

/**
 * struct arena_pool - next-fit over a bitmap
 * @count: buffers
 * @available: those of them that are free
 * @next: where the last run ended and the next search begins
 * @words: of @is_free
 * @run: one for each buffer
 * @is_free: a bit for each buffer; those past the end are never set
 */
struct arena_pool {
	uint32_t count;
	uint32_t available;
	uint32_t next;
	uint32_t words;
	struct arena_run *run;
	uint64_t is_free[];
};

/* Set (or clear) @count bits from @first on. */
static void mark(struct arena_pool *p, uint32_t first, uint32_t count, int is_free)
{
	while (count) {
		uint32_t bit = first % WORD_BITS;
		uint32_t n = WORD_BITS - bit < count ? WORD_BITS - bit : count;
		uint64_t mask = (n < WORD_BITS ? (1ULL << n) - 1 : ~0ULL) << bit;

		if (is_free)
			p->is_free[first / WORD_BITS] |= mask;
		else
			p->is_free[first / WORD_BITS] &= ~mask;
		first += n;
		count -= n;
	}
}

/* The first bit from @from on that is set (@invert 0) or clear (~0). */
static uint32_t find_bit(const struct arena_pool *p, uint32_t from, uint64_t invert)
{
	uint32_t w = from / WORD_BITS;
	uint64_t word;

	if (from >= p->count)
		return p->count;
	word = (p->is_free[w] ^ invert) & (~0ULL << from % WORD_BITS);
	while (!word) {
		if (++w == p->words)
			return p->count;
		word = p->is_free[w] ^ invert;
	}
	from = w * WORD_BITS + (uint32_t)__builtin_ctzll(word);
	return from < p->count ? from : p->count;
}

/* The first free run of @count that begins in [@from, @before), or -ENOSPC. */
static int64_t find_run(const struct arena_pool *p, uint32_t count,
			uint32_t from, uint32_t before)
{
	for (;;) {
		uint32_t first = find_bit(p, from, 0);

		if (first >= before || p->count - first < count)
			return -ENOSPC;
		from = find_bit(p, first, ~0ULL);
		if (from - first >= count)
			return first;
	}
}

struct arena_pool *arena_pool_new(uint32_t count)
{
	uint32_t words = count / WORD_BITS + !!(count % WORD_BITS);
	struct arena_pool *p;

	if (!count || count > MAX_COUNT)
		return NULL;
	p = calloc(1, sizeof(*p) + words * sizeof(p->is_free[0]));
	if (!p)
		return NULL;
	p->run = calloc(count, sizeof(*p->run));
	if (!p->run) {
		free(p);
		return NULL;
	}
	p->count = count;
	p->available = count;
	p->words = words;
	mark(p, 0, count, 1);
	return p;
}

void arena_pool_free(struct arena_pool *p)
{
	if (!p)
		return;
	free(p->run);
	free(p);
}

int64_t arena_pool_get(struct arena_pool *p, uint32_t count)
{
	int64_t first;

	if (!count || count > p->count)
		return -EINVAL;
	if (count > p->available)
		return -ENOSPC;
	first = find_run(p, count, p->next, p->count);
	if (first < 0)
		first = find_run(p, count, 0, p->next);
	if (first < 0)
		return first;

	mark(p, (uint32_t)first, count, 0);
	p->run[first].length = count;
	p->available -= count;
	p->next = (uint32_t)first + count;
	return first;
}

static int is_run(const struct arena_pool *p, uint32_t index, uint32_t length)
{
	return index < p->count && p->run[index].length == length;
}

/* 0 if it is ours, and nobody else's; -EBUSY if the kernel works on it. */
static int is_owned(const struct arena_pool *p, uint32_t index, uint32_t count)
{
	if (!count || count > MAX_COUNT || !is_run(p, index, count))
		return -EINVAL;
	return p->run[index].lent ? -EBUSY : 0;
}

static void release(struct arena_pool *p, uint32_t index, uint32_t count)
{
	p->run[index] = (struct arena_run){ 0 };
	p->available += count;
	mark(p, index, count, 1);
}

int arena_pool_lend(struct arena_pool *p, uint32_t index, uint32_t count)
{
	if (is_owned(p, index, count) == -EINVAL || p->run[index].lent == UINT32_MAX)
		return -EINVAL;
	p->run[index].lent++;
	return 0;
}

int arena_pool_done(struct arena_pool *p, uint32_t index, uint32_t count)
{
	if (is_owned(p, index, count) != -EBUSY)
		return -EINVAL;
	p->run[index].lent--;
	return 0;
}

int arena_pool_put(struct arena_pool *p, uint32_t index, uint32_t count)
{
	int ret = is_owned(p, index, count);

	if (!ret)
		release(p, index, count);
	return ret;
}

int arena_pool_hand(struct arena_pool *p, uint32_t index, uint32_t count,
		    uint32_t tag)
{
	int ret = is_owned(p, index, count);

	if (!ret)
		p->run[index] = (struct arena_run){ .length = count | RUN_HANDED, .tag = tag };
	return ret;
}

int arena_pool_return(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag)
{
	if (!count || count > MAX_COUNT || !is_run(p, index, count | RUN_HANDED) ||
	    p->run[index].tag != tag)
		return -EINVAL;
	release(p, index, count);
	return 0;
}

uint32_t arena_pool_available(const struct arena_pool *p)
{
	return p->available;
}
