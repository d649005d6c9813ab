/* SPDX-License-Identifier: GPL-2.0 */
/* Attachments: mmap() links a view's page tables into a process. */
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
 * @notifier: called before the core changes the mapping; holds a reference on
 *	@mm
 * @mm: address space of the process
 * @view: view whose tables are linked
 * @quota: quota that is charged for the attachment, NULL if exempt
 * @linked: the process's P4D entry points to a PUD table of @view. Written
 *	under view->lock, as are @twin, @node and @promote_pass; also read
 *	without it.
 * @twin: index of the twin that is linked
 * @node: in view->linked while @linked
 * @promote_pass: the last promotion pass that tried to move the process
 * @decoy: table that will replace the P4D entry; NULL once the core owns it
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
 * msha_attach_get_unmapped_area() - return the region's address, or an error
 *
 * Nothing else prevents that mremap() moves the VMA, or that the core unmaps
 * other mappings in the window.
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
 * A walker of page tables that can sleep may use an entry again that it read
 * before it slept. All such walkers hold mmap_lock or the VMA's lock, so none
 * is active in this process while both are held for write.
 *
 * Context: process context. Does nothing if it would have to wait for one of
 * these locks.
 */
void msha_attach_move(struct msha_view *v, struct mm_struct *mm);

/**
 * msha_attach_find() - find the attachment of a process to a region
 *
 * Context: the caller holds the process's mmap_lock, under which the attachment
 * stays valid.
 * Return: the attachment, or NULL.
 */
struct msha_attachment *msha_attach_find(struct msha_region *r,
					 struct mm_struct *mm);

#endif /* _MSHA_ATTACH_H */
