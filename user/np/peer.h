/* SPDX-License-Identifier: MIT */
/*
 * The channel to an SP: its start, its messages, its end. At the end of a turn of the loop the SP
 * is sent the RETURNs that were held, and all requests of the turn in one message.
 */
#ifndef NP_PEER_H
#define NP_PEER_H

#include <arena/arena.h>
#include <arena/channel.h>
#include <arena/source.h>
#include <proto/inherit.h>
#include <proto/record.h>
#include <proto/returns.h>
#include <stdbool.h>
#include <stdint.h>

#include "admission.h"
#include "handler.h"
#include "request.h"

struct conn;
struct control_message;
struct np;

/**
 * enum peer_state - is an SP there?
 * @PEER_FAILED: there is none, or it was given up: its requests get errors
 * @PEER_OPEN: it has said HELLO, and takes requests
 * @PEER_HELD: it has ended, and its requests wait for its successor, see hold.h
 */
enum peer_state {
	PEER_FAILED,
	PEER_OPEN,
	PEER_HELD,
};

/**
 * struct peer - a storage process
 * @np: the process
 * @id: the number of the SP, which is also that of its export
 * @role: the role of the SP
 * @process: the SP
 * @channel: the channel, which a successor of the SP gets as well; NULL before it is open
 * @source: the channel as a source of the ring
 * @is_watched: @source is one
 * @has_moved: messages were sent or received in this turn
 * @owes_hello: the SP has to be sent the HELLO as soon as the channel has connected
 * @is_greeted: the SP of the present epoch has said HELLO
 * @hello: value of that HELLO
 * @is_succeeded: a successor waits that the channel be opened anew
 * @is_gone: no successor follows, and this process need only take what the SP has sent
 * @is_settled: it is known what an SP of this number may still do with this process's buffers: one
 *	has said HELLO, or none runs, or a predecessor of this process has never lent it any
 * @handler: handles the channel's events
 * @returns: RETURNs that are held
 * @held_since: seconds when the first of @returns was held
 * @state: enum peer_state
 * @held_until: PEER_HELD: seconds after which requests do not wait any more
 * @owes_replayed: the SP has not been told yet that it has all requests of its predecessor
 * @losses: what the SP has said of losses last, see struct proto_disk
 * @n_clients: connections that use the disk
 * @queue: requests that go to the SP at the end of the turn
 * @n_queue: how many requests @queue has
 * @kept: payload that the SP keeps although it has replied, until it returns it; before it is
 *	settled, what it has named
 * @n_kept: used entries of @kept, at most as many as requests may be in flight
 * @n_expected: how many HELD the SP of the present epoch sends before it is settled
 * @n_withheld: payload buffers that the disk may still read, although the requests were answered
 * @n_uses: OPENs and CLOSEs without an answer
 * @use_moved_at: seconds when one of them was answered last, or the first of them was asked
 * @data: admission to the SP's buffers, which READs in flight take
 * @counters: the counters of @channel when it was closed
 */
struct peer {
	struct np *np;
	unsigned int id;
	uint32_t role;
	struct proto_peer process;
	struct arena_channel *channel;
	struct arena_source source;
	bool is_watched;
	bool has_moved;
	bool owes_hello;
	bool is_greeted;
	uint16_t hello;
	bool is_succeeded;
	bool is_gone;
	bool is_settled;
	struct handler handler;
	struct proto_returns returns;
	int64_t held_since;
	enum peer_state state;
	int64_t held_until;
	bool owes_replayed;
	uint32_t losses;
	uint32_t n_clients;
	struct request_queue queue;
	uint32_t n_queue;
	struct arena_ref *kept;
	uint32_t n_kept;
	uint32_t n_expected;
	uint32_t n_withheld;
	uint32_t n_uses;
	int64_t use_moved_at;
	struct admission data;
	struct arena_channel_counters counters;
};

/** peer_init() - describe SP @id, with which the process is not connected */
void peer_init(struct np *np, unsigned int id);

/**
 * peer_told() - arenad has said who a peer is
 * @np: process
 * @m: CONTROL_PEER
 * @pidfd: of the peer; the call takes it over
 *
 * It is called for each SP before peer_open(), and for each successor. The channel to the successor
 * is opened when all has been taken that the dead SP has sent.
 */
void peer_told(struct np *np, const struct control_message *m, int pidfd);

/**
 * peer_gone() - arenad has said that an SP has died, and does nothing any more
 * @np: process
 * @role: role of the SP
 * @epoch: epoch of the channel
 *
 * Requests do not wait for a successor then, and all that was lent to the SP is free. There may be
 * a successor later.
 */
void peer_gone(struct np *np, uint32_t role, uint32_t epoch);

/**
 * peer_open() - open the channel of SP @id, which connects while it is used
 *
 * The HELLO of the SP fills the export. If none comes, begin.h says what becomes of this process.
 *
 * Return: 0 or -errno. Errors have been logged.
 */
int peer_open(struct np *np, unsigned int id);

/** peer_disconnect() - close the channel; allowed in any state */
void peer_disconnect(struct peer *peer);

/**
 * peer_queue() - queue a complete request, which goes to the SP at the end of the turn
 *
 * Return: false if it must not be done, as its client has gone, and newer data was written.
 */
bool peer_queue(struct peer *peer, struct request *r);

/** peer_requeue() - queue a request that was queued before, and keep its time */
void peer_requeue(struct peer *peer, struct request *r);

/** peer_unqueue() - take a request out of the queue, if it is there */
void peer_unqueue(struct peer *peer, struct request *r);

/** peer_return() - return an extent with data of the SP; the message may be held */
void peer_return(struct peer *peer, struct arena_buf buf);

/** peer_abandon() - take back requests of a dead connection that the SP has not got yet */
void peer_abandon(struct conn *c);

/** peer_turn() - send RETURNs that are due, and the queued requests */
void peer_turn(struct peer *peer);

/** peer_tick() - send RETURNs that were held for a second; called once a second */
void peer_tick(struct peer *peer);

/** peer_needs_tick() - is any RETURN held? */
bool peer_needs_tick(const struct peer *peer);

/** peer_counters() - the counters of the channel, also after its end */
struct arena_channel_counters peer_counters(const struct peer *peer);

#endif /* NP_PEER_H */
