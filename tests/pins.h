/* SPDX-License-Identifier: MIT */
/*
 * What a kernel refuses that pins the buffers which are registered with an
 * io_uring as it pins any: by pin_user_pages(), which asks the mapping, and that of
 * a region of the module says no (-EFAULT). Later ones look into the page tables
 * alone. That came with the bundles of 6.10, for which a ring can be asked.
 */
#ifndef TESTS_PINS_H
#define TESTS_PINS_H

#include <liburing.h>
#include <stdbool.h>

#ifndef IORING_FEAT_RECVSEND_BUNDLE
#define IORING_FEAT_RECVSEND_BUNDLE (1U << 14)
#endif

/* Is such memory refused by this kernel? If not, -EFAULT is a failure. */
static inline bool pins_by_mapping(const struct io_uring *ring)
{
	return !(ring->features & IORING_FEAT_RECVSEND_BUNDLE);
}

#endif /* TESTS_PINS_H */
