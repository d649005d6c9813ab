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
 * @recent: turns that an event has lately taken to come
 * @calls: number of times that the caller has spun
 */
struct wait_spin {
	uint32_t max;
	uint32_t recent;
	uint32_t calls;
};

/** wait_spin_init() - begin with the longest time, since nothing is known yet */
static inline void wait_spin_init(struct wait_spin *s, uint32_t max)
{
	*s = (struct wait_spin){ .max = max, .recent = max };
}

static inline void wait_relax(void)
{
#if __has_builtin(__builtin_ia32_pause)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" : : : "memory");
#endif
}

/**
 * wait_spin_turns() - spin until it is ready
 * @is_ready: called in each turn; it must be inline, or the call costs as much as the turn
 * @arg: argument of @is_ready
 * @turns: the most calls of @is_ready
 *
 * Return: the turn after which it was ready, or @turns.
 */
static inline __attribute__((always_inline))
uint32_t wait_spin_turns(bool (*is_ready)(void *arg), void *arg, uint32_t turns)
{
	uint32_t i;

	for (i = 0; i < turns; i++) {
		wait_relax();
		if (is_ready(arg))
			break;
	}
	return i;
}

/** wait_spin_choose() - for how many turns it pays to spin this time */
uint32_t wait_spin_choose(struct wait_spin *s);

/** wait_spin_learn() - record that spinning took @took of @turns turns; false if in vain */
bool wait_spin_learn(struct wait_spin *s, uint32_t took, uint32_t turns);

/** wait_poll() - poll(2), with -errno for an error */
int wait_poll(struct pollfd *fds, uint32_t n, int timeout_ms);

#endif /* ARENA_CHANNEL_WAIT_H */
