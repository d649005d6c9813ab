// SPDX-License-Identifier: GPL-2.0
#include "leaf.h"

#include <linux/mm.h>

#include "attach.h"
#include "region.h"

/*
 * huge_pud_set_accessed() in another process may have read the leaf before the
 * store below and write it back, changed, after it; it holds only its own mm's
 * page_table_lock, in which it compares the entry with what it read. A handler
 * that compared before our store has stored and left its lock once we have
 * passed through that lock; one that compares later finds no leaf and leaves
 * it alone. So one round after the last time a leaf was seen is enough.
 */
void msha_leaf_demote(struct msha_view *v, unsigned int i)
{
	struct msha_region *r = v->region;
	struct msha_attachment *a;

	spin_lock(&r->lock);
	if (msha_table_is_leaf(&v->table, i))
		r->demotions++;
	while (msha_table_is_leaf(&v->table, i)) {
		msha_table_use_shadow(&v->table, i);
		list_for_each_entry(a, &v->linked, node) {
			spin_lock(&a->mm->page_table_lock);
			spin_unlock(&a->mm->page_table_lock);
		}
	}
	spin_unlock(&r->lock);
}
