// SPDX-License-Identifier: MIT
#include "range.h"

#include <stddef.h>

static bool conflict(const struct sp_range *a, const struct sp_range *b)
{
	return (a->exclusive || b->exclusive) && a->start < b->end && b->start < a->end;
}

bool sp_range_lock(struct sp_ranges *all, struct sp_range *r)
{
	r->blockers = 0;
	/* The usual case, only aligned writes, is not looked through. */
	if (r->exclusive || all->exclusive)
		for (const struct sp_range *other = all->first; other; other = other->next)
			r->blockers += conflict(r, other);

	r->next = NULL;
	r->previous = all->last;
	*(all->last ? &all->last->next : &all->first) = r;
	all->last = r;
	all->exclusive += r->exclusive;
	return !r->blockers;
}

void sp_range_unlock(struct sp_ranges *all, struct sp_range *r,
		     void (*granted)(struct sp_range *r, void *context),
		     void *context)
{
	struct sp_range *other = all->exclusive ? r->next : NULL;

	*(r->previous ? &r->previous->next : &all->first) = r->next;
	*(r->next ? &r->next->previous : &all->last) = r->previous;
	all->exclusive -= r->exclusive;

	for (; other; other = other->next)
		if (conflict(r, other) && !--other->blockers)
			granted(other, context);
}
