// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: a ring that gathers takes several completions in one turn, and still gives every event
 * within the bound when fewer come.
 * Method: reads of eventfds which a child makes readable one after the other, or which nobody
 * makes readable, beside a timer and a timeout. The bound is so long that a wait of all of it
 * is noticed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/prctl.h>
#include <time.h>

#include "ring-rig.h"

#include <arena/source.h>

#define READS		8U
/* Nothing here lasts so long, on a busy machine either. */
#define BOUND_US	ARENA_RING_MAX_GATHER_US

static struct rig rig;
static struct arena_buf bufs[READS];
static struct arena_file files[READS];
static int fds[READS];

/* A read of each eventfd, which waits. */
static void begin_reads(void)
{
	for (uint32_t i = 0; i < READS; i++) {
		struct arena_io io = { .length = 8, .cookie = i };

		fds[i] = eventfd(0, EFD_CLOEXEC);
		files[i] = rig_file(&rig, fds[i]);
		bufs[i] = rig_buf(&rig, 1, 0);
		io.file = files[i];
		io.buf = bufs[i];
		if (arena_ring_read(rig.r, &io, NULL))
			bail("cannot begin a read");
	}
	rig_quiet(&rig);
}

static void ready(uint32_t i)
{
	if (write(fds[i], &(uint64_t){ 1 }, 8) != 8)
		bail("cannot write to an eventfd");
}

/* End what is pending. */
static void end_reads(void)
{
	for (uint32_t i = 0; i < READS; i++)
		arena_ring_remove_file(rig.r, files[i]);
	while (arena_ring_pending(rig.r))
		rig_next(&rig);
	for (uint32_t i = 0; i < READS; i++) {
		arena_put(rig.a, bufs[i]);
		close(fds[i]);
	}
}

static bool gathers(void)
{
	struct arena_features f = { .size = sizeof(f) };

	return !arena_probe(&f) && arena_has(&f, ARENA_HAS_MIN_TIMEOUT);
}

static void test_arguments(void)
{
	is(arena_ring_set_gather(rig.r, 2, 0), -EINVAL, "gathering for no time is refused");
	is(arena_ring_set_gather(rig.r, 2, BOUND_US + 1), -EINVAL,
	   "gathering for longer than ARENA_RING_MAX_GATHER_US is refused");
	is(arena_ring_set_gather(rig.r, 0, 0), 0, "gathering can be switched off");
	is(arena_ring_set_gather(rig.r, 1, 0), 0, "gathering one completion needs no time");
}

/* A child makes the reads end, each some time after the last one. */
static pid_t end_slowly(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint32_t i = 0; i < READS; i++) {
		usleep(10000);
		ready(i);
	}
	_exit(0);
}

/* Return: how many events came in the turn that gave the first one. */
static int first_turn(uint32_t gather)
{
	struct arena_event events[2 * READS];
	pid_t pid;
	int n;

	begin_reads();
	arena_ring_set_gather(rig.r, gather, BOUND_US);
	pid = end_slowly();
	n = arena_ring_next_many(rig.r, events, 2 * READS, RIG_PATIENCE_MS);
	waitpid(pid, NULL, 0);
	end_reads();
	return n;
}

static void test_many(void)
{
	if (!gathers()) {
		skip("a turn gathers all of 8 completions: not with this kernel or liburing");
		return;
	}
	is(first_turn(READS), READS, "a turn gathers all of 8 completions that come one by one");
	is(first_turn(2 * READS), READS,
	   "a ring that gathers 16 completions waits for no more than 8, if 8 reads are pending");
}

/* With a bound of 1 ms, one of 8 reads ends. */
static void test_few(void)
{
	struct arena_event e;

	begin_reads();
	arena_ring_set_gather(rig.r, READS, 1000);
	ready(3);
	e = rig_next(&rig);
	ok(e.cookie == 3 && e.result == 8,
	   "an event comes when fewer reads end than are gathered");
	is(arena_ring_pending(rig.r), READS - 1, "the other reads are pending still");
	end_reads();
}

/* The time for gathering is over long before the first completion comes. */
static void test_late(void)
{
	struct arena_event events[READS];
	pid_t pid;
	int n;

	begin_reads();
	arena_ring_set_gather(rig.r, READS, 1);
	pid = end_slowly();
	n = arena_ring_next_many(rig.r, events, READS, RIG_PATIENCE_MS);
	ok(n > 0, "an event comes after the time for gathering has passed");
	waitpid(pid, NULL, 0);
	end_reads();
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Neither needs to wait for the bound, which is much longer than either takes. */
static void test_timers(void)
{
	struct arena_timer timer = { .size = sizeof(timer), .first_ns = 1000000, .cookie = 99 };
	uint64_t began = now_us();
	struct arena_event e;

	begin_reads();
	arena_ring_set_gather(rig.r, READS, BOUND_US);
	if (arena_ring_add_timer(rig.r, &timer, NULL))
		bail("cannot add a timer");
	e = rig_next(&rig);
	is(e.cookie, 99, "a timer gives its event while the ring gathers");
	is(arena_ring_next(rig.r, &e, 1), 0, "a timeout ends a wait that gathers");
	ok(now_us() - began < BOUND_US, "neither the timer nor the timeout waits for the bound");
	end_reads();
}

static void test_without(void)
{
	struct arena_features f = { .size = sizeof(f) };
	struct arena_ring_options o = rig_options;
	struct arena_ring *with = rig.r;
	struct arena_event e;

	arena_probe(&f);
	arena_probe_without(&f, "min_timeout");
	o.features = &f;
	rig.r = rig_ring(rig.a, &o);
	begin_reads();
	is(arena_ring_set_gather(rig.r, READS, BOUND_US), 0,
	   "gathering can be asked for on a kernel without min_timeout");
	ready(0);
	e = rig_next(&rig);
	is(e.cookie, 0, "without min_timeout one completion ends the wait");
	end_reads();
	arena_ring_close(rig.r);
	rig.r = with;
}

int main(void)
{
	rig = rig_open("t-gather");
	test_arguments();
	test_many();
	test_few();
	test_late();
	test_timers();
	test_without();
	rig_close(&rig);
	return done_testing();
}
