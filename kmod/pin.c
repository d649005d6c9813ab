// SPDX-License-Identifier: GPL-2.0
#include "pin.h"

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/swap.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "limits.h"

/* Frame number of a folio -> the module's pins on it. */
static DEFINE_XARRAY(msha_pins);

static DEFINE_PER_CPU(struct work_struct, msha_pin_work);

static unsigned long msha_pin_value(const void *entry)
{
	return entry ? xa_to_value(entry) : 0;
}

/* An entry that is there already is changed without an allocation. */
static int msha_pin_change(struct page *page, int by)
{
	unsigned long index = folio_pfn(page_folio(page));
	void *old, *new, *seen = xa_load(&msha_pins, index);

	do {
		old = seen;
		new = msha_pin_value(old) + by ?
			xa_mk_value(msha_pin_value(old) + by) : NULL;
		seen = xa_cmpxchg(&msha_pins, index, old, new,
				  GFP_KERNEL_ACCOUNT);
		if (xa_is_err(seen))
			return xa_err(seen);
	} while (seen != old);
	return 0;
}

int msha_pin_add(struct page *page)
{
	return msha_pin_change(page, 1);
}

void msha_pin_del(struct page *page)
{
	WARN_ON_ONCE(msha_pin_change(page, -1));
}

/* As mm/gup.c counts: small folios have no counter of their own for pins. */
static long msha_pin_refs(struct folio *folio)
{
	long pins = msha_pin_value(xa_load(&msha_pins, folio_pfn(folio)));

	return folio_test_large(folio) ? pins : pins * GUP_PIN_COUNTING_BIAS;
}

static long msha_cache_refs(struct folio *folio)
{
	/* The page cache has one for each small page; private memory is in none. */
	if (folio_test_hugetlb(folio))
		return folio_mapping(folio) ? folio_nr_pages(folio) : 0;
	return folio_test_swapcache(folio) ? folio_nr_pages(folio) : 0;
}

/* Releasing a batch of folios, even an empty one, empties the CPU's first. */
static void msha_pin_drain_cpu(struct work_struct *unused)
{
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);
}

/*
 * Work that a CPU has not come to yet is not queued twice. For a CPU that goes
 * offline just now another one runs it: that CPU empties its own batches, and
 * the one that leaves empties those it has by itself.
 */
void msha_pin_drain(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		schedule_work_on(cpu, per_cpu_ptr(&msha_pin_work, cpu));
}

/* References that are no use of the contents: ours, mappings', caches'. */
static long msha_idle_refs(struct folio *folio)
{
	return msha_folio_mapcount(folio) + msha_cache_refs(folio) +
	       msha_pin_refs(folio);
}

bool msha_pin_busy(struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned int i;
	long idle, refs;

	/*
	 * A mapping or a pin of ours that goes between two of the reads must
	 * not hide somebody's reference: read the references while the rest
	 * does not change. Where it changes all the time, the page is in use.
	 */
	for (i = 0; i < MSHA_PIN_LOOKS; i++) {
		idle = msha_idle_refs(folio);
		smp_rmb(); /* the references after the others ... */
		refs = folio_ref_count(folio);
		/* ... and before the others; pairs with the last user's decrement */
		smp_rmb();
		if (idle == msha_idle_refs(folio))
			return refs > idle;
	}
	return true;
}

void msha_pin_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(per_cpu_ptr(&msha_pin_work, cpu), msha_pin_drain_cpu);
}

void msha_pin_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		flush_work(per_cpu_ptr(&msha_pin_work, cpu));
}
