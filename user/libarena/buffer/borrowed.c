// SPDX-License-Identifier: LGPL-2.1-or-later
#include "records.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define WORD_BITS	64U

/* Words of a bitmap with @count bits. */
static uint32_t words(uint32_t count)
{
	return (count + WORD_BITS - 1) / WORD_BITS;
}

/* The bits from @first up to @end, or to the end of the word in which @first lies. */
static uint64_t bits(uint32_t first, uint32_t end)
{
	uint32_t n = WORD_BITS - first % WORD_BITS;

	if (end - first < n)
		n = end - first;
	return (n < WORD_BITS ? (1ULL << n) - 1 : ~0ULL) << first % WORD_BITS;
}

/* The first index in the word after that of @index. */
static uint32_t next_word(uint32_t index)
{
	return (index / WORD_BITS + 1) * WORD_BITS;
}

static bool any_is_borrowed(const struct arena_borrowed *t, uint32_t index, uint32_t count)
{
	uint32_t end = index + count;

	for (; index < end; index = next_word(index))
		if (t->is_borrowed[index / WORD_BITS] & bits(index, end))
			return true;
	return false;
}

/* Set the bits of an extent, which are all clear, or clear them, which are all set. */
static void flip(struct arena_borrowed *t, uint32_t index, uint32_t count)
{
	uint32_t end = index + count;

	for (; index < end; index = next_word(index))
		t->is_borrowed[index / WORD_BITS] ^= bits(index, end);
}

struct arena_borrowed *arena_borrowed_new(uint32_t count)
{
	struct arena_borrowed *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->count = count;
	t->is_borrowed = calloc(words(count), sizeof(*t->is_borrowed));
	t->entry = calloc(count, sizeof(*t->entry));
	if (!t->is_borrowed || !t->entry) {
		arena_borrowed_free(t);
		return NULL;
	}
	return t;
}

void arena_borrowed_free(struct arena_borrowed *t)
{
	if (!t)
		return;
	free(t->is_borrowed);
	free(t->entry);
	free(t);
}

int arena_borrowed_add(struct arena_borrowed *t, uint32_t index, uint32_t count,
		       uint16_t generation)
{
	struct borrowed_record *e = &t->entry[index];

	if (any_is_borrowed(t, index, count))
		return -EPROTO;
	flip(t, index, count);
	e->count = (uint16_t)count;
	e->generation = generation;
	e->life++;
	if (!e->life)
		e->life++;
	return 0;
}

void arena_borrowed_io_end(struct arena_borrowed *t, uint32_t index)
{
	struct borrowed_record *e = &t->entry[index];

	if (--e->io_count)
		return;
	t->in_io--;
	if (e->is_orphan)
		arena_borrowed_remove(t, index);
}

uint16_t arena_borrowed_remove(struct arena_borrowed *t, uint32_t index)
{
	struct borrowed_record *e = &t->entry[index];

	flip(t, index, e->count);
	e->count = 0;
	e->is_orphan = false;
	return e->generation;
}

uint32_t arena_borrowed_next(const struct arena_borrowed *t, uint32_t from)
{
	while (from < t->count) {
		uint64_t word = t->is_borrowed[from / WORD_BITS] & bits(from, t->count);

		/* No extent reaches here from before, so an extent begins at this bit. */
		if (word)
			return from + (uint32_t)__builtin_ctzll(word) - from % WORD_BITS;
		from = next_word(from);
	}
	return t->count;
}

void arena_borrowed_forget(struct arena_borrowed *t)
{
	uint32_t i = arena_borrowed_next(t, 0), next;

	for (; i < t->count; i = next) {
		next = arena_borrowed_next(t, i + t->entry[i].count);
		if (t->entry[i].io_count)
			t->entry[i].is_orphan = true;
		else
			arena_borrowed_remove(t, i);
	}
}

uint32_t arena_borrowed_in_io(const struct arena_borrowed *t)
{
	return t->in_io;
}
