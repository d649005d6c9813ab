// SPDX-License-Identifier: LGPL-2.1-or-later
#include "records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many extents are tried of a list in which some may be too short. */
#define MAX_TRIES	4

#define NONE	UINT32_MAX

/*
 * Lists
 */

/* The number of low bits in which lengths of one class may differ. */
static uint32_t class_shift(uint32_t count)
{
	uint32_t top = 31 - (uint32_t)__builtin_clz(count);

	return top > POOL_SECOND_BITS ? top - POOL_SECOND_BITS : 0;
}

/* Classes ascend with the length. The upper part is the word of the bitmap, the lower the bit. */
static uint32_t class_of(uint32_t count)
{
	uint32_t shift = class_shift(count);

	return (shift << POOL_SECOND_BITS) + (count >> shift);
}

/* The first class from @class on whose list is not empty, or NONE. */
static uint32_t nonempty_class(const struct arena_pool *p, uint32_t class)
{
	uint32_t word = class >> POOL_SECOND_BITS;
	uint32_t map = p->second_map[word] & ~0U << (class & (POOL_SECONDS - 1));

	if (!map) {
		uint32_t words = p->first_map & ~0U << (word + 1);

		if (!words)
			return NONE;
		word = (uint32_t)__builtin_ctz(words);
		map = p->second_map[word];
	}
	return (word << POOL_SECOND_BITS) + (uint32_t)__builtin_ctz(map);
}

static void list_add(struct arena_pool *p, uint32_t index)
{
	struct pool_record *r = &p->record[index];
	uint32_t class = class_of(r->count);
	uint32_t *head = &p->list[class];

	r->previous = NONE;
	r->next = *head;
	if (*head != NONE)
		p->record[*head].previous = index;
	*head = index;
	p->second_map[class >> POOL_SECOND_BITS] |= 1U << (class & (POOL_SECONDS - 1));
	p->first_map |= 1U << (class >> POOL_SECOND_BITS);
}

static void list_remove(struct arena_pool *p, uint32_t index)
{
	const struct pool_record *r = &p->record[index];
	uint32_t class = class_of(r->count);
	uint32_t word = class >> POOL_SECOND_BITS;

	if (r->next != NONE)
		p->record[r->next].previous = r->previous;
	if (r->previous != NONE) {
		p->record[r->previous].next = r->next;
		return;
	}
	p->list[class] = r->next;
	if (r->next != NONE)
		return;
	p->second_map[word] &= ~(1U << (class & (POOL_SECONDS - 1)));
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
	p->record[index].place = POOL_FREE;
	list_add(p, index);
}

/* The length of the free extent that ends before @index; 0 if there is none. */
static uint32_t free_before(const struct arena_pool *p, uint32_t index)
{
	enum pool_place place = index ? p->record[index - 1].place : POOL_OWNED;

	return place == POOL_INSIDE || place == POOL_FREE ? p->record[index - 1].count : 0;
}

/* The length of the free extent that begins at @index; 0 if there is none. */
static uint32_t free_at(const struct arena_pool *p, uint32_t index)
{
	return index < p->count && p->record[index].place == POOL_FREE ? p->record[index].count : 0;
}

/*
 * Free an extent, which the caller has removed from @usage, and join it with free
 * neighbours. Return: the first buffer of the joined extent.
 */
static uint32_t release(struct arena_pool *p, uint32_t index)
{
	uint32_t count = p->record[index].count;
	uint32_t before = free_before(p, index), after = free_at(p, index + count);

	p->usage->free += count;
	p->record[index].place = POOL_INSIDE;
	if (after) {
		list_remove(p, index + count);
		p->record[index + count].place = POOL_INSIDE;
	}
	if (before)
		list_remove(p, index - before);
	make_free(p, index - before, before + count + after);
	return index - before;
}

static void begin_life(const struct arena_pool *p, struct pool_record *r)
{
	if (!r->generation)
		r->generation = p->skipped;
	r->generation++;
	/* Refs carry the low half, in which 0 means no generation. */
	if (!(r->generation & 0xffff))
		r->generation++;
	r->place = POOL_OWNED;
	r->io_count = 0;
	r->tag = 0;
}

/* Take an extent out of the free one that begins at @at. The rest stays free. */
static void carve(struct arena_pool *p, uint32_t at, uint32_t index, uint32_t count)
{
	uint32_t before = index - at, after = p->record[at].count - before - count;

	list_remove(p, at);
	if (before)
		make_free(p, at, before);
	if (after)
		make_free(p, index + count, after);
	/* The order is that of make_free(). */
	p->record[index + count - 1].count = 0;
	p->record[index].count = count;
	p->usage->free -= count;
}

