// SPDX-License-Identifier: MIT
#include "counters.h"

#include <common/log.h>
#include <inttypes.h>
#include <proto/usage.h>

#include "np.h"

void counters_print(const struct np *np)
{
	const struct counters *c = &np->counters;
	uint64_t sent = 0, received = 0;

	for (unsigned int i = 0; i < np->n_peers; i++) {
		struct arena_channel_counters channel = peer_counters(&np->peer[i]);

		sent += channel.sent;
		received += channel.received;
	}
	log_info("counters"
		" connections=%" PRIu64 " requests=%" PRIu64
		" reads=%" PRIu64 " writes=%" PRIu64
		" bytes_in=%" PRIu64 " bytes_out=%" PRIu64
		" handoffs_sent=%" PRIu64 " handoffs_received=%" PRIu64
		" copied_bytes=%" PRIu64 " bad_messages=%" PRIu64
		" region_addr=0x%" PRIxPTR
		" flushes=%" PRIu64 " refused=%" PRIu64
		" withheld_buffers=%" PRIu64
		" turns=%" PRIu64 " batches=%" PRIu64
		" trims=%" PRIu64 " zeroes=%" PRIu64
		" caches=%" PRIu64 " statuses=%" PRIu64
		" zerocopy_sends=%" PRIu64 " zerocopy_copied=%" PRIu64
		" tls=%" PRIu64 " ktls=%" PRIu64
		" holds=%" PRIu64 " replays=%" PRIu64
		" used_buffers=%" PRIu64
		" vouched=%" PRIu64 " outdated=%" PRIu64
		" handed_over=%" PRIu64 " taken_over=%" PRIu64
		" handoff_closed=%" PRIu64 " handoff_cut=%" PRIu64
		" handoffs_given_up=%" PRIu64 " lost=%" PRIu64,
		c->connections, c->requests, c->reads, c->writes,
		c->bytes_in, c->bytes_out, sent, received,
		c->copied_bytes, c->bad_messages,
		(uintptr_t)arena_base(np->arena), c->flushes, c->refused,
		c->withheld_buffers, c->turns, c->batches,
		c->trims, c->zeroes, c->caches, c->statuses,
		c->zerocopy_sends, c->zerocopy_copied, c->tls, c->ktls,
		c->holds, c->replays, proto_buffers_used(np->arena), c->vouched, c->outdated,
		c->handed_over, c->taken_over, c->handoff_closed, c->handoff_cut,
		c->handoffs_given_up, c->lost);
}
