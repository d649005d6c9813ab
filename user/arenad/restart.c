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
	*r = (struct restart){ .due_at = now_ns, .is_due = true };
}

void restart_give_up(struct restart *r)
{
	r->is_due = false;
	r->is_given_up = true;
}

static int64_t pause_ns(uint32_t deaths)
{
	int64_t ms = RESTART_FIRST_MS;

	if (deaths < 2)
		return 0;
	for (uint32_t i = 2; i < deaths && i < RESTART_PAUSES; i++)
		ms *= 4;
	return ms * CLOCK_NS_PER_MS;
}

bool restart_died(struct restart *r, int64_t now_ns, uint32_t most)
{
	if (now_ns - r->begun_at > RESTART_LIFE_S * CLOCK_NS_PER_S)
		r->deaths = 0;
	r->deaths++;
	if (most && r->deaths >= most) {
		restart_give_up(r);
		return false;
	}
	r->due_at = now_ns + pause_ns(r->deaths);
	r->is_due = true;
	return true;
}
