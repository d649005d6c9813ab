/* SPDX-License-Identifier: MIT */
/*
 * Connections: their beginning and their end. What happens in between is in
 * handshake.c, request.c and reply.c.
 */
#ifndef NP_CONN_H
#define NP_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "negotiate.h"
#include "slot.h"
#include "transfer.h"

struct np;

/**
 * enum conn_phase - a connection's life, in this order, phases being left out
 * @CONN_HANDSHAKE: negotiating; it has no slot
 * @CONN_SERVING: requests come and go
 * @CONN_FINISHING: no request is begun; when the last slot is free it is dead
 * @CONN_DEAD: it waits for its operations, then its socket is closed; it waits
 *	for the slots that SPs have, then its memory is freed
 */
enum conn_phase {
	CONN_HANDSHAKE,
	CONN_SERVING,
	CONN_FINISHING,
	CONN_DEAD,
};

/**
 * struct conn - a client's connection
 * @link: in the list of the living or of the ending
 * @wait: in the list of those that want a slot for the next header
 * @np: the process
 * @phase: see there
 * @is_open: its descriptor is not yet given back
 * @is_waiting: @wait is in use
 * @file: the socket, closed when no operation on it is under way
 * @since: ring seconds of its accept
 * @rx: receives: one operation at most
 * @tx: sends: one operation at most
 * @control: shutdowns and the close
 * @n_control: how many of these are under way
 * @sp: the SP of its export, once it is serving
 * @n_slots: its slots
 * @bytes: bytes of its requests in flight
 * @rx_slot: the slot that is being filled, or NULL
 * @tx_slot: the slot whose reply is being sent, or NULL
 * @replies: slots whose replies are to be sent, the oldest first
 * @negotiation: while CONN_HANDSHAKE
 * @step: what the negotiation said last
 */
struct conn {
	TAILQ_ENTRY(conn) link;
	TAILQ_ENTRY(conn) wait;
	struct np *np;
	enum conn_phase phase;
	bool is_open;
	bool is_waiting;
	int file;
	int64_t since;
	struct transfer rx;
	struct transfer tx;
	struct ring_op control;
	unsigned int n_control;
	unsigned int sp;
	unsigned int n_slots;
	uint64_t bytes;
	struct slot *rx_slot;
	struct slot *tx_slot;
	struct slot_queue replies;
	struct negotiation *negotiation;
	enum negotiation_step step;
};

TAILQ_HEAD(conn_list, conn);

/**
 * struct conn_table - all connections
 * @max: how many there may be
 * @n: how many there are, the ending ones included
 * @living: CONN_HANDSHAKE and CONN_SERVING
 * @ending: CONN_FINISHING and CONN_DEAD
 * @waiting: those that want a slot, the longest waiting first
 */
struct conn_table {
	unsigned int max;
	unsigned int n;
	struct conn_list living;
	struct conn_list ending;
	struct conn_list waiting;
};

/** conn_table_init() - after the slots, which bound the connections */
void conn_table_init(struct np *np);

/** conn_new() - a client is there, at descriptor @file */
void conn_new(struct np *np, int file);

/** conn_finish() - begin no new request, close when those in flight are done */
void conn_finish(struct conn *c);

/**
 * conn_kill() - end it now
 *
 * What the kernel or an SP has of it comes back later, and only then is used
 * again. The connection itself stays until conn_table_turn() at the earliest.
 */
void conn_kill(struct conn *c);

/** conn_finish_all() - the process ends: let requests in flight finish */
void conn_finish_all(struct np *np);
void conn_kill_all(struct np *np);

/** conn_table_turn() - close and free what has come to its end */
void conn_table_turn(struct np *np);

/** conn_table_tick() - once a second: end what has been silent for too long */
void conn_table_tick(struct np *np);

#endif /* NP_CONN_H */
