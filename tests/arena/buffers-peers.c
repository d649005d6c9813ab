// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: an extent goes to a peer and comes back with its contents. A wrong ref from a peer is
 * -EPROTO and never ends the process. When a peer dies, no extent is used again that the peer,
 * or the kernel on its behalf, may still use.
 * Method: two roles of one region in this process. Good refs in which one member is wrong. With
 * the module also an extent on which the kernel still works.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <liburing.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pins.h"
#include "world.h"

#define NAME	"peers"

/* The NP that the tests have no arena of. */
#define OTHER_NP	ARENA_ROLE(0, 1)

static struct arena_buf out;

static bool is_lie(int ret)
{
	return ret == -EPROTO;
}

/* Wrong refs are a right one in which one member is changed. */
static void test_regain(void)
{
	static const char *const lies[] = {
		"another group of the owner", "a group that does not exist", "a peer's group",
		"the next index", "an index beyond the group", "a smaller count",
		"the next generation", "a reserved member that is not 0",
	};
	struct arena_ref good, bad;
	struct arena_buf b, back;

	world_open();
	b = owned();
	arena_lend(w.np, b, SP, &good);
	is(good.group, b.group, "arena_lend() makes a ref with the group of the extent");
	is(good.generation, (uint16_t)b.generation,
	   "arena_lend() makes a ref with the low bits of the extent's generation");
	ok(is_lie(arena_regain(w.np, NP, &good, &back)),
	   "regaining an extent from one's own role is refused");
	ok(is_lie(arena_regain(w.np, OTHER_NP, &good, &back)),
	   "regaining an extent from a peer to which it was not lent is refused");
	for (int i = 0; i < 8; i++) {
		bad = good;
		bad.reserved = i == 7;
		bad.group = i == 0 ? (uint16_t)w.net : i == 1 ? UINT16_MAX : bad.group;
		bad.group = i == 2 ? (uint16_t)w.disk : bad.group;
		bad.index += i == 3;
		bad.index = i == 4 ? UINT32_MAX : bad.index;
		bad.count -= i == 5;
		bad.generation += i == 6;
		ok(is_lie(arena_regain(w.np, SP, &bad, &back)),
		   "regaining is refused for a ref with %s", lies[i]);
	}
	bad = good;
	bad.count = 0;
	ok(is_lie(arena_regain(w.np, SP, &bad, &back)),
	   "regaining is refused for a ref with a count of 0");
	is(arena_regain(w.np, SP, &good, &back), 0, "regaining with the right ref succeeds");
	is(arena_state(w.np, back), ARENA_OWNED, "a regained extent is OWNED");
	is(arena_state(w.np, b), ARENA_OWNED,
	   "the handle from before the lend is valid after regaining");
	ok(is_lie(arena_regain(w.np, SP, &good, &back)),
	   "regaining an extent for the second time is refused");
	arena_lend(w.np, b, SP, &good);
	arena_peer_died(w.np, SP);
	ok(is_lie(arena_regain(w.np, SP, &good, &back)),
	   "regaining an extent from a peer that has died is refused");
	world_close();
}

/* An NP can read the replies to another one, and so knows the refs that are in them. */
static void test_foreign_return(void)
{
	struct arena_buf b, theirs, back;
	struct arena_ref ref;

	world_open();
	b = get_extent(w.sp, w.disk);
	arena_lend(w.sp, b, NP, &ref);
	arena_borrow(w.np, SP, &ref, &theirs);
	ok(is_lie(arena_regain(w.sp, OTHER_NP, &ref, &back)),
	   "an SP refuses the right ref of an extent from an NP that was not lent it");
	is(arena_state(w.sp, b), ARENA_LENT,
	   "an extent that another NP has tried to return is still LENT");
	ok(arena_ptr_const(w.np, theirs),
	   "the NP that has borrowed the extent can still read it");
	is(arena_return(w.np, theirs, &ref), 0, "the NP that has borrowed the extent returns it");
	is(arena_regain(w.sp, NP, &ref, &back), 0,
	   "the SP regains the extent from the NP that was lent it");
	world_close();
}

