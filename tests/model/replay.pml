/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes to one block of a disk, while processes die and connections are cut. A client writes
 * versions 1, 2, ... of the block, each on a connection of its own to one of two network processes
 * (NP). It goes on with the next version when it has an answer, or when the connection is cut or
 * the NP dies. The storage process (SP) may die at any step, and so may NPs; a successor inherits
 * the mailboxes with all that is in them. The kernel ends the writes of a dead SP at any later time.
 * Then the successor gets the claim. In short:
 *
 *  - Each side drops what is in its mailbox until the peer's OPEN with the epochs of both.
 *  - The SP says OPEN when it holds the claim, and when no request of a dead predecessor of the NP
 *    is active in it; those that it has not begun are dropped. The NP may use its buffers, and send
 *    what was not answered again, after the SP's OPEN. It drops requests of connections that it
 *    knows to be cut.
 *  - While there is no SP, an NP may answer a request with an error, as its time (--hold) is over.
 *    It does not send this one again, and does not use the buffer before the SP's OPEN.
 *  - An SP begins when all NPs have sent REPLAYED. Replayed requests of an NP for which it waits no
 *    longer are refused, unless they are done.
 *  - When a write has ended, the SP puts the tag, with the NP's epoch, into its in-flight table,
 *    before anything that overlaps starts and before the reply. The table outlives the SP.
 *  - An SP that has taken a request looks at the other mailboxes once before it puts the request
 *    into the order of overlapping writes, and sorts what it has taken by the times at which the
 *    NPs received it. Here the version is this time.
 *
 * Assumed: when a client hands over a newer version, the NP of a connection that was cut has either
 * handed over its request or noticed the cut. No protocol of a server can do without this;
 * BROKEN_UNSEEN shows what happens.
 *
 * Checked: the disk never has an older version than the newest that was acknowledged. No request
 * is answered twice. No payload buffer is used for a new request while an SP, dead or alive, writes
 * from it. The client comes to an end. Broken twins:
 *
 *   BROKEN_CLAIM        a successor does not wait for the claim
 *   BROKEN_EARLY        a successor says OPEN, so that NPs replay, and waits for the claim after it
 *   BROKEN_TABLE        there is no in-flight table
 *   BROKEN_TABLE_LATE   the table is written after a request that overlaps may have started
 *   BROKEN_TABLE_CLEAR  a successor clears the table when it starts
 *   BROKEN_TABLE_EPOCH  an entry of the table has no epoch of the NP
 *   BROKEN_GENERATION   an entry of the table has no generation of the tag
 *   BROKEN_OVERLAP      writes that overlap run at the same time
 *   BROKEN_ORDER        replayed writes that overlap run in any order
 *   BROKEN_MAILBOXES    the SP does not look at the other mailboxes before it orders requests
 *   BROKEN_LATE         an SP carries out what an NP replays for which it did not wait
 *   BROKEN_EPOCHS       a successor takes what is in its mailbox, not only what follows OPEN
 *   BROKEN_NEWER        an OPEN is dropped that is newer than what the receiver was told
 *   BROKEN_ACTIVE       an SP says OPEN while requests of the NP's predecessor are active in it
 *   BROKEN_HOLD         the buffer of a request whose time was over is used before the SP's OPEN
 *   BROKEN_OVER         a request whose time was over is sent again
 *   BROKEN_UNSEEN       a client goes on before its old NP handed over or noticed the cut
 *
 * Bounds:
 *
 *   liveness: -DLATES=0 -DCUTS=0 -DHOLDS=0
 *   long safety: -DVERSIONS=3
 *   long liveness: -DVERSIONS=2
 */
#ifdef BROKEN_TABLE_CLEAR
#define SP_LIVES	3
#endif
#ifndef VERSIONS
#define VERSIONS	2
#endif
#ifndef SP_LIVES
#define SP_LIVES	2
#endif
#ifndef NP_DEATHS
#define NP_DEATHS	1
#endif
/* The messages to a dead peer and to a living one, and an OPEN for each life. */
#define ROOM		(4 + SP_LIVES + NP_DEATHS)
#ifndef CUTS
#define CUTS		1
#endif
#ifndef LATES
#define LATES		1	/* how often the SP does not wait for an NP */
#endif
#ifndef HOLDS
#define HOLDS		1	/* how often the time of a request is over */
#endif

mtype = { OPEN, REQUEST, REPLAY, REPLAYED, REPLY, REFUSED };

/* The truth. */
byte disk, acked;
byte sp_epoch = 1;
byte np_epoch[2] = 1;
byte op[SP_LIVES * 2];		/* writes of the kernel: version, 0 if none, for each SP and NP */
byte np_deaths, cuts, lates, holds;

