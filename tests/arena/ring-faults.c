// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: the caller does not see an -EFAULT that passes, as it does when the module replaces an
 * entry of its page tables. An -EFAULT that lasts is reported after a bounded number of tries.
 * Method: the test takes the access rights of an extent away and restores them between two
 * calls of the ring, which is made to believe that its region is the module's.
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
	is(arena_ring_read(rig->r, &all, NULL), 0, "a read into an inaccessible extent begins");
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
		ok(rig_quiet(rig), "fault %d of a read is not reported", i + 1);
	is(arena_state(rig->a, b), ARENA_IN_IO, "an extent whose read faults is IN_IO");
	protect(at, PROT_READ | PROT_WRITE);
	is(rig_next(rig).result, 4096, "a read succeeds when its extent is accessible again");
	ok(rig_is(rig, b, 4096, 'f'), "a read that faulted at first has the bytes of its file");
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
		   "a read whose fault lasts is tried more than 10 times");
	else
		is(rig->r->ops[e.op.index].faults, 0,
		   "a fault that cannot pass is reported at once");
	is(arena_state(rig->a, b), ARENA_OWNED, "the extent is OWNED after a reported fault");
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
	/* mprotect(2) does not work on a region of the module. */
	if (module) {
		skip("a fault of a region needs mprotect(2), which the module refuses");
	} else {
		test_passes(&rig, false);
		test_passes(&rig, true);
		test_lasts(&rig, true);
	}
	is(arena_ring_pending(rig.r), 0, "no operation is pending at the end");
	rig_close(&rig);
	return done_testing();
}
