// SPDX-License-Identifier: MIT
/* Regions are attached and detached, and workers map a page of their own into windows. */
#include "range.h"

/**
 * struct mapping - one mmap() of a view
 * @w: worker
 * @i: region
 * @f: descriptor
 */
struct mapping {
	unsigned int w, i, slot;
	const struct fd *f;
	uint64_t addr, length, offset;
	int prot, flags;
};

static void draw_mapping(struct mapping *m)
{
	static const int flags[] = {
		MAP_SHARED, MAP_SHARED, MAP_SHARED, MAP_SHARED | MAP_NORESERVE,
		MAP_SHARED | MAP_POPULATE, MAP_SHARED | MAP_LOCKED, MAP_SHARED_VALIDATE,
		MAP_SHARED | MAP_FIXED, MAP_SHARED | MAP_FIXED_NOREPLACE,
		MAP_SHARED | MAP_GROWSDOWN, MAP_SHARED | MAP_STACK,
		MAP_PRIVATE, MAP_PRIVATE | MAP_NORESERVE,
	};
	const struct region *r = &model.region[m->i];

	m->prot = m->f->flags == O_RDONLY || !r->view[m->f->view].writable || one_in(6) ?
		  PROT_READ : PROT_READ | PROT_WRITE;
	if (one_in(4))
		m->prot = range_prot();
	m->flags = one_in(4) ? PICK(flags) : MAP_SHARED;
	m->length = WINDOW;
	m->addr = m->flags & MAP_FIXED || m->flags & MAP_FIXED_NOREPLACE || one_in(8) ? r->addr : 0;
	/* This would replace the worker's own memory. */
	if (r->addr == 190 * WINDOW)
		m->flags &= ~(MAP_FIXED | MAP_FIXED_NOREPLACE);
	switch (rnd(20)) {
	case 0:
		m->length = one_in(2) ? r->length : 1 + rnd(2 * WINDOW);
		break;
	case 1:
		m->offset = (1 + rnd(8)) * r->page_size;
		break;
	case 2:
		m->offset = 1 + rnd(4095);
		break;
	case 3:
		m->addr = NOWHERE + rnd(3) * SZ_4K;
		break;
	default:
		break;
	}
}

/* True if something is mapped in the window, so that only MAP_FIXED can succeed. */
static bool is_occupied(unsigned int w, const struct region *r)
{
	uint64_t squat = model.worker[w].squat;

	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.worker[w].att[i].on && model.region[i].addr == r->addr)
			return true;
	return r->addr == 190 * WINDOW || (squat >= r->addr && squat < r->addr + WINDOW);
}

/* The errors that the kernel returns before it touches an existing mapping. */
static void want_mapping(const struct mapping *m, struct want *x)
{
	const struct worker *k = &model.worker[m->w];
	const struct region *r = &model.region[m->i];
	bool fixed = m->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	int type = m->flags & MAP_TYPE;

	want(x, EBADF, m->f->flags & O_PATH);
	/* In units of a page. */
	want(x, EINVAL, ((m->length + 4095) & ~4095ULL) != WINDOW || m->offset);
	want(x, ENOMEM, m->length > WINDOW);
	want(x, EINVAL, fixed && m->addr != r->addr);
	want(x, EEXIST, m->flags & MAP_FIXED_NOREPLACE && is_occupied(m->w, r));
	want(x, EBUSY, !fixed && is_occupied(m->w, r));
	want(x, EINVAL, type == MAP_SHARED && m->flags & MAP_GROWSDOWN);
	want(x, EACCES, (m->f->flags & O_ACCMODE) == O_WRONLY);
	want(x, EACCES, type != MAP_PRIVATE && m->prot & PROT_WRITE &&
	     (m->f->flags & O_ACCMODE) == O_RDONLY);
	/* Locked memory beyond the limit; without being locked, half a TiB is. */
	want(x, EAGAIN, m->flags & MAP_LOCKED && !k->root);
	want(x, EPERM, m->flags & MAP_FIXED && k->att[m->i].sealed);
}

/* The errors of the module; with MAP_FIXED the old mapping may already be removed. */
static void want_attach(const struct mapping *m, struct want *x)
{
	const struct region *r = &model.region[m->i];
	const struct view *v = &r->view[m->f->view];
	bool private = (m->flags & MAP_TYPE) == MAP_PRIVATE;

	want(x, EINVAL, private);
	want(x, ENOMEM, private && m->prot & PROT_WRITE && !(m->flags & MAP_NORESERVE));
	want(x, EACCES, m->prot & PROT_EXEC || !(m->prot & PROT_READ));
	want(x, EPERM, m->prot & PROT_EXEC);	/* where /dev is mounted noexec */
	want(x, EACCES, m->prot & PROT_WRITE && !v->writable);
	want(x, EACCES, !(m->prot & PROT_WRITE) && v->added && v->writable);
	want(x, ENXIO, !r->exported);
}

