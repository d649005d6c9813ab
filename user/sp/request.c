// SPDX-License-Identifier: MIT
#include "request.h"

#include <assert.h>
#include <proto/proto.h>
#include <common/log.h>
#include <errno.h>
#include <arena/snapshot.h>
#include <stddef.h>
#include <linux/fs.h>
#include <string.h>

#include "event.h"
#include "sp.h"

/*
 * -EFAULT and -EAGAIN can be spurious: a pin of arena memory fails while its
 * page table entry is being replaced or the process forks.
 */
#define MAX_TRIES	16

/* The machine's. */
#define SP_PAGE		4096

/* How many disk buffers hold @length bytes from disk offset @offset on. */
static uint32_t buffers_for(uint64_t offset, uint32_t length)
{
	return (uint32_t)((offset % PROTO_DISK_BUFFER + length + PROTO_DISK_BUFFER - 1) /
			  PROTO_DISK_BUFFER);
}

/* A run handed to the NP comes back with this, or it is refused. */
static uint32_t run_tag(uint16_t slot, uint16_t generation)
{
	return (uint32_t)slot << 16 | generation;
}

/*
 * Checks
 */

static bool range_is_inside(const struct sp *sp, uint64_t offset, uint32_t length)
{
	return offset <= sp->disk.bytes && length <= sp->disk.bytes - offset;
}

static enum proto_status check_data(const struct sp *sp, const struct proto_request *q)
{
	if (range_is_inside(sp, q->offset, (uint32_t)q->length))
		return PROTO_OK;
	return q->operation == PROTO_WRITE ? PROTO_ENOSPC : PROTO_EINVAL;
}

/* The payload is one extent of the NP's payload group, just as long as needed. */
static enum proto_status check_payload(const struct sp *sp, const struct proto_request *q)
{
	const struct arena_ref *p = &q->ref[0];

	if (q->n_refs != 1 || p->group != PROTO_GROUP_PAYLOAD ||
	    !arena_layout_has(&sp->layout, p->group, p->index, p->count) ||
	    p->count != buffers_for(q->offset, (uint32_t)q->length))
		return PROTO_EINVAL;
	return PROTO_OK;
}

static enum proto_status accept_write(struct sp *sp, struct sp_request *r,
				      const struct proto_request *q)
{
	enum proto_status status;

	if (sp->disk.readonly)
		return PROTO_EPERM;
	status = check_data(sp, q);
	if (!status)
		status = check_payload(sp, q);
	if (!status)
		r->payload = (char *)arena_layout_buffer(sp->base, &sp->layout, q->ref[0].group,
							 q->ref[0].index) +
			     q->offset % PROTO_DISK_BUFFER;
	return status;
}

/* Fill @r from @q, a sound copy of what the NP wrote, if it suits the disk. */
static enum proto_status request_parse(struct sp *sp, struct sp_request *r,
				       const struct proto_request *q)
{
	r->offset = q->offset;
	r->fua = q->flags & PROTO_FLAG_FUA;
	switch (q->operation) {
	case PROTO_READ:
		r->length = (uint32_t)q->length;
		r->op = SP_OP_READ;
		return check_data(sp, q);
	case PROTO_WRITE:
		r->length = (uint32_t)q->length;
		r->op = SP_OP_WRITE;
		return accept_write(sp, r, q);
	case PROTO_FLUSH:
		r->op = SP_OP_FLUSH;
		return PROTO_OK;
	default:
		return PROTO_ENOTSUP;
	}
}

/* What the message points to, read once. */
static enum proto_status request_read(struct sp *sp, struct sp_request *r,
				      const struct arena_msg *msg)
{
	const void *shared = arena_layout_buffer(sp->base, &sp->layout, msg->ref.group,
						 msg->ref.index);
	struct proto_request copy;

	if (proto_request_receive(&copy, shared, 0))
		return PROTO_EINVAL;
	return request_parse(sp, r, &copy);
}

/*
 * Replies
 */

static void reply(struct sp *sp, struct sp_request *r, uint32_t group,
		  uint32_t index, uint32_t count)
{
	struct arena_msg msg = {
		.type = ARENA_MSG_REPLY,
		.ref.group = (uint8_t)group,
		.value = r->slot,
		.ref.index = index,
		.ref.count = (uint16_t)count,
		.ref.generation = r->generation,
	};

	sp_event_send(sp, &msg);
	r->active = false;
	sp->active--;
}

