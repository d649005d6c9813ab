// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Operations that move bytes between buffers of the caller's choice and a file.
 */
#include <errno.h>
#include <sys/socket.h>

#include "ops.h"

/**
 * struct piece - what is still to be moved
 * @fd: the file, as an SQE names it
 * @at: address
 * @length: bytes
 * @offset: into the file
 * @group: of the buffer
 * @registered: whether that group is registered
 */
struct piece {
	int fd;
	char *at;
	uint32_t length;
	uint64_t offset;
	int group;
	bool registered;
};

static struct piece rest(struct arena_ring *r, const struct ring_op *op)
{
	const struct arena_io *io = &op->io;
	bool stream = r->files[io->file.index].stream;

	return (struct piece){
		.fd = ring_file_target(r, io->file),
		.at = (char *)arena_io_address(r->a, io->buf) + io->from + op->done,
		.length = io->length - op->done,
		.offset = stream ? (uint64_t)-1 : io->offset + op->done,
		.group = io->buf.group,
		.registered = r->registered[io->buf.group],
	};
}

static void prep_read(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct piece p = rest(r, op);

	if (p.registered)
		io_uring_prep_read_fixed(sqe, p.fd, p.at, p.length, p.offset, p.group);
	else
		io_uring_prep_read(sqe, p.fd, p.at, p.length, p.offset);
}

static void prep_write(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct piece p = rest(r, op);

	if (p.registered)
		io_uring_prep_write_fixed(sqe, p.fd, p.at, p.length, p.offset, p.group);
	else
		io_uring_prep_write(sqe, p.fd, p.at, p.length, p.offset);
}

static void prep_recv(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct piece p = rest(r, op);

	io_uring_prep_recv(sqe, p.fd, p.at, p.length, 0);
}

static void prep_send(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct piece p = rest(r, op);

	io_uring_prep_send(sqe, p.fd, p.at, p.length, MSG_NOSIGNAL | MSG_WAITALL);
}

static void prep_send_zc(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	struct piece p = rest(r, op);
	const int flags = MSG_NOSIGNAL | MSG_WAITALL;

	if (p.registered)
		io_uring_prep_send_zc_fixed(sqe, p.fd, p.at, p.length, flags, 0,
					    (unsigned int)p.group);
	else
		io_uring_prep_send_zc(sqe, p.fd, p.at, p.length, flags, 0);
}

static bool moved_some(struct arena_ring *r, struct ring_op *op, int32_t bytes, bool enough,
		       struct arena_event *event)
{
	op->done += (uint32_t)bytes;
	if (op->done == op->io.length || enough)
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
	return moved_some(r, op, cqe->res, cqe->res > 0, event);
}

static void end_io(struct arena_ring *r, struct ring_op *op)
{
	arena_io_end(r->a, op->io.buf);
}

static const struct ring_class send_class = {
	.prep = prep_send, .succeed = moved, .end = end_io, .moves = true, .waits = true,
};

/* Not every protocol sends without a copy. */
static bool send_copied(struct arena_ring *r, struct ring_op *op, int32_t error)
{
	(void)r;
	if (error != -EOPNOTSUPP)
		return false;
	op->class = &send_class;
	return true;
}

static const struct ring_class send_zc_class = {
	.prep = prep_send_zc, .succeed = moved, .retry = send_copied, .end = end_io,
	.moves = true, .waits = true,
};

static const struct ring_class read_class = {
	.prep = prep_read, .succeed = moved, .end = end_io, .in = true, .moves = true,
	.waits = true,
};

static const struct ring_class write_class = {
	.prep = prep_write, .succeed = moved, .end = end_io, .moves = true, .waits = true,
};

static const struct ring_class recv_class = {
	.prep = prep_recv, .succeed = received, .end = end_io, .in = true, .moves = true,
	.waits = true,
};

static const struct ring_class *class_of(const struct arena_ring *r, enum arena_ring_rw rw)
{
	switch (rw) {
	case ARENA_RING_READ:
		return &read_class;
	case ARENA_RING_WRITE:
		return &write_class;
	case ARENA_RING_RECV:
		return &recv_class;
	case ARENA_RING_SEND_ZC:
		if (arena_has(&r->features, ARENA_HAS_SEND_ZC))
			return &send_zc_class;
		break;
	default:
		break;
	}
	return &send_class;
}

static bool is_within(const struct arena_ring *r, const struct arena_io *io)
{
	size_t size = arena_size(r->a, io->buf);

	/* For the kernel -1 is no offset: it stands for the file's position. */
	if (!r->files[io->file.index].stream && io->offset > (uint64_t)INT64_MAX - io->length)
		return false;
	return io->length && io->length <= INT32_MAX && io->from <= size &&
	       io->length <= size - io->from;
}

/* The buffer is IN_IO afterwards, if that is no error. */
static int take(struct arena_ring *r, bool in, const char *site, const struct arena_io *io)
{
	int ret = arena_io_begin_at(r->a, io->buf, in, site);

	if (ret || is_within(r, io))
		return ret;
	arena_io_end_at(r->a, io->buf, site);
	return -EINVAL;
}

int arena_ring_rw_at(struct arena_ring *r, enum arena_ring_rw rw, const char *site,
		     const struct arena_io *io, struct arena_op *handle)
{
	const struct ring_class *class = class_of(r, rw);
	struct ring_op *op;
	int ret = ring_op_new(r, class, io->file, io->cookie, &op);

	if (ret)
		return ret;
	ret = take(r, class->in, site, io);
	if (ret) {
		ring_op_drop(r, op);
		return ret;
	}
	op->io = *io;
	op->buf = io->buf;
	ring_op_begin(r, op, handle);
	return 0;
}
