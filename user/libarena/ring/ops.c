// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "core.h"

/* Bytes, not connections: has a buffer. */
static bool moves(const struct ring_op *op)
{
	return op->kind <= KIND_SEND_ZC;
}

static bool is_in(enum ring_kind kind)
{
	return kind == KIND_READ || kind == KIND_RECV || kind == KIND_RECV_ANY;
}

static bool moves_in(const struct ring_op *op)
{
	return is_in((enum ring_kind)op->kind);
}

static uint32_t slot_of(const struct arena_ring *r, const struct ring_op *op)
{
	return (uint32_t)(op - r->ops);
}

static struct ring_file *file_of(struct arena_ring *r, const struct ring_op *op)
{
	return op->kind == KIND_TIMEOUT ? NULL : &r->files[op->io.file.slot];
}

/* Nothing of it is to be begun any more. */
static bool is_ending(struct arena_ring *r, const struct ring_op *op)
{
	const struct ring_file *f = file_of(r, op);

	return op->canceled || r->closing || (f && f->state == FILE_CLOSING);
}

void ops_init(struct arena_ring *r)
{
	for (uint32_t i = 0; i < r->n_ops; i++)
		r->ops[i].next = i + 1 < r->n_ops ? i + 1 : NONE;
	r->free_op = 0;
	r->again_first = NONE;
	r->again_last = NONE;
}

static void prep_move(struct arena_ring *r, const struct ring_op *op,
		      struct io_uring_sqe *sqe)
{
	char *at = (char *)arena_io_address(r->a, op->io.buf) + op->io.from + op->done;
	int fd = (int)op->io.file.slot, group = op->io.buf.group;
	uint64_t offset = file_of(r, op)->stream ? (uint64_t)-1 : op->io.offset + op->done;
	uint32_t length = op->io.length - op->done;
	bool registered = r->registered[group];

	if (op->kind == KIND_READ && registered)
		io_uring_prep_read_fixed(sqe, fd, at, length, offset, group);
	else if (op->kind == KIND_READ)
		io_uring_prep_read(sqe, fd, at, length, offset);
	else if (op->kind == KIND_WRITE && registered)
		io_uring_prep_write_fixed(sqe, fd, at, length, offset, group);
	else if (op->kind == KIND_WRITE)
		io_uring_prep_write(sqe, fd, at, length, offset);
	else if (op->kind == KIND_RECV)
		io_uring_prep_recv(sqe, fd, at, length, 0);
	else if (op->kind == KIND_SEND)
		io_uring_prep_send(sqe, fd, at, length, MSG_NOSIGNAL | MSG_WAITALL);
	else if (registered)
		io_uring_prep_send_zc_fixed(sqe, fd, at, length, MSG_NOSIGNAL | MSG_WAITALL, 0,
					    (unsigned int)group);
	else
		io_uring_prep_send_zc(sqe, fd, at, length, MSG_NOSIGNAL | MSG_WAITALL, 0);
}

static void prep_accept(struct arena_ring *r, const struct ring_op *op,
			struct io_uring_sqe *sqe)
{
	int fd = (int)op->io.file.slot;

	if (arena_has(&r->features, ARENA_HAS_ACCEPT_MULTISHOT))
		io_uring_prep_multishot_accept_direct(sqe, fd, NULL, NULL, 0);
	else
		io_uring_prep_accept_direct(sqe, fd, NULL, NULL, 0, IORING_FILE_INDEX_ALLOC);
}

static void prep_poll(struct arena_ring *r, const struct ring_op *op,
		      struct io_uring_sqe *sqe)
{
	int fd = (int)op->io.file.slot;

	if (op->again && arena_has(&r->features, ARENA_HAS_POLL_MULTISHOT))
		io_uring_prep_poll_multishot(sqe, fd, op->poll);
	else
		io_uring_prep_poll_add(sqe, fd, op->poll);
}