static void reply_status(struct sp *sp, struct sp_request *r, enum proto_status error)
{
	sp->counters.errors += error != PROTO_OK;
	reply(sp, r, 0, error, 0);
}

/*
 * Plans
 */

static struct sp_step *plan_step(struct sp_request *r, enum sp_op op,
				 enum sp_buffer buffer, char *memory,
				 uint64_t offset, uint32_t length)
{
	struct sp_step *s = &r->step[r->n_steps++];

	*s = (struct sp_step){
		.op = op,
		.buffer = buffer,
		.memory = memory,
		.offset = offset,
		.length = length,
	};
	return s;
}

/* The memory of the run's buffer @i that corresponds to disk offset @offset. */
static char *run_memory(const struct sp *sp, const struct sp_request *r,
			uint32_t i, uint64_t offset)
{
	return (char *)arena_layout_buffer(sp->base, &sp->layout, sp->own, r->run + i) +
	       offset % PROTO_DISK_BUFFER;
}

static void plan_read(struct sp *sp, struct sp_request *r)
{
	plan_step(r, SP_OP_READ, SP_BUFFER_OWN, run_memory(sp, r, 0, r->range.start),
		  r->range.start, (uint32_t)(r->range.end - r->range.start));
}

/* Read the block at @block into own buffer @i and lay the client's bytes over it. */
static char *plan_patch(struct sp *sp, struct sp_request *r, uint32_t i, uint64_t block)
{
	uint32_t block_size = sp->disk.block_size;
	uint64_t from = block > r->offset ? block : r->offset;
	uint64_t to = r->offset + r->length;
	char *memory = run_memory(sp, r, i, block);
	struct sp_step *s;

	if (to > block + block_size)
		to = block + block_size;
	s = plan_step(r, SP_OP_READ, SP_BUFFER_OWN, memory, block, block_size);
	s->copy_from = r->payload + (from - r->offset);
	s->copy_to = memory + (from - block);
	s->copy_length = (uint32_t)(to - from);
	return memory;
}

/*
 * A block that the client gives only a part of is completed in a buffer of our
 * own. What lies between such blocks goes to the disk from the NP's payload.
 */
static void plan_write(struct sp *sp, struct sp_request *r)
{
	uint32_t block_size = sp->disk.block_size;
	uint64_t body = r->range.start, body_end = r->range.end;
	char *head = NULL, *tail = NULL;

	if (r->offset % block_size) {
		head = plan_patch(sp, r, 0, body);
		body += block_size;
	}
	if ((r->offset + r->length) % block_size && body < body_end) {
		body_end -= block_size;
		tail = plan_patch(sp, r, r->run_count - 1, body_end);
	}
	if (head)
		plan_step(r, SP_OP_WRITE, SP_BUFFER_OWN, head, r->range.start, block_size);
	if (body < body_end)
		plan_step(r, SP_OP_WRITE, SP_BUFFER_PAYLOAD, r->payload + (body - r->offset),
			  body, (uint32_t)(body_end - body));
	if (tail)
		plan_step(r, SP_OP_WRITE, SP_BUFFER_OWN, tail, body_end, block_size);
}

/* How many own buffers the request needs; its range is known. */
static uint32_t buffers_needed(const struct sp *sp, const struct sp_request *r)
{
	uint32_t block_size = sp->disk.block_size;

	if (r->op == SP_OP_READ)
		return buffers_for(r->offset, r->length);
	if (r->op == SP_OP_FLUSH || !r->range.exclusive)
		return 0;
	/* A buffer for the head and one for the tail, if they are two blocks. */
	if (r->offset % block_size && (r->offset + r->length) % block_size &&
	    r->range.end - r->range.start > block_size)
		return 2;
	return 1;
}

/*
 * Steps
 */

/*
 * Linux 6.8.1 forgets to let go of the last page of a buffer that begins within one
 * page and ends in another, unless it is registered, and a huge page that has such
 * a page in it never comes back: see docs/hazards.md. So up to the end of the first
 * page by itself; sp_request_completed() goes on with the rest.
 */
static uint32_t within_page(const char *memory, uint32_t length)
{
	uint32_t in_page = (uintptr_t)memory % SP_PAGE;

	return in_page && length > SP_PAGE - in_page ? SP_PAGE - in_page : length;
}

