// SPDX-License-Identifier: MIT
#include "conn.h"

#include <common/address.h>
#include <common/log.h>
#include <proto/record.h>
#include <arena/message.h>
#include <stdlib.h>

#include "handshake.h"
#include "np.h"
#include "reply.h"
#include "request.h"

void conn_table_init(struct np *np)
{
	struct conn_table *t = &np->conns;

	t->max = np->options->connections_max;
	/* One slot for each connection, and as many to share. */
	if (t->max > np->slots.n / 2) {
		t->max = np->slots.n / 2;
		log_warn("%u network buffers are enough for %u connections only",
			 np->slots.n, t->max);
	}
	TAILQ_INIT(&t->living);
	TAILQ_INIT(&t->ending);
	TAILQ_INIT(&t->waiting);
}

static void control_done(struct ring_op *op, int res)
{
	struct conn *c = container_of(op, struct conn, control);

	/* ENOTCONN from a shutdown: the peer was faster. */
	(void)res;
	c->n_control--;
}

static void close_file(struct np *np, int file, struct ring_op *op)
{
	struct io_uring_sqe *sqe = ring_sqe(&np->ring);

	io_uring_prep_close(sqe, file);
	io_uring_sqe_set_data(sqe, op);
}

static void shut_down(struct conn *c, int how)
{
	struct io_uring_sqe *sqe = ring_sqe(&c->np->ring);

	io_uring_prep_shutdown(sqe, c->file, how);
	io_uring_sqe_set_data(sqe, &c->control);
	c->n_control++;
}

static void log_accepted(const struct conn *c)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(address);
	char text[ADDRESS_TEXT_SIZE] = "?";

	/* It fails where the client has gone already. */
	if (!getpeername(c->file, (struct sockaddr *)&address, &length))
		address_format(&address, text, sizeof(text));
	log_debug("connection %d: accepted from %s, %u now", c->file, text, c->np->conns.n);
}

void conn_new(struct np *np, int file)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		log_limited(LOG_LEVEL_ERROR, "no memory for a connection");
		close_file(np, file, NULL);
		return;
	}
	c->np = np;
	c->file = file;
	c->is_open = true;
	c->since = np->ring.now;
	c->control.done = control_done;
	transfer_init(&c->rx, &np->ring, file);
	transfer_init(&c->tx, &np->ring, file);
	TAILQ_INIT(&c->replies);
	TAILQ_INSERT_TAIL(&np->conns.living, c, link);
	np->conns.n++;
	np->counters.connections++;
	log_accepted(c);
	handshake_start(c);
	/* It came while the last accept was being cancelled. */
	if (np->stop.is_stopping)
		conn_kill(c);
}

static void move_to_ending(struct conn *c)
{
	struct conn_table *t = &c->np->conns;

	TAILQ_REMOVE(&t->living, c, link);
	TAILQ_INSERT_TAIL(&t->ending, c, link);
}

static void stop_waiting(struct conn *c)
{
	if (c->is_waiting)
		TAILQ_REMOVE(&c->np->conns.waiting, c, wait);
	c->is_waiting = false;
}

void conn_finish(struct conn *c)
{
	if (c->phase == CONN_HANDSHAKE) {
		conn_kill(c);
		return;
	}
	if (c->phase != CONN_SERVING)
		return;
	c->phase = CONN_FINISHING;
	move_to_ending(c);
	stop_waiting(c);
	/* Nobody waits for a header any more, but a payload may go on. */
	if (c->rx.is_busy && c->rx_slot->state == SLOT_HEADER)
		shut_down(c, SHUT_RD);
}

void conn_kill(struct conn *c)
{
	if (c->phase == CONN_DEAD)
		return;
	if (c->phase != CONN_FINISHING)
		move_to_ending(c);
	c->phase = CONN_DEAD;
	stop_waiting(c);
	request_abandon(c);
	reply_abandon(c);
	transfer_cut(&c->rx);
	transfer_cut(&c->tx);
	/* Ends what is under way; reap() closes the socket after that. */
	shut_down(c, SHUT_RDWR);
}

