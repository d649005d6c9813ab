/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hybrid handoff: messages in a ring in shared memory, one producer and one
 * consumer, and the kernel only to wake a consumer that sleeps.
 *
 * The ring is in two halves, so that each byte has one writer: the producer's
 * half (tail, entries) lies in memory that only the producer can write, the
 * consumer's (head, sleeps) in memory of the consumer's. Neither trusts the
 * other's: a head or tail that cannot be is -EPROTO, and entries are read once.
 *
 * Everything that was written before arena_spsc_put() is visible to whoever
 * gets the message by arena_spsc_get(). docs/memory-model.md argues it, and
 * tests/model (ring, sleep, hybrid) checks it.
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
 * A producer that wants to sleep until there is room does the same the other way
 * round, with arena_spsc_stall(), arena_spsc_resume() and
 * arena_spsc_must_resume().
 *
 * Wake-ups that come too late are harmless. Each structure belongs to one thread.
 */
#ifndef ARENA_SPSC_H
#define ARENA_SPSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arena/layout.h>
#include <arena/message.h>

#define ARENA_SPSC_MAX_ENTRIES	ARENA_MAX_CHANNEL_ENTRIES

/* What processors fetch from each other at a time; two lines on many of them. */
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
 * @entry: where they lie, each at its number modulo the size of the ring
 */
struct arena_spsc_out {
	uint32_t tail __attribute__((aligned(ARENA_SPSC_APART)));
	uint32_t waits;
	struct arena_spsc_entry entry[] __attribute__((aligned(ARENA_SPSC_APART)));
};

/**
 * struct arena_spsc_in - the consumer's half, in shared memory
 * @head: entries got so far, modulo 2^32
 * @sleeps: odd while the consumer sleeps or is about to
 */
struct arena_spsc_in {
	uint32_t head __attribute__((aligned(ARENA_SPSC_APART)));
	uint32_t sleeps __attribute__((aligned(ARENA_SPSC_APART)));
};

/**
 * struct arena_spsc_producer - in the producer's private memory
 * @out: own half
 * @in: the peer's, only read
 * @entries: size of the ring, a power of two
 * @window: messages that may wait in it
 * @tail: what @out->tail was set to
 * @waits: what @out->waits was set to
 * @head: the last @in->head that was looked at
 * @woken: the @in->sleeps for which a wake-up was asked
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
};

/**
 * struct arena_spsc_consumer - in the consumer's private memory
 * @in: own half
 * @out: the peer's, only read
 * @entries: size of the ring
 * @window: messages that may wait in it
 * @head: what @in->head was set to
 * @sleeps: what @in->sleeps was set to
 * @tail: the last @out->tail that was looked at
 * @resumed: the @out->waits for which a wake-up was asked
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
 * arena_spsc_producer_init() - before the peer begins
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

/**
 * arena_spsc_put() - hand over a message
 *
 * Return: 0; -EAGAIN if the ring is full; -EPROTO if the peer says that it got
 * what was never put.
 */
int arena_spsc_put(struct arena_spsc_producer *p, const struct arena_msg *msg);

/**
 * arena_spsc_must_wake() - does the consumer sleep, and was it not woken yet?
 *
 * To be asked after each put, or once after several; true means that a wake-up has
 * to be sent now. It costs a full barrier.
 */
bool arena_spsc_must_wake(struct arena_spsc_producer *p);

/**
 * arena_spsc_has_room() - would a put be accepted, or fail?
 *
 * True also if the peer lies, which the put tells.
 */
bool arena_spsc_has_room(struct arena_spsc_producer *p);

/**
 * arena_spsc_stall() - say that one is going to sleep until there is room
 *
 * Return: true if there is none: sleep until somebody wakes. Call
 * arena_spsc_resume() in any case before the next arena_spsc_stall().
 */
bool arena_spsc_stall(struct arena_spsc_producer *p);

/** arena_spsc_resume() - say that one no longer sleeps */
void arena_spsc_resume(struct arena_spsc_producer *p);

/** arena_spsc_has_message() - would a get give a message, or fail? */
bool arena_spsc_has_message(const struct arena_spsc_consumer *c);

/**
 * arena_spsc_must_resume() - does the producer sleep, and was it not woken yet?
 *
 * To be asked at least once for each window's worth of gets, so that no producer
 * sleeps for good: one that sleeps has a whole window in the ring.
 */
bool arena_spsc_must_resume(struct arena_spsc_consumer *c);

/**
 * arena_spsc_get() - the next message
 *
 * Return: 1 with @msg filled; 0 if there is none; -EPROTO if the peer says that
 * it put more than there is room for.
 */
int arena_spsc_get(struct arena_spsc_consumer *c, struct arena_msg *msg);

/**
 * arena_spsc_sleep() - say that one is going to sleep
 *
 * Return: true if there is nothing in the ring: sleep until somebody wakes.
 * Call arena_spsc_awake() in any case before the next arena_spsc_sleep().
 */
bool arena_spsc_sleep(struct arena_spsc_consumer *c);

/** arena_spsc_awake() - say that one no longer sleeps */
void arena_spsc_awake(struct arena_spsc_consumer *c);

#endif /* ARENA_SPSC_H */
