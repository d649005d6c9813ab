// SPDX-License-Identifier: MIT
#include "work.h"

#include <arena/snapshot.h>
#include <assert.h>
#include <common/log.h>
#include <common/probe.h>
#include <errno.h>
#include <string.h>

#include "clients.h"
#include "late.h"
#include "loop.h"
#include "request.h"
#include "sp.h"

/* How often a stage is tried again if the disk says that this may help. */
#define MAX_TRIES	16U
/* Operations that one request has at a time, so that a long one leaves room for others. */
#define MAX_PENDING	8U
/*
 * A CACHE is a read whose data is dropped. The client pays nothing for it, so it has one operation
 * at a time, and does not go on for ever.
 */
#define CACHE_BUFFERS	64U
#define CACHE_MAX	(4ULL << 20)

/*
 * Bytes of zeroes from which a disk that has no BACKEND_ZERO is written. All operations of a
 * request write from the same ones, so a request of any length takes no more.
 */
#define ZEROES	(128U << 10)

/* Parts of a stage: the first block and the last one, if they are completed, and the rest. */
#define HEAD	1U
#define TAIL	2U
#define BODY	4U

static uint32_t block_size(const struct sp *sp)
{
	return sp->backend.limits.block_size;
}

static bool fills_blocks(const struct sp_request *r)
{
	return r->operation == PROTO_WRITE || r->operation == PROTO_WRITE_ZEROES;
}

/* Return: which edges of a request are blocks that it changes only in part. */
static unsigned int edges(const struct sp *sp, const struct sp_request *r)
{
	uint32_t block = block_size(sp);
	unsigned int parts = 0;

	if (!fills_blocks(r))
		return 0;
	if (r->offset % block)
		parts |= HEAD;
	if ((r->offset + r->length) % block &&
	    (!parts || r->range.end - r->range.start > block))
		parts |= TAIL;
	return parts;
}

static uint32_t n_edges(const struct sp *sp, const struct sp_request *r)
{
	unsigned int parts = edges(sp, r);

	return !!(parts & HEAD) + !!(parts & TAIL);
}

/* Does the SP write the zeroes that the client asks for, as the disk cannot do it by itself? */
static bool writes_zeroes(const struct sp *sp, const struct sp_request *r)
{
	return r->operation == PROTO_WRITE_ZEROES && !sp->backend.limits.has_zero;
}

/* The most zeroes of one operation. */
static uint64_t most_zeroes(const struct sp *sp)
{
	uint32_t most = sp->backend.limits.max_bytes;

	return most < ZEROES ? most : ZEROES;
}

/* How many buffers of zeroes a request needs. */
static uint32_t zero_buffers(const struct sp *sp, const struct sp_request *r)
{
	uint64_t bytes, most = most_zeroes(sp);

	if (!writes_zeroes(sp, r))
		return 0;
	bytes = r->range.end - r->range.start - (uint64_t)n_edges(sp, r) * block_size(sp);
	return (uint32_t)sp_buffers_for(0, bytes < most ? bytes : most);
}

uint32_t sp_work_buffers(const struct sp *sp, const struct sp_request *r)
{
	uint64_t n;

	switch (r->operation) {
	case PROTO_READ:
		return (uint32_t)sp_buffers_for(r->offset, r->length);
	case PROTO_DISCARD:
		return sp->backend.limits.discard_needs_buffer;
	case PROTO_CACHE:
		n = sp_buffers_for(r->offset, r->length);
		return n < CACHE_BUFFERS ? (uint32_t)n : CACHE_BUFFERS;
	case PROTO_BLOCK_STATUS:
		return 1;
	default:
		return n_edges(sp, r) + zero_buffers(sp, r);
	}
}

uint64_t sp_work_bytes(const struct sp *sp, const struct sp_request *r)
{
	if (r->operation == PROTO_READ || r->operation == PROTO_WRITE || writes_zeroes(sp, r))
		return r->length;
	if (r->operation != PROTO_CACHE)
		return 0;
	return r->length < CACHE_MAX ? r->length : CACHE_MAX;
}

/* Where the block of an edge lies on the disk. */
static uint64_t edge_block(const struct sp *sp, const struct sp_request *r, unsigned int part)
{
	return part == HEAD ? r->range.start : r->range.end - block_size(sp);
}

/*
 * Where the block of an edge lies in the request's own buffers. Each edge has one of the first;
 * zeroes follow.
 */
