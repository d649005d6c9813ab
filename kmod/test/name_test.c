// SPDX-License-Identifier: GPL-2.0
/* Names and addresses: what is refused before anything is done. */
#include "util.h"

#include "../name.h"
#include "../slot.h"

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

	/* Eight bytes each: seven are written above, and the NUL. */
	for (i = 0; i < ARRAY_SIZE(name_params); i++)
		KUNIT_EXPECT_EQ_MSG(test, msha_name_ok(name_params[i].bytes, 8),
				    name_params[i].ok, "name %u", i);
	KUNIT_EXPECT_FALSE_MSG(test, msha_name_ok("aZ09_-.b", 8),
			       "no room for a NUL");
}

static void test_slot_addresses(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, msha_slot_valid(0));
	KUNIT_EXPECT_TRUE(test, msha_slot_valid(MSHA_SLOT_SIZE));
	KUNIT_EXPECT_TRUE(test, msha_slot_valid(254 * MSHA_SLOT_SIZE));
	KUNIT_EXPECT_FALSE_MSG(test, msha_slot_valid(255 * MSHA_SLOT_SIZE),
			       "user addresses end a page before its end");
	KUNIT_EXPECT_FALSE(test, msha_slot_valid(256 * MSHA_SLOT_SIZE));
	KUNIT_EXPECT_FALSE(test, msha_slot_valid(MSHA_SLOT_SIZE + PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, msha_slot_valid(1));
	KUNIT_EXPECT_FALSE(test, msha_slot_valid(~0ull));
}

static void test_slot_asked_for(struct kunit *test)
{
	unsigned long addr = 3 * MSHA_SLOT_SIZE, base, again;

	KUNIT_ASSERT_EQ(test, msha_slot_get(addr, &base), 0);
	KUNIT_EXPECT_EQ(test, base, addr);
	KUNIT_EXPECT_EQ(test, msha_slot_get(addr, &again), -EBUSY);
	msha_slot_put(base);
	KUNIT_EXPECT_EQ(test, msha_slot_get(addr, &again), 0);
	msha_slot_put(again);
}

static void test_slot_chosen(struct kunit *test)
{
	unsigned long base[MSHA_SLOT_LAST - MSHA_SLOT_FIRST + 1];
	unsigned int n = 0, i;
	int ret;

	while (n < ARRAY_SIZE(base)) {
		ret = msha_slot_get(0, &base[n]);
		if (ret)
			break;
		KUNIT_EXPECT_GE(test, base[n], MSHA_SLOT_FIRST * MSHA_SLOT_SIZE);
		KUNIT_EXPECT_LE(test, base[n], MSHA_SLOT_LAST * MSHA_SLOT_SIZE);
		n++;
	}
	KUNIT_EXPECT_EQ_MSG(test, n, ARRAY_SIZE(base), "all slots are free");
	KUNIT_EXPECT_EQ(test, msha_slot_get(0, &base[0]), -ENOSPC);
	for (i = 0; i < n; i++)
		msha_slot_put((MSHA_SLOT_FIRST + i) * MSHA_SLOT_SIZE);
}

static struct kunit_case name_cases[] = {
	KUNIT_CASE(test_names),
	KUNIT_CASE(test_slot_addresses),
	KUNIT_CASE(test_slot_asked_for),
	KUNIT_CASE(test_slot_chosen),
	{}
};

static struct kunit_suite name_suite = {
	.name = "msharearena_name",
	.test_cases = name_cases,
};

kunit_test_suite(name_suite);
