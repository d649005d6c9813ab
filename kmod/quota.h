/* SPDX-License-Identifier: GPL-2.0 */
/* Limits on what one user may have of regions and their parts. */
#ifndef _MSHA_QUOTA_H
#define _MSHA_QUOTA_H

#include <linux/types.h>

struct msha_quota;

/**
 * enum msha_share - resources that are limited for each user
 * @MSHA_REGIONS: regions, limited by the module parameter user_regions
 * @MSHA_BYTES: bytes of exported memory, limited by the parameter user_mbytes
 * @MSHA_ATTACHMENTS: attachments, limited by MSHA_USER_ATTACHMENTS
 * @MSHA_RINGS: rings that wait to be taken, limited by MSHA_USER_RINGS
 * @MSHA_N_SHARES: number of resources
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
 * @share: resource
 * @n: amount
 * @charged: set to the quota to pass to msha_quota_uncharge(); NULL if the
 *	caller is exempt (CAP_SYS_RESOURCE)
 *
 * In a user namespace the user is charged who made the outermost namespace, or
 * if that was the machine's root, the namespace's own root. So subordinate uids
 * do not multiply a limit. The limit is checked at each charge: if it is
 * lowered, existing charges stay.
 *
 * Context: process context; may sleep.
 * Return: 0, -EDQUOT or -ENOMEM.
 */
int msha_quota_charge(enum msha_share share, u64 n,
		      struct msha_quota **charged);

/** msha_quota_uncharge() - undo a charge of @n; @q may be NULL */
void msha_quota_uncharge(struct msha_quota *q, enum msha_share share, u64 n);

#endif /* _MSHA_QUOTA_H */
