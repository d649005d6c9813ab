// SPDX-License-Identifier: MIT
#include "conn.h"

#include <common/log.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "np.h"
#include "successor.h"
#include "use.h"

void conn_table_init(struct conn_table *t, unsigned int max)
{
	t->max = max;
	TAILQ_INIT(&t->busy);
	TAILQ_INIT(&t->quiet);
	TAILQ_INIT(&t->ending);
	TAILQ_INIT(&t->touched);
	TAILQ_INIT(&t->waiting);
}

static void move_to(struct conn *c, struct conn_list *list)
{
	if (c->list == list)
		return;
	if (c->list)
		TAILQ_REMOVE(c->list, c, link);
	c->list = list;
	TAILQ_INSERT_TAIL(list, c, link);
}

void conn_touch(struct conn *c)
{
	if (c->is_touched)
		return;
	c->is_touched = true;
	TAILQ_INSERT_TAIL(&c->np->conns.touched, c, touched);
}

void conn_wait(struct conn *c)
{
	if (c->is_waiting)
		return;
	c->is_waiting = true;
	c->np->conns.n_waiting++;
	TAILQ_INSERT_TAIL(&c->np->conns.waiting, c, waiting);
}

static void leave_waiting(struct conn *c)
{
	c->is_waiting = false;
	c->np->conns.n_waiting--;
	TAILQ_REMOVE(&c->np->conns.waiting, c, waiting);
}

static void stop_waiting(struct conn *c)
{
	if (!c->is_waiting)
		return;
	leave_waiting(c);
	/* Others may have been refused only because this connection waited before them. */
	c->np->has_given = true;
}

void conn_is_busy(struct conn *c)
{
	if (c->list == &c->np->conns.quiet)
		move_to(c, &c->np->conns.busy);
}

/*
 * The beginning
 */

static void log_refusal(const struct np *np, const struct conn_peer *peer, int err)
{
	if (err == -EDQUOT)
		log_limited(LOG_LEVEL_INFO, "refused %s: it has %u connections already, and "
			    "--max-connections-per-client allows no more", peer->text,
			    np->clients.max);
	else
		log_limited(LOG_LEVEL_ERROR, "cannot serve %s: %s", peer->text, log_reason(-err));
}

static int set_up(struct conn *c, struct np *np, int fd, const struct conn_peer *peer)
{
	const struct client_key key = client_key_make(&peer->address, peer->uid);
	int ret = client_get(&np->clients, &key, &c->client);

	if (ret)
		return ret;
	ret = arena_ring_add_file(np->ring, fd, &c->file);
	if (ret)
		client_put(c->client);
	return ret;
}

static struct conn *make(struct np *np, int fd, const struct conn_peer *peer)
{
	struct conn *c = calloc(1, sizeof(*c));
	int ret = c ? set_up(c, np, fd, peer) : -ENOMEM;

	if (ret) {
		log_refusal(np, peer, ret);
		free(c);
		return NULL;
	}
	c->np = np;
	/* The kernel has no sends without a copy over UNIX sockets. */
	c->tx.zerocopy = peer->is_unix ? ZEROCOPY_NEVER :
			 zerocopy_bytes(np->options->zerocopy);
	c->has_file = true;
	c->since = np->now;
	c->number = ++np->conns.last;
	TAILQ_INIT(&c->replies);
	receive_init(c);
	return c;
}

static void begin(struct conn *c, int fd, const struct conn_peer *peer)
{
	c->socket.fd = fd;
	move_to(c, &c->np->conns.busy);
	c->np->conns.n++;
	c->np->counters.connections++;
	shown_begin(c, peer);
	conn_touch(c);
}

void conn_new(struct np *np, int fd, const struct conn_peer *peer)
{
	struct conn *c = make(np, fd, peer);

	if (!c) {
		close(fd);
		return;
	}
	begin(c, fd, peer);
	log_debug("connection %u: accepted from %s, %u now", c->number, peer->text,
		  np->conns.n);
	handshake_start(c, peer);
}

/*
 * Its SP is not asked, as it has been asked before, but is told how many clients of this process
 * use its disk.
 */
