// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: processes, timers, signals and other threads are sources of events beside the
 * operations of a ring. Each source reports once in a turn and in order, and not after it was
 * removed. A ring that waits uses no processor.
 * Method: a ring with all kinds of sources. Times are compared with deadlines, never with how
 * long something took.
 */
#define _GNU_SOURCE
#include <arena/source.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "ring-rig.h"

#define MS		1000000ULL
#define MANY		32
#define SIGNALS		(ARENA_SIGNAL(SIGUSR1) | ARENA_SIGNAL(SIGRTMIN))

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static struct arena_source timer(struct rig *rig, uint64_t first, uint64_t period,
				 uint64_t cookie, bool absolute)
{
	struct arena_timer t = {
		.size = sizeof(t), .first_ns = first, .period_ns = period, .cookie = cookie,
		.absolute = absolute,
	};
	struct arena_source s = { 0 };

	if (arena_ring_add_timer(rig->r, &t, &s))
		bail("cannot add a timer");
	return s;
}

static void test_timer_order(struct rig *rig)
{
	uint64_t start = now_ns(CLOCK_MONOTONIC);
	bool in_order = true, none_early = true;
	struct arena_event e;

	/* Added in another order than that of their times; 7 and 32 have no common divisor. */
	for (uint64_t i = 0; i < MANY; i++)
		timer(rig, start + (1 + i * 7 % MANY) * MS, 0, 1 + i * 7 % MANY, true);
	for (uint64_t i = 1; i <= MANY; i++) {
		e = rig_next(rig);
		in_order &= e.type == ARENA_EVENT_TIMER && e.cookie == i && e.value == 1 &&
			    !e.flags;
		none_early &= now_ns(CLOCK_MONOTONIC) >= start + i * MS;
	}
	ok(in_order, "%d one-shot timers report in the order of their times", MANY);
	ok(none_early, "none of %d one-shot timers reports before its time", MANY);
	is(arena_ring_remove_source(rig->r, e.source), -ESTALE,
	   "a one-shot timer is gone after its event");
	ok(rig_quiet(rig), "one-shot timers have no event after their first");
}

/* Number of periods that have begun by @now. */
static uint64_t begun(uint64_t start, uint64_t period, uint64_t now)
{
	return now < start ? 0 : (now - start) / period + 1;
}

static void test_timer_drift(struct rig *rig)
{
	const uint64_t period = 3 * MS, start = now_ns(CLOCK_MONOTONIC) + period;
	struct arena_source s = timer(rig, start, period, 5, true);
	uint64_t periods = 0, events = 0;
	bool exact = true;

	/* A caller that is late gets one event for several periods. */
	for (; exact && periods < 60; events++) {
		uint64_t before, after;
		struct arena_event e;

		if (events % 8 == 3)
			usleep(7000);
		before = begun(start, period, now_ns(CLOCK_MONOTONIC));
		e = rig_next(rig);
		after = begun(start, period, now_ns(CLOCK_MONOTONIC));
		periods += e.value;
		exact = e.flags == ARENA_EVENT_MORE && before <= periods && periods <= after;
	}
	ok(exact, "the events of a periodic timer count all periods, so it does not drift");
	ok(events < periods, "one event of a periodic timer can count several periods");
	is(arena_ring_remove_source(rig->r, s), 0, "a periodic timer can be removed");
	usleep(2 * period / 1000);
	ok(rig_quiet(rig), "a removed timer has no event");
	is(arena_ring_remove_source(rig->r, s), -ESTALE, "removing a timer twice is refused");
}

