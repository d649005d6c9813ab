// SPDX-License-Identifier: GPL-2.0
#include "pin.h"

#include <linux/cpu.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/swap.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat/compat.h"

/* Frame number of a folio -> the module's pins on it. */
static DEFINE_XARRAY(msha_pins);
static DEFINE_MUTEX(msha_pins_lock);	/* those who change a number */

static unsigned long msha_pin_count(struct folio *folio)
{
	void *entry = xa_load(&msha_pins, folio_pfn(folio));

	return entry ? xa_to_value(entry) : 0;
}

int msha_pin_add(struct page *page)
{
	struct folio *folio = page_folio(page);
	int ret;

	mutex_lock(&msha_pins_lock);
	ret = xa_err(xa_store(&msha_pins, folio_pfn(folio),
			      xa_mk_value(msha_pin_count(folio) + 1),
			      GFP_KERNEL_ACCOUNT));
	mutex_unlock(&msha_pins_lock);
	return ret;
}

void msha_pin_del(struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long n;

	mutex_lock(&msha_pins_lock);
	n = msha_pin_count(folio);
	WARN_ON_ONCE(!n);
	/* Neither allocates: the entry is there. */
	if (n > 1)
		xa_store(&msha_pins, folio_pfn(folio), xa_mk_value(n - 1),
			 GFP_KERNEL);
	else
		xa_erase(&msha_pins, folio_pfn(folio));
	mutex_unlock(&msha_pins_lock);
}

/* As mm/gup.c counts: small folios have no counter of their own for pins. */
static long msha_pin_refs(struct folio *folio)
{
	long pins = msha_pin_count(folio);

	return folio_test_large(folio) ? pins : pins * GUP_PIN_COUNTING_BIAS;
}

static long msha_cache_refs(struct folio *folio)
{
	/* The page cache has one for each small page; private memory is in none. */
	if (folio_test_hugetlb(folio))
		return folio_mapping(folio) ? folio_nr_pages(folio) : 0;
	/*
	 * A folio on its way to or from the LRU lists, in a batch of some CPU,
	 * has a reference for that instead of the flag.
	 */
	return (folio_test_swapcache(folio) ? folio_nr_pages(folio) : 0) +
	       (folio_test_lru(folio) ? 0 : 1);
}

/* Releasing a batch of folios, even an empty one, empties the CPU's first. */
static long msha_pin_settle_cpu(void *unused)
{
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);
	return 0;
}

void msha_pin_settle(void)
{
	unsigned int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		work_on_cpu(cpu, msha_pin_settle_cpu, NULL);
	cpus_read_unlock();
}

bool msha_pin_busy(struct page *page)
{
	struct folio *folio = page_folio(page);
	long maps, cache, refs;

	/*
	 * A mapping that goes between two of the reads must not hide a pin:
	 * read the references while the rest did not change.
	 */
	do {
		maps = msha_folio_mapcount(folio);
		cache = msha_cache_refs(folio);
		smp_rmb(); /* the references after the others ... */
		refs = folio_ref_count(folio);
		smp_rmb(); /* ... and before the others again */
	} while (maps != msha_folio_mapcount(folio) ||
		 cache != msha_cache_refs(folio));
	/* Pairs with the barrier in the last user's atomic decrement. */
	smp_acquire__after_ctrl_dep();
	return refs > msha_pin_refs(folio) + maps + cache;
}