static void prep_kind(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	switch ((enum ring_kind)op->kind) {
	case KIND_RECV_ANY:
		recv_prep(r, op, sqe);
		break;
	case KIND_ACCEPT:
		prep_accept(r, op, sqe);
		break;
	case KIND_POLL:
		prep_poll(r, op, sqe);
		break;
	case KIND_FSYNC:
		io_uring_prep_fsync(sqe, (int)op->io.file.slot,
				    op->data ? IORING_FSYNC_DATASYNC : 0);
		break;
	case KIND_TIMEOUT:
		io_uring_prep_timeout(sqe, &op->ts, 0, 0);
		break;
	default:
		prep_move(r, op, sqe);
	}
}

/* There is room for it. */
static void issue(struct arena_ring *r, struct ring_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
	bool in = moves_in(op) || op->kind == KIND_ACCEPT;

	if (op->waiting)
		io_uring_prep_poll_add(sqe, (int)op->io.file.slot, in ? POLLIN : POLLOUT);
	else
		prep_kind(r, op, sqe);
	if (op->kind != KIND_TIMEOUT)
		sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(sqe, user_data(TAG_OP, op->generation, slot_of(r, op)));
	op->cqes++;
	op->removals = r->removals;
}

static void op_drop(struct arena_ring *r, struct ring_op *op)
{
	op->busy = false;
	op->next = r->free_op;
	r->free_op = slot_of(r, op);
	r->pending--;
}

/* The last event of an operation, which is no more then. */
static void end(struct arena_ring *r, struct ring_op *op, struct arena_event *event)
{
	if (op->kind == KIND_RECV_ANY)
		recv_end(r, op);
	*event = (struct arena_event){
		.cookie = op->io.cookie,
		.op = { slot_of(r, op), op->generation },
		.buf = op->io.buf,
		.file = op->io.file,
		.result = op->result,
		.bytes = op->done,
		.flags = op->flags,
	};
	if (moves(op))
		arena_io_end(r->a, op->io.buf);
	if (file_of(r, op))
		file_done(r, op->io.file.slot);
	op_drop(r, op);
}

/* An event that is not the last. */
static void tell(struct arena_ring *r, const struct ring_op *op, int32_t result,
		 uint32_t flags, struct arena_event *event)
{
	*event = (struct arena_event){
		.cookie = op->io.cookie,
		.op = { slot_of(r, op), op->generation },
		.buf = op->io.buf,
		.file = op->io.file,
		.result = result,
		.bytes = op->done,
		.flags = flags | ARENA_EVENT_MORE,
	};
}

static void stream_free(struct arena_ring *r, const struct ring_op *op)
{
	struct ring_file *f = file_of(r, op);

	if (moves_in(op))
		f->reading = false;
	else if (moves(op))
		f->writing = false;
}

/* It has a result; true if that makes an event now. */
static bool finish(struct arena_ring *r, struct ring_op *op, int32_t result,
		   uint32_t flags, struct arena_event *event)
{
	op->over = true;
	op->result = result;
	op->flags = flags;
	stream_free(r, op);
	if (!op->cqes) {
		end(r, op, event);
		return true;
	}
	/* A notification is to come: the buffer is not ours yet. */
	if (result < 0)
		return false;
	tell(r, op, result, flags, event);
	return true;
}

static bool finish_canceled(struct arena_ring *r, struct ring_op *op,
			    struct arena_event *event)
{
	return finish(r, op, -ECANCELED, ARENA_EVENT_CANCELED, event);
}

static void put_off(struct arena_ring *r, struct ring_op *op)
{
	uint32_t slot = slot_of(r, op);

	op->next = NONE;
	if (r->again_first == NONE)
		r->again_first = slot;
	else
		r->ops[r->again_last].next = slot;
	r->again_last = slot;
}

/* It goes on, if nobody has ended it; true if that makes an event. */
static bool go_on(struct arena_ring *r, struct ring_op *op, struct arena_event *event)
{
	if (is_ending(r, op))
		return finish_canceled(r, op, event);
	if (r->again_first != NONE || ring_room(r, 1) ||
	    !io_uring_sq_space_left(&r->uring))
		put_off(r, op);
	else
		issue(r, op);
	return false;
}

