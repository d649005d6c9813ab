// SPDX-License-Identifier: MIT
/*
 * Goal: every region that the daemons lay out has the groups that its NPs and SPs need, an SP has
 * groups of its own for each NP, and the channels have room for all messages.
 * Method: layouts for several numbers of NPs, SPs and network buffers, up to the largest, are
 * checked. Then layouts that lack a group must be refused.
 */
#include <errno.h>
#include <libarena/buffer/view.h>
#include <proto/flight.h>
#include <proto/layout.h>
#include <proto/record.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define LENGTH	(4ULL << 30)

static struct arena_layout layout;

static void make_of(uint64_t length, uint32_t nps, uint32_t sps, uint32_t net_buffers)
{
	struct arena_config c;

	proto_config_init(&c, length, &(struct proto_counts){
		.nps = nps, .sps = sps, .net_buffers = net_buffers });
	is(arena_layout_make(&layout, &c), 0,
	   "a layout for %u NPs, %u SPs and %u network buffers is made", nps, sps, net_buffers);
}

static void make(uint32_t sps, uint32_t net_buffers)
{
	make_of(LENGTH, 1, sps, net_buffers);
}

/* Is @group, or one of those that follow it, also for another NP before @np? */
static bool is_shared(uint32_t sp, uint32_t np, enum proto_use use)
{
	int group = proto_group_of_sp(&layout, sp, np, use);
	int n = (int)proto_groups_of_sp(&layout, sp, use);

	for (uint32_t other = 0; other < np; other++)
		if (abs(proto_group_of_sp(&layout, sp, other, use) - group) < n)
			return true;
	return false;
}

static void test_sp_for_np(uint32_t sp, uint32_t np, uint32_t net_buffers)
{
	int records = proto_group_of_sp(&layout, sp, np, PROTO_USE_RECORD);
	int flight = proto_group_of_sp(&layout, sp, np, PROTO_USE_FLIGHT);
	int disk = proto_group_of_sp(&layout, sp, np, PROTO_USE_DISK);

	ok(records >= 0 && layout.group[records].count == 2 * net_buffers,
	   "SP %u has two records for each request of NP %u in flight", sp, np);
	ok(disk >= 0 && layout.group[disk].use == PROTO_USE_DISK &&
	   (uint64_t)layout.group[disk].count * 4096 >= PROTO_MAX_BYTES + 4096,
	   "SP %u has buffers for the longest READ of NP %u", sp, np);
	ok(flight >= 0 && layout.group[flight].count * 4 >= net_buffers + PROTO_FLIGHTS_MORE,
	   "SP %u has a result for each request of NP %u in flight, a time and a note", sp, np);
	ok(!is_shared(sp, np, PROTO_USE_RECORD) && !is_shared(sp, np, PROTO_USE_FLIGHT) &&
	   !is_shared(sp, np, PROTO_USE_DISK),
	   "SP %u has groups for NP %u that are for no other NP", sp, np);
}

static void test_window(uint32_t net_buffers)
{
	uint32_t window = proto_window(net_buffers);

	ok(window <= ARENA_CHANNEL_MAX_ENTRIES,
	   "a channel can have the entries that %u network buffers need", net_buffers);
	ok(window <= layout.channel_entries,
	   "the channel's rings in shared memory hold a whole window of %u messages", window);
	/* At most a quarter of the entries is received and not yet acknowledged. */
	ok(window / 4 * 3 >= 3 * net_buffers + 2,
	   "the channel has room for all messages of %u network buffers", net_buffers);
}

static void test_counts(uint64_t length, uint32_t nps, uint32_t sps, uint32_t net_buffers)
{
	make_of(length, nps, sps, net_buffers);
	is(proto_nps(&layout), nps, "the layout for %u NPs has as many", nps);
	for (uint32_t i = 0; i < nps; i++)
		ok(proto_has_np(&layout, i),
		   "the layout for %u NPs has the groups of NP %u", nps, i);
	is(proto_requests(&layout), net_buffers,
	   "an NP has records for %u requests", net_buffers);
	for (uint32_t i = 0; i < sps; i++) {
		ok(proto_has_sp(&layout, i),
		   "the layout for %u SPs has the groups of SP %u", sps, i);
		for (uint32_t np = 0; np < nps; np++)
			test_sp_for_np(i, np, net_buffers);
	}
	ok(!proto_has_sp(&layout, sps), "the layout for %u SPs has no groups of another SP", sps);
	ok(proto_group_of_sp(&layout, 0, nps, PROTO_USE_DISK) == -ENOENT,
	   "the layout for %u NPs has no groups for another NP", nps);
	test_window(net_buffers);
}

