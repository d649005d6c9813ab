// SPDX-License-Identifier: GPL-2.0
#include "quota.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/slab.h>

static unsigned int msha_user_regions = 64;
module_param_named(user_regions, msha_user_regions, uint, 0644);
MODULE_PARM_DESC(user_regions,
		 "regions that one user may have, 0 for no limit (default 64)");

static unsigned int msha_user_mbytes;
module_param_named(user_mbytes, msha_user_mbytes, uint, 0644);
MODULE_PARM_DESC(user_mbytes,
		 "MiB of memory that one user may export, 0 for no limit (default 0)");

/**
 * struct msha_quota - what a user has; exists while that is not nothing
 * @node: in msha_quotas
 * @uid: the user
 * @users: charges that were not given back
 * @regions: regions
 * @bytes: exported bytes
 */
struct msha_quota {
	struct list_head node;
	kuid_t uid;
	unsigned long users;
	unsigned long regions;
	u64 bytes;
};

static LIST_HEAD(msha_quotas);
static DEFINE_MUTEX(msha_quotas_lock);	/* the list and all that is in it */

static struct msha_quota *msha_quota_find(kuid_t uid)
{
	struct msha_quota *q;

	lockdep_assert_held(&msha_quotas_lock);
	list_for_each_entry(q, &msha_quotas, node)
		if (uid_eq(q->uid, uid))
			return q;
	q = kzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);
	if (!q)
		return NULL;
	q->uid = uid;
	list_add(&q->node, &msha_quotas);
	return q;
}

static void msha_quota_drop(struct msha_quota *q)
{
	lockdep_assert_held(&msha_quotas_lock);
	if (q->users)
		return;
	WARN_ON_ONCE(q->regions || q->bytes);
	list_del(&q->node);
	kfree(q);
}

/* No sum overflows: each step is below 2^39 bytes, or one region. */
static bool msha_quota_fits(const struct msha_quota *q, unsigned int regions,
			    u64 bytes)
{
	unsigned int max_regions = READ_ONCE(msha_user_regions);
	u64 max_bytes = (u64)READ_ONCE(msha_user_mbytes) * SZ_1M;

	if (regions && max_regions && q->regions + regions > max_regions)
		return false;
	return !bytes || !max_bytes || q->bytes + bytes <= max_bytes;
}

int msha_quota_charge(unsigned int regions, u64 bytes,
		      struct msha_quota **charged)
{
	struct msha_quota *q;
	int ret = 0;

	*charged = NULL;
	if (capable(CAP_SYS_RESOURCE))
		return 0;
	mutex_lock(&msha_quotas_lock);
	q = msha_quota_find(current_uid());
	if (!q) {
		ret = -ENOMEM;
	} else if (!msha_quota_fits(q, regions, bytes)) {
		msha_quota_drop(q);
		ret = -EDQUOT;
	} else {
		q->users++;
		q->regions += regions;
		q->bytes += bytes;
		*charged = q;
	}
	mutex_unlock(&msha_quotas_lock);
	return ret;
}

void msha_quota_uncharge(struct msha_quota *q, unsigned int regions, u64 bytes)
{
	if (!q)
		return;
	mutex_lock(&msha_quotas_lock);
	q->users--;
	q->regions -= regions;
	q->bytes -= bytes;
	msha_quota_drop(q);
	mutex_unlock(&msha_quotas_lock);
}