static bool no_buffer(struct arena_ring *r, struct ring_op *op)
{
	return op->kind == KIND_RECV_ANY && recv_ready(r, op);
}

bool ops_again(struct arena_ring *r, struct arena_event *event)
{
	while (r->again_first != NONE) {
		struct ring_op *op = &r->ops[r->again_first];
		bool ending = is_ending(r, op), starved = !ending && no_buffer(r, op);

		if (!ending && !starved &&
		    (ring_room(r, 1) || !io_uring_sq_space_left(&r->uring)))
			return false;
		r->again_first = op->next;
		if (ending)
			return finish_canceled(r, op, event);
		if (starved)
			return finish(r, op, -ENOBUFS, 0, event);
		issue(r, op);
	}
	return false;
}

/* An error of the kernel's: some only mean that it is to be tried otherwise. */
static bool fail(struct arena_ring *r, struct ring_op *op, int32_t error,
		 struct arena_event *event)
{
	const struct ring_file *f = file_of(r, op);
	bool ending = is_ending(r, op);

	/* What a socket says that is shut down says nothing of the operation. */
	if (ending && (error == -ECANCELED || error == -EINTR || error == -EAGAIN ||
		       (f && f->stream && f->state == FILE_CLOSING)))
		return finish_canceled(r, op, event);
	/* O_NONBLOCK: the kernel does not wait by itself then. */
	if (error == -EAGAIN && (moves(op) || op->again)) {
		op->waiting = true;
		return go_on(r, op, event);
	}
	if (error == -EINTR && !ending)
		return go_on(r, op, event);
	/* The same file has a second handle, and that was removed. */
	if (error == -ECANCELED && !ending && op->removals != r->removals)
		return go_on(r, op, event);
	if (error == -EOPNOTSUPP && op->kind == KIND_SEND_ZC) {
		op->kind = KIND_SEND;
		return go_on(r, op, event);
	}
	if (error == -ENOBUFS && op->kind == KIND_RECV_ANY) {
		put_off(r, op);
		return false;
	}
	return finish(r, op, error, 0, event);
}

static bool moved(struct arena_ring *r, struct ring_op *op, int32_t bytes,
		  struct arena_event *event)
{
	op->done += (uint32_t)bytes;
	if (op->done == op->io.length || (op->kind == KIND_RECV && bytes))
		return finish(r, op, (int32_t)op->done, 0, event);
	if (!bytes && !is_ending(r, op))
		return finish(r, op, (int32_t)op->done, ARENA_EVENT_SHORT, event);
	return go_on(r, op, event);
}

/* Of what goes on after each. */
static bool happened(struct arena_ring *r, struct ring_op *op, int32_t result, bool more,
		     struct arena_event *event)
{
	uint32_t flags = more ? 0 : ARENA_EVENT_REARMED;

	if (op->kind == KIND_POLL && !op->again)
		return finish(r, op, result, 0, event);
	tell(r, op, op->kind == KIND_ACCEPT ? 0 : result, flags, event);
	if (op->kind == KIND_ACCEPT)
		event->file = file_accepted(r, (uint32_t)result);
	if (!more)
		put_off(r, op);
	return true;
}

/* Into a buffer of the kernel's choice. */
static bool received(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		     bool more, struct arena_event *event)
{
	struct arena_buf b = recv_buffer(r, op, cqe);

	/* Nobody is told of it: nothing is in it, or the ring is being closed. */
	if (b.count && (!cqe->res || r->closing))
		arena_put(r->a, b);
	if (!cqe->res)
		return is_ending(r, op) ? finish_canceled(r, op, event) :
		       finish(r, op, 0, 0, event);
	tell(r, op, cqe->res, more ? 0 : ARENA_EVENT_REARMED, event);
	event->buf = b;
	event->bytes = (uint32_t)cqe->res;
	if (!more)
		put_off(r, op);
	return true;
}

