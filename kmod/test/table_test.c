// SPDX-License-Identifier: GPL-2.0
/*
 * The page tables of a view, for each page size. No process is linked to them,
 * so they may lead to any memory.
 */
#include "util.h"

static void destroy(void *table)
{
	struct msha_table *t = table;

	if (t->pud[0])
		msha_table_destroy(t);
}

static struct msha_table *new_table(struct kunit *test, unsigned long page_size)
{
	struct msha_table *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, msha_table_init(t, page_size), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, destroy, t), 0);
	return t;
}

static void fill(struct msha_table *t, u64 offset, unsigned long pfn,
		 bool writable)
{
	msha_table_fill(t, offset, pfn_to_page(pfn), writable);
}

static bool has(struct msha_table *t, u64 offset)
{
	struct msha_translation tr;

	return msha_table_lookup(t, offset, &tr);
}

static void expect_at(struct kunit *test, struct msha_table *t, u64 offset,
		      unsigned long pfn, bool writable)
{
	struct msha_translation tr;

	KUNIT_ASSERT_TRUE(test, msha_table_lookup(t, offset, &tr));
	KUNIT_EXPECT_EQ(test, tr.pfn, pfn);
	KUNIT_EXPECT_EQ(test, tr.writable, writable);
	KUNIT_EXPECT_EQ(test, tr.size, t->page_size);
}

static void test_empty(struct kunit *test)
{
	struct msha_table *t = new_table(test, PUD_SIZE);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, t->pages, 4ul);
	for (i = 0; i < PTRS_PER_PUD; i++) {
		KUNIT_ASSERT_PTR_EQ(test, pud_pgtable(t->pud[0][i]), t->dead);
		KUNIT_ASSERT_PTR_EQ(test, pud_pgtable(t->pud[1][i]), t->dead);
		KUNIT_ASSERT_FALSE(test, has(t, i * PUD_SIZE));
	}
	for (i = 0; i < PTRS_PER_PMD; i++)
		KUNIT_ASSERT_TRUE(test, pmd_none(t->dead[i]));
}