static uint32_t edge_from(const struct sp *sp, const struct sp_request *r, unsigned int part)
{
	uint32_t buffer = part == HEAD ? 0 : n_edges(sp, r) - 1;

	return buffer * PROTO_DISK_BUFFER + (uint32_t)(edge_block(sp, r, part) % PROTO_DISK_BUFFER);
}

static uint32_t zeroes_from(const struct sp *sp, const struct sp_request *r)
{
	return n_edges(sp, r) * PROTO_DISK_BUFFER;
}

static void clear_zeroes(struct sp *sp, const struct sp_request *r)
{
	uint32_t bytes = zero_buffers(sp, r) * PROTO_DISK_BUFFER;

	if (bytes)
		memset((char *)arena_ptr(sp->arena, r->own) + zeroes_from(sp, r), 0, bytes);
}

/* Where the byte at disk offset @at lies in its extent; memory is aligned like the disk. */
static uint32_t body_from(const struct sp_request *r, uint64_t at)
{
	return (uint32_t)(at - (r->offset & ~(uint64_t)(PROTO_DISK_BUFFER - 1)));
}

/*
 * Operations
 */

static enum backend_operation body_operation(const struct sp *sp, const struct sp_request *r)
{
	if (writes_zeroes(sp, r))
		return BACKEND_WRITE;
	switch (r->operation) {
	case PROTO_READ:
	case PROTO_CACHE:
		return BACKEND_READ;
	case PROTO_WRITE:
		return BACKEND_WRITE;
	case PROTO_DISCARD:
		return BACKEND_DISCARD;
	default:
		return BACKEND_ZERO;
	}
}

static uint64_t most_bytes(const struct sp *sp, const struct sp_request *r,
			   enum backend_operation operation)
{
	const struct backend_limits *l = &sp->backend.limits;

	if (writes_zeroes(sp, r))
		return most_zeroes(sp);
	switch (operation) {
	case BACKEND_DISCARD:
		return l->max_discard;
	case BACKEND_ZERO:
		return l->max_zero;
	default:
		return l->max_bytes;
	}
}

/*
 * Linux 6.8.1 does not release the last page of a buffer that begins within one page and ends in
 * another, unless the buffer is registered, and a huge page with such a page in it is never freed,
 * see docs/hazards.md. So an operation that begins within a page ends with it.
 */
static uint64_t within_page(uint32_t from, uint64_t length)
{
	uint32_t in_page = from % PROTO_DISK_BUFFER;

	return in_page && length > PROTO_DISK_BUFFER - in_page ? PROTO_DISK_BUFFER - in_page :
								 length;
}

/* Every read of a CACHE goes to the same buffers, as nobody looks at them. */
static void set_dropped(const struct sp_request *r, struct backend_io *io)
{
	uint64_t room;

	io->from = (uint32_t)(r->at % PROTO_DISK_BUFFER);
	room = (uint64_t)r->own.count * PROTO_DISK_BUFFER - io->from;
	if (io->length > room)
		io->length = room;
}

/* One operation does not move bytes on both sides of where the tail begins. */
static uint64_t within_part(const struct backend_limits *l, uint64_t offset, uint64_t length)
{
	return offset < l->tail && length > l->tail - offset ? l->tail - offset : length;
}

/* Set the memory of a read or write. */
static void set_memory(const struct sp *sp, const struct sp_request *r, struct backend_io *io)
{
	if (writes_zeroes(sp, r)) {
		io->buf = r->own;
		io->from = zeroes_from(sp, r);
		return;
	}
	io->buf = io->operation == BACKEND_READ ? r->own : r->payload;
	if (r->operation == PROTO_CACHE)
		set_dropped(r, io);
	else
		io->from = body_from(r, r->at);
	if (sp->cuts)
		io->length = within_page(io->from, io->length);
}

static void set_body(const struct sp *sp, const struct sp_request *r, struct backend_io *io)
{
	uint64_t most;

	io->operation = body_operation(sp, r);
	io->offset = r->at;
	io->length = r->end - r->at;
	most = most_bytes(sp, r, io->operation);
	if (io->length > most)
		io->length = most;
	io->no_hole = r->flags & PROTO_FLAG_NO_HOLE;
	io->fast = r->flags & PROTO_FLAG_FAST;
	if (io->operation == BACKEND_DISCARD && sp->backend.limits.discard_needs_buffer)
		io->buf = r->own;
	if (io->operation != BACKEND_READ && io->operation != BACKEND_WRITE)
		return;
	io->length = within_part(&sp->backend.limits, io->offset, io->length);
	set_memory(sp, r, io);
}

