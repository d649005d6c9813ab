// SPDX-License-Identifier: MIT
/*
 * Goal: every region that the daemons lay out has the groups that an NP and its SPs need, and
 * their channels have room for all messages.
 * Method: layouts for several numbers of SPs and of network buffers, up to the largest, are
 * checked. Then layouts that lack a group must be refused.
 */
#include <errno.h>
#include <libarena/buffer/view.h>
#include <proto/layout.h>
#include <string.h>

#include "tap.h"

#define LENGTH	(4ULL << 30)

static struct arena_layout layout;

static void make(uint32_t sps, uint32_t net_buffers)
{
	struct arena_config c;

	proto_config_init(&c, LENGTH, &(struct proto_counts){ 1, sps, net_buffers });
	is(arena_layout_make(&layout, &c), 0,
	   "a layout for %u SPs and %u network buffers is made", sps, net_buffers);
}

static void test_counts(uint32_t sps, uint32_t net_buffers)
{
	uint32_t window = proto_window(net_buffers);

	make(sps, net_buffers);
	ok(proto_has_np(&layout, 0), "the layout for %u SPs has the NP's groups", sps);
	is(proto_requests(&layout), net_buffers, "the NP has records for %u requests", net_buffers);
	for (uint32_t i = 0; i < sps; i++) {
		int group = proto_group_of_sp(&layout, i, PROTO_USE_RECORD);

		ok(proto_has_sp(&layout, i),
		   "the layout for %u SPs has the groups of SP %u", sps, i);
		ok(group >= 0 && layout.group[group].count == 2 * net_buffers,
		   "SP %u has two records for each request in flight", i);
	}
	ok(!proto_has_sp(&layout, sps), "the layout for %u SPs has no groups of another SP", sps);
	ok(window <= ARENA_CHANNEL_MAX_ENTRIES,
	   "a channel can have the entries that %u network buffers need", net_buffers);
	ok(window <= layout.channel_entries,
	   "the channel's rings in shared memory hold a whole window of %u messages", window);
	/* At most a quarter of the entries is received and not yet acknowledged. */
	ok(window / 4 * 3 >= 3 * net_buffers + 2,
	   "the channel has room for all messages of %u network buffers", net_buffers);
}

static void test_lacking(void)
{
	int group;

	make(2, 64);
	group = proto_group_of_sp(&layout, 1, PROTO_USE_RECORD);
	layout.group[group].buffer_size *= 2;
	ok(!proto_has_sp(&layout, 1), "an SP whose records have another size is refused");
	ok(proto_has_sp(&layout, 0),
	   "an SP is accepted if only the records of the other SP are wrong");
	layout.group[group].buffer_size = PROTO_RECORD_BUFFER;
	layout.group[group].use = PROTO_USE_DISK;
	ok(!proto_has_sp(&layout, 1), "an SP without records is refused");
	group = proto_group_of_np(&layout, 0, PROTO_USE_NET);
	layout.group[group].use = PROTO_USE_PAYLOAD;
	ok(!proto_has_np(&layout, 0), "an NP without network buffers is refused");
	make(2, 64);
	group = proto_group_of_np(&layout, 0, PROTO_USE_RECORD);
	layout.group[group].use = 9;
	ok(!proto_has_np(&layout, 0), "an NP without records is refused");
	ok(!proto_has_np(&layout, 1), "a layout for one NP is refused for a second NP");
}

static int make_in_pages(uint64_t page, uint64_t length, uint32_t sps)
{
	struct arena_config c;

	proto_config_init(&c, length, &(struct proto_counts){ 1, sps, 64 });
	proto_config_align(&c, page);
	return arena_layout_make(&layout, &c);
}

static void test_pages(uint64_t page, uint64_t length, uint32_t sps)
{
	unsigned long long mib = length >> 20, kib = page >> 10;
	struct mshare_range range[ARENA_VIEW_RANGES];

	is(make_in_pages(page, length, sps), 0,
	   "%llu MiB in pages of %llu KiB suffice for %u SPs", mib, kib, sps);
	ok(proto_has_np(&layout, 0) && proto_has_sp(&layout, sps - 1),
	   "%llu MiB in pages of %llu KiB hold the groups of an NP and %u SPs", mib, kib, sps);
	ok(arena_view_ranges(&layout, PROTO_ROLE_NP(0), page, range) > 0,
	   "in %llu MiB no page of %llu KiB has two writers, of an NP and %u SPs", mib, kib, sps);
}

int main(void)
{
	test_counts(1, 2);
	test_counts(3, 1024);
	test_counts(PROTO_MAX_SPS, PROTO_MAX_NET_COUNT);
	test_lacking();
	test_pages(1ULL << 30, 2ULL << 30, 1);
	test_pages(1ULL << 30, 9ULL << 30, 8);
	test_pages(2ULL << 20, 128ULL << 20, 1);
	test_pages(2ULL << 20, 1ULL << 30, 8);
	is(make_in_pages(1ULL << 30, 8ULL << 30, 8), -ENOSPC,
	   "8 GiB in pages of 1 GiB are too few for an NP and 8 SPs");
	return done_testing();
}
