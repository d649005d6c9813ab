/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffers between an owner (NP), a peer that dies and comes back (SP), and the kernel, which
 * works on buffers for any time.
 *
 * Checked: the owner never uses a buffer while an operation of the kernel is pending on it or a
 * living peer has it. A LOST buffer always comes back, whichever process dies. Broken twins:
 *
 *   BROKEN_CANCEL      cancelling an operation makes the buffer OWNED before its completion
 *   BROKEN_DEATH       buffers that a dead peer had are FREE at once, without quiesce
 *   BROKEN_GENERATION  a message is accepted without a check of the buffer's generation
 *   BROKEN_IN_IO       a buffer is lent while the kernel works on it
 *   BROKEN_REAP        quiesce is never asked, so no LOST buffer comes back
 */
#define BUFFERS	2
#define GENS	3	/* modulus of generations; more than the messages in flight */
#define LIVES	2	/* of the peer */

mtype = { FREE, OWNED, IN_IO, LENT, LOST };

mtype state[BUFFERS] = FREE;
byte gen[BUFFERS];
byte ops[BUFFERS];		/* operations of the kernel, for any process */
bool peer_has[BUFFERS];		/* the living peer may use the buffer */
byte lives = 1;
bool alive = true;
byte rounds;			/* number of times that the owner got a buffer */

/* A new peer gets new mailboxes. */
chan to_peer = [BUFFERS] of { byte, byte };	/* buffer, generation */
chan to_owner = [BUFFERS * 2] of { byte, byte };

inline next_generation(b)
{
	gen[b] = (gen[b] + 1) % GENS
}

/* The owner writes to a buffer that it believes to own. */
inline use(b)
{
	assert(ops[b] == 0);
	assert(!peer_has[b])
}

active proctype owner()
{
	byte b, g;

end:	do
	/* FREE -> OWNED. */
	:: atomic { rounds < 4 && state[0] == FREE -> b = 0; state[0] = OWNED; rounds++ }
		use(b)
	:: atomic { rounds < 4 && state[1] == FREE -> b = 1; state[1] = OWNED; rounds++ }
		use(b)
	/* OWNED -> IN_IO, as for a recv() into the buffer. */
	:: atomic { state[0] == OWNED -> state[0] = IN_IO; ops[0]++ }
	/* The completion comes when kernel() has ended the operation. */
	:: atomic { state[0] == IN_IO && ops[0] == 0 -> state[0] = OWNED }
#ifdef BROKEN_CANCEL
	:: atomic { state[0] == IN_IO -> state[0] = OWNED } use(0)
#endif
	/* OWNED -> LENT. */
	:: atomic { state[0] == OWNED && alive && nfull(to_peer) ->
		state[0] = LENT; to_peer!0,gen[0] }
	:: atomic { state[1] == OWNED && alive && nfull(to_peer) ->
		state[1] = LENT; to_peer!1,gen[1] }
#ifdef BROKEN_IN_IO
	:: atomic { state[0] == IN_IO && alive && nfull(to_peer) ->
		assert(ops[0] == 0); state[0] = LENT; to_peer!0,gen[0] }
#endif
	/* OWNED -> FREE: the owner frees a buffer that it does not need. */
	:: atomic { state[0] == OWNED -> state[0] = FREE; next_generation(0) }
	/* LENT -> FREE: the peer returns it. */
	:: atomic { to_owner?b,g ->
		if
#ifdef BROKEN_GENERATION
		:: state[b] == LENT ->
#else
		:: state[b] == LENT && g == gen[b] ->
#endif
			state[b] = FREE; next_generation(b)
		:: else /* a stale or invented message is dropped */
		fi;
		b = 0; g = 0 }
	/* The peer is dead: its buffers are LOST until the kernel has finished. */
	:: atomic { !alive ->
		if
		:: state[0] == LENT -> state[0] = LOST; next_generation(0)
		:: else
		fi;
		if
		:: state[1] == LENT -> state[1] = LOST; next_generation(1)
		:: else
		fi;
		do
		:: to_peer?_,_
		:: empty(to_peer) -> break
		od;
		/* Its messages may still be read; the generations decide whether they are valid. */
		if
		:: lives < LIVES -> lives++; alive = true
		:: else -> break
		fi }
	/* LOST -> FREE: quiesce says that nothing holds a reference. */
#ifdef BROKEN_DEATH
	:: atomic { state[0] == LOST -> state[0] = FREE }
	:: atomic { state[1] == LOST -> state[1] = FREE }
#elif !defined(BROKEN_REAP)
	:: atomic { state[0] == LOST && ops[0] == 0 -> state[0] = FREE }
	:: atomic { state[1] == LOST && ops[1] == 0 -> state[1] = FREE }
#endif
	od;
	/* There is no peer any more: wait for the LOST buffers. */
#ifndef BROKEN_REAP
	do
	:: atomic { state[0] == LOST && ops[0] == 0 -> state[0] = FREE }
	:: atomic { state[1] == LOST && ops[1] == 0 -> state[1] = FREE }
	:: state[0] != LOST && state[1] != LOST -> break
	od
#endif
}

/* A life of the peer: it borrows buffers, begins operations on them and returns them. */
active proctype peer()
{
	byte b, g;

end:	do
	:: atomic { alive && to_peer?[b,g] -> to_peer?b,g; peer_has[b] = true; ops[b]++ }
		/* The peer may die while its disk works. */
		if
		:: atomic { ops[b] == 0 && nfull(to_owner) -> peer_has[b] = false; to_owner!b,g }
			/* A hostile peer returns it twice, or sends an old message. */
			if
			:: atomic { nfull(to_owner) -> to_owner!b,g }
			:: skip
			fi
		:: atomic { alive = false; peer_has[0] = false; peer_has[1] = false }
			(alive || lives == LIVES)
		fi
	:: atomic { alive && lives < LIVES -> alive = false; peer_has[0] = false;
		peer_has[1] = false }
		(alive || lives == LIVES)
	:: !alive && lives == LIVES -> break
	od
}

/* Every operation ends at some time, also for a dead process. */
active proctype kernel()
{
end:	do
	:: atomic { ops[0] > 0 -> ops[0]-- }
	:: atomic { ops[1] > 0 -> ops[1]-- }
	od
}

/* A LOST buffer comes back. */
ltl returns { [] (state[0] == LOST -> <> (state[0] != LOST)) }
