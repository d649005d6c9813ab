// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Free runs lie in lists by length, two-level segregated fit (TLSF): M. Masmano,
 * I. Ripoll, A. Crespo, J. Real, "TLSF: a New Dynamic Memory Allocator for
 * Real-Time Systems", ECRTS 2004. Lengths below 64 have a list each, longer ones
 * share 32 lists for each power of two; bitmaps tell which have anything. It
 * is theirs but for two things: all that it knows lies beside the buffers, not
 * in them; and where it finds nothing in the lists of which any run will do, it
 * looks at a few in the one before.
 */
#define SECOND_BITS	5U
#define SECONDS		(1U << SECOND_BITS)
#define FIRSTS		21U
#define CLASSES		(FIRSTS * SECONDS)

/* How many of a list are looked at that may be too short. */
#define LOOK_AT	4

#define NONE	UINT32_MAX

/**
 * enum place - what a buffer is to the pool
 * @INSIDE: not the first of a run
 * @FREE: the first of a run that nobody has
 * @OWNED: the first of a run of ours, IN_IO while the kernel works on it
 * @LENT: the first of a run that a peer has
 * @LOST: the first of a run that a peer had, which has died
 */
enum place {
	INSIDE,
	FREE,
	OWNED,
	LENT,
	LOST,
};

/**
 * struct slot - what is known of a buffer
 * @count: first of a run: its buffers. Last but not first: the same if the run is
 *	free, else 0, so that a neighbour that becomes free finds its first one.
 * @place: enum place
 * @generation: of the life that began here last, 0 if none did
 * @next: first of a free run: the next in its list
 * @previous: first of a free run: the previous in its list
 * @io_count: first of a run that is OWNED: operations of the kernel on it
 * @tag: first of a run that a peer has or had
 */
struct slot {
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

static_assert(sizeof(struct slot) == 16, "what the header says a buffer costs");

/**
 * struct arena_pool - all of it
 * @count: buffers
 * @usage: by state
 * @first_map: which words of @second_map are not 0
 * @second_map: which lists are not empty
 * @list: the first run of each class, or NONE
 * @slot: one for each buffer
 */
struct arena_pool {
	uint32_t count;
	struct arena_usage usage;
	uint32_t first_map;
	uint32_t second_map[FIRSTS];
	uint32_t list[CLASSES];
	struct slot *slot;
};

/*
 * Lists
 */

/* How many bits of a length of @count its class does not tell. */
static uint32_t class_shift(uint32_t count)
{
	uint32_t top = 31 - (uint32_t)__builtin_clz(count);

	return top > SECOND_BITS ? top - SECOND_BITS : 0;
}

/* Ascending with the length; its upper part is the word, its lower the bit. */
static uint32_t class_of(uint32_t count)
{
	uint32_t shift = class_shift(count);

	return (shift << SECOND_BITS) + (count >> shift);
}

/* The first class from @class on that has a run, or NONE. */
static uint32_t class_with_runs(const struct arena_pool *p, uint32_t class)
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
	struct slot *s = &p->slot[index];
	uint32_t class = class_of(s->count);
	uint32_t *head = &p->list[class];

	s->previous = NONE;
	s->next = *head;
	if (*head != NONE)
		p->slot[*head].previous = index;
	*head = index;
	p->second_map[class >> SECOND_BITS] |= 1U << (class & (SECONDS - 1));
	p->first_map |= 1U << (class >> SECOND_BITS);
}

static void list_remove(struct arena_pool *p, uint32_t index)
{
	const struct slot *s = &p->slot[index];
	uint32_t class = class_of(s->count);
	uint32_t word = class >> SECOND_BITS;

	if (s->next != NONE)
		p->slot[s->next].previous = s->previous;
	if (s->previous != NONE) {
		p->slot[s->previous].next = s->next;
		return;
	}
	p->list[class] = s->next;
	if (s->next != NONE)
		return;
	p->second_map[word] &= ~(1U << (class & (SECONDS - 1)));
	if (!p->second_map[word])
		p->first_map &= ~(1U << word);
}

/* A free run of at least @count, or NONE. */
static uint32_t list_find(const struct arena_pool *p, uint32_t count)
{
	uint32_t enough = count + (1U << class_shift(count)) - 1;
	uint32_t class = enough <= p->count ? class_with_runs(p, class_of(enough)) : NONE;
	uint32_t index;

	if (class != NONE)
		return p->list[class];
	index = p->list[class_of(count)];
	for (int i = 0; i < LOOK_AT && index != NONE; i++) {
		if (p->slot[index].count >= count)
			return index;
		index = p->slot[index].next;
	}
	return NONE;
}

/*
 * Runs
 */

static void make_free(struct arena_pool *p, uint32_t index, uint32_t count)
{
	/* The last first: it may be the only one. */
	p->slot[index + count - 1].count = count;
	p->slot[index].count = count;
	p->slot[index].place = FREE;
	list_add(p, index);
}

/* How many buffers the free run has that ends before @index. */
static uint32_t free_before(const struct arena_pool *p, uint32_t index)
{
	enum place place = index ? p->slot[index - 1].place : OWNED;

	return place == INSIDE || place == FREE ? p->slot[index - 1].count : 0;
}

static uint32_t free_at(const struct arena_pool *p, uint32_t index)
{
	return index < p->count && p->slot[index].place == FREE ? p->slot[index].count : 0;
}

