// SPDX-License-Identifier: MIT
#include "counters.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "stats.h"

#define NAME_OF(type, counter) \
	[offsetof(struct type, counter) / sizeof(uint64_t)] = #counter

_Static_assert(NP_COUNTERS <= STATS_COUNTERS && SP_COUNTERS <= STATS_COUNTERS,
	       "there is room for all counters");

const char *const np_counter_names[NP_COUNTERS] = {
	NAME_OF(np_counters, connections),
	NAME_OF(np_counters, requests),
	NAME_OF(np_counters, reads),
	NAME_OF(np_counters, writes),
	NAME_OF(np_counters, flushes),
	NAME_OF(np_counters, trims),
	NAME_OF(np_counters, zeroes),
	NAME_OF(np_counters, caches),
	NAME_OF(np_counters, statuses),
	NAME_OF(np_counters, refused),
	NAME_OF(np_counters, bytes_in),
	NAME_OF(np_counters, bytes_out),
	NAME_OF(np_counters, copied_bytes),
	NAME_OF(np_counters, bad_messages),
	NAME_OF(np_counters, withheld_buffers),
	NAME_OF(np_counters, turns),
	NAME_OF(np_counters, batches),
	NAME_OF(np_counters, zerocopy_sends),
	NAME_OF(np_counters, zerocopy_copied),
	NAME_OF(np_counters, tls),
	NAME_OF(np_counters, ktls),
	NAME_OF(np_counters, holds),
	NAME_OF(np_counters, replays),
	NAME_OF(np_counters, vouched),
	NAME_OF(np_counters, outdated),
	NAME_OF(np_counters, handed_over),
	NAME_OF(np_counters, taken_over),
	NAME_OF(np_counters, handoff_closed),
	NAME_OF(np_counters, handoff_cut),
	NAME_OF(np_counters, handoffs_given_up),
	NAME_OF(np_counters, lost),
	NAME_OF(np_counters, clients),
};

const char *const sp_counter_names[SP_COUNTERS] = {
	NAME_OF(sp_counters, requests),
	NAME_OF(sp_counters, reads),
	NAME_OF(sp_counters, writes),
	NAME_OF(sp_counters, flushes),
	NAME_OF(sp_counters, discards),
	NAME_OF(sp_counters, zeroes),
	NAME_OF(sp_counters, caches),
	NAME_OF(sp_counters, statuses),
	NAME_OF(sp_counters, errors),
	NAME_OF(sp_counters, bytes_read),
	NAME_OF(sp_counters, bytes_skipped),
	NAME_OF(sp_counters, bytes_written),
	NAME_OF(sp_counters, copied_bytes),
	NAME_OF(sp_counters, rmw),
	NAME_OF(sp_counters, waits),
	NAME_OF(sp_counters, overlaps),
	NAME_OF(sp_counters, retries),
	NAME_OF(sp_counters, timeouts),
	NAME_OF(sp_counters, bad_messages),
	NAME_OF(sp_counters, batches),
	NAME_OF(sp_counters, operations),
	NAME_OF(sp_counters, limited),
	NAME_OF(sp_counters, replays),
	NAME_OF(sp_counters, results),
	NAME_OF(sp_counters, held),
	NAME_OF(sp_counters, outdated),
};

const char *counters_text(char text[COUNTERS_TEXT_SIZE], const char *const *names,
			  const void *counters, unsigned int n)
{
	const uint64_t *counter = counters;
	size_t length = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < n && length < COUNTERS_TEXT_SIZE; i++)
		length += (size_t)snprintf(text + length, COUNTERS_TEXT_SIZE - length,
					   "%s%s=%" PRIu64, i ? " " : "", names[i], counter[i]);
	return text;
}
