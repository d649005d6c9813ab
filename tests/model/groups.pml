/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A group of buffers; two users in one process, which keep their handles for any time; a peer
 * that dies and comes back; the kernel with several operations on a buffer; and a process that
 * resets the group, which makes all buffers FREE and all handles stale. The owner asks the
 * kernel (quiesce) whether buffers that a dead peer had are still in use, and the answer takes
 * time.
 *
 * Checked: a user with a valid handle of an OWNED buffer is its only user. No other user, no
 * living peer and no operation of the kernel, for any process, uses it. Once no buffer is
 * IN_IO, LENT or LOST, the group can be reset, whichever process dies. Broken twins:
 *
 *   BROKEN_RESET_IN_IO  the group is reset while the kernel works on a buffer
 *   BROKEN_RESET_LENT   the group is reset while a peer has a buffer
 *   BROKEN_RESET_LOST   the group is reset while it is unknown who still uses a buffer
 *   BROKEN_KEEP         a reset leaves the generations as they are
 *   BROKEN_PUT          a buffer that is put keeps its generation
 *   BROKEN_RECLAIM      a LOST buffer that is reclaimed keeps its generation
 *   BROKEN_FIRST        the first of several completions ends IN_IO
 *   BROKEN_QUIESCE      a LOST buffer becomes FREE without an answer of quiesce
 *   BROKEN_ANSWER       an answer is applied also to buffers that were lost after the question
 *   BROKEN_REAP         quiesce is never asked, so the reset never happens
 */
#define OPS	2	/* of the kernel on one buffer */
#define ROUNDS	3	/* how often a buffer is got */
#define LIVES	2	/* of the peer */

mtype = { FREE, OWNED, IN_IO, LENT, LOST };

/* State of the library. */
mtype state[2] = FREE;
byte gen[2];
byte pending[2];
bool asking, asked[2];		/* a quiesce is under way, for these buffers */
byte rounds;
bool closing, closed;

/* The facts. */
byte ops[2];			/* operations of the kernel, for any process */
bool peer_has[2];
byte holder[2];			/* the user that got the buffer last */
byte lives = 1;
bool alive = true;

chan to_peer = [2] of { byte, byte };	/* buffer, generation */
chan to_owner = [2] of { byte, byte };

#define good(s)	(has && g == gen[b] && state[b] == s)

inline get(i)
{
	state[i] = OWNED;
	holder[i] = me;
	rounds++;
	b = i; g = gen[i]; has = true
}

/* A call of the library is one step, because one thread makes all calls. */
proctype user(byte me)
{
	byte b, g;
	bool has;

end:	do
	:: atomic { !has && rounds < ROUNDS && state[0] == FREE -> get(0) }
	:: atomic { !has && rounds < ROUNDS && state[1] == FREE -> get(1) }
	:: atomic { good(OWNED) -> assert(ops[b] == 0 && !peer_has[b] && holder[b] == me) }
	:: atomic { !closing && (good(OWNED) || good(IN_IO)) && pending[b] < OPS ->
		state[b] = IN_IO; pending[b]++; ops[b]++ }
	:: atomic { !closing && good(OWNED) && alive && nfull(to_peer) ->
		state[b] = LENT; to_peer!b,g }
	:: atomic { good(OWNED) -> state[b] = FREE;
#ifndef BROKEN_PUT
		gen[b]++
#endif
		}
	/* The handle is forgotten; its buffer then waits for the reset. */
	:: atomic { has -> has = false; b = 0; g = 0 }
	od
}

inline lose(i)
{
	if
	:: state[i] == LENT -> state[i] = LOST
	:: else
	fi
}

inline reclaim(i)
{
	if
#ifdef BROKEN_ANSWER
	:: state[i] == LOST ->
#else
	:: state[i] == LOST && asked[i] ->
#endif
		state[i] = FREE;
#ifndef BROKEN_RECLAIM
		gen[i]++
#endif
	:: else
	fi;
	asked[i] = false
}

#ifdef BROKEN_QUIESCE
#define unused(i)	true
#else
#define unused(i)	(!asked[i] || ops[i] == 0)
#endif

active proctype library()
{
	byte b, g;

end:	do
	/* A message of the peer: a buffer is back, and its handle may be used. */
	:: atomic { to_owner?b,g ->
		if
		:: state[b] == LENT && g == gen[b] -> state[b] = OWNED
		:: else /* a message about an earlier life */
		fi;
		b = 0; g = 0 }
	:: atomic { !alive && (state[0] == LENT || state[1] == LENT || lives < LIVES) ->
		lose(0);
		lose(1);
		do
		:: to_peer?_,_
		:: empty(to_peer) -> break
		od;
		if
		:: lives < LIVES -> lives++; alive = true
		:: else
		fi }
#ifndef BROKEN_REAP
	:: atomic { !asking && (state[0] == LOST || state[1] == LOST) ->
		asking = true; asked[0] = (state[0] == LOST); asked[1] = (state[1] == LOST) }
#endif
	:: atomic { asking && unused(0) && unused(1) ->
		reclaim(0); reclaim(1); asking = false }
	od
}

active proctype peer()
{
	byte b, g;

end:	do
	:: atomic { alive && to_peer?[b,g] -> to_peer?b,g; peer_has[b] = true; ops[b]++ }
		if
		:: atomic { ops[b] == 0 -> peer_has[b] = false; to_owner!b,g; b = 0; g = 0 }
		:: atomic { alive = false; peer_has[b] = false; b = 0; g = 0 }
		fi
	:: alive = false
	od
}

inline complete(i)
{
	ops[i]--;
	if
	:: pending[i] > 0 ->
		pending[i]--;
		if
#ifdef BROKEN_FIRST
		:: state[i] == IN_IO -> state[i] = OWNED
#else
		:: state[i] == IN_IO && pending[i] == 0 -> state[i] = OWNED
#endif
		:: else
		fi
	:: else
	fi
}

/* Every operation ends at some time, also for a dead process. */
active proctype kernel()
{
end:	do
	:: atomic { ops[0] > 0 -> complete(0) }
	:: atomic { ops[1] > 0 -> complete(1) }
	od
}

#ifdef BROKEN_RESET_IN_IO
#define no_io		true
#else
#define no_io		(state[0] != IN_IO && state[1] != IN_IO)
#endif
#ifdef BROKEN_RESET_LENT
#define no_lent	true
#else
#define no_lent	(state[0] != LENT && state[1] != LENT)
#endif
#ifdef BROKEN_RESET_LOST
#define no_lost		true
#else
#define no_lost		(state[0] != LOST && state[1] != LOST)
#endif

inline reset(i)
{
	state[i] = FREE;
	pending[i] = 0;
#ifndef BROKEN_KEEP
	gen[i]++
#endif
}

active proctype resetter()
{
	if
	:: atomic { no_io && no_lent && no_lost -> reset(0); reset(1) }
	:: true
	fi;
	closing = true;
	atomic { no_io && no_lent && no_lost -> reset(0); reset(1) }
	closed = true
}

init
{
	atomic { run user(0); run user(1) }
}

ltl closes { <> closed }