static int adopt_session(struct conn *c, const struct taken *t)
{
	int ret = t->conn.tls == HANDOFF_KERNEL ?
		  link_adopt(c, t->conn.sealed, t->identity) : 0;

	if (ret)
		return ret;
	if (link_is_tls(&c->socket))
		c->tx.zerocopy = ZEROCOPY_NEVER;
	conn_serve(c, t->sp, (struct nbd_session){
		.style = t->conn.style,
		.has_allocation = t->conn.has_allocation,
		.bytes = t->conn.bytes,
	});
	c->is_using = true;
	c->losses = t->conn.losses;
	c->np->peer[t->sp].n_clients++;
	return 0;
}

void conn_adopt(struct np *np, struct taken *t)
{
	struct conn *c = conn_table_has_room(&np->conns) ? make(np, t->fd, &t->peer) : NULL;

	if (!c) {
		close(t->fd);
		free(t->left);
		return;
	}
	begin(c, t->fd, &t->peer);
	log_debug("connection %u: handed over from %s, where it was %u, %u now", c->number,
		  t->peer.text, t->conn.number, np->conns.n);
	if (adopt_session(c, t)) {
		log_limited(LOG_LEVEL_WARN, "connection %u is ended: its TLS cannot be handed "
			    "over; its client can connect again", c->number);
		free(t->left);
		conn_kill(c);
		return;
	}
	/* Nobody is served before the SPs are known. */
	c->is_halted = true;
	np->counters.taken_over++;
	receive_adopt(c, t->left, t->conn.left);
}

void conn_serve(struct conn *c, unsigned int sp, struct nbd_session session)
{
	handshake_abandon(c);
	c->sp = sp;
	c->session = session;
	nbd_stream_init(&c->rx.stream, session.style == NBD_EXTENDED);
	c->phase = CONN_SERVING;
	c->rx.moved_at = c->np->now;
	shown_serve(c);
	log_debug("connection %u: uses export '%s'", c->number,
		  c->np->offered.set.export[sp].label);
	conn_touch(c);
}

/*
 * The end
 */

static void remove_file(struct conn *c)
{
	/* If the operation cannot be submitted now, reap() tries again later. */
	if (c->has_file && !arena_ring_remove_file(c->np->ring, c->file))
		c->has_file = false;
}

void conn_abort(struct conn *c)
{
	/* The ring resets it by closing the last descriptor. */
	link_abort(c);
	if (!c->is_aborted && !arena_ring_abort_file(c->np->ring, c->file)) {
		c->is_aborted = true;
		c->has_file = false;
	}
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
	c->is_owed = c->n_requests || c->tx.n_batches;
	move_to(c, &c->np->conns.ending);
	receive_stop(c);
	conn_touch(c);
}

void conn_linger(struct conn *c)
{
	link_bye(c);
	c->phase = CONN_LINGERING;
	c->since = c->np->now;
	move_to(c, &c->np->conns.ending);
	stop_waiting(c);
	receive_abandon(c);
	handshake_abandon(c);
	/* If our side cannot be shut down now, the client sees the end when the file is removed. */
	arena_ring_shutdown(c->np->ring, c->file);
	conn_touch(c);
}

void conn_kill(struct conn *c)
{
	if (c->phase == CONN_DEAD)
		return;
	if (c->phase != CONN_LINGERING)
		link_bye(c);
	c->phase = CONN_DEAD;
	c->since = c->np->now;
	move_to(c, &c->np->conns.ending);
	stop_waiting(c);
	peer_abandon(c);
	send_abandon(c);
	receive_abandon(c);
	handshake_abandon(c);
	conn_touch(c);
}

static void for_all(struct conn_list *list, void (*f)(struct conn *c))
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(list); c; c = next) {
		next = TAILQ_NEXT(c, link);
		f(c);
	}
}

static void admit(struct conn *c)
{
	if (c->phase == CONN_HANDSHAKE)
		handshake_admit(c);
}

void conn_admit_all(struct np *np)
{
	for_all(&np->conns.busy, admit);
}

static void resume(struct conn *c)
{
	if (!c->is_halted)
		return;
	c->is_halted = false;
	receive_parse(c);
}

void conn_resume_all(struct np *np)
{
	for_all(&np->conns.busy, resume);
	for_all(&np->conns.quiet, resume);
}

