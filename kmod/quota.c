// SPDX-License-Identifier: GPL-2.0
#include "quota.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/user_namespace.h>

#include "limits.h"

static unsigned int msha_user_regions = 64;
module_param_named(user_regions, msha_user_regions, uint, 0644);
MODULE_PARM_DESC(user_regions,
		 "regions that one user may have, 0 for no limit (default 64)");

static unsigned int msha_user_mbytes;
module_param_named(user_mbytes, msha_user_mbytes, uint, 0644);
MODULE_PARM_DESC(user_mbytes,
		 "MiB of memory that one user may export, 0 for no limit (default 0)");

/**
 * struct msha_quota - the charges of a user
 * @node: in msha_quotas
 * @ref: number of charges that were not given back
 * @uid: the user
 * @used: the amount that is charged for each enum msha_share
 */
struct msha_quota {
	struct hlist_node node;
	unsigned long ref;
	kuid_t uid;
	u64 used[MSHA_N_SHARES];
};

static DEFINE_HASHTABLE(msha_quotas, 10);
static DEFINE_SPINLOCK(msha_quotas_lock);	/* the table and its quotas */

/*
 * The user to charge: in the initial user namespace the caller, otherwise the
 * user who made the outermost namespace around the caller. If that is the
 * machine's root, who makes namespaces for all tenants, it is the namespace's
 * own root.
 */
static kuid_t msha_quota_uid(void)
{
	struct user_namespace *ns;
	kuid_t uid = current_uid();

	for (ns = current_user_ns(); ns->parent; ns = ns->parent) {
		uid = ns->owner;
		if (uid_eq(uid, GLOBAL_ROOT_UID))
			uid = make_kuid(ns, 0);
	}
	return uid;
}

/* Get a reference on the user's quota. Insert @new if there is none yet. */
static struct msha_quota *msha_quota_get(kuid_t uid, struct msha_quota *new)
{
	struct msha_quota *q;

	lockdep_assert_held(&msha_quotas_lock);
	hash_for_each_possible(msha_quotas, q, node, __kuid_val(uid)) {
		if (uid_eq(q->uid, uid)) {
			q->ref++;
			return q;
		}
	}
	new->uid = uid;
	new->ref = 1;
	hash_add(msha_quotas, &new->node, __kuid_val(uid));
	return new;
}

/* Drop a reference. Return the quota if the caller must free it, else NULL. */
static struct msha_quota *msha_quota_put(struct msha_quota *q)
{
	lockdep_assert_held(&msha_quotas_lock);
	if (--q->ref)
		return NULL;
	hash_del(&q->node);
	return q;
}

static u64 msha_quota_limit(enum msha_share share)
{
	u64 limit;

	switch (share) {
	case MSHA_REGIONS:
		limit = READ_ONCE(msha_user_regions);
		return limit ?: U64_MAX;
	case MSHA_BYTES:
		limit = (u64)READ_ONCE(msha_user_mbytes) * SZ_1M;
		return limit ?: U64_MAX;
	case MSHA_ATTACHMENTS:
		return MSHA_USER_ATTACHMENTS;
	default:
		return MSHA_USER_RINGS;
	}
}

int msha_quota_charge(enum msha_share share, u64 n, struct msha_quota **charged)
{
	struct msha_quota *q, *new, *unused = NULL;
	int ret = 0;

	*charged = NULL;
	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE))
		return 0;
	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	spin_lock(&msha_quotas_lock);
	q = msha_quota_get(msha_quota_uid(), new);
	if (q != new)
		unused = new;
	/* The sum does not overflow: @n is at most the bytes of one region. */
	if (q->used[share] + n > msha_quota_limit(share)) {
		unused = msha_quota_put(q) ?: unused;
		ret = -EDQUOT;
	} else {
		q->used[share] += n;
		*charged = q;
	}
	spin_unlock(&msha_quotas_lock);
	kfree(unused);
	return ret;
}

void msha_quota_uncharge(struct msha_quota *q, enum msha_share share, u64 n)
{
	if (!q)
		return;
	spin_lock(&msha_quotas_lock);
	q->used[share] -= n;
	q = msha_quota_put(q);
	spin_unlock(&msha_quotas_lock);
	kfree(q);
}
