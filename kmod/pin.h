/* SPDX-License-Identifier: GPL-2.0 */
/* How many of a folio's references are the module's own. */
#ifndef _MSHA_PIN_H
#define _MSHA_PIN_H

#include <linux/types.h>

struct page;

/**
 * msha_pin_add() - remember that the module has pinned a page
 * @page: a pinned page
 *
 * The folio cannot be split while it is pinned, so that it can be counted by
 * its first frame, over all regions: no pin of ours is somebody else's use.
 *
 * Context: process context.
 * Return: 0 or -ENOMEM.
 */
int msha_pin_add(struct page *page);

/** msha_pin_del() - forget one msha_pin_add(); before the page is unpinned */
void msha_pin_del(struct page *page);

/**
 * msha_pin_busy() - does the page's folio have references that are not ours?
 * @page: a page that is pinned by the module
 *
 * References of mappings, of the page cache and of the swap cache are not
 * counted: they are no use of the contents. That of a CPU's batch, in which a
 * small folio waits to be put on an LRU list, is, since nothing tells it from a
 * user's.
 *
 * Context: any. What the last user did to the contents is visible to a caller
 * that got false.
 */
bool msha_pin_busy(struct page *page);

/**
 * msha_pin_drain() - let small folios get to their places on the LRU lists
 *
 * Asks each CPU to do it soon, and does not wait: a CPU may be kept from it for
 * as long as it runs real-time tasks.
 *
 * Context: process context.
 */
void msha_pin_drain(void);

void msha_pin_init(void);
void msha_pin_exit(void);

#endif /* _MSHA_PIN_H */
