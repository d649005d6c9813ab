/* SPDX-License-Identifier: MIT */
/*
 * The one clock of everything under user/: points in time and deadlines on
 * CLOCK_MONOTONIC, as signed nanoseconds, and the time that puts requests of processes in order.
 *
 * A header without a source file, so that libmshare and libarena can be linked
 * without the rest of user/common. It must not know of anything but libc.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_S	1000000000LL
#define CLOCK_NS_PER_MS	1000000LL
#define CLOCK_NS_PER_US	1000LL

/* A deadline that never passes. */
#define CLOCK_NEVER	INT64_MAX

/** clock_to_timespec() - a point in time, or a span, as system calls take it */
static inline struct timespec clock_to_timespec(int64_t ns)
{
	return (struct timespec){ ns / CLOCK_NS_PER_S, ns % CLOCK_NS_PER_S };
}

/** clock_ns() - the time now, in nanoseconds since an arbitrary start */
static inline int64_t clock_ns(void)
{
	struct timespec now;

	/* This clock exists on every Linux, so the call cannot fail. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

/** clock_ms() - clock_ns() in whole milliseconds */
static inline int64_t clock_ms(void)
{
	return clock_ns() / CLOCK_NS_PER_MS;
}

/**
 * clock_coarse_s() - seconds now, from the clock that costs least to read
 *
 * It lags behind clock_ns() by a tick of the kernel at most.
 */
static inline int64_t clock_coarse_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

/**
 * clock_boot_ns() - nanoseconds since the machine was booted, also while it was suspended
 *
 * It is the same for all processes of the machine, so it puts in order what they did.
 */
static inline uint64_t clock_boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

/** clock_deadline() - @timeout_ms from now; a negative timeout is CLOCK_NEVER */
static inline int64_t clock_deadline(int64_t timeout_ms)
{
	if (timeout_ms < 0 || timeout_ms > (INT64_MAX / 2) / CLOCK_NS_PER_MS)
		return CLOCK_NEVER;
	return clock_ns() + timeout_ms * CLOCK_NS_PER_MS;
}

/**
 * clock_left_ns() - nanoseconds until @deadline
 *
 * Return: 0 if it has passed, -1 if it is CLOCK_NEVER.
 */
static inline int64_t clock_left_ns(int64_t deadline)
{
	int64_t left;

	if (deadline == CLOCK_NEVER)
		return -1;
	left = deadline - clock_ns();
	return left > 0 ? left : 0;
}

/**
 * clock_left_ms() - milliseconds until @deadline, as poll(2) takes them
 *
 * Rounded up: a poll(2) that times out ends after the deadline and never before it,
 * so a loop around it does not spin during the last millisecond.
 *
 * Return: 0 if it has passed, -1 if it is CLOCK_NEVER.
 */
static inline int clock_left_ms(int64_t deadline)
{
	int64_t left = clock_left_ns(deadline);

	if (left <= 0)
		return (int)left;
	left = (left - 1) / CLOCK_NS_PER_MS + 1;
	return left < INT_MAX ? (int)left : INT_MAX;
}

/** clock_sleep_until() - sleep until @deadline, signals or not */
static inline void clock_sleep_until(int64_t deadline)
{
	struct timespec end = clock_to_timespec(deadline);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
}

/** clock_sleep_ms() - sleep for @ms milliseconds, signals or not */
static inline void clock_sleep_ms(int64_t ms)
{
	clock_sleep_until(clock_deadline(ms));
}

#endif /* COMMON_CLOCK_H */
