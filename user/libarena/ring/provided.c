// SPDX-License-Identifier: LGPL-2.1-or-later
#include "provided.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MAX_PROVIDED	256U

static bool has_rings(const struct arena_ring *r)
{
	return arena_has(&r->features, ARENA_HAS_RECV_MULTISHOT);
}

static int take_buffer(struct arena_ring *r, uint32_t group, struct arena_buf *b)
{
	int ret = arena_get(r->a, group, 1, b);

	return ret ? ret : arena_io_begin(r->a, *b, true);
}

void ring_provided_give(struct arena_ring *r, struct arena_buf *b)
{
	if (!b->count)
		return;
	arena_io_end(r->a, *b);
	arena_put(r->a, *b);
	*b = (struct arena_buf){ 0 };
}

static int open_group(struct arena_ring *r, struct ring_provided *p, uint32_t group)
{
	int ret;

	for (p->size = 1; p->size < r->n_ops && p->size < MAX_PROVIDED;)
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

/* Provide free buffers for as long as there is room. */
static int fill(struct arena_ring *r, struct ring_provided *p, uint32_t group)
{
	int ret = 0, added = 0;

	for (uint32_t i = 0; i < p->size && p->count < p->size; i++) {
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
		p->count++;
	}
	io_uring_buf_ring_advance(p->ring, added);
	return p->count ? 0 : ret;
}

int ring_provided_ready(struct arena_ring *r, uint32_t group, struct arena_buf *own)
{
	struct ring_provided *p = &r->provided[group];
	int ret = 0;

	if (!has_rings(r))
		return own->count ? 0 : take_buffer(r, group, own);
	if (!p->ring)
		ret = open_group(r, p, group);
	return ret ? ret : fill(r, p, group);
}

void ring_provided_prep(struct arena_ring *r, uint32_t group, struct arena_buf own, int fd,
			struct io_uring_sqe *sqe)
{
	if (has_rings(r)) {
		io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = (uint16_t)group;
	} else {
		io_uring_prep_recv(sqe, fd, arena_io_address(r->a, own),
				   arena_size(r->a, own), 0);
	}
}

struct arena_buf ring_provided_take(struct arena_ring *r, uint32_t group,
				    struct arena_buf *own, const struct io_uring_cqe *cqe)
{
	struct ring_provided *p = &r->provided[group];
	struct arena_buf *from = own, b;

	if (p->ring) {
		if (!(cqe->flags & IORING_CQE_F_BUFFER))
			return (struct arena_buf){ 0 };
		from = &p->buf[cqe->flags >> IORING_CQE_BUFFER_SHIFT];
		p->count--;
	}
	b = *from;
	*from = (struct arena_buf){ 0 };
	arena_io_end(r->a, b);
	/* Do this rarely, because it looks through all buffers. */
	if (p->ring && p->count < p->size / 2)
		fill(r, p, group);
	return b;
}

void ring_provided_close(struct arena_ring *r)
{
	for (uint32_t i = 0; i < arena_layout(r->a)->n_groups; i++) {
		struct ring_provided *p = &r->provided[i];

		if (!p->ring)
			continue;
		io_uring_free_buf_ring(&r->uring, p->ring, p->size, (int)i);
		for (uint32_t j = 0; j < p->size; j++)
			ring_provided_give(r, &p->buf[j]);
	}
}

void ring_provided_free(struct arena_ring *r)
{
	uint32_t n = r->provided ? arena_layout(r->a)->n_groups : 0;

	for (uint32_t i = 0; i < n; i++)
		free(r->provided[i].buf);
	free(r->provided);
}
