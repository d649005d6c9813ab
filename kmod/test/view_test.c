// SPDX-License-Identifier: GPL-2.0
/* Views: their ranges, and the tables that are made for them. */
#include "util.h"

#include <linux/mm.h>

#define CAN_READ	MSHAREARENA_PROT_READ
#define CAN_WRITE	(MSHAREARENA_PROT_READ | MSHAREARENA_PROT_WRITE)

static const struct msharearena_range ranges[] = {
	{ .offset = 2 * PMD_SIZE, .length = PMD_SIZE, .prot = CAN_READ },
	{ .offset = 3 * PMD_SIZE, .length = 2 * PMD_SIZE, .prot = CAN_WRITE },
	{ .offset = 3 * PUD_SIZE, .length = PMD_SIZE, .prot = CAN_READ },
};

/* Make a view with a copy of the ranges @from. It is freed with the test. */
static struct msha_view *new_view(struct kunit *test, struct msha_region *r,
				  const struct msharearena_range *from,
				  unsigned int n)
{
	struct msharearena_range *copy;
	struct msha_view *v;
	int ret;

	copy = kvmalloc_array(n, sizeof(*from), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	memcpy(copy, from, n * sizeof(*from));
	v = msha_view_new(r, "np", false, copy, n);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, v);
	ret = kunit_add_action_or_reset(test, (kunit_action_t *)msha_view_free, v);
	KUNIT_ASSERT_EQ(test, ret, 0);
	return v;
}

static void test_prot(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-view", PMD_SIZE,
						 4 * PUD_SIZE);
	struct msha_view *v = new_view(test, r, ranges, ARRAY_SIZE(ranges));

	KUNIT_EXPECT_EQ(test, msha_view_prot(v, 0), 0u);
	KUNIT_EXPECT_EQ(test, msha_view_prot(v, PMD_SIZE), 0u);
	KUNIT_EXPECT_EQ(test, msha_view_prot(v, 2 * PMD_SIZE), CAN_READ);
	KUNIT_EXPECT_EQ(test, msha_view_prot(v, 3 * PMD_SIZE), CAN_WRITE);
	KUNIT_EXPECT_EQ(test, msha_view_prot(v, 4 * PMD_SIZE), CAN_WRITE);
	KUNIT_EXPECT_EQ(test, msha_view_prot(v, 5 * PMD_SIZE), 0u);
	KUNIT_EXPECT_EQ(test, msha_view_prot(v, 3 * PUD_SIZE), CAN_READ);
	KUNIT_EXPECT_EQ(test, msha_view_prot(v, 3 * PUD_SIZE + PMD_SIZE), 0u);
	KUNIT_EXPECT_EQ(test, msha_view_prot(r->rw, PUD_SIZE), CAN_WRITE);
	KUNIT_EXPECT_EQ(test, msha_view_prot(r->ro, PUD_SIZE), CAN_READ);
}

static void test_writable(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-view", PMD_SIZE,
						 4 * PUD_SIZE);
	struct msha_view *some = new_view(test, r, ranges, 3);
	struct msha_view *none = new_view(test, r, ranges, 1);

	KUNIT_EXPECT_TRUE(test, some->writable);
	KUNIT_EXPECT_FALSE(test, none->writable);
}

/* Tables are made only for the ranges of a view. */
static void test_prepare(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-view", PMD_SIZE,
						 4 * PUD_SIZE);
	struct msha_view *v = new_view(test, r, ranges, ARRAY_SIZE(ranges));
	unsigned long empty = v->table.pages;

	KUNIT_EXPECT_EQ(test, msha_view_prepare(v, PUD_SIZE, 2 * PUD_SIZE), 0);
	KUNIT_EXPECT_EQ(test, v->table.pages, empty);
	KUNIT_EXPECT_EQ(test, msha_view_prepare(v, 0, 4 * PUD_SIZE), 0);
	KUNIT_EXPECT_EQ(test, v->table.pages, empty + 2);
}

/* Three views show the same memory, each with its own protection. */
static void test_fill(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-view", PMD_SIZE,
						 4 * PUD_SIZE);
	struct msha_view *v = new_view(test, r, ranges, ARRAY_SIZE(ranges));
	struct msha_translation tr;
	unsigned long i;

	list_add_tail(&v->node, &r->views);
	msha_test_show(test, r, 0, 8);
	list_del(&v->node);
	for (i = 0; i < 8; i++) {
		u32 prot = msha_view_prot(v, i * PMD_SIZE);

		KUNIT_EXPECT_EQ(test, !!prot,
				msha_table_lookup(&v->table, i * PMD_SIZE, &tr));
		if (prot)
			KUNIT_EXPECT_EQ(test, prot == CAN_WRITE, tr.writable);
		KUNIT_EXPECT_TRUE(test, msha_table_lookup(&r->rw->table,
							  i * PMD_SIZE, &tr));
		KUNIT_EXPECT_TRUE(test, tr.writable);
		KUNIT_EXPECT_TRUE(test, msha_table_lookup(&r->ro->table,
							  i * PMD_SIZE, &tr));
		KUNIT_EXPECT_FALSE(test, tr.writable);
		KUNIT_EXPECT_EQ(test, tr.pfn, MSHA_TEST_PFN +
				i * (PMD_SIZE >> PAGE_SHIFT));
	}
	KUNIT_EXPECT_FALSE(test, msha_table_lookup(&r->rw->table, 8 * PMD_SIZE,
						   &tr));
}

static struct kunit_case view_cases[] = {
	KUNIT_CASE(test_prot),
	KUNIT_CASE(test_writable),
	KUNIT_CASE(test_prepare),
	KUNIT_CASE(test_fill),
	{}
};

static struct kunit_suite view_suite = {
	.name = "msharearena_view",
	.test_cases = view_cases,
};

kunit_test_suite(view_suite);
