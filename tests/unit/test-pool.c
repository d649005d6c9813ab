// SPDX-License-Identifier: MIT
/*
 * Goal: a buffer is in one state at a time, and only the right step moves it.
 * Method: each misuse by hand, then random steps, right and wrong, against a
 * model that keeps the state of every buffer in a plain array. Set SEED to
 * repeat a run.
 */
#include <errno.h>
#include <libarena/pool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "tap.h"

static void test_misuse(void)
{
	struct arena_pool *p = arena_pool_new(100);
	int64_t a = arena_pool_get(p, 10);

	ok(a >= 0, "get 10");
	is(arena_pool_available(p), 90, "90 left");
	is(arena_pool_get(p, 0), -EINVAL, "a run of none");
	is(arena_pool_get(p, 101), -EINVAL, "more than the pool can hold");
	is(arena_pool_get(p, 91), -ENOSPC, "more than is free");
	is(arena_pool_put(p, (uint32_t)a, 9), -EINVAL, "put too few");
	is(arena_pool_put(p, (uint32_t)a, 11), -EINVAL, "put too many");
	is(arena_pool_put(p, (uint32_t)a + 1, 9), -EINVAL, "put a part");
	is(arena_pool_put(p, (uint32_t)a, 0), -EINVAL, "put none");
	is(arena_pool_put(p, 100, 1), -EINVAL, "put what does not exist");
	is(arena_pool_put(p, UINT32_MAX, 1), -EINVAL, "put the greatest index");
	is(arena_pool_put(p, 50, 1), -EINVAL, "put what is free");
	is(arena_pool_hand(p, 50, 1, 7), -EINVAL, "hand what is free");
	is(arena_pool_return(p, (uint32_t)a, 10, 0), -EINVAL, "return what was not handed");

	is(arena_pool_done(p, (uint32_t)a, 10), -EINVAL, "done what was not lent");
	is(arena_pool_lend(p, (uint32_t)a, 9), -EINVAL, "lend a part");
	is(arena_pool_lend(p, 50, 1), -EINVAL, "lend what is free");
	is(arena_pool_lend(p, (uint32_t)a, 10), 0, "lend");
	is(arena_pool_lend(p, (uint32_t)a, 10), 0, "lend again");
	is(arena_pool_done(p, (uint32_t)a, 9), -EINVAL, "done a part");
	is(arena_pool_done(p, (uint32_t)a, 10), 0, "one is done");
	is(arena_pool_put(p, (uint32_t)a, 10), -EBUSY, "put what the kernel works on");
	is(arena_pool_hand(p, (uint32_t)a, 10, 7), -EBUSY, "hand what the kernel works on");
	is(arena_pool_done(p, (uint32_t)a, 10), 0, "both are done");
	is(arena_pool_done(p, (uint32_t)a, 10), -EINVAL, "done once too often");
	is(arena_pool_available(p), 90, "nothing of that had an effect");

	is(arena_pool_hand(p, (uint32_t)a, 10, 7), 0, "hand");
	is(arena_pool_lend(p, (uint32_t)a, 10), -EINVAL, "lend what a peer has");
	is(arena_pool_done(p, (uint32_t)a, 10), -EINVAL, "done what a peer has");
	is(arena_pool_hand(p, (uint32_t)a, 10, 7), -EINVAL, "hand twice");
	is(arena_pool_put(p, (uint32_t)a, 10), -EINVAL, "put what a peer has");
	is(arena_pool_put(p, (uint32_t)a, 10 | 1U << 31), -EINVAL, "put with the top bit");
	is(arena_pool_return(p, (uint32_t)a, 10, 8), -EINVAL, "return with a wrong tag");
	is(arena_pool_return(p, (uint32_t)a, 9, 7), -EINVAL, "return a part");
	is(arena_pool_return(p, (uint32_t)a + 1, 9, 7), -EINVAL, "return another part");
	is(arena_pool_available(p), 90, "nothing of that had an effect");
	is(arena_pool_return(p, (uint32_t)a, 10, 7), 0, "return");
	is(arena_pool_return(p, (uint32_t)a, 10, 7), -EINVAL, "return twice");
	is(arena_pool_available(p), 100, "all free");
	arena_pool_free(p);
	arena_pool_free(NULL);
	ok(!arena_pool_new(0), "a pool of none");
}

