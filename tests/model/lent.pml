/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffers that are lent between one network process (NP) and two storage processes (SP) which die,
 * and whose successors begin with an empty account. The NP has one payload buffer P, from which
 * each SP may write to its disk. The first SP has one buffer D for data, from which the NP sends to
 * a client. The kernel goes on with writes, reads and sends of a dead process for any time. A
 * process has the claim of its role when all those of its predecessors have ended. In short:
 *
 *  - A process says OPEN when it has its claim. Each side drops what is in its mailbox until the
 *    peer's OPEN with the epochs of both.
 *  - Each side says HELD after its OPEN if it still uses the other's buffer for a process that
 *    is dead, and then ALL. A buffer that is not held when ALL comes is free.
 *  - An SP says OPEN to the successor of an NP while its disk works for the dead one. The NP
 *    answers the OPEN of an SP.
 *  - The NP notes in its own memory, which its successor reads, that an SP has P, before it says so
 *    to that SP. A successor of the NP uses P if nobody is noted, or when that SP has said ALL.
 *
 * Checked: while a process writes to its buffer, or hands it to somebody, nobody else uses it,
 * dead or alive. A buffer that is lent comes back. Broken twins:
 *
 *   BROKEN_SP_CLAIM   an SP says OPEN before it has its claim
 *   BROKEN_NP_CLAIM   an NP says OPEN before it has its claim
 *   BROKEN_UNKNOWN    a successor of the SP takes D as free before the NP has sent ALL
 *   BROKEN_HELD       the NP does not say that it still sends from D
 *   BROKEN_SP_HELD    an SP does not say that its disk still reads P
 *   BROKEN_EARLY      a successor of the NP uses P when all SPs have said OPEN, before ALL
 *   BROKEN_ONE        a successor of the NP uses P when one SP has said ALL, whichever it is
 *   BROKEN_NOTE       the NP notes that an SP has P when it has said so to that SP
 *   BROKEN_REGAIN     the NP takes P back when an SP is dead, before the successor's OPEN
 *   BROKEN_EPOCHS     a successor of the SP takes all that is in its mailbox
 *   BROKEN_ALL        a successor of the NP does not send ALL, so D never comes back
 *
 * Bounds:
 *
 *   long safety: -DSP_LIVES=2 -DNP_LIVES=3
 *   long liveness: -DSP_LIVES=2 -DNP_LIVES=2
 */
#ifndef SP_LIVES
#define SP_LIVES	2	/* of the first SP; the second one lives for ever */
#endif
#ifndef NP_LIVES
#define NP_LIVES	2
#endif
/* An OPEN for each life, and the messages to a dead peer and to a living one. */
#define ROOM		(6 + NP_LIVES + SP_LIVES)
#define ROUNDS		3	/* how often P and D are lent */

mtype = { FREE, OWNED, LENT, UNKNOWN };
mtype = { OPEN, WRITE, WRITTEN, DATA, SENT, HELD, ALL };

/* The truth. */
byte sp_epoch[2] = 1, np_epoch = 1;
bool writing[SP_LIVES + 1];	/* from P, by each life of the first SP, and by the second one */
bool reading[SP_LIVES];		/* into D, by each life of the first SP */
bool sending[NP_LIVES];		/* from D, by each life of the NP */
byte p_rounds, d_rounds;

#define SECOND		SP_LIVES
#define life(s)		(s == 0 -> sp_epoch[0] - 1 : SECOND)
#if SP_LIVES > 2
#define any_writing	(writing[0] || writing[1] || writing[2] || writing[3])
#define any_reading	(reading[0] || reading[1] || reading[2])
#define sp_old		((sp_epoch[0] > 1 && (writing[0] || reading[0])) || \
			 (sp_epoch[0] > 2 && (writing[1] || reading[1])))
#else
#define any_writing	(writing[0] || writing[1] || writing[2])
#define any_reading	(reading[0] || reading[1])
#define sp_old		(sp_epoch[0] > 1 && (writing[0] || reading[0]))
#endif
#if NP_LIVES > 2
#define any_sending	(sending[0] || sending[1] || sending[2])
#define np_old		((np_epoch > 1 && sending[0]) || (np_epoch > 2 && sending[1]))
#else
#define any_sending	(sending[0] || sending[1])
#define np_old		(np_epoch > 1 && sending[0])
#endif

/* The mailboxes. OPEN: epochs of NP and SP. */
chan to_sp[2] = [ROOM] of { mtype, byte, byte };
chan to_np[2] = [ROOM] of { mtype, byte, byte };

