/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Credits: two sides, each with a mailbox of a fixed size. A side may have WINDOW messages
 * under way that the other side has not acknowledged. An acknowledgement is a message, too, but
 * needs no credit: the mailbox has entries reserved for it. It carries the number of messages
 * that were ever received, modulo MOD. A side moves messages from its mailbox to an inbox, to
 * reach the acknowledgements behind them, and receives them from the inbox at any later time. A
 * queued message is posted late, or never if its sender dies. Either side can die at any time.
 *
 * Checked: no mailbox and no inbox overflows, no acknowledgement is older than one that was
 * taken before, and each message arrives once and in order. Each side ends: it has sent and
 * received everything, or it sees that the other side is dead. Broken twins:
 *
 *   BROKEN_EARLY      a message is acknowledged while it lies in the mailbox
 *   BROKEN_LOST       an acknowledgement is forgotten if the queue is full
 *   BROKEN_TWICE      an acknowledgement carries the number since the last submit in place of
 *                     the sum, so that two of them in a queue overlap
 *   BROKEN_RESERVE    no entries of the mailbox are reserved for acknowledgements
 *   BROKEN_HURRY      each message is acknowledged, with entries reserved for every second one
 *   BROKEN_THRESHOLD  an acknowledgement waits for more messages than a window holds
 *   BROKEN_UNSENT     a side sleeps with messages in its queue
 *   BROKEN_DEAF       a side that waits for credit takes only acknowledgements out of its
 *                     mailbox
 *   BROKEN_LEFT       a side that waits for credit reads acknowledgements behind a message
 *                     and leaves them in the mailbox
 *   BROKEN_DEATH      a side that waits for credit does not watch for the other's death
 */
#define WINDOW	3
#define COUNT	5	/* messages that each side sends; more than MOD can distinguish */
#define MOD	4	/* more than WINDOW */
#define QUEUE	2	/* entries of a side's submission queue */

/* Received messages after which an acknowledgement is sent. */
#ifdef BROKEN_THRESHOLD
#define EACH	(WINDOW + 1)
#elif defined(BROKEN_HURRY)
#define EACH	1
#else
#define EACH	2
#endif

#ifdef BROKEN_RESERVE
#define ROOM	WINDOW
#else
#define ROOM	(WINDOW + WINDOW / 2)
#endif

mtype = { DATA, CREDIT };

chan queue[2] = [QUEUE] of { mtype, byte };
byte submitted[2];		/* messages of the queue that the kernel may post */
chan box[2] = [ROOM] of { mtype, byte };
bool alive[2] = true;
byte inbox[2];			/* messages in it */
byte stay[2];			/* BROKEN_LEFT: credits that were read and left */
bool ended[2];

/*
 * For each side: messages left to send, sent, and acknowledged by the other; messages received,
 * received modulo MOD, and acknowledged to the other.
 */
byte left[2] = COUNT;
byte sent[2], acked[2], got[2], taken[2], said[2];

#define distance(a, b)	((MOD + (a) - (b)) % MOD)
#define credit(me)	(distance(sent[me], acked[me]) < WINDOW)
#define wants(me)	(left[me] > 0)
#ifdef BROKEN_EARLY
#define seen(me)	((taken[me] + inbox[me] + (box[me]?[DATA,_] -> 1 : 0)) % MOD)
#else
#define seen(me)	taken[me]
#endif
#define debt(me)	(distance(seen(me), said[me]) >= EACH)
#define unsent(me)	(len(queue[me]) > submitted[me])
#define through(me)	(!wants(me) && got[me] == COUNT && !unsent(me))

inline say(me)
{
#ifdef BROKEN_TWICE
	queue[me]!CREDIT,distance(seen(me), said[me])
#else
	queue[me]!CREDIT,seen(me);
	said[me] = seen(me)
#endif
}

inline take(me)
{
	box[me]?what,n;
	if
	:: what == DATA ->
		/* No message is lost or comes twice. */
		assert(n == (taken[me] + inbox[me]) % MOD);
		assert(inbox[me] < WINDOW);
		inbox[me]++;
		stay[me] = 0
	:: what == CREDIT ->
#ifdef BROKEN_TWICE
		n = (acked[me] + n) % MOD;
#endif
		/* No more can be acknowledged than was sent. */
		assert(distance(n, acked[me]) <= distance(sent[me], acked[me]));
		acked[me] = n
	fi;
	what = 0; n = 0
}

proctype side(byte me)
{
	mtype what;
	byte n;

	{
		do
		:: atomic { wants(me) && credit(me) && nfull(queue[me]) ->
			queue[me]!DATA,sent[me];
			sent[me] = (sent[me] + 1) % MOD;
			left[me]-- }
		:: atomic { debt(me) && nfull(queue[me]) -> say(me) }
#ifdef BROKEN_LOST
		:: atomic { debt(me) && full(queue[me]) -> said[me] = seen(me) }
#endif
		/* One submit for many messages, at any time. */
		:: atomic { unsent(me) -> submitted[me] = len(queue[me]);
#ifdef BROKEN_TWICE
			said[me] = taken[me]
#endif
			}
#ifdef BROKEN_DEAF
		:: atomic { nempty(box[me]) && (!wants(me) || credit(me) || box[me]?[CREDIT,_]) ->
			take(me) }
#else
		:: atomic { nempty(box[me]) -> take(me) }
#endif
#ifdef BROKEN_LEFT
		:: atomic { wants(me) && !credit(me) && box[me]?[DATA,_] && box[me]??[CREDIT,_] ->
			box[me]??CREDIT,n; acked[me] = n; stay[me]++; n = 0 }
#endif
		:: atomic { inbox[me] > 0 ->
			inbox[me]--;
			taken[me] = (taken[me] + 1) % MOD;
			got[me]++ }
		/* Nothing to do: sleep. */
		:: empty(box[me]) && !inbox[me] && !(wants(me) && credit(me)) && !through(me) &&
#ifndef BROKEN_UNSENT
			!unsent(me) &&
#endif
			!debt(me) ->
			if
			:: nempty(box[me])
#ifndef BROKEN_DEATH
			:: !alive[1 - me] -> break
#endif
			fi
		:: through(me) -> break
		od
	} unless { !alive[me] };
	ended[me] = true
}

/* Posts submitted messages in order. Posting to a dead side succeeds silently. */
inline post(from)
{
	queue[from]?what,n;
	submitted[from]--;
	if
	:: alive[1 - from] ->
		assert(len(box[1 - from]) + stay[1 - from] < ROOM); box[1 - from]!what,n
	:: else
	fi;
	what = 0; n = 0
}

active proctype kernel()
{
	mtype what;
	byte n;

end:	do
	:: atomic { submitted[0] > 0 -> post(0) }
	:: atomic { submitted[1] > 0 -> post(1) }
	/* Submitted messages of a dead side may be cancelled instead. */
	:: atomic { !alive[0] && submitted[0] > 0 -> submitted[0] = 0 }
	:: atomic { !alive[1] && submitted[1] > 0 -> submitted[1] = 0 }
	od
}

active proctype death()
{
	if
	:: alive[0] = false
	:: alive[1] = false
	:: true
	fi
}

init
{
	atomic { run side(0); run side(1) }
}

ltl ends { <> (ended[0] && ended[1]) }
