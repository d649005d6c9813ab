// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Operations that transfer bytes between extents of the caller's choice and a file.
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

#include "../buffer/io.h"
#include "../why.h"
#include "ops.h"

#define SINK_SIZE	65536U

/* Most tries of an operation after -EFAULT. */
#define MAX_FAULTS	64U

/* Stands for the position of a file that has no offsets. */
#define STREAM_OFFSET	UINT64_MAX

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
	r->bufs = calloc((size_t)r->n_ops * ARENA_RING_MAX_VECS, sizeof(*r->bufs));
	r->iovs = calloc((size_t)r->n_ops * ARENA_RING_MAX_VECS, sizeof(*r->iovs));
	r->msgs = calloc(r->n_ops, sizeof(*r->msgs));
	r->sink = map(SINK_SIZE, PROT_READ | PROT_WRITE);
	r->zeroes = map(RING_ZEROES_SIZE, PROT_READ);
	return r->bufs && r->iovs && r->msgs && r->sink && r->zeroes;
}

void ring_rw_free(struct arena_ring *r)
{
	free(r->bufs);
	free(r->iovs);
	free(r->msgs);
	/* In a child something else may be mapped there. */
	if (ring_is_child(r))
		return;
	if (r->sink)
		munmap(r->sink, SINK_SIZE);
	if (r->zeroes)
		munmap(r->zeroes, RING_ZEROES_SIZE);
}

static int rwf(const struct ring_op *op)
{
	return (op->rw.flags & ARENA_IO_DSYNC ? RWF_DSYNC : 0) |
	       (op->rw.flags & ARENA_IO_SYNC ? RWF_SYNC : 0) |
	       (op->nowait ? RWF_NOWAIT : 0);
}

/* A list by the registered group in which all of it lies, where the kernel can do that. */
static void prep_fixed_list(struct arena_ring *r, const struct ring_rw *rw, uint8_t opcode,
			    struct io_uring_sqe *sqe)
{
	if (rw->group < 0 || !arena_has(&r->features, ARENA_HAS_READV_FIXED))
		return;
	sqe->opcode = opcode;
	sqe->buf_index = (uint16_t)rw->group;
}

static void prep_read(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	int fd = ring_file_target(r, op->file);
	const struct ring_rw *rw = &op->rw;
	unsigned int length = (unsigned int)rw->iov->iov_len;

	if (rw->n_iov != 1) {
		io_uring_prep_readv(sqe, fd, rw->iov, rw->n_iov, rw->offset);
		prep_fixed_list(r, rw, URING_OP_READV_FIXED, sqe);
	} else if (rw->group >= 0) {
		io_uring_prep_read_fixed(sqe, fd, rw->iov->iov_base, length, rw->offset, rw->group);
	} else {
		io_uring_prep_read(sqe, fd, rw->iov->iov_base, length, rw->offset);
	}
	sqe->rw_flags = rwf(op);
}

static void prep_write(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	int fd = ring_file_target(r, op->file);
	const struct ring_rw *rw = &op->rw;
	unsigned int length = (unsigned int)rw->iov->iov_len;

	if (rw->n_iov != 1) {
		io_uring_prep_writev(sqe, fd, rw->iov, rw->n_iov, rw->offset);
		prep_fixed_list(r, rw, URING_OP_WRITEV_FIXED, sqe);
	} else if (rw->group >= 0) {
		io_uring_prep_write_fixed(sqe, fd, rw->iov->iov_base, length, rw->offset,
					  rw->group);
	} else {
		io_uring_prep_write(sqe, fd, rw->iov->iov_base, length, rw->offset);
	}
	sqe->rw_flags = rwf(op);
}

static struct msghdr *message(struct arena_ring *r, const struct ring_op *op)
{
	struct msghdr *msg = &r->msgs[ring_op_index(r, op)];

	*msg = (struct msghdr){ .msg_iov = op->rw.iov, .msg_iovlen = op->rw.n_iov };
	return msg;
}

