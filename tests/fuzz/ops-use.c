// SPDX-License-Identifier: MIT
/*
 * References to a region's pages beside mappings: pages in pipes and registered buffers, and
 * GET_BUSY, which must report them.
 */
#include "fuzz.h"

#include <sys/uio.h>

/* After this time the batches of CPUs are empty, also on an emulated debug kernel. */
#define DRAIN_MS	20000

/* ---- GET_BUSY ---- */

/**
 * struct usage - the busy bytes of a range, at least and at most
 *
 * The kernel counts references to all pages of a folio together. A page of 4 KiB that
 * nobody uses may be in a batch of a CPU and then looks busy, until the CPUs were asked to
 * empty their batches.
 */
struct usage {
	uint64_t busy_min, busy_max;
	uint64_t first_min, first_max;
};

static struct usage usage_of(const struct region *r, uint64_t offset, uint64_t length,
			     bool drained)
{
	struct usage u = { .first_min = offset + length, .first_max = offset + length };

	for (const struct extent *e = r->extents; e; e = e->next)
		for (unsigned int i = 0; i < e->n; i++) {
			uint64_t at = (e->first + i) * r->page_size;

			if (at < offset || at >= offset + length ||
			    !(e->mem[i]->folio->holds || (!drained && !e->mem[i]->huge)))
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

static bool usage_fits(const struct usage *u, const struct msharearena_busy *q)
{
	return q->busy >= u->busy_min && q->busy <= u->busy_max &&
	       q->first_busy >= u->first_min && q->first_busy <= u->first_max;
}

static void look(unsigned int w, int fd, uint32_t flags, uint64_t offset, uint64_t length,
		 struct msharearena_busy *q)
{
	*q = (struct msharearena_busy){
		.size = sizeof(*q),
		.flags = flags,
		.offset = offset,
		.length = length,
	};
	if (sys_blob(w, SYS_ioctl, ARGS((uint64_t)fd, MSHAREARENA_GET_BUSY, SCRATCH), q, sizeof(*q),
		     q, sizeof(*q)))
		fail("GET_BUSY of w%u fd%d does not work", w, fd - FD_VIEWS);
}

/* Print each page that differs, for the report of a failure. */
static void show_usage(unsigned int w, int fd, const struct region *r)
{
	struct msharearena_busy q;
	int shown = 0;

	for (const struct extent *e = r->extents; e; e = e->next)
		for (unsigned int i = 0; i < e->n && shown < 32; i++) {
			uint64_t at = (e->first + i) * r->page_size;

			look(w, fd, 0, at, r->page_size, &q);
			if (!q.busy == !e->mem[i]->holds)
				continue;
			printf("# page 0x%llx: %llu busy, held %u times, its folio %u times\n",
			       (long long)at, q.busy, e->mem[i]->holds, e->mem[i]->folio->holds);
			shown++;
		}
}

/*
 * Wait until the busy bytes are those of the model: the kernel may need some time to free a
 * ring with buffers, and to empty batches if the file may ask for that.
 */
static void wait_for_usage(unsigned int w, const struct fd *f, uint64_t offset, uint64_t length)
{
	int fd = FD_VIEWS + (int)(f - model.worker[w].fd);
	const struct region *r = &model.region[f->region];
	bool small = r->page_size == SZ_4K, drain = small && is_writable(f);
	struct usage u = usage_of(r, offset, length, drain || !small);
	int64_t end = model.late_until_ms;
	struct msharearena_busy got;

	if (drain && end < now_ms() + DRAIN_MS)
		end = now_ms() + DRAIN_MS;
	for (;;) {
		look(w, fd, drain ? MSHAREARENA_BUSY_DRAIN : 0, offset, length, &got);
		if (usage_fits(&u, &got))
			return;
		if (now_ms() >= end)
			break;
		usleep(2000);
	}
	show_usage(w, fd, r);
	fail("GET_BUSY, w%u fd%d: %llu busy from 0x%llx; the model has %llu to %llu from 0x%llx", w,
	     fd - FD_VIEWS, got.busy, got.first_busy, (long long)u.busy_min,
	     (long long)u.busy_max, (long long)u.first_min);
}

/* Check every region that a worker has open, preferably for writing. */
void check_usage(void)
{
	for (unsigned int i = 0; i < REGIONS; i++) {
		unsigned int found = NONE;

		for (unsigned int j = 0; j < WORKERS * FDS; j++) {
			const struct fd *f = &model.worker[j / FDS].fd[j % FDS];

			if (!f->used || f->region != i || f->flags & O_PATH)
				continue;
			if (found == NONE || is_writable(f))
				found = j;
		}
		if (found != NONE)
			wait_for_usage(found / FDS, &model.worker[found / FDS].fd[found % FDS], 0,
				       model.region[i].length);
	}
}

static void draw_busy(struct msharearena_busy *q, const struct region *r)
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
	default:
		break;
	}
	if (one_in(3))
		q->flags = MSHAREARENA_BUSY_DRAIN;
}

