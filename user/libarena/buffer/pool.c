// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Free extents are kept in lists by length: two-level segregated fit (TLSF), by M. Masmano,
 * I. Ripoll, A. Crespo, J. Real, "TLSF: a New Dynamic Memory Allocator for Real-Time
 * Systems", ECRTS 2004. Each length below 64 has a list of its own, and greater lengths
 * share 32 lists for each power of two. Bitmaps say which lists are not empty. This
 * version differs in two ways. Its records lie beside the buffers, not in them. And if
 * every list whose extents are all long enough is empty, it also tries a few extents of
 * the list below, some of which may be long enough.
 */
#define SECOND_BITS	5U
#define SECONDS		(1U << SECOND_BITS)
#define FIRSTS		21U
#define CLASSES		(FIRSTS * SECONDS)

/* How many extents are tried of a list in which some may be too short. */
#define MAX_TRIES	4

#define NONE	UINT32_MAX

/**
 * enum place - what a buffer is to the pool
 * @INSIDE: it is not the first buffer of an extent
 * @FREE: it is the first buffer of an extent that nobody uses
 * @OWNED: the first of one that this process owns; IN_IO while @io_count is not 0
 * @LENT: the first of one that a peer has
 * @LOST: the first of one that a peer had when it died
 */
enum place {
	INSIDE,
	FREE,
	OWNED,
	LENT,
	LOST,
};

/**
 * struct record - the record of a buffer
 * @count: in the first buffer of an extent: its number of buffers. In the last buffer,
 *	unless it is also the first: the same if the extent is free, so that free_before()
 *	finds the first one, and 0 otherwise
 * @place: enum place
 * @generation: of the life that began here last; 0 if none has begun
 * @next: in the first buffer of a free extent: the next extent in its list
 * @previous: in the first buffer of a free extent: the previous extent in its list
 * @io_count: in the first buffer of an OWNED extent: operations of the kernel on it
 * @tag: in the first buffer of a LENT or LOST extent: the tag of arena_pool_lend()
 */
struct record {
	uint32_t count : 28;
	uint32_t place : 4;
	uint32_t generation;
	union {
		struct {
			uint32_t next;
			uint32_t previous;
		};
		struct {
			uint32_t io_count;
			uint32_t tag;
		};
	};
};

static_assert(sizeof(struct record) == 16, "pool.h says what a buffer costs");

/**
 * struct arena_pool - the records of a group's buffers
 * @count: number of buffers
 * @usage: number of buffers in each state
 * @first_map: a bit for each word of @second_map, set if the word is not 0
 * @second_map: a bit for each list, set if the list is not empty
 * @list: the first extent of each class, or NONE
 * @record: one for each buffer
 */
struct arena_pool {
	uint32_t count;
	struct arena_usage usage;
	uint32_t first_map;
	uint32_t second_map[FIRSTS];
	uint32_t list[CLASSES];
	struct record *record;
};

/*
 * Lists
 */

/* The number of low bits in which lengths of one class may differ. */
static uint32_t class_shift(uint32_t count)
{
	uint32_t top = 31 - (uint32_t)__builtin_clz(count);

	return top > SECOND_BITS ? top - SECOND_BITS : 0;
}

/* Classes ascend with the length. The upper part is the word of the bitmap, the lower the bit. */
static uint32_t class_of(uint32_t count)
{
	uint32_t shift = class_shift(count);

	return (shift << SECOND_BITS) + (count >> shift);
}

/* The first class from @class on whose list is not empty, or NONE. */
static uint32_t nonempty_class(const struct arena_pool *p, uint32_t class)
{
	uint32_t word = class >> SECOND_BITS;
	uint32_t map = p->second_map[word] & ~0U << (class & (SECONDS - 1));

	if (!map) {
		uint32_t words = p->first_map & ~0U << (word + 1);

		if (!words)
			return NONE;
		word = (uint32_t)__builtin_ctz(words);
		map = p->second_map[word];
	}
	return (word << SECOND_BITS) + (uint32_t)__builtin_ctz(map);
}

static void list_add(struct arena_pool *p, uint32_t index)
{
	struct record *r = &p->record[index];
	uint32_t class = class_of(r->count);
	uint32_t *head = &p->list[class];

	r->previous = NONE;
	r->next = *head;
	if (*head != NONE)
		p->record[*head].previous = index;
	*head = index;
	p->second_map[class >> SECOND_BITS] |= 1U << (class & (SECONDS - 1));
	p->first_map |= 1U << (class >> SECOND_BITS);
}

