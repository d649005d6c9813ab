/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffers between an owner (NP), a peer that dies and comes back (SP), and the
 * kernel, which works on buffers for as long as it likes.
 *
 * Checked: the owner never uses a buffer again while an operation of the kernel
 * is pending on it or a living peer has it; and a buffer that was lent comes back
 * for good, whatever dies. Each of these makes a broken twin:
 *
 *   BROKEN_CANCEL      the cancellation of an operation gives the buffer back, and
 *                      not its completion
 *   BROKEN_DEATH       what a dead peer had is free at once, without quiesce
 *   BROKEN_GENERATION  a message is accepted for this life of the buffer without a
 *                      look at its generation
 *   BROKEN_IN_IO       a buffer is lent while the kernel works on it
 *   BROKEN_REAP        quiesce is never asked, so that nothing comes back
 */
#define BUFFERS	2
#define GENS	3	/* generations are modulo this; more than can be in flight */
#define LIVES	2	/* of the peer */

mtype = { FREE, OWNED, IN_IO, LENT, LOST };

mtype state[BUFFERS] = FREE;
byte gen[BUFFERS];
byte ops[BUFFERS];		/* operations of the kernel, of anybody's */
bool peer_has[BUFFERS];		/* the living peer may use it */
byte lives = 1;
bool alive = true;
byte rounds;			/* how often the owner took a buffer */

/* Mailboxes outlive nobody: a new peer gets new ones. */
chan to_peer = [BUFFERS] of { byte, byte };	/* buffer, generation */
chan to_owner = [BUFFERS * 2] of { byte, byte };

inline next_generation(b)
{
	gen[b] = (gen[b] + 1) % GENS
}

/* The moment in which the owner writes to what it believes to be its own. */
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
	/* OWNED -> IN_IO: recv() into it, say. */
	:: atomic { state[0] == OWNED -> state[0] = IN_IO; ops[0]++ }
	/* Its completion, once the kernel is done: see kernel(). */
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
	/* OWNED -> FREE: not needed after all. */
	:: atomic { state[0] == OWNED -> state[0] = FREE; next_generation(0) }
	/* LENT -> FREE: the peer's word. */
	:: atomic { to_owner?b,g ->
		if
#ifdef BROKEN_GENERATION
		:: state[b] == LENT ->
#else
		:: state[b] == LENT && g == gen[b] ->
#endif
			state[b] = FREE; next_generation(b)
		:: else /* stale or invented: dropped */
		fi;
		b = 0; g = 0 }
	/* The peer is dead: what it had is lost until the kernel has finished. */
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
		/* Its messages may still be read: generations tell. */
		if
		:: lives < LIVES -> lives++; alive = true
		:: else -> break
		fi }
	/* LOST -> FREE: quiesce says that nobody has a reference. */
#ifdef BROKEN_DEATH
	:: atomic { state[0] == LOST -> state[0] = FREE }
	:: atomic { state[1] == LOST -> state[1] = FREE }
#elif !defined(BROKEN_REAP)
	:: atomic { state[0] == LOST && ops[0] == 0 -> state[0] = FREE }
	:: atomic { state[1] == LOST && ops[1] == 0 -> state[1] = FREE }
#endif
	od;
	/* No peer any more: wait for what it had. */
#ifndef BROKEN_REAP
	do
	:: atomic { state[0] == LOST && ops[0] == 0 -> state[0] = FREE }
	:: atomic { state[1] == LOST && ops[1] == 0 -> state[1] = FREE }
	:: state[0] != LOST && state[1] != LOST -> break
	od
#endif
}

/* A life of the peer: it takes buffers, has the kernel work on them, gives back. */
active proctype peer()
{
	byte b, g;

end:	do
	:: atomic { alive && to_peer?[b,g] -> to_peer?b,g; peer_has[b] = true; ops[b]++ }
		/* Its disk works; it may die meanwhile. */
		if
		:: atomic { ops[b] == 0 && nfull(to_owner) -> peer_has[b] = false; to_owner!b,g }
			/* It says it twice, or says something old: it may be hostile. */
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

/* Operations end some time, also those of the dead. */
active proctype kernel()
{
end:	do
	:: atomic { ops[0] > 0 -> ops[0]-- }
	:: atomic { ops[1] > 0 -> ops[1]-- }
	od
}

/* Whatever was lost comes back. */
ltl returns { [] (state[0] == LOST -> <> (state[0] != LOST)) }
