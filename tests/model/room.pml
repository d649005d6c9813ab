/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The HYBRID transport with a producer that also sleeps, while the ring is full. The producer
 * announces its sleep with a word of its own. The consumer looks at that word now and then, and
 * wakes the producer. The producer looks whether the consumer sleeps when it flushes, which it
 * does at any time, before it sleeps, and at the end.
 *
 * Checked: every entry arrives once and in order, and neither side sleeps for ever while the
 * other waits for it. Memory is as in hybrid.pml. Broken twins:
 *
 *   BROKEN_SELDOM     the consumer looks less often than once for each full ring
 *   BROKEN_NO_LOOK    the producer does not look again after it has announced its sleep
 *   BROKEN_LATE_FLAG  the producer announces its sleep after it has looked
 *   BROKEN_WOKEN      the consumer remembers that it woke the producer, but not its number
 *   BROKEN_UNFLUSHED  the producer sleeps without a flush
 */
#define SIZE	3
#define COUNT	7

#ifdef BROKEN_SELDOM
#define EACH	(SIZE + 1)
#else
#define EACH	2
#endif

byte entry[SIZE];
byte tail, waits;	/* written by the producer, as are the entries */
byte head, sleeps;	/* written by the consumer */
byte to_producer, to_consumer;	/* wake-ups; none is lost */
byte got;

#define is_full	(tail - head >= SIZE)

inline flush()
{
	seen = sleeps;
	if
	:: seen % 2 == 1 && seen != woken -> woken = seen; to_consumer++
	:: else
	fi;
	seen = 0;
	unflushed = false
}

inline sleep_for_room()
{
#ifdef BROKEN_LATE_FLAG
	if
	:: is_full -> waits++; to_producer > 0; to_producer = 0; waits++
	:: else
	fi
#else
	waits++;
	if
#ifdef BROKEN_NO_LOOK
	:: true -> to_producer > 0; to_producer = 0
#else
	:: is_full -> to_producer > 0; to_producer = 0
	:: else
#endif
	fi;
	waits++
#endif
}

active proctype producer()
{
	byte sent, woken, seen;
	bool unflushed;

	do
	:: sent < COUNT && !is_full ->
		entry[tail % SIZE] = sent + 1;
		tail++;
		sent++;
		unflushed = true
	:: unflushed -> flush()
	:: sent < COUNT && is_full ->
#ifndef BROKEN_UNFLUSHED
		flush();
#endif
		sleep_for_room()
	:: sent == COUNT && !unflushed -> break
	od
}

active proctype consumer()
{
	byte unchecked, resumed, seen;

	do
	:: got < COUNT && tail != head ->
		assert(entry[head % SIZE] == got + 1);
		head++;
		got++;
		unchecked++;
		if
		:: unchecked == EACH ->
			unchecked = 0;
			seen = waits;
			if
#ifdef BROKEN_WOKEN
			:: seen % 2 == 1 && resumed == 0 ->
#else
			:: seen % 2 == 1 && seen != resumed ->
#endif
				resumed = seen;
				to_producer++
			:: else
			fi;
			seen = 0
		:: else
		fi
	:: got < COUNT && tail == head ->
		sleeps++;
		if
		:: tail == head -> to_consumer > 0; to_consumer = 0
		:: else
		fi;
		sleeps++
	:: got == COUNT -> break
	od
}

ltl arrives { <> (got == COUNT) }
