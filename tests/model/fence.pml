/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes to one block of a disk by a client that ends a connection without waiting for its answer,
 * and writes the next version by way of another network process (NP). Each step of an NP may come
 * at any later time, as the NP may be stopped, and the storage process (SP) may be replaced by one
 * that knows nothing. In short (np/alive.h and sp/fence.h):
 *
 *  - An NP looks whether the client has ended the connection, also before a request has come. The
 *    request gets the time before the last look at which it had not.
 *  - The SP notes when it has taken a request of which NP. It gives a request back undone if one of
 *    another NP was taken after the request's time, or if the SP itself began after it.
 *  - The NP then looks again, and hands the request over again if the client is there.
 *  - Other blocks that count as the same one are written by way of the first NP.
 *
 * Assumed: the kernel of the NPs knows of the end of a connection before a newer version comes.
 *
 * Checked: the disk never gets an older version than the newest that was acknowledged. A client
 * that does not end its connection gets an answer, if no other NP writes for ever. Broken twins:
 *
 *   BROKEN_NONE         there is no fence
 *   BROKEN_TIME         a request has the time at which it is handed over
 *   BROKEN_LOOK         the time of a look is taken after the look
 *   BROKEN_ONCE         a request that comes again is not compared any more
 *   BROKEN_SLOT         what an NP writes makes the SP forget what another one has written
 *   BROKEN_BELIEF       the SP notes the time that the NP gives
 *   BROKEN_START        a successor of the SP does what was looked at before it began
 *
 * Bounds:
 *
 *   liveness: -DSP_LIVES=1 -DOTHERS=0
 */
#ifndef VERSIONS
#define VERSIONS	2
#endif
#ifndef LOOKS
#define LOOKS		1	/* of each NP before it is asked */
#endif
#ifndef OTHERS
#define OTHERS		1	/* writes to other blocks */
#endif
#ifndef SP_LIVES
#define SP_LIVES	2
#endif

byte clock;
#define tick		clock = clock + 1

/* The truth. */
byte acked;
bool ended[2];			/* the client has ended its connection to the NP */
bool got_reply, has_ended;

/* An NP, to which the client has one connection. */
mtype = { NOTHING, IN_SOCKET, READ, HANDED_OVER, BACK };
mtype state[2] = NOTHING;
byte version[2];
byte looked[2];			/* the last time at which the client was there */
byte given[2];			/* the time that the request has */
bool is_again[2];

/* The SP. */
bool is_taken[2];
byte taken_at;
byte newest, others, newest_np;
byte began;
byte sp_lives = 1;

inline note(n)
{
#ifdef BROKEN_SLOT
	others = (newest_np != n -> 0 : others);
#else
	others = (newest_np != n -> newest : others);
#endif
	newest_np = n;
#ifdef BROKEN_BELIEF
	newest = given[n]
#else
	newest = taken_at
#endif
}

#define by_other(n)	(newest_np == n -> others : newest)

#ifdef BROKEN_START
#define is_too_old(n)	(by_other(n) > given[n])
#else
#define is_too_old(n)	(by_other(n) > given[n] || began > given[n])
#endif

#ifdef BROKEN_NONE
#define is_refused(n)	false
#elif defined(BROKEN_ONCE)
#define is_refused(n)	(is_too_old(n) && !is_again[n])
#else
#define is_refused(n)	is_too_old(n)
#endif

inline forget(n)
{
	state[n] = NOTHING;
	version[n] = 0;
	given[n] = 0;
	is_again[n] = false
}

inline answer(n)
{
	if
	:: !ended[n] -> got_reply = true; acked = version[n]
	:: else
	fi;
	forget(n)
}

proctype np(byte n)
{
	byte looks, at;
	bool is_there;

end:	do
	:: atomic { looks < LOOKS && state[n] != BACK -> looks++; tick; at = clock };
		atomic { is_there = !ended[n] }
#ifdef BROKEN_LOOK
		atomic { tick; at = clock };
#endif
		atomic {
			if
			:: is_there -> looked[n] = at
			:: else
			fi;
			at = 0;
			is_there = false }
	:: atomic { state[n] == IN_SOCKET -> state[n] = READ; given[n] = looked[n] }
	:: atomic { state[n] == READ ->
#ifdef BROKEN_TIME
		tick;
		given[n] = clock;
#endif
		state[n] = HANDED_OVER }
	:: atomic { state[n] == BACK -> tick; at = clock };
		atomic { is_there = !ended[n] };
		atomic {
			if
			:: is_there ->
				looked[n] = at;
				given[n] = at;
				is_again[n] = true;
				state[n] = READ
			:: else -> answer(n)
			fi;
			at = 0;
			is_there = false }
	od
}

proctype sp(byte n)
{
end:	do
	:: atomic { state[n] == HANDED_OVER && !is_taken[n] ->
		is_taken[n] = true;
		tick;
		taken_at = clock }
	:: atomic { is_taken[n] && is_refused(n) -> is_taken[n] = false; state[n] = BACK }
	:: atomic { is_taken[n] && !is_refused(n) ->
		is_taken[n] = false;
		assert(version[n] >= acked);
		note(n);
		answer(n) }
	od
}

/* Writes of other clients, and the SP's death, by which only what it knows is lost. */
active proctype others_and_death()
{
	byte writes;

end:	do
	:: atomic { writes < OTHERS -> writes++; tick; taken_at = clock; note(0) }
	:: atomic { sp_lives < SP_LIVES ->
		sp_lives++;
		is_taken[0] = false;
		is_taken[1] = false;
		newest = 0;
		others = 0;
		newest_np = 0;
		tick;
		taken_at = clock;
		began = clock }
	od
}

inline submit(i)
{
	n = i;
	version[n] = v;
	state[n] = IN_SOCKET
}

active proctype client()
{
	byte v = 1, n;

	do
	:: v <= VERSIONS ->
		if
		:: atomic { !ended[0] && state[0] == NOTHING -> submit(0) }
		:: atomic { !ended[1] && state[1] == NOTHING -> submit(1) }
		fi;
		if
		:: atomic { got_reply -> got_reply = false }
		:: atomic { v < VERSIONS && !got_reply -> ended[n] = true }
		fi;
		v++
	:: v > VERSIONS -> break
	od;
	has_ended = true
}

init
{
	atomic { run np(0); run np(1); run sp(0); run sp(1) }
}

ltl ends { <> has_ended }
