/* SPDX-License-Identifier: GPL-2.0 */
/* Counting of the module's own references on folios. */
#ifndef _MSHA_PIN_H
#define _MSHA_PIN_H

#include <linux/types.h>

struct page;

/**
 * msha_pin_add() - record that the module has pinned a page
 * @page: a pinned page
 *
 * Pins are counted by the folio's first frame, as a pinned folio cannot be
 * split. The count covers all regions, so that a pin for one region does not
 * make the page busy in another.
 *
 * Context: process context.
 * Return: 0 or -ENOMEM.
 */
int msha_pin_add(struct page *page);

/** msha_pin_del() - undo one msha_pin_add(), before the page is unpinned */
void msha_pin_del(struct page *page);

/**
 * msha_pin_busy() - check whether somebody else has references on a page
 * @page: a page that is pinned by the module
 *
 * References of mappings, of the page cache and of the swap cache do not count,
 * as they do not access the contents. The reference of a CPU's batch, in which
 * a small folio waits to be put on an LRU list, does count, as it cannot be
 * told from a user's reference.
 *
 * Context: any.
 * Return: true if the page's folio is in use. After false, all stores of the
 * last user to the contents are visible to the caller.
 */
bool msha_pin_busy(struct page *page);

/**
 * msha_pin_drain() - ask each CPU to drain its batches to the LRU lists
 *
 * Does not wait, as real-time tasks can keep a CPU from draining for any time.
 *
 * Context: process context.
 */
void msha_pin_drain(void);

void msha_pin_init(void);
void msha_pin_exit(void);

#endif /* _MSHA_PIN_H */