static void set_edge(const struct sp *sp, const struct sp_request *r, unsigned int part,
		     struct backend_io *io)
{
	io->operation = r->stage == SP_STAGE_FETCH ? BACKEND_READ : BACKEND_WRITE;
	io->buf = r->own;
	io->from = edge_from(sp, r, part);
	io->offset = edge_block(sp, r, part);
	io->length = block_size(sp);
}

/* The part with the lowest bit comes first. */
static unsigned int next_part(const struct sp_request *r)
{
	return r->todo & -r->todo;
}

/* Can the operation itself be durable? If it cannot, as a discard, a flush follows it. */
static bool syncs_itself(const struct sp *sp, const struct sp_request *r)
{
	return r->operation == PROTO_WRITE || writes_zeroes(sp, r) ||
	       (r->operation == PROTO_WRITE_ZEROES && backend_is_nvme(&sp->backend));
}

static int begin_next(struct sp *sp, struct sp_request *r)
{
	struct backend_io io = { .cookie = (uint64_t)(r - sp->requests) };
	unsigned int part = next_part(r);
	int ret;

	if (r->stage == SP_STAGE_SYNC)
		io.operation = BACKEND_FLUSH;
	else if (part == BODY)
		set_body(sp, r, &io);
	else
		set_edge(sp, r, part, &io);
	if (r->stage == SP_STAGE_MOVE && io.operation != BACKEND_READ)
		io.is_fua = r->flags & PROTO_FLAG_FUA && syncs_itself(sp, r);
	ret = sp->backend.ops->begin(&sp->backend, &io);
	if (ret)
		return ret;
	if (part == BODY)
		r->at += io.length;
	if (part != BODY || r->at >= r->end)
		r->todo &= ~part;
	r->pending++;
	sp->counters.operations++;
	return 0;
}

/*
 * Stages
 */

/* A discard concerns whole blocks only. */
static void set_discard_body(const struct sp *sp, struct sp_request *r)
{
	uint64_t block = block_size(sp);

	r->at = (r->offset + block - 1) & ~(block - 1);
	r->end = (r->offset + r->length) & ~(block - 1);
}

/* What lies in holes is not read. */
static void set_read_body(const struct sp *sp, struct sp_request *r)
{
	uint64_t block = block_size(sp);

	r->at = (r->offset + r->before) & ~(block - 1);
	r->end = (r->offset + r->length - r->after + block - 1) & ~(block - 1);
}

static void plan_move(const struct sp *sp, struct sp_request *r)
{
	unsigned int parts = edges(sp, r);

	r->at = r->range.start + (parts & HEAD ? block_size(sp) : 0);
	r->end = r->range.end - (parts & TAIL ? block_size(sp) : 0);
	if (r->operation == PROTO_DISCARD)
		set_discard_body(sp, r);
	else if (r->before | r->after)
		set_read_body(sp, r);
	else if (r->operation == PROTO_CACHE && r->end - r->at > CACHE_MAX)
		r->end = r->at + CACHE_MAX;
	r->todo = parts | (r->at < r->end ? BODY : 0);
}

static void plan(const struct sp *sp, struct sp_request *r)
{
	r->is_again = false;
	switch (r->stage) {
	case SP_STAGE_FETCH:
		r->todo = edges(sp, r);
		break;
	case SP_STAGE_MOVE:
		plan_move(sp, r);
		break;
	case SP_STAGE_SYNC:
		/* Every write that was replied to has ended on the disk, so the flush covers it. */
		r->todo = sp->backend.limits.has_volatile_cache ? BODY : 0;
		r->at = 0;
		r->end = 0;
		break;
	}
}

/* Lay the client's bytes, or zeroes, over a block that was read. */
static void patch(struct sp *sp, const struct sp_request *r, unsigned int part)
{
	uint64_t block = edge_block(sp, r, part), end = r->offset + r->length;
	uint64_t from = block > r->offset ? block : r->offset;
	uint64_t to = end < block + block_size(sp) ? end : block + block_size(sp);
	char *own = arena_ptr(sp->arena, r->own);
	const char *payload;

	assert(own);
	own += edge_from(sp, r, part) + (from - block);
	if (r->operation != PROTO_WRITE) {
		memset(own, 0, to - from);
		return;
	}
	/* The NP can still write the payload, but nothing is decided by its bytes. */
	payload = arena_ptr_const(sp->arena, r->payload);
	assert(payload);
	arena_snapshot(own, payload + body_from(r, from), to - from);
	sp->counters.copied_bytes += to - from;
}