static void want_busy(const struct msharearena_busy *q, const struct fd *f, struct want *x)
{
	const struct region *r = &model.region[f->region];
	uint64_t mask = r->page_size - 1;

	want(x, EBADF, f->flags & O_PATH);
	want(x, EACCES, q->flags && !is_writable(f));
	want(x, EINVAL, !q->length || (q->offset | q->length) & mask);
	want(x, ERANGE, q->offset + q->length < q->offset || q->offset + q->length > r->length);
}

void op_busy(void)
{
	struct msharearena_busy *q;
	struct want x = { 0 };
	unsigned int w, slot;
	const struct fd *f;
	struct usage u;
	struct call call;

	if (!any_fd(&w, &slot)) {
		nothing_to_do();
		return;
	}
	f = &model.worker[w].fd[slot];
	q = call_begin(&call, FD_VIEWS + (int)slot, MSHAREARENA_GET_BUSY, sizeof(*q), sizeof(*q),
		       true);
	call.flags = MSHAREARENA_BUSY_DRAIN;
	draw_busy(q, &model.region[f->region]);
	/* What the call before left there. */
	q->busy = rnd64();
	q->first_busy = rnd64();
	note("w%u GET_BUSY fd%u (r%u/%u) 0x%llx+0x%llx", w, slot, f->region, f->view, q->offset,
	     q->length);
	want_busy(q, f, &x);
	if (!x.n && (q->flags || now_ms() < model.late_until_ms))
		wait_for_usage(w, f, q->offset, q->length);
	u = usage_of(&model.region[f->region], q->offset, q->length, false);
	if (call_ioctl(w, &call, &x) && !usage_fits(&u, q))
		fail("GET_BUSY: %llu busy from 0x%llx; the model has %llu to %llu from 0x%llx",
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

/*
 * Some kernels register no memory of a device and thus none of a region. This is found out
 * with one page of a temporary region.
 */
void learn_buffers(void)
{
	struct msharearena_create c = {
		.size = sizeof(c),
		.flags = MSHAREARENA_NO_NODE,
		.length = SZ_4K,
		.page_size = SZ_4K,
		.uid = (uint32_t)-1,
		.gid = (uint32_t)-1,
		.name = "learn",
	};
	struct msharearena_export e = { .size = sizeof(e), .addr = DONORS, .length = SZ_4K };
	struct order ring = { .work = WORK_RING_NEW };
	struct order buffers = { .work = WORK_RING_BUFFERS, .b = { 0, SZ_4K } };
	int64_t fd, addr, ret;

	fd = sys_blob(0, SYS_ioctl, ARGS(FD_CONTROL, MSHAREARENA_CREATE, SCRATCH), &c, sizeof(c),
		      NULL, 0);
	SYS(0, SYS_mmap, DONORS, SZ_4K, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ret = sys_blob(0, SYS_ioctl, ARGS((uint64_t)fd, MSHAREARENA_EXPORT, SCRATCH), &e, sizeof(e),
		       NULL, 0);
	SYS(0, SYS_munmap, DONORS, SZ_4K);
	addr = SYS(0, SYS_mmap, 0, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || ret || addr < 0)
		fail("a first region: fd %d, EXPORT %d, mmap 0x%llx", (int)fd, (int)ret,
		     (long long)addr);
	worker_call(0, &ring, NULL, NULL, 0);
	buffers.b[0] = (uint64_t)addr;
	ret = worker_call(0, &buffers, NULL, NULL, 0);
	if (ret && ret != -EFAULT)
		fail("a region's page as a buffer of a ring: %d", (int)ret);
	model.no_buffers = ret;
	ring.work = WORK_RING_END;
	worker_call(0, &ring, NULL, NULL, 0);
	SYS(0, SYS_munmap, addr, WINDOW);
	SYS(0, SYS_close, fd);
	if (model.no_buffers)
		printf("# this kernel registers no memory of regions\n");
}

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

/* Buffers are pinned for writing and for a long time, so every byte must be writable. */
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
	want(&x, EFAULT, model.no_buffers);
	for (uint64_t j = 0; j < n; j++)
		want(&x, EFAULT, offset + j * r->page_size >= WINDOW ||
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

/* Only root registers buffers, as they count against a limit of other users. */
static bool draw_buffer(unsigned int *w, unsigned int *i, unsigned int *slot)
{
	unsigned int first = (unsigned int)rnd(WORKERS * REGIONS);

	for (unsigned int j = 0; j < WORKERS * REGIONS; j++) {
		const struct worker *k;

		*w = (first + j) % (WORKERS * REGIONS) / REGIONS;
		*i = (first + j) % REGIONS;
		k = &model.worker[*w];
		if (!k->root || !k->att[*i].on)
			continue;
		for (*slot = 0; *slot < RINGS; (*slot)++)
			if (k->ring[*slot].used && !k->ring[*slot].shown)
				return true;
	}
	return false;
}

void op_buffers(void)
{
	unsigned int slot, w, i;

	if (!draw_buffer(&w, &i, &slot)) {
		nothing_to_do();
		return;
	}
	if (model.worker[w].ring[slot].n_held && !one_in(4))
		unregister(w, slot);
	else
		register_buffer(w, slot, i);
}
