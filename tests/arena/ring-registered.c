// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: a ring registers groups where its options ask for it and the process's view allows it.
 * A group that cannot be registered is used unregistered, and the other groups are registered
 * all the same.
 * Method: look at the ring's table, with a peer's group that is read-only, as in a view. Write
 * from an extent of that peer to a file, registered and not.
 */
#define _GNU_SOURCE
#include <libarena/ring/core.h>

#include "ring-rig.h"

/* Number of own groups, or of peers' groups, that are registered or not; without control groups. */
static uint32_t count(struct rig *rig, bool own, bool registered)
{
	const struct arena_layout *l = arena_layout(rig->a);
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n_groups; i++)
		n += l->group[i].use != ARENA_USE_CONTROL &&
		     (l->group[i].role == arena_role(rig->a)) == own &&
		     arena_ring_is_registered(rig->r, i) == registered;
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

/* Write a borrowed extent to a file. */
static void test_write(struct rig *rig, struct arena_buf borrowed)
{
	int fd = rig_fd(0, 0);
	struct arena_io io = { .file = rig_file(rig, fd), .buf = borrowed, .length = 4096 };
	char byte = 0;

	is(arena_ring_write(rig->r, &io, NULL), 0, "a write of a borrowed extent begins");
	is(rig_next(rig).result, 4096, "the whole borrowed extent is written to the file");
	ok(pread(fd, &byte, 1, 4095) == 1 && byte == 's',
	   "the file has the bytes that the extent's owner wrote");
	arena_ring_remove_file(rig->r, io.file);
	close(fd);
}

/* Write a list to a file, the second extent first, and read it into others. */
static void test_list(struct rig *rig, uint32_t second_use, const char *what)
{
	struct arena_buf b[4] = { { 0 } };
	struct arena_vec out[2], in[2];
	struct arena_io io = { .vec = out, .n_vecs = 2 };
	int fd = rig_fd(0, 0);

	for (uint32_t i = 0; i < 4; i++) {
		if (arena_get_for(rig->a, i % 2 ? second_use : USE_FIRST, 1, &b[i]))
			bail("cannot get a buffer");
		memset(arena_ptr(rig->a, b[i]), i < 2 ? 'a' + (int)i : 0, 512);
	}
	for (uint32_t i = 0; i < 2; i++) {
		out[i] = (struct arena_vec){ b[1 - i], 0, 512 };
		in[i] = (struct arena_vec){ b[2 + i], 0, 512 };
	}
	io.file = rig_file(rig, fd);
	if (arena_ring_write(rig->r, &io, NULL))
		bail("cannot begin a write");
	is(rig_next(rig).result, 1024, "a list of extents of %s is written", what);
	io.vec = in;
	if (arena_ring_read(rig->r, &io, NULL))
		bail("cannot begin a read");
	is(rig_next(rig).result, 1024, "a list of extents of %s is read", what);
	ok(rig_is(rig, b[2], 512, 'b') && rig_is(rig, b[3], 512, 'a'),
	   "lists of extents of %s keep their order", what);
	for (uint32_t i = 0; i < 4; i++)
		arena_put(rig->a, b[i]);
	arena_ring_remove_file(rig->r, io.file);
	close(fd);
}

static void test_lists(struct rig *rig)
{
	struct arena_features f = { .size = sizeof(f) };
	struct arena_ring_options o = rig_options;

	arena_probe(&f);
	diag("lists of registered memory: %s",
	     arena_has(&f, ARENA_HAS_READV_FIXED) ? "yes" : "not in this kernel");
	open_with(rig, true, false);
	test_list(rig, USE_FIRST, "one registered group");
	test_list(rig, USE_SMALL, "two registered groups");
	arena_probe_without(&f, "readv_fixed");
	o.registered = true;
	o.features = &f;
	arena_ring_close(rig->r);
	rig->r = rig_ring(rig->a, &o);
	test_list(rig, USE_FIRST, "one registered group, without readv_fixed,");
}

static void protect(struct rig *rig, uint32_t group, int prot)
{
	const struct arena_group *g = &arena_layout(rig->a)->group[group];

	if (mprotect((char *)arena_base(rig->a) + g->offset, (size_t)g->buffer_size * g->count,
		     prot))
		bail("cannot protect a group");
}

static void test_groups(struct rig *rig, struct arena_buf borrowed)
{
	uint32_t own, peers;

	open_with(rig, false, false);
	own = count(rig, true, false);
	peers = count(rig, false, false);
	ok(own && peers, "without the options, none of %u own and %u peers' groups is registered",
	   own, peers);
	test_write(rig, borrowed);
	open_with(rig, true, false);
	is(count(rig, true, true), own, "with registered alone, all own groups are registered");
	is(count(rig, false, true), 0, "with registered alone, no peer's group is registered");
	open_with(rig, true, true);
	is(count(rig, true, true), own, "with register_peers, all own groups are registered");
	is(count(rig, false, true), peers, "with register_peers, all peers' groups are registered");
	test_write(rig, borrowed);
	if (rig->r->faults_pass) {
		skip("a read-only group needs mprotect(2), which the module refuses");
		return;
	}
	protect(rig, borrowed.group, PROT_READ);
	open_with(rig, true, true);
	is(count(rig, true, true), own,
	   "all own groups are registered although a peer's group is read-only");
	is(count(rig, false, true), peers - 1,
	   "all peers' groups but the read-only one are registered");
	ok(!arena_ring_is_registered(rig->r, borrowed.group),
	   "a read-only group is not registered");
	test_write(rig, borrowed);
	protect(rig, borrowed.group, PROT_READ | PROT_WRITE);
}

int main(void)
{
	struct rig rig = rig_open("ring-registered");
	struct arena_buf lent, borrowed;
	struct arena_ref ref;
	struct arena *sp;

	if (arena_open_region(rig.m, ARENA_ROLE(1, 0), &sp) ||
	    arena_get_for(sp, USE_SECOND, 1, &lent))
		bail("cannot open the SP's arena");
	memset(arena_ptr(sp, lent), 's', 4096);
	arena_lend(sp, lent, ARENA_ROLE(0, 0), &ref);
	is(arena_borrow(rig.a, ARENA_ROLE(1, 0), &ref, &borrowed), 0,
	   "the NP borrows an extent of the SP");
	test_groups(&rig, borrowed);
	test_lists(&rig);
	is(arena_return(rig.a, borrowed, &ref), 0, "the NP returns the extent after all writes");
	is(arena_regain(sp, ARENA_ROLE(0, 0), &ref, &lent), 0, "the SP regains the extent");
	arena_put(sp, lent);
	arena_close(sp);
	rig_close(&rig);
	return done_testing();
}
