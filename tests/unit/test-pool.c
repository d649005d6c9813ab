// SPDX-License-Identifier: MIT
/*
 * Goal: a buffer is in one state at a time, and changes it only by the steps that its
 * state allows.
 * Method: each misuse is made once, and pools of special sizes and states are used.
 * Random steps are in test-pool-model.c.
 */
#include <errno.h>
#include <libarena/buffer/pool.h>
#include <stdint.h>
#include <string.h>

#include "tap.h"

static void test_misuse(void)
{
	struct arena_pool *p = arena_pool_new(100);
	int64_t a = arena_pool_get(p, 10);

	ok(a >= 0, "an extent of 10 buffers is got");
	is(arena_pool_available(p), 90, "90 of 100 buffers are free");
	is(arena_pool_get(p, 0), -EINVAL, "an extent of no buffers is refused");
	is(arena_pool_get(p, 101), -EINVAL, "an extent larger than the pool is refused");
	is(arena_pool_get(p, 91), -ENOSPC, "no extent has more buffers than are free");
	is(arena_pool_put(p, (uint32_t)a, 9), -EINVAL,
	   "putting fewer buffers than were got is refused");
	is(arena_pool_put(p, (uint32_t)a, 11), -EINVAL,
	   "putting more buffers than were got is refused");
	is(arena_pool_put(p, (uint32_t)a + 1, 9), -EINVAL,
	   "putting a part of an extent is refused");
	is(arena_pool_put(p, (uint32_t)a, 0), -EINVAL, "putting no buffers is refused");
	is(arena_pool_put(p, 100, 1), -EINVAL, "putting a buffer behind the last is refused");
	is(arena_pool_put(p, UINT32_MAX, 1), -EINVAL, "putting the greatest index is refused");
	is(arena_pool_put(p, 50, 1), -EINVAL, "putting a FREE buffer is refused");
	is(arena_pool_lend(p, 50, 1, 7), -EINVAL, "lending a FREE buffer is refused");
	is(arena_pool_return(p, (uint32_t)a, 10, 0), -EINVAL,
	   "returning an extent that is not LENT is refused");

	is(arena_pool_io_end(p, (uint32_t)a, 10), -EINVAL,
	   "io_end of an extent that is not IN_IO is refused");
	is(arena_pool_io_begin(p, (uint32_t)a, 9), -EINVAL,
	   "io_begin of a part of an extent is refused");
	is(arena_pool_io_begin(p, 50, 1), -EINVAL, "io_begin of a FREE buffer is refused");
	is(arena_pool_io_begin(p, (uint32_t)a, 10), 0, "an operation begins");
	is(arena_pool_io_begin(p, (uint32_t)a, 10), 0,
	   "a second operation begins on the same extent");
	is(arena_pool_io_end(p, (uint32_t)a, 9), -EINVAL,
	   "io_end of a part of an extent is refused");
	is(arena_pool_io_end(p, (uint32_t)a, 10), 0, "the first operation ends");
	is(arena_pool_put(p, (uint32_t)a, 10), -EBUSY, "putting an IN_IO extent is refused");
	is(arena_pool_lend(p, (uint32_t)a, 10, 7), -EBUSY, "lending an IN_IO extent is refused");
	is(arena_pool_io_end(p, (uint32_t)a, 10), 0, "the second operation ends");
	is(arena_pool_io_end(p, (uint32_t)a, 10), -EINVAL, "a third io_end is refused");
	is(arena_pool_available(p), 90, "refused calls of the owner change nothing");

	is(arena_pool_lend(p, (uint32_t)a, 10, 7), 0, "an OWNED extent is lent");
	is(arena_pool_io_begin(p, (uint32_t)a, 10), -EINVAL,
	   "io_begin of a LENT extent is refused");
	is(arena_pool_io_end(p, (uint32_t)a, 10), -EINVAL, "io_end of a LENT extent is refused");
	is(arena_pool_lend(p, (uint32_t)a, 10, 7), -EINVAL, "lending a LENT extent is refused");
	is(arena_pool_put(p, (uint32_t)a, 10), -EINVAL, "putting a LENT extent is refused");
	is(arena_pool_put(p, (uint32_t)a, 10 | 1U << 31), -EINVAL,
	   "a count with the top bit set is refused");
	is(arena_pool_return(p, (uint32_t)a, 10, 8), -EINVAL,
	   "returning with a wrong tag is refused");
	is(arena_pool_return(p, (uint32_t)a, 9, 7), -EINVAL,
	   "returning the first part of an extent is refused");
	is(arena_pool_return(p, (uint32_t)a + 1, 9, 7), -EINVAL,
	   "returning the last part of an extent is refused");
	is(arena_pool_available(p), 90, "refused calls for a LENT extent change nothing");
	is(arena_pool_return(p, (uint32_t)a, 10, 7), 0, "a LENT extent is returned");
	is(arena_pool_return(p, (uint32_t)a, 10, 7), -EINVAL,
	   "returning an extent twice is refused");
	is(arena_pool_available(p), 100, "all buffers are FREE after the return");
	arena_pool_free(p);
	arena_pool_free(NULL);
	ok(!arena_pool_new(0), "a pool of no buffers is refused");
	ok(!arena_pool_new(ARENA_POOL_MAX + 1), "a pool of too many buffers is refused");
}

/* Two answers to arena_pool_reclaim(); they record the extent that it asks for. */
static bool never(void *context, uint32_t index, uint32_t count)
{
	*(uint32_t *)context = index << 16 | count;
	return false;
}

static bool always(void *context, uint32_t index, uint32_t count)
{
	*(uint32_t *)context = index << 16 | count;
	return true;
}

