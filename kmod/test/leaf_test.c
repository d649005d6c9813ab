// SPDX-License-Identifier: GPL-2.0
/* Demotion and promotion, in every state of a view's twins. */
#include "util.h"

#include <linux/mm.h>

#include "../attach.h"
#include "../leaf.h"

struct leaf_test {
	struct msha_region *r;
	struct msha_table *t;
	struct msha_attachment *a;
};

/*
 * Make and attach a region of 4 GiB, in which GiB 1 and 2 have memory. It is
 * detached with the test's mm when the test's thread ends.
 */
static int leaf_test_init(struct kunit *test)
{
	struct leaf_test *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, l);
	test->priv = l;
	msha_test_mm(test);
	l->r = msha_test_region(test, "kunit-leaf", PUD_SIZE, 4 * PUD_SIZE);
	l->t = &l->r->rw->table;
	msha_test_show(test, l->r, PUD_SIZE, 2);
	l->a = msha_test_attach(test, l->r->rw);
	return 0;
}

/* Run the promotion work now, as if the last demotion was @ago jiffies ago. */
static void promote_after(struct msha_region *r, unsigned long ago)
{
	cancel_delayed_work_sync(&r->promote);
	r->demoted_at = jiffies - ago;
	msha_leaf_promote(&r->promote.work);
}

static void promote(struct msha_region *r)
{
	promote_after(r, 60 * HZ);
	cancel_delayed_work_sync(&r->promote);
}

/* Expect that each 2 MiB of GiB @gib is still translated to the same frame. */
static void expect_translated(struct kunit *test, struct msha_table *t,
			      unsigned int gib)
{
	struct msha_translation tr;
	u64 offset = gib * PUD_SIZE;
	unsigned int i;

	for (i = 0; i < PTRS_PER_PMD; i++, offset += PMD_SIZE) {
		KUNIT_ASSERT_TRUE(test, msha_table_lookup(t, offset, &tr));
		KUNIT_ASSERT_EQ(test, tr.pfn, MSHA_TEST_PFN +
				(offset - PUD_SIZE) / PAGE_SIZE);
	}
}

static void expect_twins(struct kunit *test, struct msha_table *t,
			 unsigned int gib, bool leaf0, bool leaf1)
{
	KUNIT_EXPECT_EQ(test, msha_table_is_leaf(t, 0, gib), leaf0);
	KUNIT_EXPECT_EQ(test, msha_table_is_leaf(t, 1, gib), leaf1);
	expect_translated(test, t, gib);
}

static void test_promote_whole_leaves(struct kunit *test)
{
	struct leaf_test *l = test->priv;

	expect_twins(test, l->t, 1, true, true);
	expect_twins(test, l->t, 2, true, true);
	KUNIT_EXPECT_EQ(test, l->t->current_twin, 0u);
	promote(l->r);
	KUNIT_EXPECT_EQ_MSG(test, l->t->current_twin, 0u,
			    "promotion without demoted leaves begins no round");
	KUNIT_EXPECT_EQ(test, l->r->rw->promotions, 0ul);
}

static void test_demote(struct kunit *test)
{
	struct leaf_test *l = test->priv;

	msha_leaf_demote(l->a, 1);
	expect_twins(test, l->t, 1, false, true);
	expect_twins(test, l->t, 2, true, true);
	KUNIT_EXPECT_EQ(test, l->r->rw->demotions, 1ul);
	msha_leaf_demote(l->a, 1);
	KUNIT_EXPECT_EQ_MSG(test, l->r->rw->demotions, 1ul,
			    "a leaf that is demoted already is not demoted again");
	msha_leaf_demote(l->a, 0);
	KUNIT_EXPECT_EQ_MSG(test, l->r->rw->demotions, 1ul,
			    "an entry without memory is not demoted");
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&l->r->promote));
	promote_after(l->r, 0);
	expect_twins(test, l->t, 1, false, true);
	KUNIT_EXPECT_TRUE_MSG(test, delayed_work_pending(&l->r->promote),
			      "promotion before the delay ends is queued again");
	KUNIT_EXPECT_TRUE_MSG(test, msha_table_is_leaf(&l->r->ro->table, 0, 1),
			      "the leaf of another view is not demoted");
}

/* The process moves to the twin with whole leaves. The other is restored. */
static void test_promote(struct kunit *test)
{
	struct leaf_test *l = test->priv;

	msha_leaf_demote(l->a, 1);
	msha_leaf_demote(l->a, 2);
	promote(l->r);
	expect_twins(test, l->t, 1, true, true);
	expect_twins(test, l->t, 2, true, true);
	KUNIT_EXPECT_EQ(test, l->r->rw->promotions, 2ul);
	KUNIT_EXPECT_EQ(test, l->t->current_twin, 1u);
	KUNIT_EXPECT_EQ(test, l->a->twin, 1u);
	KUNIT_EXPECT_EQ(test, l->r->rw->users[0], 0ul);
	KUNIT_EXPECT_EQ(test, l->r->rw->users[1], 1ul);
	KUNIT_EXPECT_EQ(test, msha_table_linked_pfn(l->t, current->mm),
			__pa(l->t->pud[1]) >> PAGE_SHIFT);
	/* The next round moves the process back to the first twin. */
	msha_leaf_demote(l->a, 2);
	expect_twins(test, l->t, 2, true, false);
	promote(l->r);
	expect_twins(test, l->t, 2, true, true);
	KUNIT_EXPECT_EQ(test, l->t->current_twin, 0u);
	KUNIT_EXPECT_EQ(test, l->r->rw->promotions, 3ul);
}

