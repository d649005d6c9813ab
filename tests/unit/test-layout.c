// SPDX-License-Identifier: MIT
/*
 * Goal: layouts that are made are sound, and none that is not gets in.
 * Method: make and read back over sizes of regions and buffers and numbers of
 * processes, each checked here by rules of the test's own; then one corrupted
 * member at a time in an otherwise good layout, with the exact error expected.
 */
#include <errno.h>
#include <arena/layout.h>
#include <libarena/channel/spsc.h>
#include <string.h>

#include "tap.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define REQUEST (32 * MIB + 4096)

static union {
	struct arena_layout layout;
	char room[sizeof(struct arena_layout) + 4096];
} region;

static uint64_t bytes_of(const struct arena_group *g)
{
	return (uint64_t)g->buffer_size * g->count;
}

static uint32_t groups_of(const struct arena_layout *l, uint32_t role, enum arena_use use)
{
	uint32_t n = 0;

	while (arena_layout_find(l, role, use, n) >= 0)
		n++;
	return n;
}

/* Each process has its groups, of the sizes that were asked for. */
static bool has_process(const struct arena_layout *l, const struct arena_config *c,
			uint32_t role)
{
	bool is_sp = ARENA_ROLE_IS_SP(role);
	int control = arena_layout_find(l, role, ARENA_USE_CONTROL, 0);
	int net = arena_layout_find(l, role, ARENA_USE_NET, 0);
	int rest = arena_layout_find(l, role, is_sp ? ARENA_USE_DISK : ARENA_USE_PAYLOAD, 0);
	uint32_t size = is_sp ? c->disk_size : c->payload_size;

	if (groups_of(l, role, ARENA_USE_CONTROL) != 1 || rest < 0 ||
	    groups_of(l, role, ARENA_USE_NET) != !is_sp)
		return false;
	if (l->group[control].count != (is_sp ? c->n_nps : c->n_sps) ||
	    l->group[control].buffer_size < sizeof(struct arena_spsc_in) +
	    arena_spsc_out_size(c->channel_entries))
		return false;
	if (!is_sp && (l->group[net].buffer_size != c->net_size ||
		       l->group[net].count != c->net_count))
		return false;
	return l->group[rest].buffer_size == size && bytes_of(&l->group[rest]) >= c->longest_run;
}

static bool is_sound(const struct arena_layout *l, const struct arena_config *c)
{
	uint64_t end = sizeof(*l);

	for (uint32_t i = 0; i < l->n_groups; i++) {
		const struct arena_group *g = &l->group[i];

		if (g->offset < end || g->offset % 4096 || g->offset % g->buffer_size ||
		    bytes_of(g) > ARENA_MAX_GROUP_BYTES || g->count > ARENA_MAX_GROUP_BUFFERS)
			return false;
		end = g->offset + bytes_of(g);
	}
	for (uint32_t i = 0; i < c->n_nps; i++)
		if (!has_process(l, c, ARENA_ROLE_NP(i)))
			return false;
	for (uint32_t i = 0; i < c->n_sps; i++)
		if (!has_process(l, c, ARENA_ROLE_SP(i)))
			return false;
	return end <= c->length && arena_layout_find(l, ARENA_ROLE_NP(c->n_nps),
						     ARENA_USE_NET, 0) == -ENOENT;
}

/* 1 if it was made and is sound, 0 if there is no room, -1 if it is wrong. */
static int make_one(const struct arena_config *c)
{
	struct arena_layout l, back;
	int ret = arena_layout_make(&l, c);

	if (ret)
		return ret == -ENOSPC ? 0 : -1;
	arena_layout_write(&region, &l);
	if (arena_layout_read(&region, c->length, &back) || memcmp(&l, &back, sizeof(l)))
		return -1;
	return is_sound(&l, c) ? 1 : -1;
}

static void test_processes(void)
{
	static const uint64_t lengths[] = { 128 * MIB, GIB, 20 * GIB, 512 * GIB };
	static const uint32_t numbers[] = { 1, 2, 3, 8, 100, 128 };
	int made = 0, wrong = 0;

	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int nps = 0; nps < 6; nps++)
			for (unsigned int sps = 0; sps < 6; sps++) {
				struct arena_config c;
				int ret;

				arena_config_init(&c, lengths[i]);
				c.n_nps = numbers[nps];
				c.n_sps = numbers[sps];
				c.longest_run = i ? REQUEST : 4096;
				ret = make_one(&c);
				made += ret == 1;
				wrong += ret < 0;
			}
	is(wrong, 0, "every number of processes: sound, or there is no room");
	ok(made >= 100, "for most of them there is (%d of 144)", made);
}

