/* SPDX-License-Identifier: MIT */
/*
 * When a block of a disk was changed last: by whom, and when by anybody else. It is the memory of
 * the fences between connections (np/fence.h) and between network processes (sp/fence.h).
 *
 * A header without a source file, as it is in the path of each write. It must not know who changes
 * what.
 */
#ifndef COMMON_LAST_CHANGE_H
#define COMMON_LAST_CHANGE_H

#include <stdint.h>

/**
 * struct last_change - when a block was changed
 * @newest_ns: last change
 * @others_ns: last change by anybody else than @by
 * @by: number of the one whose change was the last
 */
struct last_change {
	uint64_t newest_ns;
	uint64_t others_ns;
	uint32_t by;
};

/** last_change_note() - @by changes the block; @now_ns is not before the last change */
static inline void last_change_note(struct last_change *l, uint32_t by, uint64_t now_ns)
{
	if (l->by != by)
		l->others_ns = l->newest_ns;
	l->by = by;
	l->newest_ns = now_ns;
}

/** last_change_of_others() - when was the last change by anybody else than @by? 0 if never */
static inline uint64_t last_change_of_others(const struct last_change *l, uint32_t by)
{
	return l->by == by ? l->others_ns : l->newest_ns;
}

#endif /* COMMON_LAST_CHANGE_H */
