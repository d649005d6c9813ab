/* SPDX-License-Identifier: GPL-2.0 */
/* What one user may have of regions and of memory in them. */
#ifndef _MSHA_QUOTA_H
#define _MSHA_QUOTA_H

#include <linux/types.h>

struct msha_quota;

/**
 * msha_quota_charge() - charge the calling user
 * @regions: number of regions
 * @bytes: bytes of exported memory
 * @charged: filled with what to give to msha_quota_uncharge(); NULL if the
 *	caller is exempt (CAP_SYS_RESOURCE)
 *
 * The limits are the module's parameters user_regions and user_mbytes, 0 for
 * none. They are read at each charge; lowering one takes nothing away.
 *
 * Context: process context.
 * Return: 0, -EDQUOT or -ENOMEM.
 */
int msha_quota_charge(unsigned int regions, u64 bytes,
		      struct msha_quota **charged);

/** msha_quota_uncharge() - give the same amount back; NULL is fine */
void msha_quota_uncharge(struct msha_quota *q, unsigned int regions, u64 bytes);

#endif /* _MSHA_QUOTA_H */
