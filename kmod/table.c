// SPDX-License-Identifier: GPL-2.0
#include "table.h"

#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/vmstat.h>

#include <asm/invpcid.h>
#include <asm/pgalloc.h>
#include <asm/tlbflush.h>

#include "compat/compat.h"
#include "limits.h"

static void *msha_table_page_alloc(struct msha_table *t)
{
	struct page *page = alloc_page(GFP_PGTABLE_USER);

	if (!page)
		return NULL;
	t->pages++;
	return page_address(page);
}

static void msha_table_page_free(struct msha_table *t, void *table)
{
	if (!table)
		return;
	t->pages--;
	free_page((unsigned long)table);
}

static pmd_t *msha_pmd_alloc(struct msha_table *t)
{
	pmd_t *pmd = msha_table_page_alloc(t);

	if (pmd && msha_ptlock_init(virt_to_ptdesc(pmd))) {
		msha_table_page_free(t, pmd);
		return NULL;
	}
	return pmd;
}

static void msha_pmd_free(struct msha_table *t, pmd_t *pmd)
{
	if (pmd)
		msha_ptlock_destroy(virt_to_ptdesc(pmd));
	msha_table_page_free(t, pmd);
}

static pud_t msha_table_entry(pmd_t *pmd)
{
	return __pud(_PAGE_TABLE | __pa(pmd));
}

/*
 * Accessed and dirty are preset so that neither the hardware nor touch_pud()
 * finds a bit to set in an entry that other processes use at the same moment.
 * A read-only leaf must not be dirty: that is shadow-stack memory.
 */
static pud_t msha_leaf_pud(const struct msha_table *t, struct page *page)
{
	pud_t e = pud_mkyoung(pud_mkhuge(pfn_pud(page_to_pfn(page), t->prot)));

	return t->writable ? pud_mkdirty(e) : e;
}

static pmd_t msha_leaf_pmd(const struct msha_table *t, unsigned long pfn)
{
	pmd_t e = pmd_mkyoung(pmd_mkhuge(pfn_pmd(pfn, t->prot)));

	return t->writable ? pmd_mkdirty(e) : e;
}

int msha_table_init(struct msha_table *t, unsigned long base, bool writable)
{
	unsigned long flags = VM_READ | VM_SHARED | (writable ? VM_WRITE : 0);
	unsigned int i;

	memset(t, 0, sizeof(*t));
	t->base = base;
	t->writable = writable;
	/* Not PAGE_SHARED, which lacks the encryption bit of SEV guests. */
	t->prot = vm_get_page_prot(flags);
	t->pud = msha_table_page_alloc(t);
	t->dead = msha_pmd_alloc(t);
	if (!t->pud || !t->dead) {
		msha_table_destroy(t);
		return -ENOMEM;
	}
	for (i = 0; i < PTRS_PER_PUD; i++)
		set_pud(&t->pud[i], msha_table_entry(t->dead));
	return 0;
}

void msha_table_kill(struct msha_table *t)
{
	unsigned int i;

	for (i = 0; i < PTRS_PER_PUD; i++)
		set_pud(&t->pud[i], msha_table_entry(t->dead));
}

void msha_table_destroy(struct msha_table *t)
{
	unsigned int i;

	for (i = 0; i < PTRS_PER_PUD; i++)
		msha_pmd_free(t, t->pmd[i]);
	msha_pmd_free(t, t->dead);
	msha_table_page_free(t, t->pud);
	WARN_ON_ONCE(t->pages);
	/* A half-built region is freed as a whole: there is nothing left here. */
	memset(t, 0, sizeof(*t));
}

int msha_table_prepare(struct msha_table *t, u64 offset, u64 length)
{
	unsigned int i = offset >> PUD_SHIFT;
	unsigned int last = (offset + length - 1) >> PUD_SHIFT;

	for (; i <= last; i++) {
		if (t->pmd[i])
			continue;
		t->pmd[i] = msha_pmd_alloc(t);
		if (!t->pmd[i])
			return -ENOMEM;
		cond_resched();
	}
	return 0;
}

void msha_table_fill(struct msha_table *t, u64 offset, struct page *page,
		     unsigned long size)
{
	unsigned int i = offset >> PUD_SHIFT;
	unsigned int j;

	if (size == PUD_SIZE) {
		for (j = 0; j < PTRS_PER_PMD; j++)
			set_pmd(&t->pmd[i][j],
				msha_leaf_pmd(t, page_to_pfn(page) +
					      j * (PMD_SIZE >> PAGE_SHIFT)));
		smp_wmb(); /* the shadow is complete before the leaf exists */
		set_pud(&t->pud[i], msha_leaf_pud(t, page));
		return;
	}
	set_pmd(&t->pmd[i][pmd_index(offset)],
		msha_leaf_pmd(t, page_to_pfn(page)));
	smp_wmb(); /* a walker that sees the table sees the entry */
	if (pud_val(t->pud[i]) == pud_val(msha_table_entry(t->dead)))
		set_pud(&t->pud[i], msha_table_entry(t->pmd[i]));
}

