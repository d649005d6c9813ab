/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight: what a client asked, from the end of its header to the end of its
 * reply, and the buffers that this takes.
 */
#ifndef NP_REQUEST_H
#define NP_REQUEST_H

#include <arena/arena.h>
#include <proto/layout.h>
#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "nbd/command.h"

struct conn;
struct np;
struct peer;

/**
 * enum request_state - who has a request and its buffers
 * @REQUEST_FREE: nobody
 * @REQUEST_WAITING: the NP: buffers for its data or payload are to be had first
 * @REQUEST_DISCARD: the client: the payload of a WRITE that was refused is to come
 * @REQUEST_PAYLOAD: the client and the kernel: the payload is received into @buf
 * @REQUEST_QUEUED: the NP: its record goes to the SP at the end of the turn
 * @REQUEST_AT_SP: the SP, until its reply with this tag, or its end
 * @REQUEST_REPLYING: the NP, and from the start of sending the kernel
 *
 * In this order, states being left out.
 */
enum request_state {
	REQUEST_FREE,
	REQUEST_WAITING,
	REQUEST_DISCARD,
	REQUEST_PAYLOAD,
	REQUEST_QUEUED,
	REQUEST_AT_SP,
	REQUEST_REPLYING,
};

/**
 * struct request - a request in flight
 * @link: in the free list, the queue of an SP or the replies of a connection
 * @conn: its connection, which lives until it has no request any more
 * @state: see there
 * @generation: changes with each use and is never 0; an SP's words about an older one are
 *	void
 * @command: what was asked
 * @status: what the reply says
 * @taken: buffers that its connection was admitted for: of the payload of a WRITE, or of the
 *	SP for the data of a READ
 * @buf: the extent. PAYLOAD to AT_SP: the payload; REPLYING: the SP's data, which is
 *	borrowed. Its count is 0 for none
 * @ref: AT_SP: by which the SP knows the payload
 * @sent: bytes of the data that were given to the kernel
 * @holds: batches of replies that it is part of
 * @has_header: the header of the reply was given to the kernel
 * @is_sent: everything of it was
 */
struct request {
	TAILQ_ENTRY(request) link;
	struct conn *conn;
	enum request_state state;
	uint32_t generation;
	struct command command;
	enum proto_status status;
	uint32_t taken;
	struct arena_buf buf;
	struct arena_ref ref;
	uint32_t sent;
	uint32_t holds;
	bool has_header;
	bool is_sent;
};

TAILQ_HEAD(request_queue, request);

/**
 * struct request_table - all requests
 * @n: entries of @request
 * @request: the entries
 * @free: those that nobody has
 */
struct request_table {
	uint32_t n;
	struct request *request;
	struct request_queue free;
};

/** request_table_init() - room for @n; 0 or -ENOMEM */
int request_table_init(struct request_table *t, uint32_t n);
void request_table_exit(struct request_table *t);

/** request_within() - bytes of the first buffer that come before the data */
static inline uint32_t request_within(const struct request *r)
{
	return (uint32_t)(r->command.offset % PROTO_DISK_BUFFER);
}

/** request_buffers() - buffers that its data takes */
static inline uint32_t request_buffers(const struct request *r)
{
	return (request_within(r) + r->command.length + PROTO_DISK_BUFFER - 1) /
	       PROTO_DISK_BUFFER;
}

/**
 * request_new() - a request in REQUEST_WAITING
 * @c: its connection, which is serving
 *
 * Return: NULL if the connection has as many as it may have now: ask again after a
 * request_put().
 */
struct request *request_new(struct conn *c);

/**
 * request_admit() - have the buffers that it needs
 * @r: in REQUEST_WAITING
 *
 * A WRITE has its extent afterwards; for a READ only the SP's buffers are counted.
 *
 * Return: 0; -EAGAIN if it has to wait; -ENOMEM if waiting would be in vain.
 */
int request_admit(struct request *r);

/** request_drop_payload() - a WRITE goes to no SP any more: its extent, if any, is free */
void request_drop_payload(struct request *r);

/** request_put() - it is over; what it borrowed was returned, what it lent was regained */
void request_put(struct request *r);

/** request_tag() - by which the SP's reply names the request; of this use only */
uint64_t request_tag(const struct request_table *t, const struct request *r);

/** request_of_tag() - the request that has this tag now, or NULL */
struct request *request_of_tag(const struct request_table *t, uint64_t tag);

#endif /* NP_REQUEST_H */
