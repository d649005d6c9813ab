// SPDX-License-Identifier: MIT
/*
 * Who refers to the region's pages beside those who have it mapped: pages in
 * pipes and registered buffers, and QUIESCE, which must know of them.
 */
#include "fuzz.h"

#include <sys/uio.h>

/* ---- QUIESCE ---- */

/* What is in use in a range, at least and at most: a THP is one to the kernel. */
struct usage {
	uint64_t busy_min, busy_max;
	uint64_t first_min, first_max;
};

static struct usage usage_of(const struct region *r, uint64_t offset, uint64_t length)
{
	struct usage u = { .first_min = offset + length, .first_max = offset + length };

	for (const struct extent *e = r->extents; e; e = e->next)
		for (unsigned int i = 0; i < e->n; i++) {
			uint64_t at = (e->first + i) * r->page_size;

			if (at < offset || at >= offset + length ||
			    !(e->mem[i]->folio->holds || e->mem[i]->batched))
				continue;
			u.busy_max += r->page_size;
			if (at < u.first_min)
				u.first_min = at;
			if (!e->mem[i]->holds)
				continue;
			u.busy_min += r->page_size;
			if (at < u.first_max)
				u.first_max = at;
		}
	return u;
}

static bool usage_fits(const struct usage *u, const struct msharearena_quiesce *q)
{
	return q->busy >= u->busy_min && q->busy <= u->busy_max &&
	       q->first_busy >= u->first_min && q->first_busy <= u->first_max;
}

static int64_t quiesce_now(unsigned int w, int fd, uint64_t offset, uint64_t length,
			   struct msharearena_quiesce *q)
{
	*q = (struct msharearena_quiesce){ .size = sizeof(*q), .offset = offset, .length = length };
	return sys_blob(w, SYS_ioctl, ARGS((uint64_t)fd, MSHAREARENA_QUIESCE, SCRATCH),
			q, sizeof(*q), q, sizeof(*q));
}

/* Page by page, where it differs: for the reader of a failure. */
static void show_usage(unsigned int w, int fd, const struct region *r)
{
	struct msharearena_quiesce q;
	int shown = 0;

	for (const struct extent *e = r->extents; e; e = e->next)
		for (unsigned int i = 0; i < e->n && shown < 32; i++) {
			uint64_t at = (e->first + i) * r->page_size;

			quiesce_now(w, fd, at, r->page_size, &q);
			if (!q.busy == !e->mem[i]->holds)
				continue;
			printf("# page 0x%llx: %llu busy, held %u times, its folio %u times\n",
			       (long long)at, q.busy, e->mem[i]->holds, e->mem[i]->folio->holds);
			shown++;
		}
}

/* The kernel may take its time to end a ring that had buffers. */
static void wait_for_usage(unsigned int w, int fd, const struct region *r, uint64_t offset,
			   uint64_t length)
{
	struct usage u = usage_of(r, offset, length);
	struct msharearena_quiesce got;

	for (;;) {
		quiesce_now(w, fd, offset, length, &got);
		if (usage_fits(&u, &got))
			return;
		if (now_ms() >= model.late_until_ms)
			break;
		usleep(5000);
	}
	show_usage(w, fd, r);
	fail("QUIESCE of w%u fd%d: %llu busy from 0x%llx; the model has %llu to %llu from 0x%llx",
	     w, fd - FD_VIEWS, got.busy, got.first_busy, (long long)u.busy_min,
	     (long long)u.busy_max, (long long)u.first_min);
}

/* All of every region that somebody has open. */
void check_usage(void)
{
	bool seen[REGIONS] = { false };

	for (unsigned int i = 0; i < WORKERS * FDS; i++) {
		const struct fd *f = &model.worker[i / FDS].fd[i % FDS];
		const struct region *r = &model.region[f->region];

		if (!f->used || f->flags & O_PATH || seen[f->region])
			continue;
		seen[f->region] = true;
		wait_for_usage(i / FDS, FD_VIEWS + (int)(i % FDS), r, 0, r->length);
	}
}

