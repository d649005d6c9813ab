// SPDX-License-Identifier: MIT
/*
 * Goal: arena_layout_make() refuses a configuration that cannot be laid out, and
 * arena_layout_read() accepts no layout that is not sound.
 * Method: one member at a time of a good configuration or of a sound layout is changed,
 * and the exact error is expected.
 */
#include "layouts.h"

/* Making a layout fails with @error if one member of the usual configuration is @value. */
#define refuses(member, value, error) do {				\
	struct arena_config c_ = config_of(GIB);			\
	struct arena_layout l_;						\
									\
	c_.member = (value);						\
	is(arena_layout_make(&l_, &c_), error,				\
		   "making a layout with " #member " = " #value " gives " #error);	\
} while (0)

static void test_make_refuses(void)
{
	refuses(size, 0, -EINVAL);
	refuses(size, UINT32_MAX, -E2BIG);
	refuses(length, 0, -EINVAL);
	refuses(length, UINT64_MAX, -EINVAL);
	refuses(length, 4096, -ENOSPC);
	refuses(length, MIB / 2, -ENOSPC);
	refuses(align, 512, -EINVAL);
	refuses(align, 12288, -EINVAL);
	refuses(align, 1ULL << 63, -EINVAL);
	refuses(align, GIB, -ENOSPC);
	refuses(reserved, 1, -EINVAL);
	refuses(group_bytes, 2 * GIB, -EINVAL);
	refuses(group_bytes, 2048, -EINVAL);
	refuses(group_bytes, 4096 * 50, -E2BIG);
	refuses(longest_extent, 65536 * 4096, -EINVAL);
	refuses(longest_extent, 2 * GIB, -EINVAL);
	refuses(channel_entries, 1000, -EINVAL);
	refuses(channel_entries, 131072, -EINVAL);
}

static void test_make_refuses_class(void)
{
	refuses(classes[0].bytes, 4097, -EINVAL);
	refuses(classes[0].bytes, 4096, -ENOSPC);
	refuses(classes[0].bytes, GIB, -ENOSPC);
	refuses(classes[1].bytes, GIB, -ENOSPC);
	refuses(classes[1].bytes, 4096, -ENOSPC);
	refuses(classes[1].bytes, 1ULL << 63, -ENOSPC);
	refuses(classes[2].bytes, MIB, -EINVAL);
	refuses(classes[0].each[0], 4097, -EINVAL);
	refuses(classes[0].each[0], 4096, -ENOSPC);
	refuses(classes[0].each[0], 1ULL << 63, -EINVAL);
	refuses(classes[1].each[0], GIB, -ENOSPC);
	refuses(classes[1].each[1], MIB, -EINVAL);
	refuses(classes[2].each[0], MIB, -EINVAL);
	refuses(classes[0].parts, ARENA_MAX_PROCESSES + 1, -EINVAL);
	refuses(classes[3].parts, UINT32_MAX, -EINVAL);
	refuses(classes[0].processes, 0, -EINVAL);
	refuses(classes[0].processes, ARENA_MAX_PROCESSES + 1, -EINVAL);
	refuses(classes[0].processes, UINT32_MAX, -EINVAL);
	refuses(classes[1].processes, 0, -EINVAL);
	refuses(classes[1].processes, ARENA_MAX_PROCESSES + 1, -EINVAL);
	refuses(classes[3].processes, 1, -EINVAL);
}

static void test_make_refuses_group(void)
{
	refuses(classes[0].group[0].use, ARENA_USE_CONTROL, -EINVAL);
	refuses(classes[0].group[0].use, ARENA_MAX_USE + 1, -EINVAL);
	refuses(classes[0].group[0].buffer_size, 32, -EINVAL);
	refuses(classes[0].group[0].buffer_size, 500, -EINVAL);
	refuses(classes[0].group[1].buffer_size, 4 * MIB, -EINVAL);
	refuses(classes[1].group[0].buffer_size, UINT32_MAX, -EINVAL);
	/* What remains cannot be followed by another group. */
	refuses(classes[0].group[0].count, 0, -EINVAL);
	refuses(classes[0].group[0].count, ARENA_MAX_GROUP_BUFFERS, -EINVAL);
	refuses(classes[0].group[0].count, UINT64_MAX, -EINVAL);
	refuses(classes[0].group[0].count, 2 * MIB, -ENOSPC);
	refuses(classes[0].group[2].use, 1, -EINVAL);
	refuses(classes[0].group[2].count, 1, -EINVAL);
	refuses(classes[0].group[7].buffer_size, 4096, -EINVAL);
	refuses(classes[2].group[0].use, 1, -EINVAL);
}