/* A process whose mmap_lock is held is not moved. */
static void test_busy_process(struct kunit *test)
{
	struct leaf_test *l = test->priv;

	msha_leaf_demote(l->a, 1);
	KUNIT_EXPECT_EQ(test, l->r->retry_ms, MSHA_RETRY_FIRST_MS);
	mmap_read_lock(current->mm);
	promote(l->r);
	KUNIT_EXPECT_EQ_MSG(test, l->r->retry_ms, 2 * MSHA_RETRY_FIRST_MS,
			    "the pause doubles when a process is busy");
	mmap_read_unlock(current->mm);
	KUNIT_EXPECT_EQ_MSG(test, l->t->current_twin, 1u,
			    "a round begins even if the only process is busy");
	KUNIT_EXPECT_EQ(test, l->a->twin, 0u);
	KUNIT_EXPECT_EQ(test, l->r->rw->promotions, 0ul);
	expect_twins(test, l->t, 1, false, true);

	/* Another leaf is demoted in the twin that the process is linked to. */
	msha_leaf_demote(l->a, 2);
	expect_twins(test, l->t, 2, false, true);

	promote(l->r);
	KUNIT_EXPECT_EQ(test, l->a->twin, 1u);
	KUNIT_EXPECT_EQ(test, l->r->rw->promotions, 2ul);
	expect_twins(test, l->t, 1, true, true);
	expect_twins(test, l->t, 2, true, true);
}

#ifdef CONFIG_PER_VMA_LOCK
/* Take the VMA's lock like the core, whose functions are not exported. */
static void hold_vma(struct vm_area_struct *vma, bool hold)
{
#if defined(VM_REFCNT_LIMIT) || defined(VMA_LOCK_OFFSET)
	if (hold)
		refcount_inc(&vma->vm_refcnt);
	else
		refcount_dec(&vma->vm_refcnt);
#else
	if (hold)
		down_read(&vma->vm_lock->lock);
	else
		up_read(&vma->vm_lock->lock);
#endif
}

/*
 * A process whose VMA lock is held for reading is not moved either: if the work
 * waited for it, it would delay the promotion of the whole region.
 */
static void test_vma_reader(struct kunit *test)
{
	struct leaf_test *l = test->priv;
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	vma = find_vma(current->mm, l->r->base);
	mmap_read_unlock(current->mm);
	msha_leaf_demote(l->a, 1);
	hold_vma(vma, true);
	promote(l->r);
	KUNIT_EXPECT_EQ(test, l->a->twin, 0u);
	hold_vma(vma, false);
	promote(l->r);
	KUNIT_EXPECT_EQ(test, l->a->twin, 1u);
	expect_twins(test, l->t, 1, true, true);
}
#endif

/* A round begins only after the last one has ended, as there are two tables. */
static void test_one_round(struct kunit *test)
{
	struct leaf_test *l = test->priv;

	msha_leaf_demote(l->a, 1);
	mmap_read_lock(current->mm);
	promote(l->r);
	/* A leaf of the new current twin is demoted as well. */
	spin_lock(&l->r->rw->lock);
	msha_table_use_shadow(l->t, 1, 2);
	l->t->demoted[1]++;
	spin_unlock(&l->r->rw->lock);
	promote(l->r);
	KUNIT_EXPECT_EQ(test, l->t->current_twin, 1u);
	mmap_read_unlock(current->mm);
	promote(l->r);
	KUNIT_EXPECT_EQ_MSG(test, l->a->twin, 1u,
			    "the first round moves the process");
	promote(l->r);
	KUNIT_EXPECT_EQ_MSG(test, l->a->twin, 0u,
			    "the second round moves the process back");
	expect_twins(test, l->t, 1, true, true);
	expect_twins(test, l->t, 2, true, true);
}

static void test_nobody_attached(struct kunit *test)
{
	struct leaf_test *l = test->priv;

	msha_leaf_demote(l->a, 1);
	KUNIT_ASSERT_EQ(test, vm_munmap(l->r->base, MSHA_WINDOW_SIZE), 0);
	promote(l->r);
	expect_twins(test, l->t, 1, true, true);
	KUNIT_EXPECT_EQ(test, l->r->rw->promotions, 1ul);
}

/* Memory that is exported while a leaf is demoted gets leaves in both twins. */
static void test_growth(struct kunit *test)
{
	struct leaf_test *l = test->priv;

	msha_leaf_demote(l->a, 1);
	msha_test_show(test, l->r, 3 * PUD_SIZE, 1);
	KUNIT_EXPECT_TRUE(test, msha_table_is_leaf(l->t, 0, 3));
	KUNIT_EXPECT_TRUE(test, msha_table_is_leaf(l->t, 1, 3));
	promote(l->r);
	expect_twins(test, l->t, 1, true, true);
	KUNIT_EXPECT_EQ(test, l->r->rw->promotions, 1ul);
}

static struct kunit_case leaf_cases[] = {
	KUNIT_CASE(test_promote_whole_leaves),
	KUNIT_CASE(test_demote),
	KUNIT_CASE(test_promote),
	KUNIT_CASE(test_busy_process),
#ifdef CONFIG_PER_VMA_LOCK
	KUNIT_CASE(test_vma_reader),
#endif
	KUNIT_CASE(test_one_round),
	KUNIT_CASE(test_nobody_attached),
	KUNIT_CASE(test_growth),
	{}
};

static struct kunit_suite leaf_suite = {
	.name = "msharearena_leaf",
	.init = leaf_test_init,
	.test_cases = leaf_cases,
};

kunit_test_suite(leaf_suite);
