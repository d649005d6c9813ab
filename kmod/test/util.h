/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions for all KUnit suites. Regions, views, tables and attachments are
 * real. Memory of 2 MiB and 1 GiB pages is not, as the kernel cannot map
 * hugetlb memory for a test: tables get numbers of frames that nobody accesses.
 */
#ifndef _MSHA_TEST_UTIL_H
#define _MSHA_TEST_UTIL_H

#include <kunit/test.h>
#include <linux/cred.h>

#include "../region.h"

struct msha_attachment;

/* First frame of a GiB that exists on every machine that runs these suites. */
#define MSHA_TEST_PFN		(PUD_SIZE >> PAGE_SHIFT)

/**
 * msha_test_region() - make a region that is removed when the test ends
 * @test: the test
 * @name: name of the region
 * @page_size: bytes
 * @length: bytes
 *
 * Return: the region.
 */
struct msha_region *msha_test_region(struct kunit *test, const char *name,
				     unsigned long page_size, u64 length);

/**
 * msha_test_show() - fill all views of a region from MSHA_TEST_PFN on
 * @test: the test
 * @r: region of 2 MiB or 1 GiB pages
 * @offset: bytes
 * @n: number of pages
 */
void msha_test_show(struct kunit *test, struct msha_region *r, u64 offset,
		    unsigned long n);

/**
 * msha_test_mm() - give the test an mm, like that of a process
 * @test: the test
 *
 * It is freed when the test's thread ends. A suite's exit function runs later,
 * in another thread without an mm.
 */
void msha_test_mm(struct kunit *test);

/** msha_test_donate() - map private memory; returns its address */
unsigned long msha_test_donate(struct kunit *test, unsigned long length);

/** msha_test_drain() - drain this CPU's LRU batches */
void msha_test_drain(void);

/** msha_test_open() - open a view's node for reading and writing */
struct file *msha_test_open(struct kunit *test, struct msha_view *v);

/** msha_test_attach() - map a view into the test's mm */
struct msha_attachment *msha_test_attach(struct kunit *test,
					 struct msha_view *v);

/**
 * msha_test_become() - act as a user without privileges
 * @test: the test
 * @uid: the user
 *
 * Return: the old credentials, for revert_creds().
 */
const struct cred *msha_test_become(struct kunit *test, unsigned int uid);

#endif /* _MSHA_TEST_UTIL_H */
