// SPDX-License-Identifier: GPL-2.0
#include "table.h"

#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/vmstat.h>

#include <asm/invpcid.h>
#include <asm/pgalloc.h>
#include <asm/tlbflush.h>

#include "compat/compat.h"
#include "limits.h"

/*
 * Allocate a page for a table. It is counted as a page table in meminfo and in
 * the caller's memory cgroup.
 */
static void *msha_page_table_alloc(void)
{
	struct page *page = alloc_page(GFP_PGTABLE_USER);

	if (!page)
		return NULL;
	__folio_set_pgtable(page_folio(page));
	lruvec_stat_add_folio(page_folio(page), NR_PAGETABLE);
	return page_address(page);
}

static void msha_page_table_free(void *table)
{
	struct page *page = virt_to_page(table);

	lruvec_stat_sub_folio(page_folio(page), NR_PAGETABLE);
	__folio_clear_pgtable(page_folio(page));
	__free_page(page);
}

/* Allocate a table that the core may walk, with the lock that it may take. */
static void *msha_table_alloc(struct msha_table *t)
{
	void *table = msha_page_table_alloc();

	if (!table)
		return NULL;
	if (msha_ptlock_init(virt_to_ptdesc(table))) {
		msha_page_table_free(table);
		return NULL;
	}
	WRITE_ONCE(t->pages, t->pages + 1);
	return table;
}

static void msha_table_free(struct msha_table *t, void *table)
{
	if (!table)
		return;
	msha_ptlock_destroy(virt_to_ptdesc(table));
	msha_page_table_free(table);
	WRITE_ONCE(t->pages, t->pages - 1);
}

static pud_t msha_table_pud(pmd_t *pmd)
{
	return __pud(_PAGE_TABLE | __pa(pmd));
}

static pmd_t msha_table_pmd(pte_t *pte)
{
	return __pmd(_PAGE_TABLE | __pa(pte));
}

static pte_t *msha_pte_table(pmd_t pmd)
{
	return (pte_t *)pmd_page_vaddr(pmd);
}

/* PAGE_SHARED would lack the encryption bit of SEV guests. */
static pgprot_t msha_prot(bool writable)
{
	return vm_get_page_prot(VM_READ | VM_SHARED |
				(writable ? VM_WRITE : 0));
}

/*
 * Accessed and dirty are set in advance, so that neither the hardware nor
 * touch_pud() writes to an entry that other processes use at the same time.
 * A read-only leaf must not be dirty: that would make it shadow-stack memory.
 */
static pud_t msha_leaf_pud(unsigned long pfn, bool writable)
{
	pud_t e = pud_mkyoung(pud_mkhuge(pfn_pud(pfn, msha_prot(writable))));

	return writable ? pud_mkdirty(e) : e;
}

static pmd_t msha_leaf_pmd(unsigned long pfn, bool writable)
{
	pmd_t e = pmd_mkyoung(pmd_mkhuge(pfn_pmd(pfn, msha_prot(writable))));

	return writable ? pmd_mkdirty(e) : e;
}

static pte_t msha_leaf_pte(unsigned long pfn, bool writable)
{
	pte_t e = pte_mkyoung(pfn_pte(pfn, msha_prot(writable)));

	return writable ? pte_mkdirty(e) : e;
}

static void msha_set_twins(struct msha_table *t, unsigned int i, pud_t pud)
{
	set_pud(&t->pud[0][i], pud);
	set_pud(&t->pud[1][i], pud);
}

static bool msha_is_dead(const struct msha_table *t, pud_t pud)
{
	return pud_val(pud) == pud_val(msha_table_pud(t->dead));
}

int msha_table_init(struct msha_table *t, unsigned long page_size)
{
	memset(t, 0, sizeof(*t));
	t->page_size = page_size;
	t->pmd = (pmd_t **)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	t->pages += !!t->pmd;
	t->pud[0] = msha_table_alloc(t);
	t->pud[1] = msha_table_alloc(t);
	t->dead = msha_table_alloc(t);
	if (!t->pmd || !t->pud[0] || !t->pud[1] || !t->dead) {
		msha_table_destroy(t);
		return -ENOMEM;
	}
	msha_table_kill(t);
	return 0;
}

void msha_table_kill(struct msha_table *t)
{
	unsigned int i;

	for (i = 0; i < PTRS_PER_PUD; i++)
		msha_set_twins(t, i, msha_table_pud(t->dead));
}

/* Free a PMD table and, in a region of 4 KiB pages, its PTE tables. */
static void msha_table_free_pmd(struct msha_table *t, pmd_t *pmd)
{
	unsigned int i;

	if (pmd && t->page_size == PAGE_SIZE)
		for (i = 0; i < PTRS_PER_PMD; i++)
			if (!pmd_none(pmd[i]))
				msha_table_free(t, msha_pte_table(pmd[i]));
	msha_table_free(t, pmd);
}

