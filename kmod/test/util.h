/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit suites share. Regions, views, tables and attachments are the
 * real ones; only memory of 2 MiB and 1 GiB pages is made up, by its frame
 * number, where nobody will ever touch it: the kernel cannot map hugetlb memory
 * for itself.
 */
#ifndef _MSHA_TEST_UTIL_H
#define _MSHA_TEST_UTIL_H

#include <kunit/test.h>
#include <linux/cred.h>

#include "../region.h"

struct msha_attachment;

/* Frame of a GiB that exists on every machine these suites run on. */
#define MSHA_TEST_PFN		(PUD_SIZE >> PAGE_SHIFT)

/**
 * msha_test_region() - a region that ends with the test
 * @test: whose
 * @name: its name
 * @page_size: bytes
 * @length: bytes
 */
struct msha_region *msha_test_region(struct kunit *test, const char *name,
				     unsigned long page_size, u64 length);

/**
 * msha_test_show() - put made-up memory into every view of a region
 * @r: region of 2 MiB or 1 GiB pages
 * @offset: bytes
 * @n: pages
 */
void msha_test_show(struct kunit *test, struct msha_region *r, u64 offset,
		    unsigned long n);

/**
 * msha_test_mm() - give the test an mm, as a process has
 *
 * It ends with the test's thread; a suite's exit function runs later, in
 * another thread, which has none.
 */
void msha_test_mm(struct kunit *test);

/** msha_test_donate() - private memory of the test's mm; returns its address */
unsigned long msha_test_donate(struct kunit *test, unsigned long length);

/** msha_test_drain() - let this CPU's small folios leave their batches */
void msha_test_drain(void);

/** msha_test_open() - open a view's node for reading and writing */
struct file *msha_test_open(struct kunit *test, struct msha_view *v);

/** msha_test_attach() - map a view into the test's mm; the attachment */
struct msha_attachment *msha_test_attach(struct kunit *test,
					 struct msha_view *v);

/**
 * msha_test_become() - be a user without privileges
 * @uid: who
 *
 * Return: what revert_creds() takes.
 */
const struct cred *msha_test_become(struct kunit *test, unsigned int uid);

#endif /* _MSHA_TEST_UTIL_H */
