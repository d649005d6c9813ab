/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record of a peer's group: which of its extents this process has borrowed.
 *
 * It lies in private memory: 16 bytes and a bit for each buffer of the group, which take
 * up no memory before the buffer is first borrowed. Calls are O(1) unless their comment
 * says otherwise, but for the bits of an extent, which are handled 64 at a time. An
 * extent is named by its first buffer, which the caller has checked.
 *
 * The record must not know addresses, layouts or messages.
 */
#ifndef ARENA_BORROWED_H
#define ARENA_BORROWED_H

#include <stdint.h>

#include <arena/extent.h>

struct arena_borrowed;

/** arena_borrowed_new() - a table for a group of @count buffers, or NULL */
struct arena_borrowed *arena_borrowed_new(uint32_t count);
/** arena_borrowed_free() - free a table; NULL is allowed */
void arena_borrowed_free(struct arena_borrowed *t);

/**
 * arena_borrowed_add() - record that an extent has been borrowed
 * @t: table
 * @index: first buffer of an extent that the layout has
 * @count: buffers, at most 65535
 * @generation: as the peer's message has it
 *
 * A new life of the first buffer begins, even if it had this generation before.
 *
 * Return: 0, or -EPROTO if any of its buffers is borrowed already.
 */
int arena_borrowed_add(struct arena_borrowed *t, uint32_t index, uint32_t count,
		       uint16_t generation);

/** arena_borrowed_io_end() - record that one operation on an IN_IO extent has ended */
void arena_borrowed_io_end(struct arena_borrowed *t, uint32_t index);

/**
 * arena_borrowed_remove() - record that a BORROWED extent is returned
 *
 * Return: the generation as the peer's message had it.
 */
uint16_t arena_borrowed_remove(struct arena_borrowed *t, uint32_t index);

/**
 * arena_borrowed_next() - the first extent that begins at a buffer or behind it; O(n)
 * @t: table
 * @from: the buffer, which lies in no extent that begins before it
 *
 * Return: the extent's first buffer; the number of buffers in the group if there is none.
 */
uint32_t arena_borrowed_next(const struct arena_borrowed *t, uint32_t from);

/**
 * arena_borrowed_forget() - forget all extents, because their owner has died; O(n)
 *
 * An extent that is IN_IO is forgotten when its last operation has ended.
 */
void arena_borrowed_forget(struct arena_borrowed *t);

/** arena_borrowed_in_io() - number of extents that are IN_IO */
uint32_t arena_borrowed_in_io(const struct arena_borrowed *t);

#endif /* ARENA_BORROWED_H */
