/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The states of an extent, and the description of one. The records of the process's own
 * groups (pool.h) and of borrowed extents (borrowed.h) both use these types.
 * This header must not know how the records are kept.
 */
#ifndef ARENA_EXTENT_H
#define ARENA_EXTENT_H

#include <stddef.h>
#include <stdint.h>

/**
 * enum arena_state - the state of an extent
 * @ARENA_STALE: the handle is of an earlier life, or is no handle
 * @ARENA_OWNED: this process owns it, and reads and writes it
 * @ARENA_IN_IO: the kernel works on it
 * @ARENA_LENT: a peer has it
 * @ARENA_LOST: a peer had it and has died
 * @ARENA_BORROWED: a peer has lent it to this process, which reads it
 */
enum arena_state {
	ARENA_STALE,
	ARENA_OWNED,
	ARENA_IN_IO,
	ARENA_LENT,
	ARENA_LOST,
	ARENA_BORROWED,
};

/**
 * struct arena_extent - the extent that begins at a buffer
 * @state: ARENA_STALE if the buffer is free, or if no extent begins there
 * @count: buffers
 * @generation: number of its present life or, if it has none, of the last one; 0 if
 *	there was none
 * @io_count: operations of the kernel that work on it
 * @peer: role of the peer that has it (LENT) or had it (LOST)
 */
struct arena_extent {
	enum arena_state state;
	uint32_t count;
	uint32_t generation;
	uint32_t io_count;
	uint32_t peer;
};

/**
 * struct arena_usage - number of buffers in each state, in a group of this process
 * @size: sizeof(struct arena_usage), set by the caller
 * @free: FREE
 * @owned: OWNED
 * @in_io: IN_IO
 * @lent: LENT
 * @lost: LOST
 */
struct arena_usage {
	size_t size;
	uint32_t free;
	uint32_t owned;
	uint32_t in_io;
	uint32_t lent;
	uint32_t lost;
};

#endif /* ARENA_EXTENT_H */