static void test_timer_bounds(struct rig *rig)
{
	struct arena_timer t = { .first_ns = 1 };
	struct {
		struct arena_timer t;
		uint64_t more;
	} newer = { .t.size = sizeof(newer), .more = 1 };
	struct arena_source s[3];

	is(arena_ring_add_timer(rig->r, &t, NULL), -EINVAL, "a timer without its size is refused");
	is(arena_ring_add_timer(rig->r, &newer.t, NULL), -E2BIG,
	   "a timer that is larger than the library knows is refused if the rest is not zero");
	t.size = sizeof(t);
	t.reserved[3] = 1;
	is(arena_ring_add_timer(rig->r, &t, NULL), -EINVAL,
	   "a timer with a reserved byte that is not 0 is refused");
	s[0] = timer(rig, UINT64_MAX, 0, 1, false);
	s[1] = timer(rig, UINT64_MAX, UINT64_MAX, 2, true);
	s[2] = timer(rig, 0, UINT64_MAX, 3, false);
	is(rig_next(rig).cookie, 3,
	   "a timer for the end of the clock does not report before others");
	ok(rig_quiet(rig), "a timer whose second period is beyond the clock reports once");
	for (int i = 0; i < 3; i++)
		is(arena_ring_remove_source(rig->r, s[i]), 0,
		   "timer %d with a time or period of UINT64_MAX can be removed", i);
	timer(rig, 1, 1, 4, true);
	s[0] = rig_next(rig).source;
	ok(s[0].generation && rig_next(rig).cookie == 4,
	   "a timer with a period of 1 ns has one event a turn");
	arena_ring_remove_source(rig->r, s[0]);
}

static pid_t child_that_waits(int *pidfd)
{
	pid_t pid = rig_child();

	if (!pid)
		for (;;)
			pause();
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pid < 0 || *pidfd < 0)
		bail("cannot make a child");
	return pid;
}

static void test_process(struct rig *rig)
{
	struct arena_source s, other;
	int pidfd, fd = rig_fd(1, 0);
	pid_t pid = child_that_waits(&pidfd);
	struct arena_event e;

	is(arena_ring_add_process(rig->r, fd, 1, NULL), -EBADF,
	   "adding a regular file as a process is refused");
	is(arena_ring_add_process(rig->r, -1, 1, NULL), -EBADF,
	   "adding the descriptor -1 as a process is refused");
	is(arena_ring_add_process(rig->r, pidfd, 1, &s), 0, "a process can be added");
	is(arena_ring_add_process(rig->r, pidfd, 2, &other), 0,
	   "a process can be added a second time");
	close(pidfd);
	ok(rig_quiet(rig), "a process has no event while it lives");
	is(arena_ring_remove_source(rig->r, other), 0,
	   "one of two sources of a process can be removed");
	kill(pid, SIGKILL);
	e = rig_next(rig);
	ok(e.type == ARENA_EVENT_PROCESS && e.cookie == 1 && !e.flags,
	   "the death of a process is an event without MORE");
	ok(e.source.index == s.index && e.source.generation == s.generation,
	   "the event of a process's death names the source that was not removed");
	ok(rig_quiet(rig), "the death of a process is reported once");
	is(arena_ring_remove_source(rig->r, s), -ESTALE,
	   "the source of a process is gone after its event");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	arena_ring_add_process(rig->r, pidfd, 3, NULL);
	is(rig_next(rig).cookie, 3, "a process that was dead when it was added is reported");
	waitpid(pid, NULL, 0);
	close(pidfd);
	close(fd);
}

static void test_signals(struct rig *rig)
{
	struct arena_source s;
	struct arena_event e;
	sigset_t set, old;
	int seen = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	is(arena_ring_add_signals(rig->r, 0, 1, NULL), -EINVAL,
	   "adding an empty set of signals is refused");
	is(arena_ring_add_signals(rig->r, SIGNALS, 1, NULL), -EINVAL,
	   "adding signals that are not blocked is refused");
	sigprocmask(SIG_BLOCK, &set, &old);
	is(arena_ring_add_signals(rig->r, SIGNALS, 1, &s), 0, "blocked signals can be added");
	ok(rig_quiet(rig), "a source of signals has no event before a signal comes");
	kill(getpid(), SIGUSR1);
	e = rig_next(rig);
	ok(e.type == ARENA_EVENT_SIGNAL && e.result == SIGUSR1 && e.flags == ARENA_EVENT_MORE &&
	   e.value == (uint64_t)getpid(), "an event has the number of a signal and its sender");
	for (int i = 0; i < 5; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i });
	for (; seen < 5 && rig_next(rig).result == SIGRTMIN; seen++)
		;
	is(seen, 5, "five queued real-time signals are five events");
	ok(rig_quiet(rig), "a signal is reported once");
	kill(getpid(), SIGUSR1);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 });
	is(rig_next(rig).result, SIGUSR1, "of two signals one is reported first");
	kill(getpid(), SIGUSR1);
	is(rig_next(rig).result, SIGRTMIN, "one that comes again and again does not hide another");
	is(rig_next(rig).result, SIGUSR1, "a signal that came again is reported after the other");
	is(arena_ring_remove_source(rig->r, s), 0, "a source of signals can be removed");
	kill(getpid(), SIGUSR1);
	ok(rig_quiet(rig), "a signal is not reported after its source was removed");
	sigtimedwait(&set, NULL, &(struct timespec){ 0 });
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/**
 * struct wakes - shared by a thread that wakes a ring and the ring's thread
 * @waker: waker of the ring
 * @done: number of wakes, stored before each; the waker must order the store
 */
