/* SPDX-License-Identifier: MIT */
/*
 * Kernels up to 6.9 pin the buffers that are registered with an io_uring by
 * pin_user_pages(), which fails with -EFAULT for the mapping of a region of the
 * module. Later kernels look only at the page tables. This changed in the version
 * that added bundles, which is a feature that a ring reports.
 */
#ifndef TESTS_PINS_H
#define TESTS_PINS_H

#include <liburing.h>
#include <stdbool.h>

#ifndef IORING_FEAT_RECVSEND_BUNDLE
#define IORING_FEAT_RECVSEND_BUNDLE (1U << 14)
#endif

/* True if this kernel cannot register memory of a region. */
static inline bool pins_by_mapping(const struct io_uring *ring)
{
	return !(ring->features & IORING_FEAT_RECVSEND_BUNDLE);
}

#endif /* TESTS_PINS_H */