static void attach(const struct mapping *m)
{
	struct worker *k = &model.worker[m->w];
	struct region *r = &model.region[m->i];
	struct want x = { 0 };
	unsigned int early;
	int64_t ret;

	want_mapping(m, &x);
	early = x.n;
	want_attach(m, &x);
	/* An empty table remains in the window. */
	if (k->leftover && k->leftover_at == r->addr) {
		want(&x, EBUSY, true);
		x.may_pass = x.n == 1;
	}
	ret = SYS(m->w, SYS_mmap, m->addr, m->length, m->prot, m->flags, FD_VIEWS + m->slot,
		  m->offset);
	if (!check_result(&x, ret)) {
		if (!early && m->flags & MAP_FIXED)
			range_settle(m->w, m->i);
		return;
	}
	if (ret != (int64_t)r->addr)
		fail("mmap answers 0x%llx, the region is at 0x%llx", (long long)ret,
		     (long long)r->addr);
	if (m->flags & MAP_FIXED)
		worker_drop_attachment(m->w, m->i);
	if (m->flags & MAP_FIXED && k->squat >= r->addr && k->squat < r->addr + WINDOW)
		k->squat = 0;
	if (k->leftover_at == r->addr)
		k->leftover = false;
	k->att[m->i] = (struct attachment){
		.on = true,
		/* PROT_READ alone never links writable tables. */
		.view = m->f->view == 0 && !(m->prot & PROT_WRITE) ? 1 : m->f->view,
		.shared = (m->f->flags & O_ACCMODE) == O_RDWR,
	};
	check_worker(m->w, m->i, 4);
}

void op_attach(void)
{
	struct mapping m = { 0 };

	if (!any_attachable(&m.w, &m.slot)) {
		nothing_to_do();
		return;
	}
	m.f = &model.worker[m.w].fd[m.slot];
	m.i = m.f->region;
	draw_mapping(&m);
	note("w%u mmap fd%u (r%u/%u) addr=0x%llx length=0x%llx prot=%d flags=0x%x offset=0x%llx",
	     m.w, m.slot, m.i, m.f->view, (long long)m.addr, (long long)m.length, m.prot, m.flags,
	     (long long)m.offset);
	attach(&m);
}

void op_detach(void)
{
	struct want x = { 0 };
	unsigned int w, i;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	want(&x, EPERM, model.worker[w].att[i].sealed);
	note("w%u munmap r%u", w, i);
	if (!check_result(&x, SYS(w, SYS_munmap, model.region[i].addr, WINDOW)))
		return;
	worker_drop_attachment(w, i);
	region_settle();
}

/* ---- another mapping in the window ---- */

/*
 * A worker maps a page of its own into a window. If mremap() moves the page away, an empty
 * table remains, and attaching fails; munmap() removes the table, too.
 */
static void end_squat(unsigned int w)
{
	struct worker *k = &model.worker[w];

	if (one_in(3)) {
		note("w%u moves its page away from 0x%llx", w, (long long)k->squat);
		if (SYS(w, SYS_mremap, k->squat, SZ_4K, SZ_4K, MREMAP_MAYMOVE | MREMAP_FIXED,
			NOWHERE) != (int64_t)NOWHERE)
			fail("mremap of a page does not work");
		SYS(w, SYS_munmap, NOWHERE, SZ_4K);
		k->leftover = true;
		k->leftover_at = k->squat & ~(WINDOW - 1);
	} else {
		note("w%u unmaps its page at 0x%llx", w, (long long)k->squat);
		check_result(&(struct want){ 0 }, SYS(w, SYS_munmap, k->squat, SZ_4K));
		if (k->leftover_at == (k->squat & ~(WINDOW - 1)))
			k->leftover = false;
	}
	k->squat = 0;
}

void op_squat(void)
{
	unsigned int w = any_worker(), i = any_region(false);
	struct worker *k = &model.worker[w];
	uint64_t at;

	if (k->squat) {
		end_squat(w);
		return;
	}
	if (i == NONE || is_occupied(w, &model.region[i]) ||
	    (k->leftover && k->leftover_at != model.region[i].addr)) {
		nothing_to_do();
		return;
	}
	at = model.region[i].addr + rnd(WINDOW / SZ_4K) * SZ_4K;
	note("w%u maps a page at 0x%llx in the window of r%u", w, (long long)at, i);
	if (SYS(w, SYS_mmap, at, SZ_4K, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0) !=
	    (int64_t)at)
		fail("a page cannot be mapped in an empty window");
	k->squat = at;
}
