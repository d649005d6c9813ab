/* SPDX-License-Identifier: GPL-2.0 */
/* Names and addresses: what they may be, and which region has them. */
#ifndef _MSHA_WINDOW_H
#define _MSHA_WINDOW_H

#include <linux/types.h>

struct msha_region;

/**
 * msha_name_ok() - is this a name for a region or a view?
 * @name: a field of a caller's structure
 * @size: bytes of the field
 *
 * Letters, digits, '_', '-' and '.', not beginning with '.', then zeroes, one
 * at least. So a name can be a file's in /dev, sysfs and debugfs, and '!' can
 * join two of them.
 */
bool msha_name_ok(const char *name, size_t size);

/** msha_window_valid() - can a region be asked for at this address? */
bool msha_window_valid(u64 addr);

/**
 * msha_window_take() - give a region its window, and its name
 * @r: region, complete but for its nodes; msha_window_next() finds it from now on
 * @addr: address of the window, valid, or 0 for a random one
 * @named: the name must be unique, and is taken until msha_window_unname()
 *
 * The window stays taken until the region is freed, not just unlinked. Fills in
 * @r->base and @r->named.
 *
 * Context: any.
 * Return: 0; -EEXIST if the name is taken; -EBUSY if the window is another
 * region's; -ENOSPC if there is none left.
 */
int msha_window_take(struct msha_region *r, u64 addr, bool named);

/** msha_window_unname() - let the region's name be taken by another */
void msha_window_unname(struct msha_region *r);

/** msha_window_put() - give the window back; the region is freed */
void msha_window_put(struct msha_region *r);

/**
 * msha_window_next() - the region with the lowest address above @addr
 *
 * Return: the region with a reference for the caller, or NULL.
 */
struct msha_region *msha_window_next(u64 addr);

#endif /* _MSHA_WINDOW_H */
