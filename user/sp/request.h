/* SPDX-License-Identifier: MIT */
/*
 * The life of a request: it is accepted and checked, gets buffers, waits for earlier requests that
 * overlap, is carried out, and is replied to.
 *
 *	accepted --> it waits for limits --> it waits for buffers --> its range is blocked
 *		 --> at work --> done --> free
 *
 * Each NP has buffers of its own, and whether they come back is up to that NP. So a request that
 * waits for them must not block those of others: it enters its range when it has them, and all that
 * are in a range come to an end. Requests of the same NP that overlap one that waits stay behind
 * it. Those of other NPs may go first: the fence is asked when the request enters its range.
 */
#ifndef SP_REQUEST_H
#define SP_REQUEST_H

#include <arena/arena.h>
#include <arena/message.h>
#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>

#include "range.h"

struct sp;
struct sp_peer;

/**
 * enum sp_stage - stages of the work on a request, which may be left out
 * @SP_STAGE_FETCH: the disk reads blocks of which the client changes only a part
 * @SP_STAGE_MOVE: the disk does what the client asked for
 * @SP_STAGE_SYNC: the disk makes durable what it did
 */
enum sp_stage {
	SP_STAGE_FETCH,
	SP_STAGE_MOVE,
	SP_STAGE_SYNC,
};

/**
 * struct sp_request - a request of an NP
 * @peer: the NP
 * @tag: the number by which the NP knows the request
 * @client: the NP's number of its client
 * @received_ns: when it was complete at the NP
 * @alive_ns: then its client had not ended the connection, or it had not come
 * @taken_ns: CLOCK_BOOTTIME when it was taken in its order; 0 before, and if it needs no disk
 * @disk_ns: the same when the disk was given its first operation
 * @spent_us: how long the request was here, when it has ended; 0 if that was not noted
 * @operation: enum proto_operation
 * @flags: PROTO_FLAG_*
 * @offset: first byte on the disk
 * @length: bytes
 * @range: the blocks that it touches, for its order; no bytes for a FLUSH
 * @is_ordered: it is in the list of ranges
 * @own: buffers of the SP for data that was read or the parts of a BLOCK_STATUS, for blocks that
 *	are completed, or for the backend; zero for none
 * @payload: buffers of the NP with the payload of a WRITE; zero for none
 * @before: READ: bytes at the beginning of the range that are a hole and are not read
 * @after: the same at its end
 * @n_parts: BLOCK_STATUS: how many parts were found
 * @stage: stage of the work
 * @todo: parts of the stage that have not begun, see work.c
 * @at: where the next operation begins on the disk
 * @end: where the last operation ends on the disk
 * @covered: FLUSH: the changes that it covers, as stake.h counts them
 * @pending: operations that have begun and have not ended
 * @error: error of the first operation that failed; else 0
 * @is_again: an operation of the stage has to be tried again
 * @is_stalled: the request is in the queue of stalled ones
 * @tries: how often the stage was tried again
 * @status: how the request ended
 * @accepted: the period in which it was accepted, could go after a limit, or had an operation
 *	ended, see late.h
 * @is_active: it is neither free nor done, and does not wait for limits
 * @is_surveyed: a survey for it is under way
 * @is_refused: the disk hung when it was accepted
 * @is_late: it was answered already, because it took too long, or its NP has died
 * @next: the next request in a queue or in the list of free requests
 */
struct sp_request {
	struct sp_peer *peer;
	uint64_t tag;
	uint16_t client;
	uint64_t received_ns;
	uint64_t alive_ns;
	uint64_t taken_ns;
	uint64_t disk_ns;
	uint32_t spent_us;
	uint16_t operation;
	uint16_t flags;
	uint64_t offset;
	uint64_t length;
	struct sp_range range;
	bool is_ordered;
	struct arena_buf own;
	struct arena_buf payload;
	uint32_t before;
	uint32_t after;
	uint32_t n_parts;
	enum sp_stage stage;
	unsigned int todo;
	uint64_t at;
	uint64_t end;
	uint64_t covered;
	unsigned int pending;
	int error;
	bool is_again;
	bool is_stalled;
	unsigned int tries;
	enum proto_status status;
	uint32_t accepted;
	bool is_active;
	bool is_surveyed;
	bool is_refused;
	bool is_late;
	struct sp_request *next;
};

/**
 * struct sp_queue - requests in order
 * @first: the oldest, NULL if there is none
 * @last: the youngest
 */
struct sp_queue {
	struct sp_request *first;
	struct sp_request *last;
};

static inline void sp_queue_put(struct sp_queue *q, struct sp_request *r)
{
	r->next = NULL;
	*(q->first ? &q->last->next : &q->first) = r;
	q->last = r;
}

/* Take the oldest request of a queue. Return: NULL if there is none. */
static inline struct sp_request *sp_queue_take(struct sp_queue *q)
{
	struct sp_request *r = q->first;

	if (r)
		q->first = r->next;
	return r;
}

/**
 * sp_requests_init() - make the table of requests, which are all free
 *
 * Each NP has twice as many of them as it may have in flight, because those that were answered late
 * stay until the disk has ended them. Return: 0 or -ENOMEM.
 */
int sp_requests_init(struct sp *sp);

/** sp_requests_accept() - accept all requests of a message REQUESTS */
void sp_requests_accept(struct sp_peer *peer, const struct arena_msg *msg);

/** sp_request_begin() - begin a request that was accepted, in its order */
void sp_request_begin(struct sp *sp, struct sp_request *r);

/** sp_requests_run() - continue requests that were waiting; called at the end of a turn */
void sp_requests_run(struct sp *sp);

/** sp_requests_refuse() - end requests of an NP that wait for limits or buffers, as one stops */
void sp_requests_refuse(struct sp_peer *peer);

/**
 * sp_request_finish() - end a request; its reply goes out with others at the end of a turn
 *
 * A request that is late has been answered: only what it has is given back.
 */
void sp_request_finish(struct sp *sp, struct sp_request *r, enum proto_status status);

#endif /* SP_REQUEST_H */