static bool succeed(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		    bool more, struct arena_event *event)
{
	int32_t result = cqe->res;

	if (op->waiting) {
		op->waiting = false;
		return go_on(r, op, event);
	}
	if (moves(op))
		return moved(r, op, result, event);
	if (op->kind == KIND_RECV_ANY)
		return received(r, op, cqe, more, event);
	if (op->kind == KIND_ACCEPT || op->kind == KIND_POLL)
		return happened(r, op, result, more, event);
	return finish(r, op, result, 0, event);
}

static struct ring_op *op_find(struct arena_ring *r, uint32_t slot, uint32_t generation)
{
	struct ring_op *op = slot < r->n_ops ? &r->ops[slot] : NULL;

	return op && op->busy && op->generation == generation ? op : NULL;
}

bool op_complete(struct arena_ring *r, const struct io_uring_cqe *cqe,
		 struct arena_event *event)
{
	struct ring_op *op = op_find(r, (uint32_t)cqe->user_data,
				     cqe->user_data >> 32 & GENERATION_MAX);
	bool more = cqe->flags & IORING_CQE_F_MORE;

	if (!op)
		return false;
	if (!more)
		op->cqes--;
	if (cqe->flags & IORING_CQE_F_NOTIF) {
		if (!op->over || op->cqes)
			return false;
		end(r, op, event);
		return true;
	}
	if (cqe->res < 0)
		return fail(r, op, cqe->res, event);
	return succeed(r, op, cqe, more, event);
}

void op_cancel_complete(struct arena_ring *r, uint32_t slot, uint32_t generation)
{
	struct ring_op *op = op_find(r, slot, generation);

	if (op)
		op->canceling = false;
}

int arena_ring_cancel(struct arena_ring *r, struct arena_op handle)
{
	struct io_uring_sqe *sqe;
	struct ring_op *op;
	int ret = ring_check(r);

	if (ret)
		return ret;
	op = op_find(r, handle.slot, handle.generation);
	if (!op)
		return -ESTALE;
	if (op->canceling)
		return -EALREADY;
	ret = ring_own_room(r, 1);
	if (ret)
		return ret;
	sqe = ring_own_sqe(r);
	io_uring_prep_cancel64(sqe, user_data(TAG_OP, op->generation, handle.slot), 0);
	io_uring_sqe_set_data64(sqe, user_data(TAG_CANCEL, op->generation, handle.slot));
	op->canceled = true;
	op->canceling = true;
	return 0;
}

/* 0 if one more can begin on it, which would not mix with another. */
static int file_takes(struct arena_ring *r, enum ring_kind kind, struct arena_file file)
{
	const struct ring_file *f = file_find(r, file);

	if (!f || f->state != FILE_LIVE)
		return -ESTALE;
	if (!f->stream || kind > KIND_RECV_ANY)
		return 0;
	return (is_in(kind) ? f->reading : f->writing) ? -EBUSY : 0;
}

static struct ring_op *op_new(struct arena_ring *r, enum ring_kind kind)
{
	struct ring_op *op = &r->ops[r->free_op];

	r->free_op = op->next;
	*op = (struct ring_op){
		.generation = next_generation(op->generation),
		.kind = (uint8_t)kind,
		.busy = true,
	};
	r->pending++;
	return op;
}

/* Everything that can be wrong has been looked at. */
static void begin(struct arena_ring *r, struct ring_op *op, struct arena_op *handle)
{
	struct ring_file *f = file_of(r, op);

	if (f)
		f->pending++;
	if (f && f->stream && moves_in(op))
		f->reading = true;
	else if (f && f->stream && moves(op))
		f->writing = true;
	issue(r, op);
	if (handle)
		*handle = (struct arena_op){ slot_of(r, op), op->generation };
}

static int may_begin(struct arena_ring *r)
{
	int ret = ring_check(r);

	if (ret)
		return ret;
	return r->free_op == NONE ? -EAGAIN : ring_room(r, 1);
}

