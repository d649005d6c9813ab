/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page tables of a view. table.c is the only file that writes an entry,
 * here or in a process.
 *
 *	mm A: P4D entry --+
 *	mm B: P4D entry --+--> PUD table --> 1 GiB leaf
 *	mm C: P4D entry --+              --> PMD table of 2 MiB leaves
 *	                                 --> PMD table --> PTE table
 *	                                 --> dead PMD table (no memory)
 *
 * There are two PUD tables, twins: at every moment both translate every
 * address alike. Processes are linked to the current one. They differ only in
 * how a page of 1 GiB is mapped: by a leaf, or by its shadow, the same
 * translation in 2 MiB leaves. A shadow cannot become a leaf again in a table
 * that somebody may be walking; so processes move, one by one, to the other
 * table, whose leaves are whole, and the one they left is mended when it is
 * empty (leaf.c). What lies below the PUD level exists once.
 *
 * Invariants:
 *  - no entry of a PUD table is ever none: an offset without memory points
 *    to the dead table, so the core never allocates a table into ours;
 *  - the dead table stays empty;
 *  - while a process is linked to a PUD table, its entries only change from
 *    dead to memory or from a 1 GiB leaf to its shadow;
 *  - a table that was ever visible is freed only with the region;
 *  - a process's P4D entry is ours only while its attachment is on
 *    view->linked; the core's page-table code never frees what it points to,
 *    because the entry is exchanged for a decoy before the core looks.
 */
#ifndef _MSHA_TABLE_H
#define _MSHA_TABLE_H

#include <linux/mm_types.h>
#include <linux/pgtable.h>

struct page;

/**
 * struct msha_table - twin PUD tables and what hangs below them
 * @base: address that entry 0 maps; set before anybody is linked
 * @page_size: bytes of every page: PAGE_SIZE, PMD_SIZE or PUD_SIZE
 * @pud: the twins
 * @current_twin: index of the twin that a new attachment links; view->lock
 * @demoted: shadows in use in each twin; view->lock
 * @dead: the empty PMD table
 * @pmd: for each PUD entry, the PMD table that was prepared for it, or NULL:
 *	the table itself, or in a region of 1 GiB pages the shadow of the leaf
 * @pages: pages that the module owns for it, that of @pmd included
 */
struct msha_table {
	unsigned long base;
	unsigned long page_size;
	pud_t *pud[2];
	unsigned int current_twin;
	unsigned int demoted[2];
	pmd_t *dead;
	pmd_t **pmd;
	unsigned long pages;
};

/**
 * struct msha_translation - what a table says of an address
 * @pfn: frame of its 4 KiB
 * @size: bytes of the page, or where there is no memory, bytes around the
 *	address that have none for sure
 * @writable: stores are allowed
 */
struct msha_translation {
	unsigned long pfn;
	unsigned long size;
	bool writable;
};

/** msha_table_init() - an empty tree; -ENOMEM leaves nothing behind */
int msha_table_init(struct msha_table *t, unsigned long page_size);
/**
 * msha_table_kill() - take all memory out of the tree
 *
 * No mm is linked. After an RCU grace period the memory has no user through
 * these tables: GUP-fast, the last one, walks with interrupts off.
 */
void msha_table_kill(struct msha_table *t);
/** msha_table_destroy() - free all tables; an RCU grace period after kill */
void msha_table_destroy(struct msha_table *t);

/**
 * msha_table_prepare() - allocate the tables for a range
 *
 * What an earlier, failed call allocated is used; nothing becomes visible.
 * Context: may sleep; one caller at a time.
 * Return: 0; -ENOMEM; -EINTR if the caller is being killed.
 */
int msha_table_prepare(struct msha_table *t, u64 offset, u64 length);
/**
 * msha_table_fill() - make a page visible at an offset that has none
 * @t: prepared table
 * @offset: bytes
 * @page: first of @t->page_size bytes
 * @writable: allow stores
 *
 * A demotion or a promotion at the same time is about other entries.
 *
 * Context: region->export_lock. If anybody is linked, all CPUs must flush
 * afterwards, see msha_table_flush_all_cpus().
 */
void msha_table_fill(struct msha_table *t, u64 offset, struct page *page,
		     bool writable);
/**
 * msha_table_lookup() - what is at an offset?
 * @t: table
 * @offset: bytes
 * @tr: filled in; without memory @tr->size alone
 *
 * Context: any; entries only come, never go, while there is a user.
 * Return: whether there is memory.
 */
bool msha_table_lookup(const struct msha_table *t, u64 offset,
		       struct msha_translation *tr);
/** msha_table_is_leaf() - is PUD entry @i of this twin a 1 GiB leaf now? */
bool msha_table_is_leaf(const struct msha_table *t, unsigned int twin,
			unsigned int i);
/** msha_table_has_memory() - does PUD entry @i lead to memory? */
bool msha_table_has_memory(const struct msha_table *t, unsigned int i);
/**
 * msha_table_use_shadow() - replace a 1 GiB leaf by its 2 MiB leaves
 *
 * The translation never changes and never disappears.
 * Context: view->lock.
 */
void msha_table_use_shadow(struct msha_table *t, unsigned int twin,
			   unsigned int i);
/**
 * msha_table_restore() - make all shadows of a twin leaves again
 *
 * No mm is linked to this twin, so no walk of the core's is in it; GUP-fast,
 * perf and CPUs with a cached upper entry may be, and read each entry once:
 * either value translates alike. The shadows stay allocated for them.
 *
 * Context: view->lock.
 * Return: how many entries changed.
 */
unsigned int msha_table_restore(struct msha_table *t, unsigned int twin);

/**
 * msha_table_link() - point a process's P4D entry at the current twin
 *
 * Context: mmap_lock for write, view->lock.
 * Return: 0; -EBUSY if the entry is in use; -ENOMEM if there is none.
 */
int msha_table_link(struct msha_table *t, struct mm_struct *mm);
/**
 * msha_table_move() - point a process's P4D entry at the other twin
 *
 * Context: mmap_lock and the VMA's lock for write, so that nobody walks;
 * view->lock.
 */
void msha_table_move(struct msha_table *t, struct mm_struct *mm,
		     unsigned int from);
/**
 * msha_table_unlink() - exchange the P4D entry for a decoy
 * @t: tree
 * @mm: process that is linked to it
 * @decoy: from msha_decoy_alloc(), which the core owns afterwards; or NULL where
 *	the core will not zap, to empty the entry: then all CPUs must flush
 *
 * Context: view->lock; before the core walks.
 */
void msha_table_unlink(struct msha_table *t, struct mm_struct *mm,
		       pud_t *decoy);

/** msha_table_linked_pfn() - what the process's P4D entry holds, for debugfs */
unsigned long msha_table_linked_pfn(struct msha_table *t, struct mm_struct *mm);

/** msha_decoy_alloc() - a PUD page for the core to zap and free, or NULL */
pud_t *msha_decoy_alloc(void);
/** msha_decoy_free() - free a decoy that the core never got; NULL is fine */
void msha_decoy_free(pud_t *decoy);

/** msha_table_flush_all_cpus() - flush every translation of every address space */
void msha_table_flush_all_cpus(void);

#endif /* _MSHA_TABLE_H */
