/* SPDX-License-Identifier: MIT */
/*
 * Slots: the requests in flight. A slot owns the network buffer of the same
 * index, for as long as it is not free.
 */
#ifndef NP_SLOT_H
#define NP_SLOT_H

#include <common/nbd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

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
 * @SLOT_AT_SP: the SP, until its REPLY of this generation, or its end
 * @SLOT_REPLYING: the NP, and from the start of sending the kernel; also the
 *	SP's data of a READ, which RELEASE gives back
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
 * @generation: changes with each use; an SP's words about an older one are void
 * @request: the header, read once from the network buffer
 * @error: SLOT_PAYLOAD: why the payload is thrown away, or 0; SLOT_REPLYING:
 *	what the reply says
 * @bytes: its share of the connection's bytes in flight
 * @lent: buffers of the SP that its data takes, from the REQUEST on
 * @group: group of the run
 * @index: first buffer of the run
 * @count: its buffers, 0 for no run. SLOT_PAYLOAD and SLOT_AT_SP: the NP's
 *	payload; SLOT_REPLYING: the SP's data
 */
struct slot {
	TAILQ_ENTRY(slot) link;
	struct conn *conn;
	enum slot_state state;
	uint16_t generation;
	struct nbd_request request;
	uint32_t error;
	uint32_t bytes;
	uint32_t lent;
	uint32_t group;
	uint32_t index;
	uint32_t count;
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
/** slot_tag() - by which the payload pool knows to whom a run was handed */
uint32_t slot_tag(const struct np *np, const struct slot *s);
/** slot_buffer() - its network buffer */
uint8_t *slot_buffer(const struct np *np, const struct slot *s);

#endif /* NP_SLOT_H */
