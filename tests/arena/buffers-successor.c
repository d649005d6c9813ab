// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: a process that dies is replaced by a successor in its role. A peer takes back all that it
 * had lent to the dead process and goes on with all that it had borrowed, and the successor uses
 * no buffer that a peer still has, whatever the peer says.
 * Method: two roles of one region in this process. The SP's arena is closed while the NP has some
 * of its extents, and opened anew.
 */
#include "world.h"

#define NAME	"successor"
#define LISTED	8U

/* The SP dies, and a successor takes its role. */
static void succeed(void)
{
	if (arena_close(w.sp) || arena_open_region(w.m, SP, &w.sp))
		bail("the SP cannot be opened again");
}

static struct arena_usage usage(struct arena *a, uint32_t group)
{
	struct arena_usage u = { .size = sizeof(u) };

	if (arena_usage(a, group, &u))
		bail("no usage");
	return u;
}

static void test_reclaim(void)
{
	struct arena_buf kept, own;
	struct arena_ref ref;
	char *text;

	world_open();
	own = owned();
	kept = owned();
	strcpy(arena_ptr(w.np, kept), "payload");
	arena_lend(w.np, kept, SP, &ref);
	lent();
	lost();
	is(arena_reclaim_from(w.np, ARENA_ROLE(0, 1)), 0,
	   "arena_reclaim_from() frees nothing for a role that has nothing");
	is(arena_unlend(w.np, kept), 0, "an extent that the dead peer had can be taken back alone");
	is(arena_reclaim_from(w.np, SP), 2 * EXTENT,
	   "arena_reclaim_from() frees what was lent to the dead peer and what was lost");
	text = arena_ptr(w.np, kept);
	ok(text && !strcmp(text, "payload"), "an extent that was taken back has its contents");
	is(arena_state(w.np, own), ARENA_OWNED, "arena_reclaim_from() leaves OWNED extents alone");
	is(usage(w.np, w.payload).lent + usage(w.np, w.payload).lost, 0,
	   "no buffer is LENT or LOST after arena_reclaim_from()");
	arena_put(w.np, kept);
	arena_put(w.np, own);
	is(usage(w.np, w.payload).free, arena_layout(w.np)->group[w.payload].count,
	   "all buffers can be free again after a peer has died");
	is(arena_reclaim_from(w.np, SP), 0, "a second arena_reclaim_from() frees nothing");
	world_close();
}

/* Without the filter by peer, extents of others would be freed as well. */
static void test_reclaim_others(void)
{
	struct arena_buf b;
	struct arena_ref ref;

	world_open();
	b = get_extent(w.sp, w.disk);
	arena_lend(w.sp, b, ARENA_ROLE(0, 1), &ref);
	arena_lend(w.sp, get_extent(w.sp, w.disk), NP, &ref);
	is(arena_reclaim_from(w.sp, NP), EXTENT,
	   "arena_reclaim_from() frees one of two extents that were lent to different peers");
	is(arena_state(w.sp, b), ARENA_LENT,
	   "an extent that another peer has stays LENT after arena_reclaim_from()");
	world_close();
}

static void test_list(void)
{
	struct arena_ref ref[LISTED], first;
	struct arena_buf b, c;

	world_open();
	is(arena_list_borrowed(w.np, SP, ref, LISTED), 0,
	   "arena_list_borrowed() lists nothing if nothing is borrowed");
	b = borrowed();
	first = borrowed_ref;
	c = borrowed_in_io();
	is(arena_list_borrowed(w.np, SP, ref, LISTED), 2,
	   "arena_list_borrowed() lists an extent that is BORROWED and one that is IN_IO");
	ok(!memcmp(&ref[0], &first, sizeof(first)) &&
	   !memcmp(&ref[1], &borrowed_ref, sizeof(first)),
	   "arena_list_borrowed() gives the refs by which the extents were lent");
	memset(ref, 0, sizeof(ref));
	is(arena_list_borrowed(w.np, SP, ref, 1), 2,
	   "arena_list_borrowed() returns the number of all extents if there is less room");
	ok(!ref[1].count, "arena_list_borrowed() writes no more refs than there is room for");
	is(arena_list_borrowed(w.np, SP, NULL, 0), 2, "arena_list_borrowed() needs no room");
	is(arena_list_borrowed(w.np, ARENA_ROLE(1, 1), ref, LISTED), 0,
	   "arena_list_borrowed() lists no extent of another role");
	arena_return(w.np, b, &first);
	is(arena_list_borrowed(w.np, SP, ref, LISTED), 1,
	   "arena_list_borrowed() does not list an extent that was returned");
	arena_peer_died(w.np, SP);
	is(arena_list_borrowed(w.np, SP, ref, LISTED), 1,
	   "arena_list_borrowed() lists an extent on which the kernel works for a dead peer's data");
	arena_io_end(w.np, c);
	is(arena_list_borrowed(w.np, SP, ref, LISTED), 0,
	   "arena_list_borrowed() does not list it after the last operation on it has ended");
	world_close();
}