#define the_op(n)	op[(sp_epoch - 1) * 2 + n]
#define old_op(n)	((sp_epoch > 1 && op[n]) || (sp_epoch > 2 && op[2 + n]))
#define any_op(n)	(the_op(n) || old_op(n))

/* The mailboxes. OPEN: epochs of NP and SP; requests: generation, version; replies: generation. */
chan to_sp[2] = [ROOM] of { mtype, byte, byte };
chan to_np[2] = [ROOM] of { mtype, byte, byte };

/* A sender never waits for room: the mailbox always has some. */
inline post(mailbox, type, x, y)
{
	assert(nfull(mailbox));
	mailbox!type,x,y
}

/* A side drops what dead peers have left before it says OPEN, so that there is room for more. */
inline drain(mailbox, newest_np, newest_sp)
{
	do
	:: nempty(mailbox) && !mailbox?[OPEN,eval(newest_np),eval(newest_sp)] -> mailbox?_,_,_
	:: empty(mailbox) || mailbox?[OPEN,eval(newest_np),eval(newest_sp)] -> break
	od
}

/* An NP, which has one tag and one payload buffer. */
mtype = { IDLE, QUEUED, AT_SP };
mtype = { NONE, LIVE, CUT };
mtype slot[2] = IDLE;
mtype conn[2] = NONE;
byte gen[2], version[2];
byte np_pair[2];		/* epoch of the SP to which it has opened the channel */
bool np_open[2];		/* the SP's OPEN has come */
bool np_clean[2];		/* some SP has said OPEN in this life: the buffer may be used */

/* The client. */
bool got_reply, got_error, has_ended;

/* The SP. */
mtype = { NOTHING, TAKEN, LOOKED, ENTERED, STARTED, ENDED, RECORDED, REFUSE };
bool has_claim = true, serving;
byte sp_pair[2];		/* epoch of the NP to which it has opened the channel */
bool sp_open[2], replayed[2];
mtype stage[2] = NOTHING;
byte r_gen[2], r_version[2];
byte first;			/* the NP whose request was entered before the other's */

/* The in-flight table. */
byte done_epoch[2], done_gen[2];
#ifdef BROKEN_TABLE_CLEAR
byte had_epoch[2], had_gen[2];	/* the copy of a successor */
#endif

/*
 * Network processes
 */

inline np_answer(n)
{
	if
	:: conn[n] == LIVE ->
		assert(!got_reply);
		got_reply = true;
		conn[n] = NONE;
		acked = version[n];
		assert(disk >= acked)
	:: else
	fi;
	np_idle(n)
}

inline np_refused(n)
{
	if
	:: conn[n] == LIVE -> got_error = true; conn[n] = NONE
	:: else
	fi;
	np_idle(n)
}

inline np_idle(n)
{
	slot[n] = IDLE;
	version[n] = 0;
	conn[n] = NONE
}

/* The dead SP may still write from the buffer. */
inline np_over(n)
{
#ifdef BROKEN_OVER
	if
	:: conn[n] == LIVE -> got_error = true
	:: else
	fi
#else
	np_refused(n);
#ifndef BROKEN_HOLD
	np_clean[n] = false
#endif
#endif
}

/* All that was lent is back. */
inline np_replay(n)
{
	if
	:: slot[n] == AT_SP && conn[n] == NONE -> np_idle(n)
	:: slot[n] == AT_SP && conn[n] != NONE -> post(to_sp[n], REPLAY, gen[n], version[n])
	:: else
	fi;
	post(to_sp[n], REPLAYED, 0, 0)
}

inline np_take(n)
{
	to_np[n]?t,a,b;
	if
	:: t == OPEN && a == np_epoch[n] && b == np_pair[n] ->
		np_open[n] = true;
		np_clean[n] = true;
		np_replay(n)
	:: t != OPEN && np_open[n] && a == gen[n] && slot[n] == AT_SP ->
		if
		:: t == REPLY -> np_answer(n)
		:: t == REFUSED -> np_refused(n)
		fi
	:: t != OPEN && np_open[n] && !(a == gen[n] && slot[n] == AT_SP) ->
		/* An answer to something that was not asked, or was answered before. */
		assert(false)
	:: else
	fi;
	t = 0; a = 0; b = 0
}

/* An OPEN that is newer than what this side was told stays until it is told. */
#ifdef BROKEN_NEWER
#define np_may_take(n)	nempty(to_np[n])
#define sp_may_take(n)	nempty(to_sp[n])
#else
#define np_may_take(n)	(nempty(to_np[n]) && !(np_pair[n] != sp_epoch && \
			 to_np[n]?[OPEN,_,eval(sp_epoch)]))
