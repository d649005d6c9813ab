/* SPDX-License-Identifier: MIT */
/*
 * Replies on their way to a client: as many as are there go with one send, their headers from
 * a network buffer and their data straight from the SP's extents.
 */
#ifndef NP_SEND_H
#define NP_SEND_H

#include <arena/arena.h>
#include <arena/ring.h>
#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "handler.h"
#include "limits.h"

struct conn;
struct np;
struct request;

/**
 * struct batch - replies that are sent with one send
 * @link: in the list of those that are not used
 * @handler: of the send
 * @conn: the connection
 * @head: the headers
 * @n_headers: how many
 * @is_extra: its network buffer was asked for of admission
 * @is_queued: the kernel has taken all of it, and uses the buffers still
 * @bytes: headers and data
 * @n_vecs: used entries of @vec
 * @vec: what is sent
 * @n: used entries of @request
 * @request: the requests that are replied to, the last one perhaps in part
 */
struct batch {
	LIST_ENTRY(batch) link;
	struct handler handler;
	struct conn *conn;
	struct arena_buf head;
	uint32_t n_headers;
	bool is_extra;
	bool is_queued;
	uint32_t bytes;
	uint32_t n_vecs;
	struct arena_vec vec[ARENA_RING_MAX_VECS];
	uint32_t n;
	struct request *request[CONN_REPLIES_A_SEND];
};

LIST_HEAD(batch_list, batch);

/**
 * struct send - the sending side of a connection
 * @is_busy: a send is under way that the kernel has not taken all of
 * @moved_at: seconds when that began
 * @n_batches: batches that the kernel uses
 */
struct send {
	bool is_busy;
	int64_t moved_at;
	uint32_t n_batches;
};

/** send_reply() - a request is over: queue the reply; its @buf is the data, if any */
void send_reply(struct request *r, enum proto_status status);

/** send_turn() - send what is queued */
void send_turn(struct conn *c);

/** send_abandon() - the connection is dead: drop what is queued */
void send_abandon(struct conn *c);

/** send_exit() - free the batches that are kept for use */
void send_exit(struct np *np);

#endif /* NP_SEND_H */
