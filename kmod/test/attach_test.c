// SPDX-License-Identifier: GPL-2.0
/* Attachments, in situations that user space cannot cause reliably. */
#include "util.h"

#include <linux/completion.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmu_notifier.h>
#include <linux/shmem_fs.h>
#include <linux/workqueue.h>

#include "../attach.h"

/* The flags of shmem_kernel_file_setup() became a structure in 7.x. */
#ifdef EMPTY_VMA_FLAGS
#define MSHA_SHMEM_NO_FLAGS						\
	__builtin_choose_expr(__builtin_types_compatible_p(		\
		typeof(shmem_kernel_file_setup),			\
		struct file *(const char *, loff_t, unsigned long)),	\
		0, EMPTY_VMA_FLAGS)
#else
#define MSHA_SHMEM_NO_FLAGS 0
#endif

static unsigned long p4d_entry(struct msha_region *r)
{
	return msha_table_linked_pfn(&r->rw->table, current->mm);
}

static void test_link(struct kunit *test)
{
	struct msha_region *r;
	struct msha_attachment *a;

	msha_test_mm(test);
	r = msha_test_region(test, "kunit-link", PMD_SIZE, SZ_1G);
	msha_test_show(test, r, 0, 1);
	a = msha_test_attach(test, r->rw);
	KUNIT_EXPECT_EQ(test, p4d_entry(r), __pa(r->rw->table.pud[0]) >> PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->attached), 1);
	KUNIT_EXPECT_PTR_EQ(test, a->mm, current->mm);
	KUNIT_EXPECT_EQ(test, vm_munmap(r->base, MSHA_WINDOW_SIZE), 0);
	KUNIT_EXPECT_EQ(test, p4d_entry(r), 0ul);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->attached), 0);
	KUNIT_EXPECT_EQ_MSG(test, msha_table_lookup(&r->rw->table, 0,
						    &(struct msha_translation){}),
			    true, "munmap() left the view's table unchanged");
}

/*
 * Up to 6.11, mmap() may fail after ->mmap succeeded. The core then calls
 * ->close without a notification, and afterwards unmaps a VMA without a file.
 */
static void test_closed_while_linked(struct kunit *test)
{
	struct msha_region *r;
	struct vm_area_struct *vma;

	msha_test_mm(test);
	r = msha_test_region(test, "kunit-close", PMD_SIZE, SZ_1G);
	msha_test_show(test, r, 0, 1);
	msha_test_attach(test, r->rw);
	mmap_write_lock(current->mm);
	vma = find_vma(current->mm, r->base);
	KUNIT_EXPECT_EQ(test, vma->vm_start, r->base);
	vma->vm_ops->close(vma);
	vma->vm_ops = NULL;
	mmap_write_unlock(current->mm);
	KUNIT_EXPECT_EQ_MSG(test, p4d_entry(r), 0ul,
			    "->close of a linked VMA clears the P4D entry");
	KUNIT_EXPECT_EQ(test, atomic_read(&r->attached), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(r->base, MSHA_WINDOW_SIZE), 0);
}

/*
 * While another notifier of the same mm is in the middle of an invalidation, a
 * notifier that is inserted is not called yet. So mmap() must not link the view
 * before the invalidation has ended.
 */
struct held {
	struct mmu_interval_notifier notifier;
	struct completion begun;
	struct completion may_end;
	struct file *file;
	struct delayed_work release;
	struct msha_region *r;
	bool linked_too_early;
	bool released;
};

static bool held_invalidate(struct mmu_interval_notifier *mni,
			    const struct mmu_notifier_range *range,
			    unsigned long cur_seq)
{
	struct held *h = container_of(mni, struct held, notifier);

	mmu_interval_set_seq(mni, cur_seq);
	if (mmu_notifier_range_blockable(range)) {
		complete(&h->begun);
		wait_for_completion(&h->may_end);
	}
	return true;
}

static const struct mmu_interval_notifier_ops held_ops = {
	.invalidate = held_invalidate,
};

/* Unmap without mmap_lock, as truncation and reclaim do. */
static int held_unmap(void *data)
{
	struct held *h = data;

	unmap_mapping_range(h->file->f_mapping, 0, PAGE_SIZE, 1);
	return 0;
}

static void held_release(struct work_struct *work)
{
	struct held *h = container_of(to_delayed_work(work), struct held, release);

	h->linked_too_early = READ_ONCE(h->r->rw->was_linked);
	WRITE_ONCE(h->released, true);
	complete(&h->may_end);
}

static void test_deferred_notifier(struct kunit *test)
{
	struct held *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	struct task_struct *unmapper;
	unsigned long addr;
	u32 byte = 0;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, h);
	init_completion(&h->begun);
	init_completion(&h->may_end);
	INIT_DELAYED_WORK(&h->release, held_release);
	msha_test_mm(test);
	h->r = msha_test_region(test, "kunit-defer", PMD_SIZE, SZ_1G);
	msha_test_show(test, h->r, 0, 1);

	h->file = shmem_file_setup("kunit", PAGE_SIZE, MSHA_SHMEM_NO_FLAGS);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h->file);
	addr = vm_mmap(h->file, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_ASSERT_EQ(test, copy_to_user((void __user *)addr, &byte, sizeof(byte)), 0ul);
	ret = mmu_interval_notifier_insert(&h->notifier, current->mm, addr,
					   PAGE_SIZE, &held_ops);
	KUNIT_ASSERT_EQ(test, ret, 0);
	unmapper = kthread_run(held_unmap, h, "kunit-unmap");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, unmapper);
	wait_for_completion(&h->begun);

	schedule_delayed_work(&h->release, HZ / 2);
	msha_test_attach(test, h->r->rw);
	KUNIT_EXPECT_TRUE_MSG(test, READ_ONCE(h->released),
			      "mmap() returns after the invalidation has ended");
	KUNIT_EXPECT_FALSE_MSG(test, h->linked_too_early,
			       "mmap() links no view during the invalidation");
	flush_delayed_work(&h->release);
	KUNIT_EXPECT_EQ(test, vm_munmap(h->r->base, MSHA_WINDOW_SIZE), 0);
	mmu_interval_notifier_remove(&h->notifier);
	vm_munmap(addr, PAGE_SIZE);
	fput(h->file);
}

static struct kunit_case attach_cases[] = {
	KUNIT_CASE(test_link),
	KUNIT_CASE(test_closed_while_linked),
	KUNIT_CASE(test_deferred_notifier),
	{}
};

static struct kunit_suite attach_suite = {
	.name = "msharearena_attach",
	.test_cases = attach_cases,
};

kunit_test_suite(attach_suite);
