// SPDX-License-Identifier: MIT
/*
 * Goal: groups are registered where that was asked for and where our view allows it; a
 * group that cannot be registered works without, and the others are registered all the same.
 * Method: the table of the ring, with a peer's group that is made read-only as a view would
 * show it; writes from a buffer of that peer, registered and not.
 */
#define _GNU_SOURCE
#include <libarena/ring/core.h>

#include "ring-rig.h"

/* How many groups of ours, or of peers, are registered; not those for control. */
static uint32_t count(struct rig *rig, bool own, bool registered)
{
	const struct arena_layout *l = arena_layout(rig->a);
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n_groups; i++)
		n += l->group[i].use != ARENA_USE_CONTROL &&
		     (l->group[i].role == arena_role(rig->a)) == own &&
		     rig->r->registered[i] == registered;
	return n;
}

static void open_with(struct rig *rig, bool own, bool peers)
{
	struct arena_ring_options o = rig_options;

	o.registered = own;
	o.register_peers = peers;
	arena_ring_close(rig->r);
	rig->r = rig_ring(rig->a, &o);
}

/* A borrowed buffer is written to a file. */
static void test_write(struct rig *rig, struct arena_buf theirs)
{
	int fd = rig_fd(0, 0);
	struct arena_io io = { .file = rig_file(rig, fd), .buf = theirs, .length = 4096 };
	char byte = 0;

	is(arena_ring_write(rig->r, &io, NULL), 0, "a peer's buffer is written to a file");
	is(rig_next(rig).result, 4096, "the whole buffer of the peer is written");
	ok(pread(fd, &byte, 1, 4095) == 1 && byte == 's', "the file has what the peer wrote");
	arena_ring_remove_file(rig->r, io.file);
	close(fd);
}

static void protect(struct rig *rig, uint32_t group, int prot)
{
	const struct arena_group *g = &arena_layout(rig->a)->group[group];

	if (mprotect((char *)arena_base(rig->a) + g->offset, (size_t)g->buffer_size * g->count,
		     prot))
		bail("cannot protect a group");
}

static void test_groups(struct rig *rig, struct arena_buf theirs)
{
	uint32_t own, peers;

	open_with(rig, false, false);
	own = count(rig, true, false);
	peers = count(rig, false, false);
	ok(own && peers, "%u groups are ours and %u are peers'; none is registered", own, peers);
	test_write(rig, theirs);
	open_with(rig, true, false);
	is(count(rig, true, true), own, "without the option for peers, own groups are registered");
	is(count(rig, false, true), 0, "without the option peers' groups are not registered");
	open_with(rig, true, true);
	is(count(rig, true, true), own, "the process's own groups are registered");
	is(count(rig, false, true), peers, "peers' groups are registered");
	test_write(rig, theirs);
	if (rig->r->faults_pass) {
		skip("needs a region that mprotect(2) works on");
		return;
	}
	protect(rig, theirs.group, PROT_READ);
	open_with(rig, true, true);
	is(count(rig, true, true), own, "with a peer's group read-only, ours are registered");
	is(count(rig, false, true), peers - 1, "all other peers' groups are registered");
	ok(!arena_ring_is_registered(rig->r, theirs.group),
	   "the ring says that the read-only group is not registered");
	test_write(rig, theirs);
	protect(rig, theirs.group, PROT_READ | PROT_WRITE);
}

int main(void)
{
	struct rig rig = rig_open("ring-registered");
	struct arena_buf theirs, ours;
	struct arena_ref ref;
	struct arena *sp;

	if (arena_open_region(rig.m, ARENA_ROLE(1, 0), &sp) ||
	    arena_get_for(sp, USE_SECOND, 1, &theirs))
		bail("no SP");
	memset(arena_ptr(sp, theirs), 's', 4096);
	arena_lend(sp, theirs, ARENA_ROLE(0, 0), &ref);
	is(arena_borrow(rig.a, ARENA_ROLE(1, 0), &ref, &ours), 0, "a peer's buffer is borrowed");
	test_groups(&rig, ours);
	is(arena_return(rig.a, ours, &ref), 0, "the buffer is returned");
	is(arena_regain(sp, ARENA_ROLE(0, 0), &ref, &theirs), 0, "the owner regains the buffer");
	arena_put(sp, theirs);
	arena_close(sp);
	rig_close(&rig);
	return done_testing();
}
