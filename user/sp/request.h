/* SPDX-License-Identifier: MIT */
/*
 * The life of a request: accepted and checked, put in its order among those that overlap, given
 * buffers, carried out, replied to.
 *
 *	accepted --> its range is blocked --> it waits for buffers --> at work --> done --> free
 *
 * A request that is blocked has no buffers, and one that has buffers is not blocked, so
 * those at work always come to an end.
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

/**
 * enum sp_stage - how far the work on a request is; stages may be left out
 * @SP_STAGE_FETCH: blocks that the client gives only a part of are read
 * @SP_STAGE_MOVE: the disk does what the client asked for
 * @SP_STAGE_SYNC: it makes durable what it did
 */
enum sp_stage {
	SP_STAGE_FETCH,
	SP_STAGE_MOVE,
	SP_STAGE_SYNC,
};

/**
 * struct sp_request - a request of the NP's
 * @tag: by which the NP knows it
 * @operation: enum proto_operation
 * @flags: PROTO_FLAG_*
 * @offset: first byte on the disk
 * @length: bytes
 * @range: the blocks that it touches, for its order
 * @own: buffers of ours: what was read, the blocks that are completed, or what the backend needs;
 *	zero for none
 * @payload: buffers of the NP's: what is written; zero for none
 * @stage: of the work
 * @todo: parts of the stage that are not begun, see work.c
 * @at: where the next operation begins on the disk
 * @end: where the last one ends
 * @pending: operations that are begun and have not ended
 * @error: of the first one that failed; else 0
 * @is_again: one of the stage has to be tried again
 * @is_stalled: it is in that queue
 * @tries: how often the stage was
 * @status: how the request ended
 * @next: in the queue that it is in, or in the list of those that are free
 */
struct sp_request {
	uint64_t tag;
	uint16_t operation;
	uint16_t flags;
	uint64_t offset;
	uint64_t length;
	struct sp_range range;
	struct arena_buf own;
	struct arena_buf payload;
	enum sp_stage stage;
	unsigned int todo;
	uint64_t at;
	uint64_t end;
	unsigned int pending;
	int error;
	bool is_again;
	bool is_stalled;
	unsigned int tries;
	enum proto_status status;
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

/* NULL if there is none. */
static inline struct sp_request *sp_queue_take(struct sp_queue *q)
{
	struct sp_request *r = q->first;

	if (r)
		q->first = r->next;
	return r;
}

/** sp_requests_init() - make the table; all are free; 0 or -ENOMEM */
int sp_requests_init(struct sp *sp);

/** sp_requests_accept() - act on REQUESTS */
void sp_requests_accept(struct sp *sp, const struct arena_msg *msg);

/** sp_requests_run() - go on with requests that may: at the end of a turn */
void sp_requests_run(struct sp *sp);

/** sp_requests_refuse() - reply to those that wait for buffers: the process ends */
void sp_requests_refuse(struct sp *sp);

/** sp_request_finish() - the work has ended, or never begins; the reply goes out with others */
void sp_request_finish(struct sp *sp, struct sp_request *r, enum proto_status status);

#endif /* SP_REQUEST_H */
