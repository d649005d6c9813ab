/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page tables of a view. table.c is the only file that writes an entry,
 * here or in a process.
 *
 *	mm A: P4D entry --+
 *	mm B: P4D entry --+--> PUD table --> 1 GiB leaf
 *	mm C: P4D entry --+              --> PMD table of 2 MiB leaves
 *	                                 --> dead PMD table (no memory)
 *
 * Invariants:
 *  - no entry of the PUD table is ever none: an offset without memory points
 *    to the dead table, so the core never allocates a table into ours;
 *  - the dead table stays empty;
 *  - while a process is linked, entries only change from dead to memory or
 *    from a 1 GiB leaf to its shadow, the same translation in 2 MiB leaves;
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
 * struct msha_table - a PUD table and what hangs below it
 * @base: address that entry 0 maps
 * @pud: the shared table
 * @dead: the empty PMD table
 * @pmd: for each PUD entry, the PMD table of 2 MiB leaves, or NULL: the table
 *	itself in a 2 MiB region, the shadow of the leaf in a 1 GiB region
 * @prot: protection of the leaves
 * @writable: leaves allow stores
 * @pages: table pages that the module owns
 */
struct msha_table {
	unsigned long base;
	pud_t *pud;
	pmd_t *dead;
	pmd_t *pmd[PTRS_PER_PUD];
	pgprot_t prot;
	bool writable;
	unsigned long pages;
};

/** msha_table_init() - an empty tree; -ENOMEM leaves nothing behind */
int msha_table_init(struct msha_table *t, unsigned long base, bool writable);
/**
 * msha_table_kill() - take all memory out of the tree
 *
 * No mm is linked. After an RCU grace period the memory has no user through
 * these tables: GUP-fast, the last one, walks with interrupts off.
 */
void msha_table_kill(struct msha_table *t);
/** msha_table_destroy() - free all tables; an RCU grace period after kill */
void msha_table_destroy(struct msha_table *t);

/** msha_table_prepare() - allocate the PMD tables for a range; may sleep */
int msha_table_prepare(struct msha_table *t, u64 offset, u64 length);
/**
 * msha_table_fill() - make a page visible at an offset that has none
 * @t: prepared table
 * @offset: bytes
 * @page: first page of a folio of @size bytes
 * @size: PMD_SIZE or PUD_SIZE
 *
 * Context: region->lock. Afterwards all CPUs must flush, see
 * msha_table_flush_all_cpus().
 */
void msha_table_fill(struct msha_table *t, u64 offset, struct page *page,
		     unsigned long size);
/** msha_table_has() - is there memory at @offset? Context: any */
bool msha_table_has(const struct msha_table *t, u64 offset);
/** msha_table_is_leaf() - is PUD entry @i a 1 GiB leaf now? */
bool msha_table_is_leaf(const struct msha_table *t, unsigned int i);
/**
 * msha_table_use_shadow() - replace a 1 GiB leaf by its 2 MiB leaves
 *
 * The translation never changes and never disappears.
 * Context: region->lock.
 */
void msha_table_use_shadow(struct msha_table *t, unsigned int i);

/**
 * msha_table_link() - point a process's P4D entry at the tree
 *
 * Context: mmap_lock for write, region->lock.
 * Return: 0, or -EBUSY if the entry is in use.
 */
int msha_table_link(struct msha_table *t, struct mm_struct *mm);
/**
 * msha_table_unlink() - exchange the P4D entry for a decoy
 * @t: tree
 * @mm: process that is linked to it
 * @decoy: from msha_decoy_alloc(); the core owns it afterwards
 *
 * Context: region->lock; a notifier callback before the core walks.
 */
void msha_table_unlink(struct msha_table *t, struct mm_struct *mm,
		       pud_t *decoy);
/**
 * msha_table_clear() - empty the P4D entry, where the core will not zap
 *
 * Context: region->lock. Afterwards all CPUs must flush.
 */
void msha_table_clear(struct msha_table *t, struct mm_struct *mm);
/** msha_table_linked_pfn() - what the process's P4D entry holds, for debugfs */
unsigned long msha_table_linked_pfn(struct msha_table *t, struct mm_struct *mm);

/** msha_decoy_alloc() - a PUD page for the core to zap and free, or NULL */
pud_t *msha_decoy_alloc(void);
/** msha_decoy_free() - free a decoy that the core never got; NULL is fine */
void msha_decoy_free(pud_t *decoy);

/** msha_table_flush_all_cpus() - flush every translation of every address space */
void msha_table_flush_all_cpus(void);

#endif /* _MSHA_TABLE_H */
