// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/flight.h>

#include <arena/snapshot.h>

bool proto_flights_find(const struct proto_flights *t, uint64_t tag, enum proto_status *status)
{
	uint32_t slot = proto_slot(tag);
	struct proto_flight copy;

	if (!tag || slot >= t->n)
		return false;
	arena_snapshot(&copy, &t->entry[slot], sizeof(copy));
	if (copy.tag != tag || copy.reserved || !proto_is_status(copy.status))
		return false;
	/* It is said of what was not done. */
	if (copy.status == PROTO_ESHUTDOWN)
		return false;
	*status = copy.status;
	return true;
}
