/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of a run of buffers: the words that pools, tables of what is
 * borrowed, and their users have in common.
 */
#ifndef ARENA_EXTENT_H
#define ARENA_EXTENT_H

#include <stdint.h>

/**
 * enum arena_state - what becomes of a buffer
 * @ARENA_STALE: the handle is of an earlier life, or of none
 * @ARENA_OWNED: ours, to be read and written
 * @ARENA_IN_IO: the kernel works on it
 * @ARENA_LENT: a peer has it
 * @ARENA_LOST: a peer had it and died
 * @ARENA_BORROWED: a peer's, ours to be read
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
 * struct arena_extent - the run that begins at a buffer
 * @state: ARENA_STALE if it is free, or if no run begins there
 * @count: its buffers
 * @generation: of its present life or, if it has none, of the last; 0 if it never
 *	had one
 * @io_count: operations of the kernel on it
 * @peer: who has it (LENT), or had it (LOST)
 */
struct arena_extent {
	enum arena_state state;
	uint32_t count;
	uint32_t generation;
	uint32_t io_count;
	uint32_t peer;
};

/**
 * struct arena_usage - buffers of a group of ours, by state
 * @free: nobody's
 * @owned: OWNED
 * @in_io: IN_IO
 * @lent: LENT
 * @lost: LOST
 */
struct arena_usage {
	uint32_t free;
	uint32_t owned;
	uint32_t in_io;
	uint32_t lent;
	uint32_t lost;
};

#endif /* ARENA_EXTENT_H */