static void prep_recv(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	int fd = ring_file_target(r, op->file);
	const struct iovec *iov = op->rw.iov;
	int flags = (op->rw.flags & ARENA_IO_ALL ? MSG_WAITALL : 0) |
		    (op->nowait ? MSG_DONTWAIT : 0);

	if (op->rw.n_iov == 1)
		io_uring_prep_recv(sqe, fd, iov->iov_base, iov->iov_len, flags);
	else
		io_uring_prep_recvmsg(sqe, fd, message(r, op), (unsigned int)flags);
}

static int send_flags(const struct ring_op *op)
{
	return op->nowait ? MSG_NOSIGNAL | MSG_DONTWAIT : SEND_FLAGS;
}

static void prep_send(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	int fd = ring_file_target(r, op->file);
	const struct iovec *iov = op->rw.iov;
	int flags = send_flags(op);

	if (op->rw.n_iov == 1)
		io_uring_prep_send(sqe, fd, iov->iov_base, iov->iov_len, flags);
	else
		io_uring_prep_sendmsg(sqe, fd, message(r, op), (unsigned int)flags);
}

static void prep_send_zc(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	int fd = ring_file_target(r, op->file);
	const struct iovec *iov = op->rw.iov;
	int flags = send_flags(op);

	if (op->rw.n_iov != 1)
		io_uring_prep_sendmsg_zc(sqe, fd, message(r, op), (unsigned int)flags);
	else if (op->rw.group >= 0)
		io_uring_prep_send_zc_fixed(sqe, fd, iov->iov_base, iov->iov_len, flags, 0,
					    (unsigned int)op->rw.group);
	else
		io_uring_prep_send_zc(sqe, fd, iov->iov_base, iov->iov_len, flags, 0);
	sqe->ioprio |= IORING_SEND_ZC_REPORT_USAGE;
}

/* Advance by @bytes, which are fewer than those left. */
static void advance(struct ring_rw *rw, size_t bytes)
{
	if (rw->offset != STREAM_OFFSET)
		rw->offset += bytes;
	for (; bytes >= rw->iov->iov_len; rw->n_iov--)
		bytes -= rw->iov++->iov_len;
	rw->iov->iov_base = (char *)rw->iov->iov_base + bytes;
	rw->iov->iov_len -= bytes;
}

/* @enough: a part of the bytes is enough for the caller. */
static bool moved_some(struct arena_ring *r, struct ring_op *op, int32_t bytes, bool enough,
		       struct arena_event *event)
{
	op->done += (uint32_t)bytes;
	if (op->done == op->rw.length || enough)
		return ring_op_finish(r, op, (int32_t)op->done, 0, event);
	if (!bytes && !ring_op_is_ending(r, op))
		return ring_op_finish(r, op, (int32_t)op->done, ARENA_EVENT_SHORT, event);
	advance(&op->rw, (size_t)bytes);
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
	for (uint32_t i = 0; i < op->rw.n_bufs; i++)
		arena_io_end(r->a, op->rw.buf[i]);
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
	op->is_copied = true;
	return true;
}

static const struct ring_class send_zc_class = {
	.prep = prep_send_zc, .succeed = moved, .retry = retry_send_zc, .end = ring_rw_end,
	.moves = true, .waits = true,
};

static const struct ring_class read_class = {
	.prep = prep_read, .succeed = moved, .retry = ring_rw_retry, .end = ring_rw_end,
	.in = true, .moves = true, .waits = true, .polls = true,
};

static const struct ring_class write_class = {
	.prep = prep_write, .succeed = moved, .retry = ring_rw_retry, .end = ring_rw_end,
	.moves = true, .waits = true, .polls = true,
};

static const struct ring_class recv_class = {
	.prep = prep_recv, .succeed = received, .retry = ring_rw_retry, .end = ring_rw_end,
	.in = true, .moves = true, .waits = true,
};

/* The parameters of a call of ring.h. */
enum rw { RW_READ, RW_WRITE, RW_RECV, RW_SEND, RW_SEND_ZC };

