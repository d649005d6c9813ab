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
	char text[COUNTERS_TEXT_SIZE];
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
		 " fixed_buffers=%d %s handoffs_sent=%" PRIu64 " handoffs_received=%" PRIu64
		 " enters=%" PRIu64 " turns=%" PRIu64 " wakeups_sent=%" PRIu64
		 " nps=%u iopoll=%d late=%" PRIu32 " used_buffers=%" PRIu64,
		 sp->options.id, sp->options.region, at, way, sp->is_fixed,
		 counters_text(text, sp_counter_names, &sp->counters, SP_COUNTERS), sent, received,
		 ring.enters + polled.enters, ring.turns + polled.turns, wakeups, sp->n_live,
		 !!sp->polled, sp->late.n, proto_buffers_used(sp->arena));
}

void sp_counters_turn(struct sp *sp)
{
	stats_publish(sp->stats, &sp->counters, SP_COUNTERS);
}

uint32_t sp_counters_spent_us(struct sp *sp, const struct sp_request *r)
{
	uint64_t us = r->taken_ns ? (sp_turn_ns(sp) - r->taken_ns) / CLOCK_NS_PER_US : 0;

	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

void sp_counters_note(struct sp *sp, const struct sp_request *r, enum proto_status status)
{
	enum stats_operation operation = stats_operation_of(r->operation);
	struct stats_export *e = &sp->stats->export[0];

	/* The disk was not to do it, or somebody else is. */
	if (!r->taken_ns || status == PROTO_ESHUTDOWN || status == PROTO_ESTALE)
		return;
	stats_note(&e->flow[operation], r->taken_ns, sp_turn_ns(sp), r->length,
		   status == PROTO_OK);
	stats_note_time(&e->stage[STATS_QUEUE], r->taken_ns,
			r->disk_ns ? r->disk_ns : sp_turn_ns(sp));
	if (r->disk_ns)
		stats_note_time(&e->stage[STATS_DISK], r->disk_ns, sp_turn_ns(sp));
}
