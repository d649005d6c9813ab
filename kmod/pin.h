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
 * References of mappings, of the page cache, of the swap cache and of the LRU
 * machinery are not counted: they are no use of the contents.
 *
 * Context: any. What the last user did to the contents is visible to whoever
 * got false.
 */
bool msha_pin_busy(struct page *page);

/**
 * msha_pin_settle() - let small folios get to their places on the LRU lists
 *
 * On their way they wait in batches of the CPUs', for as long as it takes to
 * fill one, each with a reference that nothing tells from a user's.
 *
 * Context: process context, sleeps.
 */
void msha_pin_settle(void);

#endif /* _MSHA_PIN_H */