/* The NP. */
mtype p = FREE;
byte p_at;			/* the SP that has P */
byte noted;			/* that SP and 1; 0 for nobody. A successor finds it */
#ifdef BROKEN_NOTE
byte not_noted;			/* what it is going to note */
#endif
bool np_claim = true;
byte np_pair[2];
bool np_open[2];
bool np_met[2];			/* this SP has said ALL in this life of the NP */
bool has_d;			/* it has borrowed D */

/* The SPs. */
mtype d = UNKNOWN;
bool sp_claim[2] = true;
byte sp_pair[2];
bool sp_open[2];
bool has_p[2];			/* it has borrowed P, and its disk works */

inline post(mailbox, type, x, y)
{
	assert(nfull(mailbox));
	mailbox!type,x,y
}

inline drain(mailbox, newest_np, newest_sp)
{
	do
	:: nempty(mailbox) && !mailbox?[OPEN,eval(newest_np),eval(newest_sp)] -> mailbox?_,_,_
	:: empty(mailbox) || mailbox?[OPEN,eval(newest_np),eval(newest_sp)] -> break
	od
}

/*
 * The network process
 */

#ifdef BROKEN_ONE
#define knows_p		(!noted || np_met[0] || np_met[1])
#else
#define knows_p		(!noted || np_met[noted - 1])
#endif
#ifdef BROKEN_NP_CLAIM
#define np_may_open	true
#else
#define np_may_open	np_claim
#endif

inline np_answer_open(s)
{
	np_open[s] = true;
#ifdef BROKEN_EARLY
	np_met[s] = true;
#endif
	if
	:: p == LENT && p_at == s -> p = OWNED; noted = 0
	:: else
	fi;
#ifndef BROKEN_HELD
	if
	:: s == 0 && has_d -> post(to_sp[0], HELD, 0, 0)
	:: else
	fi;
#endif
#ifdef BROKEN_ALL
	if
	:: np_epoch == 1 -> post(to_sp[s], ALL, 0, 0)
	:: else
	fi
#else
	post(to_sp[s], ALL, 0, 0)
#endif
}

inline np_take(s)
{
	to_np[s]?t,a,b;
	if
	:: t == OPEN && a == np_epoch && b == np_pair[s] -> np_answer_open(s)
	:: t == HELD && np_open[s] -> assert(p == FREE && noted == s + 1); p = LENT; p_at = s
	:: t == ALL && np_open[s] ->
		np_met[s] = true;
		noted = (noted == s + 1 && p == FREE -> 0 : noted)
	:: t == WRITTEN && np_open[s] -> assert(p == LENT && p_at == s); p = OWNED; noted = 0
	:: t == DATA && np_open[s] ->
		assert(!has_d);
		has_d = true;
		sending[np_epoch - 1] = true
	:: else
	fi;
	t = 0; a = 0; b = 0
}

#define np_may_take(s)	(nempty(to_np[s]) && !(np_pair[s] != sp_epoch[s] && \
			 to_np[s]?[OPEN,_,eval(sp_epoch[s])]))
#define is_drained(s)	(!np_open[s] || empty(to_np[s]) || to_np[s]?[OPEN,_,_])

/* The steps of the NP for one SP; each is one of its only thread. */
proctype np(byte s)
{
	mtype t;
	byte a, b;

end:	do
	:: atomic { np_may_open && np_pair[s] != sp_epoch[s] && is_drained(s) ->
		np_pair[s] = sp_epoch[s];
		np_open[s] = false;
#ifdef BROKEN_REGAIN
		if
		:: p == LENT && p_at == s -> p = OWNED
		:: else
		fi;
#endif
		drain(to_np[s], np_epoch, sp_epoch[s]);
		post(to_sp[s], OPEN, np_epoch, sp_epoch[s]) }
	:: atomic { np_pair[s] && np_may_take(s) -> np_take(s) }
	:: atomic { p == OWNED && np_open[s] && p_rounds < ROUNDS ->
		p_rounds++;
		p = LENT;
		p_at = s;
#ifdef BROKEN_NOTE
		not_noted = s + 1;
#else
		noted = s + 1;
#endif
		post(to_sp[s], WRITE, 0, 0) }
#ifdef BROKEN_NOTE
	:: atomic { not_noted == s + 1 && p == LENT -> noted = not_noted; not_noted = 0 }
#endif
	:: atomic { s == 0 && has_d && !sending[np_epoch - 1] && np_open[0] ->
		has_d = false;
		post(to_sp[0], SENT, 0, 0) }
	od
}

