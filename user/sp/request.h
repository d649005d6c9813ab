/* SPDX-License-Identifier: MIT */
/*
 * The life of a request: accepted and checked, given buffers and, if it is a
 * write, a lock on its range; carried out as a list of disk operations, one
 * after the other; replied to, together with others that are done by then.
 */
#ifndef SP_REQUEST_H
#define SP_REQUEST_H

#include <arena/message.h>
#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>

#include "range.h"

struct sp;

/**
 * enum sp_op - a disk operation
 * @SP_OP_READ: from disk to memory
 * @SP_OP_WRITE: from memory to disk
 * @SP_OP_FLUSH: make what was written durable
 */
enum sp_op { SP_OP_READ, SP_OP_WRITE, SP_OP_FLUSH };

/**
 * enum sp_buffer - number under which a group is registered with the ring
 * @SP_BUFFER_OWN: this process's group
 * @SP_BUFFER_PAYLOAD: the NP's payload group
 */
enum sp_buffer { SP_BUFFER_OWN, SP_BUFFER_PAYLOAD };

/**
 * struct sp_step - one disk operation of a request, block-aligned
 * @op: what to do
 * @buffer: where @memory lies
 * @memory: data; congruent to @offset modulo 4096
 * @offset: on the disk
 * @length: bytes
 * @copy_from: after a read: bytes to lay over what was read
 * @copy_to: where
 * @copy_length: how many, 0 for none
 */
struct sp_step {
	enum sp_op op;
	enum sp_buffer buffer;
	char *memory;
	uint64_t offset;
	uint32_t length;
	const char *copy_from;
	char *copy_to;
	uint32_t copy_length;
};

/* Read head and tail; write head, body and tail. */
#define SP_MAX_STEPS	5

/**
 * struct sp_request - a request of the NP's
 * @tag: by which the NP knows it
 * @status: how it ended
 * @op: what the client asked for
 * @fua: writes must be durable before the reply
 * @offset: first byte on the disk
 * @length: bytes
 * @payload: write: the first byte of the data, in the NP's group
 * @run: own buffers
 * @run_count: number of them, 0 if it has none
 * @range: write: lock on the blocks it touches
 * @step: disk operations
 * @n_steps: of them
 * @at: the one in progress
 * @done: bytes of it that are done
 * @tries: how often it was tried again
 * @next: the next that is free, waits for buffers or is done
 */
struct sp_request {
	uint64_t tag;
	enum proto_status status;
	enum sp_op op;
	bool fua;
	uint64_t offset;
	uint32_t length;
	char *payload;
	uint32_t run;
	uint32_t run_count;
	struct sp_range range;
	struct sp_step step[SP_MAX_STEPS];
	unsigned int n_steps;
	unsigned int at;
	uint32_t done;
	unsigned int tries;
	struct sp_request *next;
};

/** sp_request_table_init() - all are free; 0 or -ENOMEM */
int sp_request_table_init(struct sp *sp);

/** sp_request_accept() - act on REQUESTS */
void sp_request_accept(struct sp *sp, const struct arena_msg *msg);

/** sp_request_regain() - act on RETURN */
void sp_request_regain(struct sp *sp, const struct arena_msg *msg);

/** sp_request_completed() - the current step of request @nth ended with @result */
void sp_request_completed(struct sp *sp, uint32_t nth, int32_t result);

/**
 * sp_request_reply() - reply to all that is done, in as few messages as possible
 *
 * What finds no buffers for its record waits for the NP to return some, and no longer than
 * this process lives: an NP that returns none has itself to blame.
 */
void sp_request_reply(struct sp *sp);

/** sp_request_refuse_waiting() - reply to those without buffers: shutting down */
void sp_request_refuse_waiting(struct sp *sp);

#endif /* SP_REQUEST_H */