/* The disk works on the run from here on until step_completed(). */
static void step_submit(struct sp *sp, struct sp_request *r)
{
	int lent = r->run_count ? arena_pool_io_begin(sp->pool, r->run, r->run_count) : 0;
	const struct sp_step *s = &r->step[r->at];
	struct io_uring_sqe *sqe = sp_event_sqe(sp);
	char *memory = s->memory + r->done;
	uint64_t offset = s->offset + r->done;
	uint32_t length = s->length - r->done;

	if (!sp->fixed)
		length = within_page(memory, length);
	/* File 0 of the ring is the disk. */
	if (s->op == SP_OP_FLUSH)
		io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
	else if (s->op == SP_OP_READ && sp->fixed)
		io_uring_prep_read_fixed(sqe, 0, memory, length, offset, s->buffer);
	else if (s->op == SP_OP_READ)
		io_uring_prep_read(sqe, 0, memory, length, offset);
	else if (sp->fixed)
		io_uring_prep_write_fixed(sqe, 0, memory, length, offset, s->buffer);
	else
		io_uring_prep_write(sqe, 0, memory, length, offset);
	if (s->op == SP_OP_WRITE && r->fua)
		sqe->rw_flags = RWF_DSYNC;
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data64(sqe, sp_event_data(SP_EVENT_STEP, r->slot));
	assert(!lent);
	(void)lent;
}

static void step_completed(struct sp *sp, struct sp_request *r)
{
	int done = r->run_count ? arena_pool_io_end(sp->pool, r->run, r->run_count) : 0;

	assert(!done);
	(void)done;
}

static void range_granted(struct sp_range *range, void *context)
{
	struct sp_request *r = (struct sp_request *)((char *)range -
						     offsetof(struct sp_request, range));

	step_submit(context, r);
}

/* With its buffers; a write starts when it has its lock as well. */
static void request_plan(struct sp *sp, struct sp_request *r)
{
	r->n_steps = 0;
	r->at = 0;
	r->done = 0;
	r->tries = 0;
	switch (r->op) {
	case SP_OP_READ:
		plan_read(sp, r);
		break;
	case SP_OP_WRITE:
		plan_write(sp, r);
		if (!sp_range_lock(&sp->ranges, &r->range))
			return;
		break;
	case SP_OP_FLUSH:
		/*
		 * Every write that was replied to has completed on the disk, so
		 * this flush covers it.
		 */
		plan_step(r, SP_OP_FLUSH, SP_BUFFER_OWN, NULL, 0, 0);
		break;
	}
	step_submit(sp, r);
}

/* Requests that found no buffers, in order of arrival: nobody overtakes. */
static void request_wait(struct sp *sp, struct sp_request *r)
{
	sp->counters.waits++;
	r->next_waiting = NULL;
	*(sp->waiting ? &sp->waiting_last->next_waiting : &sp->waiting) = r;
	sp->waiting_last = r;
}

/* False if there are not enough buffers now. */
static bool request_get_run(struct sp *sp, struct sp_request *r)
{
	uint32_t count = buffers_needed(sp, r);
	int64_t run;

	r->run_count = 0;
	if (!count)
		return true;
	run = arena_pool_get(sp->pool, count);
	if (run < 0)
		return false;
	r->run = (uint32_t)run;
	r->run_count = count;
	return true;
}

static void request_start(struct sp *sp, struct sp_request *r)
{
	uint32_t block_size = sp->disk.block_size;
	uint64_t end = r->offset + r->length;

	if (r->op != SP_OP_FLUSH) {
		r->range.start = r->offset & ~(uint64_t)(block_size - 1);
		r->range.end = (end + block_size - 1) & ~(uint64_t)(block_size - 1);
		r->range.exclusive = r->op == SP_OP_WRITE &&
				     (r->range.start != r->offset || r->range.end != end);
	}
	/* Only who needs buffers has to queue for them. */
	if ((sp->waiting && buffers_needed(sp, r)) || !request_get_run(sp, r))
		request_wait(sp, r);
	else
		request_plan(sp, r);
}

static void run_waiting(struct sp *sp)
{
	while (sp->waiting) {
		struct sp_request *r = sp->waiting;

		if (!request_get_run(sp, r))
			return;
		sp->waiting = r->next_waiting;
		request_plan(sp, r);
	}
}

