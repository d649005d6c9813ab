// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Timers: a heap in private memory. The ring sleeps until the first of them.
 */
#include <errno.h>
#include <string.h>

#include <common/clock.h>

#include "source.h"
#include "../why.h"

/* A time beyond the range of the clock is never reached. */
static int64_t clamp(uint64_t ns)
{
	return ns < CLOCK_NEVER ? (int64_t)ns : CLOCK_NEVER;
}

static int64_t later(int64_t at, uint64_t ns)
{
	uint64_t sum;

	return __builtin_add_overflow((uint64_t)at, ns, &sum) ? CLOCK_NEVER : clamp(sum);
}

static void set(struct arena_ring *r, struct ring_source *s, int64_t due)
{
	s->timer.due = due;
	if (due != CLOCK_NEVER)
		ring_heap_set(&r->sources->timers, source_index(r, s), due);
}

int64_t ring_sources_due(const struct arena_ring *r)
{
	return ring_heap_first(&r->sources->timers);
}

/* Remove due timers from the heap, so that each is listed once. */
void source_timers_look(struct arena_ring *r)
{
	struct ring_heap *timers = &r->sources->timers;
	int64_t now = timers->n ? clock_ns() : 0;

	while (timers->n && ring_heap_first(timers) <= now) {
		uint32_t index = timers->entry[0].key;

		ring_heap_remove(timers, index);
		source_list(r, &r->sources->source[index]);
	}
}

/* The next time is computed from the last due time, so that a late event delays no other. */
static bool timer_event(struct arena_ring *r, struct ring_source *s, struct arena_event *event)
{
	struct source_timer *t = &s->timer;
	uint64_t periods = 1, passed;

	if (!t->period) {
		event->value = 1;
		event->flags = 0;
		source_drop(r, s);
		return true;
	}
	periods += (uint64_t)(clock_ns() - t->due) / t->period;
	event->value = periods;
	set(r, s, __builtin_mul_overflow(periods, t->period, &passed) ? CLOCK_NEVER :
	    later(t->due, passed));
	return true;
}

static void timer_remove(struct arena_ring *r, struct ring_source *s)
{
	ring_heap_remove(&r->sources->timers, source_index(r, s));
}

static const struct source_kind timer_kind = {
	.event = timer_event,
	.remove = timer_remove,
	.type = ARENA_EVENT_TIMER,
};

static bool is_sound(const struct arena_timer *t)
{
	static const uint8_t zero[sizeof(t->reserved)];

	return !memcmp(t->reserved, zero, sizeof(zero));
}

int arena_ring_add_timer(struct arena_ring *r, const struct arena_timer *timer,
			 struct arena_source *source)
{
	struct arena_timer t;
	struct ring_source *s;
	int ret = why_copy_struct(&t, sizeof(t), timer);

	if (!ret && !is_sound(&t))
		ret = why("reserved: is not zero");
	if (!ret)
		ret = source_new(r, &timer_kind, t.cookie, &s);
	if (ret)
		return ret;
	s->timer.period = t.period_ns;
	set(r, s, t.absolute ? clamp(t.first_ns) : later(clock_ns(), t.first_ns));
	source_handle(r, s, source);
	return 0;
}
