// SPDX-License-Identifier: MIT
/*
 * Goal: a buffer is in one state at a time, and only the right step moves it.
 * Method: each misuse by hand, then random steps, right and wrong, against a
 * model that keeps the state of every buffer in a plain array, for pools of
 * several sizes. Set SEED to repeat a run.
 */
#include <errno.h>
#include <libarena/buffer/pool.h>
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
	is(arena_pool_lend(p, 50, 1, 7), -EINVAL, "hand what is free");
	is(arena_pool_return(p, (uint32_t)a, 10, 0), -EINVAL, "return what was not handed");

	is(arena_pool_io_end(p, (uint32_t)a, 10), -EINVAL, "done what was not lent");
	is(arena_pool_io_begin(p, (uint32_t)a, 9), -EINVAL, "lend a part");
	is(arena_pool_io_begin(p, 50, 1), -EINVAL, "lend what is free");
	is(arena_pool_io_begin(p, (uint32_t)a, 10), 0, "lend");
	is(arena_pool_io_begin(p, (uint32_t)a, 10), 0, "lend again");
	is(arena_pool_io_end(p, (uint32_t)a, 9), -EINVAL, "done a part");
	is(arena_pool_io_end(p, (uint32_t)a, 10), 0, "one is done");
	is(arena_pool_put(p, (uint32_t)a, 10), -EBUSY, "put what the kernel works on");
	is(arena_pool_lend(p, (uint32_t)a, 10, 7), -EBUSY, "hand what the kernel works on");
	is(arena_pool_io_end(p, (uint32_t)a, 10), 0, "both are done");
	is(arena_pool_io_end(p, (uint32_t)a, 10), -EINVAL, "done once too often");
	is(arena_pool_available(p), 90, "nothing of that had an effect");

	is(arena_pool_lend(p, (uint32_t)a, 10, 7), 0, "hand");
	is(arena_pool_io_begin(p, (uint32_t)a, 10), -EINVAL, "lend what a peer has");
	is(arena_pool_io_end(p, (uint32_t)a, 10), -EINVAL, "done what a peer has");
	is(arena_pool_lend(p, (uint32_t)a, 10, 7), -EINVAL, "hand twice");
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
	ok(!arena_pool_new(ARENA_POOL_MAX + 1), "a pool of too many");
}

/* What a peer had is LOST; so it stays but for regain and reclaim. */
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
		is(arena_pool_lend(p, 10 * i, 10, i), 0, "hand to %u", i);
	}
	is(arena_pool_regain(p, 0, 10, 1), -EINVAL, "regain with a wrong tag");
	is(arena_pool_regain(p, 0, 10, 0), 0, "regain");
	is(arena_pool_regain(p, 0, 10, 0), -EINVAL, "regain what is ours");
	arena_pool_lose(p, 0);
	is(arena_pool_usage(p).lost, 0, "what is ours is not lost");
	arena_pool_lose(p, 1);
	arena_pool_lose(p, 2);
	is(arena_pool_usage(p).lost, 20, "what two peers had is");
	is(arena_pool_extent(p, 10).state, ARENA_LOST, "and says so");
	is(arena_pool_put(p, 10, 10), -EINVAL, "put what is lost");
	is(arena_pool_io_begin(p, 10, 10), -EINVAL, "lend what is lost");
	is(arena_pool_lend(p, 10, 10, 1), -EINVAL, "hand what is lost");
	is(arena_pool_return(p, 10, 10, 1), -EINVAL, "return what is lost");
	is(arena_pool_reset(p), -EBUSY, "reset with lost ones");
	is(arena_pool_regain(p, 10, 10, 1), 0, "regain what is lost");
	arena_pool_reclaim(p, never, &asked);
	is(asked, 20 << 16 | 10, "reclaim asks");
	is(arena_pool_usage(p).lost, 10, "... and does as it is told");
	arena_pool_reclaim(p, always, &asked);
	is(arena_pool_usage(p).lost, 0, "... also if it may");
	is(arena_pool_usage(p).free, 80, "those are free then");
	is(arena_pool_io_begin(p, 0, 10), 0, "lend one");
	is(arena_pool_reset(p), -EBUSY, "reset with lent ones");
	is(arena_pool_io_end(p, 0, 10), 0, "done");
	is(arena_pool_reset(p), 0, "reset with none but owned ones");
	is(arena_pool_put(p, 0, 10), -EINVAL, "put what the reset freed");
	is(arena_pool_get(p, 100), 0, "all are there");
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
		ok(good, "%u buffers, as one run and one by one", n);
		arena_pool_free(p);
	}
}

/* The longest run of free buffers that the model sees. */
static uint32_t longest_free(const uint8_t *used, uint32_t n)
{
	uint32_t length = 0, longest = 0;

	for (uint32_t i = 0; i < n; i++) {
		length = used[i] ? 0 : length + 1;
		if (length > longest)
			longest = length;
	}
	return longest;
}

#define RUNS	400

/**
 * struct run - one that the model knows, not free
 * @index: first buffer
 * @count: buffers
 * @generation: when it was got
 * @tag: of one that a peer has or had
 * @io_count: operations on it
 * @state: never ARENA_STALE or ARENA_IN_IO
 */