bool msha_table_has(const struct msha_table *t, u64 offset)
{
	unsigned int i = offset >> PUD_SHIFT;
	pud_t pud = READ_ONCE(t->pud[i]);

	if (pud_leaf(pud))
		return true;
	if (pud_val(pud) == pud_val(msha_table_entry(t->dead)))
		return false;
	return !pmd_none(READ_ONCE(t->pmd[i][pmd_index(offset)]));
}

bool msha_table_is_leaf(const struct msha_table *t, unsigned int i)
{
	return pud_leaf(READ_ONCE(t->pud[i]));
}

void msha_table_use_shadow(struct msha_table *t, unsigned int i)
{
	set_pud(&t->pud[i], msha_table_entry(t->pmd[i]));
}

/*
 * The slot lies below 2^47, where every process has its program and its stack:
 * with five levels their common P4D table exists before the first mmap().
 */
static p4d_t *msha_slot(const struct msha_table *t, struct mm_struct *mm)
{
	pgd_t *pgd = pgd_offset(mm, t->base);

	if (pgtable_l5_enabled() && WARN_ON_ONCE(pgd_none(*pgd)))
		return NULL;
	return p4d_offset(pgd, t->base);
}

int msha_table_link(struct msha_table *t, struct mm_struct *mm)
{
	p4d_t *p = msha_slot(t, mm);
	int ret = 0;

	if (!p)
		return -EFAULT;
	spin_lock(&mm->page_table_lock);
	if (p4d_none(*p))
		msha_set_p4d(p, __p4d(_PAGE_TABLE | __pa(t->pud)));
	else
		ret = -EBUSY;
	spin_unlock(&mm->page_table_lock);
	return ret;
}

void msha_table_unlink(struct msha_table *t, struct mm_struct *mm,
		       pud_t *decoy)
{
	p4d_t *p = msha_slot(t, mm);

	spin_lock(&mm->page_table_lock);
	WARN_ON_ONCE(p4d_pgtable(*p) != t->pud);
	msha_set_p4d(p, __p4d(_PAGE_TABLE | __pa(decoy)));
	/* free_pud_range() takes it off again when it frees the decoy. */
	mm_inc_nr_puds(mm);
	spin_unlock(&mm->page_table_lock);
}

void msha_table_clear(struct msha_table *t, struct mm_struct *mm)
{
	p4d_t *p = msha_slot(t, mm);

	spin_lock(&mm->page_table_lock);
	WARN_ON_ONCE(p4d_pgtable(*p) != t->pud);
	msha_set_p4d(p, __p4d(0));
	spin_unlock(&mm->page_table_lock);
}

unsigned long msha_table_linked_pfn(struct msha_table *t, struct mm_struct *mm)
{
	p4d_t *p = msha_slot(t, mm);
	unsigned long pfn;

	spin_lock(&mm->page_table_lock);
	/* The mask also takes off the NX that page table isolation sets. */
	pfn = (p4d_val(*p) & PTE_PFN_MASK) >> PAGE_SHIFT;
	spin_unlock(&mm->page_table_lock);
	return pfn;
}

/*
 * The decoy's entries are not present but look like huge leaves, so that the
 * core zaps all 512 of them, which makes it flush the whole TLB, and descends
 * nowhere. pfn_pud() inverts the address of such an entry (L1TF).
 */
pud_t *msha_decoy_alloc(void)
{
	struct page *page = alloc_page(GFP_PGTABLE_USER);
	pud_t *decoy;
	unsigned int i;

	if (!page)
		return NULL;
	/* What the core's pud destructor will undo. */
	__folio_set_pgtable(page_folio(page));
	lruvec_stat_add_folio(page_folio(page), NR_PAGETABLE);
	decoy = page_address(page);
	for (i = 0; i < PTRS_PER_PUD; i++)
		decoy[i] = pud_mkhuge(pfn_pud(0, PAGE_NONE));
	return decoy;
}

void msha_decoy_free(pud_t *decoy)
{
	struct page *page;

	if (!decoy)
		return;
	page = virt_to_page(decoy);
	lruvec_stat_sub_folio(page_folio(page), NR_PAGETABLE);
	__folio_clear_pgtable(page_folio(page));
	__free_page(page);
}

static void msha_flush_this_cpu(void *unused)
{
	unsigned long flags, cr4;

	if (cpu_feature_enabled(X86_FEATURE_INVPCID)) {
		invpcid_flush_all();
		return;
	}
	/*
	 * Changing CR4.PGE, either way, invalidates all translations of all
	 * PCIDs (Intel SDM vol. 3, 4.10.4.1). CR4 is back to what it was
	 * before anybody else on this CPU can look.
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
