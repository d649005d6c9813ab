// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/lend.h>

#include <assert.h>

/* The pool's tag is the generation: to whom an extent is lent, its group or record says. */
struct arena_ref proto_lend(struct arena_pool *pool, uint32_t group, uint32_t index)
{
	struct arena_extent e = arena_pool_extent(pool, index);
	uint16_t generation = (uint16_t)e.generation;
	int ret = arena_pool_lend(pool, index, e.count, generation);

	assert(!ret);
	(void)ret;
	return (struct arena_ref){
		.index = index,
		.group = (uint16_t)group,
		.count = (uint16_t)e.count,
		.generation = generation,
	};
}

int proto_regain(struct arena_pool *pool, const struct arena_ref *ref)
{
	return arena_pool_return(pool, ref->index, ref->count, ref->generation);
}
