// SPDX-License-Identifier: MIT
/*
 * Goal: no two conflicting locks are held at once, none overtakes an earlier
 * one that it conflicts with, and all are granted in the end.
 * Method: random locks and unlocks on a small disk; after each step the rule
 * is checked for all pairs. Set SEED to repeat a run.
 */
#include <sp/range.h>
#include <string.h>
#include <time.h>

#include "tap.h"

#define N	40

static struct {
	struct sp_range range;
	bool used, held;
	unsigned long order;	/* of arrival */
} lock[N];

static bool conflict(int a, int b)
{
	const struct sp_range *x = &lock[a].range, *y = &lock[b].range;

	return (x->exclusive || y->exclusive) && x->start < y->end && y->start < x->end;
}

/* Held exactly if no earlier lock conflicts: neither too soon nor too late. */
static bool rule_holds(void)
{
	for (int i = 0; i < N; i++) {
		bool blocked = false;

		for (int j = 0; j < N; j++)
			blocked |= lock[i].used && lock[j].used &&
				   lock[j].order < lock[i].order && conflict(i, j);
		if (lock[i].used && lock[i].held == blocked)
			return false;
	}
	return true;
}

static void granted(struct sp_range *r, void *context)
{
	(void)context;
	for (int i = 0; i < N; i++)
		if (&lock[i].range == r)
			lock[i].held = true;
}

static void step(struct sp_ranges *all, unsigned long now)
{
	int i = (int)(random() % N);

	if (lock[i].held) {
		lock[i].used = false;
		lock[i].held = false;
		sp_range_unlock(all, &lock[i].range, granted, NULL);
	} else if (!lock[i].used) {
		uint64_t start = (uint64_t)random() % 64;

		lock[i].range = (struct sp_range){
			.start = start,
			.end = start + 1 + (uint64_t)random() % 16,
			.exclusive = random() % 3 == 0,
		};
		lock[i].used = true;
		lock[i].order = now;
		lock[i].held = sp_range_lock(all, &lock[i].range);
	}
}

int main(void)
{
	const char *env = getenv("SEED");
	unsigned int seed = env ? (unsigned int)atoi(env) : (unsigned int)time(NULL);
	struct sp_ranges all = { 0 };
	bool good = true;
	int left = N;

	diag("SEED=%u", seed);
	srandom(seed);
	for (unsigned long now = 0; now < 100000 && good; now++) {
		step(&all, now);
		good = rule_holds();
	}
	ok(good, "a lock is held exactly if no earlier one conflicts");

	for (int round = 0; round < N; round++)
		for (int i = 0; i < N; i++)
			if (lock[i].held) {
				lock[i].used = false;
				lock[i].held = false;
				sp_range_unlock(&all, &lock[i].range, granted, NULL);
			}
	for (int i = 0; i < N; i++)
		left -= !lock[i].used;
	is(left, 0, "all are granted in the end");
	ok(!all.first && !all.last && !all.exclusive, "and nothing is left behind");
	return done_testing();
}