void conn_finish_all(struct np *np)
{
	for_all(&np->conns.busy, conn_finish);
	for_all(&np->conns.quiet, conn_finish);
}

void conn_kill_all(struct np *np)
{
	for_all(&np->conns.busy, conn_kill);
	for_all(&np->conns.quiet, conn_kill);
	for_all(&np->conns.ending, conn_kill);
}

static struct conn *find(struct conn_list *list, uint32_t number)
{
	struct conn *c;

	TAILQ_FOREACH(c, list, link)
		if (c->number == number)
			return c;
	return NULL;
}

void conn_kill_one(struct np *np, uint32_t number)
{
	struct conn_list *const all[] = {
		&np->conns.busy, &np->conns.quiet, &np->conns.ending,
	};
	struct conn *c = NULL;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && !c; i++)
		c = find(all[i], number);
	if (!c)
		return;
	/* It belongs to a successor already, or the next moment. */
	if (handoff_is_sending(&np->handoff)) {
		log_warn("connection %u: not closed, as it is being handed over; look for it by "
			 "'arenactl clients', and close it again", number);
		return;
	}
	log_info("connection %u: closed, as an operator has asked for it", number);
	conn_kill(c);
}

/* The export of a connection counts from the request to open it on. */
static bool uses(const struct conn *c, unsigned int sp)
{
	bool is_serving = c->phase == CONN_SERVING || c->phase == CONN_FINISHING;

	return c->sp == sp && (is_serving || c->is_using ||
			       (c->handshake && c->handshake->is_opening));
}

static unsigned int kill_users(struct conn_list *list, unsigned int sp)
{
	struct conn *c, *next;
	unsigned int n = 0;

	for (c = TAILQ_FIRST(list); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->phase == CONN_DEAD || !uses(c, sp))
			continue;
		conn_kill(c);
		n++;
	}
	return n;
}

void conn_kill_export(struct np *np, unsigned int sp)
{
	unsigned int n = kill_users(&np->conns.busy, sp);

	n += kill_users(&np->conns.quiet, sp);
	n += kill_users(&np->conns.ending, sp);
	if (n)
		log_info("export '%s' is removed: %u connections are closed",
			 np->offered.set.export[sp].label, n);
}

static void free_conn(struct conn *c)
{
	struct np *np = c->np;

	if (c->is_touched)
		TAILQ_REMOVE(&np->conns.touched, c, touched);
	TAILQ_REMOVE(c->list, c, link);
	np->conns.n--;
	log_debug("connection %u: gone, %u left", c->number, np->conns.n);
	shown_end(c);
	client_put(c->client);
	link_exit(c);
	free(c);
}

/* A client that has ended its side can send nothing more, so nothing can remain unread. */
static void end_finished(struct conn *c)
{
	receive_stop(c);
	if (c->rx.is_over || (c->np->stop.is_stopping && !c->is_owed))
		conn_kill(c);
	else if (c->rx.kind == RECEIVE_NOTHING)
		conn_linger(c);
}

/*
 * A dead connection is freed when neither the kernel nor an SP uses it any more. The kernel uses it
 * for operations on its socket: they end when the file is removed, and a zero-copy send whose data
 * the client does not take is aborted after a while. An SP uses it for a request, until the SP
 * replies, or dies and reply_fail_peer() ends the request.
 */
static void reap(struct conn *c)
{
	if (c->phase == CONN_FINISHING && !c->n_requests && !c->tx.n_batches &&
	    !c->rx.pieces.is_active)
		end_finished(c);
	if (c->phase != CONN_DEAD)
		return;
	remove_file(c);
	if (c->has_file || c->rx.kind != RECEIVE_NOTHING || c->tx.n_batches || c->n_requests ||
	    c->handshake || link_is_busy(c) || use_end(c))
		return;
	free_conn(c);
}

/*
 * Turns
 */

void conn_table_resume(struct np *np)
{
	struct conn_table *t = &np->conns;
	unsigned int n = t->n_waiting;

	if (!np->has_given || !n)
		return;
	np->has_given = false;
	share_round(np);
	/* Connections that have to wait again keep their order, at the end of the list. */
	for (; n; n--) {
		struct conn *c = TAILQ_FIRST(&t->waiting);

		leave_waiting(c);
		receive_parse(c);
	}
}

