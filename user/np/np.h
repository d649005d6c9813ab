/* SPDX-License-Identifier: MIT */
/*
 * The network process: what its parts share. One thread, one ring; nothing here is locked.
 *
 * A request's way through the files:
 *	listen.c	a client connects
 *	handshake.c	drives the protocol of nbd/negotiate.c over its socket
 *	receive.c	receives as plan.c says; nbd/stream.c finds the headers in it, and
 *			nbd/command.c decides
 *	request.c	has it admitted (admission.c, share.c)
 *	peer.c		the messages to the SP, and those of the SP
 *	reply.c		checks the SP's answer
 *	send.c		sends it to the client
 *	conn.c		a connection's end, whatever is under way then
 */
#ifndef NP_NP_H
#define NP_NP_H

#include <arena/arena.h>
#include <arena/ring.h>
#include <proto/layout.h>
#include <stdbool.h>
#include <stdint.h>

#include "conn.h"
#include "counters.h"
#include "export.h"
#include "listen.h"
#include "options.h"
#include "peer.h"
#include "request.h"
#include "share.h"
#include "stop.h"

/**
 * struct np - the process
 * @options: the command line
 * @arena: its part in the region
 * @role: its role there
 * @ring: the ring: every wait of the process happens in it
 * @ring_entries: operations that it has room for
 * @gathers: for how many events a turn waits
 * @sends: sends that this turn has started
 * @now: seconds of the monotonic clock, fresh in every turn
 * @is_ending: the loop ends after this turn
 * @has_given: something came free for which somebody may wait
 * @exports: what clients can name
 * @n_peers: used entries of @peer
 * @peer: the channels to the SPs
 * @requests: requests in flight
 * @share: who may have how much
 * @conns: connections
 * @batches: batches of replies that are not used
 * @n_listeners: used entries of @listener
 * @listener: listening sockets
 * @stop: signals, the clock's tick, the end
 * @counters: what happened
 */
struct np {
	const struct options *options;
	struct arena *arena;
	uint32_t role;
	struct arena_ring *ring;
	uint32_t ring_entries;
	uint32_t gathers;
	uint32_t sends;
	int64_t now;
	bool is_ending;
	bool has_given;
	struct export_table exports;
	unsigned int n_peers;
	struct peer peer[PROTO_MAX_SPS];
	struct request_table requests;
	struct share share;
	struct conn_table conns;
	struct batch_list batches;
	unsigned int n_listeners;
	struct listener listener[NP_LISTENERS_MAX];
	struct stop stop;
	struct counters counters;
};

/** np_has_operation() - can another operation of the ring begin? */
static inline bool np_has_operation(const struct np *np)
{
	return arena_ring_pending(np->ring) < np->ring_entries;
}

#endif /* NP_NP_H */
