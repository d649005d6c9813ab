/* SPDX-License-Identifier: MIT */
/*
 * Connections: their beginning and their end. handshake.h, receive.h and send.h have what happens
 * in between.
 */
#ifndef NP_CONN_H
#define NP_CONN_H

#include <arena/ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "admission.h"
#include "client.h"
#include "handshake.h"
#include "link.h"
#include "receive.h"
#include "request.h"
#include "send.h"

struct np;
struct taken;

/**
 * enum conn_phase - phases of a connection's life, in this order; phases may be left out
 * @CONN_HANDSHAKE: the client negotiates; the connection has no request of the client
 * @CONN_SERVING: requests are received and answered
 * @CONN_FINISHING: no request begins; when the last one has ended, the connection lingers or is
 *	dead
 * @CONN_LINGERING: our side is shut down, and what the client still sends is thrown away until it
 *	ends, too: a socket that is closed with unread bytes takes back replies that were sent
 * @CONN_DEAD: its file is removed; its memory is freed when its operations have ended and the SPs
 *	have answered its requests
 */
enum conn_phase {
	CONN_HANDSHAKE,
	CONN_SERVING,
	CONN_FINISHING,
	CONN_LINGERING,
	CONN_DEAD,
};

/**
 * struct conn - a client's connection
 * @link: in @list
 * @touched: in the list of connections that are processed when the turn ends
 * @waiting: in the list of connections that wait for something to be given back
 * @list: the list of the table that @link is in
 * @np: the process
 * @client: whose connection it is
 * @number: names the connection in the log
 * @phase: phase of its life
 * @is_touched: @touched is in use
 * @is_waiting: @waiting is in use
 * @has_file: @file has not been removed yet
 * @is_aborted: bytes that were not sent were thrown away
 * @is_halted: nothing is received, as a successor of this process is to go on
 * @is_owed: the client had requests in flight when CONN_FINISHING began
 * @socket: the way of its bytes
 * @file: the socket, as a file of the ring
 * @since: seconds when the connection began, or when it began to linger or became dead
 * @rx: the receiving side
 * @tx: the sending side
 * @handshake: the handshake, only in CONN_HANDSHAKE
 * @session: what was agreed on with the client, from CONN_SERVING on
 * @sp: the SP of its export, from CONN_SERVING on, or that has been asked for its disk, see use.h
 * @is_using: the SP counts the connection as one that uses its disk
 * @losses: losses of the disk of which the client has been told, or which were before it came
 * @alive_ns: CLOCK_BOOTTIME when the client had not ended it, as was seen last; see alive.h
 * @seen_ns: the same as far as the fence of this process has to know, see fence.h
 * @n_requests: how many requests it has
 * @bytes: bytes of its requests in flight
 * @has_requests: requests that admission has granted
 * @has_payload: payload buffers that admission has granted
 * @has_data: buffers of the SP that admission has granted
 * @has_net: network buffers that admission has granted
 * @replies: requests whose replies are to be sent, the oldest first
 * @shown: what operators see of it; NULL if there was no room
 */
struct conn {
	TAILQ_ENTRY(conn) link;
	TAILQ_ENTRY(conn) touched;
	TAILQ_ENTRY(conn) waiting;
	struct conn_list *list;
	struct np *np;
	struct client *client;
	uint32_t number;
	enum conn_phase phase;
	bool is_touched;
	bool is_waiting;
	bool has_file;
	bool is_aborted;
	bool is_halted;
	bool is_owed;
	struct link socket;
	struct arena_file file;
	int64_t since;
	struct receive rx;
	struct send tx;
	struct handshake *handshake;
	struct nbd_session session;
	unsigned int sp;
	bool is_using;
	uint32_t losses;
	uint64_t alive_ns;
	uint64_t seen_ns;
	unsigned int n_requests;
	uint64_t bytes;
	struct admission_client has_requests;
	struct admission_client has_payload;
	struct admission_client has_data;
	struct admission_client has_net;
	struct request_queue replies;
	struct stats_client *shown;
};

