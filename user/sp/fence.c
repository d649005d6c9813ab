// SPDX-License-Identifier: MIT
#include "fence.h"

#include <common/clock.h>
#include <errno.h>
#include <stdlib.h>

#include "peer.h"
#include "request.h"
#include "sp.h"

int sp_fence_open(struct sp *sp)
{
	struct sp_fence *f = &sp->fence;

	if (sp->n_peers < 2)
		return 0;
	f->start_ns = clock_boot_ns();
	f->slot = calloc(SP_FENCE_SLOTS, sizeof(*f->slot));
	f->n_entries = SP_FENCE_ENTRIES + sp->n_requests;
	f->entry = calloc(f->n_entries, sizeof(*f->entry));
	return f->slot && f->entry ? 0 : -ENOMEM;
}

void sp_fence_close(struct sp *sp)
{
	free(sp->fence.slot);
	free(sp->fence.entry);
	sp->fence = (struct sp_fence){ 0 };
}

void sp_fence_now(struct sp *sp, uint64_t now_ns)
{
	sp->fence.now_ns = now_ns;
}

static bool changes(const struct sp_request *r)
{
	return r->operation == PROTO_WRITE || r->operation == PROTO_DISCARD ||
	       r->operation == PROTO_WRITE_ZEROES;
}

static uint64_t first_block(const struct sp_request *r)
{
	return r->offset >> SP_FENCE_BLOCK_SHIFT;
}

static uint64_t last_block(const struct sp_request *r)
{
	return (r->offset + r->length - 1) >> SP_FENCE_BLOCK_SHIFT;
}

static bool is_wide(const struct sp_request *r)
{
	return last_block(r) - first_block(r) >= SP_FENCE_WIDE_BLOCKS;
}

/* Has another NP changed the block after the request's time? */
static bool is_later(const struct last_change *l, const struct sp_request *r)
{
	return last_change_of_others(l, r->peer->id) > r->alive_ns;
}

static bool may_be_late(const struct sp_fence *f, const struct sp_request *r)
{
	if (is_wide(r) || is_later(&f->wide, r))
		return true;
	for (uint64_t block = first_block(r); block <= last_block(r); block++)
		if (is_later(&f->slot[block % SP_FENCE_SLOTS], r))
			return true;
	return false;
}

/* The entries are in the order of their times. */
static bool is_late(const struct sp_fence *f, const struct sp_request *r)
{
	for (uint64_t i = 1; i <= f->n && i <= f->n_entries; i++) {
		const struct sp_fence_entry *e = &f->entry[(f->n - i) % f->n_entries];

		if (e->ns <= r->alive_ns)
			return false;
		if (e->np != r->peer->id && e->start < r->offset + r->length && r->offset < e->end)
			return true;
	}
	return f->n > f->n_entries;
}

bool sp_fence_refuses(const struct sp *sp, const struct sp_request *r)
{
	const struct sp_fence *f = &sp->fence;

	if (!f->slot || !changes(r))
		return false;
	return r->alive_ns < f->start_ns || (may_be_late(f, r) && is_late(f, r));
}

void sp_fence_note(struct sp *sp, const struct sp_request *r)
{
	struct sp_fence *f = &sp->fence;
	uint32_t np = r->peer->id;

	if (!f->slot || !changes(r))
		return;
	f->entry[f->n++ % f->n_entries] = (struct sp_fence_entry){
		.start = r->offset, .end = r->offset + r->length, .ns = f->now_ns, .np = np,
	};
	if (is_wide(r)) {
		last_change_note(&f->wide, np, f->now_ns);
		return;
	}
	for (uint64_t block = first_block(r); block <= last_block(r); block++)
		last_change_note(&f->slot[block % SP_FENCE_SLOTS], np, f->now_ns);
}