#define sp_may_take(n)	(nempty(to_sp[n]) && !(sp_pair[n] != np_epoch[n] && \
			 to_sp[n]?[OPEN,eval(np_epoch[n]),_]))
#endif

/* The NP first takes the messages that the dead SP has left. */
#define is_drained(n)	(!np_open[n] || empty(to_np[n]) || to_np[n]?[OPEN,_,_])

proctype np(byte n)
{
	mtype t;
	byte a, b;

end:	do
	:: atomic { np_pair[n] != sp_epoch && is_drained(n) ->
		np_pair[n] = sp_epoch;
		np_open[n] = false;
		post(to_sp[n], OPEN, np_epoch[n], sp_epoch) }
	:: atomic { np_pair[n] && np_may_take(n) -> np_take(n) }
	:: atomic { slot[n] == QUEUED && np_open[n] ->
		slot[n] = AT_SP;
		post(to_sp[n], REQUEST, gen[n], version[n]) }
	:: atomic { conn[n] == CUT ->
		conn[n] = NONE;
		if
		:: slot[n] == QUEUED -> np_idle(n)
		:: else
		fi }
	:: atomic { slot[n] == AT_SP && conn[n] == LIVE && !np_open[n] && holds < HOLDS ->
		holds++;
		np_over(n) }
	/* It dies. Its successor knows nothing, but its epoch. */
	:: atomic { n == 0 && np_deaths < NP_DEATHS && np_pair[n] ->
		np_deaths++;
		np_epoch[n]++;
		np_idle(n);
		gen[n] = 0;
		np_pair[n] = 0;
		np_open[n] = false;
		np_clean[n] = false }
	od
}

/*
 * The client
 */

#ifdef BROKEN_UNSEEN
#define may_go_on	true
#else
#define is_unseen(n)	(conn[n] == CUT && slot[n] == QUEUED)
#define may_go_on	(!is_unseen(0) && !is_unseen(1))
#endif

inline submit(i)
{
	n = i;
	assert(!any_op(n));
	slot[n] = QUEUED;
	conn[n] = LIVE;
	version[n] = v;
	gen[n]++
}

active proctype client()
{
	byte v = 1, n;

	do
	:: v <= VERSIONS ->
		if
		:: atomic { may_go_on && slot[0] == IDLE && np_clean[0] -> submit(0) }
		:: atomic { may_go_on && slot[1] == IDLE && np_clean[1] -> submit(1) }
		fi;
		if
		:: atomic { got_reply || got_error -> got_reply = false; got_error = false }
		:: atomic { conn[n] != LIVE && !got_reply && !got_error }
		:: atomic { cuts < CUTS && conn[n] == LIVE -> cuts++; conn[n] = CUT }
		fi;
		v++
	:: v > VERSIONS -> break
	od;
	has_ended = true
}

/*
 * The storage process
 */

#ifdef BROKEN_EARLY
#define may_open	true
#else
#define may_open	has_claim
#endif
#ifdef BROKEN_ACTIVE
#define is_inactive(n)	true
#else
#define is_inactive(n)	(stage[n] != STARTED)
#endif

#ifdef BROKEN_TABLE
#define is_done(n)	false
#elif defined(BROKEN_TABLE_EPOCH)
#define is_done(n)	(done_gen[n] == a)
#elif defined(BROKEN_GENERATION)
#define is_done(n)	(done_epoch[n] == sp_pair[n])
#elif defined(BROKEN_TABLE_CLEAR)
#define is_done(n)	((done_epoch[n] == sp_pair[n] && done_gen[n] == a) || \
			 (had_epoch[n] == sp_pair[n] && had_gen[n] == a))
#else
#define is_done(n)	(done_epoch[n] == sp_pair[n] && done_gen[n] == a)
#endif

#ifdef BROKEN_LATE
#define is_refused(n)	false
#else
#define is_refused(n)	(t == REPLAY && serving)
#endif

inline sp_take(n)
{
	to_sp[n]?t,a,b;
	if
	:: t == OPEN && a == sp_pair[n] && b == sp_epoch -> sp_open[n] = true
	:: t == REPLAYED && sp_open[n] -> replayed[n] = true
	:: (t == REQUEST || t == REPLAY) && sp_open[n] ->
		r_gen[n] = a;
		r_version[n] = b;
		if
		:: is_done(n) -> stage[n] = RECORDED
		:: !is_done(n) && is_refused(n) -> stage[n] = REFUSE
		:: else -> stage[n] = TAKEN
		fi
	:: else
	fi;
	t = 0; a = 0; b = 0
}

#define n_replayed	(replayed[0] + replayed[1])