TAILQ_HEAD(conn_list, conn);

/**
 * struct conn_table - all connections
 * @max: how many there may be
 * @n: how many there are, including those that end
 * @n_waiting: how many connections @waiting has
 * @last: number of the last connection that began
 * @busy: connections in CONN_HANDSHAKE and CONN_SERVING
 * @quiet: connections in CONN_SERVING without requests, which wait for bytes of the client
 * @ending: connections in CONN_FINISHING, CONN_LINGERING and CONN_DEAD
 * @touched: connections that are processed when the turn ends
 * @waiting: connections that wait for something to be given back, the longest waiting first
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

/** conn_table_init() - make an empty table for at most @max connections */
void conn_table_init(struct conn_table *t, unsigned int max);

/** conn_table_has_room() - can another connection begin? */
static inline bool conn_table_has_room(const struct conn_table *t)
{
	return t->n < t->max;
}

/**
 * conn_new() - begin a connection
 * @np: the process
 * @fd: the client's socket, which is taken over, also if it fails
 * @peer: who the client is
 *
 * A client that has as many connections as it may have is refused: the socket is closed.
 */
void conn_new(struct np *np, int fd, const struct conn_peer *peer);

/** conn_serve() - end the handshake, which agreed on @session; requests for an SP follow */
void conn_serve(struct conn *c, unsigned int sp, struct nbd_session session);

/**
 * conn_adopt() - have a connection of a predecessor of this process, halted
 * @np: the process
 * @taken: the connection; its socket and its bytes are taken over, also if it fails
 */
void conn_adopt(struct np *np, struct taken *taken);

/** conn_touch() - process the connection when the turn ends, as something has changed */
void conn_touch(struct conn *c);

/** conn_wait() - let the connection continue when something was given back */
void conn_wait(struct conn *c);

/** conn_is_busy() - note that the connection is not quiet any more */
void conn_is_busy(struct conn *c);

/** conn_finish() - begin no more requests, and close when those in flight are done */
void conn_finish(struct conn *c);

/**
 * conn_linger() - end a connection that has nothing more to send, so that the client gets it all
 *
 * Nothing is sent or received on the connection when it is called. It is killed when the client
 * has ended its side, too, or has sent CONN_LINGER_BYTES, or the time for that is over.
 */
void conn_linger(struct conn *c);

/**
 * conn_kill() - end the connection now; the kernel still sends what it has taken
 *
 * Buffers that the kernel or an SP has come back later, and are not used again before that. The
 * connection itself stays until conn_table_turn() at the earliest.
 */
void conn_kill(struct conn *c);

/**
 * conn_kill_one() - end the connection with this number, as an operator asks for it
 *
 * Nothing happens if there is none.
 */
void conn_kill_one(struct np *np, uint32_t number);

/** conn_kill_export() - end all connections that use an export, or are about to */
void conn_kill_export(struct np *np, unsigned int sp);

/** conn_abort() - reset a dead connection, so that the kernel has none of its bytes any more */
void conn_abort(struct conn *c);

/** conn_admit_all() - have new rules count for clients that have not chosen an export yet */
void conn_admit_all(struct np *np);

/** conn_resume_all() - go on with connections that are halted */
void conn_resume_all(struct np *np);

/** conn_finish_all() - finish all connections, as the process ends */
void conn_finish_all(struct np *np);

/** conn_kill_all() - kill all connections, as the process ends */
void conn_kill_all(struct np *np);

/** conn_table_resume() - continue connections that wait, as something was given back */
void conn_table_resume(struct np *np);

/** conn_table_turn() - send, receive, and free connections that have ended */
void conn_table_turn(struct np *np);

/** conn_table_tick() - kill connections whose time is over; called once a second */
void conn_table_tick(struct np *np);

/** conn_table_needs_tick() - does any connection have a time limit? */
bool conn_table_needs_tick(const struct np *np);

#endif /* NP_CONN_H */
