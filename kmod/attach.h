/* SPDX-License-Identifier: GPL-2.0 */
/* Linking a view into a process by mmap, and out again in time. */
#ifndef _MSHA_ATTACH_H
#define _MSHA_ATTACH_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>

struct msha_region;
struct msha_view;

/**
 * struct msha_attachment - one mapping of a view
 * @ref: held by the VMA; a second one would be a copy that must not exist
 * @notifier: tells when the core is about to touch the mapping; keeps @mm
 * @mm: the process
 * @view: what is linked
 * @linked: the process's P4D entry is a PUD table of @view's; under
 *	region->lock, as are @twin, @node and @promote_pass
 * @twin: which of the twins
 * @node: in view->linked while @linked
 * @promote_pass: the last promotion pass that tried to move the process
 * @decoy: what the entry will be exchanged for; NULL when the core has it
 * @n_rings: rings published through this attachment; under region->lock
 */
struct msha_attachment {
	struct kref ref;
	struct mmu_interval_notifier notifier;
	struct mm_struct *mm;
	struct msha_view *view;
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
 * unmapping what lies in the slot.
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
 * Context: process context. Does not wait for the process's mmap_lock.
 */
void msha_attach_move(struct msha_view *v, struct mm_struct *mm);

/**
 * msha_attach_find() - the attachment of a process, or NULL
 *
 * Context: region->lock, which keeps the answer linked.
 */
struct msha_attachment *msha_attach_find(struct msha_region *r,
					 struct mm_struct *mm);

#endif /* _MSHA_ATTACH_H */
