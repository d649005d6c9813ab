/* SPDX-License-Identifier: MIT */
/*
 * What comes from a client: the ring receives it as plan.h says, and here it is taken apart,
 * into the handshake or into requests.
 *
 * A connection on which nothing comes for a while has no receive under way, only a poll, and
 * holds no buffer.
 */
#ifndef NP_RECEIVE_H
#define NP_RECEIVE_H

#include <arena/ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "handler.h"
#include "nbd/command.h"
#include "nbd/stream.h"
#include "plan.h"

struct conn;
struct np;
struct request;

/**
 * enum receive_kind - what is under way
 * @RECEIVE_NOTHING: nothing
 * @RECEIVE_DATA: what has come is received into buffers
 * @RECEIVE_SKIP: a part of a payload is thrown away
 * @RECEIVE_POLL: the connection is quiet
 */
enum receive_kind {
	RECEIVE_NOTHING,
	RECEIVE_DATA,
	RECEIVE_SKIP,
	RECEIVE_POLL,
};

/**
 * struct receive - the receiving side of a connection
 * @handler: of what is under way
 * @op: what is under way
 * @kind: see there
 * @is_canceling: it was asked to end
 * @is_quiet: nothing came for a while: poll rather than receive
 * @has_command: the header of a request is complete, and the request was not begun yet
 * @moved_at: seconds when bytes came last, or when the first ones could
 * @skipping: RECEIVE_SKIP: how many bytes
 * @stream: where in the client's stream we are
 * @command: the request that is to be begun
 * @fate: what is to become of it
 * @guess: what the next requests may look like
 * @plan: where what came lies
 * @left: bytes of it that were not looked at
 * @at: piece of the plan in which these begin
 * @done: bytes of that piece that were looked at
 * @begun: requests that began in this receive
 * @area: where headers are received, or nothing
 * @spill: private copy of what is left, in place of all of the plan; or NULL
 * @n_spares: entries of @spare, of which some may be used up
 * @spare_buffers: buffers of each of these extents
 * @spare: extents for payloads that may come
 * @request: whose payload is to come, or which has to wait for buffers; or NULL
 */
struct receive {
	struct handler handler;
	struct arena_op op;
	enum receive_kind kind;
	bool is_canceling;
	bool is_quiet;
	bool has_command;
	int64_t moved_at;
	uint32_t skipping;
	struct nbd_stream stream;
	struct command command;
	enum command_fate fate;
	struct plan_guess guess;
	struct plan plan;
	uint32_t left;
	uint32_t at;
	uint32_t done;
	uint32_t begun;
	struct arena_buf area;
	uint8_t *spill;
	uint32_t n_spares;
	uint32_t spare_buffers;
	struct arena_buf spare[PLAN_PAIRS_MAX];
	struct request *request;
};

void receive_init(struct conn *c);

/** receive_parse() - take apart what has come, until that is all or has to wait */
void receive_parse(struct conn *c);

/** receive_turn() - receive more, if everything that has come was taken apart */
void receive_turn(struct conn *c);

/** receive_stop() - no request is begun any more, but a payload that is on its way may come */
void receive_stop(struct conn *c);

/** receive_quieten() - nothing has come for a while: give the buffers back */
void receive_quieten(struct conn *c);

/** receive_abandon() - the connection is dead: give back all that the kernel does not use */
void receive_abandon(struct conn *c);

/** receive_waits_for_payload() - the client owes us bytes of a payload */
bool receive_waits_for_payload(const struct conn *c);

#endif /* NP_RECEIVE_H */
