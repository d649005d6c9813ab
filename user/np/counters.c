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

void counters_turn(struct np *np)
{
	np->counters.clients = np->conns.n;
	stats_publish(np->stats, &np->counters, NP_COUNTERS);
	for (unsigned int i = 0; i < np->n_peers; i++)
		if (np->peer[i].has_moved)
			show_channel(np, i);
}

void counters_note(const struct request *r)
{
	struct np *np = r->conn->np;
	enum stats_operation operation = stats_operation_of(r->command.operation);

	/* No SP was to do it. */
	if (!r->received_ns)
		return;
	if (!np->noted_ns)
		np->noted_ns = np->turn_ns ? np->turn_ns : clock_boot_ns();
	if (r->conn->shown) {
		stats_grow(&r->conn->shown->requests, 1);
		stats_grow(&r->conn->shown->bytes, r->command.length);
	}
	stats_note(&np->stats->flow[r->conn->sp][operation], r->received_ns, np->noted_ns,
		   r->command.length, r->status == PROTO_OK);
}