static void test_sizes(void)
{
	int made = 0, wrong = 0;

	for (uint32_t net = 64; net <= 2 * MIB; net *= 2)
		for (uint32_t payload = 64; payload <= 2 * MIB; payload *= 2)
			for (uint32_t disk = 64; disk <= 2 * MIB; disk *= 2) {
				struct arena_config c;
				int ret;

				arena_config_init(&c, 8 * GIB);
				c.net_size = net;
				c.net_count = 64;
				c.payload_size = payload;
				c.disk_size = disk;
				c.n_sps = 3;
				c.align = 2 * MIB;
				c.group_bytes = 512 * MIB;
				ret = make_one(&c);
				made += ret == 1;
				wrong += ret != 1;
			}
	is(made, 16 * 16 * 16, "each power of two from 64 B to 2 MiB, for each kind of buffer");
	is(wrong, 0, "none is wrong");
}

static void test_default(void)
{
	struct arena_config c;
	struct arena_layout l;
	int net, disk;

	arena_config_init(&c, 20 * GIB);
	is(arena_layout_make(&l, &c), 0, "20 GiB");
	net = arena_layout_find(&l, ARENA_ROLE_NP(0), ARENA_USE_NET, 0);
	disk = arena_layout_find(&l, ARENA_ROLE_SP(0), ARENA_USE_DISK, 0);
	is(l.group[net].buffer_size, 512, "512 B for the network");
	is(l.group[disk].buffer_size, 4096, "4096 B for storage");
	is(l.group[arena_layout_find(&l, ARENA_ROLE_SP(0), ARENA_USE_CONTROL, 0)].offset, 4 * GIB,
	   "4 GiB for the NPs, then the SPs' part");
	ok(groups_of(&l, ARENA_ROLE_SP(0), ARENA_USE_DISK) >= 16, "16 GiB are many groups");
	c.n_nps = 2;
	c.n_sps = 4;
	c.align = GIB;
	is(arena_layout_make(&l, &c), 0, "two NPs and four SPs");
	for (unsigned int i = 0; i < 4; i++)
		is(l.group[arena_layout_find(&l, ARENA_ROLE_SP(i), ARENA_USE_CONTROL, 0)].offset,
		   (4 + i * 4) * GIB, "SP %u begins at a page of 1 GiB", i);
	is(l.group[arena_layout_find(&l, ARENA_ROLE_NP(1), ARENA_USE_CONTROL, 0)].offset, 2 * GIB,
	   "and so does the second NP");
}

/* One member of the usual configuration is changed. */
#define refuses(member, value, error) do {				\
	struct arena_config c_;						\
	struct arena_layout l_;						\
									\
	arena_config_init(&c_, GIB);					\
	c_.member = (value);						\
	is(arena_layout_make(&l_, &c_), error, #member " = " #value);	\
} while (0)

static void test_make_refuses(void)
{
	refuses(length, 0, -EINVAL);
	refuses(length, UINT64_MAX, -EINVAL);
	refuses(length, 4096, -ENOSPC);
	refuses(length, MIB / 2, -ENOSPC);
	refuses(align, 0, -EINVAL);
	refuses(align, 512, -EINVAL);
	refuses(align, 12288, -EINVAL);
	refuses(align, 1ULL << 63, -EINVAL);
	refuses(align, GIB, -ENOSPC);
	refuses(np_bytes, 4097, -EINVAL);
	refuses(np_bytes, 4096, -ENOSPC);
	refuses(np_bytes, GIB, -ENOSPC);
	refuses(sp_bytes, GIB, -ENOSPC);
	refuses(sp_bytes, 4096, -ENOSPC);
	refuses(n_nps, 0, -EINVAL);
	refuses(n_nps, ARENA_MAX_PROCESSES + 1, -EINVAL);
	refuses(n_sps, 0, -EINVAL);
	refuses(n_sps, ARENA_MAX_PROCESSES + 1, -EINVAL);
	refuses(net_size, 32, -EINVAL);
	refuses(net_size, 500, -EINVAL);
	refuses(payload_size, 4 * MIB, -EINVAL);
	refuses(disk_size, 0, -EINVAL);
	refuses(net_count, 0, -EINVAL);
	refuses(net_count, 65537, -EINVAL);
	refuses(group_bytes, 2 * GIB, -EINVAL);
	refuses(group_bytes, 2048, -EINVAL);
	refuses(group_bytes, 4096 * 50, -E2BIG);
	refuses(longest_run, 65536 * 4096, -EINVAL);
	refuses(longest_run, 2 * GIB, -EINVAL);
	refuses(channel_entries, 0, -EINVAL);
	refuses(channel_entries, 1000, -EINVAL);
	refuses(channel_entries, 131072, -EINVAL);
}

/* Of buffers large enough that one could be named, but of more than there is. */
static void test_make_long_run(void)
{
	struct arena_config c;
	struct arena_layout l;

	arena_config_init(&c, GIB);
	c.payload_size = 65536;
	c.disk_size = 65536;
	c.longest_run = 900 * MIB;
	is(arena_layout_make(&l, &c), -ENOSPC, "a run that does not fit");
}

