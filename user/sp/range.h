/* SPDX-License-Identifier: MIT */
/*
 * Locks on ranges of the disk. A write that does not begin and end on a block
 * reads the block, changes it and writes it back; no other write to that block
 * may come between. Locks are granted in the order in which they were asked
 * for, so none waits for ever.
 */
#ifndef SP_RANGE_H
#define SP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct sp_range - a lock, held or waited for
 * @start: first byte
 * @end: behind the last byte
 * @exclusive: excludes all overlapping locks; one that is not excludes only
 *	overlapping exclusive ones
 * @blockers: earlier locks that must be released first; held if 0
 * @previous: asked for before this
 * @next: asked for after this
 *
 * The caller sets @start, @end and @exclusive.
 */
struct sp_range {
	uint64_t start;
	uint64_t end;
	bool exclusive;
	unsigned int blockers;
	struct sp_range *previous;
	struct sp_range *next;
};

/**
 * struct sp_ranges - all locks of a disk, in order of arrival
 * @first: the oldest
 * @last: the youngest
 * @exclusive: how many exclusive ones there are
 */
struct sp_ranges {
	struct sp_range *first;
	struct sp_range *last;
	unsigned int exclusive;
};

/** sp_range_lock() - true if held now; else sp_range_unlock() will grant it */
bool sp_range_lock(struct sp_ranges *all, struct sp_range *r);

/** sp_range_unlock() - release; @granted is called for each that is now held */
void sp_range_unlock(struct sp_ranges *all, struct sp_range *r,
		     void (*granted)(struct sp_range *r, void *context),
		     void *context);

#endif /* SP_RANGE_H */
