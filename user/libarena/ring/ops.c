// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ops.h"

#include <errno.h>
#include <poll.h>

#include <common/clock.h>

static struct ring_file *file_of(struct arena_ring *r, const struct ring_op *op)
{
	return &r->files[op->file.index];
}

void ring_ops_init(struct arena_ring *r)
{
	for (uint32_t i = 0; i < r->n_ops; i++)
		r->ops[i].next = i + 1 < r->n_ops ? i + 1 : NONE;
	r->free_op = 0;
	r->requeue_first = NONE;
	r->requeue_last = NONE;
}

bool ring_op_is_ending(struct arena_ring *r, const struct ring_op *op)
{
	const struct ring_file *f = file_of(r, op);

	return op->ending || r->closing || f->state == FILE_CLOSING;
}

/*
 * Beginning
 */

/* 0 if an operation can begin on the file without mixing its bytes with another one's. */
static int check_file(struct arena_ring *r, const struct ring_class *class,
		      struct arena_file file)
{
	const struct ring_file *f = ring_file_find(r, file);

	if (!f || f->state != FILE_LIVE)
		return -ESTALE;
	if (!f->stream || !class->moves)
		return 0;
	return (class->in ? f->reading : f->writing) ? -EBUSY : 0;
}

int ring_op_new(struct arena_ring *r, const struct ring_class *class,
		struct arena_file file, uint64_t cookie, struct ring_op **out)
{
	int ret = ring_check(r);
	struct ring_op *op;

	if (!ret && r->is_polled && !class->polls)
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = r->free_op == NONE ? -EAGAIN : ring_room(r, 1);
	if (!ret)
		ret = check_file(r, class, file);
	if (ret)
		return ret;
	op = &r->ops[r->free_op];
	r->free_op = op->next;
	*op = (struct ring_op){
		.class = class,
		.file = file,
		.cookie = cookie,
		.generation = next_generation(op->generation),
		.busy = true,
	};
	r->pending++;
	*out = op;
	return 0;
}

void ring_op_drop(struct arena_ring *r, struct ring_op *op)
{
	ring_heap_remove(&r->deadlines, ring_op_index(r, op));
	op->busy = false;
	op->next = r->free_op;
	r->free_op = ring_op_index(r, op);
	r->pending--;
}

/* The caller has checked that there is room. */
static void issue(struct arena_ring *r, struct ring_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);

	if (op->waiting)
		io_uring_prep_poll_add(sqe, ring_file_target(r, op->file),
				       op->class->in ? POLLIN : POLLOUT);
	else
		op->class->prep(r, op, sqe);
	sqe->flags |= r->direct ? IOSQE_FIXED_FILE : 0;
	io_uring_sqe_set_data64(sqe, user_data(TAG_OP, op->generation, ring_op_index(r, op)));
	op->cqes++;
	op->removals = r->removals;
}

static void stream_busy(struct arena_ring *r, const struct ring_op *op, bool busy)
{
	struct ring_file *f = file_of(r, op);

	if (!f->stream || !op->class->moves)
		return;
	if (op->class->in)
		f->reading = busy;
	else
		f->writing = busy;
}

void ring_op_begin(struct arena_ring *r, struct ring_op *op, struct arena_op *handle)
{
	struct ring_file *f = file_of(r, op);

	if (f)
		f->pending++;
	stream_busy(r, op, true);
	issue(r, op);
	if (handle)
		*handle = (struct arena_op){ ring_op_index(r, op), op->generation };
}

/*
 * Events
 */

void ring_op_fill_event(struct arena_ring *r, const struct ring_op *op, int32_t result,
			uint32_t flags, struct arena_event *event)
{
	*event = (struct arena_event){
		.cookie = op->cookie,
		.op = { ring_op_index(r, op), op->generation },
		.buf = op->buf,
		.file = op->file,
		.result = result,
		.bytes = op->done,
		.flags = flags | ARENA_EVENT_MORE,
	};
}

