// SPDX-License-Identifier: MIT
#include "counters.h"

#include <common/log.h>
#include <inttypes.h>
#include <proto/usage.h>

#include "sp.h"

void sp_counters_log(const struct sp *sp)
{
	uint64_t sent = 0, received = 0, wakeups = 0;
	struct arena_ring_counters ring = { .size = sizeof(ring) }, polled = ring;
	const struct sp_counters *c = &sp->counters;
	const char *way = backend_names[sp->backend.ops->kind];
	uintptr_t at = (uintptr_t)arena_base(sp->arena);

	arena_ring_counters(sp->ring, &ring);
	if (sp->polled)
		arena_ring_counters(sp->polled, &polled);
	for (unsigned int i = 0; i < sp->n_peers; i++) {
		struct arena_channel_counters channel = sp_peer_counters(&sp->peer[i]);

		sent += channel.sent;
		received += channel.received;
		wakeups += channel.wakeups;
	}
	log_info("counters id=%" PRIu32 " region=%s region_addr=0x%" PRIxPTR " backend=%s"
		 " fixed_buffers=%d requests=%" PRIu64 " reads=%" PRIu64 " writes=%" PRIu64
		 " flushes=%" PRIu64 " discards=%" PRIu64 " zeroes=%" PRIu64
		 " errors=%" PRIu64 " handoffs_sent=%" PRIu64 " handoffs_received=%" PRIu64
		 " bytes_read=%" PRIu64 " bytes_written=%" PRIu64 " copied_bytes=%" PRIu64
		 " rmw=%" PRIu64 " waits=%" PRIu64 " overlaps=%" PRIu64 " retries=%" PRIu64
		 " bad_messages=%" PRIu64 " enters=%" PRIu64 " turns=%" PRIu64
		 " batches=%" PRIu64 " operations=%" PRIu64 " wakeups_sent=%" PRIu64
		 " nps=%u iopoll=%d"
		 " caches=%" PRIu64 " statuses=%" PRIu64 " bytes_skipped=%" PRIu64
		 " timeouts=%" PRIu64 " late=%" PRIu32 " limited=%" PRIu64
		 " replays=%" PRIu64 " results=%" PRIu64 " held=%" PRIu64
		 " used_buffers=%" PRIu64 " outdated=%" PRIu64,
		 sp->options.id, sp->options.region, at, way, sp->is_fixed,
		 c->requests, c->reads, c->writes, c->flushes, c->discards, c->zeroes, c->errors,
		 sent, received, c->bytes_read, c->bytes_written,
		 c->copied_bytes, c->rmw, c->waits, c->overlaps, c->retries, c->bad_messages,
		 ring.enters + polled.enters, ring.turns + polled.turns,
		 c->batches, c->operations, wakeups, sp->n_live, !!sp->polled,
		 c->caches, c->statuses, c->bytes_skipped, c->timeouts, sp->late.n, c->limited,
		 c->replays, c->results, c->held, proto_buffers_used(sp->arena),
		 c->outdated);
}
