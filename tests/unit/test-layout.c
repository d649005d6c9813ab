// SPDX-License-Identifier: MIT
/*
 * Goal: layouts that are made are sound, and none that is not gets in.
 * Method: make and read back over a range of sizes; then one corrupted member
 * at a time in an otherwise good layout, with the exact error expected.
 */
#include <errno.h>
#include <libarena/layout.h>
#include <libarena/message.h>
#include <string.h>

#include "tap.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static union {
	struct arena_layout layout;
	char page[4096];
} region;

static uint64_t bytes_of(const struct arena_group *g)
{
	return (uint64_t)g->buffer_size * g->count;
}

static void test_make_and_read(void)
{
	static const uint64_t lengths[] = { 128 * MIB, 1 * GIB, 20 * GIB };
	bool sound = true, big_enough = true;
	int made = 0;

	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int n = 1; n <= ARENA_MAX_SPS; n++) {
			struct arena_layout l, back;

			if (arena_layout_make(&l, lengths[i], 1024, n))
				continue;
			made++;
			arena_layout_write(&region, &l);
			sound &= !arena_layout_read(&region, lengths[i], &back) &&
				 !memcmp(&l, &back, sizeof(l)) && l.n_groups == 2 + n;
			for (uint32_t g = 1; g < l.n_groups; g++)
				big_enough &= bytes_of(&l.group[g]) > ARENA_MAX_REQUEST &&
					      bytes_of(&l.group[g]) <= ARENA_MAX_GROUP_BYTES;
		}
	is(made, 2 + 8 + 8, "128 MiB hold two SPs, 1 GiB and more hold eight");
	ok(sound, "what is made reads back equal");
	ok(big_enough, "each group holds one maximal request and no more than allowed");
}

static void test_make_refuses(void)
{
	struct arena_layout l;

	is(arena_layout_make(&l, GIB, 1024, 0), -EINVAL, "no SP");
	is(arena_layout_make(&l, GIB, 1024, 9), -EINVAL, "too many SPs");
	is(arena_layout_make(&l, GIB, 0, 1), -EINVAL, "no network buffer");
	is(arena_layout_make(&l, GIB, 65537, 1), -EINVAL, "more slots than 16 bits name");
	is(arena_layout_make(&l, 64 * MIB, 1024, 1), -ENOSPC, "64 MiB are too few");
	is(arena_layout_make(&l, 4096, 1024, 1), -ENOSPC, "a page is too little");
	is(arena_layout_make(&l, 0, 1, 1), -ENOSPC, "nothing is too little");
}

/* Read @bad, which differs from the good layout in one member. */
#define refused(member, value, error) do {				\
	region.layout = good;						\
	region.layout.member = (value);					\
	is(arena_layout_read(&region, GIB, &back), error,		\
	   #member " = " #value);					\
} while (0)

static void test_hostile_layouts(void)
{
	struct arena_layout good, back;

	arena_layout_make(&good, GIB, 1024, 2);
	refused(magic, 0, -EPROTO);
	refused(version, 2, -EPROTO);
	refused(n_groups, 0, -EPROTO);
	refused(n_groups, 2, -EPROTO);
	refused(n_groups, 5, -EPROTO);
	refused(n_groups, ARENA_MAX_GROUPS + 1, -EPROTO);
	refused(n_groups, UINT32_MAX, -EPROTO);
	refused(length, GIB + 1, -ERANGE);
	refused(length, 4096, -ERANGE);
	refused(group[0].offset, 0, -ERANGE);
	refused(group[1].offset, good.group[0].offset, -ERANGE);
	refused(group[1].offset, good.group[3].offset, -ERANGE);
	refused(group[1].offset, good.group[1].offset + 512, -EPROTO);
	refused(group[3].offset, UINT64_MAX & ~4095ULL, -ERANGE);
	refused(group[3].count, good.group[3].count + 4096, -ERANGE);
	refused(group[2].count, 0, -EPROTO);
	refused(group[2].count, UINT32_MAX, -EPROTO);
	refused(group[2].buffer_size, 0, -EPROTO);
	refused(group[2].buffer_size, 32, -EPROTO);
	refused(group[2].buffer_size, 4095, -EPROTO);
	refused(group[2].buffer_size, 4 * MIB, -EPROTO);
	refused(group[2].role, ARENA_ROLE_NP, -EPROTO);
	refused(group[0].role, ARENA_ROLE_SP(0), -EPROTO);
	refused(group[2].role, 77, -EPROTO);
	refused(group[1].reserved, 1, -EPROTO);

	region.layout = good;
	is(arena_layout_read(&region, GIB - 1, &back), -ERANGE, "less memory than laid out");
	is(arena_layout_read(&region, 100, &back), -ERANGE, "no room for a layout");
	is(arena_layout_read(&region, GIB, &back), 0, "and unharmed it is taken");
}

static void test_has(void)
{
	struct arena_layout l;
	uint32_t n;

	arena_layout_make(&l, GIB, 1024, 1);
	n = l.group[1].count;
	ok(arena_layout_has(&l, 1, 0, 1), "the first");
	ok(arena_layout_has(&l, 1, n - 1, 1), "the last");
	ok(arena_layout_has(&l, 1, 0, n), "all of them");
	ok(!arena_layout_has(&l, 1, 0, 0), "none of them");
	ok(!arena_layout_has(&l, 1, n, 1), "one behind the last");
	ok(!arena_layout_has(&l, 1, n - 1, 2), "across the end");
	ok(!arena_layout_has(&l, 1, 1, UINT32_MAX), "a sum that overflows");
	ok(!arena_layout_has(&l, 1, UINT32_MAX, 1), "the greatest index");
	ok(!arena_layout_has(&l, 3, 0, 1), "no such group");
	ok(!arena_layout_has(&l, UINT32_MAX, 0, 1), "the greatest group");
}

int main(void)
{
	test_make_and_read();
	test_make_refuses();
	test_hostile_layouts();
	test_has();
	return done_testing();
}
