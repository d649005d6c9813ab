// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Operations that move bytes between extents of the caller's choice and a file.
 *
 * Each has a list of extents, often of one. After a short transfer it is issued again for
 * what is left, which may begin in the middle of the list.
 */
#include "rw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "ops.h"

#define SINK_SIZE	65536U

/* How often an operation is tried again after -EFAULT. */
#define MAX_FAULTS	64U

/* Flags of each send on a stream: send everything, and raise no SIGPIPE. */
#define SEND_FLAGS	(MSG_NOSIGNAL | MSG_WAITALL)

/* Memory that a child of fork(2) does not have; NULL if there is none. */
static void *map(size_t size, int prot)
{
	void *at = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	if (!madvise(at, size, MADV_DONTFORK))
		return at;
	munmap(at, size);
	return NULL;
}

bool ring_rw_init(struct arena_ring *r)
{
	r->vecs = calloc((size_t)r->n_ops * ARENA_RING_MAX_VECS, sizeof(*r->vecs));
	r->iovs = calloc((size_t)r->n_ops * ARENA_RING_MAX_VECS, sizeof(*r->iovs));
	r->msgs = calloc(r->n_ops, sizeof(*r->msgs));
	r->sink = map(SINK_SIZE, PROT_READ | PROT_WRITE);
	r->zeroes = map(RING_ZEROES_SIZE, PROT_READ);
	return r->vecs && r->iovs && r->msgs && r->sink && r->zeroes;
}

void ring_rw_free(struct arena_ring *r)
{
	free(r->vecs);
	free(r->iovs);
	free(r->msgs);
	/* In a child something else may be mapped there. */
	if (r->fork_guard && ring_is_child(r))
		return;
	if (r->sink)
		munmap(r->sink, SINK_SIZE);
	if (r->zeroes)
		munmap(r->zeroes, RING_ZEROES_SIZE);
}

static void add_piece(struct arena_ring *r, struct ring_rest *rest, const struct arena_vec *v,
		      uint32_t skip)
{
	char *at = arena_io_address(r->a, v->buf);

	rest->iov[rest->n++] = (struct iovec){
		.iov_base = at + v->from + skip,
		.iov_len = v->length - skip,
	};
	rest->group = v->buf.group;
}

struct ring_rest ring_rw_rest(struct arena_ring *r, const struct ring_op *op)
{
	struct ring_rest rest = {
		.fd = ring_file_target(r, op->file),
		.iov = &r->iovs[(size_t)ring_op_index(r, op) * ARENA_RING_MAX_VECS],
		.offset = op->rw.offset + op->done,
	};
	uint32_t done = op->done;

	if (r->files[op->file.index].stream)
		rest.offset = (uint64_t)-1;
	for (uint32_t i = 0; i < op->rw.n_vecs; i++) {
		const struct arena_vec *v = &op->rw.vec[i];

		if (done < v->length)
			add_piece(r, &rest, v, done);
		done -= done < v->length ? done : v->length;
	}
	rest.fixed = rest.n == 1 && r->registered[rest.group];
	return rest;
}

static int rwf(const struct ring_op *op)
{
	return (op->rw.flags & ARENA_IO_DSYNC ? RWF_DSYNC : 0) |
	       (op->rw.flags & ARENA_IO_SYNC ? RWF_SYNC : 0) |
	       (op->nowait ? RWF_NOWAIT : 0);
}

static void prep_read(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct ring_rest s = ring_rw_rest(r, op);
	unsigned int length = (unsigned int)s.iov->iov_len;

	if (s.fixed)
		io_uring_prep_read_fixed(sqe, s.fd, s.iov->iov_base, length, s.offset, s.group);
	else if (s.n == 1)
		io_uring_prep_read(sqe, s.fd, s.iov->iov_base, length, s.offset);
	else
		io_uring_prep_readv(sqe, s.fd, s.iov, s.n, s.offset);
	sqe->rw_flags = rwf(op);
}

