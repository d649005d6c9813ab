// SPDX-License-Identifier: MIT
/* madvise(2), locks, policies, userfaultfd and seals on an attachment. */
#include "range.h"

#include <linux/mman.h>
#include <linux/userfaultfd.h>

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* ---- madvise ---- */

/* The result of each advice for the whole window; changing a part also gives EINVAL. */
static const struct advice {
	int advice;
	int error;	/* 0: none */
	int other;	/* another error that some kernels give; -1: or success */
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

/*
 * remap_file_pages() is a munmap() and an mmap() of the same file with the VMA's
 * permissions, which are for reading.
 */
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
		range_settle(w, i);
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
	/* This exceeds a limit that root does not have. */
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
	range_draw(&model.region[i], &start, &length);
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

/* A sealed mapping stays until the process ends or executes another program. */
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