static void request_finish_read(struct sp *sp, struct sp_request *r)
{
	int ret = arena_pool_lend(sp->pool, r->run, r->run_count,
				  run_tag(r->slot, r->generation));

	assert(!ret);
	(void)ret;
	sp->counters.bytes_read += r->length;
	reply(sp, r, sp->own, r->run, r->run_count);
}

static void request_finish(struct sp *sp, struct sp_request *r, enum proto_status error)
{
	if (r->op == SP_OP_READ && !error) {
		request_finish_read(sp, r);
		return;
	}
	if (r->op == SP_OP_WRITE) {
		sp->counters.bytes_written += error ? 0 : r->length;
		sp_range_unlock(&sp->ranges, &r->range, range_granted, sp);
	}
	if (r->run_count)
		arena_pool_put(sp->pool, r->run, r->run_count);
	reply_status(sp, r, error);
	run_waiting(sp);
}

static void log_failed(const struct sp_request *r, const struct sp_step *s, int32_t result)
{
	const char *what = s->op == SP_OP_READ ? "read" : s->op == SP_OP_WRITE ? "write" : "flush";

	log_limited(LOG_LEVEL_WARN, "slot %u: %s of %u bytes at %llu: %s", r->slot, what,
		    s->length, (unsigned long long)s->offset, strerror(-result));
}

void sp_request_completed(struct sp *sp, uint32_t slot, int32_t result)
{
	struct sp_request *r = &sp->requests[slot];
	const struct sp_step *s = &r->step[r->at];

	step_completed(sp, r);
	if ((result == -EFAULT || result == -EAGAIN || result == -EINTR) &&
	    r->tries++ < MAX_TRIES) {
		sp->counters.retries++;
		step_submit(sp, r);
		return;
	}
	/* Nothing moved, and no reason given: the disk ends early. */
	if (!result && s->op != SP_OP_FLUSH)
		result = -EIO;
	if (result < 0) {
		log_failed(r, s, result);
		request_finish(sp, r, proto_status_of(-result));
		return;
	}
	r->done += (uint32_t)result;
	if (r->done < s->length) {
		step_submit(sp, r);
		return;
	}
	if (s->copy_length) {
		/* The NP can write there still; nothing is decided on it. */
		arena_snapshot(s->copy_to, s->copy_from, s->copy_length);
		sp->counters.copied_bytes += s->copy_length;
	}
	r->done = 0;
	r->tries = 0;
	if (++r->at < r->n_steps)
		step_submit(sp, r);
	else
		request_finish(sp, r, PROTO_OK);
}

static void count_request(struct sp *sp, const struct sp_request *r)
{
	sp->counters.reads += r->op == SP_OP_READ;
	sp->counters.writes += r->op == SP_OP_WRITE;
	sp->counters.flushes += r->op == SP_OP_FLUSH;
	sp->counters.rmw += r->op == SP_OP_WRITE && r->range.exclusive;
}

void sp_request_accept(struct sp *sp, const struct arena_msg *msg)
{
	struct sp_request *r;
	enum proto_status error;

	if (msg->value >= sp->n_slots || sp->requests[msg->value].active ||
	    msg->ref.group != PROTO_GROUP_NET ||
	    !arena_layout_has(&sp->layout, msg->ref.group, msg->ref.index, 1)) {
		sp->counters.bad_messages++;
		return;
	}
	r = &sp->requests[msg->value];
	memset(r, 0, sizeof(*r));
	r->active = true;
	r->slot = msg->value;
	r->generation = msg->ref.generation;
	sp->active++;
	sp->counters.requests++;

	error = sp->stopping ? PROTO_ESHUTDOWN : request_read(sp, r, msg);
	if (error) {
		reply_status(sp, r, error);
		return;
	}
	request_start(sp, r);
	count_request(sp, r);
}

void sp_request_release(struct sp *sp, const struct arena_msg *msg)
{
	if (msg->ref.group != sp->own ||
	    arena_pool_return(sp->pool, msg->ref.index, msg->ref.count,
			      run_tag(msg->value, msg->ref.generation)))
		sp->counters.bad_messages++;
	else
		run_waiting(sp);
}

void sp_request_refuse_waiting(struct sp *sp)
{
	while (sp->waiting) {
		struct sp_request *r = sp->waiting;

		sp->waiting = r->next_waiting;
		reply_status(sp, r, PROTO_ESHUTDOWN);
	}
}
