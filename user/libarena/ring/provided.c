// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Buffers that the kernel chooses when there is something to receive. Of each group
 * that is received into some are parked in a ring that it takes them from: IN_IO, until
 * one comes back in a completion.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core.h"

#define MAX_PARKED	256U

static bool has_parks(const struct arena_ring *r)
{
	return arena_has(&r->features, ARENA_HAS_RECV_MULTISHOT);
}

static int take_buffer(struct arena_ring *r, uint32_t group, struct arena_buf *b)
{
	int ret = arena_get(r->a, group, 1, b);

	return ret ? ret : arena_io_begin(r->a, *b, true);
}

static void give_buffer(struct arena_ring *r, struct arena_buf *b)
{
	if (!b->count)
		return;
	arena_io_end(r->a, *b);
	arena_put(r->a, *b);
	*b = (struct arena_buf){ 0 };
}

static int park_open(struct arena_ring *r, struct ring_park *p, uint32_t group)
{
	int ret;

	for (p->size = 1; p->size < r->n_ops && p->size < MAX_PARKED;)
		p->size *= 2;
	free(p->buf);
	p->buf = calloc(p->size, sizeof(*p->buf));
	if (!p->buf)
		return -ENOMEM;
	p->ring = io_uring_setup_buf_ring(&r->uring, p->size, (int)group, 0, &ret);
	if (!p->ring)
		return ret;
	madvise(p->ring, p->size * sizeof(struct io_uring_buf), MADV_DONTFORK);
	return 0;
}

/* As many as there is room for, and as are free. */
static int park_fill(struct arena_ring *r, struct ring_park *p, uint32_t group)
{
	int ret = 0, added = 0;

	for (uint32_t i = 0; i < p->size && p->parked < p->size; i++) {
		struct arena_buf b;

		if (p->buf[i].count)
			continue;
		ret = take_buffer(r, group, &b);
		if (ret)
			break;
		io_uring_buf_ring_add(p->ring, arena_io_address(r->a, b),
				      (unsigned int)arena_size(r->a, b), (unsigned short)i,
				      io_uring_buf_ring_mask(p->size), added++);
		p->buf[i] = b;
		p->parked++;
	}
	io_uring_buf_ring_advance(p->ring, added);
	return p->parked ? 0 : ret;
}

int recv_ready(struct arena_ring *r, struct ring_op *op)
{
	struct ring_park *p = &r->parks[op->group];
	int ret = 0;

	if (!has_parks(r))
		return op->io.buf.count ? 0 : take_buffer(r, op->group, &op->io.buf);
	if (!p->ring)
		ret = park_open(r, p, op->group);
	return ret ? ret : park_fill(r, p, op->group);
}

void recv_prep(struct arena_ring *r, const struct ring_op *op, struct io_uring_sqe *sqe)
{
	int fd = (int)op->io.file.slot;

	if (has_parks(r)) {
		io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = (uint16_t)op->group;
	} else {
		io_uring_prep_recv(sqe, fd, arena_io_address(r->a, op->io.buf),
				   arena_size(r->a, op->io.buf), 0);
	}
}

struct arena_buf recv_buffer(struct arena_ring *r, struct ring_op *op,
			     const struct io_uring_cqe *cqe)
{
	struct ring_park *p = &r->parks[op->group];
	struct arena_buf *from = &op->io.buf, b;

	if (p->ring) {
		if (!(cqe->flags & IORING_CQE_F_BUFFER))
			return (struct arena_buf){ 0 };
		from = &p->buf[cqe->flags >> IORING_CQE_BUFFER_SHIFT];
		p->parked--;
	}
	b = *from;
	*from = (struct arena_buf){ 0 };
	arena_io_end(r->a, b);
	/* Seldom, as it looks through all of them. */
	if (p->ring && p->parked < p->size / 2)
		park_fill(r, p, op->group);
	return b;
}

void recv_end(struct arena_ring *r, struct ring_op *op)
{
	give_buffer(r, &op->io.buf);
}

void recv_close(struct arena_ring *r)
{
	for (uint32_t i = 0; i < arena_layout(r->a)->n_groups; i++) {
		struct ring_park *p = &r->parks[i];

		if (!p->ring)
			continue;
		io_uring_free_buf_ring(&r->uring, p->ring, p->size, (int)i);
		for (uint32_t j = 0; j < p->size; j++)
			give_buffer(r, &p->buf[j]);
	}
}

void recv_free(struct arena_ring *r)
{
	uint32_t n = r->parks ? arena_layout(r->a)->n_groups : 0;

	for (uint32_t i = 0; i < n; i++)
		free(r->parks[i].buf);
	free(r->parks);
}
