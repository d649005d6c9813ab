/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The HYBRID transport: messages lie in a ring in shared memory, and a message of the kernel is
 * sent only to wake a consumer that sleeps. Each word has one writer. The consumer therefore
 * counts: its number is odd while it sleeps or is about to sleep, and the producer wakes it
 * once for each odd number that it sees. A late wake-up is harmless, because a consumer that
 * wakes looks again.
 *
 * Checked: every entry arrives once and in order, and the consumer does not sleep for ever while
 * the ring has an entry.
 *
 * Memory is sequentially consistent in this model. The litmus tests "sleep" and "ring" check
 * that the barriers make it so where it matters. Broken twins:
 *
 *   BROKEN_NO_LOOK    the consumer does not look again after it has announced its sleep
 *   BROKEN_LATE_FLAG  the consumer announces its sleep after it has looked
 *   BROKEN_BATCH      the producer wakes only for a second entry, to save wake-ups
 *   BROKEN_WOKEN      the producer remembers that it woke the consumer, but not its number
 *   BROKEN_OVERRUN    the producer does not look at the head
 */
#define SIZE	2
#define COUNT	5

byte entry[SIZE];
byte tail;		/* written by the producer, as are the entries */
byte head, sleeps;	/* written by the consumer */
byte wakes;		/* messages in the mailbox; none is lost */
byte got;

active proctype producer()
{
	byte sent, woken, seen;

	do
	:: sent < COUNT ->
#ifndef BROKEN_OVERRUN
		tail - head < SIZE;
#endif
		entry[tail % SIZE] = sent + 1;
		tail++;
		sent++;
		seen = sleeps;
		if
#ifdef BROKEN_WOKEN
		:: seen % 2 == 1 && woken == 0 ->
#else
		:: seen % 2 == 1 && seen != woken ->
#endif
			woken = seen;
#ifdef BROKEN_BATCH
			if
			:: tail - head == 2 -> wakes++
			:: else
			fi
#else
			wakes++
#endif
		:: else
		fi
	:: else -> break
	od
}

active proctype consumer()
{
	do
	:: got < COUNT ->
		if
		:: tail != head ->
			assert(entry[head % SIZE] == got + 1);
			head++;
			got++
		:: tail == head ->
#ifdef BROKEN_LATE_FLAG
			if
			:: tail == head -> sleeps++; wakes > 0; wakes = 0; sleeps++
			:: else
			fi
#else
			sleeps++;
			if
#ifdef BROKEN_NO_LOOK
			:: true -> wakes > 0; wakes = 0
#else
			:: tail == head -> wakes > 0; wakes = 0
			:: else
#endif
			fi;
			sleeps++
#endif
		fi
	:: else -> break
	od
}

ltl arrives { <> (got == COUNT) }