/* A ref can name such an extent of large buffers, but no group is as long. */
static void test_make_long_extent(void)
{
	struct arena_config c = config_of(GIB);
	struct arena_layout l;

	c.classes[0].group[1].buffer_size = 65536;
	c.classes[1].group[0].buffer_size = 65536;
	c.longest_extent = 900 * MIB;
	is(arena_layout_make(&l, &c), -ENOSPC,
	   "an extent that is longer than any group can be is refused");
}

/* Reading fails with @error if one member of the sound layout is @value. */
#define refused(member, value, error) do {				\
	region.layout = good;						\
	region.layout.member = (value);					\
	is(arena_layout_read(&region, GIB, &back), error,		\
	   "reading a layout with " #member " = " #value " gives " #error);	\
} while (0)

static struct arena_layout good, back;

/* Groups 0 to 2 belong to process 0.0, groups 3 and 4 to 1.0, groups 5 and 6 to 1.1. */
static void make_good(void)
{
	struct arena_config c = config_of(GIB);

	c.classes[1].processes = 2;
	is(arena_layout_make(&good, &c), 0, "a sound layout is made, to be corrupted");
	is(good.n_groups, 7, "the sound layout has seven groups");
}

static void test_hostile_head(void)
{
	refused(magic, 0, -EPROTO);
	refused(version, 2, -EPROTO);
	refused(reserved, 1, -EPROTO);
	refused(processes[0], 0, -EPROTO);
	refused(processes[0], 2, -EPROTO);
	refused(processes[0], UINT32_MAX, -EPROTO);
	refused(processes[1], 0, -EPROTO);
	refused(processes[1], 1, -EPROTO);
	refused(processes[1], 3, -EPROTO);
	refused(processes[1], UINT32_MAX, -EPROTO);
	refused(processes[2], 1, -EPROTO);
	refused(processes[3], 1, -EPROTO);
	refused(channel_entries, 0, -EPROTO);
	refused(channel_entries, 4096, -EPROTO);
	refused(channel_entries, 1023, -EPROTO);
	refused(n_groups, 0, -EPROTO);
	refused(n_groups, 3, -EPROTO);
	refused(n_groups, 5, -EPROTO);
	refused(n_groups, 8, -EPROTO);
	refused(n_groups, ARENA_MAX_GROUPS + 1, -EPROTO);
	refused(n_groups, UINT32_MAX, -EPROTO);
	refused(length, GIB + 1, -ERANGE);
	refused(length, 4096, -ERANGE);
}

static void test_hostile_groups(void)
{
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
	refused(group[3].role, ARENA_ROLE(0, 0), -EPROTO);
	refused(group[3].role, ARENA_ROLE(1, 1), -EPROTO);
	refused(group[0].role, ARENA_ROLE(1, 0), -EPROTO);
	refused(group[2].role, 77, -EPROTO);
	refused(group[2].role, UINT32_MAX, -EPROTO);
	refused(group[6].role, ARENA_ROLE(1, 2), -EPROTO);
	refused(group[6].role, ARENA_ROLE(ARENA_MAX_CLASSES, 0), -EPROTO);
	refused(group[1].use, ARENA_USE_CONTROL, -EPROTO);
	refused(group[1].use, ARENA_MAX_USE + 1, -EPROTO);
	refused(group[0].use, USE_SMALL, -EPROTO);
}

static void test_length(void)
{
	region.layout = good;
	is(arena_layout_read(&region, GIB - 1, &back), -ERANGE,
	   "a layout that needs more memory than there is cannot be read");
	is(arena_layout_read(&region, 100, &back), -ERANGE,
	   "memory that cannot hold a layout is refused");
	is(arena_layout_read(&region, GIB, &back), 0,
	   "the layout is accepted if nothing is corrupted");
}

int main(void)
{
	test_make_refuses();
	test_make_refuses_class();
	test_make_refuses_group();
	test_make_long_extent();
	make_good();
	test_hostile_head();
	test_hostile_groups();
	test_length();
	return done_testing();
}
