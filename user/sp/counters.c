// SPDX-License-Identifier: MIT
#include "counters.h"

#include <common/log.h>
#include <inttypes.h>

#include "sp.h"

void sp_counters_log(const struct sp *sp)
{
	struct arena_channel_counters channel = { .size = sizeof(channel) };
	struct arena_ring_counters ring = { .size = sizeof(ring) };
	const struct sp_counters *c = &sp->counters;
	const char *way = backend_names[sp->backend.ops->kind];
	uintptr_t at = (uintptr_t)arena_base(sp->arena);

	arena_ring_counters(sp->ring, &ring);
	arena_channel_counters(sp->channel, &channel);
	log_info("counters id=%" PRIu32 " region=%s region_addr=0x%" PRIxPTR " backend=%s"
		 " fixed_buffers=%d requests=%" PRIu64 " reads=%" PRIu64 " writes=%" PRIu64
		 " flushes=%" PRIu64 " discards=%" PRIu64 " zeroes=%" PRIu64
		 " errors=%" PRIu64 " handoffs_sent=%" PRIu64 " handoffs_received=%" PRIu64
		 " bytes_read=%" PRIu64 " bytes_written=%" PRIu64 " copied_bytes=%" PRIu64
		 " rmw=%" PRIu64 " waits=%" PRIu64 " overlaps=%" PRIu64 " retries=%" PRIu64
		 " bad_messages=%" PRIu64 " enters=%" PRIu64 " turns=%" PRIu64
		 " batches=%" PRIu64 " operations=%" PRIu64 " wakeups_sent=%" PRIu64,
		 sp->options.id, sp->options.region, at, way, sp->is_fixed,
		 c->requests, c->reads, c->writes, c->flushes, c->discards, c->zeroes, c->errors,
		 channel.sent, channel.received, c->bytes_read, c->bytes_written,
		 c->copied_bytes, c->rmw, c->waits, c->overlaps, c->retries, c->bad_messages,
		 ring.enters, ring.turns, c->batches, c->operations, channel.wakeups);
}
