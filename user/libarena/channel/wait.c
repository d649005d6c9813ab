// SPDX-License-Identifier: LGPL-2.1-or-later
#include "wait.h"

#include <common/clock.h>
#include <errno.h>

/* Spin for at least this many turns: a message may be just about to come. */
#define SPINS_MIN	64U
/* One call in this many spins for the longest time, because conditions may have changed. */
#define SPINS_TRY_EVERY	16U

int wait_left_ms(struct wait_time *t)
{
	if (t->timeout_ms <= 0)
		return t->timeout_ms;
	if (t->deadline)
		return clock_left_ms(t->deadline);
	t->deadline = clock_deadline(t->timeout_ms);
	return t->timeout_ms;
}

/*
 * Spin several times as long as messages have lately taken to come: sleeping costs more than
 * waiting for a message that is somewhat late. A call to which no message came counts as no
 * turns, so that the time is short while messages are rare. Turns are counted because reading
 * the clock costs as much as several of them.
 */
uint32_t wait_spin_choose(struct wait_spin *s)
{
	uint32_t turns = 4 * s->recent + SPINS_MIN;

	if (turns > s->max || !(++s->calls % SPINS_TRY_EVERY))
		return s->max;
	return turns;
}

bool wait_spin_learn(struct wait_spin *s, uint32_t took, uint32_t turns)
{
	if (took == turns) {
		s->recent -= s->recent / 8;
		return false;
	}
	s->recent += took / 8 - s->recent / 8;
	return true;
}

int wait_poll(struct pollfd *fds, uint32_t n, int timeout_ms)
{
	int ret = poll(fds, n, timeout_ms);

	return ret < 0 ? -errno : ret;
}
