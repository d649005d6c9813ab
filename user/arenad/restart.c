// SPDX-License-Identifier: MIT
#include "restart.h"

#include <common/clock.h>

void restart_begun(struct restart *r, int64_t now_ns)
{
	r->begun_at = now_ns;
	r->is_due = false;
}

void restart_wanted(struct restart *r, int64_t now_ns)
{
	*r = (struct restart){
		.due_at = now_ns, .is_due = true, .may_stay_down = r->may_stay_down,
	};
}

void restart_give_up(struct restart *r)
{
	r->is_due = false;
	r->is_given_up = true;
}

static int64_t pause_ns(uint32_t deaths, int64_t longest_ms)
{
	int64_t ms = RESTART_FIRST_MS;

	if (deaths < 2)
		return 0;
	for (uint32_t i = 2; i < deaths && ms < longest_ms; i++)
		ms *= 4;
	return (ms < longest_ms ? ms : longest_ms) * CLOCK_NS_PER_MS;
}

/* A process that has lived for long begins anew. */
static void forget_old(struct restart *r, int64_t now_ns)
{
	if (now_ns - r->begun_at <= RESTART_LIFE_S * CLOCK_NS_PER_S)
		return;
	r->deaths = 0;
	r->losses = 0;
}

static void plan(struct restart *r, int64_t now_ns, uint32_t ends, int64_t longest_ms)
{
	r->due_at = now_ns + pause_ns(ends, longest_ms);
	r->is_due = true;
}

bool restart_died(struct restart *r, int64_t now_ns, uint32_t most)
{
	forget_old(r, now_ns);
	r->deaths++;
	if (most && r->deaths >= most) {
		restart_give_up(r);
		return false;
	}
	plan(r, now_ns, r->deaths, RESTART_LONGEST_MS);
	return true;
}

void restart_lost(struct restart *r, int64_t now_ns, int64_t longest_ms)
{
	forget_old(r, now_ns);
	r->losses++;
	plan(r, now_ns, r->losses, longest_ms);
}
