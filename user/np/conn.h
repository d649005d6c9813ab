/* SPDX-License-Identifier: MIT */
/*
 * Connections: their beginning and their end. What happens in between is in handshake.h,
 * receive.h and send.h.
 */
#ifndef NP_CONN_H
#define NP_CONN_H

#include <arena/ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "admission.h"
#include "handshake.h"
#include "receive.h"
#include "request.h"
#include "send.h"

struct np;

/**
 * enum conn_phase - a connection's life, in this order, phases being left out
 * @CONN_HANDSHAKE: negotiating; it has no request
 * @CONN_SERVING: requests come and go
 * @CONN_FINISHING: no request is begun; when the last one is over it is dead
 * @CONN_DEAD: its file is removed; its memory is freed when its operations have ended and
 *	the SPs have given back its requests
 */
enum conn_phase {
	CONN_HANDSHAKE,
	CONN_SERVING,
	CONN_FINISHING,
	CONN_DEAD,
};

/**
 * struct conn - a client's connection
 * @link: in @list
 * @touched: in the list of those that are looked after when the turn ends
 * @waiting: in the list of those that wait for something to be given back
 * @list: one of the lists of the table
 * @np: the process
 * @number: for the log
 * @phase: see there
 * @is_touched: @touched is in use
 * @is_waiting: @waiting is in use
 * @has_file: the file was not removed yet
 * @is_aborted: what was not sent was thrown away
 * @file: the socket
 * @since: seconds when it began, or when it was dead
 * @rx: receives
 * @tx: sends
 * @handshake: while CONN_HANDSHAKE
 * @sp: the SP of its export, once it is serving
 * @n_requests: its requests
 * @bytes: bytes of its requests in flight
 * @has_requests: what admission has granted of these
 * @has_payload: of payload buffers
 * @has_data: of the SP's buffers
 * @has_net: of network buffers
 * @replies: requests whose replies are to be sent, the oldest first
 */
struct conn {
	TAILQ_ENTRY(conn) link;
	TAILQ_ENTRY(conn) touched;
	TAILQ_ENTRY(conn) waiting;
	struct conn_list *list;
	struct np *np;
	uint32_t number;
	enum conn_phase phase;
	bool is_touched;
	bool is_waiting;
	bool has_file;
	bool is_aborted;
	struct arena_file file;
	int64_t since;
	struct receive rx;
	struct send tx;
	struct handshake *handshake;
	unsigned int sp;
	unsigned int n_requests;
	uint64_t bytes;
	struct admission_client has_requests;
	struct admission_client has_payload;
	struct admission_client has_data;
	struct admission_client has_net;
	struct request_queue replies;
};

TAILQ_HEAD(conn_list, conn);

/**
 * struct conn_table - all connections
 * @max: how many there may be
 * @n: how many there are, the ending ones included
 * @n_waiting: of @waiting
 * @last: number of the last one
 * @busy: CONN_HANDSHAKE and CONN_SERVING
 * @quiet: CONN_SERVING, with nothing in flight; they wait for the client to say something
 * @ending: CONN_FINISHING and CONN_DEAD
 * @touched: those that are looked after when the turn ends
 * @waiting: those that wait for something to be given back, the longest waiting first
 */
struct conn_table {
	unsigned int max;
	unsigned int n;
	unsigned int n_waiting;
	uint32_t last;
	struct conn_list busy;
	struct conn_list quiet;
	struct conn_list ending;
	struct conn_list touched;
	struct conn_list waiting;
};

/** conn_table_init() - at most @max connections */
void conn_table_init(struct conn_table *t, unsigned int max);

/** conn_new() - a client is there: @fd is its socket, and is closed in any case */
void conn_new(struct np *np, int fd, const char *address);

/** conn_serve() - the handshake is over: requests for an SP follow */
void conn_serve(struct conn *c, unsigned int sp);

/** conn_touch() - something has changed: look after it when the turn ends */
void conn_touch(struct conn *c);

/** conn_wait() - continue when something was given back */
void conn_wait(struct conn *c);

/** conn_is_busy() - it is not quiet any more */
void conn_is_busy(struct conn *c);

/** conn_finish() - begin no new request, close when those in flight are done */
void conn_finish(struct conn *c);

/**
 * conn_kill() - end it now; what was sent still goes out
 *
 * What the kernel or an SP has of it comes back later, and only then is used again. The
 * connection itself stays until conn_table_turn() at the earliest.
 */
void conn_kill(struct conn *c);

/** conn_finish_all() - the process ends: let requests in flight finish */
void conn_finish_all(struct np *np);

/** conn_kill_all() - the process ends: drop everything */
void conn_kill_all(struct np *np);

/** conn_table_resume() - something was given back: ask for those who wait */
void conn_table_resume(struct np *np);

/** conn_table_turn() - send, receive, and free what has come to its end */
void conn_table_turn(struct np *np);

/** conn_table_tick() - once a second: end what has been silent for too long */
void conn_table_tick(struct np *np);

/** conn_table_needs_tick() - is there anything that time matters to? */
bool conn_table_needs_tick(const struct np *np);

#endif /* NP_CONN_H */