static void test_lost(void)
{
	struct arena_pool *p = arena_pool_new(100);
	uint32_t asked = 0;

	for (uint32_t i = 0; i < 3; i++) {
		arena_pool_get(p, 10);
		is(arena_pool_lend(p, 10 * i, 10, i), 0, "an extent is lent to tag %u", i);
	}
	is(arena_pool_regain(p, 0, 10, 1), -EINVAL, "regaining with a wrong tag is refused");
	is(arena_pool_regain(p, 0, 10, 0), 0, "a LENT extent is regained");
	is(arena_pool_regain(p, 0, 10, 0), -EINVAL, "regaining an OWNED extent is refused");
	arena_pool_lose(p, 0);
	is(arena_pool_usage(p).lost, 0, "a regained extent does not become LOST");
	arena_pool_lose(p, 1);
	arena_pool_lose(p, 2);
	is(arena_pool_usage(p).lost, 20, "the extents of two dead peers are LOST");
	is(arena_pool_extent(p, 10).state, ARENA_LOST,
	   "arena_pool_extent() says that an extent is LOST");
	is(arena_pool_put(p, 10, 10), -EINVAL, "putting a LOST extent is refused");
	is(arena_pool_io_begin(p, 10, 10), -EINVAL, "io_begin of a LOST extent is refused");
	is(arena_pool_lend(p, 10, 10, 1), -EINVAL, "lending a LOST extent is refused");
	is(arena_pool_return(p, 10, 10, 1), -EINVAL, "returning a LOST extent is refused");
	is(arena_pool_reset(p), -EBUSY, "a reset is refused while an extent is LOST");
	is(arena_pool_regain(p, 10, 10, 1), 0, "a LOST extent is regained");
	arena_pool_reclaim(p, never, &asked);
	is(asked, 20 << 16 | 10, "reclaim asks for the LOST extent");
	is(arena_pool_usage(p).lost, 10, "reclaim keeps an extent that may not be freed");
	arena_pool_reclaim(p, always, &asked);
	is(arena_pool_usage(p).lost, 0, "reclaim frees an extent that may be freed");
	is(arena_pool_usage(p).free, 80, "reclaimed buffers are FREE");
	is(arena_pool_io_begin(p, 0, 10), 0, "an operation begins on an OWNED extent");
	is(arena_pool_reset(p), -EBUSY, "a reset is refused while an extent is IN_IO");
	is(arena_pool_io_end(p, 0, 10), 0, "the operation ends");
	is(arena_pool_reset(p), 0, "a reset works if all extents are OWNED");
	is(arena_pool_put(p, 0, 10), -EINVAL, "putting an extent that the reset freed is refused");
	is(arena_pool_get(p, 100), 0, "after the reset all buffers can be got as one extent");
	arena_pool_free(p);
}

static void test_whole(void)
{
	static const uint32_t sizes[] = { 1, 63, 64, 65, 128, 8193, 65536, 262144, ARENA_POOL_MAX };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t n = sizes[i];
		struct arena_pool *p = arena_pool_new(n);
		bool good = arena_pool_get(p, n) == 0 && arena_pool_get(p, 1) == -ENOSPC &&
			    !arena_pool_put(p, 0, n);

		for (uint32_t j = 0; j < n; j++)
			good &= arena_pool_get(p, 1) >= 0;
		good &= arena_pool_get(p, 1) == -ENOSPC && !arena_pool_available(p);
		ok(good, "%u buffers can be got as one extent and one by one", n);
		arena_pool_free(p);
	}
}

static void test_generations(void)
{
	struct arena_pool *p = arena_pool_new(2);
	uint32_t last = 0, wrong = 0;

	ok(!arena_pool_extent(p, 0).generation,
	   "the generation of a buffer that was never used is 0");
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t generation;

		arena_pool_get(p, 2);
		generation = arena_pool_extent(p, 0).generation;
		wrong += generation <= last || !(generation & 0xffff);
		last = generation;
		arena_pool_put(p, 0, 2);
	}
	is(wrong, 0, "in 200000 lives of a buffer generations grow, and no low half is 0");
	is(last, 200003, "generations skip only numbers whose low half is 0");
	arena_pool_free(p);
}

/*
 * Free extents of similar lengths share a list, of which the pool looks at a few entries:
 * extents that are too short may hide one that is long enough. An extent that is longer
 * than the request by a 32nd part is always found.
 */
static void test_full(void)
{
	enum { AT = 1024, SHORT = 1000, LONG = 1007 };
	struct arena_pool *p = arena_pool_new(16 * AT);
	uint32_t extent[16];

	for (int i = 0; i < 16; i++) {
		int64_t first;

		extent[i] = (uint32_t)arena_pool_get(p, i ? SHORT : LONG);
		first = arena_pool_get(p, AT - (i ? SHORT : LONG));
		if (first != (int64_t)extent[i] + (i ? SHORT : LONG))
			bail("the first of a free extent was not what was got");
	}
	for (int i = 0; i < 16; i++)
		arena_pool_put(p, extent[i], i ? SHORT : LONG);
	is(arena_pool_get(p, LONG), -ENOSPC,
	   "a long extent is not found behind many that are too short");
	ok(arena_pool_get(p, LONG * 32 / 33) >= 0,
	   "an extent that needs a 32nd part less is found");
	while (arena_pool_get(p, 1) >= 0)
		;
	is(arena_pool_available(p), 0, "single buffers can be got until none is free");
	arena_pool_free(p);
}

int main(void)
{
	test_misuse();
	test_lost();
	test_whole();
	test_generations();
	test_full();
	return done_testing();
}