static bool is_within(const struct arena_ring *r, const struct arena_io *io)
{
	size_t size = arena_size(r->a, io->buf);

	/* To the kernel -1 is no offset, but to go on where the file's position is. */
	if (!r->files[io->file.slot].stream && io->offset > (uint64_t)INT64_MAX - io->length)
		return false;
	return io->length && io->length <= INT32_MAX && io->from <= size &&
	       io->length <= size - io->from;
}

int arena_ring_rw_at(struct arena_ring *r, enum arena_ring_rw move, const char *site,
		     const struct arena_io *io, struct arena_op *handle)
{
	enum ring_kind kind = (enum ring_kind)move;
	struct ring_op *op;
	int ret = may_begin(r);

	if (!ret)
		ret = file_takes(r, kind, io->file);
	if (!ret)
		ret = arena_io_begin_at(r->a, io->buf, move == ARENA_RING_READ ||
					move == ARENA_RING_RECV, site);
	if (ret)
		return ret;
	if (!is_within(r, io)) {
		arena_io_end_at(r->a, io->buf, site);
		return -EINVAL;
	}
	if (kind == KIND_SEND_ZC && !arena_has(&r->features, ARENA_HAS_SEND_ZC))
		kind = KIND_SEND;
	op = op_new(r, kind);
	op->io = *io;
	begin(r, op, handle);
	return 0;
}

/* An operation on a file that moves no bytes. */
static int new_on_file(struct arena_ring *r, enum ring_kind kind, struct arena_file file,
		       uint64_t cookie, struct ring_op **op)
{
	int ret = may_begin(r);

	if (!ret)
		ret = file_takes(r, kind, file);
	if (ret)
		return ret;
	*op = op_new(r, kind);
	(*op)->io.file = file;
	(*op)->io.cookie = cookie;
	return 0;
}

int arena_ring_recv_any(struct arena_ring *r, struct arena_file file, uint32_t group,
			uint64_t cookie, struct arena_op *handle)
{
	struct ring_op *op;
	int ret = new_on_file(r, KIND_RECV_ANY, file, cookie, &op);

	if (ret)
		return ret;
	op->again = true;
	op->group = group;
	ret = group < arena_layout(r->a)->n_groups ? recv_ready(r, op) : -EINVAL;
	if (ret)
		op_drop(r, op);
	else
		begin(r, op, handle);
	return ret;
}

int arena_ring_accept(struct arena_ring *r, struct arena_file file, uint64_t cookie,
		      struct arena_op *handle)
{
	struct ring_op *op;
	int ret = new_on_file(r, KIND_ACCEPT, file, cookie, &op);

	if (ret)
		return ret;
	op->again = true;
	begin(r, op, handle);
	return 0;
}

int arena_ring_poll(struct arena_ring *r, struct arena_file file, uint32_t events,
		    bool again, uint64_t cookie, struct arena_op *handle)
{
	struct ring_op *op;
	int ret = new_on_file(r, KIND_POLL, file, cookie, &op);

	if (ret)
		return ret;
	op->again = again;
	op->poll = events;
	begin(r, op, handle);
	return 0;
}

int arena_ring_fsync(struct arena_ring *r, struct arena_file file, bool data,
		     uint64_t cookie, struct arena_op *handle)
{
	struct ring_op *op;
	int ret = new_on_file(r, KIND_FSYNC, file, cookie, &op);

	if (ret)
		return ret;
	op->data = data;
	begin(r, op, handle);
	return 0;
}

int arena_ring_timeout(struct arena_ring *r, uint64_t ns, uint64_t cookie,
		       struct arena_op *handle)
{
	struct ring_op *op;
	int ret = may_begin(r);

	if (ret)
		return ret;
	op = op_new(r, KIND_TIMEOUT);
	op->io.cookie = cookie;
	op->ts.tv_sec = (long long)(ns / 1000000000);
	op->ts.tv_nsec = (long long)(ns % 1000000000);
	begin(r, op, handle);
	return 0;
}
