// SPDX-License-Identifier: MIT
#include "order.h"

#include <common/clock.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "request.h"
#include "sp.h"

int sp_order_open(struct sp *sp)
{
	sp->order.entry = calloc(sp->n_requests, sizeof(*sp->order.entry));
	return sp->order.entry ? 0 : -ENOMEM;
}

void sp_order_close(struct sp *sp)
{
	free(sp->order.entry);
	sp->order.entry = NULL;
}

bool sp_order_keeps(struct sp *sp, struct sp_request *r)
{
	struct sp_order *o = &sp->order;
	uint64_t now;

	if (sp->replay.is_over && sp->n_peers < 2)
		return false;
	now = clock_boot_ns();
	sp_fence_now(sp, now);
	if (r->received_ns > now)
		r->received_ns = now;
	o->entry[o->n] = (struct sp_order_entry){ .request = r, .nth = o->n };
	o->n++;
	return true;
}

static int by_time(const void *a, const void *b)
{
	const struct sp_order_entry *one = a, *other = b;
	uint64_t first = one->request->received_ns, second = other->request->received_ns;

	if (first != second)
		return first > second ? 1 : -1;
	return one->nth > other->nth ? 1 : -1;
}

void sp_order_begin(struct sp *sp, uint64_t before_ns)
{
	struct sp_order *o = &sp->order;
	uint32_t n = 0;

	qsort(o->entry, o->n, sizeof(*o->entry), by_time);
	while (n < o->n && o->entry[n].request->received_ns < before_ns)
		sp_request_begin(sp, o->entry[n++].request);
	o->n -= n;
	memmove(o->entry, o->entry + n, o->n * sizeof(*o->entry));
	for (uint32_t i = 0; i < o->n; i++)
		o->entry[i].nth = i;
}

void sp_order_turn(struct sp *sp)
{
	uint64_t before_ns;

	if (!sp->replay.is_over || !sp->order.n)
		return;
	before_ns = clock_boot_ns();
	for (unsigned int i = 0; i < sp->n_peers; i++)
		sp_peer_happened(&sp->peer[i]);
	sp_order_begin(sp, before_ns);
}