struct wakes {
	struct arena_waker *waker;
	uint32_t done;
	uint32_t go;
};

#define WAKES	2000U

static void *wake_often(void *arg)
{
	struct wakes *w = arg;

	for (uint32_t i = 1; i <= WAKES; i++) {
		__atomic_store_n(&w->done, i, __ATOMIC_RELAXED);
		arena_waker_wake(w->waker);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void test_waker(struct rig *rig)
{
	struct wakes w = { 0 };
	struct arena_source s;
	uint32_t events = 0, last = 0;
	pthread_t thread;

	is(arena_ring_add_waker(rig->r, 9, &w.waker, &s), 0, "a waker can be added");
	ok(rig_quiet(rig), "a waker has no event before arena_waker_wake() is called");
	arena_waker_wake(w.waker);
	arena_waker_wake(w.waker);
	is(rig_next(rig).cookie, 9, "the ring's own thread can wake it");
	ok(rig_quiet(rig), "two wakes before the event are one event");
	if (pthread_create(&thread, NULL, wake_often, &w))
		bail("pthread_create");
	while (last < WAKES) {
		struct arena_event e = rig_next(rig);

		events += e.type == ARENA_EVENT_WAKER;
		last = __atomic_load_n(&w.done, __ATOMIC_RELAXED);
	}
	pthread_join(thread, NULL);
	ok(events && events <= WAKES + 1, "the last of %u wakes of another thread is seen", WAKES);
	while (!rig_quiet(rig))
		;
	is(arena_ring_remove_source(rig->r, s), 0, "a waker can be removed");
}

/* All kinds of sources in one ring, beside operations. */
static void test_together(struct rig *rig)
{
	struct arena_file ready = rig_eventfd(rig, 1);
	struct arena_waker *waker;
	struct arena_source s[3];
	struct arena_event events[64];
	uint32_t counts[6] = { 0 };
	int turns = 0, pidfd;
	pid_t pid = child_that_waits(&pidfd);
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	s[0] = timer(rig, 0, MS, 0, false);
	is(arena_ring_add_signals(rig->r, ARENA_SIGNAL(SIGUSR2), 0, &s[1]), 0,
	   "signals can be added to a ring with a timer");
	is(arena_ring_add_waker(rig->r, 0, &waker, &s[2]), 0,
	   "a waker can be added to a ring with a timer and signals");
	is(arena_ring_add_process(rig->r, pidfd, 0, NULL), 0,
	   "a process can be added to a ring with a timer, signals and a waker");
	for (int i = 0; i < 8; i++)
		arena_ring_poll(rig->r, ready, POLLIN, false, 0, NULL);
	kill(getpid(), SIGUSR2);
	kill(pid, SIGKILL);
	arena_waker_wake(waker);
	while (turns++ < 10000 && (counts[ARENA_EVENT_TIMER] < 20 || !counts[ARENA_EVENT_PROCESS] ||
				   counts[ARENA_EVENT_OPERATION] < 8)) {
		int n = arena_ring_next_many(rig->r, events, 64, RIG_PATIENCE_MS);

		if (n < 0 && n != -EINTR)
			bail("next_many: %d", n);
		for (int i = 0; i < n; i++)
			counts[events[i].type]++;
	}
	is(counts[ARENA_EVENT_OPERATION], 8, "each of 8 operations has its event beside sources");
	is(counts[ARENA_EVENT_SIGNAL], 1, "a signal has its event beside other sources");
	is(counts[ARENA_EVENT_WAKER], 1, "a wake has its event beside other sources");
	is(counts[ARENA_EVENT_PROCESS], 1, "a process has its event beside other sources");
	for (int i = 0; i < 3; i++)
		is(arena_ring_remove_source(rig->r, s[i]), 0,
		   "source %d of three can be removed", i + 1);
	arena_ring_remove_file(rig->r, ready);
	waitpid(pid, NULL, 0);
	close(pidfd);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void test_table(struct rig *rig)
{
	struct arena_ring_options o = rig_options;
	struct arena_source s[3], none = { 0 };
	struct rig small = *rig;
	struct arena_timer t = { .size = sizeof(t), .first_ns = 1000 * 1000 * MS };
	struct arena_event e;

	is(arena_ring_next_many(rig->r, &e, 0, 0), -EINVAL,
	   "arena_ring_next_many() with room for 0 events is refused");
	o.sources = 2;
	small.r = rig_ring(rig->a, &o);
	for (int i = 0; i < 2; i++)
		is(arena_ring_add_timer(small.r, &t, &s[i]), 0,
		   "source %d can be added to a ring for two", i + 1);
	is(arena_ring_add_timer(small.r, &t, &s[2]), -ENOSPC,
	   "a third source is refused in a ring for two");
	is(arena_ring_remove_source(small.r, s[0]), 0, "the first of two sources can be removed");
	is(arena_ring_add_timer(small.r, &t, &s[2]), 0,
	   "a source can be added to a full ring after another was removed");
	is(arena_ring_remove_source(small.r, s[0]), -ESTALE,
	   "the handle of a removed source is stale although its entry is reused");
	is(arena_ring_remove_source(small.r, none), -ESTALE,
	   "removing a zeroed source handle is refused");
	none.index = 77;
	is(arena_ring_remove_source(small.r, none), -ESTALE,
	   "removing a source handle beyond the table is refused");
	is(arena_ring_close(small.r), 0, "a ring that has sources can be closed");
}

/* The processor time of the thread while the ring waits. */
static void test_idle(struct rig *rig)
{
	struct arena_waker *waker;
	struct arena_source s[2];
	struct arena_event e;
	uint64_t used;

	s[0] = timer(rig, 3600 * 1000 * MS, 0, 0, false);
	arena_ring_add_waker(rig->r, 0, &waker, &s[1]);
	rig_quiet(rig);
	used = now_ns(CLOCK_THREAD_CPUTIME_ID);
	is(arena_ring_next(rig->r, &e, 400), 0, "a ring with idle sources has no event in 400 ms");
	used = now_ns(CLOCK_THREAD_CPUTIME_ID) - used;
	/* The bound is loose; a busy loop would have used all 400 ms. */
	ok(used < 100 * MS, "a ring that waits uses no processor");
	for (int i = 0; i < 2; i++)
		arena_ring_remove_source(rig->r, s[i]);
}

/* Runs in another thread, and in a child of fork(2); true if every call is refused. */
static void *use_elsewhere(void *arg)
{
	struct rig *rig = arg;
	struct arena_timer t = { .size = sizeof(t) };
	struct arena_source none = { 0 };
	struct arena_waker *waker;
	struct arena_event e;

	return (void *)(intptr_t)
		(arena_ring_add_timer(rig->r, &t, NULL) == -ECHILD &&
		 arena_ring_add_process(rig->r, 0, 0, NULL) == -ECHILD &&
		 arena_ring_add_signals(rig->r, 1, 0, NULL) == -ECHILD &&
		 arena_ring_add_waker(rig->r, 0, &waker, NULL) == -ECHILD &&
		 arena_ring_remove_source(rig->r, none) == -ECHILD &&
		 arena_ring_next_many(rig->r, &e, 1, 0) == -ECHILD);
}

static void test_elsewhere(struct rig *rig)
{
	pthread_t thread;
	void *good;
	int status;
	pid_t pid;

	if (pthread_create(&thread, NULL, use_elsewhere, rig) || pthread_join(thread, &good))
		bail("pthread_create");
	ok(good, "another thread cannot use the sources of a ring");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(!use_elsewhere(rig) || arena_ring_close(rig->r));
	waitpid(pid, &status, 0);
	is(status, 0, "a child of fork(2) cannot use the sources of a ring, and closes its copy");
}

int main(void)
{
	struct rig rig = rig_open("source");

	test_timer_order(&rig);
	test_timer_drift(&rig);
	test_timer_bounds(&rig);
	test_process(&rig);
	test_signals(&rig);
	test_waker(&rig);
	test_together(&rig);
	test_table(&rig);
	test_idle(&rig);
	test_elsewhere(&rig);
	rig_close(&rig);
	return done_testing();
}