static void test_lacking(void)
{
	int group;

	make(2, 64);
	group = proto_group_of_sp(&layout, 1, 0, PROTO_USE_RECORD);
	layout.group[group].buffer_size *= 2;
	ok(!proto_has_sp(&layout, 1), "an SP whose records have another size is refused");
	ok(proto_has_sp(&layout, 0),
	   "an SP is accepted if only the records of the other SP are wrong");
	layout.group[group].buffer_size = PROTO_RECORD_BUFFER;
	layout.group[group].use = PROTO_USE_DISK;
	ok(!proto_has_sp(&layout, 1), "an SP without records is refused");
	make(2, 64);
	group = proto_group_of_sp(&layout, 1, 0, PROTO_USE_FLIGHT);
	layout.group[group].count--;
	ok(!proto_has_sp(&layout, 1), "an SP with fewer results than requests is refused");
	group = proto_group_of_np(&layout, 0, PROTO_USE_NET);
	layout.group[group].use = PROTO_USE_PAYLOAD;
	ok(!proto_has_np(&layout, 0), "an NP without network buffers is refused");
	make(2, 64);
	group = proto_group_of_np(&layout, 0, PROTO_USE_RECORD);
	layout.group[group].use = 9;
	ok(!proto_has_np(&layout, 0), "an NP without records is refused");
	ok(!proto_has_np(&layout, 1), "a layout for one NP is refused for a second NP");
	make_of(LENGTH, 3, 1, 64);
	group = proto_group_of_sp(&layout, 0, 2, PROTO_USE_DISK);
	layout.group[group].use = 9;
	ok(!proto_has_sp(&layout, 0), "an SP whose groups cannot be divided among NPs is refused");
}

static int make_in_pages(uint64_t page, uint64_t length, uint32_t nps, uint32_t sps)
{
	struct arena_config c;

	proto_config_init(&c, length, &(struct proto_counts){
		.nps = nps, .sps = sps, .net_buffers = 64 });
	proto_config_align(&c, page);
	return arena_layout_make(&layout, &c);
}

static bool views_are_apart(uint64_t page, uint32_t nps, uint32_t sps)
{
	struct mshare_range range[ARENA_VIEW_RANGES];
	bool good = true;

	for (uint32_t i = 0; i < nps; i++)
		good &= proto_has_np(&layout, i) &&
			arena_view_ranges(&layout, PROTO_ROLE_NP(i), page, range) > 0;
	for (uint32_t i = 0; i < sps; i++)
		good &= proto_has_sp(&layout, i) &&
			arena_view_ranges(&layout, PROTO_ROLE_SP(i), page, range) > 0;
	return good;
}

static void test_pages(uint64_t page, uint64_t length, uint32_t nps, uint32_t sps)
{
	unsigned long long mib = length >> 20, kib = page >> 10;

	is(make_in_pages(page, length, nps, sps), 0,
	   "%llu MiB in pages of %llu KiB suffice for %u NPs and %u SPs", mib, kib, nps, sps);
	ok(views_are_apart(page, nps, sps),
	   "in %llu MiB each of %u NPs and %u SPs has its groups, and pages of %llu KiB of its own",
	   mib, nps, sps, kib);
}

/* Each process needs 33 MiB for each process that it may serve, as arenad(8) says. */
static void test_least(uint32_t nps, uint32_t sps)
{
	uint64_t mib = 33 * nps * (sps + 1ULL);

	test_pages(4096, mib << 20, nps, sps);
	mib = 32 * nps * (sps + 1ULL);
	is(make_in_pages(4096, mib << 20, nps, sps), -ENOSPC,
	   "%llu MiB are too few for %u NPs and %u SPs", (unsigned long long)mib, nps, sps);
}

static uint64_t end_of(uint32_t role)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < layout.n_groups; i++)
		if (layout.group[i].role == role)
			end = layout.group[i].offset +
			      (uint64_t)layout.group[i].buffer_size * layout.group[i].count;
	return end;
}

static uint64_t start_of(uint32_t role)
{
	return layout.group[arena_layout_find(&layout, role, ARENA_USE_CONTROL, 0)].offset;
}

