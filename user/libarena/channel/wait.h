/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting: limits in time, spinning for as long as that pays, and poll(2). This header must not
 * know channels: the caller says what it waits for.
 */
#ifndef ARENA_CHANNEL_WAIT_H
#define ARENA_CHANNEL_WAIT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct wait_time - how long a call may wait
 * @timeout_ms: as the caller gave it, -1 for ever
 * @deadline: see clock_deadline(); 0 until the clock is read for the first time, which costs
 *	too much for a wait that ends by spinning
 */
struct wait_time {
	int timeout_ms;
	int64_t deadline;
};

/** wait_left_ms() - milliseconds left, for poll(2); the first call begins to count */
int wait_left_ms(struct wait_time *t);

/**
 * struct wait_spin - how long it pays to spin
 * @max: turns after which sleeping costs less; some 20 us, the time to sleep and be woken
 * @recent: turns that it took lately until spinning paid
 * @calls: how often it was tried
 */
struct wait_spin {
	uint32_t max;
	uint32_t recent;
	uint32_t calls;
};

/** wait_spin_init() - nothing is known yet: spin for the longest time */
static inline void wait_spin_init(struct wait_spin *s, uint32_t max)
{
	*s = (struct wait_spin){ .max = max, .recent = max };
}

/**
 * wait_spin_turns() - spin until it is ready
 * @is_ready: asked in each turn
 * @arg: for @is_ready
 * @turns: the most calls of @is_ready
 *
 * Return: the turn after which it was ready, or @turns.
 */
uint32_t wait_spin_turns(bool (*is_ready)(void *arg), void *arg, uint32_t turns);

/** wait_spin_adapt() - spin for as long as that has paid lately; true if it is ready */
bool wait_spin_adapt(struct wait_spin *s, bool (*is_ready)(void *arg), void *arg);

/** wait_poll() - poll(2), with -errno for an error */
int wait_poll(struct pollfd *fds, uint32_t n, int timeout_ms);

#endif /* ARENA_CHANNEL_WAIT_H */
