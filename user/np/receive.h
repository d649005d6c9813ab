/* SPDX-License-Identifier: MIT */
/*
 * Receiving from a client: the ring receives bytes as plan.h says, and the functions below divide
 * them into the handshake, requests and payloads.
 *
 * A connection on which no byte comes for a while has no receive under way, only a poll, and holds
 * no buffer.
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
 * @RECEIVE_DATA: bytes are received into buffers
 * @RECEIVE_SKIP: a part of a payload is thrown away
 * @RECEIVE_POLL: the connection is quiet
 * @RECEIVE_DRAIN: the connection lingers: everything is thrown away
 */
enum receive_kind {
	RECEIVE_NOTHING,
	RECEIVE_DATA,
	RECEIVE_SKIP,
	RECEIVE_POLL,
	RECEIVE_DRAIN,
};

/**
 * struct pieces - a READ or WRITE that is served in pieces, while the connection begins no other
 * @is_active: there is one
 * @n: pieces of a WRITE that have begun and not ended
 * @status: the first error of a piece
 *
 * The pieces of a READ are one request after the other, in the same struct request; those of a
 * WRITE are several requests, the last of which has the reply.
 */
struct pieces {
	bool is_active;
	uint32_t n;
	enum proto_status status;
};

/**
 * struct receive - the receiving side of a connection
 * @handler: handles the end of the operation that is under way
 * @kind: the kind of this operation
 * @is_canceling: it was cancelled and has not ended yet
 * @is_over: the client has ended its side
 * @is_quiet: no byte came for a while: poll rather than receive
 * @has_command: the header of a request is complete, and the request has not begun yet
 * @moved_at: seconds when bytes came last, or when waiting for them began
 * @part_at: seconds when the part of a payload that is under way began
 * @part_bytes: bytes of this part that have come
 * @skipping: RECEIVE_SKIP: how many bytes are thrown away
 * @stream: the position in the client's stream
 * @command: the request that begins next, if @has_command
 * @command_ns: when it was there
 * @fate: what becomes of @command
 * @guess: what the next requests may look like
 * @plan: where the received bytes lie
 * @left: received bytes that were not parsed yet
 * @at: piece of the plan in which these begin
 * @done: bytes of that piece that were parsed
 * @begun: requests that began in this receive
 * @area: buffers into which headers are received; its count is 0 for none
 * @spill: private copy of the bytes that are left, used in place of the plan; or NULL
 * @n_spares: entries of @spare, some of which may be used up
 * @spare_buffers: buffers of each of these extents
 * @spare: extents for payloads that may come
 * @pieces: the long request that is under way
 * @request: the request whose payload comes next, or that waits for buffers; or NULL
 */
struct receive {
	struct handler handler;
	enum receive_kind kind;
	bool is_canceling;
	bool is_over;
	bool is_quiet;
	bool has_command;
	int64_t moved_at;
	int64_t part_at;
	uint32_t part_bytes;
	uint32_t skipping;
	struct nbd_stream stream;
	struct command command;
	uint64_t command_ns;
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
	struct pieces pieces;
	struct request *request;
};

void receive_init(struct conn *c);

/** receive_parse() - parse the received bytes, until all are used up or a request must wait */
void receive_parse(struct conn *c);

/** receive_turn() - receive more, if all received bytes were parsed */
void receive_turn(struct conn *c);

/** receive_stop() - begin no more requests, but finish a payload that is under way */
void receive_stop(struct conn *c);

/** receive_is_halted() - is the connection halted, and at a boundary where it can stay so? */
bool receive_is_halted(const struct conn *c);

/**
 * receive_halt() - receive nothing more for a connection that is halted
 *
 * What cannot be passed on to a successor is finished before: a payload that is thrown away, and a
 * request in pieces. Anything else is left as it is, and goes on by receive_parse().
 */
void receive_halt(struct conn *c);

/**
 * receive_unserved() - copy what the client has sent, and what was not served
 * @c: halted connection, on which nothing is received
 * @n: filled with the number of bytes: of the request that is not complete, from its header on, and
 *	of all that came behind it
 *
 * Return: the bytes, to be freed, also if there are none; NULL without memory.
 */
uint8_t *receive_unserved(const struct conn *c, uint32_t *n);

/** receive_adopt() - begin with bytes that came by a predecessor; takes @bytes over */
void receive_adopt(struct conn *c, uint8_t *bytes, uint32_t n);

/** receive_quieten() - give the buffers back, as no byte has come for a while */
void receive_quieten(struct conn *c);

/** receive_abandon() - give back all buffers of a dead connection that the kernel does not use */
void receive_abandon(struct conn *c);

/**
 * receive_piece_ended() - note that a piece of a WRITE has ended, with @r->status
 *
 * Return: true if it was the last one: @r has the status of the whole WRITE, and is replied to.
 */
bool receive_piece_ended(struct request *r);

/** receive_piece_sent() - continue the READ of which a piece was sent; false if there is no rest */
bool receive_piece_sent(struct request *r);

/** receive_waits_for_payload() - does the client still have to send bytes of a payload? */
bool receive_waits_for_payload(const struct conn *c);

#endif /* NP_RECEIVE_H */