/* Return: the start of the free extent in which all of these buffers lie; NONE if there is none. */
static uint32_t free_around(const struct arena_pool *p, uint32_t index, uint32_t count)
{
	uint32_t at = 0;

	while (p->record[at].count <= index - at)
		at += p->record[at].count;
	return p->record[at].place == POOL_FREE && p->record[at].count - (index - at) >= count ?
	       at : NONE;
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
	p->own_usage.size = sizeof(p->own_usage);
	p->usage = &p->own_usage;
	p->usage->free = count;
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
	uint32_t index;

	if (!count || count > p->count)
		return -EINVAL;
	index = list_find(p, count);
	if (index == NONE)
		return -ENOSPC;

	carve(p, index, index, count);
	begin_life(p, &p->record[index]);
	p->usage->owned += count;
	return index;
}

void arena_pool_skip(struct arena_pool *p, uint32_t lives)
{
	p->skipped = lives;
}

int arena_pool_io_begin(struct arena_pool *p, uint32_t index, uint32_t count)
{
	return pool_io_begin(p, index, count);
}

int arena_pool_io_end(struct arena_pool *p, uint32_t index, uint32_t count)
{
	return pool_io_end(p, index, count);
}

int arena_pool_put(struct arena_pool *p, uint32_t index, uint32_t count)
{
	int ret = pool_check_owned(p, index, count);

	if (ret)
		return ret;
	p->usage->owned -= count;
	release(p, index);
	return 0;
}

int arena_pool_lend(struct arena_pool *p, uint32_t index, uint32_t count,
		    uint32_t tag)
{
	int ret = pool_check_owned(p, index, count);

	if (ret)
		return ret;
	p->record[index].place = POOL_LENT;
	p->record[index].tag = tag;
	p->usage->owned -= count;
	p->usage->lent += count;
	return 0;
}

/* The first number after the last life whose low half is @low. */
static uint32_t next_like(uint32_t last, uint16_t low)
{
	uint32_t next = (last & ~0xffffU) | low;

	return next > last ? next : next + 0x10000;
}

int arena_pool_lend_held(struct arena_pool *p, uint32_t index, uint32_t count, uint32_t tag,
			 uint16_t generation)
{
	uint32_t at = NONE;

	if (generation && count && index < p->count && count <= p->count - index)
		at = free_around(p, index, count);
	if (at == NONE)
		return -EINVAL;
	carve(p, at, index, count);
	p->record[index].place = POOL_LENT;
	p->record[index].generation = next_like(p->record[index].generation, generation);
	p->record[index].io_count = 0;
	p->record[index].tag = tag;
	p->usage->lent += count;
	return 0;
}

int arena_pool_return(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag)
{
	const struct pool_record *r = pool_extent_in(p, index, count, POOL_LENT);

	if (!r || r->tag != tag)
		return -EINVAL;
	p->usage->lent -= count;
	release(p, index);
	return 0;
}

int arena_pool_regain(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag)
{
	struct pool_record *r = pool_extent_in(p, index, count, POOL_LENT);
	uint32_t *from = &p->usage->lent;

	if (!r) {
		r = pool_extent_in(p, index, count, POOL_LOST);
		from = &p->usage->lost;
	}
	if (!r || r->tag != tag)
		return -EINVAL;
	r->place = POOL_OWNED;
	*from -= count;
	p->usage->owned += count;
	return 0;
}

void arena_pool_lose(struct arena_pool *p, uint32_t tag)
{
	for (uint32_t i = 0; i < p->count; i += p->record[i].count) {
		struct pool_record *r = &p->record[i];

		if (r->place != POOL_LENT || r->tag != tag)
			continue;
		r->place = POOL_LOST;
		p->usage->lent -= r->count;
		p->usage->lost += r->count;
	}
}

void arena_pool_reclaim(struct arena_pool *p,
			bool (*may_free)(void *context, uint32_t index, uint32_t count),
			void *context)
{
	for (uint32_t i = 0; i < p->count && p->usage->lost; i += p->record[i].count) {
		uint32_t count = p->record[i].count;

		if (p->record[i].place != POOL_LOST || !may_free(context, i, count))
			continue;
		p->usage->lost -= count;
		i = release(p, i);
	}
}

int arena_pool_reset(struct arena_pool *p)
{
	if (p->usage->in_io || p->usage->lent || p->usage->lost)
		return -EBUSY;
	for (uint32_t i = 0; i < p->count; i += p->record[i].count)
		if (p->record[i].place == POOL_OWNED)
			i = release(p, i);
	p->usage->owned = 0;
	return 0;
}

struct arena_extent arena_pool_extent(const struct arena_pool *p, uint32_t index)
{
	return pool_extent(p, index);
}

struct arena_usage arena_pool_usage(const struct arena_pool *p)
{
	return *p->usage;
}

void arena_pool_keep_usage(struct arena_pool *p, struct arena_usage *at)
{
	*at = *p->usage;
	p->usage = at;
}

uint32_t arena_pool_available(const struct arena_pool *p)
{
	return p->usage->free;
}
