// SPDX-License-Identifier: GPL-2.0
/* Charges to a user's quota, their limits and their return. */
#include "util.h"

#include <linux/mm.h>
#include <linux/sched/user.h>

#include "../quota.h"

#define SOMEBODY	4711
#define SOMEBODY_ELSE	4712

static void test_exempt(struct kunit *test)
{
	struct msha_quota *q = (void *)test;

	KUNIT_EXPECT_EQ(test, msha_quota_charge(MSHA_BYTES, SZ_1T, &q), 0);
	KUNIT_EXPECT_NULL(test, q);
	msha_quota_uncharge(q, MSHA_BYTES, SZ_1T);
}

static void test_share(struct kunit *test)
{
	const struct cred *old = msha_test_become(test, SOMEBODY);
	struct msha_quota *q = NULL, *more = NULL, *other = NULL;
	unsigned int max = MSHA_USER_RINGS;

	KUNIT_EXPECT_EQ(test, msha_quota_charge(MSHA_RINGS, max + 1, &more), -EDQUOT);
	KUNIT_EXPECT_NULL(test, more);
	KUNIT_EXPECT_EQ(test, msha_quota_charge(MSHA_RINGS, max - 1, &q), 0);
	KUNIT_EXPECT_EQ(test, msha_quota_charge(MSHA_RINGS, 1, &more), 0);
	KUNIT_EXPECT_PTR_EQ(test, q, more);
	KUNIT_EXPECT_EQ(test, msha_quota_charge(MSHA_RINGS, 1, &other), -EDQUOT);
	KUNIT_EXPECT_EQ_MSG(test, msha_quota_charge(MSHA_ATTACHMENTS, 1, &other), 0,
			    "rings do not count as attachments");
	msha_quota_uncharge(other, MSHA_ATTACHMENTS, 1);
	revert_creds(old);

	old = msha_test_become(test, SOMEBODY_ELSE);
	KUNIT_EXPECT_EQ(test, msha_quota_charge(MSHA_RINGS, max, &other), 0);
	KUNIT_EXPECT_PTR_NE(test, q, other);
	msha_quota_uncharge(other, MSHA_RINGS, max);
	revert_creds(old);

	msha_quota_uncharge(more, MSHA_RINGS, 1);
	msha_quota_uncharge(q, MSHA_RINGS, max - 1);
	old = msha_test_become(test, SOMEBODY);
	KUNIT_EXPECT_EQ_MSG(test, msha_quota_charge(MSHA_RINGS, max, &q), 0,
			    "rings that were given back can be charged again");
	msha_quota_uncharge(q, MSHA_RINGS, max);
	revert_creds(old);
}

/* The default of the module's parameter user_regions is 64. */
static void test_regions(struct kunit *test)
{
	const struct cred *old = msha_test_become(test, SOMEBODY);
	struct msha_quota *q = NULL, *more = NULL;
	int ret = msha_quota_charge(MSHA_REGIONS, 64, &q);

	if (!ret) {
		ret = msha_quota_charge(MSHA_REGIONS, 1, &more);
		msha_quota_uncharge(more, MSHA_REGIONS, 1);
		msha_quota_uncharge(q, MSHA_REGIONS, 64);
	}
	revert_creds(old);
	if (!q || !ret)
		kunit_skip(test, "user_regions is not the default");
	KUNIT_EXPECT_EQ(test, ret, -EDQUOT);
}

/* Exported pages are charged to the user's locked memory. */
static void test_locked_vm(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-locked", PAGE_SIZE,
						 SZ_2M);
	struct msharearena_export e = { .length = SZ_1M };
	struct user_struct *user = current_user();
	const struct cred *old;
	long before;

	msha_test_mm(test);
	e.addr = msha_test_donate(test, SZ_2M);
	old = msha_test_become(test, SOMEBODY);
	before = atomic_long_read(&user->locked_vm);
	KUNIT_EXPECT_EQ(test, msha_region_export(r, &e), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm) - before,
			(long)(SZ_1M / PAGE_SIZE));
	e.offset = SZ_1M;
	e.addr = 0;
	KUNIT_EXPECT_EQ_MSG(test, msha_region_export(r, &e), -EFAULT,
			    "an export fails if nothing is mapped at its address");
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->locked_vm) - before,
			(long)(SZ_1M / PAGE_SIZE));
	revert_creds(old);
}

static struct kunit_case quota_cases[] = {
	KUNIT_CASE(test_exempt),
	KUNIT_CASE(test_share),
	KUNIT_CASE(test_regions),
	KUNIT_CASE(test_locked_vm),
	{}
};

static struct kunit_suite quota_suite = {
	.name = "msharearena_quota",
	.test_cases = quota_cases,
};

kunit_test_suite(quota_suite);
