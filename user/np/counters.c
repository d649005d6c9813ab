// SPDX-License-Identifier: MIT
#include "counters.h"

#include <common/log.h>
#include <inttypes.h>
#include <proto/usage.h>

#include "np.h"

void counters_print(const struct np *np)
{
	char text[COUNTERS_TEXT_SIZE];
	uint64_t sent = 0, received = 0;

	for (unsigned int i = 0; i < np->n_peers; i++) {
		struct arena_channel_counters channel = peer_counters(&np->peer[i]);

		sent += channel.sent;
		received += channel.received;
	}
	log_info("counters %s"
		 " handoffs_sent=%" PRIu64 " handoffs_received=%" PRIu64
		 " region_addr=0x%" PRIxPTR " used_buffers=%" PRIu64,
		 counters_text(text, np_counter_names, &np->counters, NP_COUNTERS),
		 sent, received, (uintptr_t)arena_base(np->arena), proto_buffers_used(np->arena));
}

static void show_channel(struct np *np, unsigned int sp)
{
	struct arena_channel_counters c = peer_counters(&np->peer[sp]);

	np->peer[sp].has_moved = false;
	stats_put(&np->stats->channel[sp].sent, c.sent);
	stats_put(&np->stats->channel[sp].received, c.received);
}

static void show_service(struct np *np, unsigned int sp)
{
	uint64_t *serves = &np->stats->channel[sp].serves;
	bool serves_now = np->peer[sp].state == PEER_OPEN && np->exports.export[sp].is_served;

	if (stats_get(serves) != serves_now)
		stats_put(serves, serves_now);
}

void counters_turn(struct np *np)
{
	np->counters.clients = np->conns.n;
	stats_publish(np->stats, &np->counters, NP_COUNTERS);
	for (unsigned int i = 0; i < np->n_peers; i++) {
		show_service(np, i);
		if (np->peer[i].has_moved)
			show_channel(np, i);
	}
}

static void note_stages(const struct request *r, struct stats_times stage[STATS_STAGES],
			uint64_t now_ns)
{
	uint64_t spent_ns = r->spent_us * (uint64_t)CLOCK_NS_PER_US;

	stats_note_time(&stage[STATS_RECEIVE], r->begun_ns, r->handed_ns);
	stats_note_time(&stage[STATS_CHANNEL], r->handed_ns + spent_ns, r->answered_ns);
	stats_note_time(&stage[STATS_SEND], r->answered_ns, now_ns);
}

void counters_note(const struct request *r)
{
	struct np *np = r->conn->np;
	enum stats_operation operation = stats_operation_of(r->command.operation);
	struct stats_export *e = &np->stats->export[r->conn->sp];

	/* No SP was to do it. */
	if (!r->received_ns)
		return;
	if (r->conn->shown) {
		stats_grow(&r->conn->shown->requests, 1);
		stats_grow(&r->conn->shown->bytes, r->command.length);
	}
	stats_note(&e->flow[operation], r->received_ns, np_noted_ns(np), r->command.length,
		   r->status == PROTO_OK);
	if (r->answered_ns)
		note_stages(r, e->stage, np_noted_ns(np));
}
