/* SPDX-License-Identifier: GPL-2.0 */
/* 1 GiB leaves: when they must give way to 2 MiB leaves. */
#ifndef _MSHA_LEAF_H
#define _MSHA_LEAF_H

struct msha_view;

/**
 * msha_leaf_demote() - give 2 MiB leaves to a 1 GiB that the core will split
 * @v: view
 * @i: index of the PUD entry
 *
 * The core's split_huge_pud() clears a 1 GiB leaf, here for every process at
 * once. It announces it to the mmu notifiers; this is called from there, and
 * when it returns there is no leaf for it to find. The translation stays the
 * same all the time.
 *
 * Context: atomic or not, takes region->lock.
 */
void msha_leaf_demote(struct msha_view *v, unsigned int i);

#endif /* _MSHA_LEAF_H */
