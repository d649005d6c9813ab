// SPDX-License-Identifier: MIT
#include "counters.h"

#include <common/log.h>
#include <inttypes.h>

#include "sp.h"

void sp_counters_log(const struct sp *sp)
{
	struct arena_channel_counters channel = { .size = sizeof(channel) };
	const struct sp_counters *c = &sp->counters;

	arena_channel_counters(sp->channel, &channel);
	log_info("counters id=%" PRIu32 " region=%s region_addr=0x%" PRIxPTR
		 " fixed_buffers=%d requests=%" PRIu64 " reads=%" PRIu64 " writes=%" PRIu64
		 " flushes=%" PRIu64 " errors=%" PRIu64 " handoffs_sent=%" PRIu64
		 " handoffs_received=%" PRIu64 " bytes_read=%" PRIu64 " bytes_written=%" PRIu64
		 " copied_bytes=%" PRIu64 " rmw=%" PRIu64 " waits=%" PRIu64 " retries=%" PRIu64
		 " bad_messages=%" PRIu64,
		 sp->options.id, sp->options.region, (uintptr_t)sp->base, sp->n_fixed > 0,
		 c->requests, c->reads, c->writes, c->flushes, c->errors,
		 channel.sent, channel.received,
		 c->bytes_read, c->bytes_written, c->copied_bytes, c->rmw, c->waits,
		 c->retries, c->bad_messages);
}