static void test_held(void)
{
	struct arena_buf b, back;
	struct arena_ref ref, got;
	uint32_t count;

	world_open();
	borrowed();
	b = borrowed();
	ref = borrowed_ref;
	succeed();
	count = arena_layout(w.sp)->group[w.disk].count;
	is(usage(w.sp, w.disk).free, count, "a successor begins with all buffers FREE");
	is(arena_lend_held(w.sp, NP, &ref), 0, "a successor can lend what a peer already has");
	is(usage(w.sp, w.disk).lent, EXTENT, "an extent that a peer already has is LENT");
	ok(arena_get(w.sp, w.disk, count, &back) == -ENOSPC,
	   "buffers that a peer already has are not handed out");
	is(arena_get(w.sp, w.disk, ref.index, &back), 0,
	   "the buffers before those that a peer already has can be had");
	is(arena_get(w.sp, w.disk, count - ref.index - EXTENT, &back), 0,
	   "the buffers behind those that a peer already has can be had");
	is(usage(w.sp, w.disk).free, 0, "all buffers are in use then");
	arena_return(w.np, b, &got);
	is(arena_regain(w.sp, NP, &got, &back), 0,
	   "the successor regains what the peer has had from its predecessor");
	is(arena_put(w.sp, back), 0, "the successor can free what the predecessor had lent");
	is(arena_get(w.sp, w.disk, EXTENT, &back), 0, "the successor can use it again");
	ok(back.index == ref.index && (uint16_t)back.generation != ref.generation,
	   "the next life of the extent has another generation");
	world_close();
}

/* A hostile peer names what it likes. */
static void test_lies(void)
{
	static const char *const lies[] = {
		"a group of the peer", "a group that does not exist", "a control group",
		"an index beyond the group", "a count of 0", "an end beyond the group",
		"the generation 0", "a reserved member that is not 0",
	};
	struct arena_ref good = { .count = EXTENT, .generation = 7, .index = 8 }, bad;
	struct arena_usage before, after;
	struct arena_buf b;

	world_open();
	good.group = (uint16_t)w.disk;
	before = usage(w.sp, w.disk);
	for (int i = 0; i < 8; i++) {
		bad = good;
		bad.group = i == 0 ? (uint16_t)w.payload : i == 1 ? UINT16_MAX : bad.group;
		if (i == 2)
			bad.group = (uint16_t)arena_layout_find(arena_layout(w.sp), SP,
								ARENA_USE_CONTROL, 0);
		bad.index = i == 2 ? 0 : i == 3 ? UINT32_MAX : bad.index;
		bad.count = i == 2 ? 1 : i == 4 ? 0 : bad.count;
		bad.index = i == 5 ? arena_layout(w.sp)->group[w.disk].count - 1 : bad.index;
		bad.generation = i == 6 ? 0 : bad.generation;
		bad.reserved = i == 7;
		is(arena_lend_held(w.sp, NP, &bad), -EPROTO,
		   "a ref of a peer that claims to have an extent is refused with %s", lies[i]);
	}
	is(arena_lend_held(w.sp, SP, &good), -EPROTO, "one's own role cannot have an extent");
	is(arena_lend_held(w.sp, ARENA_ROLE(2, 0), &good), -EPROTO,
	   "a role that does not exist cannot have an extent");
	after = usage(w.sp, w.disk);
	ok(!memcmp(&before, &after, sizeof(after)), "refs that are refused change nothing");
	is(arena_lend_held(w.sp, NP, &good), 0, "the right ref is accepted");
	is(arena_lend_held(w.sp, ARENA_ROLE(0, 1), &good), -EPROTO,
	   "a second peer cannot have the same extent");
	bad = good;
	bad.index += EXTENT - 1;
	is(arena_lend_held(w.sp, NP, &bad), -EPROTO,
	   "an extent that begins within one that a peer has is refused");
	bad.index = good.index - 1;
	is(arena_lend_held(w.sp, NP, &bad), -EPROTO,
	   "an extent that ends within one that a peer has is refused");
	b = get_extent(w.sp, w.disk);
	bad = (struct arena_ref){ .group = good.group, .index = b.index, .count = EXTENT,
				  .generation = (uint16_t)b.generation };
	is(arena_lend_held(w.sp, NP, &bad), -EPROTO, "an extent that is OWNED is refused");
	is(arena_state(w.sp, b), ARENA_OWNED, "the extent is still OWNED then");
	world_close();
}

static void test_lives(void)
{
	struct arena_buf b, back;
	struct arena_ref old, now;

	world_open();
	b = borrowed();
	old = borrowed_ref;
	succeed();
	is(arena_skip_lives(w.sp, 0x1000), 0, "a successor can skip lives");
	back = get_extent(w.sp, w.disk);
	ok(back.index == old.index && back.generation == 0x1001,
	   "the first life of an extent comes after the lives that were skipped");
	arena_lend(w.sp, back, NP, &now);
	arena_return(w.np, b, &old);
	is(arena_regain(w.sp, NP, &old, &back), -EPROTO,
	   "a ref of the predecessor's extent is not taken for one of the successor's");
	is(arena_regain(w.sp, NP, &now, &back), 0, "the successor's own ref is accepted");
	arena_put(w.sp, back);
	back = get_extent(w.sp, w.disk);
	is(back.generation, 0x1002, "lives are skipped only once");
	world_close();
}

int main(void)
{
	world_begin(NAME);
	test_reclaim();
	test_reclaim_others();
	test_list();
	test_held();
	test_lies();
	test_lives();
	arena_test_end(w.m);
	return done_testing();
}
