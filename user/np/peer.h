/* SPDX-License-Identifier: MIT */
/*
 * The channel to an SP: its start, its messages, its end. What a turn of the loop has for an
 * SP goes out at the end of the turn: the RETURNs that were held, and all requests in one
 * message.
 */
#ifndef NP_PEER_H
#define NP_PEER_H

#include <arena/arena.h>
#include <arena/channel.h>
#include <proto/record.h>
#include <proto/returns.h>
#include <stdbool.h>
#include <stdint.h>

#include "admission.h"
#include "handler.h"
#include "request.h"

struct conn;
struct np;

/**
 * struct peer - a storage process
 * @np: the process
 * @id: its number, also that of its export
 * @role: its role
 * @channel: the channel, NULL before it is open and after its end
 * @handler: of the channel's events
 * @returns: RETURNs that are held
 * @held_since: seconds when the first of them was held
 * @has_failed: it is dead, or was given up: it is told and asked nothing more
 * @queue: requests that go to it at the end of the turn
 * @n_queue: how many
 * @data: its buffers, as READs in flight take them
 * @counters: of @channel when it closed
 */
struct peer {
	struct np *np;
	unsigned int id;
	uint32_t role;
	struct arena_channel *channel;
	struct handler handler;
	struct proto_returns returns;
	int64_t held_since;
	bool has_failed;
	struct request_queue queue;
	uint32_t n_queue;
	struct admission data;
	struct arena_channel_counters counters;
};

/**
 * peer_connect() - open the channel of SP @id and exchange HELLOs
 *
 * Blocks; fills the export, and puts the channel into the ring.
 *
 * Return: 0, -ETIMEDOUT, -EPROTO if its HELLO makes no sense or offers no version that this
 * program speaks, -ESRCH if the SP ended, or another -errno. What is wrong has been logged.
 */
int peer_connect(struct np *np, unsigned int id);

/** peer_disconnect() - the reverse; allowed at any state */
void peer_disconnect(struct peer *peer);

/** peer_queue() - a request is complete: it goes to the SP at the end of the turn */
void peer_queue(struct peer *peer, struct request *r);

/** peer_return() - return data of the SP's that was borrowed; it goes out some time */
void peer_return(struct peer *peer, struct arena_buf buf);

/** peer_abandon() - a connection is dead: take back what the SP has not got yet */
void peer_abandon(struct conn *c);

/** peer_turn() - send what the SP is to have */
void peer_turn(struct peer *peer);

/** peer_tick() - once a second: return what was held for long */
void peer_tick(struct peer *peer);

/** peer_needs_tick() - is anything held? */
bool peer_needs_tick(const struct peer *peer);

/** peer_counters() - of its channel, also after its end */
struct arena_channel_counters peer_counters(const struct peer *peer);

#endif /* NP_PEER_H */
