// SPDX-License-Identifier: MIT
/*
 * Goal: an extent that NP or SP lent comes back by its own ref and by no other one, once.
 * Method: a small pool, and refs that differ from the right one in each member.
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
		is(proto_regain(p, &ref), -EINVAL, what);	\
	} while (0)
	WRONG("the last life's generation", ref.generation--);
	WRONG("the next life's generation", ref.generation++);
	WRONG("no generation", ref.generation = 0);
	WRONG("a part of it", ref.count--);
	WRONG("more than it", ref.count++);
	WRONG("nothing", ref.count = 0);
	WRONG("another buffer", ref.index++);
	WRONG("a buffer behind the group", ref.index = 8);
	WRONG("the last of all buffers", ref.index = UINT32_MAX);
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
	   first.generation && !first.reserved, "the ref names the extent");
	test_wrong(p, &first);
	is(arena_pool_usage(p).lent, 3, "it is lent as before");
	is(proto_regain(p, &first), 0, "the right ref");
	is(arena_pool_available(p), 8, "all is free");
	is(proto_regain(p, &first), -EINVAL, "the right ref, again");

	index = arena_pool_get(p, 3);
	second = proto_lend(p, GROUP, (uint32_t)index);
	ok(second.index != first.index || second.generation != first.generation,
	   "another life has another ref");
	is(proto_regain(p, &first), -EINVAL, "the ref of an earlier life");
	is(proto_regain(p, &second), 0, "the ref of this life");
	arena_pool_free(p);
	return done_testing();
}