static void list_remove(struct arena_pool *p, uint32_t index)
{
	const struct record *r = &p->record[index];
	uint32_t class = class_of(r->count);
	uint32_t word = class >> SECOND_BITS;

	if (r->next != NONE)
		p->record[r->next].previous = r->previous;
	if (r->previous != NONE) {
		p->record[r->previous].next = r->next;
		return;
	}
	p->list[class] = r->next;
	if (r->next != NONE)
		return;
	p->second_map[word] &= ~(1U << (class & (SECONDS - 1)));
	if (!p->second_map[word])
		p->first_map &= ~(1U << word);
}

/* A free extent of at least @count buffers, or NONE. */
static uint32_t list_find(const struct arena_pool *p, uint32_t count)
{
	uint32_t enough = count + (1U << class_shift(count)) - 1;
	uint32_t class = enough <= p->count ? nonempty_class(p, class_of(enough)) : NONE;
	uint32_t index;

	if (class != NONE)
		return p->list[class];
	index = p->list[class_of(count)];
	for (int i = 0; i < MAX_TRIES && index != NONE; i++) {
		if (p->record[index].count >= count)
			return index;
		index = p->record[index].next;
	}
	return NONE;
}

/*
 * Extents
 */

static void make_free(struct arena_pool *p, uint32_t index, uint32_t count)
{
	/* The last buffer is written first, because it may be the first one, too. */
	p->record[index + count - 1].count = count;
	p->record[index].count = count;
	p->record[index].place = FREE;
	list_add(p, index);
}

/* The length of the free extent that ends before @index; 0 if there is none. */
static uint32_t free_before(const struct arena_pool *p, uint32_t index)
{
	enum place place = index ? p->record[index - 1].place : OWNED;

	return place == INSIDE || place == FREE ? p->record[index - 1].count : 0;
}

/* The length of the free extent that begins at @index; 0 if there is none. */
static uint32_t free_at(const struct arena_pool *p, uint32_t index)
{
	return index < p->count && p->record[index].place == FREE ? p->record[index].count : 0;
}

/*
 * Free an extent, which the caller has removed from @usage, and join it with free
 * neighbours. Return: the first buffer of the joined extent.
 */
static uint32_t release(struct arena_pool *p, uint32_t index)
{
	uint32_t count = p->record[index].count;
	uint32_t before = free_before(p, index), after = free_at(p, index + count);

	p->usage.free += count;
	p->record[index].place = INSIDE;
	if (after) {
		list_remove(p, index + count);
		p->record[index + count].place = INSIDE;
	}
	if (before)
		list_remove(p, index - before);
	make_free(p, index - before, before + count + after);
	return index - before;
}

static void begin_life(struct record *r)
{
	r->generation++;
	/* Refs carry the low half, in which 0 means no generation. */
	if (!(r->generation & 0xffff))
		r->generation++;
	r->place = OWNED;
	r->io_count = 0;
	r->tag = 0;
}

struct arena_pool *arena_pool_new(uint32_t count)
{
	struct arena_pool *p;

	if (!count || count > ARENA_POOL_MAX)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->record = calloc(count, sizeof(*p->record));
	if (!p->record) {
		free(p);
		return NULL;
	}
	memset(p->list, 0xff, sizeof(p->list));
	p->count = count;
	p->usage.free = count;
	make_free(p, 0, count);
	return p;
}

void arena_pool_free(struct arena_pool *p)
{
	if (!p)
		return;
	free(p->record);
	free(p);
}

int64_t arena_pool_get(struct arena_pool *p, uint32_t count)
{
	uint32_t index, rest;

	if (!count || count > p->count)
		return -EINVAL;
	index = list_find(p, count);
	if (index == NONE)
		return -ENOSPC;

	list_remove(p, index);
	rest = p->record[index].count - count;
	if (rest)
		make_free(p, index + count, rest);
	/* The order is that of make_free(). */
	p->record[index + count - 1].count = 0;
	p->record[index].count = count;
	begin_life(&p->record[index]);
	p->usage.free -= count;
	p->usage.owned += count;
	return index;
}

/* The record of exactly this extent if it is in this place, else NULL. */
static struct record *extent_in(struct arena_pool *p, uint32_t index, uint32_t count,
				enum place place)
{
	struct record *r = index < p->count ? &p->record[index] : NULL;