static bool is_last(const struct sp *sp, const struct sp_request *r)
{
	if (r->stage == SP_STAGE_FETCH)
		return false;
	return r->stage == SP_STAGE_SYNC || !(r->flags & PROTO_FLAG_FUA) || syncs_itself(sp, r);
}

/* Go to the next stage after a stage has succeeded. Return: false if it was the last one. */
static bool next_stage(struct sp *sp, struct sp_request *r)
{
	unsigned int parts = edges(sp, r);

	if (is_last(sp, r))
		return false;
	if (r->stage == SP_STAGE_FETCH && parts & HEAD)
		patch(sp, r, HEAD);
	if (r->stage == SP_STAGE_FETCH && parts & TAIL)
		patch(sp, r, TAIL);
	r->stage++;
	r->tries = 0;
	return true;
}

/*
 * Where the disk has shrunk since the request was accepted, each kind of device and of operation
 * has an error of its own. The client is told what it would be told now.
 */
static enum proto_status status_of_failed(struct sp *sp, const struct sp_request *r)
{
	enum proto_status status = sp_clients_range(sp, r->operation, r->offset, r->length);

	/* A FLUSH has no range. */
	if (sp_loop_leaves(sp))
		return PROTO_ESHUTDOWN;
	return status ? status : proto_status_of(-r->error, r->operation);
}

static void finish(struct sp *sp, struct sp_request *r, enum proto_status status)
{
	probe_sp_disk_done(r->peer->id, r->tag);
	sp_request_finish(sp, r, status);
}

/* Plan the next stage, or end the request. Return: true if there may be operations to begin. */
static bool stage_ended(struct sp *sp, struct sp_request *r)
{
	if (r->error) {
		finish(sp, r, status_of_failed(sp, r));
		return false;
	}
	if (r->is_again) {
		r->tries++;
		sp->counters.retries++;
	} else if (!next_stage(sp, r)) {
		if (r->operation == PROTO_DISCARD || r->operation == PROTO_WRITE_ZEROES)
			sp_survey_punched(sp);
		finish(sp, r, PROTO_OK);
		return false;
	}
	plan(sp, r);
	return true;
}

static unsigned int max_pending(const struct sp_request *r)
{
	/* The backend's buffer serves one discard at a time. */
	return r->operation == PROTO_DISCARD || r->operation == PROTO_CACHE ? 1 : MAX_PENDING;
}

static void stall(struct sp *sp, struct sp_request *r)
{
	if (!r->is_stalled)
		sp_queue_put(&sp->stalled, r);
	r->is_stalled = true;
}

static void log_failed(const struct sp_request *r, int error, const char *why)
{
	static const char *const names[] = {
		[PROTO_READ] = "read", [PROTO_WRITE] = "write", [PROTO_FLUSH] = "flush",
		[PROTO_DISCARD] = "discard", [PROTO_WRITE_ZEROES] = "write of zeroes",
		[PROTO_CACHE] = "read ahead", [PROTO_BLOCK_STATUS] = "survey",
	};

	log_limited(LOG_LEVEL_WARN, "%s of %llu bytes at %llu: %s; %s", names[r->operation],
		    (unsigned long long)r->length, (unsigned long long)r->offset,
		    why ? why : strerror(-error), error == -ENOSPC || error == -EDQUOT ?
		    "free space where the file of the disk is" :
		    "look at the health of the disk and at the kernel's log");
}

static void fail(struct sp_request *r, int error, const char *why)
{
	r->todo = 0;
	if (r->error)
		return;
	/* Note it if the disk has shrunk or is gone, as this would explain the error. */
	backend_look(&r->peer->sp->backend);
	/* To an NP this error means that the SP ends, and that the request was not done. */
	r->error = error == -ESHUTDOWN ? -EIO : error;
	if (error != -EOPNOTSUPP)
		log_failed(r, error, why);
}

void sp_work_give_up(struct sp_request *r)
{
	fail(r, -ETIMEDOUT, NULL);
}

