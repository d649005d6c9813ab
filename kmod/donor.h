/* SPDX-License-Identifier: GPL-2.0 */
/* Donated memory: checking, pinning and accounting of what is exported. */
#ifndef _MSHA_DONOR_H
#define _MSHA_DONOR_H

#include <linux/list.h>
#include <linux/types.h>

struct msha_quota;
struct page;
struct user_struct;

/**
 * struct msha_charge - what was charged for an export
 * @bytes: bytes that were charged
 * @user: user whose locked_vm is charged, NULL if exempt
 * @quota: quota that is charged, NULL if exempt
 */
struct msha_charge {
	u64 bytes;
	struct user_struct *user;
	struct msha_quota *quota;
};

/**
 * struct msha_chunk - memory of one export
 * @node: in region->chunks
 * @offset: offset of the memory in the region
 * @charge: what was charged, and to whom
 * @page_size: bytes of each page
 * @pinned: number of pages that are pinned: @n once msha_donor_pin() succeeded
 * @n: number of pages
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
 * Accepts only writable anonymous memory, so that file permissions cannot be
 * bypassed: private memory if @page_size is PAGE_SIZE, otherwise hugetlb memory
 * with pages of exactly this size. Each page gets one pin.
 *
 * Context: process context, takes the caller's mmap_lock.
 * Return: a chunk, or an ERR_PTR with an error of MSHAREARENA_EXPORT.
 */
struct msha_chunk *msha_donor_pin(unsigned long addr, u64 length,
				  unsigned long page_size);

/**
 * msha_donor_unpin() - unpin, uncharge and free a chunk
 *
 * Context: may sleep. No page table refers to the chunk any more, and an RCU
 * grace period has passed since.
 */
void msha_donor_unpin(struct msha_chunk *c);

#endif /* _MSHA_DONOR_H */
