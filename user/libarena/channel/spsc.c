// SPDX-License-Identifier: LGPL-2.1-or-later
#include "spsc.h"

#include <errno.h>

static bool valid(const void *a, const void *b, uint32_t entries)
{
	return entries && !(entries & (entries - 1)) && entries <= ARENA_SPSC_MAX_ENTRIES &&
	       !((uintptr_t)a % ARENA_SPSC_APART) && !((uintptr_t)b % ARENA_SPSC_APART);
}

/*
 * This stands between a store to our own word and a load of the peer's, on both sides. So
 * either we see what the peer wrote, or the peer sees what we wrote. Nothing weaker orders
 * a store before a later load (litmus: sleep-broken-producer, -consumer).
 */
static void full_barrier(void)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
	/* TSan does not follow fences. They need not order the data: tail and head do that. */
#pragma GCC diagnostic ignored "-Wtsan"
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#pragma GCC diagnostic pop
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

/* 0 if there is room, -EAGAIN if there is none, -EPROTO if the peer lies. */
static int look_for_room(struct arena_spsc_producer *p)
{
	uint32_t head;

	if (p->tail - p->head < p->window)
		return 0;
	/* Acquire: the consumer has read the entries before @head. */
	head = __atomic_load_n(&p->in->head, __ATOMIC_ACQUIRE);
	if (p->tail - head > p->window)
		return -EPROTO;
	p->head = head;
	return p->tail - head == p->window ? -EAGAIN : 0;
}

bool arena_spsc_has_room(struct arena_spsc_producer *p)
{
	return look_for_room(p) != -EAGAIN;
}

int arena_spsc_put(struct arena_spsc_producer *p, const struct arena_msg *msg)
{
	struct arena_spsc_entry *e = &p->out->entry[p->tail & (p->entries - 1)];
	int ret = look_for_room(p);

	if (ret)
		return ret;
	/* Atomic, so that a consumer that reads too early is no data race. */
	__atomic_store_n(&e->data, arena_msg_data(msg), __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, arena_msg_len(msg), __ATOMIC_RELAXED);
	p->tail++;
	__atomic_store_n(&p->out->tail, p->tail, __ATOMIC_RELEASE);
	return 0;
}

bool arena_spsc_must_wake(struct arena_spsc_producer *p)
{
	uint32_t sleeps;

	/* Nothing was put since the last call: a consumer that sleeps has seen everything. */
	if (p->looked == p->tail)
		return false;
	p->looked = p->tail;
	full_barrier();
	sleeps = __atomic_load_n(&p->in->sleeps, __ATOMIC_RELAXED);
	if (!(sleeps & 1) || sleeps == p->woken)
		return false;
	p->woken = sleeps;
	return true;
}

bool arena_spsc_stall(struct arena_spsc_producer *p)
{
	p->waits++;
	__atomic_store_n(&p->out->waits, p->waits, __ATOMIC_RELAXED);
	full_barrier();
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

	full_barrier();
	waits = __atomic_load_n(&c->out->waits, __ATOMIC_RELAXED);
	if (!(waits & 1) || waits == c->resumed)
		return false;
	c->resumed = waits;
	return true;
}

int arena_spsc_get(struct arena_spsc_consumer *c, struct arena_msg *msg)
{
	const struct arena_spsc_entry *e = &c->out->entry[c->head & (c->entries - 1)];

	if (c->tail == c->head) {
		/* Acquire: pairs with the release in arena_spsc_put(). */
		uint32_t tail = __atomic_load_n(&c->out->tail, __ATOMIC_ACQUIRE);

		if (tail - c->head > c->window)
			return -EPROTO;
		c->tail = tail;
		if (tail == c->head)
			return 0;
	}
	*msg = arena_msg_unpack(__atomic_load_n(&e->data, __ATOMIC_RELAXED),
				__atomic_load_n(&e->len, __ATOMIC_RELAXED));
	c->head++;
	/* Release: the entry was read before it may be overwritten. */
	__atomic_store_n(&c->in->head, c->head, __ATOMIC_RELEASE);
	return 1;
}

bool arena_spsc_sleep(struct arena_spsc_consumer *c)
{
	c->sleeps++;
	__atomic_store_n(&c->in->sleeps, c->sleeps, __ATOMIC_RELAXED);
	full_barrier();
	/* Any value but @head means a message, or a lie, which the next get reports. */
	return __atomic_load_n(&c->out->tail, __ATOMIC_ACQUIRE) == c->head;
}

void arena_spsc_awake(struct arena_spsc_consumer *c)
{
	c->sleeps++;
	__atomic_store_n(&c->in->sleeps, c->sleeps, __ATOMIC_RELAXED);
}