static void prep_write(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct ring_rest s = ring_rw_rest(r, op);
	unsigned int length = (unsigned int)s.iov->iov_len;

	if (s.fixed)
		io_uring_prep_write_fixed(sqe, s.fd, s.iov->iov_base, length, s.offset, s.group);
	else if (s.n == 1)
		io_uring_prep_write(sqe, s.fd, s.iov->iov_base, length, s.offset);
	else
		io_uring_prep_writev(sqe, s.fd, s.iov, s.n, s.offset);
	sqe->rw_flags = rwf(op);
}

static struct msghdr *message(struct arena_ring *r, const struct ring_op *op,
			      const struct ring_rest *s)
{
	struct msghdr *msg = &r->msgs[ring_op_index(r, op)];

	*msg = (struct msghdr){ .msg_iov = s->iov, .msg_iovlen = s->n };
	return msg;
}

static void prep_recv(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct ring_rest s = ring_rw_rest(r, op);
	int flags = (op->rw.flags & ARENA_IO_ALL ? MSG_WAITALL : 0) |
		    (op->nowait ? MSG_DONTWAIT : 0);

	if (s.n == 1)
		io_uring_prep_recv(sqe, s.fd, s.iov->iov_base, s.iov->iov_len, flags);
	else
		io_uring_prep_recvmsg(sqe, s.fd, message(r, op, &s), (unsigned int)flags);
}

static int send_flags(const struct ring_op *op)
{
	return op->nowait ? MSG_NOSIGNAL | MSG_DONTWAIT : SEND_FLAGS;
}

static void prep_send(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct ring_rest s = ring_rw_rest(r, op);
	int flags = send_flags(op);

	if (s.n == 1)
		io_uring_prep_send(sqe, s.fd, s.iov->iov_base, s.iov->iov_len, flags);
	else
		io_uring_prep_sendmsg(sqe, s.fd, message(r, op, &s), (unsigned int)flags);
}

static void prep_send_zc(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct ring_rest s = ring_rw_rest(r, op);
	int flags = send_flags(op);

	if (s.fixed)
		io_uring_prep_send_zc_fixed(sqe, s.fd, s.iov->iov_base, s.iov->iov_len, flags, 0,
					    (unsigned int)s.group);
	else if (s.n == 1)
		io_uring_prep_send_zc(sqe, s.fd, s.iov->iov_base, s.iov->iov_len, flags, 0);
	else
		io_uring_prep_sendmsg_zc(sqe, s.fd, message(r, op, &s), (unsigned int)flags);
}

/* @enough: the caller is content with a part. */
static bool moved_some(struct arena_ring *r, struct ring_op *op, int32_t bytes, bool enough,
		       struct arena_event *event)
{
	op->done += (uint32_t)bytes;
	if (op->done == op->rw.length || enough)
		return ring_op_finish(r, op, (int32_t)op->done, 0, event);
	if (!bytes && !ring_op_is_ending(r, op))
		return ring_op_finish(r, op, (int32_t)op->done, ARENA_EVENT_SHORT, event);
	return ring_op_continue(r, op, event);
}

static bool moved(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		  struct arena_event *event)
{
	return moved_some(r, op, cqe->res, false, event);
}

static bool received(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		     struct arena_event *event)
{
	bool enough = cqe->res > 0 && !(op->rw.flags & ARENA_IO_ALL);

	return moved_some(r, op, cqe->res, enough, event);
}

void ring_rw_end(struct arena_ring *r, struct ring_op *op)
{
	for (uint32_t i = 0; i < op->rw.n_vecs; i++)
		arena_io_end(r->a, op->rw.vec[i].buf);
}

/* While the module replaces an entry of its page tables, memory cannot be pinned. */
bool ring_rw_retry(struct arena_ring *r, struct ring_op *op, int32_t error)
{
	return error == -EFAULT && r->faults_pass && op->faults++ < MAX_FAULTS;
}

static const struct ring_class send_class = {
	.prep = prep_send, .succeed = moved, .retry = ring_rw_retry, .end = ring_rw_end,
	.moves = true, .waits = true,
};

