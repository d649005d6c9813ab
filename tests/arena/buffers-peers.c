// SPDX-License-Identifier: MIT
/*
 * Goal: buffers go to a peer and come back with what is in them; what a peer says
 * wrongly is -EPROTO and never ends anybody; when it dies nothing is used that it, or
 * the kernel for it, may still use.
 * Method: two roles of one region in this process; good messages with each member
 * wrong alone; with the module, a buffer that the kernel has in use.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <liburing.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pins.h"
#include "world.h"

#define NAME	"peers"

static struct arena_buf out;

static bool is_lie(int ret)
{
	return ret == -EPROTO;
}

/* Each member of a good message alone is wrong. */
static void test_regain(void)
{
	struct arena_ref good, bad;
	struct arena_buf b, back;

	world_open();
	b = owned();
	arena_lend(w.np, b, SP, &good);
	is(good.group, b.group, "the ref names the group");
	is(good.generation, (uint16_t)b.generation, "the ref has the low bits of the generation");
	ok(is_lie(arena_regain(w.np, NP, &good, &back)), "regaining from our own role is refused");
	ok(is_lie(arena_regain(w.np, ARENA_ROLE(0, 1), &good, &back)),
	   "regaining from a peer that does not have it is refused");
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
		   "lie %d about a ref to regain is refused", i);
	}
	bad = good;
	bad.count = 0;
	ok(is_lie(arena_regain(w.np, SP, &bad, &back)), "nothing");
	is(arena_regain(w.np, SP, &good, &back), 0, "a right ref is taken");
	is(arena_state(w.np, back), ARENA_OWNED, "a regained extent is OWNED");
	is(arena_state(w.np, b), ARENA_OWNED, "a regained extent has the handle that it had");
	ok(is_lie(arena_regain(w.np, SP, &good, &back)), "the same ref is refused the second time");
	arena_lend(w.np, b, SP, &good);
	arena_peer_died(w.np, SP);
	ok(is_lie(arena_regain(w.np, SP, &good, &back)), "from the dead");
	world_close();
}

static void test_accept(void)
{
	uint32_t sp_control;
	struct arena_ref good, bad;
	struct arena_buf b;

	world_open();
	sp_control = (uint32_t)arena_layout_find(arena_layout(w.sp), SP, ARENA_USE_CONTROL, 0);
	arena_lend(w.sp, get_run(w.sp, w.disk), NP, &good);
	ok(is_lie(arena_borrow(w.np, ARENA_ROLE(0, 1), &good, &b)),
	   "borrowing from a role that does not own the group is refused");
	ok(is_lie(arena_borrow(w.np, NP, &good, &b)),
	   "borrowing a peer's extent from oneself is refused");
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
		   "lie %d about a ref to borrow is refused", i);
	}
	is(arena_borrow(w.np, SP, &good, &b), 0, "a right ref is taken");
	ok(is_lie(arena_borrow(w.np, SP, &good, &b)), "the same ref is refused the second time");
	bad = good;
	bad.index++;
	bad.count = 1;
	ok(is_lie(arena_borrow(w.np, SP, &bad, &b)), "a part of what was borrowed is refused");
	bad = good;
	bad.index += RUN - 1;
	ok(is_lie(arena_borrow(w.np, SP, &bad, &b)),
	   "an extent that overlaps what was borrowed is refused");
	bad.index++;
	is(arena_borrow(w.np, SP, &bad, &b), 0, "an extent beside it can be borrowed");
	world_close();
}

static void test_open(void)
{
	struct arena *a;
	void *base;

	is(arena_open_region(w.m, ARENA_ROLE(0, 2), &a), -ENOENT,
	   "a role whose number the class lacks is refused");
	is(arena_open_region(w.m, ARENA_ROLE(1, 1), &a), -ENOENT,
	   "a role of a class with fewer processes is refused");
	is(arena_open_region(w.m, 2U << 16, &a), -ENOENT,
	   "a role of a class that does not exist is refused");
	is(arena_close(NULL), 0, "closing NULL succeeds");
	mshare_attach(w.m, &base);
	++*(char *)base;
	is(arena_open_region(w.m, NP, &a), -EPROTO,
	   "a region whose layout is not sound is refused");
	--*(char *)base;
	world_open();
	is(arena_role(w.sp), SP, "an arena has its role");
	ok(arena_base(w.np) == arena_base(w.sp), "an arena has the base of its region");
	world_close();
}

static void test_close(void)
{
	struct arena_buf b, c;

	world_open();
	b = in_io();
	is(arena_close(w.np), -EBUSY, "closing is refused while an own buffer is IN_IO");
	arena_io_end(w.np, b);
	c = orphan();
	is(arena_close(w.np), -EBUSY, "closing is refused while a borrowed buffer is IN_IO");
	arena_io_end(w.np, c);
	world_close();
}

