/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The records of a pool and of borrowed extents, with those steps of theirs that each extent of
 * each operation takes: inline, because a call costs as much as the step. Only pool.c,
 * borrowed.c and arena.c include this, and arena.c changes nothing but by these steps. Everybody
 * else uses pool.h and borrowed.h.
 */
#ifndef ARENA_RECORDS_H
#define ARENA_RECORDS_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#include "borrowed.h"
#include "pool.h"

/*
 * Free extents are kept in lists by length: two-level segregated fit (TLSF), by M. Masmano,
 * I. Ripoll, A. Crespo, J. Real, "TLSF: a New Dynamic Memory Allocator for Real-Time
 * Systems", ECRTS 2004. Each length below 64 has a list of its own, and greater lengths
 * share 32 lists for each power of two. Bitmaps say which lists are not empty. This
 * version differs in two ways. Its records lie beside the buffers, not in them. And if
 * every list whose extents are all long enough is empty, it also tries a few extents of
 * the list below, some of which may be long enough.
 */
#define POOL_SECOND_BITS	5U
#define POOL_SECONDS		(1U << POOL_SECOND_BITS)
#define POOL_FIRSTS		21U
#define POOL_CLASSES		(POOL_FIRSTS * POOL_SECONDS)

/**
 * enum pool_place - what a buffer is to the pool
 * @POOL_INSIDE: it is not the first buffer of an extent
 * @POOL_FREE: it is the first buffer of an extent that is not in use
 * @POOL_OWNED: the first of one that this process owns; IN_IO while @io_count is not 0
 * @POOL_LENT: the first of one that a peer has
 * @POOL_LOST: the first of one that a peer had when it died
 */
enum pool_place {
	POOL_INSIDE,
	POOL_FREE,
	POOL_OWNED,
	POOL_LENT,
	POOL_LOST,
};

/**
 * struct pool_record - the record of a buffer
 * @count: in the first buffer of an extent: its number of buffers. In the last buffer,
 *	unless it is also the first: the same if the extent is free, so that free_before()
 *	finds the first one, and 0 otherwise
 * @place: enum pool_place
 * @generation: of the life that began here last; 0 if none has begun
 * @next: in the first buffer of a free extent: the next extent in its list
 * @previous: in the first buffer of a free extent: the previous extent in its list
 * @io_count: in the first buffer of an OWNED extent: operations of the kernel on it
 * @tag: in the first buffer of a LENT or LOST extent: the tag of arena_pool_lend()
 */
struct pool_record {
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

static_assert(sizeof(struct pool_record) == 16, "pool.h says what a buffer costs");

/**
 * struct arena_pool - the records of a group's buffers
 * @count: number of buffers
 * @skipped: lives of each buffer that are not given
 * @own_usage: what @usage is if arena_pool_keep_usage() was not called
 * @usage: number of buffers in each state
 * @first_map: a bit for each word of @second_map, set if the word is not 0
 * @second_map: a bit for each list, set if the list is not empty
 * @list: the first extent of each class, or NONE
 * @record: one for each buffer
 */
struct arena_pool {
	uint32_t count;
	uint32_t skipped;
	struct arena_usage own_usage;
	struct arena_usage *usage;
	uint32_t first_map;
	uint32_t second_map[POOL_FIRSTS];
	uint32_t list[POOL_CLASSES];
	struct pool_record *record;
};

/* The record of exactly this extent if it is in this place, else NULL. */
static inline struct pool_record *pool_extent_in(struct arena_pool *p, uint32_t index,
						 uint32_t count, enum pool_place place)
{
	struct pool_record *r = index < p->count ? &p->record[index] : NULL;

	return r && r->place == place && r->count == count ? r : NULL;
}

/* 0 if the extent is OWNED, -EBUSY if the kernel works on it, else -EINVAL. */
static inline int pool_check_owned(struct arena_pool *p, uint32_t index, uint32_t count)
{
	const struct pool_record *r = pool_extent_in(p, index, count, POOL_OWNED);

	if (!r)
		return -EINVAL;
	return r->io_count ? -EBUSY : 0;
}

/* See arena_pool_io_begin(), arena_pool_io_end() and arena_pool_extent() in pool.h. */
static inline int pool_io_begin(struct arena_pool *p, uint32_t index, uint32_t count)
{
	struct pool_record *r = pool_extent_in(p, index, count, POOL_OWNED);

	if (!r || r->io_count == UINT32_MAX)
		return -EINVAL;
	if (!r->io_count++) {
		p->usage->owned -= count;
		p->usage->in_io += count;
	}
	return 0;
}

static inline int pool_io_end(struct arena_pool *p, uint32_t index, uint32_t count)
{
	if (pool_check_owned(p, index, count) != -EBUSY)
		return -EINVAL;
	if (!--p->record[index].io_count) {
		p->usage->in_io -= count;
		p->usage->owned += count;
	}
	return 0;
}

static inline struct arena_extent pool_extent(const struct arena_pool *p, uint32_t index)
{
	const struct pool_record *r = &p->record[index];
	struct arena_extent e = { .count = r->count, .generation = r->generation };

	switch (r->place) {
	case POOL_OWNED:
		e.state = r->io_count ? ARENA_IN_IO : ARENA_OWNED;
		e.io_count = r->io_count;
		break;
	case POOL_LENT:
	case POOL_LOST:
		e.state = r->place == POOL_LENT ? ARENA_LENT : ARENA_LOST;
		e.peer = r->tag;
		break;
	default:
		e.state = ARENA_STALE;
	}
	return e;
}

/**
 * struct borrowed_record - the borrowed extent that begins at a buffer
 * @life: how many extents have begun here, modulo 2^32, and never 0 after the first
 * @io_count: operations of the kernel on it
 * @count: its buffers; 0 if no extent begins here
 * @generation: as the peer's message had it
 * @is_orphan: forget the extent when its last operation has ended
 */
struct borrowed_record {
	uint32_t life;
	uint32_t io_count;
	uint16_t count;
	uint16_t generation;
	bool is_orphan;
};

/**
 * struct arena_borrowed - the table
 * @count: buffers of the group
 * @in_io: extents that are IN_IO
 * @is_borrowed: a bit for each buffer, set if the buffer is part of a borrowed extent
 * @entry: one for each buffer
 */
struct arena_borrowed {
	uint32_t count;
	uint32_t in_io;
	uint64_t *is_borrowed;
	struct borrowed_record *entry;
};

/* The extent that begins at @index, with the table's generation. */
static inline struct arena_extent borrowed_extent(const struct arena_borrowed *t, uint32_t index)
{
	const struct borrowed_record *e = &t->entry[index];
	struct arena_extent extent = {
		.state = ARENA_STALE,
		.count = e->count,
		.generation = e->life,
		.io_count = e->io_count,
	};

	if (e->count)
		extent.state = e->io_count ? ARENA_IN_IO : ARENA_BORROWED;
	return extent;
}

/* BORROWED or IN_IO -> IN_IO, for one more operation. */
static inline void borrowed_io_begin(struct arena_borrowed *t, uint32_t index)
{
	t->in_io += !t->entry[index].io_count++;
}

#endif /* ARENA_RECORDS_H */
