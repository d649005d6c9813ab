/* SPDX-License-Identifier: MIT */
/*
 * The network process: what its parts share. It has one thread and one ring, so nothing here is
 * locked.
 *
 * A request goes through these files:
 *	listen.c	a client connects
 *	handshake.c	drives the protocol of nbd/negotiate.c over its socket
 *	receive.c	receives as plan.c says; nbd/stream.c finds the headers in the bytes, and
 *			nbd/command.c decides what becomes of each request
 *	request.c	gets buffers for the request if it is admitted (admission.c, share.c)
 *	alive.c		asks fence.c whether others have changed the same bytes, and looks at the
 *			client's connection again if so
 *	peer.c		sends messages to the SP and receives those of the SP
 *	reply.c		checks the SP's reply
 *	send.c		sends the reply to the client
 *	conn.c		ends the connection, also while requests are in flight
 *	handoff.c	hands all connections to a successor of the process, successor.c
 */
#ifndef NP_NP_H
#define NP_NP_H

#include <arena/arena.h>
#include <arena/ring.h>
#include <common/clock.h>
#include <exports/copy.h>
#include <listen/socket.h>
#include <proto/layout.h>
#include <stats/counters.h>
#include <stats/stats.h>
#include <stdbool.h>
#include <stdint.h>
#include <tls/credentials.h>
#include <tls/kernel.h>

#include "begin.h"
#include "client.h"
#include "conn.h"
#include "export.h"
#include "fence.h"
#include "handoff.h"
#include "lent.h"
#include "listen.h"
#include "options.h"
#include "peer.h"
#include "reload.h"
#include "request.h"
#include "share.h"
#include "shown.h"
#include "stop.h"
#include "successor.h"

/**
 * struct np - the process
 * @options: the command line
 * @arena: the part of this process in the region
 * @role: the role of this process in the region
 * @ring: the ring, in which every wait of the process happens
 * @ring_entries: how many operations the ring has room for
 * @gathers: how many events a turn waits for
 * @sends: how many sends this turn has started
 * @shakes: how many steps of TLS's handshakes were due in this turn
 * @now: seconds of the monotonic clock, fresh in every turn
 * @turn_ns: np_turn_ns(), 0 before somebody has asked for it in this turn
 * @noted_ns: np_noted_ns(), 0 before somebody has asked for it in this turn. The clock of requests
 *	is not read for statistics, as it must not be read before a request has come
 * @received_ns: time of the last request that was complete
 * @has_others: the region has other network processes
 * @is_ending: the loop ends after this turn
 * @has_given: something became free for which a connection may wait
 * @exports: what clients can name
 * @n_peers: used entries of @peer
 * @peer: the channels to the SPs
 * @lent: which SP has which payload
 * @fence: what connections have changed
 * @requests: requests in flight
 * @share: how requests and buffers are divided among exports and clients
 * @conns: all connections
 * @batches: batches of replies that are not in use
 * @credentials: what TLS shows to new clients; NULL if it is off
 * @kernel_tls: what the kernel can do of TLS
 * @reload: what comes by the control socket
 * @clients: how many connections each client has
 * @sockets: listening sockets
 * @n_listeners: used entries of @listener
 * @listener: those of them that clients are awaited at
 * @look: looking for clients that nobody accepts
 * @begin: when clients are served
 * @stop: signals, the tick of the clock and the end of the process
 * @handoff: how a successor takes the place of this process
 * @successor: what this process has from the one whose place it takes
 * @counters: totals since the start
 * @stats: the same, and times, for arenad
 * @offered: what the options say of the exports now
 * @shown: entries of @stats that are free for connections
 */
struct np {
	const struct options *options;
	struct arena *arena;
	uint32_t role;
	struct arena_ring *ring;
	uint32_t ring_entries;
	uint32_t gathers;
	uint32_t sends;
	uint32_t shakes;
	int64_t now;
	uint64_t turn_ns;
	uint64_t noted_ns;
	uint64_t received_ns;
	bool has_others;
	bool is_ending;
	bool has_given;
	struct export_table exports;
	unsigned int n_peers;
	struct peer peer[PROTO_MAX_SPS];
	struct lent lent;
	struct np_fence fence;
	struct request_table requests;
	struct share share;
	struct conn_table conns;
	struct batch_list batches;
	struct tls_credentials *credentials;
	enum tls_kernel kernel_tls;
	struct reload reload;
	struct client_table clients;
	struct listen_set sockets;
	unsigned int n_listeners;
	struct listener listener[LISTEN_MAX];
	struct listen_look look;
	struct begin begin;
	struct stop stop;
	struct handoff handoff;
	struct successor successor;
	struct np_counters counters;
	struct stats *stats;
	struct export_copy offered;
	struct shown shown;
};

/** np_turn_ns() - CLOCK_BOOTTIME in this turn */
static inline uint64_t np_turn_ns(struct np *np)
{
	if (!np->turn_ns)
		np->turn_ns = clock_boot_ns();
	return np->turn_ns;
}

/** np_noted_ns() - CLOCK_BOOTTIME in this turn, for statistics alone, see @noted_ns */
static inline uint64_t np_noted_ns(struct np *np)
{
	if (!np->noted_ns)
		np->noted_ns = np->turn_ns ? np->turn_ns : clock_boot_ns();
	return np->noted_ns;
}

/** np_has_operation() - can another operation of the ring begin? */
static inline bool np_has_operation(const struct np *np)
{
	return arena_ring_pending(np->ring) < np->ring_entries;
}

#endif /* NP_NP_H */