/* The last event of an operation. Its entry is free then. */
static void end(struct arena_ring *r, struct ring_op *op, struct arena_event *event)
{
	if (op->class->end)
		op->class->end(r, op);
	ring_op_fill_event(r, op, op->result, op->flags, event);
	event->flags &= ~(uint32_t)ARENA_EVENT_MORE;
	event->flags |= op->is_copied ? ARENA_EVENT_COPIED : 0;
	ring_file_done(r, op->file.index);
	ring_op_drop(r, op);
}

bool ring_op_finish(struct arena_ring *r, struct ring_op *op, int32_t result,
		    uint32_t flags, struct arena_event *event)
{
	op->over = true;
	op->result = result;
	op->flags = flags;
	stream_busy(r, op, false);
	if (!op->cqes) {
		end(r, op, event);
		return true;
	}
	/* A notification is still to come. Until then the kernel uses the buffer. */
	if (result < 0)
		return false;
	ring_op_fill_event(r, op, result, flags, event);
	return true;
}

bool ring_op_finish_canceled(struct arena_ring *r, struct ring_op *op,
			     struct arena_event *event)
{
	switch (op->ending) {
	case 0:
	case -ECANCELED:
		return ring_op_finish(r, op, -ECANCELED, ARENA_EVENT_CANCELED, event);
	case -ETIME:
		return ring_op_finish(r, op, -ETIME, ARENA_EVENT_EXPIRED, event);
	default:
		return ring_op_finish(r, op, op->ending, 0, event);
	}
}

bool ring_op_done(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		  struct arena_event *event)
{
	return ring_op_finish(r, op, cqe->res, 0, event);
}

void ring_op_happened(struct arena_ring *r, struct ring_op *op, int32_t result, bool more,
		      struct arena_event *event)
{
	ring_op_fill_event(r, op, result, more ? 0 : ARENA_EVENT_REARMED, event);
	if (!more)
		ring_op_requeue(r, op);
}

/*
 * Requeueing
 */

void ring_op_requeue(struct arena_ring *r, struct ring_op *op)
{
	uint32_t index = ring_op_index(r, op);

	op->next = NONE;
	if (r->requeue_first == NONE)
		r->requeue_first = index;
	else
		r->ops[r->requeue_last].next = index;
	r->requeue_last = index;
}

static bool has_room(struct arena_ring *r)
{
	return !ring_room(r, 1) && io_uring_sq_space_left(&r->uring);
}

bool ring_op_continue(struct arena_ring *r, struct ring_op *op, struct arena_event *event)
{
	if (ring_op_is_ending(r, op))
		return ring_op_finish_canceled(r, op, event);
	/* Operations that already wait go first. */
	if (r->requeue_first != NONE || !has_room(r))
		ring_op_requeue(r, op);
	else
		issue(r, op);
	return false;
}

bool ring_ops_requeue(struct arena_ring *r, struct arena_event *event)
{
	while (r->requeue_first != NONE) {
		struct ring_op *op = &r->ops[r->requeue_first];
		bool ending = ring_op_is_ending(r, op);
		int error = ending || !op->class->ready ? 0 : op->class->ready(r, op);

		if (!ending && !error && !has_room(r))
			return false;
		r->requeue_first = op->next;
		if (ending)
			return ring_op_finish_canceled(r, op, event);
		if (error)
			return ring_op_finish(r, op, error, 0, event);
		issue(r, op);
	}
	return false;
}

/*
 * Completions
 */

/* True if the error only says that the operation was ended. */
static bool is_from_ending(struct arena_ring *r, const struct ring_op *op, int32_t error)
{
	const struct ring_file *f = file_of(r, op);

	if (!ring_op_is_ending(r, op))
		return false;
	return error == -ECANCELED || error == -EINTR || error == -EAGAIN ||
	       (f->stream && f->state == FILE_CLOSING);
}

/* True if the error only means that the operation has to be issued once more. */
static bool is_transient(const struct arena_ring *r, struct ring_op *op, int32_t error)
{
	/* With O_NONBLOCK the kernel does not wait by itself; a polled ring cannot either. */
	if (error == -EAGAIN && op->class->waits && !op->nowait && !r->is_polled) {
		op->waiting = true;
		return true;
	}
	/* Another handle of the same file was removed, which cancelled this operation, too. */
	if (error == -ECANCELED)
		return op->removals != r->removals;
	return error == -EINTR && !op->class->once;
}

