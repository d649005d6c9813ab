/* SPDX-License-Identifier: GPL-2.0 */
/* What one user may have of regions and of what belongs to them. */
#ifndef _MSHA_QUOTA_H
#define _MSHA_QUOTA_H

#include <linux/types.h>

struct msha_quota;

/**
 * enum msha_share - what a user has a share of
 * @MSHA_REGIONS: regions; the limit is the module's parameter user_regions
 * @MSHA_BYTES: bytes of exported memory; the parameter user_mbytes
 * @MSHA_ATTACHMENTS: attachments; MSHA_USER_ATTACHMENTS
 * @MSHA_RINGS: rings that wait to be taken; MSHA_USER_RINGS
 * @MSHA_N_SHARES: how many there are
 */
enum msha_share {
	MSHA_REGIONS,
	MSHA_BYTES,
	MSHA_ATTACHMENTS,
	MSHA_RINGS,
	MSHA_N_SHARES,
};

/**
 * msha_quota_charge() - charge the calling user
 * @share: for what
 * @n: how much
 * @charged: filled with what to give to msha_quota_uncharge(); NULL if the
 *	caller is exempt (CAP_SYS_RESOURCE)
 *
 * What is used in a user namespace is charged to the user who made it, or made
 * the outermost one around it, and if that was root, to the namespace's own
 * root: subordinate uids do not multiply a share. Limits are read at each
 * charge; lowering one takes nothing away.
 *
 * Context: process context; may sleep.
 * Return: 0, -EDQUOT or -ENOMEM.
 */
int msha_quota_charge(enum msha_share share, u64 n,
		      struct msha_quota **charged);

/** msha_quota_uncharge() - give the same amount back; NULL is fine */
void msha_quota_uncharge(struct msha_quota *q, enum msha_share share, u64 n);

#endif /* _MSHA_QUOTA_H */
