/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a peer's group this process has at the moment.
 *
 * In private memory: 16 bytes and a bit for each buffer of the group, those of
 * buffers that never came untouched, so that they have no memory. All is O(1) but for
 * the bits of a run, of which there are 64 to a step, and where something else
 * is said. A run is named by its first buffer, which the caller has checked.
 */
#ifndef ARENA_BORROWED_H
#define ARENA_BORROWED_H

#include <stdint.h>

#include <arena/extent.h>

struct arena_borrowed;

/** arena_borrowed_new() - a table for a group of @count buffers, or NULL */
struct arena_borrowed *arena_borrowed_new(uint32_t count);
/** arena_borrowed_free() - end it; NULL is allowed */
void arena_borrowed_free(struct arena_borrowed *t);

/**
 * arena_borrowed_add() - a run has come
 * @t: table
 * @index: first buffer of an existing run
 * @count: buffers, at most 65535
 * @generation: as the peer's message has it
 *
 * A new life of the first buffer begins, also if it came with this generation before.
 *
 * Return: 0, or -EPROTO if any of its buffers is here already.
 */
int arena_borrowed_add(struct arena_borrowed *t, uint32_t index, uint32_t count,
		       uint16_t generation);

/** arena_borrowed_extent() - the run that begins there; its generation is ours */
struct arena_extent arena_borrowed_extent(const struct arena_borrowed *t, uint32_t index);

/** arena_borrowed_io_begin() - BORROWED or IN_IO -> IN_IO, for one operation more */
void arena_borrowed_io_begin(struct arena_borrowed *t, uint32_t index);

/** arena_borrowed_io_end() - one operation of a IN_IO run has completed */
void arena_borrowed_io_end(struct arena_borrowed *t, uint32_t index);

/**
 * arena_borrowed_remove() - a BORROWED run goes back
 *
 * Return: the generation as the peer's message had it.
 */
uint16_t arena_borrowed_remove(struct arena_borrowed *t, uint32_t index);

/** arena_borrowed_forget() - no run is here any more, but for IN_IO ones until done; O(n) */
void arena_borrowed_forget(struct arena_borrowed *t);

/** arena_borrowed_in_io() - how many runs are IN_IO */
uint32_t arena_borrowed_in_io(const struct arena_borrowed *t);

#endif /* ARENA_BORROWED_H */