static void test_borrow(void)
{
	static const char *const lies[] = {
		"another group of the borrower", "a group that does not exist",
		"a control group", "an index beyond the group", "a count of 0",
		"the generation 0", "an end beyond the group", "a reserved member that is not 0",
	};
	uint32_t sp_control;
	struct arena_ref good, bad;
	struct arena_buf b;

	world_open();
	sp_control = (uint32_t)arena_layout_find(arena_layout(w.sp), SP, ARENA_USE_CONTROL, 0);
	arena_lend(w.sp, get_extent(w.sp, w.disk), NP, &good);
	ok(is_lie(arena_borrow(w.np, OTHER_NP, &good, &b)),
	   "borrowing an extent from a role that does not own its group is refused");
	ok(is_lie(arena_borrow(w.np, NP, &good, &b)),
	   "borrowing a peer's extent from one's own role is refused");
	bad = good;
	bad.group = (uint16_t)w.payload;
	ok(is_lie(arena_borrow(w.np, NP, &bad, &b)), "borrowing one's own extent is refused");
	for (int i = 0; i < 8; i++) {
		bad = good;
		bad.reserved = i == 7;
		bad.group = i == 0 ? (uint16_t)w.net : i == 1 ? UINT16_MAX : bad.group;
		if (i == 2)
			bad = (struct arena_ref){
				.group = (uint16_t)sp_control, .count = 1, .generation = 1,
			};
		bad.index = i == 3 ? UINT32_MAX : bad.index;
		bad.count = i == 4 ? 0 : bad.count;
		bad.generation = i == 5 ? 0 : bad.generation;
		bad.index = i == 6 ? arena_layout(w.np)->group[w.disk].count - 1 : bad.index;
		ok(is_lie(arena_borrow(w.np, SP, &bad, &b)),
		   "borrowing is refused for a ref with %s", lies[i]);
	}
	is(arena_borrow(w.np, SP, &good, &b), 0, "borrowing with the right ref succeeds");
	ok(is_lie(arena_borrow(w.np, SP, &good, &b)),
	   "borrowing an extent that is borrowed already is refused");
	bad = good;
	bad.index++;
	bad.count = 1;
	ok(is_lie(arena_borrow(w.np, SP, &bad, &b)),
	   "borrowing a part of a borrowed extent is refused");
	bad = good;
	bad.index += EXTENT - 1;
	ok(is_lie(arena_borrow(w.np, SP, &bad, &b)),
	   "borrowing an extent that overlaps a borrowed one is refused");
	bad.index++;
	is(arena_borrow(w.np, SP, &bad, &b), 0,
	   "an extent that begins where a borrowed one ends can be borrowed");
	world_close();
}

static void test_open(void)
{
	struct arena *a;
	void *base;

	is(arena_open_region(w.m, ARENA_ROLE(0, 2), &a), -ENOENT,
	   "arena_open_region() refuses role 0.2 where the class has two processes");
	is(arena_open_region(w.m, ARENA_ROLE(1, 1), &a), -ENOENT,
	   "arena_open_region() refuses role 1.1 where the class has one process");
	is(arena_open_region(w.m, 2U << 16, &a), -ENOENT,
	   "arena_open_region() refuses a role of a class that does not exist");
	is(arena_close(NULL), 0, "arena_close() of NULL succeeds");
	mshare_attach(w.m, &base);
	++*(char *)base;
	is(arena_open_region(w.m, NP, &a), -EPROTO,
	   "arena_open_region() refuses a region whose layout has a wrong magic number");
	--*(char *)base;
	world_open();
	is(arena_role(w.sp), SP, "arena_role() returns the role with which the arena was opened");
	ok(arena_base(w.np) == arena_base(w.sp),
	   "arena_base() returns the same address for two arenas of one region");
	world_close();
}

static void test_close(void)
{
	struct arena_buf b, c;

	world_open();
	b = in_io();
	is(arena_close(w.np), -EBUSY,
	   "arena_close() is refused while an extent of the arena is IN_IO");
	arena_io_end(w.np, b);
	c = orphan();
	is(arena_close(w.np), -EBUSY, "arena_close() is refused while a borrowed extent is IN_IO");
	arena_io_end(w.np, c);
	world_close();
}

static void test_handoff(void)
{
	struct arena_buf b, c;
	struct arena_ref ref;
	const char *text;

	world_open();
	b = owned();
	strcpy(arena_ptr(w.np, b), "hello");
	is(arena_lend(w.np, b, SP, &ref), 0, "an OWNED extent can be lent");
	is(arena_borrow(w.sp, NP, &ref, &c), 0, "the peer can borrow a lent extent");
	text = arena_ptr_const(w.sp, c);
	ok(text && !strcmp(text, "hello"), "the borrower reads what the owner wrote");
	is(arena_io_begin(w.sp, c, 0), 0, "the peer begins an operation on the borrowed extent");
	ok(arena_io_address(w.sp, c) == text, "the kernel gets the address of the borrowed extent");
	is(arena_io_end(w.sp, c), 0, "the operation on the borrowed extent ends");
	memset(&ref, 0, sizeof(ref));
	is(arena_return(w.sp, c, &ref), 0, "the peer can return a borrowed extent");
	is(arena_regain(w.np, SP, &ref, &b), 0, "the owner can regain a returned extent");
	is(arena_put(w.np, b), 0, "the owner can free a regained extent");
	world_close();
}

