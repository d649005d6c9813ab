// SPDX-License-Identifier: MIT
/*
 * Goal: a pool changes the states of its buffers only as documented.
 * Method: random steps, allowed and not, are compared with a model that keeps the state of
 * every buffer in a plain array, for pools of several sizes. SEED in the environment
 * repeats a run.
 */
#include <errno.h>
#include <libarena/buffer/pool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "tap.h"

/* The length of the longest run of free buffers in the model. */
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

#define MAX_EXTENTS	400

/**
 * struct extent - an extent that the model knows and that is not free
 * @index: first buffer
 * @count: buffers
 * @generation: number of this life
 * @tag: of the peer to which it was lent
 * @io_count: operations under way on it
 * @state: never ARENA_STALE or ARENA_IN_IO
 */
struct extent {
	uint32_t index, count, generation, tag, io_count;
	enum arena_state state;
};

/**
 * struct model - the state that a pool must have
 * @p: the pool
 * @n: its buffers
 * @used: a byte for each buffer, 0 if it is free
 * @generation: the last generation of each buffer
 * @extent: extents that are not free
 * @n_extents: used entries of @extent
 */
struct model {
	struct arena_pool *p;
	uint32_t n;
	uint8_t *used;
	uint32_t *generation;
	struct extent extent[MAX_EXTENTS];
	int n_extents;
};

static uint32_t pick(uint32_t below)
{
	return (uint32_t)random() % below;
}

/* True if the header's promises allow that no extent of @count buffers is found. */
static bool may_be_full(const struct model *m, uint32_t count)
{
	uint32_t longest = longest_free(m->used, m->n);

	return longest < count || (count > 63 && longest < m->n && longest < count + count / 32);
}

static bool step_get(struct model *m)
{
	uint32_t count = 1 + pick(pick(4) ? m->n / 40 + 1 : m->n);
	int64_t first = arena_pool_get(m->p, count);
	struct arena_extent e;

	if (first < 0)
		return first == -ENOSPC && may_be_full(m, count);
	for (uint32_t i = 0; i < count; i++) {
		if (first + i >= m->n || m->used[first + i])
			return false;
		m->used[first + i] = 1;
	}
	e = arena_pool_extent(m->p, (uint32_t)first);
	m->extent[m->n_extents++] = (struct extent){ .index = (uint32_t)first, .count = count,
						     .generation = e.generation,
						     .state = ARENA_OWNED };
	if (e.generation != m->generation[first] + 1)
		return false;
	m->generation[first]++;
	return true;
}

static void model_free(struct model *m, struct extent *r)
{
	memset(m->used + r->index, 0, r->count);
	*r = m->extent[--m->n_extents];
}

/* The result that is expected of a step that only the owner may make. */
static int owners(const struct extent *r, bool exact)
{
	if (!exact || r->state != ARENA_OWNED)
		return -EINVAL;
	return r->io_count ? -EBUSY : 0;
}

/* One step with an extent, perhaps one that is not allowed; pool and model must agree. */
static bool step_extent(struct model *m)
{
	struct extent *r = &m->extent[pick((uint32_t)m->n_extents)];
	uint32_t index = r->index + !pick(8), count = r->count + !pick(8);
	uint32_t tag = pick(8) ? r->tag : pick(3);
	bool exact = index == r->index && count == r->count;
	bool is_word = exact && tag == r->tag;
	int want = owners(r, exact), ret;

	/* If this happens to be another extent, the step would be allowed: leave it out. */
	for (int i = 0; i < m->n_extents && !exact; i++)
		if (m->extent[i].index == index && m->extent[i].count == count)
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

/* The answer to arena_pool_reclaim(): LOST extents at even indices may be freed. */
static bool at_even(void *context, uint32_t index, uint32_t count)
{
	struct model *m = context;

	for (int i = 0; i < m->n_extents; i++) {
		struct extent *r = &m->extent[i];

		if (r->index != index || r->count != count || r->state != ARENA_LOST)
			continue;
		if (index % 2)
			return false;
		model_free(m, r);
		return true;
	}
	/* The pool asks for an extent that does not exist: make the following checks fail. */
	m->n_extents = 0;
	return true;
}

/* One of: a peer dies, LOST extents are reclaimed, the pool is reset. */
static bool step_all(struct model *m)
{
	bool busy = false;
	uint32_t tag;
	int ret;

	switch (pick(3)) {
	case 0:
		tag = pick(3);
		arena_pool_lose(m->p, tag);
		for (int i = 0; i < m->n_extents; i++)
			if (m->extent[i].state == ARENA_LENT && m->extent[i].tag == tag)
				m->extent[i].state = ARENA_LOST;
		return true;
	case 1:
		arena_pool_reclaim(m->p, at_even, m);
		return true;
	default:
		for (int i = 0; i < m->n_extents; i++)
			busy |= m->extent[i].state != ARENA_OWNED || m->extent[i].io_count;
		ret = arena_pool_reset(m->p);
		while (!ret && m->n_extents)
			model_free(m, m->extent);
		return ret == (busy ? -EBUSY : 0);
	}
}

static bool usage_agrees(const struct model *m)
{
	struct arena_usage want = { .size = sizeof(want), .free = m->n };
	struct arena_usage u = arena_pool_usage(m->p);

	for (int i = 0; i < m->n_extents; i++) {
		const struct extent *r = &m->extent[i];

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

static bool extents_agree(const struct model *m)
{
	for (int i = 0; i < m->n_extents; i++) {
		const struct extent *r = &m->extent[i];
		struct arena_extent e = arena_pool_extent(m->p, r->index);
		bool is_ours = r->state == ARENA_OWNED;

		if (e.state != (is_ours && r->io_count ? ARENA_IN_IO : r->state) ||
		    e.count != r->count || e.generation != r->generation ||
		    e.io_count != (is_ours ? r->io_count : 0) ||
		    e.peer != (is_ours ? 0 : r->tag))
			return false;
	}
	return true;
}

/* Free all extents. Afterwards one free extent must have all buffers. */
static bool comes_together(struct model *m)
{
	for (int i = 0; i < m->n_extents; i++) {
		const struct extent *r = &m->extent[i];

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
		else if (m.n_extents < MAX_EXTENTS && (!m.n_extents || !pick(3)))
			good = step_get(&m);
		else
			good = step_extent(&m);
		good &= usage_agrees(&m);
		if (i % 16 == 0)
			good &= extents_agree(&m);
	}
	ok(good && extents_agree(&m), "%u buffers: %d random steps agree with the model", n, steps);
	ok(comes_together(&m), "%u buffers are one free extent after all extents are freed", n);
	arena_pool_free(m.p);
	free(m.used);
	free(m.generation);
}

int main(void)
{
	static const uint32_t sizes[] = { 1, 2, 63, 64, 65, 300, 1000, 4097 };
	const char *env = getenv("SEED");
	unsigned int seed = env ? (unsigned int)atoi(env) : (unsigned int)time(NULL);

	printf("# SEED=%u\n", seed);
	srandom(seed);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		test_random(sizes[i], 30000);
	return done_testing();
}
