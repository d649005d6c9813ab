/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other half of hybrid mode (hybrid.pml): a producer that sleeps for want of
 * room. It counts, too: its number is odd while it sleeps, or is about to. The
 * consumer does not look at it each time it makes room, but once for EACH entries
 * taken: a producer that sleeps has put a whole window.
 *
 * Checked: no more than a window is on its way, all arrives, and the producer does
 * not sleep for good. Memory is sequentially consistent, as there. Broken twins:
 *
 *   BROKEN_SELDOM     the consumer looks once for more than a window
 *   BROKEN_EARLY      it looks before it makes the room
 *   BROKEN_NO_LOOK    the producer does not look again after it said it sleeps
 *   BROKEN_LATE_FLAG  it says so after it has looked
 *   BROKEN_RESUMED    the consumer remembers that it woke, not for which number
 */
#define WINDOW	3
#define COUNT	9

#ifdef BROKEN_SELDOM
#define EACH	(WINDOW + 1)
#else
#define EACH	WINDOW	/* at the most */
#endif

byte tail, waits;	/* the producer's */
byte head;		/* the consumer's */
byte wakes;		/* messages in the producer's mailbox, which are not lost */

active proctype producer()
{
	do
	:: tail < COUNT ->
		if
		:: tail - head < WINDOW -> tail++; assert(tail - head <= WINDOW)
		:: else ->
#ifdef BROKEN_LATE_FLAG
			if
			:: tail - head == WINDOW -> waits++; wakes > 0; wakes = 0; waits++
			:: else
			fi
#else
			waits++;
			if
#ifdef BROKEN_NO_LOOK
			:: true -> wakes > 0; wakes = 0
#else
			:: tail - head == WINDOW -> wakes > 0; wakes = 0
			:: else
#endif
			fi;
			waits++
#endif
		fi
	:: else -> break
	od
}

inline look()
{
	unchecked++;
	if
	:: unchecked == EACH ->
		unchecked = 0;
		seen = waits;
		if
#ifdef BROKEN_RESUMED
		:: seen % 2 == 1 && resumed == 0 ->
#else
		:: seen % 2 == 1 && seen != resumed ->
#endif
			resumed = seen;
			wakes++
		:: else
		fi
	:: else
	fi
}

active proctype consumer()
{
	byte unchecked, seen, resumed;

	do
	:: head < COUNT ->
		tail != head;
#ifdef BROKEN_EARLY
		look();
		head++
#else
		head++;
		look()
#endif
	:: else -> break
	od
}

ltl arrives { <> (head == COUNT) }
