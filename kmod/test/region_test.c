// SPDX-License-Identifier: GPL-2.0
/* Regions: references, exports, busy pages and device numbers. */
#include "util.h"

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/uaccess.h>

#include "../donor.h"
#include "../pin.h"

static void test_references(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-life", PMD_SIZE,
						 SZ_2M);
	u32 minor = r->rw->minor;
	struct msha_view *v;

	KUNIT_EXPECT_EQ_MSG(test, kref_read(&r->ref), 2u,
			    "the name and the test have a reference each");
	v = msha_view_open(r->rw->minor);
	KUNIT_ASSERT_PTR_EQ(test, v, r->rw);
	KUNIT_EXPECT_EQ(test, kref_read(&r->ref), 3u);
	msha_region_put(r);
	KUNIT_EXPECT_EQ(test, msha_region_remove(r), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&r->ref), 1u);
	KUNIT_EXPECT_TRUE(test, IS_ERR(msha_view_open(minor)));
	KUNIT_EXPECT_EQ(test, msha_region_remove(r), -ENOENT);
	KUNIT_EXPECT_EQ_MSG(test, kref_read(&r->ref), 1u,
			    "a second removal drops no reference");
}

static void test_same_name(struct kunit *test)
{
	struct msharearena_create c = {
		.length = SZ_2M, .page_size = PMD_SIZE, .uid = -1, .gid = -1,
		.name = "kunit-twice",
	};
	struct msha_region *r = msha_test_region(test, c.name, PMD_SIZE, SZ_2M);

	KUNIT_EXPECT_PTR_EQ(test, msha_region_create(&c), ERR_PTR(-EEXIST));
	strscpy(c.name, "kunit-other", sizeof(c.name));
	c.addr = r->base;
	KUNIT_EXPECT_PTR_EQ(test, msha_region_create(&c), ERR_PTR(-EBUSY));
}

static void test_ranges(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-range", PMD_SIZE,
						 4 * PMD_SIZE);

	KUNIT_EXPECT_EQ(test, msha_region_check_range(r, 0, 4 * PMD_SIZE), 0);
	KUNIT_EXPECT_EQ(test, msha_region_check_range(r, 3 * PMD_SIZE, PMD_SIZE), 0);
	KUNIT_EXPECT_EQ(test, msha_region_check_range(r, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, msha_region_check_range(r, 0, PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, msha_region_check_range(r, PAGE_SIZE, PMD_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, msha_region_check_range(r, PMD_SIZE, 4 * PMD_SIZE), -ERANGE);
	KUNIT_EXPECT_EQ(test, msha_region_check_range(r, -PMD_SIZE, PMD_SIZE), -ERANGE);
	KUNIT_EXPECT_EQ(test, msha_region_check_range(r, PMD_SIZE, -PMD_SIZE), -ERANGE);
}

/* Memory of 4 KiB pages is exported, and refused where it would overlap. */
static void test_export(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-export", PAGE_SIZE,
						 SZ_4M);
	struct msharearena_export e = { .length = SZ_64K, .offset = SZ_2M };
	struct msha_translation tr;
	struct msha_chunk *c;

	msha_test_mm(test);
	e.addr = msha_test_donate(test, SZ_128K);
	KUNIT_ASSERT_EQ(test, msha_region_export(r, &e), 0);
	KUNIT_EXPECT_EQ(test, r->exported, (u64)SZ_64K);
	KUNIT_EXPECT_FALSE(test, msha_table_lookup(&r->rw->table, 0, &tr));
	KUNIT_ASSERT_TRUE(test, msha_table_lookup(&r->rw->table, SZ_2M, &tr));
	c = list_first_entry(&r->chunks, struct msha_chunk, node);
	KUNIT_EXPECT_EQ(test, tr.pfn, page_to_pfn(c->pages[0]));
	KUNIT_EXPECT_FALSE(test, msha_table_lookup(&r->rw->table,
						   SZ_2M + SZ_64K, &tr));
	e.offset = SZ_2M + SZ_64K - PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, msha_region_export(r, &e), -EEXIST);
	e.offset = SZ_2M - SZ_64K;
	KUNIT_EXPECT_EQ_MSG(test, msha_region_export(r, &e), 0,
			    "the same memory can be exported to another offset");
}

/* A process that is attached can access memory that is exported later. */
static void test_growth(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-grow", PAGE_SIZE,
						 SZ_4M);
	struct msharearena_export e = { .length = PAGE_SIZE };
	char __user *at;
	char byte = 'a';

	msha_test_mm(test);
	e.addr = msha_test_donate(test, 2 * PAGE_SIZE);
	KUNIT_ASSERT_EQ(test, copy_to_user((void __user *)e.addr, &byte, 1), 0ul);
	KUNIT_ASSERT_EQ(test, msha_region_export(r, &e), 0);
	msha_test_attach(test, r->rw);
	at = (char __user *)r->base;
	byte = 0;
	KUNIT_EXPECT_EQ(test, copy_from_user(&byte, at, 1), 0ul);
	KUNIT_EXPECT_EQ(test, byte, 'a');
	KUNIT_EXPECT_EQ(test, copy_from_user(&byte, at + PAGE_SIZE, 1), 1ul);
	KUNIT_EXPECT_EQ(test, copy_to_user(at + PAGE_SIZE, &byte, 1), 1ul);
	e.addr += PAGE_SIZE;
	e.offset = PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, msha_region_export(r, &e), 0);
	KUNIT_EXPECT_EQ(test, copy_to_user(at + PAGE_SIZE, &byte, 1), 0ul);
	KUNIT_EXPECT_EQ(test, vm_munmap(r->base, MSHA_WINDOW_SIZE), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->attached), 0);
}

