/* SPDX-License-Identifier: MIT */
/*
 * Slots: the requests in flight. A slot owns the network buffer of the same
 * index, for as long as it is not free, and its generation is that of the buffer.
 */
#ifndef NP_SLOT_H
#define NP_SLOT_H

#include <arena/ref.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "nbd.h"

struct conn;
struct np;

/* Where the reply's header is made up, in the slot's network buffer. */
#define SLOT_REPLY_OFFSET 256

/**
 * enum slot_state - who has a slot's buffers
 * @SLOT_FREE: nobody
 * @SLOT_HEADER: the kernel: it receives a header into the network buffer
 * @SLOT_WAITING: the NP: a WRITE waits for payload buffers
 * @SLOT_PAYLOAD: the kernel: it receives a WRITE's payload
 * @SLOT_AT_SP: the SP, until its reply with this tag, or its end
 * @SLOT_REPLYING: the NP, and from the start of sending the kernel; also the
 *	SP's data of a READ, which RETURN gives back
 *
 * In this order, states being left out.
 */
enum slot_state {
	SLOT_FREE,
	SLOT_HEADER,
	SLOT_WAITING,
	SLOT_PAYLOAD,
	SLOT_AT_SP,
	SLOT_REPLYING,
};

/**
 * struct slot - a request in flight
 * @link: in the free list, the queue for payload buffers or a reply queue
 * @conn: its connection, which lives until it has no slot any more
 * @state: see there
 * @generation: changes with each use and is never 0; an SP's words about an older one are
 *	void
 * @is_lent: the SP has the network buffer, with the request's record
 * @request: the header, read once from the network buffer
 * @error: SLOT_PAYLOAD: why the payload is thrown away, or 0; SLOT_REPLYING:
 *	what the reply says
 * @bytes: its share of the connection's bytes in flight
 * @lent: buffers of the SP that its data takes, from the REQUESTS on
 * @run: where the bytes are; its count is 0 for no run. SLOT_PAYLOAD and SLOT_AT_SP: the
 *	NP's payload; SLOT_REPLYING: the SP's data
 */
struct slot {
	TAILQ_ENTRY(slot) link;
	struct conn *conn;
	enum slot_state state;
	uint16_t generation;
	bool is_lent;
	struct nbd_request request;
	uint32_t error;
	uint32_t bytes;
	uint32_t lent;
	struct arena_ref run;
};

TAILQ_HEAD(slot_queue, slot);

/**
 * struct slot_table - all slots
 * @n: slots
 * @slot: the slots
 * @free: those that nobody has
 * @n_free: how many these are
 * @n_served: connections that have at least one
 * @waiting: WRITEs in SLOT_WAITING, the oldest first. Only the first one is
 *	tried, so that a long run is not starved by short ones.
 *
 * A connection gets another slot while it has fewer bytes in flight than its SP
 * has free: so any number of greedy ones leave something, and one alone gets
 * half. @n_free never falls below the connections that may still come for their
 * first slot: whoever is connected can always be heard.
 */
struct slot_table {
	unsigned int n;
	struct slot *slot;
	struct slot_queue free;
	unsigned int n_free;
	unsigned int n_served;
	struct slot_queue waiting;
};

/** slot_table_init() - 0 or -ENOMEM; after the layout is known */
int slot_table_init(struct np *np);
void slot_table_exit(struct np *np);

/**
 * slot_get() - a slot in SLOT_HEADER for a connection
 *
 * Return: NULL if it has as much as it may have, or if the rest is kept for
 * the first requests of others: ask again after a slot_put().
 */
struct slot *slot_get(struct np *np, struct conn *c);

/** slot_put() - free a slot; its run, if any, must be gone already */
void slot_put(struct np *np, struct slot *s);

unsigned int slot_index(const struct np *np, const struct slot *s);
/** slot_tag() - by which the SP's reply names the request; of this use of the slot only */
uint64_t slot_tag(const struct np *np, const struct slot *s);
/** slot_of_tag() - the slot that has this tag now, or NULL */
struct slot *slot_of_tag(const struct np *np, uint64_t tag);
/** slot_lend() - lend the network buffer to the SP; the ref that names it */
struct arena_ref slot_lend(const struct np *np, struct slot *s);
/** slot_regain() - the SP @sp returns a network buffer; false if it has not got it */
bool slot_regain(const struct np *np, unsigned int sp, const struct arena_ref *ref);
/** slot_record() - its request record */
void *slot_record(const struct np *np, const struct slot *s);
/** slot_buffer() - its network buffer */
uint8_t *slot_buffer(const struct np *np, const struct slot *s);

#endif /* NP_SLOT_H */
