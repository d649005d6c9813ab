// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/transport.h>

#include <stddef.h>

const char *const proto_transport_words[] = {
	[PROTO_TRANSPORT_HYBRID] = "hybrid",
	[PROTO_TRANSPORT_MSG_RING] = "msg-ring",
	NULL,
};

const char *const proto_wait_words[] = {
	[ARENA_WAIT_SLEEP] = "sleep",
	[ARENA_WAIT_POLL] = "poll",
	[ARENA_WAIT_ADAPT] = "adapt",
	NULL,
};

enum arena_channel_transport proto_channel_transport(enum proto_transport transport)
{
	return transport == PROTO_TRANSPORT_MSG_RING ? ARENA_CHANNEL_MSG_RING :
						       ARENA_CHANNEL_HYBRID;
}
