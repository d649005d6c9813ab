// SPDX-License-Identifier: MIT
/*
 * Goal: an extent that NP or SP has lent can be regained once, and only by its own ref.
 * Method: refs that differ from the right one in one member each are tried on a small pool.
 */
#include <errno.h>
#include <proto/lend.h>

#include "tap.h"

#define GROUP	7U

static void test_wrong(struct arena_pool *p, const struct arena_ref *right)
{
	struct arena_ref ref;

#define WRONG(what, ...)					\
	do {							\
		ref = *right;					\
		__VA_ARGS__;					\
		is(proto_regain(p, &ref), -EINVAL,		\
		   "a ref with " what " regains nothing");	\
	} while (0)
	WRONG("the previous generation", ref.generation--);
	WRONG("the next generation", ref.generation++);
	WRONG("generation 0", ref.generation = 0);
	WRONG("a buffer less", ref.count--);
	WRONG("a buffer more", ref.count++);
	WRONG("no buffers", ref.count = 0);
	WRONG("another first buffer", ref.index++);
	WRONG("a first buffer behind the group", ref.index = 8);
	WRONG("the greatest index", ref.index = UINT32_MAX);
#undef WRONG
}

int main(void)
{
	struct arena_pool *p = arena_pool_new(8);
	struct arena_ref first, second;
	int64_t index;

	if (!p)
		bail("no memory");
	index = arena_pool_get(p, 3);
	first = proto_lend(p, GROUP, (uint32_t)index);
	ok(first.group == GROUP && first.index == index && first.count == 3 &&
	   first.generation && !first.reserved, "proto_lend() gives a ref that names the extent");
	test_wrong(p, &first);
	is(arena_pool_usage(p).lent, 3, "the extent is still lent after wrong refs");
	is(proto_regain(p, &first), 0, "the right ref regains the extent");
	is(arena_pool_available(p), 8, "all buffers are free after the extent was regained");
	is(proto_regain(p, &first), -EINVAL, "a ref that was used regains nothing");

	index = arena_pool_get(p, 3);
	second = proto_lend(p, GROUP, (uint32_t)index);
	ok(second.index != first.index || second.generation != first.generation,
	   "the next extent of the same buffers has another ref");
	is(proto_regain(p, &first), -EINVAL, "the ref of an earlier extent regains nothing");
	is(proto_regain(p, &second), 0, "the ref of the current extent regains it");
	arena_pool_free(p);
	return done_testing();
}
