// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/usage.h>

#include <arena/extent.h>
#include <arena/layout.h>

uint64_t proto_buffers_used(const struct arena *a)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < ARENA_MAX_GROUPS; i++) {
		struct arena_usage u = { .size = sizeof(u) };

		if (!arena_usage(a, i, &u))
			used += (uint64_t)u.owned + u.in_io + u.lent + u.lost;
	}
	return used;
}

const char *const proto_use_names[PROTO_USES] = {
	[PROTO_USE_NET] = "net",
	[PROTO_USE_PAYLOAD] = "payload",
	[PROTO_USE_DISK] = "disk",
	[PROTO_USE_RECORD] = "record",
	[PROTO_USE_FLIGHT] = "flight",
	[PROTO_USE_LENT] = "lent",
};
