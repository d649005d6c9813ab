/* SPDX-License-Identifier: MIT */
/*
 * Ranges of the disk that requests in flight work on. Two requests conflict if their ranges overlap
 * and one of them changes the disk. Requests that conflict run in the order in which they were
 * accepted; others run at once. So a read finds what an earlier write has written, two writes leave
 * the data of the second one, and a write that completes a block (reads it, changes it and writes
 * it back) loses no bytes of another write.
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
 * @end: the byte behind the last one
 * @changes: the request changes the disk
 * @blockers: how many earlier ranges conflict; the request may run if 0
 * @previous: the range that was accepted before this one
 * @next: the range that was accepted after this one
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

/* A disk is divided into areas of so many bytes, to which the counters are assigned in turn. */
#define SP_RANGE_AREA_SHIFT	16U
#define SP_RANGE_AREAS		1024U

/**
 * struct sp_ranges - all ranges of a disk, in order of acceptance
 * @first: the oldest
 * @last: the youngest
 * @blocked: how many ranges may not run
 * @changers: how many ranges change the disk
 * @wide: how many ranges touch too many areas to be counted in each
 * @all: for each counter, how many ranges touch its areas
 * @changing: how many of these change the disk
 *
 * The counters only avoid searches of the list: where they are 0 there is no conflict.
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

/** sp_range_enter() - add a range; true if it may run now, else a later leave frees it */
bool sp_range_enter(struct sp_ranges *all, struct sp_range *r);

/** sp_range_leave() - remove a range; calls @freed, which must not leave, for each freed one */
void sp_range_leave(struct sp_ranges *all, struct sp_range *r,
		    void (*freed)(struct sp_range *r, void *context), void *context);

#endif /* SP_RANGE_H */
