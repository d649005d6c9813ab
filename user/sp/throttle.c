// SPDX-License-Identifier: MIT
#include "throttle.h"

#include <common/clock.h>

#include "loop.h"
#include "sp.h"
#include "work.h"

/* A timer is set for no less, so that a high rate does not wake the process for each request. */
#define TICK_NS		CLOCK_NS_PER_MS
/* Nor for more, as the limits may change meanwhile. */
#define TICK_MAX_NS	CLOCK_NS_PER_S

void sp_throttle_init(struct sp *sp)
{
	sp->throttle.operations = (struct limit_bucket){ .rate = sp->options.limit.iops };
	sp->throttle.bytes = (struct limit_bucket){ .rate = sp->options.limit.bytes };
}

static bool may_go(const struct sp_throttle *t, int64_t now_ns)
{
	return limit_may(&t->operations, now_ns) && limit_may(&t->bytes, now_ns);
}

static void pay(struct sp *sp, const struct sp_request *r, int64_t now_ns)
{
	limit_take(&sp->throttle.operations, now_ns, 1);
	limit_take(&sp->throttle.bytes, now_ns, sp_work_bytes(sp, r));
}

bool sp_throttle_enter(struct sp *sp, struct sp_request *r)
{
	struct sp_throttle *t = &sp->throttle;
	int64_t now_ns;

	if (r->operation == PROTO_FLUSH)
		return true;
	/* If there are no limits any more, what has waited for them goes first. */
	if (!t->n_waiting && !t->operations.rate && !t->bytes.rate)
		return true;
	now_ns = clock_ns();
	if (!t->n_waiting && may_go(t, now_ns)) {
		pay(sp, r, now_ns);
		return true;
	}
	/* The disk does not have it yet, so the time that the disk may take has not begun. */
	r->is_active = false;
	sp_queue_put(&r->peer->limited, r);
	t->n_waiting++;
	sp->counters.limited++;
	return false;
}

/* Take the oldest request of the NP that is next. At least one request waits. */
static struct sp_request *take_next(struct sp *sp)
{
	struct sp_throttle *t = &sp->throttle;
	struct sp_request *r;

	do {
		t->last = (t->last + 1) % sp->n_peers;
		r = sp_queue_take(&sp->peer[t->last].limited);
	} while (!r);
	t->n_waiting--;
	return r;
}

struct sp_request *sp_throttle_take(struct sp *sp)
{
	struct sp_request *r;
	int64_t now_ns;

	if (!sp->throttle.n_waiting)
		return NULL;
	now_ns = clock_ns();
	if (!may_go(&sp->throttle, now_ns))
		return NULL;
	r = take_next(sp);
	r->is_active = true;
	r->accepted = sp->late.period;
	pay(sp, r, now_ns);
	return r;
}

static int64_t wait_ns(const struct sp_throttle *t)
{
	int64_t even_ns = t->operations.even_ns > t->bytes.even_ns ? t->operations.even_ns :
								     t->bytes.even_ns;
	int64_t left_ns = even_ns - clock_ns();

	if (left_ns > TICK_MAX_NS)
		return TICK_MAX_NS;
	return left_ns > TICK_NS ? left_ns : TICK_NS;
}

int sp_throttle_turn(struct sp *sp)
{
	struct sp_throttle *t = &sp->throttle;
	struct arena_timer timer = { .size = sizeof(timer), .cookie = SP_TIMER_LIMITS };
	int ret;

	if (!t->n_waiting || t->is_ticking)
		return 0;
	timer.first_ns = (uint64_t)wait_ns(t);
	ret = arena_ring_add_timer(sp->ring, &timer, NULL);
	t->is_ticking = !ret;
	return ret;
}
