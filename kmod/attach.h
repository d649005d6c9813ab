/* SPDX-License-Identifier: GPL-2.0 */
/* Linking a view into a process by mmap, and out again in time. */
#ifndef _MSHA_ATTACH_H
#define _MSHA_ATTACH_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>

struct msha_quota;
struct msha_region;
struct msha_view;

/**
 * struct msha_attachment - one mapping of a view; owned by its VMA
 * @notifier: tells when the core is about to touch the mapping; keeps @mm
 * @mm: the process
 * @view: what is linked
 * @quota: whose share of attachments is charged, NULL if exempt
 * @linked: the process's P4D entry is a PUD table of @view's; under view->lock,
 *	as are @twin, @node and @promote_pass; read without it, too
 * @twin: which of the twins
 * @node: in view->linked while @linked
 * @promote_pass: the last promotion pass that tried to move the process
 * @decoy: what the entry will be exchanged for; NULL when the core has it
 * @n_rings: rings published through this attachment; under region->lock
 */
struct msha_attachment {
	struct mmu_interval_notifier notifier;
	struct mm_struct *mm;
	struct msha_view *view;
	struct msha_quota *quota;
	bool linked;
	unsigned int twin;
	struct list_head node;
	unsigned long promote_pass;
	pud_t *decoy;
	unsigned int n_rings;
};

/** msha_attach_mmap() - file_operations.mmap of a view */
int msha_attach_mmap(struct file *file, struct vm_area_struct *vma);

/**
 * msha_attach_get_unmapped_area() - answer the region's address or refuse
 *
 * The only guard against the core moving the VMA (mremap) or silently
 * unmapping what lies in the window.
 */
unsigned long msha_attach_get_unmapped_area(struct file *file,
					    unsigned long addr,
					    unsigned long len,
					    unsigned long pgoff,
					    unsigned long flags);

/**
 * msha_attach_move() - link a process to the current twin of its view's table
 * @v: view
 * @mm: a process that may have the view attached; the caller holds mm_users
 *
 * Every walker of page tables that can sleep, and so might come back to an
 * entry it has read, holds mmap_lock or the VMA's lock. With both held for
 * write there is none in this process.
 *
 * Context: process context. Does nothing where it would have to wait for one
 * of these locks.
 */
void msha_attach_move(struct msha_view *v, struct mm_struct *mm);

/**
 * msha_attach_find() - the attachment of a process to a region, or NULL
 *
 * Context: the process's mmap_lock, which keeps the answer.
 */
struct msha_attachment *msha_attach_find(struct msha_region *r,
					 struct mm_struct *mm);

#endif /* _MSHA_ATTACH_H */