static void for_all(struct conn_list *list, void (*f)(struct conn *c))
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(list); c; c = next) {
		next = TAILQ_NEXT(c, link);
		f(c);
	}
}

void conn_finish_all(struct np *np)
{
	for_all(&np->conns.living, conn_finish);
}

void conn_kill_all(struct np *np)
{
	for_all(&np->conns.living, conn_kill);
	for_all(&np->conns.ending, conn_kill);
}

/*
 * Who may still hold a dead connection, and why each lets go: the kernel by an
 * operation on its socket (the shutdown makes each one complete), the kernel by
 * the shutdown and the close (they complete by themselves), an SP by a slot (it
 * replies, or it dies and peer_fail() takes the slot back).
 */
static void reap(struct conn *c)
{
	struct np *np = c->np;

	if (c->phase == CONN_FINISHING && c->n_slots == 0)
		conn_kill(c);
	if (c->phase != CONN_DEAD || c->rx.is_busy || c->tx.is_busy ||
	    c->n_control)
		return;
	if (c->is_open) {
		c->is_open = false;
		c->n_control++;
		close_file(np, c->file, &c->control);
		return;
	}
	if (c->n_slots)
		return;
	TAILQ_REMOVE(&np->conns.ending, c, link);
	np->conns.n--;
	log_debug("connection %d: gone, %u left", c->file, np->conns.n);
	free(c->negotiation);
	free(c);
}

void conn_table_turn(struct np *np)
{
	for_all(&np->conns.ending, reap);
}

static int64_t stall_limit(const struct conn *c, bool is_pressed)
{
	int64_t limit = c->np->options->stall_seconds;

	return is_pressed && limit > STALL_PRESSED_SECONDS ?
	       STALL_PRESSED_SECONDS : limit;
}

static bool has_stalled(const struct conn *c, const struct transfer *t,
			bool is_pressed)
{
	return t->is_busy &&
	       c->np->ring.now - t->moved_at > stall_limit(c, is_pressed);
}

static bool takes_no_replies(const struct conn *c)
{
	const struct peer *peer = &c->np->peer[c->sp];

	/* Below that, the longest request may have to wait. */
	return c->phase != CONN_HANDSHAKE &&
	       has_stalled(c, &c->tx, peer_free_bytes(peer) < PROTO_MAX_BYTES);
}

static bool sends_no_payload(const struct conn *c)
{
	return c->rx_slot && c->rx_slot->state == SLOT_PAYLOAD &&
	       has_stalled(c, &c->rx, !TAILQ_EMPTY(&c->np->slots.waiting));
}

/* Why a connection's time is over, or NULL. */
static const char *overdue(const struct conn *c)
{
	const struct options *o = c->np->options;
	int64_t now = c->np->ring.now;
	bool is_receiving = c->rx.is_busy && c->rx_slot;

	if (c->phase == CONN_HANDSHAKE)
		return now - c->since > o->handshake_seconds ?
		       "its handshake lasts too long" : NULL;
	if (takes_no_replies(c))
		return "it does not take its replies";
	if (sends_no_payload(c))
		return "its payload does not come";
	/* Idle: only the next header's slot is in use. */
	if (o->idle_seconds && is_receiving && c->n_slots == 1 &&
	    c->rx_slot->state == SLOT_HEADER &&
	    now - c->rx.moved_at > o->idle_seconds)
		return "it is idle";
	return NULL;
}

static void check_time(struct conn *c)
{
	const char *why = overdue(c);

	if (!why || c->phase == CONN_DEAD)
		return;
	log_limited(LOG_LEVEL_INFO, "connection %d is ended: %s", c->file, why);
	conn_kill(c);
}

void conn_table_tick(struct np *np)
{
	for_all(&np->conns.living, check_time);
	for_all(&np->conns.ending, check_time);
}