/* Makes a layout of 1 GiB for two NPs and three SPs, in pages of 2 MiB. */
static int make_parts(uint64_t np, uint64_t first, uint64_t second, uint64_t third)
{
	const struct proto_counts n = { 2, 3, 64, np << 20, { first << 20, second << 20,
							      third << 20 } };
	struct arena_config c;

	proto_config_init(&c, 1ULL << 30, &n);
	proto_config_align(&c, 2ULL << 20);
	return arena_layout_make(&layout, &c);
}

static void test_given_parts(void)
{
	uint64_t mib = 1ULL << 20;

	is(make_parts(101, 0, 401, 0), 0, "an NP of 101 MiB and an SP of 401 MiB have a layout");
	ok(views_are_apart(2 * mib, 2, 3), "parts of given sizes have pages of their own");
	is(start_of(PROTO_ROLE_NP(1)), 102 * mib, "the part of an NP is rounded up to whole pages");
	is(start_of(PROTO_ROLE_SP(0)), 204 * mib, "each NP has a part of the given size");
	is(start_of(PROTO_ROLE_SP(2)) - start_of(PROTO_ROLE_SP(1)), 402 * mib,
	   "the part of an SP is rounded up to whole pages");
	is(start_of(PROTO_ROLE_SP(1)) - start_of(PROTO_ROLE_SP(0)), 208 * mib,
	   "SPs without a given size divide what the others leave");
	is(make_parts(0, 200, 200, 200), 0, "all SPs may have parts of given sizes");
	is(start_of(PROTO_ROLE_SP(0)), 424 * mib,
	   "the NPs have what the SPs leave if these all have given sizes");
	is(make_parts(100, 200, 200, 200), 0, "NPs and SPs may leave a part of the region");
	ok(end_of(PROTO_ROLE_SP(2)) <= 800 * mib, "what is left belongs to nobody");
	is(make_parts(0, 20, 0, 0), -ENOSPC, "a part that is too small for an SP is refused");
	is(make_parts(20, 0, 0, 0), -ENOSPC, "a part that is too small for an NP is refused");
	is(make_parts(0, 1000, 0, 0), -ENOSPC,
	   "a part that leaves too little to others is refused");
}

/* Each smallest part is enough, and less is not. */
static void test_least_parts(void)
{
	const struct proto_counts n = { .nps = 2, .sps = 3, .net_buffers = 64 };
	struct arena_config c;
	uint64_t np, sp;

	proto_config_init(&c, 1ULL << 30, &n);
	proto_config_align(&c, 2ULL << 20);
	np = proto_least_bytes(&c, PROTO_CLASS_NP) >> 20;
	sp = proto_least_bytes(&c, PROTO_CLASS_SP) >> 20;
	is(make_parts(np, sp, 0, 0), 0, "the smallest parts, %u and %u MiB, are enough",
	   (unsigned int)np, (unsigned int)sp);
	is(make_parts(np - 2, sp, 0, 0), -ENOSPC, "a page less is not enough for an NP");
	is(make_parts(np, sp - 2, 0, 0), -ENOSPC, "a page less is not enough for an SP");
}

int main(void)
{
	test_counts(LENGTH, 1, 1, 2);
	test_counts(LENGTH, 1, 3, 1024);
	test_counts(LENGTH, 2, 2, 1024);
	test_counts(LENGTH, 5, 3, 100);
	test_counts(64 * LENGTH, 2, 2, 1024);
	test_counts(128 * LENGTH, PROTO_MAX_NPS, PROTO_MAX_SPS, PROTO_MAX_NET_COUNT);
	test_lacking();
	test_pages(1ULL << 30, 2ULL << 30, 1, 1);
	test_pages(1ULL << 30, 9ULL << 30, 1, 8);
	test_pages(1ULL << 30, 4ULL << 30, 2, 2);
	test_pages(2ULL << 20, 128ULL << 20, 1, 1);
	test_pages(2ULL << 20, 1ULL << 30, 1, 8);
	test_pages(2ULL << 20, 1ULL << 30, 3, 2);
	test_least(1, 1);
	test_least(2, 1);
	test_least(1, 12);
	test_least(3, 5);
	test_least(PROTO_MAX_NPS, PROTO_MAX_SPS);
	test_given_parts();
	test_least_parts();
	is(make_in_pages(1ULL << 30, 8ULL << 30, 1, 8), -ENOSPC,
	   "8 GiB in pages of 1 GiB are too few for an NP and 8 SPs");
	return done_testing();
}
