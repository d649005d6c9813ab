/* SPDX-License-Identifier: MIT */
/*
 * The replacement of this process by a successor, which runs already and waits for the connections,
 * see successor.h. The steps:
 *
 *	1. arenad has passed a socket to the successor, which says that it is ready. If it could not
 *	   go on here, for one of them is of a version that the other one does not speak, or an SP
 *	   is not there for a while, that is the end of it.
 *	2. No client is accepted. Connections with which no successor could go on have
 *	   HANDOFF_LEAD_SECONDS to end, while all others are served: handshakes, TLS that this
 *	   process seals, replies that the client does not take, payloads that are thrown away,
 *	   requests in pieces.
 *	3. Nothing more is received, and what is in flight is done. A client that holds this up for
 *	   HANDOFF_DRAIN_SECONDS is cut off; if an SP does, the process goes on.
 *	4. All connections are handed over, each as the socket, what was agreed on with the client,
 *	   and the bytes that came and were not served. They stay here, too, as they are.
 *	5. The successor says that it has them. This process says that they are the successor's, and
 *	   ends, and with that the successor begins.
 *
 * Until then this process can go on whenever something goes wrong, and does so as if nothing had
 * happened, but for the connections that have ended in steps 2 and 3. This header must not know who
 * starts the successor.
 */
#ifndef NP_HANDOFF_H
#define NP_HANDOFF_H

#include <arena/ring.h>
#include <control/handoff.h>
#include <stdbool.h>
#include <stdint.h>

#include "handler.h"

struct conn;
struct np;

/**
 * enum handoff_phase - how far the replacement is
 * @HANDOFF_NONE: there is none
 * @HANDOFF_CALLED: the successor is not ready yet
 * @HANDOFF_LEADING: step 2
 * @HANDOFF_DRAINING: step 3
 * @HANDOFF_SENDING: step 4
 * @HANDOFF_ENDING: step 5
 */
enum handoff_phase {
	HANDOFF_NONE,
	HANDOFF_CALLED,
	HANDOFF_LEADING,
	HANDOFF_DRAINING,
	HANDOFF_SENDING,
	HANDOFF_ENDING,
};

/**
 * struct handoff - the replacement
 * @phase: how far it is
 * @fd: the socket to the successor, unless the phase is HANDOFF_NONE
 * @file: the socket, as a file of the ring
 * @said: handles the poll for what the successor says
 * @can_send: handles the poll for room in the socket
 * @hears: the former is under way
 * @waits_for_room: the latter is
 * @ready: what the successor has said, once it has
 * @since: seconds when the phase began
 * @paused_ns: when step 3 began
 * @n: entries of @conn
 * @at: the connection that is handed over next
 * @conn: all connections that are handed over, from step 4 on
 * @has_sent_conn: that connection was handed over, but for bytes of it
 * @left: its bytes, or NULL
 * @n_left: how many there are
 * @n_sent: how many of them were sent
 */
struct handoff {
	enum handoff_phase phase;
	int fd;
	struct arena_file file;
	struct handler said;
	struct handler can_send;
	bool hears;
	bool waits_for_room;
	struct handoff_ready ready;
	int64_t since;
	int64_t paused_ns;
	uint32_t n;
	uint32_t at;
	struct conn **conn;
	bool has_sent_conn;
	uint8_t *left;
	uint32_t n_left;
	uint32_t n_sent;
};

/** handoff_is_on() - is there a replacement? */
static inline bool handoff_is_on(const struct handoff *h)
{
	return h->phase != HANDOFF_NONE;
}

/** handoff_is_begun() - is the successor ready, so that no client is accepted here any more? */
static inline bool handoff_is_begun(const struct handoff *h)
{
	return h->phase >= HANDOFF_LEADING;
}

/** handoff_is_sending() - are connections being handed over, which must not change meanwhile? */
static inline bool handoff_is_sending(const struct handoff *h)
{
	return h->phase >= HANDOFF_SENDING;
}

/** handoff_begin() - a successor is there; takes @fd, the socket to it, over */
void handoff_begin(struct np *np, int fd);

/** handoff_turn() - go on with the replacement, if there is one */
void handoff_turn(struct np *np);

/**
 * handoff_is_over() - does this process end, as its successor has all connections?
 *
 * It hears what the successor has said. If it is so, the connections are not those of this process
 * any more, and must not be shut down here.
 */
bool handoff_is_over(struct np *np);

/** handoff_give_up() - go on serving, if the process is being replaced; @why is logged */
void handoff_give_up(struct np *np, const char *why);

#endif /* NP_HANDOFF_H */
