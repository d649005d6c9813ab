/* SPDX-License-Identifier: MIT */
/*
 * Ranges of addresses, held against everything that a worker has in windows: what
 * the operations on mappings share.
 */
#ifndef FUZZ_RANGE_H
#define FUZZ_RANGE_H

#include "fuzz.h"

/* A window in which no region is, nor anything else. */
#define NOWHERE		(180 * WINDOW)

/**
 * struct effect - what lies in a range
 * @whole: attachments that it covers
 * @part: attachments of which it covers a part
 * @sealed: attachments in it that are sealed
 * @holes: not all of it is mapped
 */
struct effect {
	unsigned int whole, part, sealed;
	bool holes;
};

/** range_effect() - what a worker has in a range */
struct effect range_effect(unsigned int w, uint64_t start, uint64_t length);
/** range_detach() - the model forgets what the worker has unmapped in a range */
void range_detach(unsigned int w, uint64_t start, uint64_t length);
/** range_draw() - a part of an attachment, its surroundings, or all of it */
void range_draw(const struct region *r, uint64_t *start, uint64_t *length);
/** range_prot() - a protection for mmap(2) or mprotect(2) */
int range_prot(void);
/** range_settle() - a failed call may have ended an attachment, or a page in its window */
void range_settle(unsigned int w, unsigned int i);

#endif /* FUZZ_RANGE_H */