/* A run that was counted somewhere is free. Return: where it begins now. */
static uint32_t release(struct arena_pool *p, uint32_t index)
{
	uint32_t count = p->slot[index].count;
	uint32_t before = free_before(p, index), after = free_at(p, index + count);

	p->usage.free += count;
	p->slot[index].place = INSIDE;
	if (after) {
		list_remove(p, index + count);
		p->slot[index + count].place = INSIDE;
	}
	if (before)
		list_remove(p, index - before);
	make_free(p, index - before, before + count + after);
	return index - before;
}

static void begin_life(struct slot *s)
{
	s->generation++;
	/* Messages carry the low half, in which 0 is none. */
	if (!(s->generation & 0xffff))
		s->generation++;
	s->place = OWNED;
	s->io_count = 0;
	s->tag = 0;
}

struct arena_pool *arena_pool_new(uint32_t count)
{
	struct arena_pool *p;

	if (!count || count > ARENA_POOL_MAX)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->slot = calloc(count, sizeof(*p->slot));
	if (!p->slot) {
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
	free(p->slot);
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
	rest = p->slot[index].count - count;
	if (rest)
		make_free(p, index + count, rest);
	/* The last first, as in make_free(). */
	p->slot[index + count - 1].count = 0;
	p->slot[index].count = count;
	begin_life(&p->slot[index]);
	p->usage.free -= count;
	p->usage.owned += count;
	return index;
}

/* The run if it is exactly this one, and in this place. */
static struct slot *run_in(struct arena_pool *p, uint32_t index, uint32_t count,
			   enum place place)
{
	struct slot *s = index < p->count ? &p->slot[index] : NULL;

	return s && s->place == place && s->count == count ? s : NULL;
}

/* 0 if it is ours, and nobody else's; -EBUSY if the kernel works on it. */
static int is_owned(struct arena_pool *p, uint32_t index, uint32_t count)
{
	const struct slot *s = run_in(p, index, count, OWNED);

	if (!s)
		return -EINVAL;
	return s->io_count ? -EBUSY : 0;
}

int arena_pool_io_begin(struct arena_pool *p, uint32_t index, uint32_t count)
{
	struct slot *s = run_in(p, index, count, OWNED);

	if (!s || s->io_count == UINT32_MAX)
		return -EINVAL;
	if (!s->io_count++) {
		p->usage.owned -= count;
		p->usage.in_io += count;
	}
	return 0;
}

int arena_pool_io_end(struct arena_pool *p, uint32_t index, uint32_t count)
{
	if (is_owned(p, index, count) != -EBUSY)
		return -EINVAL;
	if (!--p->slot[index].io_count) {
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
	p->slot[index].place = LENT;
	p->slot[index].tag = tag;
	p->usage.owned -= count;
	p->usage.lent += count;
	return 0;
}

int arena_pool_return(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag)
{
	const struct slot *s = run_in(p, index, count, LENT);

	if (!s || s->tag != tag)
		return -EINVAL;
	p->usage.lent -= count;
	release(p, index);
	return 0;
}

int arena_pool_regain(struct arena_pool *p, uint32_t index, uint32_t count,
		      uint32_t tag)
{
	struct slot *s = run_in(p, index, count, LENT);
	uint32_t *from = &p->usage.lent;

	if (!s) {
		s = run_in(p, index, count, LOST);
		from = &p->usage.lost;
	}
	if (!s || s->tag != tag)
		return -EINVAL;
	s->place = OWNED;
	*from -= count;
	p->usage.owned += count;
	return 0;
}

void arena_pool_lose(struct arena_pool *p, uint32_t tag)
{
	for (uint32_t i = 0; i < p->count; i += p->slot[i].count) {
		struct slot *s = &p->slot[i];

		if (s->place != LENT || s->tag != tag)
			continue;
		s->place = LOST;
		p->usage.lent -= s->count;
		p->usage.lost += s->count;
	}
}

void arena_pool_reclaim(struct arena_pool *p,
			bool (*may_free)(void *context, uint32_t index, uint32_t count),
			void *context)
{
	for (uint32_t i = 0; i < p->count && p->usage.lost; i += p->slot[i].count) {
		uint32_t count = p->slot[i].count;

		if (p->slot[i].place != LOST || !may_free(context, i, count))
			continue;
		p->usage.lost -= count;
		i = release(p, i);
	}
}

int arena_pool_reset(struct arena_pool *p)
{
	if (p->usage.in_io || p->usage.lent || p->usage.lost)
		return -EBUSY;
	for (uint32_t i = 0; i < p->count; i += p->slot[i].count)
		if (p->slot[i].place == OWNED)
			i = release(p, i);
	p->usage.owned = 0;
	return 0;
}

struct arena_extent arena_pool_extent(const struct arena_pool *p, uint32_t index)
{
	const struct slot *s = &p->slot[index];
	struct arena_extent run = { .count = s->count, .generation = s->generation };

	switch (s->place) {
	case OWNED:
		run.state = s->io_count ? ARENA_IN_IO : ARENA_OWNED;
		run.io_count = s->io_count;
		break;
	case LENT:
	case LOST:
		run.state = s->place == LENT ? ARENA_LENT : ARENA_LOST;
		run.peer = s->tag;
		break;
	default:
		run.state = ARENA_STALE;
	}
	return run;
}

struct arena_usage arena_pool_usage(const struct arena_pool *p)
{
	return p->usage;
}

uint32_t arena_pool_available(const struct arena_pool *p)
{
	return p->usage.free;
}
