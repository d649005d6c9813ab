// SPDX-License-Identifier: GPL-2.0
/* Validation and allocation of names and windows. */
#include "util.h"

#include "../window.h"

struct name_param {
	const char *bytes;
	bool ok;
};

static const struct name_param name_params[] = {
	{ "a\0\0\0\0\0\0", true },
	{ "aZ09_-.", true },
	{ "a.\0\0\0\0\0", true },
	{ "_\0\0\0\0\0\0", true },
	{ "-\0\0\0\0\0\0", true },
	{ "\0\0\0\0\0\0\0", false },
	{ ".\0\0\0\0\0\0", false },
	{ "..\0\0\0\0\0", false },
	{ ".a\0\0\0\0\0", false },
	{ "a/b\0\0\0\0", false },
	{ "a!b\0\0\0\0", false },
	{ "a b\0\0\0\0", false },
	{ "a\nb\0\0\0\0", false },
	{ "a\x7f\0\0\0\0\0", false },
	{ "a\xc3\xa4\0\0\0\0", false },
	{ "a\0b\0\0\0\0", false },
	{ "a\0\0\0\0\0b", false },
};

static void test_names(struct kunit *test)
{
	unsigned int i;

	/* Each field has eight bytes: the seven above and the final NUL. */
	for (i = 0; i < ARRAY_SIZE(name_params); i++)
		KUNIT_EXPECT_EQ_MSG(test, msha_name_ok(name_params[i].bytes, 8),
				    name_params[i].ok, "name %u", i);
	KUNIT_EXPECT_FALSE_MSG(test, msha_name_ok("aZ09_-.b", 8),
			       "a name without a NUL byte is refused");
}

static void test_window_addresses(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, msha_window_valid(0));
	KUNIT_EXPECT_TRUE(test, msha_window_valid(MSHA_WINDOW_SIZE));
	KUNIT_EXPECT_TRUE(test, msha_window_valid(254 * MSHA_WINDOW_SIZE));
	KUNIT_EXPECT_FALSE_MSG(test, msha_window_valid(255 * MSHA_WINDOW_SIZE),
			       "the last window, which TASK_SIZE cuts, is refused");
	KUNIT_EXPECT_FALSE(test, msha_window_valid(256 * MSHA_WINDOW_SIZE));
	KUNIT_EXPECT_FALSE(test, msha_window_valid(MSHA_WINDOW_SIZE + PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, msha_window_valid(1));
	KUNIT_EXPECT_FALSE(test, msha_window_valid(~0ull));
}

static struct msha_region *new_region(struct kunit *test, const char *name)
{
	struct msha_region *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	kref_init(&r->ref);
	strscpy(r->name, name, sizeof(r->name));
	return r;
}

static void test_window_asked_for(struct kunit *test)
{
	struct msha_region *r = new_region(test, "kunit-a");
	struct msha_region *other = new_region(test, "kunit-b");
	unsigned long addr = 3 * MSHA_WINDOW_SIZE;

	KUNIT_ASSERT_EQ(test, msha_window_take(r, addr, true), 0);
	KUNIT_EXPECT_EQ(test, r->base, addr);
	KUNIT_EXPECT_TRUE(test, r->named);
	KUNIT_EXPECT_EQ(test, msha_window_take(other, addr, true), -EBUSY);
	KUNIT_EXPECT_PTR_EQ(test, msha_window_next(0), r);
	KUNIT_EXPECT_EQ(test, kref_read(&r->ref), 2u);
	KUNIT_EXPECT_PTR_EQ(test, msha_window_next(addr - 1), r);
	KUNIT_EXPECT_NULL(test, msha_window_next(addr));
	KUNIT_EXPECT_NULL(test, msha_window_next(~0ull));
	msha_window_put(r);
	KUNIT_EXPECT_EQ(test, msha_window_take(other, addr, true), 0);
	refcount_set(&other->ref.refcount, 0);
	KUNIT_EXPECT_NULL_MSG(test, msha_window_next(0),
			      "a region without references is not found");
	msha_window_put(other);
}

static void test_window_names(struct kunit *test)
{
	struct msha_region *r = new_region(test, "kunit-a");
	struct msha_region *same = new_region(test, "kunit-a");

	KUNIT_ASSERT_EQ(test, msha_window_take(r, 0, true), 0);
	KUNIT_EXPECT_EQ(test, msha_window_take(same, 0, true), -EEXIST);
	KUNIT_EXPECT_EQ_MSG(test, msha_window_take(same, 0, false), 0,
			    "an unnamed region may have the name of another");
	msha_window_put(same);
	msha_window_unname(r);
	KUNIT_EXPECT_EQ(test, msha_window_take(same, 0, true), 0);
	msha_window_put(same);
	msha_window_put(r);
}

static void test_window_chosen(struct kunit *test)
{
	unsigned int i, n = MSHA_WINDOW_LAST - MSHA_WINDOW_FIRST + 1;
	struct msha_region *r, *more = new_region(test, "kunit-more");
	unsigned int in_order = 0;
	unsigned long last = 0;

	for (i = 0; i < n; i++) {
		r = new_region(test, "kunit");
		KUNIT_ASSERT_EQ(test, msha_window_take(r, 0, false), 0);
		KUNIT_EXPECT_GE(test, r->base, MSHA_WINDOW_FIRST * MSHA_WINDOW_SIZE);
		KUNIT_EXPECT_LE(test, r->base, MSHA_WINDOW_LAST * MSHA_WINDOW_SIZE);
		in_order += r->base > last;
		last = r->base;
	}
	KUNIT_EXPECT_LT_MSG(test, in_order, n - 10,
			    "windows are chosen at random and not in order");
	KUNIT_EXPECT_EQ(test, msha_window_take(more, 0, false), -ENOSPC);
	for (last = 0; (r = msha_window_next(last)); last = r->base)
		msha_window_put(r);
}

static struct kunit_case name_cases[] = {
	KUNIT_CASE(test_names),
	KUNIT_CASE(test_window_addresses),
	KUNIT_CASE(test_window_asked_for),
	KUNIT_CASE(test_window_names),
	KUNIT_CASE(test_window_chosen),
	{}
};

static struct kunit_suite name_suite = {
	.name = "msharearena_name",
	.test_cases = name_cases,
};

kunit_test_suite(name_suite);
