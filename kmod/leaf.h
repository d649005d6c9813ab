/* SPDX-License-Identifier: GPL-2.0 */
/* Demotion of 1 GiB leaves to 2 MiB leaves, and their promotion back. */
#ifndef _MSHA_LEAF_H
#define _MSHA_LEAF_H

struct msha_attachment;
struct work_struct;

/**
 * msha_leaf_demote() - replace a 1 GiB leaf that the core is about to split
 * @a: attachment of the process in which the core splits it
 * @i: index of the PUD entry
 *
 * The core's split_huge_pud() clears a 1 GiB leaf, and in a shared table clears
 * it for all processes. It calls the mmu notifiers first, which call this
 * function. When they return, the entry points to a table of 2 MiB leaves and
 * split_huge_pud() does nothing. The translation stays the same all the time.
 *
 * Context: atomic or not, takes view->lock.
 */
void msha_leaf_demote(struct msha_attachment *a, unsigned int i);

/**
 * msha_leaf_promote() - make demoted leaves 1 GiB leaves again
 * @work: region->promote
 *
 * Runs when no leaf was demoted for promote_delay_ms, a module parameter. As
 * long as a process could not be moved, it runs again after growing pauses.
 */
void msha_leaf_promote(struct work_struct *work);

int msha_leaf_init(void);
void msha_leaf_exit(void);

#endif /* _MSHA_LEAF_H */