static void test_whole(void)
{
	static const uint32_t sizes[] = { 1, 63, 64, 65, 128, 8193, 65536, 262144 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t n = sizes[i];
		struct arena_pool *p = arena_pool_new(n);
		bool good = arena_pool_get(p, n) == 0 && arena_pool_get(p, 1) == -ENOSPC &&
			    !arena_pool_put(p, 0, n);

		for (uint32_t j = 0; j < n; j++)
			good &= arena_pool_get(p, 1) >= 0;
		good &= arena_pool_get(p, 1) == -ENOSPC && !arena_pool_available(p);
		ok(good, "%u buffers, as one run and one by one", n);
		arena_pool_free(p);
	}
}

#define N	300
#define RUNS	200

/* A run that the model knows to be owned, lent or handed. */
struct run {
	uint32_t index, count, tag, lent;
	bool handed;
};

static bool model_has_room(const bool *used, uint32_t count)
{
	uint32_t length = 0;

	for (uint32_t i = 0; i < N; i++) {
		length = used[i] ? 0 : length + 1;
		if (length >= count)
			return true;
	}
	return false;
}

static bool step_get(struct arena_pool *p, bool *used, struct run *run, int *runs)
{
	uint32_t count = 1 + (uint32_t)random() % (random() % 4 ? 8 : 120);
	int64_t first = arena_pool_get(p, count);

	if (first < 0)
		return first == -ENOSPC && !model_has_room(used, count);
	for (uint32_t i = 0; i < count; i++) {
		if (first + i >= N || used[first + i])
			return false;
		used[first + i] = true;
	}
	run[(*runs)++] = (struct run){ .index = (uint32_t)first, .count = count };
	return true;
}

/* One step with a run, perhaps a wrong one; the pool must agree with us. */
static bool step_run(struct arena_pool *p, bool *used, struct run *run, int *runs)
{
	struct run *r = &run[random() % *runs];
	uint32_t index = r->index + (random() % 8 ? 0 : 1);
	uint32_t count = r->count + (random() % 8 ? 0 : 1);
	uint32_t tag = r->tag + (random() % 8 ? 0 : 1);
	bool exact = index == r->index && count == r->count;
	int want = !exact || r->handed ? -EINVAL : r->lent ? -EBUSY : 0;
	bool frees;
	int ret;

	/* A neighbour may begin just there: leave that to the exact steps. */
	for (int i = 0; i < *runs && !exact; i++)
		if (run[i].index == index && run[i].count == count)
			return true;
	switch (random() % 5) {
	case 0:
		ret = arena_pool_hand(p, index, count, tag);
		if (ret != want)
			return false;
		if (!ret) {
			r->handed = true;
			r->tag = tag;
		}
		return true;
	case 1:
		ret = arena_pool_put(p, index, count);
		frees = !want;
		break;
	case 2:
		ret = arena_pool_lend(p, index, count);
		r->lent += !ret;
		return ret == (want == -EINVAL ? -EINVAL : 0);
	case 3:
		ret = arena_pool_done(p, index, count);
		r->lent -= !ret;
		return ret == (want == -EBUSY ? 0 : -EINVAL);
	default:
		ret = arena_pool_return(p, index, count, tag);
		frees = exact && r->handed && tag == r->tag;
		want = frees ? 0 : -EINVAL;
	}
	if (ret != want)
		return false;
	if (frees) {
		memset(used + r->index, 0, r->count);
		*r = run[--*runs];
	}
	return true;
}

static void test_random(void)
{
	const char *env = getenv("SEED");
	unsigned int seed = env ? (unsigned int)atoi(env) : (unsigned int)time(NULL);
	struct arena_pool *p = arena_pool_new(N);
	bool used[N] = { false };
	struct run run[RUNS];
	int runs = 0;
	bool good = true;

	printf("# SEED=%u\n", seed);
	srandom(seed);
	for (int i = 0; i < 400000 && good; i++) {
		uint32_t available = 0;

		if (runs < RUNS && (!runs || random() % 3 == 0))
			good = step_get(p, used, run, &runs);
		else
			good = step_run(p, used, run, &runs);
		for (uint32_t j = 0; j < N; j++)
			available += !used[j];
		good &= available == arena_pool_available(p);
	}
	ok(good, "400000 random steps agree with the model");
	arena_pool_free(p);
}

static void test_speed(void)
{
	struct arena_pool *p = arena_pool_new(262144);
	struct timespec start, end;
	double seconds;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 1000000; i++) {
		int64_t first = arena_pool_get(p, 1 + i % 33);

		arena_pool_put(p, (uint32_t)first, 1 + i % 33);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	printf("# %.0f ns for a get and a put\n", seconds * 1000);
	ok(seconds < 10, "a million runs in less than 10 seconds");
	arena_pool_free(p);
}

int main(void)
{
	test_misuse();
	test_whole();
	test_random();
	test_speed();
	return done_testing();
}