static bool is_quiet(const struct conn *c)
{
	return c->phase == CONN_SERVING && c->rx.kind == RECEIVE_POLL && !c->n_requests &&
	       !c->tx.n_batches;
}

void conn_table_turn(struct np *np)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&np->conns.touched))) {
		TAILQ_REMOVE(&np->conns.touched, c, touched);
		c->is_touched = false;
		send_turn(c);
		receive_turn(c);
		if (is_quiet(c))
			move_to(c, &np->conns.quiet);
		reap(c);
	}
}

/*
 * Time limits
 */

static int64_t stall_limit(const struct conn *c, bool is_pressed)
{
	int64_t limit = c->np->options->stall_seconds;

	return is_pressed && limit > STALL_PRESSED_SECONDS ? STALL_PRESSED_SECONDS : limit;
}

/* Clients whose handshake does not end must not keep others out. */
static int64_t handshake_limit(const struct np *np)
{
	int64_t limit = np->options->handshake_seconds;

	return !conn_table_has_room(&np->conns) && limit > HANDSHAKE_PRESSED_SECONDS ?
	       HANDSHAKE_PRESSED_SECONDS : limit;
}

static bool lingers_too_long(const struct conn *c)
{
	bool is_pressed = c->np->stop.is_stopping || handoff_is_begun(&c->np->handoff) ||
			  !conn_table_has_room(&c->np->conns);

	return c->phase == CONN_LINGERING && c->np->now - c->since >
	       (is_pressed ? LINGER_PRESSED_SECONDS : LINGER_SECONDS);
}

/* A send without a copy keeps the SP's buffers until the client has taken the data. */
static bool takes_no_replies(const struct conn *c)
{
	bool is_pressed = admission_is_pressed(&c->np->peer[c->sp].data, 0);

	return c->tx.n_batches && c->np->now - c->tx.moved_at > stall_limit(c, is_pressed);
}

static bool sends_no_payload(const struct conn *c)
{
	bool is_pressed = admission_is_pressed(&c->np->share.payload, c->sp);

	return receive_waits_for_payload(c) &&
	       c->np->now - c->rx.part_at > stall_limit(c, is_pressed);
}

/* Return: why the time of a connection is over; NULL if it is not. */
static const char *overdue(const struct conn *c)
{
	const struct options *o = c->np->options;
	int64_t now = c->np->now;

	if (c->phase == CONN_HANDSHAKE)
		return now - c->since > handshake_limit(c->np) ?
		       "its handshake lasts too long" : NULL;
	if (takes_no_replies(c))
		return "it does not take its replies";
	if (sends_no_payload(c))
		return "its payload does not come";
	if (o->idle_seconds && c->phase == CONN_SERVING && !c->n_requests &&
	    now - c->rx.moved_at > o->idle_seconds)
		return "it is idle";
	return NULL;
}

static void check_time(struct conn *c)
{
	const char *why = c->phase >= CONN_LINGERING ? NULL : overdue(c);

	if (lingers_too_long(c))
		conn_kill(c);
	if (why) {
		log_limited(LOG_LEVEL_INFO, "connection %u is ended: %s", c->number, why);
		conn_kill(c);
		conn_abort(c);
		return;
	}
	/* The kernel still has data of a dead connection, which the client does not take. */
	if (c->phase == CONN_DEAD && c->tx.n_batches &&
	    c->np->now - c->since > STALL_PRESSED_SECONDS)
		conn_abort(c);
	if (c->np->now - c->rx.moved_at > QUIET_SECONDS)
		receive_quieten(c);
}

void conn_table_tick(struct np *np)
{
	/* None of the connections that are being passed on may end meanwhile. */
	if (handoff_is_sending(&np->handoff))
		return;
	for_all(&np->conns.busy, check_time);
	for_all(&np->conns.ending, check_time);
	if (np->options->idle_seconds)
		for_all(&np->conns.quiet, check_time);
}

bool conn_table_needs_tick(const struct np *np)
{
	const struct conn_table *t = &np->conns;

	return !TAILQ_EMPTY(&t->busy) || !TAILQ_EMPTY(&t->ending) ||
	       (np->options->idle_seconds && !TAILQ_EMPTY(&t->quiet));
}
