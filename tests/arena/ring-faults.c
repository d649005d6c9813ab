// SPDX-License-Identifier: MIT
/*
 * Goal: -EFAULT that passes, as it does when the module replaces an entry of its page
 * tables, is not seen by the caller; one that lasts is told, after a bounded number of tries.
 * Method: the memory of a buffer is taken away and given back between two looks at the
 * ring, on a ring that thinks that its region is the module's.
 */
#define _GNU_SOURCE
#include <libarena/ring/ops.h>

#include "ring-rig.h"

static void protect(void *at, int prot)
{
	if (mprotect(at, 4096, prot))
		bail("cannot protect a buffer");
}

static void begin(struct rig *rig, struct arena_io *io, bool list)
{
	struct arena_vec vec = { io->buf, 0, 4096 };
	struct arena_io all = *io;

	if (list) {
		all.buf = (struct arena_buf){ 0 };
		all.length = 0;
		all.vec = &vec;
		all.n_vecs = 1;
	}
	is(arena_ring_read(rig->r, &all, NULL), 0, "a read into memory that is away begins");
}

static void test_passes(struct rig *rig, bool list)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	void *at = arena_ptr(rig->a, b);
	int fd = rig_fd(4096, 'f');
	struct arena_io io = { .file = rig_file(rig, fd), .buf = b, .length = 4096 };

	protect(at, PROT_NONE);
	begin(rig, &io, list);
	for (int i = 0; i < 5; i++)
		ok(rig_quiet(rig), "try %d says nothing", i + 1);
	is(arena_state(rig->a, b), ARENA_IN_IO, "the buffer is IN_IO meanwhile");
	protect(at, PROT_READ | PROT_WRITE);
	is(rig_next(rig).result, 4096, "when the memory is back, the read succeeds");
	ok(rig_is(rig, b, 4096, 'f'), "the read has its data when the memory is back");
	arena_ring_remove_file(rig->r, io.file);
	close(fd);
	arena_put(rig->a, b);
}

static void test_lasts(struct rig *rig, bool passes)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	void *at = arena_ptr(rig->a, b);
	int fd = rig_fd(4096, 'f');
	struct arena_io io = { .file = rig_file(rig, fd), .buf = b, .length = 4096 };
	struct arena_event e;

	protect(at, PROT_NONE);
	begin(rig, &io, false);
	e = rig_next(rig);
	protect(at, PROT_READ | PROT_WRITE);
	is(e.result, -EFAULT, "a fault that lasts is reported");
	if (passes)
		ok(rig->r->ops[e.op.index].faults > 10,
		   "a fault that lasts is tried more than 10 times");
	else
		is(rig->r->ops[e.op.index].faults, 0,
		   "a fault that cannot pass is reported at once");
	is(arena_state(rig->a, b), ARENA_OWNED, "the buffer is OWNED after the fault");
	arena_ring_remove_file(rig->r, io.file);
	close(fd);
	arena_put(rig->a, b);
}

int main(void)
{
	struct rig rig = rig_open("ring-faults");
	bool module = rig.r->faults_pass;

	if (!module)
		test_lasts(&rig, false);
	rig.r->faults_pass = true;
	/* The module's memory cannot be taken away like that. */
	if (module) {
		skip("needs a region that mprotect(2) works on");
	} else {
		test_passes(&rig, false);
		test_passes(&rig, true);
		test_lasts(&rig, true);
	}
	is(arena_ring_pending(rig.r), 0, "nothing is left pending");
	rig_close(&rig);
	return done_testing();
}
