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

/* The number of pins that the module has on each folio, by frame number. */
static DEFINE_XARRAY(msha_pins);

static DEFINE_PER_CPU(struct work_struct, msha_pin_work);

static unsigned long msha_pin_value(const void *entry)
{
	return entry ? xa_to_value(entry) : 0;
}

/* Only the first pin of a folio allocates memory and can fail. */
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

/*
 * References that belong to the module's pins. As in mm/gup.c, a pin is one
 * reference on a large folio, and GUP_PIN_COUNTING_BIAS on a small one.
 */
static long msha_pin_refs(struct folio *folio)
{
	long pins = msha_pin_value(xa_load(&msha_pins, folio_pfn(folio)));

	return folio_test_large(folio) ? pins : pins * GUP_PIN_COUNTING_BIAS;
}

static long msha_cache_refs(struct folio *folio)
{
	/* Caches hold a reference for each small page of a folio. */
	if (folio_test_hugetlb(folio))
		return folio_mapping(folio) ? folio_nr_pages(folio) : 0;
	return folio_test_swapcache(folio) ? folio_nr_pages(folio) : 0;
}

/* Releasing a batch, even an empty one, first drains this CPU's LRU batches. */
static void msha_pin_drain_cpu(struct work_struct *unused)
{
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);
}

/*
 * Work that is still pending on a CPU is not queued again. If a CPU goes
 * offline, its work runs on another CPU and drains that one's batches; the
 * batches of the offline CPU are drained by CPU hotplug.
 */
void msha_pin_drain(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		schedule_work_on(cpu, per_cpu_ptr(&msha_pin_work, cpu));
}

/*
 * References that do not mean that somebody uses the contents: those of
 * mappings, of the page or swap cache, and of the module's pins.
 */
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
	 * If a mapping or a pin of the module goes away between two of the
	 * reads, the difference could hide a user's reference. So read the
	 * reference count while the idle references do not change. If they
	 * change all the time, report the page as busy.
	 */
	for (i = 0; i < MSHA_PIN_LOOKS; i++) {
		idle = msha_idle_refs(folio);
		smp_rmb(); /* read refs after the first idle references */
		refs = folio_ref_count(folio);
		/* ... and before the second; pairs with the last decrement */
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
