// SPDX-License-Identifier: MIT
#include "transfer.h"

#include <errno.h>

#include "limits.h"

/* Discarded bytes of all connections go here; nobody ever reads it. */
static uint8_t sink[65536];

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void start_part(struct transfer *t)
{
	struct io_uring_sqe *sqe = ring_sqe(t->ring);
	size_t length = min_size(t->left[1].iov_len, CONN_CHUNK_BYTES);

	switch (t->kind) {
	case TRANSFER_RECEIVE:
		io_uring_prep_recv(sqe, t->file, t->left[1].iov_base, length,
				   MSG_WAITALL);
		break;
	case TRANSFER_DISCARD:
		io_uring_prep_recv(sqe, t->file, sink,
				   min_size(length, sizeof(sink)), 0);
		break;
	case TRANSFER_SEND:
		t->part[0] = t->left[0];
		t->part[1] = t->left[1];
		t->part[1].iov_len = length;
		t->message = (struct msghdr){
			.msg_iov = t->part[0].iov_len ? t->part : t->part + 1,
			.msg_iovlen = !!t->part[0].iov_len + !!length,
		};
		io_uring_prep_sendmsg(sqe, t->file, &t->message,
				      MSG_WAITALL | MSG_NOSIGNAL);
		break;
	}
	io_uring_sqe_set_data(sqe, &t->op);
	t->is_busy = true;
	t->moved_at = t->ring->now;
}

static void advance(struct transfer *t, size_t moved)
{
	for (int i = 0; i < 2; i++) {
		size_t n = min_size(moved, t->left[i].iov_len);

		/* A discard has a length only. */
		if (t->left[i].iov_base)
			t->left[i].iov_base = (char *)t->left[i].iov_base + n;
		t->left[i].iov_len -= n;
		moved -= n;
	}
}

static int end_of_stream(const struct transfer *t)
{
	if (t->kind == TRANSFER_SEND)
		return -EPIPE;
	return t->has_moved ? -ECONNRESET : -ENODATA;
}

static void part_done(struct ring_op *op, int res)
{
	struct transfer *t = container_of(op, struct transfer, op);
	int err = 0;

	t->is_busy = false;
	if (res > 0) {
		t->has_moved = true;
		advance(t, (size_t)res);
		if (t->left[0].iov_len + t->left[1].iov_len == 0) {
			t->done(t, 0);
			return;
		}
	} else if (res == 0) {
		err = end_of_stream(t);
	} else if (res != -EINTR && res != -EAGAIN) {
		err = res;
	}
	if (t->is_cut)
		err = -ECANCELED;
	if (err)
		t->done(t, err);
	else
		start_part(t);
}

static void start(struct transfer *t, enum transfer_kind kind,
		  transfer_done_fn done)
{
	t->kind = kind;
	t->done = done;
	t->has_moved = false;
	start_part(t);
}

void transfer_init(struct transfer *t, struct ring *ring, int file)
{
	*t = (struct transfer){
		.op.done = part_done,
		.ring = ring,
		.file = file,
	};
}

void transfer_receive(struct transfer *t, void *data, size_t length,
		      transfer_done_fn done)
{
	t->left[0] = (struct iovec){ 0 };
	t->left[1] = (struct iovec){ data, length };
	start(t, TRANSFER_RECEIVE, done);
}

void transfer_discard(struct transfer *t, size_t length, transfer_done_fn done)
{
	t->left[0] = (struct iovec){ 0 };
	t->left[1] = (struct iovec){ NULL, length };
	start(t, TRANSFER_DISCARD, done);
}

void transfer_send(struct transfer *t, const void *head, size_t head_length,
		   const void *data, size_t data_length, transfer_done_fn done)
{
	t->left[0] = (struct iovec){ (void *)head, head_length };
	t->left[1] = (struct iovec){ (void *)data, data_length };
	start(t, TRANSFER_SEND, done);
}

void transfer_cut(struct transfer *t)
{
	t->is_cut = true;
}