#ifdef BROKEN_MAILBOXES
#define has_looked(n)	true
#else
#define has_looked(n)	(stage[1 - n] != NOTHING || empty(to_sp[1 - n]))
#endif
#ifdef BROKEN_ORDER
#define is_next(n)	true
#else
#define is_next(n)	!((stage[1 - n] == TAKEN || stage[1 - n] == LOOKED) && \
			  r_version[1 - n] < r_version[n])
#endif

#ifdef BROKEN_TABLE_LATE
#define is_entered(n)	(stage[n] == ENTERED || stage[n] == STARTED)
#else
#define is_entered(n)	(stage[n] == ENTERED || stage[n] == STARTED || stage[n] == ENDED)
#endif
#ifdef BROKEN_OVERLAP
#define is_blocked(n)	false
#else
#define is_blocked(n)	(is_entered(1 - n) && first != n)
#endif

inline sp_nothing(n)
{
	stage[n] = NOTHING;
	r_gen[n] = 0;
	r_version[n] = 0
}

inline sp_unpaired(n)
{
	sp_nothing(n);
	sp_pair[n] = 0;
	sp_open[n] = false;
	replayed[n] = false
}

/* The steps of the SP for one NP; each is one of its only thread. */
proctype sp(byte n)
{
	mtype t;
	byte a, b;

end:	do
	:: atomic { may_open && sp_pair[n] != np_epoch[n] && is_inactive(n) ->
#ifndef BROKEN_ACTIVE
		sp_unpaired(n);
#endif
		sp_pair[n] = np_epoch[n];
#ifdef BROKEN_EPOCHS
		sp_open[n] = true;
#else
		sp_open[n] = false;
		drain(to_sp[n], np_epoch[n], sp_epoch);
#endif
		post(to_np[n], OPEN, np_epoch[n], sp_epoch) }
	:: atomic { sp_pair[n] && sp_may_take(n) &&
		(stage[n] == NOTHING || to_sp[n]?[REPLAYED,_,_]) -> sp_take(n) }
	:: atomic { stage[n] == TAKEN && serving && has_looked(n) -> stage[n] = LOOKED }
	:: atomic { stage[n] == LOOKED && is_next(n) ->
		first = (is_entered(1 - n) -> 1 - n : n);
		stage[n] = ENTERED }
	:: atomic { stage[n] == ENTERED && !is_blocked(n) ->
		the_op(n) = r_version[n];
		stage[n] = STARTED }
	:: atomic { stage[n] == ENDED ->
		done_epoch[n] = sp_pair[n];
		done_gen[n] = r_gen[n];
		stage[n] = RECORDED }
	:: atomic { stage[n] == RECORDED -> post(to_np[n], REPLY, r_gen[n], 0); sp_nothing(n) }
	:: atomic { stage[n] == REFUSE -> post(to_np[n], REFUSED, r_gen[n], 0); sp_nothing(n) }
	od
}

inline clear_table(n)
{
	had_epoch[n] = done_epoch[n];
	had_gen[n] = done_gen[n];
	done_epoch[n] = 0;
	done_gen[n] = 0
}

/* Its steps for all NPs, and its death. */
active proctype sp_all()
{
end:	do
	:: atomic { !serving && has_claim && n_replayed == 2 -> serving = true }
	:: atomic { !serving && has_claim && n_replayed == 1 && lates < LATES ->
		lates++;
		serving = true }
	:: atomic { !has_claim && !old_op(0) && !old_op(1) -> has_claim = true }
	:: atomic { sp_epoch < SP_LIVES ->
		sp_unpaired(0);
		sp_unpaired(1);
		first = 0;
		serving = false;
#ifdef BROKEN_TABLE_CLEAR
		clear_table(0);
		clear_table(1);
#endif
#ifndef BROKEN_CLAIM
		has_claim = false;
#endif
		sp_epoch++ }
	od
}

inline land(i)
{
	assert(op[i] >= acked);
	disk = op[i];
	op[i] = 0;
	if
	:: i / 2 + 1 == sp_epoch && stage[i % 2] == STARTED -> stage[i % 2] = ENDED
	:: else
	fi
}

/* Every write ends, also that of a dead SP. */
active proctype kernel()
{
end:	do
	:: atomic { op[0] -> land(0) }
	:: atomic { op[1] -> land(1) }
	:: atomic { op[2] -> land(2) }
	:: atomic { op[3] -> land(3) }
#if SP_LIVES > 2
	:: atomic { op[4] -> land(4) }
	:: atomic { op[5] -> land(5) }
#endif
	od
}

init
{
	atomic { run np(0); run np(1); run sp(0); run sp(1) }
}

ltl ends { <> has_ended }
