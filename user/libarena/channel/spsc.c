// SPDX-License-Identifier: LGPL-2.1-or-later
#include "spsc.h"

#include <errno.h>

static bool valid(const void *a, const void *b, uint32_t entries)
{
	return entries && !(entries & (entries - 1)) && entries <= ARENA_SPSC_MAX_ENTRIES &&
	       !((uintptr_t)a % ARENA_SPSC_APART) && !((uintptr_t)b % ARENA_SPSC_APART);
}

int arena_spsc_producer_init(struct arena_spsc_producer *p, struct arena_spsc_out *out,
			     const struct arena_spsc_in *in, uint32_t entries)
{
	if (!valid(out, in, entries))
		return -EINVAL;
	*p = (struct arena_spsc_producer){ .out = out, .in = in, .entries = entries,
					   .window = entries };
	return 0;
}

int arena_spsc_consumer_init(struct arena_spsc_consumer *c, struct arena_spsc_in *in,
			     const struct arena_spsc_out *out, uint32_t entries)
{
	if (!valid(out, in, entries))
		return -EINVAL;
	*c = (struct arena_spsc_consumer){ .in = in, .out = out, .entries = entries,
					   .window = entries };
	return 0;
}

void arena_spsc_limit(struct arena_spsc_producer *p, struct arena_spsc_consumer *c,
		      uint32_t window)
{
	p->window = window;
	c->window = window;
}

bool arena_spsc_has_room(struct arena_spsc_producer *p)
{
	return arena_spsc_look_for_room(p) != -EAGAIN;
}

bool arena_spsc_stall(struct arena_spsc_producer *p)
{
	p->waits++;
	__atomic_store_n(&p->out->waits, p->waits, __ATOMIC_RELAXED);
	arena_spsc_barrier();
	return !arena_spsc_has_room(p);
}

void arena_spsc_resume(struct arena_spsc_producer *p)
{
	p->waits++;
	__atomic_store_n(&p->out->waits, p->waits, __ATOMIC_RELAXED);
}

bool arena_spsc_must_resume(struct arena_spsc_consumer *c)
{
	uint32_t waits;

	arena_spsc_barrier();
	waits = __atomic_load_n(&c->out->waits, __ATOMIC_RELAXED);
	if (!(waits & 1) || waits == c->resumed)
		return false;
	c->resumed = waits;
	return true;
}

bool arena_spsc_sleep(struct arena_spsc_consumer *c)
{
	c->sleeps++;
	__atomic_store_n(&c->in->sleeps, c->sleeps, __ATOMIC_RELAXED);
	arena_spsc_barrier();
	/* Any value but @head means a message, or a lie, which the next get reports. */
	return __atomic_load_n(&c->out->tail, __ATOMIC_ACQUIRE) == c->head;
}

void arena_spsc_awake(struct arena_spsc_consumer *c)
{
	c->sleeps++;
	__atomic_store_n(&c->in->sleeps, c->sleeps, __ATOMIC_RELAXED);
}