struct run {
	uint32_t index, count, generation, tag, io_count;
	enum arena_state state;
};

/**
 * struct model - a pool as it must be
 * @p: the pool
 * @n: its buffers
 * @used: a byte for each
 * @generation: of each buffer's last life
 * @run: not free
 * @runs: used entries of @run
 */
struct model {
	struct arena_pool *p;
	uint32_t n;
	uint8_t *used;
	uint32_t *generation;
	struct run run[RUNS];
	int runs;
};

static uint32_t pick(uint32_t below)
{
	return (uint32_t)random() % below;
}

/* By what the header promises, where it promises anything. */
static bool may_be_full(const struct model *m, uint32_t count)
{
	uint32_t longest = longest_free(m->used, m->n);

	return longest < count || (count > 63 && longest < m->n && longest < count + count / 32);
}

static bool step_get(struct model *m)
{
	uint32_t count = 1 + pick(pick(4) ? m->n / 40 + 1 : m->n);
	int64_t first = arena_pool_get(m->p, count);
	struct arena_extent run;

	if (first < 0)
		return first == -ENOSPC && may_be_full(m, count);
	for (uint32_t i = 0; i < count; i++) {
		if (first + i >= m->n || m->used[first + i])
			return false;
		m->used[first + i] = 1;
	}
	run = arena_pool_extent(m->p, (uint32_t)first);
	m->run[m->runs++] = (struct run){ .index = (uint32_t)first, .count = count,
					  .generation = run.generation, .state = ARENA_OWNED };
	if (run.generation != m->generation[first] + 1)
		return false;
	m->generation[first]++;
	return true;
}

static void model_free(struct model *m, struct run *r)
{
	memset(m->used + r->index, 0, r->count);
	*r = m->run[--m->runs];
}

/* What a step answers that only the owner may make. */
static int owners(const struct run *r, bool exact)
{
	if (!exact || r->state != ARENA_OWNED)
		return -EINVAL;
	return r->io_count ? -EBUSY : 0;
}

/* One step with a run, perhaps a wrong one; the pool must agree with us. */
static bool step_run(struct model *m)
{
	struct run *r = &m->run[pick((uint32_t)m->runs)];
	uint32_t index = r->index + !pick(8), count = r->count + !pick(8);
	uint32_t tag = pick(8) ? r->tag : pick(3);
	bool exact = index == r->index && count == r->count;
	bool is_word = exact && tag == r->tag;
	int want = owners(r, exact), ret;

	/* A neighbour may begin just there: leave that to the exact steps. */
	for (int i = 0; i < m->runs && !exact; i++)
		if (m->run[i].index == index && m->run[i].count == count)
			return true;
	switch (pick(6)) {
	case 0:
		ret = arena_pool_lend(m->p, index, count, tag);
		if (!ret) {
			r->state = ARENA_LENT;
			r->tag = tag;
		}
		return ret == want;
	case 1:
		ret = arena_pool_put(m->p, index, count);
		if (!ret)
			model_free(m, r);
		return ret == want;
	case 2:
		ret = arena_pool_io_begin(m->p, index, count);
		r->io_count += !ret;
		return ret == (want == -EBUSY ? 0 : want);
	case 3:
		ret = arena_pool_io_end(m->p, index, count);
		r->io_count -= !ret;
		return ret == (want == -EBUSY ? 0 : -EINVAL);
	case 4:
		want = is_word && r->state == ARENA_LENT ? 0 : -EINVAL;
		ret = arena_pool_return(m->p, index, count, tag);
		if (!ret)
			model_free(m, r);
		return ret == want;
	default:
		want = is_word && r->state != ARENA_OWNED ? 0 : -EINVAL;
		ret = arena_pool_regain(m->p, index, count, tag);
		if (!ret)
			r->state = ARENA_OWNED;
		return ret == want;
	}
}

/* Asked for each run that is LOST: those at even indices may be freed. */
static bool at_even(void *context, uint32_t index, uint32_t count)
{
	struct model *m = context;

	for (int i = 0; i < m->runs; i++) {
		struct run *r = &m->run[i];

		if (r->index != index || r->count != count || r->state != ARENA_LOST)
			continue;
		if (index % 2)
			return false;
		model_free(m, r);
		return true;
	}
	/* Of no run that is: what follows does not agree any more. */
	m->runs = 0;
	return true;
}

/* A peer dies, what it had is reclaimed, all is reset. */
static bool step_all(struct model *m)
{
	bool busy = false;
	uint32_t tag;
	int ret;

	switch (pick(3)) {
	case 0:
		tag = pick(3);
		arena_pool_lose(m->p, tag);
		for (int i = 0; i < m->runs; i++)
			if (m->run[i].state == ARENA_LENT && m->run[i].tag == tag)
				m->run[i].state = ARENA_LOST;
		return true;
	case 1:
		arena_pool_reclaim(m->p, at_even, m);
		return true;
	default:
		for (int i = 0; i < m->runs; i++)
			busy |= m->run[i].state != ARENA_OWNED || m->run[i].io_count;
		ret = arena_pool_reset(m->p);
		while (!ret && m->runs)
			model_free(m, m->run);
		return ret == (busy ? -EBUSY : 0);
	}
}

