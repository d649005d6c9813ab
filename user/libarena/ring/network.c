// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Operations that wait for other processes: connections, readiness, and bytes that are received
 * into provided buffers.
 */
#include <errno.h>
#include <sys/socket.h>

#include "ops.h"
#include "provided.h"
#include "../why.h"

static void prep_accept(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	int fd = ring_file_target(r, op->file);

	bool multishot = arena_has(&r->features, ARENA_HAS_ACCEPT_MULTISHOT);

	if (multishot && r->direct)
		io_uring_prep_multishot_accept_direct(sqe, fd, NULL, NULL, 0);
	else if (multishot)
		io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
	else if (r->direct)
		io_uring_prep_accept_direct(sqe, fd, NULL, NULL, 0, IORING_FILE_INDEX_ALLOC);
	else
		io_uring_prep_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
}

static bool accepted(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		     struct arena_event *event)
{
	bool more = cqe->flags & IORING_CQE_F_MORE;
	struct arena_file file;
	int ret = ring_file_accepted(r, cqe->res, &file);

	if (ret) {
		/* If it cannot be submitted, the next connection is another chance. */
		if (more && ring_op_end(r, op, ret))
			op->ending = ret;
		return more ? false : ring_op_finish(r, op, ret, 0, event);
	}
	ring_op_happened(r, op, 0, more, event);
	event->file = file;
	return true;
}

static const struct ring_class accept_class = {
	.prep = prep_accept, .succeed = accepted, .in = true, .waits = true,
};

int arena_ring_accept(struct arena_ring *r, struct arena_file file, uint64_t cookie,
		      struct arena_op *handle)
{
	struct ring_op *op;
	int ret = ring_op_new(r, &accept_class, file, cookie, &op);

	if (ret)
		return ret;
	op->multishot = true;
	ring_op_begin(r, op, handle);
	return 0;
}

static void prep_poll(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	int fd = ring_file_target(r, op->file);

	if (op->multishot && arena_has(&r->features, ARENA_HAS_POLL_MULTISHOT))
		io_uring_prep_poll_multishot(sqe, fd, op->poll);
	else
		io_uring_prep_poll_add(sqe, fd, op->poll);
}

static bool polled(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		   struct arena_event *event)
{
	if (!op->multishot)
		return ring_op_finish(r, op, cqe->res, 0, event);
	ring_op_happened(r, op, cqe->res, cqe->flags & IORING_CQE_F_MORE, event);
	return true;
}

static const struct ring_class poll_class = { .prep = prep_poll, .succeed = polled };

int arena_ring_poll(struct arena_ring *r, struct arena_file file, uint32_t events,
		    bool multishot, uint64_t cookie, struct arena_op *handle)
{
	struct ring_op *op;
	int ret = ring_op_new(r, &poll_class, file, cookie, &op);

	if (ret)
		return ret;
	op->multishot = multishot;
	op->poll = events;
	ring_op_begin(r, op, handle);
	return 0;
}

static void prep_recv_any(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe)
{
	ring_provided_prep(r, op->group, op->buf, ring_file_target(r, op->file), sqe);
}

static int recv_any_ready(struct arena_ring *r, struct ring_op *op)
{
	return ring_provided_ready(r, op->group, &op->buf);
}

static bool received_any(struct arena_ring *r, struct ring_op *op,
			 const struct io_uring_cqe *cqe, struct arena_event *event)
{
	struct arena_buf b = ring_provided_take(r, op->group, &op->buf, cqe);

	/* No event is given for an empty buffer, nor while the ring is being closed. */
	if (b.count && (!cqe->res || r->closing))
		arena_put(r->a, b);
	if (!cqe->res)
		return ring_op_is_ending(r, op) ? ring_op_finish_canceled(r, op, event) :
		       ring_op_finish(r, op, 0, 0, event);
	ring_op_happened(r, op, cqe->res, cqe->flags & IORING_CQE_F_MORE, event);
	event->buf = b;
	event->bytes = (uint32_t)cqe->res;
	return true;
}

static bool recv_any_starved(struct arena_ring *r, struct ring_op *op, int32_t error)
{
	(void)r;
	(void)op;
	return error == -ENOBUFS;
}

static void recv_any_end(struct arena_ring *r, struct ring_op *op)
{
	ring_provided_give(r, &op->buf);
}

/* If there is no buffer, the last event has that error. */
static int recv_any_requeue(struct arena_ring *r, struct ring_op *op)
{
	return recv_any_ready(r, op) ? -ENOBUFS : 0;
}

static const struct ring_class recv_any_class = {
	.prep = prep_recv_any, .succeed = received_any, .retry = recv_any_starved,
	.ready = recv_any_requeue, .end = recv_any_end, .in = true, .moves = true, .waits = true,
};

int arena_ring_recv_any(struct arena_ring *r, struct arena_file file, uint32_t group,
			uint64_t cookie, struct arena_op *handle)
{
	struct ring_op *op;
	int ret = ring_op_new(r, &recv_any_class, file, cookie, &op);

	if (ret)
		return ret;
	op->multishot = true;
	op->group = group;
	ret = group < arena_layout(r->a)->n_groups ? recv_any_ready(r, op) :
	      why("group: the layout has no such group");
	if (ret)
		ring_op_drop(r, op);
	else
		ring_op_begin(r, op, handle);
	return ret;
}
