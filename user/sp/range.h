/* SPDX-License-Identifier: MIT */
/*
 * Ranges of the disk that requests in flight work on. Two requests conflict if their ranges
 * overlap and one of them changes the disk. Of those that conflict, the one that was accepted
 * first runs first; all others run at once. So a read finds what an earlier write has written,
 * two writes leave what the second one says, and a write that completes a block (reads it,
 * changes it and writes it back) loses nothing.
 *
 * This header must not know what a request is.
 */
#ifndef SP_RANGE_H
#define SP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct sp_range - the range of a request
 * @start: first byte
 * @end: behind the last byte
 * @changes: the request changes the disk
 * @blockers: earlier ranges that conflict; it may run if 0
 * @previous: accepted before this
 * @next: accepted after this
 *
 * The caller sets @start, @end and @changes, and @start is less than @end.
 */
struct sp_range {
	uint64_t start;
	uint64_t end;
	bool changes;
	uint32_t blockers;
	struct sp_range *previous;
	struct sp_range *next;
};

/* A disk is divided into areas of so many bytes, which share the counters in turn. */
#define SP_RANGE_AREA_SHIFT	16U
#define SP_RANGE_AREAS		1024U

/**
 * struct sp_ranges - all ranges of a disk, in order of acceptance
 * @first: the oldest
 * @last: the youngest
 * @blocked: how many may not run
 * @changers: how many change the disk
 * @wide: how many touch more areas than are worth counting
 * @all: for each counter, how many ranges touch its areas
 * @changing: how many of these change the disk
 *
 * The counters only save looking through the list: where they are 0 there is no conflict.
 */
struct sp_ranges {
	struct sp_range *first;
	struct sp_range *last;
	uint32_t blocked;
	uint32_t changers;
	uint32_t wide;
	uint32_t all[SP_RANGE_AREAS];
	uint32_t changing[SP_RANGE_AREAS];
};

/** sp_range_enter() - true if it may run now; else sp_range_leave() of others lets it */
bool sp_range_enter(struct sp_ranges *all, struct sp_range *r);

/** sp_range_leave() - @freed is called for each that may run now; it must not leave */
void sp_range_leave(struct sp_ranges *all, struct sp_range *r,
		    void (*freed)(struct sp_range *r, void *context), void *context);

#endif /* SP_RANGE_H */
