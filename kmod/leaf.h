/* SPDX-License-Identifier: GPL-2.0 */
/* 1 GiB leaves: when they give way to 2 MiB leaves, and when they come back. */
#ifndef _MSHA_LEAF_H
#define _MSHA_LEAF_H

struct msha_attachment;
struct work_struct;

/**
 * msha_leaf_demote() - give 2 MiB leaves to a 1 GiB that the core will split
 * @a: attachment in whose process that happens
 * @i: index of the PUD entry
 *
 * The core's split_huge_pud() clears a 1 GiB leaf, here for every process at
 * once. It announces it to the mmu notifiers; this is called from there, and
 * when it returns there is no leaf for it to find. The translation stays the
 * same all the time.
 *
 * Context: atomic or not, takes view->lock.
 */
void msha_leaf_demote(struct msha_attachment *a, unsigned int i);

/**
 * msha_leaf_promote() - region->promote: bring back leaves that were demoted
 *
 * It runs once no leaf was demoted for promote_delay_ms, a parameter of the
 * module's, and again, after growing pauses, as long as some process could not
 * be moved.
 */
void msha_leaf_promote(struct work_struct *work);

int msha_leaf_init(void);
void msha_leaf_exit(void);

#endif /* _MSHA_LEAF_H */
