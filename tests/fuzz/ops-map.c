// SPDX-License-Identifier: MIT
/* Attaching, and what a process may try on the mapping then. */
#include "fuzz.h"

#include <linux/mman.h>
#include <linux/userfaultfd.h>

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* A window in which no region is, nor anything else. */
#define NOWHERE		(180 * WINDOW)

/* ---- ranges of addresses, against all that a worker has in windows ---- */

/**
 * struct effect - what lies in a range
 * @whole: attachments that it covers
 * @part: attachments of which it covers a part
 * @sealed: attachments in it that are sealed
 * @holes: not all of it is mapped
 */
struct effect {
	unsigned int whole, part, sealed;
	bool holes;
};

static struct effect effect_of(unsigned int w, uint64_t start, uint64_t length)
{
	uint64_t end = start + length, mapped = 0;
	struct effect e = { 0 };

	for (unsigned int i = 0; i < REGIONS; i++) {
		uint64_t base = model.region[i].addr, from, to;

		if (!length || !model.worker[w].att[i].on || end <= base ||
		    start >= base + WINDOW)
			continue;
		from = start > base ? start : base;
		to = end < base + WINDOW ? end : base + WINDOW;
		mapped += to - from;
		if (to - from == WINDOW)
			e.whole++;
		else
			e.part++;
		e.sealed += model.worker[w].att[i].sealed;
	}
	e.holes = mapped < length;
	return e;
}

static void detach_range(unsigned int w, uint64_t start, uint64_t length)
{
	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.worker[w].att[i].on && model.region[i].addr >= start &&
		    model.region[i].addr + WINDOW <= start + length)
			worker_drop_attachment(w, i);
	if (model.worker[w].squat >= start && model.worker[w].squat < start + length)
		model.worker[w].squat = 0;
	region_settle();
}

/* A part of an attachment, its surroundings, or all of it. */
static void draw_range(const struct region *r, uint64_t *start, uint64_t *length)
{
	static const int64_t at[] = { 0, 0, 4096, -4096 };
	uint64_t page = r->page_size;

	*start = r->addr;
	*length = WINDOW;
	switch (rnd(10)) {
	case 0:
		*start += (uint64_t)PICK(at);
		*length = page;
		break;
	case 1:
		*start += any_offset(r);
		*length = page;
		break;
	case 2:
		*start += any_offset(r);
		*length = SZ_4K;
		break;
	case 3:
		*start += WINDOW - SZ_4K;
		*length = SZ_4K + rnd(2) * SZ_4K;
		break;
	case 4:
		*length = WINDOW / 2;
		break;
	case 5:
		*start += WINDOW / 2;
		*length = WINDOW;
		break;
	case 6:
		*start -= SZ_4K;
		*length = WINDOW + 2 * SZ_4K;
		break;
	default:
		break;
	}
}

/* ---- attach ---- */

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

static int draw_prot(void)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ,
		PROT_READ, PROT_WRITE, PROT_NONE, PROT_READ | PROT_EXEC, PROT_EXEC,
		PROT_READ | PROT_WRITE | PROT_EXEC,
	};

	return PICK(prots);
}

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
		m->prot = draw_prot();
	m->flags = one_in(4) ? PICK(flags) : MAP_SHARED;
	m->length = WINDOW;
	m->addr = m->flags & MAP_FIXED || m->flags & MAP_FIXED_NOREPLACE || one_in(8) ? r->addr : 0;
	/* That would take the worker's own memory away. */
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

/* What lies in the window already: then only MAP_FIXED goes there. */
static bool is_occupied(unsigned int w, const struct region *r)
{
	uint64_t squat = model.worker[w].squat;

	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.worker[w].att[i].on && model.region[i].addr == r->addr)
			return true;
	return r->addr == 190 * WINDOW || (squat >= r->addr && squat < r->addr + WINDOW);
}

/* What the kernel looks at before the mapping that is there is touched. */
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

/* What the module looks at: with MAP_FIXED the old mapping may be gone then. */
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