void sp_work_cut(struct sp_request *r)
{
	r->todo = 0;
	if (!r->error)
		r->error = -ESHUTDOWN;
}

/*
 * A long write of zeroes ends between two of its operations if the process has to stop, or if its
 * NP has ended, as requests of other NPs may wait for it.
 */
static void cut_short(const struct sp *sp, struct sp_request *r)
{
	if (!sp->is_stopping && !r->peer->has_ended)
		return;
	if (r->operation == PROTO_WRITE_ZEROES && r->todo & BODY)
		sp_work_cut(r);
}

void sp_work_go_on(struct sp *sp, struct sp_request *r)
{
	cut_short(sp, r);
	do {
		while (r->todo && r->pending < max_pending(r)) {
			int ret = begin_next(sp, r);

			if (ret == -EAGAIN) {
				stall(sp, r);
				return;
			}
			if (ret)
				fail(r, ret, NULL);
		}
	} while (!r->todo && !r->pending && stage_ended(sp, r));
}

/*
 * The last block of a file is fetched as far as the file goes. If the file grows before the block
 * is written back, nothing that was in the buffer before may get into it.
 */
static void clear_edges(struct sp *sp, const struct sp_request *r)
{
	char *own = arena_ptr(sp->arena, r->own);

	assert(own);
	for (unsigned int part = HEAD; part <= TAIL; part <<= 1)
		if (edges(sp, r) & part)
			memset(own + edge_from(sp, r, part), 0, block_size(sp));
}

static void begin_stages(struct sp *sp, struct sp_request *r)
{
	r->stage = SP_STAGE_MOVE;
	if (edges(sp, r)) {
		r->stage = SP_STAGE_FETCH;
		sp->counters.rmw++;
		if (r->range.end > sp->backend.limits.tail)
			clear_edges(sp, r);
	}
	if (r->operation == PROTO_FLUSH) {
		r->stage = SP_STAGE_SYNC;
		r->covered = sp->stake.changes;
	}
	clear_zeroes(sp, r);
	plan(sp, r);
	r->disk_ns = sp_turn_ns(sp);
	probe_sp_disk(r->peer->id, r->tag);
	sp_work_go_on(sp, r);
}

/* A disk that cannot tell its holes has none. */
static void find_status(struct sp *sp, struct sp_request *r)
{
	struct proto_part *part;

	if (sp->survey.backend) {
		sp_survey_begin(sp, r);
		return;
	}
	part = arena_ptr(sp->arena, r->own);
	assert(part);
	*part = (struct proto_part){ .length = r->length };
	r->n_parts = 1;
	sp_request_finish(sp, r, PROTO_OK);
}

void sp_work_start(struct sp *sp, struct sp_request *r)
{
	/* The disk is not to blame for the time that the request has waited. */
	r->accepted = sp->late.period;
	if (r->operation == PROTO_BLOCK_STATUS)
		find_status(sp, r);
	else if (sp_survey_helps(sp, r))
		sp_survey_begin(sp, r);
	else
		begin_stages(sp, r);
}

void sp_work_surveyed(struct sp *sp, struct sp_request *r, const struct survey_job *j)
{
	r->is_surveyed = false;
	r->accepted = sp->late.period;
	sp_late_disk_lives(sp);
	if (r->is_late) {
		sp_request_finish(sp, r, PROTO_EIO);
		return;
	}
	if (r->operation == PROTO_BLOCK_STATUS) {
		r->n_parts = j->n;
		sp_request_finish(sp, r, PROTO_OK);
		return;
	}
	r->before = (uint32_t)j->before;
	r->after = (uint32_t)j->after;
	if (r->before == r->length)
		sp_request_finish(sp, r, PROTO_OK);
	else
		begin_stages(sp, r);
}

void sp_work_ended(struct sp *sp, const struct arena_event *e)
{
	struct sp_request *r = &sp->requests[e->cookie];
	const char *why = NULL;
	int ret = sp->backend.ops->result(&sp->backend, e, &why);

	r->pending--;
	/* Each operation of a long request has its time. */
	r->accepted = sp->late.period;
	sp_late_disk_lives(sp);
	if (ret == -EAGAIN && r->tries < MAX_TRIES)
		r->is_again = true;
	else if (ret)
		fail(r, ret == -EAGAIN ? -EIO : ret, why);
	/* A stalled request continues when the turn ends. */
	if (!r->is_stalled)
		sp_work_go_on(sp, r);
}