/* arena_get_for() tries all groups of a use, and later the first of them again. */
static void test_get_for(void)
{
	uint32_t count, groups = 0, got = 0;
	struct arena_usage u = { .size = sizeof(u) };

	world_open();
	count = arena_layout(w.np)->group[w.payload].count;
	for (uint32_t i = 0; i < arena_layout(w.np)->n_groups; i++)
		groups += !arena_usage(w.np, i, &u) &&
			  arena_layout(w.np)->group[i].use == USE_FIRST;
	while (!arena_get_for(w.np, USE_FIRST, 1, &out))
		got++;
	ok(groups > 1 && got == groups * count,
	   "arena_get_for() gets all %u buffers of %u groups with one use", got, groups);
	is(arena_get_for(w.np, USE_FIRST, 1, &out), -ENOSPC,
	   "arena_get_for() fails when no buffer of the use is free");
	is(arena_get(w.np, w.payload, 2, &out), -ENOSPC,
	   "arena_get() fails when no buffer of the group is free");
	arena_reset_group(w.np, w.payload);
	is(arena_get_for(w.np, USE_FIRST, count, &out), 0,
	   "arena_get_for() gets all buffers of a group that was reset");
	is(out.group, w.payload, "arena_get_for() finds the only group with free buffers");
	is(arena_usage(w.np, w.disk, &u), -EACCES, "arena_usage() of a peer's group is refused");
	is(arena_keep_usage(w.np, w.disk, &u), -EACCES,
	   "arena_keep_usage() of a peer's group is refused");
	u.size--;
	is(arena_keep_usage(w.np, w.payload, &u), -EINVAL,
	   "arena_keep_usage() refuses a structure that is too small");
	world_close();
}

/* The module knows when the kernel has released a page; for a memfd this is unknown. */
static void test_reclaim(void)
{
	struct mshare_info info = { .size = sizeof(info) };
	struct arena_buf b;
	struct arena_usage u = { .size = sizeof(u) };

	mshare_info(w.m, &info);
	world_open();
	is(arena_reclaim(w.np, 0), 0, "arena_reclaim() succeeds when no extent is LOST");
	b = lent();
	lent();
	is(arena_peer_died(w.np, OTHER_NP), 0,
	   "the death of a role that has borrowed nothing makes no buffer LOST");
	is(arena_peer_died(w.np, SP), 2 * EXTENT,
	   "arena_peer_died() returns the number of buffers that become LOST");
	arena_usage(w.np, w.payload, &u);
	is(u.lost, 2 * EXTENT, "arena_usage() counts the buffers that a dead peer had as LOST");
	if (info.backend == MSHARE_BACKEND_MODULE) {
		is(arena_reclaim(w.np, 1000), 0, "arena_reclaim() reclaims all LOST extents");
		is(arena_state(w.np, b), ARENA_STALE, "the handle to a reclaimed extent is stale");
	} else {
		is(arena_reclaim(w.np, -1), -EOPNOTSUPP, "arena_reclaim() in a memfd is refused");
		is(arena_state(w.np, b), ARENA_LOST,
		   "a LOST extent in a memfd stays LOST after arena_reclaim()");
		skip("LOST extents can be reclaimed only in a region of the module");
	}
	world_close();
}

/* The kernel still works on the extent, as a disk does for a peer that has died. */
static void test_reclaim_in_use(void)
{
	struct mshare_info info = { .size = sizeof(info) };
	struct io_uring ring;
	struct arena_buf b;
	struct iovec iov;
	int fds[2], ret;

	mshare_info(w.m, &info);
	if (info.backend != MSHARE_BACKEND_MODULE) {
		skip("LOST extents can be reclaimed only in a region of the module");
		return;
	}
	world_open();
	b = owned();
	iov = (struct iovec){ arena_ptr(w.np, b), arena_size(w.np, b) };
	if (io_uring_queue_init(1, &ring, 0) || pipe(fds))
		bail("a ring, and a pipe: %s", strerror(errno));
	ret = io_uring_register_buffers(&ring, &iov, 1);
	/* Where the region cannot be registered, let a pipe hold the pages. */
	if (ret && (ret != -EFAULT || !pins_by_mapping(&ring) ||
		    vmsplice(fds[1], &iov, 1, 0) != (ssize_t)iov.iov_len))
		bail("cannot have the kernel use a buffer: %s", strerror(-ret));
	arena_lend(w.np, b, SP, &borrowed_ref);
	arena_peer_died(w.np, SP);
	is(arena_reclaim(w.np, 0), EXTENT,
	   "arena_reclaim() does not reclaim an extent on which the kernel works");
	is(arena_reclaim(w.np, 20), EXTENT,
	   "arena_reclaim() with a wait of 20 ms does not reclaim such an extent either");
	is(arena_state(w.np, b), ARENA_LOST, "an extent on which the kernel works stays LOST");
	io_uring_unregister_buffers(&ring);
	io_uring_queue_exit(&ring);
	close(fds[0]);
	close(fds[1]);
	is(arena_reclaim(w.np, 10000), 0,
	   "arena_reclaim() reclaims the extent once the kernel has released it");
	is(arena_state(w.np, b), ARENA_STALE,
	   "the handle to the extent is stale after the kernel released it and it was reclaimed");
	world_close();
}

int main(void)
{
	world_begin(NAME);
	test_open();
	test_regain();
	test_foreign_return();
	test_borrow();
	test_close();
	test_handoff();
	test_get_for();
	test_reclaim();
	test_reclaim_in_use();
	arena_test_end(w.m);
	return done_testing();
}