/* What is left of an attachment, or a squatter, that a failed mmap() may have ended. */
static void see_what_is_left(unsigned int w, unsigned int i)
{
	struct worker *k = &model.worker[w];
	uint64_t addr = model.region[i].addr;

	if (k->att[i].on && !is_mapped(w, addr)) {
		note(" (it is gone)");
		worker_drop_attachment(w, i);
		region_settle();
	}
	if (k->squat >= addr && k->squat < addr + WINDOW && !is_mapped(w, k->squat))
		k->squat = 0;
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
	/* A table that is empty but there. */
	if (k->leftover && k->leftover_at == r->addr) {
		want(&x, EBUSY, true);
		x.may_pass = x.n == 1;
	}
	ret = SYS(m->w, SYS_mmap, m->addr, m->length, m->prot, m->flags, FD_VIEWS + m->slot,
		  m->offset);
	if (!check_result(&x, ret)) {
		if (!early && m->flags & MAP_FIXED)
			see_what_is_left(m->w, m->i);
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
		/* PROT_READ alone never links what can be written. */
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

/* ---- somebody else in the window ---- */

/*
 * A page of the worker's own in a window. Moved away by mremap() it leaves an
 * empty table, in which an attach finds no room; a munmap() takes it along.
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

/* ---- what must not hurt ---- */

void op_unmap_part(void)
{
	uint64_t start, length;
	struct want x = { 0 };
	struct effect e;
	unsigned int w, i;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	draw_range(&model.region[i], &start, &length);
	if (one_in(10))
		start++;
	if (one_in(20))
		length = one_in(2) ? 0 : -SZ_4K;
	e = effect_of(w, start, length);
	want(&x, EINVAL, e.part || start & 4095 || !length || length > 1ULL << 47);
	want(&x, EPERM, e.sealed);
	note("w%u munmap 0x%llx+0x%llx (r%u)", w, (long long)start, (long long)length, i);
	if (check_result(&x, SYS(w, SYS_munmap, start, length)))
		detach_range(w, start, length);
}

/* Something else over it: as munmap, and then it is something else. */
void op_map_over(void)
{
	uint64_t start, length;
	struct want x = { 0 };
	struct effect e;
	unsigned int w, i;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	draw_range(&model.region[i], &start, &length);
	e = effect_of(w, start, length);
	want(&x, EINVAL, e.part);
	want(&x, ENOMEM, e.part);
	want(&x, EPERM, e.sealed);
	note("w%u maps over 0x%llx+0x%llx (r%u)", w, (long long)start, (long long)length, i);
	if (!check_result(&x, SYS(w, SYS_mmap, start, length, one_in(2) ? PROT_NONE : PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)))
		return;
	detach_range(w, start, length);
	check_result(&(struct want){ 0 }, SYS(w, SYS_munmap, start, length));
}

/* It stays what and where it is, or loses what lies beyond its window. */
static bool may_remap(unsigned int w, uint64_t start, uint64_t length, uint64_t new_length,
		      int flags)
{
	struct effect tail;

	if (!length || flags & ~MREMAP_MAYMOVE || new_length > length)
		return false;
	tail = effect_of(w, start + new_length, length - new_length);
	return !tail.part && !tail.whole;
}

/* Some kernels unmap what lies at the new place before they look at the old one. */
static void see_what_remap_left(unsigned int w, uint64_t start, uint64_t length)
{
	struct worker *k = &model.worker[w];

	for (unsigned int i = 0; i < REGIONS; i++)
		if (k->att[i].on && model.region[i].addr >= start &&
		    model.region[i].addr + WINDOW <= start + length)
			see_what_is_left(w, i);
	if (k->squat >= start && k->squat < start + length && !is_mapped(w, k->squat))
		k->squat = 0;
}

static uint64_t draw_new_place(unsigned int w, uint64_t start)
{
	unsigned int i = (unsigned int)rnd(REGIONS);

	switch (rnd(6)) {
	case 0 ... 1:
		return 0;
	case 2:
		return start;
	case 3 ... 4:
		if (model.worker[w].att[i].on)
			return model.region[i].addr;
		__attribute__((fallthrough));
	default:
		return NOWHERE;
	}
}

void op_remap(void)
{
	static const int flags[] = {
		0, MREMAP_MAYMOVE, MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_DONTUNMAP, MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, 64,
	};
	uint64_t start, length, to, new_length;
	struct want x = { 0 };
	unsigned int w, i;
	int flag = PICK(flags);

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	draw_range(&model.region[i], &start, &length);
	if (start < model.region[i].addr)
		start = model.region[i].addr;
	if (one_in(8))
		length = 0;
	new_length = one_in(2) ? length : one_in(2) ? WINDOW : one_in(2) ? 2 * WINDOW : SZ_4K;
	to = draw_new_place(w, start);
	note("w%u mremap 0x%llx+0x%llx (r%u) to 0x%llx+0x%llx flags=%d", w, (long long)start,
	     (long long)length, i, (long long)to, (long long)new_length, flag);
	want(&x, EINVAL, true);
	want(&x, EFAULT, true);
	want(&x, ENOMEM, true);
	want(&x, EPERM, effect_of(w, start, length ? length : SZ_4K).sealed);
	want(&x, EPERM, flag & MREMAP_FIXED && effect_of(w, to, new_length).sealed);
	want(&x, EAGAIN, !model.worker[w].root);
	x.may_pass = may_remap(w, start, length, new_length, flag);
	if (check_result(&x, SYS(w, SYS_mremap, start, length, new_length, flag, to)) ||
	    !(flag & MREMAP_FIXED))
		return;
	see_what_remap_left(w, to, new_length);
	see_what_remap_left(w, start + new_length, length > new_length ? length - new_length : 0);
	region_settle();
}

void op_protect(void)
{
	uint64_t start, length;
	struct want x = { 0 };
	int64_t key = -1, ret;
	struct effect e;
	unsigned int w, i;
	int prot = draw_prot();

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	draw_range(&model.region[i], &start, &length);
	e = effect_of(w, start, length);
	want(&x, EACCES, e.whole || e.part);
	want(&x, ENOMEM, e.holes);
	want(&x, EPERM, e.sealed);
	note("w%u mprotect 0x%llx+0x%llx (r%u) prot=%d", w, (long long)start, (long long)length, i,
	     prot);
	if (one_in(2)) {
		check_result(&x, SYS(w, SYS_mprotect, start, length, prot));
		return;
	}
	key = SYS(w, SYS_pkey_alloc, 0, 0);
	note(" pkey %d", (int)key);
	want(&x, EINVAL, key < 0);
	ret = SYS(w, SYS_pkey_mprotect, start, length, prot, key < 0 ? 7 : key);
	if (key >= 0)
		SYS(w, SYS_pkey_free, key);
	check_result(&x, ret);
}

/* ---- madvise ---- */

/* What each advice answers on the whole; on a part a change is EINVAL as well. */
static const struct advice {
	int advice;
	int error;	/* 0: none */
	int other;	/* another that some kernels answer; -1: or none */
} advices[] = {
	{ MADV_NORMAL, 0, 0 },
	{ MADV_RANDOM, 0, 0 },
	{ MADV_SEQUENTIAL, 0, 0 },
	{ MADV_WILLNEED, 0, 0 },
	{ MADV_DONTNEED, EINVAL, 0 },
	{ MADV_FREE, EINVAL, 0 },
	{ MADV_REMOVE, EACCES, EINVAL },
	{ MADV_DONTFORK, 0, 0 },
	{ MADV_DOFORK, EINVAL, 0 },
	{ MADV_MERGEABLE, 0, EINVAL },
	{ MADV_UNMERGEABLE, 0, EINVAL },
	{ MADV_HUGEPAGE, EINVAL, -1 },
	{ MADV_NOHUGEPAGE, EINVAL, -1 },
	{ MADV_DONTDUMP, 0, 0 },
	{ MADV_DODUMP, EINVAL, 0 },
	{ MADV_WIPEONFORK, EINVAL, 0 },
	{ MADV_KEEPONFORK, EINVAL, -1 },
	{ MADV_COLD, EINVAL, 0 },
	{ MADV_PAGEOUT, EINVAL, 0 },
	{ MADV_POPULATE_READ, EINVAL, EFAULT },
	{ MADV_POPULATE_WRITE, EINVAL, EFAULT },
	{ 24 /* DONTNEED_LOCKED */, EINVAL, 0 },
	{ 25 /* COLLAPSE */, EINVAL, 0 },
	{ 102 /* GUARD_INSTALL */, EINVAL, 0 },
	{ 103 /* GUARD_REMOVE */, EINVAL, 0 },
	{ 26, EINVAL, 0 },
	{ 999, EINVAL, 0 },
};

void op_advise(void)
{
	const struct advice *a = &PICK(advices);
	uint64_t start, length;
	struct want x = { 0 };
	struct region *r;
	unsigned int w, i;
	bool part;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	r = &model.region[i];
	start = r->addr;
	length = WINDOW;
	part = one_in(2);
	if (part) {
		start += any_offset(r);
		length = one_in(2) ? r->page_size : SZ_4K;
	}
	want(&x, a->error, a->error);
	want(&x, a->other, a->other > 0);
	/* A change of flags would split it. */
	want(&x, EINVAL, part && !a->error);
	want(&x, EPERM, model.worker[w].att[i].sealed && a->error);
	x.may_pass = !a->error || a->other < 0;
	note("w%u madvise %d r%u 0x%llx+0x%llx", w, a->advice, i, (long long)start,
	     (long long)length);
	check_result(&x, SYS(w, SYS_madvise, start, length, a->advice));
}

/* ---- locks, policies, userfaultfd, seals ---- */

/* It is a munmap() and an mmap() of the same file, with what the VMA allows: reading. */
static void remap_file(unsigned int w, unsigned int i)
{
	struct attachment *a = &model.worker[w].att[i];
	const struct region *r = &model.region[i];
	struct attachment again = *a;
	struct want x = { 0 };

	note(" remap_file_pages");
	want(&x, EINVAL, !a->shared);
	want(&x, EACCES, r->view[a->view].added && r->view[a->view].writable);
	want(&x, EPERM, a->sealed);
	if (!check_result(&x, SYS(w, SYS_remap_file_pages, r->addr, WINDOW, 0, 0, 0))) {
		see_what_is_left(w, i);
		return;
	}
	worker_drop_attachment(w, i);
	again.view = again.view ? again.view : 1;
	*a = again;
}

void op_lock(void)
{
	uint64_t start, length;
	struct want x = { 0 };
	struct region *r;
	unsigned int w, i;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	r = &model.region[i];
	start = r->addr + (one_in(2) ? 0 : any_offset(r));
	length = start == r->addr && one_in(2) ? WINDOW : r->page_size;
	note("w%u lock r%u 0x%llx+0x%llx:", w, i, (long long)start, (long long)length);
	/* Beyond a limit that root has not. */
	want(&x, ENOMEM, !model.worker[w].root);
	want(&x, EPERM, !model.worker[w].root);
	x.may_pass = true;
	switch (rnd(7)) {
	case 0:
		note(" mlock");
		check_result(&x, SYS(w, SYS_mlock, start, length));
		break;
	case 1:
		note(" mlock2");
		check_result(&x, SYS(w, SYS_mlock2, start, length, 1 /* ONFAULT */));
		break;
	case 2:
		note(" munlock");
		check_result(&(struct want){ 0 }, SYS(w, SYS_munlock, start, length));
		break;
	case 3:
		note(" mlockall, munlockall");
		check_result(&x, SYS(w, SYS_mlockall, 1 /* MCL_CURRENT */));
		check_result(&(struct want){ 0 }, SYS(w, SYS_munlockall));
		break;
	case 4:
		note(" msync");
		x = (struct want){ 0 };
		want(&x, EINVAL, model.worker[w].att[i].shared);
		check_result(&x, SYS(w, SYS_msync, start, length, MS_SYNC));
		break;
	case 5:
		remap_file(w, i);
		break;
	default:
		note(" remap_file_pages of a part");
		x = (struct want){ 0 };
		want(&x, EINVAL, true);
		check_result(&x, SYS(w, SYS_remap_file_pages, start + SZ_4K, SZ_4K, 0, 1, 0));
	}
}

static void move_pages(unsigned int w, unsigned int i, bool move)
{
	const struct region *r = &model.region[i];
	struct {
		uint64_t page[4];
		int node[4];
		int status[4];
	} a = { .node = { 0 } };
	struct want x = { 0 };

	for (int j = 0; j < 4; j++)
		a.page[j] = r->addr + any_offset(r);
	want(&x, ENOENT, move);
	want(&x, ENOSYS, true);
	x.may_pass = true;
	note(" move_pages %d", move);
	check_result(&x, sys_blob(w, SYS_move_pages,
				  ARGS(0, 4, SCRATCH,
				       move ? SCRATCH + offsetof(typeof(a), node) : 0,
				       SCRATCH + offsetof(typeof(a), status), move ? 2 : 0),
				  &a, sizeof(a), &a, sizeof(a)));
	for (int j = 0; j < 4 && !x.got && !move; j++)
		if (a.status[j] != 0 && a.status[j] != -EFAULT && a.status[j] != -ENOENT)
			fail("move_pages: status %d", a.status[j]);
}

void op_policy(void)
{
	struct want x = { 0 };
	uint64_t nodes = 1, flags, start;
	unsigned int w, i;
	bool part = one_in(3);

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	note("w%u policy r%u:", w, i);
	if (one_in(3)) {
		move_pages(w, i, one_in(2));
		return;
	}
	flags = rnd(8);
	start = model.region[i].addr + (part ? any_offset(&model.region[i]) : 0);
	note(" mbind 0x%llx part=%d flags=%llu", (long long)start, part, (long long)flags);
	want(&x, EINVAL, part);
	want(&x, EIO, flags & 3);
	want(&x, EFAULT, flags & 3);
	want(&x, EPERM, flags & 4 && !model.worker[w].root);
	want(&x, ENOSYS, true);
	x.may_pass = true;
	check_result(&x, sys_blob(w, SYS_mbind,
				  ARGS(start, part ? model.region[i].page_size : WINDOW,
				       2 /* MPOL_BIND */, SCRATCH, 64, flags),
				  &nodes, sizeof(nodes), NULL, 0));
}

void op_userfault(void)
{
	static const uint64_t modes[] = {
		UFFDIO_REGISTER_MODE_MISSING, UFFDIO_REGISTER_MODE_WP, UFFDIO_REGISTER_MODE_MINOR,
		UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = PICK(modes) };
	struct want x = { 0 };
	uint64_t start, length;
	unsigned int w, i;
	int64_t fd;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	if (one_in(2))
		api.features = 1 << 15; /* WP_ASYNC */
	draw_range(&model.region[i], &start, &length);
	reg.range.start = start;
	reg.range.len = length;
	note("w%u userfaultfd 0x%llx+0x%llx mode=%llu features=0x%llx", w, (long long)start,
	     (long long)length, reg.mode, api.features);
	fd = SYS(w, SYS_userfaultfd, O_CLOEXEC | 1 /* USER_MODE_ONLY */);
	want(&x, EPERM, true);
	want(&x, ENOSYS, true);
	x.may_pass = true;
	if (!check_result(&x, fd))
		return;
	sys_blob(w, SYS_ioctl, ARGS((uint64_t)fd, UFFDIO_API, SCRATCH), &api,
		 sizeof(api), NULL, 0);
	x = (struct want){ 0 };
	want(&x, EINVAL, true);
	want(&x, EPERM, true);
	check_result(&x, sys_blob(w, SYS_ioctl,
				  ARGS((uint64_t)fd, UFFDIO_REGISTER, SCRATCH), &reg,
				  sizeof(reg), NULL, 0));
	SYS(w, SYS_close, fd);
}

/* A sealed mapping stays until the process ends or becomes another program. */
void op_seal(void)
{
	uint64_t start, length;
	struct want x = { 0 };
	struct region *r;
	unsigned int w, i;
	bool part = !one_in(4);

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	r = &model.region[i];
	start = r->addr + (part ? any_offset(r) : 0);
	length = part ? r->page_size : WINDOW;
	/* From 6.17 on a private mapping of a file is not sealed; ours is shared. */
	want(&x, EINVAL, part);
	want(&x, ENOSYS, true);
	x.may_pass = !part || model.worker[w].att[i].sealed;
	note("w%u mseal r%u 0x%llx+0x%llx", w, i, (long long)start, (long long)length);
	if (check_result(&x, SYS(w, SYS_mseal, start, length, 0)) && !part)
		model.worker[w].att[i].sealed = true;
}