/* Read @bad, which differs from the good layout in one member. */
#define refused(member, value, error) do {				\
	region.layout = good;						\
	region.layout.member = (value);					\
	is(arena_layout_read(&region, GIB, &back), error,		\
	   #member " = " #value);					\
} while (0)

/* Groups: 0 to 2 the NP's control, net, payload; 3, 4 SP 0's; 5, 6 SP 1's. */
static void test_hostile_layouts(void)
{
	struct arena_layout good, back;
	struct arena_config c;

	arena_config_init(&c, GIB);
	c.n_sps = 2;
	is(arena_layout_make(&good, &c), 0, "a good one");
	is(good.n_groups, 7, "of seven groups");
	refused(magic, 0, -EPROTO);
	refused(version, 1, -EPROTO);
	refused(reserved, 1, -EPROTO);
	refused(n_nps, 0, -EPROTO);
	refused(n_nps, 2, -EPROTO);
	refused(n_nps, UINT32_MAX, -EPROTO);
	refused(n_sps, 0, -EPROTO);
	refused(n_sps, 1, -EPROTO);
	refused(n_sps, 3, -EPROTO);
	refused(n_sps, UINT32_MAX, -EPROTO);
	refused(channel_entries, 0, -EPROTO);
	refused(channel_entries, 4096, -EPROTO);
	refused(channel_entries, 1023, -EPROTO);
	refused(n_groups, 0, -EPROTO);
	refused(n_groups, 3, -EPROTO);
	refused(n_groups, 8, -EPROTO);
	refused(n_groups, ARENA_MAX_GROUPS + 1, -EPROTO);
	refused(n_groups, UINT32_MAX, -EPROTO);
	refused(length, GIB + 1, -ERANGE);
	refused(length, 4096, -ERANGE);
	refused(group[0].offset, 0, -ERANGE);
	refused(group[0].offset, 4096, -EPROTO);
	refused(group[1].offset, good.group[0].offset, -ERANGE);
	refused(group[1].offset, good.group[4].offset, -ERANGE);
	refused(group[1].offset, good.group[1].offset + 512, -EPROTO);
	refused(group[4].offset, UINT64_MAX & ~4095ULL, -ERANGE);
	refused(group[4].count, good.group[4].count + 4096, -ERANGE);
	refused(group[2].count, 0, -EPROTO);
	refused(group[2].count, UINT32_MAX, -EPROTO);
	refused(group[0].count, 1, -EPROTO);
	refused(group[0].buffer_size, 4096, -EPROTO);
	refused(group[2].buffer_size, 0, -EPROTO);
	refused(group[2].buffer_size, 32, -EPROTO);
	refused(group[2].buffer_size, 4095, -EPROTO);
	refused(group[2].buffer_size, 4 * MIB, -EPROTO);
	refused(group[3].role, ARENA_ROLE_NP(0), -EPROTO);
	refused(group[3].role, ARENA_ROLE_SP(1), -EPROTO);
	refused(group[0].role, ARENA_ROLE_SP(0), -EPROTO);
	refused(group[2].role, 77, -EPROTO);
	refused(group[6].role, ARENA_ROLE_SP(2), -EPROTO);
	refused(group[1].use, 0, -EPROTO);
	refused(group[1].use, ARENA_USE_DISK, -EPROTO);
	refused(group[1].use, ARENA_USE_CONTROL, -EPROTO);
	refused(group[4].use, ARENA_USE_NET, -EPROTO);
	refused(group[0].use, ARENA_USE_NET, -EPROTO);

	region.layout = good;
	is(arena_layout_read(&region, GIB - 1, &back), -ERANGE, "less memory than laid out");
	is(arena_layout_read(&region, 100, &back), -ERANGE, "no room for a layout");
	is(arena_layout_read(&region, GIB, &back), 0, "and unharmed it is taken");
}

static void test_has(void)
{
	struct arena_config c;
	struct arena_layout l;
	uint32_t n;

	arena_config_init(&c, GIB);
	arena_layout_make(&l, &c);
	n = l.group[1].count;
	ok(arena_layout_has(&l, 1, 0, 1), "the first");
	ok(arena_layout_has(&l, 1, n - 1, 1), "the last");
	ok(arena_layout_has(&l, 1, 0, n), "all of them");
	ok(!arena_layout_has(&l, 1, 0, 0), "none of them");
	ok(!arena_layout_has(&l, 1, n, 1), "one behind the last");
	ok(!arena_layout_has(&l, 1, n - 1, 2), "across the end");
	ok(!arena_layout_has(&l, 1, 1, UINT32_MAX), "a sum that overflows");
	ok(!arena_layout_has(&l, 1, UINT32_MAX, 1), "the greatest index");
	ok(!arena_layout_has(&l, l.n_groups, 0, 1), "no such group");
	ok(!arena_layout_has(&l, UINT32_MAX, 0, 1), "the greatest group");
}

int main(void)
{
	test_processes();
	test_sizes();
	test_default();
	test_make_refuses();
	test_make_long_run();
	test_hostile_layouts();
	test_has();
	return done_testing();
}