static void expect_busy(struct kunit *test, struct msha_region *r, u64 length,
			u64 busy, u64 first)
{
	struct msharearena_busy b = { .length = length };

	KUNIT_EXPECT_EQ(test, msha_region_busy(r, &b), 0);
	KUNIT_EXPECT_EQ(test, b.busy, busy);
	KUNIT_EXPECT_EQ(test, b.first_busy, first);
}

/* A reference on one page makes only that page busy. */
static void test_busy(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-busy", PAGE_SIZE,
						 SZ_64K);
	struct msharearena_export e = { .length = SZ_64K };
	struct msha_chunk *c;

	msha_test_mm(test);
	e.addr = msha_test_donate(test, SZ_64K);
	KUNIT_ASSERT_EQ(test, msha_region_export(r, &e), 0);
	msha_test_drain();
	c = list_first_entry(&r->chunks, struct msha_chunk, node);
	expect_busy(test, r, SZ_64K, 0, SZ_64K);
	if (folio_test_large(page_folio(c->pages[0])))
		kunit_skip(test, "the donor got a large folio for all pages");
	get_page(c->pages[3]);
	KUNIT_EXPECT_TRUE(test, msha_pin_busy(c->pages[3]));
	KUNIT_EXPECT_FALSE(test, msha_pin_busy(c->pages[2]));
	expect_busy(test, r, SZ_64K, PAGE_SIZE, 3 * PAGE_SIZE);
	expect_busy(test, r, 3 * PAGE_SIZE, 0, 3 * PAGE_SIZE);
	put_page(c->pages[3]);
	KUNIT_EXPECT_FALSE(test, msha_pin_busy(c->pages[3]));
	vm_munmap(e.addr, SZ_64K);
	KUNIT_EXPECT_FALSE(test, msha_pin_busy(c->pages[3]));
}

/* The last places in a region are reserved for its owner. */
static void test_full(struct kunit *test)
{
	struct msha_region *r = msha_test_region(test, "kunit-full", PAGE_SIZE,
						 SZ_64K);
	const struct cred *old;

	KUNIT_EXPECT_FALSE(test, msha_region_full(r, 9, 10, 2));
	KUNIT_EXPECT_TRUE(test, msha_region_full(r, 10, 10, 2));
	old = msha_test_become(test, 4711);
	KUNIT_EXPECT_FALSE(test, msha_region_full(r, 7, 10, 2));
	KUNIT_EXPECT_TRUE(test, msha_region_full(r, 8, 10, 2));
	r->uid = current_uid();
	KUNIT_EXPECT_FALSE(test, msha_region_full(r, 9, 10, 2));
	KUNIT_EXPECT_TRUE(test, msha_region_full(r, 10, 10, 2));
	revert_creds(old);
}

/*
 * Device numbers are allocated cyclically. The inode of a removed node cannot
 * be opened, even if another node has its number.
 */
static void test_numbers(struct kunit *test)
{
	struct msha_region *old, *new;
	struct path path;
	struct file *file;
	u32 minor;

	msha_next_minor = MSHA_MAX_MINORS - 1;
	old = msha_test_region(test, "kunit-old", PAGE_SIZE, SZ_64K);
	minor = old->rw->minor;
	KUNIT_EXPECT_EQ(test, minor, MSHA_MAX_MINORS - 1u);
	KUNIT_EXPECT_LT_MSG(test, old->ro->minor, minor,
			    "after the last device number the first is tried");
	KUNIT_ASSERT_EQ(test, kern_path("/dev/mshare/kunit-old/rw", 0, &path), 0);
	KUNIT_EXPECT_EQ(test, msha_region_remove(old), 0);
	msha_next_minor = MSHA_MAX_MINORS - 1;
	new = msha_test_region(test, "kunit-new", PAGE_SIZE, SZ_64K);
	KUNIT_EXPECT_EQ_MSG(test, new->rw->minor, minor,
			    "the number of a removed node is used again");
	file = dentry_open(&path, O_RDWR, current_cred());
	KUNIT_EXPECT_PTR_EQ(test, file, (struct file *)ERR_PTR(-ENXIO));
	path_put(&path);
}

static struct kunit_case region_cases[] = {
	KUNIT_CASE(test_references),
	KUNIT_CASE(test_same_name),
	KUNIT_CASE(test_ranges),
	KUNIT_CASE(test_export),
	KUNIT_CASE(test_growth),
	KUNIT_CASE(test_busy),
	KUNIT_CASE(test_full),
	KUNIT_CASE(test_numbers),
	{}
};

static struct kunit_suite region_suite = {
	.name = "msharearena_region",
	.test_cases = region_cases,
};

kunit_test_suite(region_suite);
