/* SPDX-License-Identifier: GPL-2.0 */
/* Donated memory: which may come in, its pins and its accounting. */
#ifndef _MSHA_DONOR_H
#define _MSHA_DONOR_H

#include <linux/list.h>
#include <linux/types.h>

struct page;
struct user_struct;

/**
 * struct msha_chunk - memory that one export brought
 * @node: in region->chunks
 * @user: whose locked_vm is charged, NULL if exempt
 * @page_size: bytes of each page
 * @n: pages
 * @pages: the first page of each huge page, pinned once
 */
struct msha_chunk {
	struct list_head node;
	struct user_struct *user;
	unsigned long page_size;
	unsigned long n;
	struct page *pages[] __counted_by(n);
};

/**
 * msha_donor_pin() - pin a range of the caller's memory
 * @addr: user address, a multiple of @page_size
 * @length: bytes, a multiple of @page_size, not zero
 * @page_size: PMD_SIZE or PUD_SIZE
 *
 * Only writable anonymous hugetlb memory of exactly this page size is taken:
 * a file's permissions are never got round. One pin a huge page.
 *
 * Context: process context, takes the caller's mmap_lock.
 * Return: a chunk, or ERR_PTR of -EINTR, -EFAULT, -EACCES, -EOPNOTSUPP,
 * -ENOMEM.
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
