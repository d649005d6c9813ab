// SPDX-License-Identifier: GPL-2.0
#include "slot.h"

#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/find.h>
#include <linux/spinlock.h>

#include "limits.h"

static DECLARE_BITMAP(msha_slots, MSHA_SLOT_COUNT);
static DEFINE_SPINLOCK(msha_slots_lock);	/* the bitmap */

/* Not the last one, whose end is where user addresses end. */
bool msha_slot_valid(u64 addr)
{
	return !(addr & ~MSHA_SLOT_MASK) &&
	       addr < (u64)MSHA_SLOT_SIZE * (MSHA_SLOT_COUNT - 1);
}

int msha_slot_get(u64 addr, unsigned long *base)
{
	unsigned long slot = addr >> P4D_SHIFT;
	int ret = 0;

	spin_lock(&msha_slots_lock);
	if (!addr)
		slot = find_next_zero_bit(msha_slots, MSHA_SLOT_LAST + 1,
					  MSHA_SLOT_FIRST);
	if (!addr && slot > MSHA_SLOT_LAST)
		ret = -ENOSPC;
	else if (test_bit(slot, msha_slots))
		ret = -EBUSY;
	else
		__set_bit(slot, msha_slots);
	spin_unlock(&msha_slots_lock);
	*base = slot << P4D_SHIFT;
	return ret;
}

void msha_slot_put(unsigned long base)
{
	spin_lock(&msha_slots_lock);
	__clear_bit(base >> P4D_SHIFT, msha_slots);
	spin_unlock(&msha_slots_lock);
}
