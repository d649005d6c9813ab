/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of results: an SP notes in it which requests that change the disk it has completed, and
 * how. If the SP dies before its NP has the reply, the NP sends the request to the successor, which
 * finds the result there and does not do the request again. To do it again would be wrong: a later
 * request may have written newer data to the same blocks, and may have been answered.
 *
 * An SP has a table for each NP, in a group of its own that no other process writes, with an entry
 * for each slot of the NP's requests. It writes an entry when the request has ended on the disk,
 * before a request that overlaps begins and before the reply is sent. An entry stays until the next
 * request with its slot has ended; tags are never used twice, so it says nothing about that one.
 *
 * Besides the results a table has a time: the start of an SP does not wait for an NP that says
 * nothing, and requests of that NP which are older cannot be put in order any more. No later SP may
 * do them either, when the NP goes on and sends them again.
 *
 * The table for the first NP also has a note on what the disk may lose, for all NPs: a successor
 * that finds the disk to have gone and come back knows by it that clients have to be told.
 *
 * A successor trusts its predecessor no more than a peer: what an entry says is copied once and
 * checked, and the worst that it can say is that a request was done. A table of zeroes has no
 * result, and refuses nothing.
 *
 * This header must not know where the table lies, nor what becomes of requests.
 */
#ifndef PROTO_FLIGHT_H
#define PROTO_FLIGHT_H

#include <assert.h>
#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct proto_flight - an entry of the table
 * @tag: the request; 0 if the entry has none, which is no tag of an NP
 * @status: enum proto_status
 * @reserved: zero
 */
struct proto_flight {
	uint64_t tag;
	uint32_t status;
	uint32_t reserved;
};

static_assert(sizeof(struct proto_flight) == 16, "a cache line has four entries");

/**
 * struct proto_stake - what the disk may lose
 * @disk: the kernel's number of the disk (BLKGETDISKSEQ), which is another one whenever the disk
 *	comes; 0 if it has none
 * @losses: how often it has lost what was at stake
 * @is_at_stake: if the disk goes away now, it may lose changes that were acknowledged
 */
struct proto_stake {
	uint64_t disk;
	uint32_t losses;
	uint32_t is_at_stake;
};

static_assert(sizeof(struct proto_stake) == sizeof(struct proto_flight), "it is one entry");

/* A table has so many entries besides those for slots: the time, and the note on the disk. */
#define PROTO_FLIGHTS_MORE	2U

/**
 * struct proto_flights - the table of results for one NP
 * @entry: the entries, in shared memory, behind them one whose tag is the time, and then the note
 * @n: how many there are, without the last two
 */
struct proto_flights {
	struct proto_flight *entry;
	uint32_t n;
};

/**
 * proto_flights_refuse() - refuse what is older than a time, also in the name of all successors
 * @t: table
 * @before_ns: CLOCK_BOOTTIME
 */
static inline void proto_flights_refuse(const struct proto_flights *t, uint64_t before_ns)
{
	__atomic_store_n(&t->entry[t->n].tag, before_ns, __ATOMIC_RELEASE);
}

/** proto_flights_refused() - before which time requests are refused; a predecessor can say any */
static inline uint64_t proto_flights_refused(const struct proto_flights *t)
{
	return __atomic_load_n(&t->entry[t->n].tag, __ATOMIC_ACQUIRE);
}

/** proto_flights_stake() - the note on the disk, in shared memory */
static inline struct proto_stake *proto_flights_stake(const struct proto_flights *t)
{
	return (struct proto_stake *)&t->entry[t->n + 1];
}

/**
 * proto_flights_note() - note that a request was completed
 * @t: table
 * @tag: its tag; one whose slot the table does not have is not noted
 * @status: how it ended
 *
 * The process may be killed between any two instructions of this: the entry then has its old
 * meaning, the new one, or none.
 */
static inline void proto_flights_note(const struct proto_flights *t, uint64_t tag,
				      enum proto_status status)
{
	uint32_t slot = proto_slot(tag);
	struct proto_flight *e;

	if (slot >= t->n)
		return;
	e = &t->entry[slot];
	/* With the old tag and the new status the entry would lie about the old request. */
	__atomic_store_n(&e->tag, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&e->status, status, __ATOMIC_RELEASE);
	/* A predecessor may have written there, and the entry would not be believed. */
	__atomic_store_n(&e->reserved, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&e->tag, tag, __ATOMIC_RELEASE);
}

/**
 * proto_flights_find() - how did the predecessor complete a request?
 * @t: table, written by a predecessor that need not be trusted
 * @tag: tag of the request
 * @status: filled in if it was completed
 *
 * Return: true if the table has a sound result for exactly this tag.
 */
bool proto_flights_find(const struct proto_flights *t, uint64_t tag, enum proto_status *status);

#endif /* PROTO_FLIGHT_H */
