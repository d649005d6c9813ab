/* SPDX-License-Identifier: GPL-2.0 */
/* Which 512 GiB of every process's addresses belong to which region. */
#ifndef _MSHA_SLOT_H
#define _MSHA_SLOT_H

#include <linux/types.h>

/** msha_slot_valid() - can a region be asked for at this address? */
bool msha_slot_valid(u64 addr);

/**
 * msha_slot_get() - take a slot
 * @addr: its address, valid, or 0 for any
 * @base: filled with its address
 *
 * A slot stays taken until the region is freed, not just unlinked.
 *
 * Context: any.
 * Return: 0; -EBUSY if another region has it; -ENOSPC if there is none left.
 */
int msha_slot_get(u64 addr, unsigned long *base);

/** msha_slot_put() - give a slot back */
void msha_slot_put(unsigned long base);

#endif /* _MSHA_SLOT_H */
