/* SPDX-License-Identifier: GPL-2.0 */
/* Passing of io_uring descriptors, which SCM_RIGHTS does not allow. */
#ifndef _MSHA_RING_H
#define _MSHA_RING_H

#include <linux/msharearena.h>

struct msha_attachment;
struct msha_region;

/** msha_ring_publish() - MSHAREARENA_PUBLISH; returns 0 or an error */
int msha_ring_publish(struct msha_region *r,
		      const struct msharearena_publish *p);

/** msha_ring_withdraw() - MSHAREARENA_WITHDRAW; returns 0 or an error */
int msha_ring_withdraw(struct msha_region *r,
		       const struct msharearena_withdraw *w);

/** msha_ring_take() - MSHAREARENA_TAKE; returns a descriptor or an error */
int msha_ring_take(struct msha_region *r, const struct msharearena_take *t);

/** msha_ring_waits() - true if a ring waits that the caller may take */
bool msha_ring_waits(struct msha_region *r);

/**
 * msha_ring_drop() - remove the rings that an attachment has published
 *
 * Called when the attachment ends, even if the region's file is still open: a
 * ring may hold that file, and would otherwise keep itself alive.
 */
void msha_ring_drop(struct msha_region *r, struct msha_attachment *a);

#endif /* _MSHA_RING_H */
