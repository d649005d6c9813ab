/* SPDX-License-Identifier: MIT */
/*
 * Requests in flight: a request is in flight from the end of its header to the end of its reply,
 * and has the buffers that it needs.
 */
#ifndef NP_REQUEST_H
#define NP_REQUEST_H

#include <arena/arena.h>
#include <proto/layout.h>
#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "nbd/answer.h"
#include "nbd/command.h"

struct conn;
struct np;
struct peer;

/**
 * enum request_state - who has a request and its buffers
 * @REQUEST_FREE: the request is not used
 * @REQUEST_WAITING: the NP has it, and waits for buffers for its data or payload
 * @REQUEST_DISCARD: the client has it, and still sends the payload of a WRITE that was refused
 * @REQUEST_PAYLOAD: the client and the kernel have it: the payload is received into @buf
 * @REQUEST_QUEUED: the NP has it, and sends its record to the SP at the end of the turn
 * @REQUEST_AT_SP: the SP has it, until it replies with this tag, or ends
 * @REQUEST_REPLYING: the NP has it, and while its reply is sent the kernel
 *
 * A request goes through the states in this order, and may leave out states.
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
 * @state: which process has it
 * @use: number of the use of its slot; replies of an SP to an older use are dropped
 * @received_ns: when it was complete, CLOCK_BOOTTIME; no two requests have the same
 * @begun_ns: when its header, or the one before it in a request in pieces, was there; this time and
 *	the next two are those of np_noted_ns()
 * @handed_ns: when the SP was given it, the last time
 * @answered_ns: when the SP's reply was there; 0 if there is none
 * @spent_us: how long the SP had it, as the SP says
 * @alive_ns: then the client had not ended the connection, or the request had not come, see alive.h
 * @n_vouched: how often the process has looked since
 * @command: what the client asked for
 * @status: status of the reply
 * @taken: buffers that its connection was admitted for: of the payload of a WRITE, of the SP for
 *	the data of a READ, or one of each for a BLOCK_STATUS
 * @buf: the extent. PAYLOAD to AT_SP: the payload of a WRITE; REPLYING: the SP's data, which is
 *	borrowed; BLOCK_STATUS: a payload buffer for the reply. Its count is 0 for none
 * @ref: AT_SP: names the payload to the SP
 * @answer: REPLYING: what the reply has besides its status
 * @from: REPLYING: where in the extent the data begins
 * @sent: bytes of the data that were given to the kernel
 * @holds: batches of replies that the request is part of
 * @has_header: the header of the reply was given to the kernel
 * @is_sent: the whole reply was given to the kernel
 * @is_piece: it is a piece of a request that is served in pieces
 */
struct request {
	TAILQ_ENTRY(request) link;
	struct conn *conn;
	enum request_state state;
	uint64_t use;
	uint64_t received_ns;
	uint64_t begun_ns;
	uint64_t handed_ns;
	uint64_t answered_ns;
	uint32_t spent_us;
	uint64_t alive_ns;
	uint32_t n_vouched;
	struct command command;
	enum proto_status status;
	uint32_t taken;
	struct arena_buf buf;
	struct arena_ref ref;
	struct answer answer;
	uint32_t from;
	uint32_t sent;
	uint32_t holds;
	bool has_header;
	bool is_sent;
	bool is_piece;
};

TAILQ_HEAD(request_queue, request);

/**
 * struct request_table - all requests
 * @n: entries of @request
 * @request: the entries
 * @free: requests in REQUEST_FREE
 */
struct request_table {
	uint32_t n;
	struct request *request;
	struct request_queue free;
};

/** request_table_init() - make a table of @n free requests; 0 or -ENOMEM */
int request_table_init(struct request_table *t, uint32_t n);
void request_table_exit(struct request_table *t);

/** request_within() - bytes of the first buffer that lie before the data */
static inline uint32_t request_within(const struct request *r)
{
	return (uint32_t)(r->command.offset % PROTO_DISK_BUFFER);
}

/** request_buffers() - buffers that the data of a READ or WRITE takes */
static inline uint32_t request_buffers(const struct request *r)
{
	return (request_within(r) + (uint32_t)r->command.length + PROTO_DISK_BUFFER - 1) /
	       PROTO_DISK_BUFFER;
}

/**
 * request_new() - take a free request, which is in REQUEST_WAITING then
 * @c: its connection, which is serving
 *
 * Return: NULL if the connection has as many requests as it may have now: ask again after a
 * request_put().
 */
struct request *request_new(struct conn *c);

/**
 * request_admit() - get the buffers that a request needs
 * @r: in REQUEST_WAITING
 *
 * A WRITE and a BLOCK_STATUS have their extents afterwards; for a READ only the SP's buffers are
 * counted.
 *
 * Return: 0; -EAGAIN if the request has to wait; -ENOMEM if there can never be enough buffers.
 */
int request_admit(struct request *r);

/**
 * request_again() - let a READ whose reply was sent continue with its next piece
 * @r: has a rest, and returned its data
 *
 * The request is in REQUEST_WAITING afterwards.
 */
void request_again(struct request *r);

/** request_drop_payload() - free the extent, if any, of a request that goes to no SP any more */
void request_drop_payload(struct request *r);

/** request_put() - free a request, which has returned and regained all extents */
void request_put(struct request *r);

/** request_tag() - the tag of a request in its present use, by which the SP's reply names it */
static inline uint64_t request_tag(const struct request_table *t, const struct request *r)
{
	return proto_tag((uint32_t)(r - t->request), r->use);
}

/** request_of_tag() - find the request that has this tag now; NULL if there is none */
struct request *request_of_tag(const struct request_table *t, uint64_t tag);

#endif /* NP_REQUEST_H */
