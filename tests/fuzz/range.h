/* SPDX-License-Identifier: MIT */
/*
 * Ranges of addresses, compared with everything that a worker has mapped in windows. The
 * operations on mappings share this.
 */
#ifndef FUZZ_RANGE_H
#define FUZZ_RANGE_H

#include "fuzz.h"

/* A window in which nothing is ever mapped. */
#define NOWHERE		(180 * WINDOW)

/**
 * struct effect - the mappings in a range
 * @whole: attachments that the range covers completely
 * @part: attachments of which the range covers a part
 * @sealed: sealed attachments in the range
 * @holes: true if a part of the range is not mapped
 */
struct effect {
	unsigned int whole, part, sealed;
	bool holes;
};

/** range_effect() - the mappings of a worker in a range */
struct effect range_effect(unsigned int w, uint64_t start, uint64_t length);
/** range_detach() - remove what the worker has unmapped in a range from the model */
void range_detach(unsigned int w, uint64_t start, uint64_t length);
/** range_draw() - draw a part of an attachment, a range around it, or all of it */
void range_draw(const struct region *r, uint64_t *start, uint64_t *length);
/** range_prot() - draw a protection for mmap(2) or mprotect(2) */
int range_prot(void);
/** range_settle() - look whether a failed call has removed an attachment or a page there */
void range_settle(unsigned int w, unsigned int i);

#endif /* FUZZ_RANGE_H */