/* One extent and a list need different features of the kernel. */
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

/* Make one more extent IN_IO. */
static int take(struct arena_ring *r, struct ring_op *op, struct arena_buf b, uint32_t from,
		uint32_t length)
{
	struct ring_rw *rw = &op->rw;
	struct iovec *iov = &rw->iov[rw->n_bufs];
	int ret = arena_io_take(r->a, b, from, length, op->class->in, &iov->iov_base);

	if (ret)
		return ret;
	iov->iov_len = length;
	rw->n_bufs++;
	if (b.group != rw->group)
		rw->group = -1;
	return 0;
}

static int32_t registered_group(const struct arena_ring *r, struct arena_buf b)
{
	return b.group < arena_layout(r->a)->n_groups && r->registered[b.group] ? b.group : -1;
}

/* Copy the list, because the caller may change it, and make its extents IN_IO. */
static int take_list(struct arena_ring *r, struct ring_op *op, const struct arena_io *io)
{
	size_t at = (size_t)ring_op_index(r, op) * ARENA_RING_MAX_VECS;
	struct arena_buf *bufs = &r->bufs[at];
	uint64_t length = 0;
	int ret = 0;

	op->rw.iov = &r->iovs[at];
	op->rw.buf = bufs;
	op->rw.group = registered_group(r, io->vec->buf);
	for (uint32_t i = 0; !ret && i < io->n_vecs; i++) {
		const struct arena_vec *v = &io->vec[i];

		bufs[i] = v->buf;
		length += v->length;
		ret = take(r, op, v->buf, v->from, v->length);
	}
	op->buf = bufs[0];
	op->rw.length = length <= INT32_MAX ? (uint32_t)length : 0;
	return ret;
}

static int take_one(struct arena_ring *r, struct ring_op *op, const struct arena_io *io)
{
	op->buf = io->buf;
	op->rw.iov = &op->rw.one;
	op->rw.buf = &op->buf;
	op->rw.group = registered_group(r, io->buf);
	op->rw.length = io->length <= INT32_MAX ? io->length : 0;
	return take(r, op, io->buf, io->from, io->length);
}

static int set_range(struct arena_ring *r, struct ring_op *op, const struct arena_io *io)
{
	bool stream = r->files[op->file.index].stream;

	op->rw.offset = stream ? STREAM_OFFSET : io->offset;
	if (!op->rw.length)
		return why("length: is more than INT32_MAX in all");
	/* The kernel takes the offset -1 as the file's position. */
	return !stream && io->offset > (uint64_t)INT64_MAX - op->rw.length ?
	       why("offset: the transfer ends beyond the largest file") : 0;
}

int ring_rw_take(struct arena_ring *r, struct ring_op *op, const struct arena_io *io)
{
	int ret;

	if (!is_list_sound(io))
		return why("vec: a list has 1 to ARENA_RING_MAX_VECS parts, and no buf beside it");
	op->rw.flags = io->flags;
	ret = io->vec ? take_list(r, op, io) : take_one(r, op, io);
	if (!ret)
		ret = set_range(r, op, io);
	op->rw.n_iov = op->rw.n_bufs;
	if (ret)
		ring_rw_end(r, op);
	return ret;
}

static int begin_rw(struct arena_ring *r, enum rw rw, const struct arena_io *io,
		    struct arena_op *handle)
{
	struct ring_op *op;
	int ret = ring_op_new(r, class_of(r, rw, io), io->file, io->cookie, &op);

	if (ret)
		return ret;
	ret = io->flags & ~flags_of(rw) ? why("flags: has one that is not of this call") :
	      ring_rw_take(r, op, io);
	if (ret) {
		ring_op_drop(r, op);
		return ret;
	}
	op->nowait = io->flags & ARENA_IO_NOWAIT;
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
		return why(length ? "file: is no socket" : "length: is 0");
	}
	op->skip.length = length;
	ring_op_begin(r, op, handle);
	return 0;
}