static void draw_quiesce(struct msharearena_quiesce *q, const struct region *r)
{
	uint64_t pages = r->length / r->page_size;

	switch (rnd(4)) {
	case 0:
		q->length = r->length;
		break;
	case 1:
		q->offset = rnd(pages) * r->page_size;
		q->length = (1 + rnd(pages - q->offset / r->page_size)) * r->page_size;
		break;
	default:
		q->offset = any_offset(r);
		q->length = r->page_size;
	}
	switch (rnd(24)) {
	case 0:
		q->length = 0;
		break;
	case 1:
		q->offset += 1 + rnd(r->page_size - 1);
		break;
	case 2:
		q->length += 1 + rnd(r->page_size - 1);
		break;
	case 3:
		q->length = -r->page_size;
		break;
	case 4:
		q->reserved = 1U << rnd(32);
		break;
	default:
		break;
	}
}

static void want_quiesce(const struct msharearena_quiesce *q, const struct region *r,
			 struct want *x)
{
	uint64_t mask = r->page_size - 1;

	want(x, EINVAL, !q->length || (q->offset | q->length) & mask || q->reserved);
	want(x, ERANGE, q->offset + q->length < q->offset || q->offset + q->length > r->length);
}

void op_quiesce(void)
{
	static const uint32_t timeouts[] = { 0, 0, 0, 1, 10, 30 };
	struct msharearena_quiesce *q;
	struct want x = { 0 };
	unsigned int w, slot;
	const struct region *r;
	const struct fd *f;
	struct usage u;
	struct call call;
	bool valid, passed;

	if (!any_fd(&w, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	r = &model.region[f->region];
	q = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_QUIESCE, sizeof(*q), sizeof(*q),
		       true);
	draw_quiesce(q, r);
	q->timeout_ms = PICK(timeouts);
	note("w%u QUIESCE fd%u (r%u) 0x%llx+0x%llx timeout=%d", w, slot, f->region, q->offset,
	     q->length, (int)q->timeout_ms);
	want(&x, EBADF, f->flags & O_PATH);
	want_quiesce(q, r, &x);
	valid = !x.n;
	u = usage_of(r, q->offset, q->length);
	if (valid && now_ms() < model.late_until_ms)
		wait_for_usage(w, call.fd, r, q->offset, q->length);
	/* Quiet: then no time is too long. */
	if (valid && !u.busy_max && one_in(4))
		q->timeout_ms = one_in(2) ? ~0U : 60000;
	want(&x, q->timeout_ms ? ETIMEDOUT : EAGAIN, valid && u.busy_max);
	x.may_pass = valid && !u.busy_min;
	passed = call_ioctl(w, &call, &x);
	if ((passed || x.got == EAGAIN || x.got == ETIMEDOUT) && !usage_fits(&u, q))
		fail("QUIESCE: %llu bytes busy from 0x%llx; the model has %llu to %llu from 0x%llx",
		     q->busy, q->first_busy, (long long)u.busy_min, (long long)u.busy_max,
		     (long long)u.first_min);
}

/* ---- pages in pipes ---- */

void op_hold(void)
{
	unsigned int w, i, cell = (unsigned int)rnd(CELLS);
	struct want x = { 0 };
	struct iovec iov;
	struct worker *k;
	struct region *r;
	struct mem *m;
	uint64_t offset;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	k = &model.worker[w];
	r = &model.region[i];
	offset = any_offset(r);
	iov.iov_base = (void *)(r->addr + offset + cell_offset(r->page_size, cell));
	iov.iov_len = 8;
	want(&x, EAGAIN, k->n_held == HELD);
	want(&x, EFAULT, view_access(r, k->att[i].view, offset) == ACCESS_NONE);
	note("w%u vmsplice r%u 0x%llx cell %u", w, i, (long long)offset, cell);
	if (!check_result(&x, sys_blob(w, SYS_vmsplice,
				       ARGS(FD_PIPE_IN, SCRATCH, 1, 2 /* NONBLOCK */),
				       &iov, sizeof(iov), NULL, 0)))
		return;
	m = region_mem(r, offset / r->page_size);
	mem_hold(m);
	k->held[k->n_held] = m;
	k->held_cell[k->n_held++] = cell;
}

void op_release(void)
{
	unsigned int w = any_worker();
	struct worker *k = &model.worker[w];
	struct want x = { 0 };
	uint64_t value = 0;

	want(&x, EAGAIN, !k->n_held);
	note("w%u reads from its pipe", w);
	if (!check_result(&x, sys_blob(w, SYS_read, ARGS(FD_PIPE_OUT, SCRATCH, 8),
				       NULL, 0, &value, 8)))
		return;
	if (value != k->held[0]->word[k->held_cell[0]])
		fail("a page in a pipe has 0x%llx, not 0x%llx", (long long)value,
		     (long long)k->held[0]->word[k->held_cell[0]]);
	worker_release_oldest(w);
}

/* ---- registered buffers ---- */

static void unregister(unsigned int w, unsigned int slot)
{
	struct ring *ring = &model.worker[w].ring[slot];
	struct order o = { .work = WORK_RING_BUFFERS, .a = slot };
	struct want x = { 0 };

	want(&x, ENXIO, !ring->n_held);
	note("w%u unregisters the buffer of ring%u", w, slot);
	if (!check_result(&x, worker_call(w, &o, NULL, NULL, 0)))
		return;
	model.late_until_ms = now_ms() + 10000;
	ring_release(ring);
}

/* They are pinned for writing, and for long: every byte must be writable. */
static void register_buffer(unsigned int w, unsigned int slot, unsigned int i)
{
	const struct attachment *a = &model.worker[w].att[i];
	struct ring *ring = &model.worker[w].ring[slot];
	const struct region *r = &model.region[i];
	struct order o = { .work = WORK_RING_BUFFERS, .a = slot };
	uint64_t offset = any_offset(r), length, first, n;
	struct want x = { 0 };

	length = r->page_size == SZ_4K ? (1 + rnd(3)) * SZ_4K : (1 + rnd(64)) * SZ_4K;
	if (r->page_size == SZ_2M && one_in(4))
		length = SZ_2M + 4096;
	first = offset / r->page_size;
	n = (length + r->page_size - 1) / r->page_size;
	want(&x, EBUSY, ring->n_held);
	for (uint64_t j = 0; j < n; j++)
		want(&x, EFAULT, offset + j * r->page_size >= SLOT ||
		     view_access(r, a->view, offset + j * r->page_size) != ACCESS_WRITE);
	o.b[0] = r->addr + offset;
	o.b[1] = length;
	note("w%u registers r%u 0x%llx+0x%llx as the buffer of ring%u", w, i, (long long)offset,
	     (long long)length, slot);
	if (!check_result(&x, worker_call(w, &o, NULL, NULL, 0)))
		return;
	ring->held = calloc(n, sizeof(struct mem *));
	for (uint64_t j = 0; j < n; j++) {
		ring->held[j] = region_mem(r, first + j);
		mem_hold(ring->held[j]);
	}
	ring->n_held = (unsigned int)n;
}

void op_buffers(void)
{
	unsigned int slot = 0, w, i;
	const struct ring *ring;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	ring = model.worker[w].ring;
	while (slot < RINGS && (!ring[slot].used || ring[slot].shown))
		slot++;
	/* Only root: others have a limit that these count against as well. */
	if (slot == RINGS || !model.worker[w].root) {
		nothing_to_do();
		return;
	}
	if (model.worker[w].ring[slot].n_held && !one_in(4))
		unregister(w, slot);
	else
		register_buffer(w, slot, i);
}
