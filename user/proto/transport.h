/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How NP and SP talk to each other, as operators choose it: what carries the messages, and how
 * a process waits for them. The words are the same on the command lines of arenad, arena-np and
 * arena-sp.
 *
 * This header must not know what the processes say to each other.
 */
#ifndef PROTO_TRANSPORT_H
#define PROTO_TRANSPORT_H

#include <arena/channel.h>

/**
 * enum proto_transport - what carries the messages of a channel
 * @PROTO_TRANSPORT_HYBRID: shared memory, and an io_uring message to a side that sleeps
 * @PROTO_TRANSPORT_MSG_RING: an io_uring message each time
 */
enum proto_transport {
	PROTO_TRANSPORT_HYBRID,
	PROTO_TRANSPORT_MSG_RING,
};

/* The words for enum proto_transport and for enum arena_wait; NULL at the end. */
extern const char *const proto_transport_words[];
extern const char *const proto_wait_words[];

/** proto_channel_transport() - the transport of libarena that @transport means */
enum arena_channel_transport proto_channel_transport(enum proto_transport transport);

#endif /* PROTO_TRANSPORT_H */
