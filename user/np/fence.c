// SPDX-License-Identifier: MIT
#include "fence.h"

#include "conn.h"
#include "request.h"

static uint64_t first_block(const struct request *r)
{
	return r->command.offset >> NP_FENCE_BLOCK_SHIFT;
}

static uint64_t last_block(const struct request *r)
{
	return (r->command.offset + r->command.length - 1) >> NP_FENCE_BLOCK_SHIFT;
}

static bool is_wide(const struct request *r)
{
	return last_block(r) - first_block(r) >= NP_FENCE_SLOTS;
}

static uint64_t later(uint64_t ns, const struct last_change *l, const struct request *r)
{
	uint64_t others_ns = last_change_of_others(l, r->conn->number);

	return others_ns > ns ? others_ns : ns;
}

uint64_t fence_changed_ns(const struct np_fence *f, const struct request *r)
{
	uint64_t ns = f->start_ns;

	if (is_wide(r))
		return later(ns, &f->any, r);
	ns = later(ns, &f->wide, r);
	for (uint64_t block = first_block(r); block <= last_block(r); block++)
		ns = later(ns, &f->slot[block % NP_FENCE_SLOTS], r);
	return ns;
}

void fence_note(struct np_fence *f, const struct request *r, uint64_t now_ns)
{
	uint32_t number = r->conn->number;

	last_change_note(&f->any, number, now_ns);
	if (is_wide(r)) {
		last_change_note(&f->wide, number, now_ns);
		return;
	}
	for (uint64_t block = first_block(r); block <= last_block(r); block++)
		last_change_note(&f->slot[block % NP_FENCE_SLOTS], number, now_ns);
}
