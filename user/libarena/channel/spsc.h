/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rings in shared memory: messages from one producer to one consumer, without the kernel. It is
 * needed only to wake a side that sleeps.
 *
 * The ring has two halves, so that each byte has one writer. The producer's half (tail, entries)
 * lies in memory that only the producer can write, the consumer's (head, sleeps) in memory that
 * only the consumer can write. Neither trusts the other: an impossible head or tail is -EPROTO,
 * and entries are read once.
 *
 * Everything that the producer wrote before arena_spsc_put() is visible to the consumer after
 * arena_spsc_get(). docs/memory-model.md says why, and tests/model (ring, sleep, hybrid) checks
 * it.
 *
 * How to sleep without losing a wake-up, here with a mailbox to sleep on:
 *
 *	consumer:
 *		while (!arena_spsc_get(c, &msg)) {
 *			if (arena_spsc_sleep(c))
 *				... wait for a message in the mailbox, drop it ...
 *			arena_spsc_awake(c);
 *		}
 *	producer:
 *		arena_spsc_put(p, &msg);	any number of times
 *		if (arena_spsc_must_wake(p))
 *			... send a message to the mailbox ...
 *
 * A producer that wants to sleep until there is room does the same in the other direction, with
 * arena_spsc_stall(), arena_spsc_resume() and arena_spsc_must_resume().
 *
 * Wake-ups that come too late are harmless. One thread uses each structure. This header must not
 * know how a side is woken.
 */
#ifndef ARENA_SPSC_H
#define ARENA_SPSC_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arena/layout.h>
#include <arena/message.h>

#define ARENA_SPSC_MAX_ENTRIES	ARENA_MAX_CHANNEL_ENTRIES

/* The unit in which processors fetch memory from each other: two cache lines on many. */
#define ARENA_SPSC_APART	128

/** struct arena_spsc_entry - a message in shared memory, as a CQE has it */
struct arena_spsc_entry {
	uint64_t data;
	uint32_t len;
	uint32_t reserved;
};

/**
 * struct arena_spsc_out - the producer's half, in shared memory
 * @tail: entries put so far, modulo 2^32
 * @waits: odd while the producer sleeps for want of room, or is about to
 * @entry: the entries, each at its number modulo the size of the ring
 */
struct arena_spsc_out {
	uint32_t __attribute__((aligned(ARENA_SPSC_APART))) tail;
	uint32_t waits;
	struct arena_spsc_entry entry[] __attribute__((aligned(ARENA_SPSC_APART)));
};

/**
 * struct arena_spsc_in - the consumer's half, in shared memory
 * @head: entries got so far, modulo 2^32
 * @sleeps: odd while the consumer sleeps or is about to
 */
struct arena_spsc_in {
	uint32_t __attribute__((aligned(ARENA_SPSC_APART))) head;
	uint32_t __attribute__((aligned(ARENA_SPSC_APART))) sleeps;
};

/**
 * struct arena_spsc_producer - in the producer's private memory
 * @out: own half
 * @in: the peer's, only read
 * @entries: size of the ring, a power of two
 * @window: messages that may wait in it
 * @tail: what @out->tail was set to
 * @waits: what @out->waits was set to
 * @head: the last @in->head that was read
 * @woken: the @in->sleeps for which arena_spsc_must_wake() was true
 * @looked: the @tail at the last arena_spsc_must_wake()
 */
struct arena_spsc_producer {
	struct arena_spsc_out *out;
	const struct arena_spsc_in *in;
	uint32_t entries;
	uint32_t window;
	uint32_t tail;
	uint32_t waits;
	uint32_t head;
	uint32_t woken;
	uint32_t looked;
};

/**
 * struct arena_spsc_consumer - in the consumer's private memory
 * @in: own half
 * @out: the peer's, only read
 * @entries: size of the ring
 * @window: messages that may wait in it
 * @head: what @in->head was set to
 * @sleeps: what @in->sleeps was set to
 * @tail: the last @out->tail that was read
 * @resumed: the @out->waits for which arena_spsc_must_resume() was true
 */
struct arena_spsc_consumer {
	struct arena_spsc_in *in;
	const struct arena_spsc_out *out;
	uint32_t entries;
	uint32_t window;
	uint32_t head;
	uint32_t sleeps;
	uint32_t tail;
	uint32_t resumed;
};

/** arena_spsc_out_size() - bytes of the producer's half */
static inline size_t arena_spsc_out_size(uint32_t entries)
{
	return sizeof(struct arena_spsc_out) + entries * sizeof(struct arena_spsc_entry);
}

/**
 * arena_spsc_producer_init() - begin as the producer, before the peer begins
 * @p: filled
 * @out: own half, zeroed, aligned to ARENA_SPSC_APART, of arena_spsc_out_size()
 * @in: the peer's half
 * @entries: messages that can wait, a power of two up to ARENA_SPSC_MAX_ENTRIES;
 *	both sides know it from elsewhere, not from shared memory
 *
 * Return: 0 or -EINVAL.
 */
int arena_spsc_producer_init(struct arena_spsc_producer *p, struct arena_spsc_out *out,
			     const struct arena_spsc_in *in, uint32_t entries);

