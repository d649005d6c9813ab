/* SPDX-License-Identifier: MIT */
/*
 * Sending replies to a client: one send takes as many replies as there are, with their headers from
 * a network buffer and their data directly from the SP's extents.
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
 * struct batch - replies that go out with one send
 * @link: in the list of batches that are not in use
 * @handler: handles the end of the send
 * @conn: the connection
 * @head: the buffers with the headers
 * @n_head: used bytes of @head
 * @n_extra: how many of its buffers admission has granted
 * @is_queued: the kernel has taken all bytes, and still uses the buffers
 * @bytes: bytes of headers and data
 * @n_vecs: used entries of @vec
 * @vec: the list of what is sent
 * @n: used entries of @request
 * @request: the requests whose replies are sent, the last one perhaps in part
 */
struct batch {
	LIST_ENTRY(batch) link;
	struct handler handler;
	struct conn *conn;
	struct arena_buf head;
	uint32_t n_head;
	uint32_t n_extra;
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
 * @is_busy: the kernel has not taken all bytes of a send yet
 * @moved_at: seconds when a send last began, or made progress
 * @n_batches: batches that the kernel uses
 * @zerocopy: number of bytes from which on a send makes no copy, or ZEROCOPY_NEVER
 */
struct send {
	bool is_busy;
	int64_t moved_at;
	uint32_t n_batches;
	uint32_t zerocopy;
};

/** send_reply() - queue the reply to a request, with the data in the request's @buf, if any */
void send_reply(struct request *r, enum proto_status status);

/** send_turn() - send the replies that are queued */
void send_turn(struct conn *c);

/** send_abandon() - drop the queued replies of a dead connection */
void send_abandon(struct conn *c);

/** send_exit() - free the batches that are not in use */
void send_exit(struct np *np);

#endif /* NP_SEND_H */