static bool fail(struct arena_ring *r, struct ring_op *op, int32_t error,
		 struct arena_event *event)
{
	if (is_from_ending(r, op, error))
		return ring_op_finish_canceled(r, op, event);
	if (!ring_op_is_ending(r, op) && is_transient(r, op, error))
		return ring_op_continue(r, op, event);
	if (op->class->retry && op->class->retry(r, op, error)) {
		ring_op_requeue(r, op);
		return false;
	}
	return ring_op_finish(r, op, error, 0, event);
}

static bool succeed(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		    struct arena_event *event)
{
	if (op->waiting) {
		op->waiting = false;
		return ring_op_continue(r, op, event);
	}
	return op->class->succeed(r, op, cqe, event);
}

static struct ring_op *find(struct arena_ring *r, uint32_t index, uint32_t generation)
{
	struct ring_op *op = index < r->n_ops ? &r->ops[index] : NULL;

	return op && op->busy && op->generation == generation ? op : NULL;
}

bool ring_op_complete(struct arena_ring *r, const struct io_uring_cqe *cqe,
		      struct arena_event *event)
{
	struct ring_op *op = find(r, (uint32_t)cqe->user_data,
				  cqe->user_data >> 32 & GENERATION_MAX);

	if (!op)
		return false;
	if (!(cqe->flags & IORING_CQE_F_MORE))
		op->cqes--;
	if (cqe->flags & IORING_CQE_F_NOTIF) {
		op->is_copied |= (uint32_t)cqe->res == IORING_NOTIF_USAGE_ZC_COPIED;
		if (!op->over || op->cqes)
			return false;
		end(r, op, event);
		return true;
	}
	if (cqe->res < 0)
		return fail(r, op, cqe->res, event);
	return succeed(r, op, cqe, event);
}

void ring_op_cancel_complete(struct arena_ring *r, uint32_t index, uint32_t generation)
{
	struct ring_op *op = find(r, index, generation);

	if (op)
		op->canceling = false;
}

int ring_op_end(struct arena_ring *r, struct ring_op *op, int32_t reason)
{
	int ret = op->canceling ? -EALREADY : ring_own_room(r, 1);
	uint32_t index = ring_op_index(r, op);
	struct io_uring_sqe *sqe;

	if (ret)
		return ret;
	sqe = ring_own_sqe(r);
	io_uring_prep_cancel64(sqe, user_data(TAG_OP, op->generation, index), 0);
	io_uring_sqe_set_data64(sqe, user_data(TAG_CANCEL, op->generation, index));
	op->canceling = true;
	/* The first error is the one that is reported. */
	if (!op->ending)
		op->ending = reason;
	return 0;
}

int arena_ring_cancel(struct arena_ring *r, struct arena_op handle)
{
	struct ring_op *op;
	int ret = ring_check(r);

	if (ret)
		return ret;
	if (r->is_polled)
		return -EOPNOTSUPP;
	op = find(r, handle.index, handle.generation);
	return op ? ring_op_end(r, op, -ECANCELED) : -ESTALE;
}

int arena_ring_set_deadline(struct arena_ring *r, struct arena_op handle, int64_t deadline_ns)
{
	struct ring_op *op;
	int ret = ring_check(r);

	if (ret)
		return ret;
	if (r->is_polled)
		return -EOPNOTSUPP;
	op = find(r, handle.index, handle.generation);
	if (!op)
		return -ESTALE;
	if (deadline_ns == CLOCK_NEVER)
		ring_heap_remove(&r->deadlines, handle.index);
	else
		ring_heap_set(&r->deadlines, handle.index, deadline_ns);
	return 0;
}

void ring_ops_expire(struct arena_ring *r)
{
	int64_t now = r->deadlines.n ? clock_ns() : 0;

	while (r->deadlines.n && ring_heap_first(&r->deadlines) <= now) {
		uint32_t index = r->deadlines.entry[0].key;
		struct ring_op *op = &r->ops[index];

		/* If there is no room now, the next call tries again. */
		if (!op->over && !op->canceling && ring_op_end(r, op, -ETIME))
			return;
		ring_heap_remove(&r->deadlines, index);
	}
}