void msha_table_destroy(struct msha_table *t)
{
	unsigned int i;

	for (i = 0; t->pmd && i < PTRS_PER_PUD; i++) {
		msha_table_free_pmd(t, t->pmd[i]);
		cond_resched();
	}
	msha_table_free(t, t->dead);
	msha_table_free(t, t->pud[0]);
	msha_table_free(t, t->pud[1]);
	t->pages -= !!t->pmd;
	free_page((unsigned long)t->pmd);
	WARN_ON_ONCE(t->pages);
	/* msha_view_free() calls this again if msha_table_init() failed. */
	memset(t, 0, sizeof(*t));
}

/*
 * Add an empty PTE table to a PMD table that may already be in use. Processes
 * find no memory in it, as before.
 */
static int msha_table_prepare_ptes(struct msha_table *t, u64 offset)
{
	pmd_t *pmd = &t->pmd[offset >> PUD_SHIFT][pmd_index(offset)];
	pte_t *pte;

	if (!pmd_none(*pmd))
		return 0;
	pte = msha_table_alloc(t);
	if (!pte)
		return -ENOMEM;
	smp_wmb(); /* initialise the table and its lock before it is visible */
	set_pmd(pmd, msha_table_pmd(pte));
	return 0;
}

int msha_table_prepare(struct msha_table *t, u64 offset, u64 length)
{
	u64 step = t->page_size == PAGE_SIZE ? PMD_SIZE : PUD_SIZE;
	u64 end = offset + length;
	int ret;

	for (offset = round_down(offset, step); offset < end; offset += step) {
		pmd_t **pmd = &t->pmd[offset >> PUD_SHIFT];

		if (!*pmd)
			*pmd = msha_table_alloc(t);
		if (!*pmd)
			return -ENOMEM;
		if (t->page_size == PAGE_SIZE) {
			ret = msha_table_prepare_ptes(t, offset);
			if (ret)
				return ret;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static void msha_table_fill_shadow(struct msha_table *t, pmd_t *shadow,
				   unsigned long pfn, bool writable)
{
	unsigned int i;

	for (i = 0; i < PTRS_PER_PMD; i++)
		set_pmd(&shadow[i],
			msha_leaf_pmd(pfn + i * (PMD_SIZE >> PAGE_SHIFT),
				      writable));
}

void msha_table_fill(struct msha_table *t, u64 offset, struct page *page,
		     bool writable)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned int i = offset >> PUD_SHIFT;
	pmd_t *pmd = t->pmd[i];
	pte_t *pte;

	if (t->page_size == PUD_SIZE) {
		msha_table_fill_shadow(t, pmd, pfn, writable);
		smp_wmb(); /* complete the shadow before the leaf is visible */
		msha_set_twins(t, i, msha_leaf_pud(pfn, writable));
		return;
	}
	pmd += pmd_index(offset);
	if (t->page_size == PMD_SIZE) {
		set_pmd(pmd, msha_leaf_pmd(pfn, writable));
	} else {
		pte = msha_pte_table(*pmd);
		set_pte(&pte[pte_index(offset)], msha_leaf_pte(pfn, writable));
	}
	smp_wmb(); /* write the entry before the table is visible */
	if (msha_is_dead(t, t->pud[0][i]))
		msha_set_twins(t, i, msha_table_pud(t->pmd[i]));
}

bool msha_table_lookup(const struct msha_table *t, u64 offset,
		       struct msha_translation *tr)
{
	unsigned int i = offset >> PUD_SHIFT;
	pmd_t pmd;
	pte_t pte;

	tr->size = PUD_SIZE;
	if (!msha_table_has_memory(t, i))
		return false;
	/* In a region of 1 GiB pages this is the shadow of the leaf. */
	pmd = READ_ONCE(t->pmd[i][pmd_index(offset)]);
	tr->size = PMD_SIZE;
	if (pmd_none(pmd))
		return false;
	if (t->page_size != PAGE_SIZE) {
		tr->pfn = pmd_pfn(pmd) + ((offset & ~PMD_MASK) >> PAGE_SHIFT);
		tr->size = t->page_size;
		tr->writable = pmd_write(pmd);
		return true;
	}
	pte = READ_ONCE(msha_pte_table(pmd)[pte_index(offset)]);
	tr->size = PAGE_SIZE;
	if (pte_none(pte))
		return false;
	tr->pfn = pte_pfn(pte);
	tr->writable = pte_write(pte);
	return true;
}

bool msha_table_is_leaf(const struct msha_table *t, unsigned int twin,
			unsigned int i)
{
	return pud_leaf(READ_ONCE(t->pud[twin][i]));
}

bool msha_table_has_memory(const struct msha_table *t, unsigned int i)
{
	return !msha_is_dead(t, READ_ONCE(t->pud[0][i]));
}

void msha_table_use_shadow(struct msha_table *t, unsigned int twin,
			   unsigned int i)
{
	set_pud(&t->pud[twin][i], msha_table_pud(t->pmd[i]));
}

unsigned int msha_table_restore(struct msha_table *t, unsigned int twin)
{
	unsigned int i, n = 0;

	if (WARN_ON_ONCE(t->page_size != PUD_SIZE))
		return 0;
	for (i = 0; i < PTRS_PER_PUD; i++) {
		pmd_t *shadow = t->pmd[i];

		if (!shadow || pud_val(t->pud[twin][i]) !=
			       pud_val(msha_table_pud(shadow)))
			continue;
		set_pud(&t->pud[twin][i],
			msha_leaf_pud(pmd_pfn(shadow[0]), pmd_write(shadow[0])));
		n++;
	}
	t->demoted[twin] = 0;
	return n;
}

/*
 * The window is below 2^47, as are the program and the stack of each process.
 * With five levels the P4D table that they share exists before the first
 * mmap(), unless the process has unmapped everything below 2^47.
 */
static p4d_t *msha_p4d(const struct msha_table *t, struct mm_struct *mm)
{
	pgd_t *pgd = pgd_offset(mm, t->base);

	if (pgtable_l5_enabled() && pgd_none(*pgd))
		return NULL;
	return p4d_offset(pgd, t->base);
}

static bool msha_is_ours(const struct msha_table *t, p4d_t p4d)
{
	pud_t *pud = p4d_pgtable(p4d);

	return pud == t->pud[0] || pud == t->pud[1];
}

int msha_table_link(struct msha_table *t, struct mm_struct *mm)
{
	pud_t *pud = t->pud[t->current_twin];
	p4d_t *p = msha_p4d(t, mm);
	int ret = 0;

	if (!p)
		return -ENOMEM;
	spin_lock(&mm->page_table_lock);
	if (p4d_none(*p))
		msha_set_p4d(p, __p4d(_PAGE_TABLE | __pa(pud)));
	else
		ret = -EBUSY;
	spin_unlock(&mm->page_table_lock);
	return ret;
}

void msha_table_move(struct msha_table *t, struct mm_struct *mm,
		     unsigned int from)
{
	p4d_t *p = msha_p4d(t, mm);

	spin_lock(&mm->page_table_lock);
	if (!WARN_ON_ONCE(p4d_pgtable(*p) != t->pud[from]))
		msha_set_p4d(p, __p4d(_PAGE_TABLE | __pa(t->pud[!from])));
	spin_unlock(&mm->page_table_lock);
}

void msha_table_unlink(struct msha_table *t, struct mm_struct *mm,
		       pud_t *decoy)
{
	p4d_t *p = msha_p4d(t, mm);

	spin_lock(&mm->page_table_lock);
	WARN_ON_ONCE(!msha_is_ours(t, *p));
	msha_set_p4d(p, __p4d(decoy ? _PAGE_TABLE | __pa(decoy) : 0));
	/* free_pud_range() will decrement the count when it frees the decoy. */
	if (decoy)
		mm_inc_nr_puds(mm);
	spin_unlock(&mm->page_table_lock);
}

unsigned long msha_table_linked_pfn(struct msha_table *t, struct mm_struct *mm)
{
	p4d_t *p = msha_p4d(t, mm);
	unsigned long pfn;

	spin_lock(&mm->page_table_lock);
	/* The mask also clears the NX bit that page table isolation sets. */
	pfn = (p4d_val(*p) & PTE_PFN_MASK) >> PAGE_SHIFT;
	spin_unlock(&mm->page_table_lock);
	return pfn;
}

/*
 * The decoy's entries are not present but look like huge leaves. So the core
 * zaps all 512 of them without a walk to lower levels, and then flushes the
 * whole TLB. pfn_pud() inverts the address of such an entry (L1TF). The core
 * frees the decoy with its own destructor, which undoes msha_page_table_alloc()
 * and does not expect a lock in a PUD table.
 */
pud_t *msha_decoy_alloc(void)
{
	pud_t *decoy = msha_page_table_alloc();
	unsigned int i;

	if (!decoy)
		return NULL;
	for (i = 0; i < PTRS_PER_PUD; i++)
		decoy[i] = pud_mkhuge(pfn_pud(0, PAGE_NONE));
	return decoy;
}

void msha_decoy_free(pud_t *decoy)
{
	if (decoy)
		msha_page_table_free(decoy);
}

static void msha_flush_this_cpu(void *unused)
{
	unsigned long flags, cr4;

	if (cpu_feature_enabled(X86_FEATURE_INVPCID)) {
		invpcid_flush_all();
		return;
	}
	/*
	 * Changing CR4.PGE in either direction invalidates all translations of
	 * all PCIDs (Intel SDM vol. 3, 4.10.4.1). CR4 has its old value again
	 * before interrupts are enabled.
	 */
	local_irq_save(flags);
	cr4 = __read_cr4();
	asm volatile("mov %0, %%cr4" : : "r" (cr4 ^ X86_CR4_PGE) : "memory");
	asm volatile("mov %0, %%cr4" : : "r" (cr4) : "memory");
	local_irq_restore(flags);
}

void msha_table_flush_all_cpus(void)
{
	on_each_cpu(msha_flush_this_cpu, NULL, 1);
}