/* From here to there and back, with what is in it. */
static void test_hand_over(void)
{
	struct arena_buf b, c;
	struct arena_ref ref;
	const char *text;

	world_open();
	b = owned();
	strcpy(arena_ptr(w.np, b), "hello");
	is(arena_lend(w.np, b, SP, &ref), 0, "an extent is lent");
	is(arena_borrow(w.sp, NP, &ref, &c), 0, "the peer borrows it");
	text = arena_ptr_const(w.sp, c);
	ok(text && !strcmp(text, "hello"), "what was written is read");
	is(arena_io_begin(w.sp, c, 0), 0, "the peer begins an operation on the borrowed extent");
	ok(arena_io_address(w.sp, c) == text, "the kernel gets the address of the borrowed extent");
	is(arena_io_end(w.sp, c), 0, "the operation on the borrowed extent ends");
	memset(&ref, 0, sizeof(ref));
	is(arena_return(w.sp, c, &ref), 0, "the peer returns it");
	is(arena_regain(w.np, SP, &ref, &b), 0, "the owner regains it");
	is(arena_put(w.np, b), 0, "the owner frees the regained extent");
	world_close();
}

/* arena_get_for() goes through all groups of a use, and comes back. */
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
	ok(groups > 1 && got == groups * count, "%u buffers of %u groups", got, groups);
	is(arena_get_for(w.np, USE_FIRST, 1, &out), -ENOSPC,
	   "no buffer is left after all have been got");
	is(arena_get(w.np, w.payload, 2, &out), -ENOSPC,
	   "after that no extent of two buffers is found either");
	arena_reset_group(w.np, w.payload);
	is(arena_get_for(w.np, USE_FIRST, count, &out), 0,
	   "arena_get_for() gets all buffers of a group that was reset");
	is(out.group, w.payload, "arena_get_for() comes back to the group that was reset");
	is(arena_usage(w.np, w.disk, &u), -EACCES, "the usage of a peer's group is refused");
	world_close();
}

/* With the module the kernel tells that it has let go; a memfd tells nothing. */
static void test_reclaim(void)
{
	struct mshare_info info = { .size = sizeof(info) };
	struct arena_buf b;
	struct arena_usage u = { .size = sizeof(u) };

	mshare_info(w.m, &info);
	world_open();
	is(arena_reclaim(w.np, 0), 0, "without lost extents nothing is reclaimed");
	b = lent();
	lent();
	is(arena_peer_died(w.np, ARENA_ROLE(0, 1)), 0, "the death of another role loses nothing");
	is(arena_peer_died(w.np, SP), 2 * RUN, "the death of the peer loses its extents");
	arena_usage(w.np, w.payload, &u);
	is(u.lost, 2 * RUN, "an extent that the dead peer had is LOST");
	if (info.backend == MSHARE_BACKEND_MODULE) {
		is(arena_reclaim(w.np, 1000), 0, "lost extents are reclaimed");
		is(arena_state(w.np, b), ARENA_STALE, "a reclaimed extent is free");
	} else {
		is(arena_reclaim(w.np, -1), -EOPNOTSUPP, "reclaiming in a memfd is refused");
		is(arena_state(w.np, b), ARENA_LOST, "an extent in a memfd stays LOST");
		skip("reclaim: this region is a memfd, it needs the module");
	}
	world_close();
}

/* As a disk would have it, on behalf of a peer that is dead. */
static void test_reclaim_in_use(void)
{
	struct mshare_info info = { .size = sizeof(info) };
	struct io_uring ring;
	struct arena_buf b;
	struct iovec iov;
	int fds[2], ret;

	mshare_info(w.m, &info);
	if (info.backend != MSHARE_BACKEND_MODULE) {
		skip("reclaim what is in use: this region is a memfd, it needs the module");
		return;
	}
	world_open();
	b = owned();
	iov = (struct iovec){ arena_ptr(w.np, b), arena_size(w.np, b) };
	if (io_uring_queue_init(1, &ring, 0) || pipe(fds))
		bail("a ring, and a pipe: %s", strerror(errno));
	ret = io_uring_register_buffers(&ring, &iov, 1);
	/* Where that cannot be, a pipe holds it as well. */
	if (ret && (ret != -EFAULT || !pins_by_mapping(&ring) ||
		    vmsplice(fds[1], &iov, 1, 0) != (ssize_t)iov.iov_len))
		bail("cannot have the kernel use a buffer: %s", strerror(-ret));
	arena_lend(w.np, b, SP, &borrowed_ref);
	arena_peer_died(w.np, SP);
	is(arena_reclaim(w.np, 0), RUN, "an extent on which the kernel works is not reclaimed");
	is(arena_reclaim(w.np, 20), RUN,
	   "an extent on which the kernel works is not reclaimed after a wait");
	is(arena_state(w.np, b), ARENA_LOST, "an extent on which the kernel works stays LOST");
	io_uring_unregister_buffers(&ring);
	io_uring_queue_exit(&ring);
	close(fds[0]);
	close(fds[1]);
	is(arena_reclaim(w.np, 10000), 0,
	   "the extent is reclaimed when the kernel has released it");
	is(arena_state(w.np, b), ARENA_STALE, "the released and reclaimed extent is free");
	world_close();
}

int main(void)
{
	world_begin(NAME);
	test_open();
	test_regain();
	test_accept();
	test_close();
	test_hand_over();
	test_get_for();
	test_reclaim();
	test_reclaim_in_use();
	arena_test_end(w.m);
	return done_testing();
}
