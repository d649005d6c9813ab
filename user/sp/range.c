// SPDX-License-Identifier: MIT
#include "range.h"

#include <stddef.h>

/* A range that touches more areas is wide, and is not counted in each of them. */
#define MAX_AREAS	16U

static bool conflict(const struct sp_range *a, const struct sp_range *b)
{
	return (a->changes || b->changes) && a->start < b->end && b->start < a->end;
}

static uint64_t first_area(const struct sp_range *r)
{
	return r->start >> SP_RANGE_AREA_SHIFT;
}

static uint64_t last_area(const struct sp_range *r)
{
	return (r->end - 1) >> SP_RANGE_AREA_SHIFT;
}

static bool is_wide(const struct sp_range *r)
{
	return last_area(r) - first_area(r) >= MAX_AREAS;
}

/* Count a range in, if @by is 1, or out, if it is -1. */
static void count(struct sp_ranges *all, const struct sp_range *r, uint32_t by)
{
	all->changers += r->changes ? by : 0;
	if (is_wide(r)) {
		all->wide += by;
		return;
	}
	for (uint64_t area = first_area(r); area <= last_area(r); area++) {
		all->all[area % SP_RANGE_AREAS] += by;
		all->changing[area % SP_RANGE_AREAS] += r->changes ? by : 0;
	}
}

static bool may_conflict(const struct sp_ranges *all, const struct sp_range *r)
{
	const uint32_t *counters = r->changes ? all->all : all->changing;

	if (!r->changes && !all->changers)
		return false;
	if (all->wide || is_wide(r))
		return all->first;
	for (uint64_t area = first_area(r); area <= last_area(r); area++)
		if (counters[area % SP_RANGE_AREAS])
			return true;
	return false;
}

bool sp_range_enter(struct sp_ranges *all, struct sp_range *r)
{
	r->blockers = 0;
	if (may_conflict(all, r))
		for (const struct sp_range *other = all->first; other; other = other->next)
			r->blockers += conflict(r, other);
	r->next = NULL;
	r->previous = all->last;
	*(all->last ? &all->last->next : &all->first) = r;
	all->last = r;
	all->blocked += r->blockers != 0;
	count(all, r, 1);
	return !r->blockers;
}

void sp_range_leave(struct sp_ranges *all, struct sp_range *r,
		    void (*freed)(struct sp_range *r, void *context), void *context)
{
	struct sp_range *other = all->blocked ? r->next : NULL;

	*(r->previous ? &r->previous->next : &all->first) = r->next;
	*(r->next ? &r->next->previous : &all->last) = r->previous;
	count(all, r, (uint32_t)-1);
	for (; other; other = other->next)
		if (conflict(r, other) && !--other->blockers) {
			all->blocked--;
			freed(other, context);
		}
}