/** arena_spsc_consumer_init() - the same for the other side; @in is zeroed */
int arena_spsc_consumer_init(struct arena_spsc_consumer *c, struct arena_spsc_in *in,
			     const struct arena_spsc_out *out, uint32_t entries);

/**
 * arena_spsc_limit() - let fewer messages wait than the ring has entries
 * @p: producer
 * @c: consumer of the ring the other way
 * @window: 1 to the size of the rings; both sides say the same
 */
void arena_spsc_limit(struct arena_spsc_producer *p, struct arena_spsc_consumer *c,
		      uint32_t window);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
/* TSan does not follow fences. They need not order the data: tail and head do that. */
#pragma GCC diagnostic ignored "-Wtsan"

/**
 * arena_spsc_barrier() - order a store before a later load
 *
 * It stands between a store to our own word and a load of the peer's, on both sides. So either we
 * see what the peer wrote, or the peer sees what we wrote. Nothing weaker orders a store before a
 * later load (litmus: sleep-broken-producer, -consumer).
 */
static inline void arena_spsc_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#pragma GCC diagnostic pop

/** arena_spsc_look_for_room() - 0 if there is room, -EAGAIN if there is none, -EPROTO for a lie */
static inline int arena_spsc_look_for_room(struct arena_spsc_producer *p)
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

/**
 * arena_spsc_put() - put a message into the ring
 *
 * Return: 0; -EAGAIN if the ring is full; -EPROTO if the peer claims to have got messages that
 * were never put.
 */
static inline int arena_spsc_put(struct arena_spsc_producer *p, const struct arena_msg *msg)
{
	struct arena_spsc_entry *e = &p->out->entry[p->tail & (p->entries - 1)];
	int ret = arena_spsc_look_for_room(p);

	if (ret)
		return ret;
	/* Atomic, so that a consumer that reads too early is no data race. */
	__atomic_store_n(&e->data, arena_msg_data(msg), __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, arena_msg_len(msg), __ATOMIC_RELAXED);
	p->tail++;
	__atomic_store_n(&p->out->tail, p->tail, __ATOMIC_RELEASE);
	return 0;
}

/**
 * arena_spsc_must_wake() - true if the consumer sleeps and was not woken yet
 *
 * Call it after each put, or once after several. If it is true, the caller has to send a wake-up
 * now. It costs a full barrier.
 */
static inline bool arena_spsc_must_wake(struct arena_spsc_producer *p)
{
	uint32_t sleeps;

	/* Nothing was put since the last call: a consumer that sleeps has seen everything. */
	if (p->looked == p->tail)
		return false;
	p->looked = p->tail;
	arena_spsc_barrier();
	sleeps = __atomic_load_n(&p->in->sleeps, __ATOMIC_RELAXED);
	if (!(sleeps & 1) || sleeps == p->woken)
		return false;
	p->woken = sleeps;
	return true;
}

/**
 * arena_spsc_has_room() - true if a put would not return -EAGAIN
 *
 * It is also true if the peer lies; the put then returns -EPROTO.
 */
bool arena_spsc_has_room(struct arena_spsc_producer *p);

/**
 * arena_spsc_stall() - announce that the producer is going to sleep until there is room
 *
 * Return: true if there is no room, so that it may sleep until it is woken. Call
 * arena_spsc_resume() in any case before the next arena_spsc_stall().
 */
bool arena_spsc_stall(struct arena_spsc_producer *p);

/** arena_spsc_resume() - announce that the producer is awake */
void arena_spsc_resume(struct arena_spsc_producer *p);

/** arena_spsc_has_message() - true if a get would not return 0 */
static inline bool arena_spsc_has_message(const struct arena_spsc_consumer *c)
{
	const struct arena_spsc_entry *e = &c->out->entry[c->head & (c->entries - 1)];

	if (c->tail == c->head && __atomic_load_n(&c->out->tail, __ATOMIC_ACQUIRE) == c->head)
		return false;
	/* The caller is about to get it, and the entry lies in a cache line of its own. */
	__builtin_prefetch(e);
	return true;
}

/**
 * arena_spsc_must_resume() - true if the producer sleeps and was not woken yet
 *
 * Call it at least once for each window of messages. A producer that sleeps has a whole window
 * in the ring, so none sleeps for ever.
 */
bool arena_spsc_must_resume(struct arena_spsc_consumer *c);

/**
 * arena_spsc_get() - the next message
 *
 * Return: 1 with @msg filled; 0 if there is none; -EPROTO if the peer claims to have put more
 * than there is room for.
 */
static inline int arena_spsc_get(struct arena_spsc_consumer *c, struct arena_msg *msg)
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

/**
 * arena_spsc_sleep() - announce that the consumer is going to sleep
 *
 * Return: true if the ring is empty, so that it may sleep until it is woken. Call
 * arena_spsc_awake() in any case before the next arena_spsc_sleep().
 */
bool arena_spsc_sleep(struct arena_spsc_consumer *c);

/** arena_spsc_awake() - announce that the consumer is awake */
void arena_spsc_awake(struct arena_spsc_consumer *c);

#endif /* ARENA_SPSC_H */
