/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page tables of a view. Only table.c writes entries of these tables, and
 * the P4D entries of processes.
 *
 *	mm A: P4D entry --+
 *	mm B: P4D entry --+--> PUD table --> 1 GiB leaf
 *	mm C: P4D entry --+              --> PMD table of 2 MiB leaves
 *	                                 --> PMD table --> PTE table
 *	                                 --> dead PMD table (no memory)
 *
 * There are two PUD tables, called twins. Both always translate every address
 * in the same way, but a page of 1 GiB can be mapped by a leaf in one of them,
 * and in the other one by its shadow, which is the same translation in 2 MiB
 * leaves. New attachments are linked to the current twin. A shadow cannot be
 * replaced by a leaf in a table that somebody may be walking. Instead,
 * processes move one by one to the twin whose leaves are whole, and the leaves
 * of the other one are restored when no process is linked to it (leaf.c). The
 * twins share all tables below the PUD level.
 *
 * Invariants:
 *  - no entry of a PUD table is ever none: it points to the dead table if it
 *    has no memory, so the core never adds a table of its own;
 *  - the dead table stays empty;
 *  - while a process is linked to a PUD table, its entries only change from
 *    dead to memory or from a 1 GiB leaf to its shadow;
 *  - a table that was ever visible is freed only with the region;
 *  - a process's P4D entry points to a PUD table of the view only while its
 *    attachment is on view->linked; the core never frees that table, as the
 *    entry is replaced by a decoy before the core frees page tables.
 */
#ifndef _MSHA_TABLE_H
#define _MSHA_TABLE_H

#include <linux/mm_types.h>
#include <linux/pgtable.h>

struct page;

/**
 * struct msha_table - the twin PUD tables and all tables below them
 * @base: address that entry 0 maps; set before anybody is linked
 * @page_size: bytes of every page: PAGE_SIZE, PMD_SIZE or PUD_SIZE
 * @pud: the twins
 * @current_twin: index of the twin for new attachments; under view->lock
 * @demoted: number of shadows in use in each twin; under view->lock
 * @dead: the empty PMD table, for entries without memory
 * @pmd: for each PUD entry the PMD table that was prepared for it, or NULL. In
 *	a region of 1 GiB pages this is the shadow of the leaf.
 * @pages: number of pages allocated for all these tables, including @pmd
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
 * struct msha_translation - the translation of an address
 * @pfn: frame number of the 4 KiB at the address
 * @size: bytes of the page; if the address has no memory, bytes of the aligned
 *	range around it that has none
 * @writable: stores are allowed
 */
struct msha_translation {
	unsigned long pfn;
	unsigned long size;
	bool writable;
};

/** msha_table_init() - make empty tables; returns 0 or -ENOMEM */
int msha_table_init(struct msha_table *t, unsigned long page_size);
/**
 * msha_table_kill() - remove all memory from the tables
 *
 * Context: no mm is linked. GUP-fast may still walk the tables with interrupts
 * disabled, so that nobody uses them only after an RCU grace period.
 */
void msha_table_kill(struct msha_table *t);
/** msha_table_destroy() - free all tables, a grace period after the kill */
void msha_table_destroy(struct msha_table *t);

/**
 * msha_table_prepare() - allocate the tables for a range
 *
 * Tables of an earlier call that failed are used. No memory becomes visible.
 * Context: may sleep; one caller at a time.
 * Return: 0; -ENOMEM; -EINTR if the caller is being killed.
 */
int msha_table_prepare(struct msha_table *t, u64 offset, u64 length);
/**
 * msha_table_fill() - make a page visible at an offset that has none
 * @t: prepared table
 * @offset: bytes
 * @page: first page of @t->page_size bytes
 * @writable: allow stores
 *
 * Does not conflict with a concurrent demotion or promotion, as these change
 * only entries that have memory.
 *
 * Context: region->export_lock. If a process is linked, the caller must call
 * msha_table_flush_all_cpus() afterwards.
 */
void msha_table_fill(struct msha_table *t, u64 offset, struct page *page,
		     bool writable);
/**
 * msha_table_lookup() - find the translation of an offset
 * @t: table
 * @offset: bytes
 * @tr: translation; without memory only @tr->size is set
 *
 * Context: any, as entries are not removed while the region has references.
 * Return: true if the offset has memory.
 */
bool msha_table_lookup(const struct msha_table *t, u64 offset,
		       struct msha_translation *tr);
/** msha_table_is_leaf() - true if PUD entry @i of this twin is a 1 GiB leaf */
bool msha_table_is_leaf(const struct msha_table *t, unsigned int twin,
			unsigned int i);
/** msha_table_has_memory() - true if PUD entry @i is not the dead table */
bool msha_table_has_memory(const struct msha_table *t, unsigned int i);
/**
 * msha_table_use_shadow() - replace a 1 GiB leaf by its 2 MiB leaves
 *
 * The translation is the same before, after and meanwhile.
 * Context: view->lock.
 */
void msha_table_use_shadow(struct msha_table *t, unsigned int twin,
			   unsigned int i);
/**
 * msha_table_restore() - replace all shadows of a twin by leaves again
 *
 * No mm is linked to this twin, so the core does not walk it under mmap_lock.
 * GUP-fast, perf and CPUs with a cached upper entry may still walk it, but read
 * each entry once, and both values give the same translation. The shadows stay
 * allocated for them.
 *
 * Context: view->lock.
 * Return: number of entries that were changed.
 */
unsigned int msha_table_restore(struct msha_table *t, unsigned int twin);

/**
 * msha_table_link() - point a process's P4D entry at the current twin
 *
 * Context: mmap_lock for write, view->lock.
 * Return: 0; -EBUSY if the entry is in use; -ENOMEM without a P4D table.
 */
int msha_table_link(struct msha_table *t, struct mm_struct *mm);
/**
 * msha_table_move() - point a process's P4D entry at the other twin
 *
 * Context: view->lock, and mmap_lock and the VMA's lock for write, so that
 * nobody walks the tables of the process.
 */
void msha_table_move(struct msha_table *t, struct mm_struct *mm,
		     unsigned int from);
/**
 * msha_table_unlink() - replace the P4D entry by a decoy
 * @t: table
 * @mm: process that is linked to it
 * @decoy: decoy of msha_decoy_alloc(), which the core owns afterwards. NULL
 *	clears the entry, and then the caller must flush all CPUs.
 *
 * Context: view->lock, before the core walks the tables of the process.
 */
void msha_table_unlink(struct msha_table *t, struct mm_struct *mm,
		       pud_t *decoy);

/** msha_table_linked_pfn() - frame number in the process's P4D entry */
unsigned long msha_table_linked_pfn(struct msha_table *t, struct mm_struct *mm);

/** msha_decoy_alloc() - make a PUD table for the core to free, or NULL */
pud_t *msha_decoy_alloc(void);
/** msha_decoy_free() - free a decoy that was not used; it may be NULL */
void msha_decoy_free(pud_t *decoy);

/** msha_table_flush_all_cpus() - flush the TLB of all CPUs, for all PCIDs */
void msha_table_flush_all_cpus(void);

#endif /* _MSHA_TABLE_H */
