// SPDX-License-Identifier: MIT
#include "request.h"

#include <assert.h>
#include <proto/lend.h>
#include <proto/record.h>
#include <common/log.h>
#include <errno.h>
#include <arena/snapshot.h>
#include <stddef.h>
#include <linux/fs.h>
#include <stdlib.h>
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

static uint32_t number_of(const struct sp *sp, const struct sp_request *r)
{
	return (uint32_t)(r - sp->requests);
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

/*
 * Replies
 */

/* The reply goes with those of others at the end of the turn. */
static void finish(struct sp *sp, struct sp_request *r, enum proto_status status)
{
	sp->counters.errors += status != PROTO_OK;
	r->status = status;
	r->next = NULL;
	*(sp->done ? &sp->done_last->next : &sp->done) = r;
	sp->done_last = r;
	sp->active--;
}

static void write_reply(struct sp *sp, struct proto_reply *shared, const struct sp_request *r)
{
	struct proto_reply reply = { .tag = r->tag, .status = r->status };

	if (r->op == SP_OP_READ && r->run_count) {
		reply.n_refs = 1;
		reply.ref[0] = proto_lend(sp->pool, sp->own, r->run);
	}
	memcpy(shared, &reply, sizeof(reply));
}

/* Also for want of an extent as long: some of them may do. */
static int64_t get_records(struct sp *sp, uint32_t *count)
{
	int64_t index = arena_pool_get(sp->records, *count);

	while (index < 0 && *count > 1) {
		*count /= 2;
		index = arena_pool_get(sp->records, *count);
	}
	return index;
}

/* How many are done; as many as one message takes. */
static uint32_t count_done(const struct sp *sp)
{
	uint32_t n = 0;

	for (const struct sp_request *r = sp->done; r && n < PROTO_MAX_RECORDS; r = r->next)
		n++;
	return n;
}

/* False if there is no buffer for even one. */
static bool reply_to_some(struct sp *sp)
{
	uint32_t count = count_done(sp);
	int64_t index = get_records(sp, &count);
	struct proto_reply *shared;

	if (index < 0)
		return false;
	shared = arena_layout_buffer(sp->base, &sp->layout, sp->record_group, (uint32_t)index);
	for (uint32_t i = 0; i < count; i++) {
		struct sp_request *r = sp->done;

		sp->done = r->next;
		write_reply(sp, &shared[i], r);
		r->next = sp->free;
		sp->free = r;
	}
	sp_event_send(sp, &(struct arena_msg){
		.type = PROTO_MESSAGE_REPLIES,
		.value = (uint16_t)count,
		.ref = proto_lend(sp->records, sp->record_group, (uint32_t)index),
	});
	return true;
}

void sp_request_reply(struct sp *sp)
{
	while (sp->done && reply_to_some(sp))
		;
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

static bool is_fixed(const struct sp *sp, const struct sp_step *s)
{
	return s->buffer < sp->n_fixed;
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

	if (!is_fixed(sp, s))
		length = within_page(memory, length);
	/* File 0 of the ring is the disk. */
	if (s->op == SP_OP_FLUSH)
		io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
	else if (s->op == SP_OP_READ && is_fixed(sp, s))
		io_uring_prep_read_fixed(sqe, 0, memory, length, offset, s->buffer);
	else if (s->op == SP_OP_READ)
		io_uring_prep_read(sqe, 0, memory, length, offset);
	else if (is_fixed(sp, s))
		io_uring_prep_write_fixed(sqe, 0, memory, length, offset, s->buffer);
	else
		io_uring_prep_write(sqe, 0, memory, length, offset);
	if (s->op == SP_OP_WRITE && r->fua)
		sqe->rw_flags = RWF_DSYNC;
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data64(sqe, sp_event_data(SP_EVENT_STEP, number_of(sp, r)));
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
	r->next = NULL;
	*(sp->waiting ? &sp->waiting_last->next : &sp->waiting) = r;
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
		sp->waiting = r->next;
		request_plan(sp, r);
	}
}

static void give_back(struct sp *sp, struct sp_request *r)
{
	if (r->run_count)
		arena_pool_put(sp->pool, r->run, r->run_count);
	r->run_count = 0;
}

/* Of a READ that is done, the reply lends the run. */
static void request_finish(struct sp *sp, struct sp_request *r, enum proto_status error)
{
	bool has_data = r->op == SP_OP_READ && !error;

	if (has_data)
		sp->counters.bytes_read += r->length;
	else
		give_back(sp, r);
	if (r->op == SP_OP_WRITE) {
		sp->counters.bytes_written += error ? 0 : r->length;
		sp_range_unlock(&sp->ranges, &r->range, range_granted, sp);
	}
	finish(sp, r, error);
	if (!has_data)
		run_waiting(sp);
}

static void log_failed(const struct sp_step *s, int32_t result)
{
	const char *what = s->op == SP_OP_READ ? "read" : s->op == SP_OP_WRITE ? "write" : "flush";

	log_limited(LOG_LEVEL_WARN, "%s of %u bytes at %llu: %s", what, s->length,
		    (unsigned long long)s->offset, strerror(-result));
}

void sp_request_completed(struct sp *sp, uint32_t nth, int32_t result)
{
	struct sp_request *r = &sp->requests[nth];
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
		log_failed(s, result);
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

/* @q is a copy; what @unsound says of it is an -errno. */
static void accept_one(struct sp *sp, const struct proto_request *q, int unsound)
{
	struct sp_request *r = sp->free;
	enum proto_status error = PROTO_EINVAL;

	/* The NP has no more network buffers than there are requests. */
	if (!r) {
		sp->counters.bad_messages++;
		return;
	}
	sp->free = r->next;
	*r = (struct sp_request){ .tag = q->tag };
	sp->active++;
	sp->counters.requests++;
	if (sp->stopping)
		error = PROTO_ESHUTDOWN;
	else if (!unsound)
		error = request_parse(sp, r, q);
	if (error) {
		finish(sp, r, error);
		return;
	}
	request_start(sp, r);
	count_request(sp, r);
}

/* Does the message name records in the NP's network buffers? */
static bool names_requests(const struct sp *sp, const struct arena_msg *msg)
{
	return sp->version && msg->ref.group == PROTO_GROUP_NET && msg->ref.generation &&
	       arena_layout_has(&sp->layout, msg->ref.group, msg->ref.index, msg->ref.count) &&
	       proto_records_fit(msg, (size_t)msg->ref.count * PROTO_NET_BUFFER,
				 sizeof(struct proto_request));
}

void sp_request_accept(struct sp *sp, const struct arena_msg *msg)
{
	struct proto_request copy;
	const void *shared;

	if (!names_requests(sp, msg)) {
		sp->counters.bad_messages++;
		return;
	}
	shared = arena_layout_buffer(sp->base, &sp->layout, msg->ref.group, msg->ref.index);
	for (size_t i = 0; i < msg->value; i++) {
		int unsound = proto_request_receive(&copy, shared, i);

		accept_one(sp, &copy, unsound);
	}
	sp_event_send(sp, &(struct arena_msg){ .type = PROTO_MESSAGE_RETURN, .ref = msg->ref });
}

void sp_request_regain(struct sp *sp, const struct arena_msg *msg)
{
	int ret = -EINVAL;

	if (msg->ref.group == sp->own)
		ret = proto_regain(sp->pool, &msg->ref);
	else if (msg->ref.group == sp->record_group)
		ret = proto_regain(sp->records, &msg->ref);
	sp->counters.bad_messages += !!ret;
	if (!ret)
		run_waiting(sp);
}

int sp_request_table_init(struct sp *sp)
{
	sp->requests = calloc(sp->n_requests, sizeof(*sp->requests));
	if (!sp->requests)
		return -ENOMEM;
	for (uint32_t i = sp->n_requests; i > 0; i--) {
		sp->requests[i - 1].next = sp->free;
		sp->free = &sp->requests[i - 1];
	}
	return 0;
}

void sp_request_refuse_waiting(struct sp *sp)
{
	while (sp->waiting) {
		struct sp_request *r = sp->waiting;

		sp->waiting = r->next;
		finish(sp, r, PROTO_ESHUTDOWN);
	}
}