/* Not every protocol sends without a copy. */
static bool retry_send_zc(struct arena_ring *r, struct ring_op *op, int32_t error)
{
	if (error != -EOPNOTSUPP)
		return ring_rw_retry(r, op, error);
	op->class = &send_class;
	return true;
}

static const struct ring_class send_zc_class = {
	.prep = prep_send_zc, .succeed = moved, .retry = retry_send_zc, .end = ring_rw_end,
	.moves = true, .waits = true,
};

static const struct ring_class read_class = {
	.prep = prep_read, .succeed = moved, .retry = ring_rw_retry, .end = ring_rw_end,
	.in = true, .moves = true, .waits = true,
};

static const struct ring_class write_class = {
	.prep = prep_write, .succeed = moved, .retry = ring_rw_retry, .end = ring_rw_end,
	.moves = true, .waits = true,
};

static const struct ring_class recv_class = {
	.prep = prep_recv, .succeed = received, .retry = ring_rw_retry, .end = ring_rw_end,
	.in = true, .moves = true, .waits = true,
};

/* The parameters of a call of ring.h. */
enum rw { RW_READ, RW_WRITE, RW_RECV, RW_SEND, RW_SEND_ZC };

/* A list is sent without a copy by another operation than one extent. */
static bool sends_zc(const struct arena_ring *r, const struct arena_io *io)
{
	return arena_has(&r->features, io->vec ? ARENA_HAS_SENDMSG_ZC : ARENA_HAS_SEND_ZC);
}

static const struct ring_class *class_of(const struct arena_ring *r, enum rw rw,
					 const struct arena_io *io)
{
	switch (rw) {
	case RW_READ:
		return &read_class;
	case RW_WRITE:
		return &write_class;
	case RW_RECV:
		return &recv_class;
	case RW_SEND_ZC:
		return sends_zc(r, io) ? &send_zc_class : &send_class;
	default:
		return &send_class;
	}
}

static uint32_t flags_of(enum rw rw)
{
	switch (rw) {
	case RW_WRITE:
		return ARENA_IO_NOWAIT | ARENA_IO_DSYNC | ARENA_IO_SYNC;
	case RW_RECV:
		return ARENA_IO_NOWAIT | ARENA_IO_ALL;
	default:
		return ARENA_IO_NOWAIT;
	}
}

static bool is_list_sound(const struct arena_io *io)
{
	if (!io->vec)
		return !io->n_vecs;
	return io->n_vecs && io->n_vecs <= ARENA_RING_MAX_VECS && !io->buf.count &&
	       !io->from && !io->length;
}

/* Copy the list, because the caller may change it. */
static void copy_list(struct arena_ring *r, struct ring_op *op, const struct arena_io *io)
{
	struct arena_vec *list = &r->vecs[(size_t)ring_op_index(r, op) * ARENA_RING_MAX_VECS];

	op->rw.offset = io->offset;
	op->rw.flags = io->flags;
	op->rw.one = (struct arena_vec){ io->buf, io->from, io->length };
	op->rw.vec = io->vec ? list : &op->rw.one;
	op->rw.n_vecs = io->vec ? io->n_vecs : 1;
	if (io->vec)
		memcpy(list, io->vec, io->n_vecs * sizeof(*list));
}

static bool is_within(const struct arena_ring *r, const struct arena_vec *v)
{
	size_t size = arena_size(r->a, v->buf);

	return v->length && v->from <= size && v->length <= size - v->from;
}

/* True if the list lies within its extents, and the range within the size of a file. */
static int check_list(const struct arena_ring *r, struct ring_op *op)
{
	uint64_t length = 0;

	for (uint32_t i = 0; i < op->rw.n_vecs; i++) {
		if (!is_within(r, &op->rw.vec[i]))
			return -EINVAL;
		length += op->rw.vec[i].length;
	}
	/* The kernel takes the offset -1 as the file's position. */
	if (length > INT32_MAX || (!r->files[op->file.index].stream &&
				   op->rw.offset > (uint64_t)INT64_MAX - length))
		return -EINVAL;
	op->rw.length = (uint32_t)length;
	return 0;
}