static bool usage_agrees(const struct model *m)
{
	struct arena_usage want = { .free = m->n }, u = arena_pool_usage(m->p);

	for (int i = 0; i < m->runs; i++) {
		const struct run *r = &m->run[i];

		want.free -= r->count;
		if (r->state == ARENA_LENT)
			want.lent += r->count;
		else if (r->state == ARENA_LOST)
			want.lost += r->count;
		else if (r->io_count)
			want.in_io += r->count;
		else
			want.owned += r->count;
	}
	return !memcmp(&u, &want, sizeof(u)) && arena_pool_available(m->p) == want.free;
}

static bool runs_agree(const struct model *m)
{
	for (int i = 0; i < m->runs; i++) {
		const struct run *r = &m->run[i];
		struct arena_extent run = arena_pool_extent(m->p, r->index);
		bool is_ours = r->state == ARENA_OWNED;

		if (run.state != (is_ours && r->io_count ? ARENA_IN_IO : r->state) ||
		    run.count != r->count || run.generation != r->generation ||
		    run.io_count != (is_ours ? r->io_count : 0) ||
		    run.peer != (is_ours ? 0 : r->tag))
			return false;
	}
	return true;
}

/* Whatever happened: without runs there is one, of everything. */
static bool comes_together(struct model *m)
{
	for (int i = 0; i < m->runs; i++) {
		const struct run *r = &m->run[i];

		if (r->state != ARENA_OWNED)
			arena_pool_regain(m->p, r->index, r->count, r->tag);
		for (uint32_t n = r->state == ARENA_OWNED ? r->io_count : 0; n; n--)
			arena_pool_io_end(m->p, r->index, r->count);
		if (arena_pool_put(m->p, r->index, r->count))
			return false;
	}
	return arena_pool_get(m->p, m->n) == 0;
}

static void test_random(uint32_t n, int steps)
{
	struct model m = {
		.p = arena_pool_new(n), .n = n,
		.used = calloc(n, 1), .generation = calloc(n, sizeof(uint32_t)),
	};
	bool good = true;

	for (int i = 0; i < steps && good; i++) {
		if (!pick(200))
			good = step_all(&m);
		else if (m.runs < RUNS && (!m.runs || !pick(3)))
			good = step_get(&m);
		else
			good = step_run(&m);
		good &= usage_agrees(&m);
		if (i % 16 == 0)
			good &= runs_agree(&m);
	}
	ok(good && runs_agree(&m), "%u buffers: %d random steps agree with the model", n, steps);
	ok(comes_together(&m), "... and all come together again");
	arena_pool_free(m.p);
	free(m.used);
	free(m.generation);
}

static void test_generations(void)
{
	struct arena_pool *p = arena_pool_new(2);
	uint32_t last = 0, wrong = 0;

	ok(!arena_pool_extent(p, 0).generation, "no generation before the first life");
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t generation;

		arena_pool_get(p, 2);
		generation = arena_pool_extent(p, 0).generation;
		wrong += generation <= last || !(generation & 0xffff);
		last = generation;
		arena_pool_put(p, 0, 2);
	}
	is(wrong, 0, "200000 lives: generations grow, and no low half is 0");
	is(last, 200003, "... skipping only those");
	arena_pool_free(p);
}

/*
 * Longer runs share lists: those that are too short for the request may hide one
 * that is not, but a run of a 32nd part more is always found.
 */
static void test_full(void)
{
	enum { AT = 1024, SHORT = 1000, LONG = 1007 };
	struct arena_pool *p = arena_pool_new(16 * AT);
	uint32_t run[16];

	for (int i = 0; i < 16; i++) {
		int64_t first;

		run[i] = (uint32_t)arena_pool_get(p, i ? SHORT : LONG);
		first = arena_pool_get(p, AT - (i ? SHORT : LONG));
		if (first != (int64_t)run[i] + (i ? SHORT : LONG))
			bail("the first of a free run was not what was got");
	}
	for (int i = 0; i < 16; i++)
		arena_pool_put(p, run[i], i ? SHORT : LONG);
	is(arena_pool_get(p, LONG), -ENOSPC, "a long run behind many that are too short");
	ok(arena_pool_get(p, LONG * 32 / 33) >= 0, "one that needs a 32nd part less is found");
	while (arena_pool_get(p, 1) >= 0)
		;
	is(arena_pool_available(p), 0, "single buffers are there until none is free");
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
	static const uint32_t sizes[] = { 1, 2, 63, 64, 65, 300, 1000, 4097 };
	const char *env = getenv("SEED");
	unsigned int seed = env ? (unsigned int)atoi(env) : (unsigned int)time(NULL);

	printf("# SEED=%u\n", seed);
	srandom(seed);
	test_misuse();
	test_lost();
	test_whole();
	test_generations();
	test_full();
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		test_random(sizes[i], 30000);
	test_speed();
	return done_testing();
}
