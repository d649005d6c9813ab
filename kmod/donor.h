/* SPDX-License-Identifier: GPL-2.0 */
/* Donated memory: which may come in, its pins and its accounting. */
#ifndef _MSHA_DONOR_H
#define _MSHA_DONOR_H

#include <linux/list.h>
#include <linux/types.h>

struct msha_quota;
struct page;
struct user_struct;

/**
 * struct msha_charge - what an export costs, and whom
 * @bytes: how much
 * @user: whose locked_vm is charged, NULL if exempt
 * @quota: whose share of memory is charged, NULL if exempt
 */
struct msha_charge {
	u64 bytes;
	struct user_struct *user;
	struct msha_quota *quota;
};

/**
 * struct msha_chunk - memory that one export brought
 * @node: in region->chunks
 * @offset: where in the region it lies
 * @charge: who pays
 * @page_size: bytes of each page
 * @pinned: pages that are pinned; all of them once the export is under way
 * @n: pages
 * @pages: each page, or the first of each huge page, pinned once
 */
struct msha_chunk {
	struct list_head node;
	u64 offset;
	struct msha_charge charge;
	unsigned long page_size;
	unsigned long pinned;
	unsigned long n;
	struct page *pages[] __counted_by(n);
};

/**
 * msha_donor_pin() - pin a range of the caller's memory
 * @addr: user address, a multiple of @page_size
 * @length: bytes, a multiple of @page_size, not zero
 * @page_size: PAGE_SIZE, PMD_SIZE or PUD_SIZE
 *
 * Only writable anonymous memory is taken, so a file's permissions are never
 * got round: of hugetlb, with pages of exactly this size, or for PAGE_SIZE
 * private memory. One pin a page.
 *
 * Context: process context, takes the caller's mmap_lock.
 * Return: a chunk, or ERR_PTR: the errors of MSHAREARENA_EXPORT.
 */
struct msha_chunk *msha_donor_pin(unsigned long addr, u64 length,
				  unsigned long page_size);

/**
 * msha_donor_unpin() - give a chunk back
 *
 * No page table refers to it any more, and an RCU grace period has passed.
 * Context: may sleep.
 */
void msha_donor_unpin(struct msha_chunk *c);

#endif /* _MSHA_DONOR_H */
