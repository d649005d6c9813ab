// SPDX-License-Identifier: MIT
/*
 * Goal: of requests that conflict the one that was accepted first runs first, all others run
 * at once, and all run in the end.
 * Method: random ranges come and leave on a small disk, in units from a block to more than what
 * is counted by area; after each step the rule is checked for all pairs. Set SEED to repeat a run.
 */
#include <sp/range.h>
#include <string.h>
#include <time.h>

#include "tap.h"

#define N	40

static struct {
	struct sp_range range;
	bool used, runs;
	unsigned long order;	/* of arrival */
} item[N];

static bool conflict(int a, int b)
{
	const struct sp_range *x = &item[a].range, *y = &item[b].range;

	return (x->changes || y->changes) && x->start < y->end && y->start < x->end;
}

/* It runs exactly if no earlier one conflicts: neither too soon nor too late. */
static bool rule_holds(void)
{
	for (int i = 0; i < N; i++) {
		bool blocked = false;

		for (int j = 0; j < N; j++)
			blocked |= item[i].used && item[j].used &&
				   item[j].order < item[i].order && conflict(i, j);
		if (item[i].used && item[i].runs == blocked)
			return false;
	}
	return true;
}

static void freed(struct sp_range *r, void *context)
{
	(void)context;
	for (int i = 0; i < N; i++)
		if (&item[i].range == r)
			item[i].runs = true;
}

static void step(struct sp_ranges *all, unsigned long now, uint64_t unit)
{
	int i = (int)(random() % N);

	if (item[i].runs) {
		item[i].used = false;
		item[i].runs = false;
		sp_range_leave(all, &item[i].range, freed, NULL);
	} else if (!item[i].used) {
		uint64_t start = (uint64_t)random() % 64;

		item[i].range = (struct sp_range){
			.start = start * unit,
			.end = (start + 1 + (uint64_t)random() % 16) * unit,
			.changes = random() % 3 == 0,
		};
		item[i].used = true;
		item[i].order = now;
		item[i].runs = sp_range_enter(all, &item[i].range);
	}
}

static void leave_all(struct sp_ranges *all)
{
	for (int round = 0; round < N; round++)
		for (int i = 0; i < N; i++)
			if (item[i].runs) {
				item[i].used = false;
				item[i].runs = false;
				sp_range_leave(all, &item[i].range, freed, NULL);
			}
}

static bool is_clean(const struct sp_ranges *all)
{
	bool clean = !all->first && !all->last && !all->blocked && !all->changers && !all->wide;

	for (unsigned int i = 0; i < SP_RANGE_AREAS; i++)
		clean &= !all->all[i] && !all->changing[i];
	return clean;
}

static void test_unit(uint64_t unit)
{
	static struct sp_ranges all;
	bool good = true;
	int left = 0;

	for (unsigned long now = 0; now < 40000 && good; now++) {
		step(&all, now, unit);
		good = rule_holds();
	}
	ok(good, "a range in units of %llu runs exactly if no earlier one conflicts with it",
	   (unsigned long long)unit);
	leave_all(&all);
	for (int i = 0; i < N; i++)
		left += item[i].used;
	is(left, 0, "all ranges in units of %llu run in the end", (unsigned long long)unit);
	ok(is_clean(&all), "nothing is left behind by ranges in units of %llu",
	   (unsigned long long)unit);
}

int main(void)
{
	const char *env = getenv("SEED");
	unsigned int seed = env ? (unsigned int)atoi(env) : (unsigned int)time(NULL);

	diag("SEED=%u", seed);
	srandom(seed);
	test_unit(512);
	test_unit(1 << SP_RANGE_AREA_SHIFT);
	/* Areas that share a counter do not conflict for that. */
	test_unit((uint64_t)SP_RANGE_AREAS << SP_RANGE_AREA_SHIFT >> 3);
	test_unit((uint64_t)SP_RANGE_AREAS << SP_RANGE_AREA_SHIFT);
	return done_testing();
}
