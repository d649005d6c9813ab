/* SPDX-License-Identifier: GPL-2.0 */
/* Is anybody still using a range of a region? */
#ifndef _MSHA_QUIESCE_H
#define _MSHA_QUIESCE_H

#include <linux/types.h>

struct msharearena_quiesce;
struct msha_region;

/**
 * msha_quiesce_look() - which of a range's pages are in use at this moment?
 * @r: region
 * @offset: bytes, a multiple of the page size
 * @length: bytes, a multiple of the page size
 * @first: filled with the offset of the first busy page, or the range's end
 * @busy: filled with the bytes of all of them
 *
 * Context: process context; takes no lock, and does not wait for an export.
 * Return: 0, or -EINTR if the caller is being killed.
 */
int msha_quiesce_look(struct msha_region *r, u64 offset, u64 length,
		      u64 *first, u64 *busy);

/**
 * msha_quiesce() - MSHAREARENA_QUIESCE
 * @r: region
 * @q: checked copy of the request; the answers are filled in where the return
 *	value is 0, -EAGAIN or -ETIMEDOUT
 */
int msha_quiesce(struct msha_region *r, struct msharearena_quiesce *q);

#endif /* _MSHA_QUIESCE_H */
