// SPDX-License-Identifier: MIT
/*
 * Goal: a process that has died is started again at once, then after pauses that grow, and is
 * given up when it dies again and again without living for long. One that ends by no fault of its
 * own is started again for ever.
 * Method: deaths at times of a clock that the test itself makes.
 */
#include <arenad/restart.h>
#include <common/clock.h>

#include "tap.h"

#define MS	CLOCK_NS_PER_MS
#define S	CLOCK_NS_PER_S

/* The process lives for @lived_ns, and dies. Return: the pause in milliseconds; -1 for none. */
static int64_t die(struct restart *r, int64_t *now, int64_t lived_ns)
{
	bool is_due;

	restart_begun(r, *now);
	*now += lived_ns;
	is_due = restart_died(r, *now, RESTART_DEATHS);
	if (!is_due)
		return -1;
	*now = r->due_at;
	return (r->due_at - r->begun_at - lived_ns) / MS;
}

static void test_pauses(void)
{
	static const int64_t want[] = { 0, 100, 400, 1600, -1 };
	struct restart r = { 0 };
	int64_t now = 7 * S;

	for (unsigned int i = 0; i < sizeof(want) / sizeof(*want); i++)
		is(die(&r, &now, 20 * S), want[i],
		   "a process that lives for 20 s is started again after %lld ms at death %u",
		   (long long)want[i], i + 1);
}

static void test_loop(void)
{
	struct restart r = { 0 };
	int64_t now = 0;

	for (unsigned int i = 1; i < RESTART_DEATHS; i++)
		ok(die(&r, &now, 10 * MS) >= 0, "death %u in a row is made good", i);
	is(die(&r, &now, 10 * MS), -1, "the fifth death in a row is a crash loop");
	ok(r.is_given_up, "a process in a crash loop is given up");
	ok(!r.is_due, "no successor is due after a crash loop");
}

static void test_long_life(void)
{
	struct restart r = { 0 };
	int64_t now = 0;

	for (unsigned int i = 1; i < RESTART_DEATHS; i++)
		die(&r, &now, RESTART_LIFE_S * S);
	is(die(&r, &now, RESTART_LIFE_S * S + MS), 0,
	   "a process that has lived for more than 60 s is started again at once");
	is(die(&r, &now, 20 * S), 100, "the pauses begin anew after a long life");
}

static void test_losses(void)
{
	static const int64_t want[] = { 0, 100, 400, 1600, 6400, 10000, 10000 };
	struct restart r = { 0 };
	int64_t now = 0;

	for (unsigned int i = 0; i < sizeof(want) / sizeof(*want); i++) {
		restart_begun(&r, now);
		restart_lost(&r, now, 10000);
		is((r.due_at - now) / MS, want[i],
		   "who ends by no fault is started again after %lld ms at end %u",
		   (long long)want[i], i + 1);
		now = r.due_at;
	}
	ok(r.is_due && !r.is_given_up, "who ends by no fault is never given up");
	ok(restart_died(&r, now, 2), "an end by no fault is no death");
	restart_begun(&r, now);
	now += RESTART_LIFE_S * S + MS;
	restart_lost(&r, now, 10000);
	is(r.due_at, now, "who has lived for long is started again at once when it ends");
}

static void test_states(void)
{
	struct restart r = { 0 };

	restart_begun(&r, S);
	ok(!r.is_due && !r.is_given_up, "a process that was begun is neither due nor given up");
	ok(restart_died(&r, 2 * S, RESTART_DEATHS) && r.is_due && r.due_at == 2 * S,
	   "a process that has died for the first time is due at once");
	restart_begun(&r, 3 * S);
	ok(!r.is_due, "a successor that was begun is not due any more");
	restart_give_up(&r);
	ok(r.is_given_up && !r.is_due, "a process that was given up is not due");
}

int main(void)
{
	test_states();
	test_pauses();
	test_loop();
	test_losses();
	test_long_life();
	return done_testing();
}
