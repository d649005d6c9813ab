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

#include "run.h"

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

/** arena_borrowed_run() - the run that begins there; its generation is ours */
struct arena_run arena_borrowed_run(const struct arena_borrowed *t, uint32_t index);

/** arena_borrowed_lend() - BORROWED or LENT -> LENT, for one operation more */
void arena_borrowed_lend(struct arena_borrowed *t, uint32_t index);

/** arena_borrowed_done() - one operation of a LENT run has completed */
void arena_borrowed_done(struct arena_borrowed *t, uint32_t index);

/**
 * arena_borrowed_remove() - a BORROWED run goes back
 *
 * Return: the generation as the peer's message had it.
 */
uint16_t arena_borrowed_remove(struct arena_borrowed *t, uint32_t index);

/** arena_borrowed_forget() - no run is here any more, but for LENT ones until done; O(n) */
void arena_borrowed_forget(struct arena_borrowed *t);

/** arena_borrowed_lent() - how many runs are LENT */
uint32_t arena_borrowed_lent(const struct arena_borrowed *t);

#endif /* ARENA_BORROWED_H */