	return r && r->place == place && r->count == count ? r : NULL;
}

/* 0 if the extent is OWNED, -EBUSY if the kernel works on it, else -EINVAL. */
static int is_owned(struct arena_pool *p, uint32_t index, uint32_t count)
{
	const struct record *r = extent_in(p, index, count, OWNED);

	if (!r)
		return -EINVAL;
	return r->io_count ? -EBUSY : 0;
}

int arena_pool_io_begin(struct arena_pool *p, uint32_t index, uint32_t count)
{
	struct record *r = extent_in(p, index, count, OWNED);

	if (!r || r->io_count == UINT32_MAX)
		return -EINVAL;
	if (!r->io_count++) {
		p->usage.owned -= count;
		p->usage.in_io += count;
	}
	return 0;
}

int arena_pool_io_end(struct arena_pool *p, uint32_t index, uint32_t count)
{
	if (is_owned(p, index, count) != -EBUSY)
		return -EINVAL;
	if (!--p->record[index].io_count) {
		p->usage.in_io -= count;
		p->usage.owned += count;
	}
	return 0;
}

int arena_pool_put(struct arena_pool *p, uint32_t index, uint32_t count)
{
	int ret = is_owned(p, index, count);

	if (ret)
		return ret;
	p->usage.owned -= count;
	release(p, index);
	return 0;
}

int arena_pool_lend(struct arena_pool *p, uint32_t index, uint32_t count,
		    uint32_t tag)
{
	int ret = is_owned(p, index, count);

	if (ret)
		return ret;
	p->record[index].place = LENT;
	p->record[index].tag = tag;
	p->usage.owned -= count;
	p->usage.lent += count;
	return 0;
}

int arena_pool_return(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag)
{
	const struct record *r = extent_in(p, index, count, LENT);

	if (!r || r->tag != tag)
		return -EINVAL;
	p->usage.lent -= count;
	release(p, index);
	return 0;
}

int arena_pool_regain(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag)
{
	struct record *r = extent_in(p, index, count, LENT);
	uint32_t *from = &p->usage.lent;

	if (!r) {
		r = extent_in(p, index, count, LOST);
		from = &p->usage.lost;
	}
	if (!r || r->tag != tag)
		return -EINVAL;
	r->place = OWNED;
	*from -= count;
	p->usage.owned += count;
	return 0;
}

void arena_pool_lose(struct arena_pool *p, uint32_t tag)
{
	for (uint32_t i = 0; i < p->count; i += p->record[i].count) {
		struct record *r = &p->record[i];

		if (r->place != LENT || r->tag != tag)
			continue;
		r->place = LOST;
		p->usage.lent -= r->count;
		p->usage.lost += r->count;
	}
}

void arena_pool_reclaim(struct arena_pool *p,
			bool (*may_free)(void *context, uint32_t index, uint32_t count),
			void *context)
{
	for (uint32_t i = 0; i < p->count && p->usage.lost; i += p->record[i].count) {
		uint32_t count = p->record[i].count;

		if (p->record[i].place != LOST || !may_free(context, i, count))
			continue;
		p->usage.lost -= count;
		i = release(p, i);
	}
}

int arena_pool_reset(struct arena_pool *p)
{
	if (p->usage.in_io || p->usage.lent || p->usage.lost)
		return -EBUSY;
	for (uint32_t i = 0; i < p->count; i += p->record[i].count)
		if (p->record[i].place == OWNED)
			i = release(p, i);
	p->usage.owned = 0;
	return 0;
}

struct arena_extent arena_pool_extent(const struct arena_pool *p, uint32_t index)
{
	const struct record *r = &p->record[index];
	struct arena_extent e = { .count = r->count, .generation = r->generation };

	switch (r->place) {
	case OWNED:
		e.state = r->io_count ? ARENA_IN_IO : ARENA_OWNED;
		e.io_count = r->io_count;
		break;
	case LENT:
	case LOST:
		e.state = r->place == LENT ? ARENA_LENT : ARENA_LOST;
		e.peer = r->tag;
		break;
	default:
		e.state = ARENA_STALE;
	}
	return e;
}

struct arena_usage arena_pool_usage(const struct arena_pool *p)
{
	return p->usage;
}

uint32_t arena_pool_available(const struct arena_pool *p)
{
	return p->usage.free;
}