static void test_4k(struct kunit *test)
{
	struct msha_table *t = new_table(test, PAGE_SIZE);
	u64 at = PUD_SIZE - PAGE_SIZE;

	/* Prepare two pages, one on each side of a PUD entry's boundary. */
	KUNIT_ASSERT_EQ(test, msha_table_prepare(t, at, 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, t->pages, 4ul + 2 + 2);
	KUNIT_EXPECT_FALSE(test, has(t, at));
	fill(t, at, MSHA_TEST_PFN, true);
	KUNIT_EXPECT_FALSE(test, has(t, at - PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, has(t, PUD_SIZE));
	fill(t, PUD_SIZE, MSHA_TEST_PFN + 7, false);
	expect_at(test, t, at, MSHA_TEST_PFN, true);
	expect_at(test, t, PUD_SIZE, MSHA_TEST_PFN + 7, false);
	KUNIT_EXPECT_EQ(test, pud_val(t->pud[0][0]), pud_val(t->pud[1][0]));
	/* Tables that exist are not allocated again. */
	KUNIT_ASSERT_EQ(test, msha_table_prepare(t, 0, 2 * PUD_SIZE), 0);
	KUNIT_EXPECT_EQ(test, t->pages, 4ul + 2 + 2 * PTRS_PER_PMD);
	expect_at(test, t, at, MSHA_TEST_PFN, true);
}

static void test_2m(struct kunit *test)
{
	struct msha_table *t = new_table(test, PMD_SIZE);

	KUNIT_ASSERT_EQ(test, msha_table_prepare(t, 0, 2 * PUD_SIZE), 0);
	KUNIT_EXPECT_EQ(test, t->pages, 4ul + 2);
	fill(t, PUD_SIZE + PMD_SIZE, MSHA_TEST_PFN, true);
	KUNIT_EXPECT_FALSE(test, has(t, PMD_SIZE));
	KUNIT_EXPECT_FALSE(test, has(t, PUD_SIZE));
	KUNIT_EXPECT_FALSE(test, has(t, PUD_SIZE + 2 * PMD_SIZE));
	expect_at(test, t, PUD_SIZE + PMD_SIZE, MSHA_TEST_PFN, true);
	expect_at(test, t, PUD_SIZE + PMD_SIZE + 5 * PAGE_SIZE,
		  MSHA_TEST_PFN + 5, true);
}

static void test_1g(struct kunit *test)
{
	struct msha_table *t = new_table(test, PUD_SIZE);

	KUNIT_ASSERT_EQ(test, msha_table_prepare(t, PUD_SIZE, PUD_SIZE), 0);
	KUNIT_EXPECT_EQ(test, t->pages, 4ul + 1);
	fill(t, PUD_SIZE, MSHA_TEST_PFN, false);
	KUNIT_EXPECT_TRUE(test, msha_table_is_leaf(t, 0, 1));
	KUNIT_EXPECT_TRUE(test, msha_table_is_leaf(t, 1, 1));
	KUNIT_EXPECT_EQ(test, pud_pfn(t->pud[0][1]), MSHA_TEST_PFN);
	KUNIT_EXPECT_FALSE(test, pud_write(t->pud[0][1]));
	expect_at(test, t, 2 * PUD_SIZE - PAGE_SIZE,
		  MSHA_TEST_PFN + PUD_SIZE / PAGE_SIZE - 1, false);
	KUNIT_EXPECT_FALSE(test, has(t, 0));
	KUNIT_EXPECT_FALSE(test, has(t, 2 * PUD_SIZE));
}

/*
 * A walk never has to set a bit in an entry. A read-only entry must not be
 * dirty, as that would make it shadow-stack memory.
 */
static void test_bits(struct kunit *test)
{
	struct msha_table *t = new_table(test, PUD_SIZE);

	KUNIT_ASSERT_EQ(test, msha_table_prepare(t, 0, 2 * PUD_SIZE), 0);
	fill(t, 0, MSHA_TEST_PFN, true);
	fill(t, PUD_SIZE, MSHA_TEST_PFN, false);
	KUNIT_EXPECT_TRUE(test, pud_young(t->pud[0][0]));
	KUNIT_EXPECT_TRUE(test, pud_dirty(t->pud[0][0]));
	KUNIT_EXPECT_TRUE(test, pud_young(t->pud[0][1]));
	KUNIT_EXPECT_FALSE(test, pud_flags(t->pud[0][1]) & _PAGE_DIRTY_BITS);
	KUNIT_EXPECT_TRUE(test, pmd_young(t->pmd[0][0]));
	KUNIT_EXPECT_TRUE(test, pmd_dirty(t->pmd[0][0]));
	KUNIT_EXPECT_FALSE(test, pmd_flags(t->pmd[1][0]) & _PAGE_DIRTY_BITS);
	KUNIT_EXPECT_TRUE_MSG(test, pud_flags(t->pud[0][0]) & _PAGE_NX,
			      "no leaf is executable");
	KUNIT_EXPECT_TRUE(test, pmd_flags(t->pmd[0][0]) & _PAGE_NX);
}

/* A shadow has the translation of its leaf, which can be restored from it. */
static void test_shadow(struct kunit *test)
{
	struct msha_table *t = new_table(test, PUD_SIZE);
	pud_t leaf;

	KUNIT_ASSERT_EQ(test, msha_table_prepare(t, 0, 2 * PUD_SIZE), 0);
	fill(t, 0, MSHA_TEST_PFN, true);
	leaf = t->pud[1][0];
	msha_table_use_shadow(t, 1, 0);
	KUNIT_EXPECT_FALSE(test, msha_table_is_leaf(t, 1, 0));
	KUNIT_EXPECT_TRUE(test, msha_table_is_leaf(t, 0, 0));
	KUNIT_EXPECT_PTR_EQ(test, pud_pgtable(t->pud[1][0]), t->pmd[0]);
	expect_at(test, t, PMD_SIZE, MSHA_TEST_PFN + PTRS_PER_PTE, true);
	KUNIT_EXPECT_EQ(test, msha_table_restore(t, 0), 0u);
	KUNIT_EXPECT_EQ_MSG(test, msha_table_restore(t, 1), 1u,
			    "only the entry that uses its shadow is restored");
	KUNIT_EXPECT_EQ(test, pud_val(t->pud[1][0]), pud_val(leaf));
}

static void test_destroy(struct kunit *test)
{
	static const unsigned long sizes[] = { PAGE_SIZE, PMD_SIZE, PUD_SIZE };
	struct msha_table *t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		t = new_table(test, sizes[i]);
		KUNIT_ASSERT_EQ(test, msha_table_prepare(t, PUD_SIZE, PUD_SIZE), 0);
		fill(t, PUD_SIZE, MSHA_TEST_PFN, true);
		msha_table_kill(t);
		KUNIT_EXPECT_FALSE(test, has(t, PUD_SIZE));
		msha_table_destroy(t);
		KUNIT_EXPECT_EQ(test, t->pages, 0ul);
	}
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE(test_empty),
	KUNIT_CASE(test_4k),
	KUNIT_CASE(test_2m),
	KUNIT_CASE(test_1g),
	KUNIT_CASE(test_bits),
	KUNIT_CASE(test_shadow),
	KUNIT_CASE(test_destroy),
	{}
};

static struct kunit_suite table_suite = {
	.name = "msharearena_table",
	.test_cases = table_cases,
};

kunit_test_suite(table_suite);