static void give_list(struct arena_ring *r, const struct ring_op *op, uint32_t n)
{
	while (n--)
		arena_io_end(r->a, op->rw.vec[n].buf);
}

/* Afterwards all extents are IN_IO or, after an error, none is. */
static int take_list(struct arena_ring *r, struct ring_op *op)
{
	uint32_t n = 0;
	int ret = 0;

	while (!ret && n < op->rw.n_vecs) {
		ret = arena_io_begin(r->a, op->rw.vec[n].buf, op->class->in);
		n += !ret;
	}
	if (!ret)
		ret = check_list(r, op);
	if (ret)
		give_list(r, op, n);
	return ret;
}

int ring_rw_take(struct arena_ring *r, struct ring_op *op, const struct arena_io *io)
{
	if (!is_list_sound(io))
		return -EINVAL;
	copy_list(r, op, io);
	return take_list(r, op);
}

static int begin_rw(struct arena_ring *r, enum rw rw, const struct arena_io *io,
		    struct arena_op *handle)
{
	struct ring_op *op;
	int ret = ring_op_new(r, class_of(r, rw, io), io->file, io->cookie, &op);

	if (ret)
		return ret;
	ret = io->flags & ~flags_of(rw) ? -EINVAL : ring_rw_take(r, op, io);
	if (ret) {
		ring_op_drop(r, op);
		return ret;
	}
	op->nowait = io->flags & ARENA_IO_NOWAIT;
	op->buf = op->rw.vec[0].buf;
	ring_op_begin(r, op, handle);
	return 0;
}

int arena_ring_read(struct arena_ring *r, const struct arena_io *io, struct arena_op *op)
{
	return begin_rw(r, RW_READ, io, op);
}

int arena_ring_write(struct arena_ring *r, const struct arena_io *io, struct arena_op *op)
{
	return begin_rw(r, RW_WRITE, io, op);
}

int arena_ring_recv(struct arena_ring *r, const struct arena_io *io, struct arena_op *op)
{
	return begin_rw(r, RW_RECV, io, op);
}

int arena_ring_send(struct arena_ring *r, const struct arena_io *io, struct arena_op *op)
{
	return begin_rw(r, RW_SEND, io, op);
}

int arena_ring_send_zc(struct arena_ring *r, const struct arena_io *io, struct arena_op *op)
{
	return begin_rw(r, RW_SEND_ZC, io, op);
}

/*
 * Discarding received bytes
 */

static void prep_skip(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	uint64_t left = op->skip.length - op->skip.done;
	size_t length = left < SINK_SIZE ? (size_t)left : SINK_SIZE;

	io_uring_prep_recv(sqe, ring_file_target(r, op->file), r->sink, length, MSG_WAITALL);
}

static bool skipped(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		    struct arena_event *event)
{
	op->skip.done += (uint32_t)cqe->res;
	if (op->skip.done == op->skip.length)
		return ring_op_finish(r, op, 0, 0, event);
	if (!cqe->res && !ring_op_is_ending(r, op))
		return ring_op_finish(r, op, 0, ARENA_EVENT_SHORT, event);
	return ring_op_continue(r, op, event);
}

static const struct ring_class skip_class = {
	.prep = prep_skip, .succeed = skipped, .in = true, .moves = true, .waits = true,
};

int arena_ring_skip(struct arena_ring *r, struct arena_file file, uint64_t length,
		    uint64_t cookie, struct arena_op *handle)
{
	struct ring_op *op;
	int ret = ring_op_new(r, &skip_class, file, cookie, &op);

	if (ret)
		return ret;
	if (!length || !r->files[file.index].socket) {
		ring_op_drop(r, op);
		return -EINVAL;
	}
	op->skip.length = length;
	ring_op_begin(r, op, handle);
	return 0;
}
