// SPDX-License-Identifier: MIT
/*
 * Goal: the time until a deadline that common/clock.h computes is right for poll(2).
 */
#include <common/clock.h>

#include "tap.h"

static void timeouts_become_deadlines(void)
{
	int64_t before = clock_ns(), second = clock_deadline(1000), after = clock_ns();

	ok(second >= before + CLOCK_NS_PER_S && second <= after + CLOCK_NS_PER_S,
	   "a timeout of 1000 ms is a deadline one second from now");
	ok(clock_deadline(-1) == CLOCK_NEVER, "a timeout of -1 is a deadline that never passes");
	ok(clock_deadline(INT64_MAX) == CLOCK_NEVER, "a timeout beyond the clock never passes");
	ok(clock_deadline(INT_MAX) != CLOCK_NEVER, "the longest timeout of an int is finite");
}

static void remaining_time(void)
{
	int64_t now = clock_ns();

	is(clock_left_ms(CLOCK_NEVER), -1, "-1 ms remain until a deadline that never passes");
	ok(clock_left_ns(CLOCK_NEVER) == -1, "-1 ns remain until a deadline that never passes");
	is(clock_left_ms(now - 1), 0, "0 ms remain until a deadline that has passed");
	ok(clock_left_ns(now - 1) == 0, "0 ns remain until a deadline that has passed");
	is(clock_left_ms(INT64_MAX - 1), INT_MAX,
	   "a remaining time of more ms than an int holds is INT_MAX");
	ok(clock_left_ms(clock_deadline(3600000)) > 0, "more than 0 ms remain of an hour");
}

/* A loop that gets 0 ms before its deadline calls poll(2) again and again. */
static void less_than_a_millisecond(void)
{
	bool spins = false;

	for (int i = 0; i < 1000; i++) {
		int64_t deadline = clock_ns() + CLOCK_NS_PER_MS / 2;
		int left = clock_left_ms(deadline);

		spins |= !left && clock_ns() < deadline;
	}
	ok(!spins, "0 ms remain only when the deadline has passed");
}

static void sleeps(void)
{
	int64_t deadline = clock_deadline(2);
	struct timespec ts = clock_to_timespec(2500000001LL);

	clock_sleep_until(deadline);
	ok(clock_ns() >= deadline, "clock_sleep_until() does not return before the deadline");
	ok(ts.tv_sec == 2 && ts.tv_nsec == 500000001, "2500000001 ns are 2 s and 500000001 ns");
}

int main(void)
{
	timeouts_become_deadlines();
	remaining_time();
	less_than_a_millisecond();
	sleeps();
	return done_testing();
}