/* Its steps for all SPs, and its death. */
active proctype np_all()
{
end:	do
	:: atomic { !np_claim && !np_old -> np_claim = true }
	:: atomic { np_may_open && p == FREE && knows_p -> assert(!any_writing); p = OWNED }
	:: atomic { p == OWNED -> assert(!any_writing); p = FREE }
	:: atomic { np_epoch < NP_LIVES ->
		np_epoch++;
		np_claim = false;
		p = FREE; p_at = 0; has_d = false;
#ifdef BROKEN_NOTE
		not_noted = 0;
#endif
		np_pair[0] = 0; np_pair[1] = 0;
		np_open[0] = false; np_open[1] = false;
		np_met[0] = false; np_met[1] = false }
	od
}

/*
 * The storage processes
 */

#ifdef BROKEN_SP_CLAIM
#define sp_may_open(s)	true
#else
#define sp_may_open(s)	sp_claim[s]
#endif

inline sp_take(s)
{
	to_sp[s]?t,a,b;
	if
	:: t == OPEN && a == sp_pair[s] && b == sp_epoch[s] -> sp_open[s] = true
	:: t == WRITE && sp_open[s] ->
		assert(!has_p[s]);
		has_p[s] = true;
		writing[life(s)] = true
	:: t == SENT && sp_open[s] -> d = (d == LENT -> FREE : d)
	:: t == HELD && sp_open[s] -> d = LENT
	:: t == ALL && sp_open[s] -> d = (s == 0 && d == UNKNOWN -> FREE : d)
	:: else
	fi;
	t = 0; a = 0; b = 0
}

#define sp_may_take(s)	(nempty(to_sp[s]) && !(sp_pair[s] != np_epoch && \
			 to_sp[s]?[OPEN,eval(np_epoch),_]))

inline sp_pairs(s)
{
	sp_pair[s] = np_epoch;
	if
	:: s == 0 && d == LENT -> d = UNKNOWN
	:: else
	fi;
#ifdef BROKEN_EPOCHS
	sp_open[s] = true;
#else
	sp_open[s] = false;
	drain(to_sp[s], np_epoch, sp_epoch[s]);
#endif
	post(to_np[s], OPEN, np_epoch, sp_epoch[s]);
#ifndef BROKEN_SP_HELD
	if
	:: has_p[s] -> post(to_np[s], HELD, 0, 0)
	:: else
	fi;
#endif
	post(to_np[s], ALL, 0, 0)
}

proctype sp(byte s)
{
	mtype t;
	byte a, b;

end:	do
	:: atomic { !sp_claim[s] && !sp_old -> sp_claim[s] = true }
	:: atomic { sp_may_open(s) && sp_pair[s] != np_epoch -> sp_pairs(s) }
	:: atomic { sp_pair[s] && sp_may_take(s) -> sp_take(s) }
	:: atomic { has_p[s] && !writing[life(s)] ->
		has_p[s] = false;
		if
		:: sp_pair[s] == np_epoch -> post(to_np[s], WRITTEN, 0, 0)
		:: else
		fi }
	:: atomic { s == 0 && d == FREE && sp_open[0] && d_rounds < ROUNDS ->
		assert(!any_sending && !any_reading);
		d_rounds++;
		d = OWNED;
		reading[life(0)] = true }
	:: atomic { s == 0 && d == OWNED && !reading[life(0)] ->
		assert(!any_sending && !any_reading);
		if
		:: sp_pair[0] == np_epoch && sp_open[0] -> d = LENT; post(to_np[0], DATA, 0, 0)
		:: else -> d = FREE
		fi }
	/* It dies. */
	:: atomic { s == 0 && sp_epoch[0] < SP_LIVES ->
		sp_epoch[0]++;
		sp_claim[0] = false;
		sp_pair[0] = 0;
		sp_open[0] = false;
		has_p[0] = false;
#ifdef BROKEN_UNKNOWN
		d = FREE
#else
		d = UNKNOWN
#endif
		}
	od
}

/* Each operation of the kernel ends, also for a dead process. */
active proctype kernel()
{
end:	do
	:: atomic { writing[0] -> writing[0] = false }
	:: atomic { writing[1] -> writing[1] = false }
	:: atomic { writing[2] -> writing[2] = false }
#if SP_LIVES > 2
	:: atomic { writing[3] -> writing[3] = false }
	:: atomic { reading[2] -> reading[2] = false }
#endif
	:: atomic { reading[0] -> reading[0] = false }
	:: atomic { reading[1] -> reading[1] = false }
	:: atomic { sending[0] -> sending[0] = false }
	:: atomic { sending[1] -> sending[1] = false }
#if NP_LIVES > 2
	:: atomic { sending[2] -> sending[2] = false }
#endif
	od
}

init
{
	atomic { run np(0); run np(1); run sp(0); run sp(1) }
}

#define d_is_away	(d == LENT || d == UNKNOWN)

ltl comes_back { [] ((p == LENT -> <> (p != LENT)) && (d_is_away -> <> !d_is_away)) }
