/* SPDX-License-Identifier: GPL-2.0 */
/* Names and windows of regions: validation and allocation. */
#ifndef _MSHA_WINDOW_H
#define _MSHA_WINDOW_H

#include <linux/types.h>

struct msha_region;

/**
 * msha_name_ok() - true if this is a valid name for a region or a view
 * @name: a field of a caller's structure
 * @size: bytes of the field
 *
 * A name consists of letters, digits, '_', '-' and '.', does not begin with '.'
 * and is padded with at least one zero byte. So it can be used as a file name
 * in /dev and sysfs, and '!' can join two names.
 */
bool msha_name_ok(const char *name, size_t size);

/** msha_window_valid() - true if a caller may request this address, or 0 */
bool msha_window_valid(u64 addr);

/**
 * msha_window_take() - reserve a window and the name for a region
 * @r: region, complete except for its nodes; msha_window_next() finds it from
 *	now on
 * @addr: valid address of the window, or 0 for a random one
 * @named: reserve the name, which must be unique, until msha_window_unname()
 *
 * The window stays reserved until the region is freed, also after an unlink.
 * Sets @r->base and @r->named.
 *
 * Context: any.
 * Return: 0; -EEXIST if the name is in use; -EBUSY if the window is in use;
 * -ENOSPC if there is no free window.
 */
int msha_window_take(struct msha_region *r, u64 addr, bool named);

/** msha_window_unname() - release the region's name */
void msha_window_unname(struct msha_region *r);

/** msha_window_put() - release the window of a region that is being freed */
void msha_window_put(struct msha_region *r);

/**
 * msha_window_next() - find the region with the lowest address above @addr
 *
 * Return: the region with a reference for the caller, or NULL.
 */
struct msha_region *msha_window_next(u64 addr);

#endif /* _MSHA_WINDOW_H */
