// SPDX-License-Identifier: MIT
#include "handoff.h"

#include <arena/source.h>
#include <common/clock.h>
#include <common/log.h>
#include <control/handoff.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "np.h"

static_assert(HANDOFF_LEFT_MAX >= PROTO_MAX_BYTES + PLAN_GUESS_BYTES_MAX + (64 << 10),
	      "what a connection can have left is taken");

static void set_phase(struct np *np, enum handoff_phase phase)
{
	np->handoff.phase = phase;
	np->handoff.since = np->now;
}

static bool is_late(const struct np *np, int64_t seconds)
{
	return np->now - np->handoff.since >= seconds;
}

static void for_each(struct np *np, void (*f)(struct conn *c))
{
	struct conn_list *const list[] = { &np->conns.busy, &np->conns.quiet };
	struct conn *c, *next;

	for (unsigned int i = 0; i < 2; i++) {
		for (c = TAILQ_FIRST(list[i]); c; c = next) {
			next = TAILQ_NEXT(c, link);
			f(c);
		}
	}
}

/*
 * The end of the replacement
 */

static void forget(struct handoff *h)
{
	free((void *)h->conn);
	free(h->left);
	h->conn = NULL;
	h->left = NULL;
	h->n = 0;
}

/* It may be lost, for the successor does nothing without GIVEN. */
static void say_refused(int fd)
{
	union handoff_any any = { .head.type = HANDOFF_REFUSED };

	handoff_send(fd, &any, NULL, 0, -1);
}

/* When it is said, this process must not touch the connections any more. */
static void end(struct np *np)
{
	union handoff_any any = { .head.type = HANDOFF_GIVEN };
	struct handoff *h = &np->handoff;

	if (handoff_send(h->fd, &any, NULL, 0, -1)) {
		handoff_give_up(np, "its successor cannot be told that this process ends");
		return;
	}
	log_info("handed %u connections over to the process that takes the place of this one, "
		 "within %" PRId64 " us", h->n, (clock_ns() - h->paused_ns) / 1000);
	np->counters.handed_over += h->n;
	np->is_ending = true;
}

void handoff_give_up(struct np *np, const char *why)
{
	struct handoff *h = &np->handoff;

	if (h->phase == HANDOFF_NONE || np->is_ending)
		return;
	say_refused(h->fd);
	log_warn("this process is not replaced and goes on: %s; try again", why);
	np->counters.handoffs_given_up++;
	arena_ring_remove_file(np->ring, h->file);
	close(h->fd);
	forget(h);
	set_phase(np, HANDOFF_NONE);
	/* Else begin_turn() does it, when no disk reads payload of a predecessor any more. */
	if (np->begin.is_over)
		conn_resume_all(np);
}

/*
 * What the successor says
 */

static bool speaks_with_all(const struct np *np, const struct handoff_ready *r)
{
	for (unsigned int i = 0; i < np->n_peers; i++)
		if (np->peer[i].hello && proto_version(np->peer[i].hello, r->hello) < 0)
			return false;
	return true;
}

/* The successor has to find all SPs. Return: why it cannot go on now; or NULL. */
static const char *fault_of(const struct np *np)
{
	if (!np->begin.is_over)
		return "it does not serve clients yet";
	for (unsigned int i = 0; i < np->n_peers; i++) {
		const struct peer *peer = &np->peer[i];

		if (!export_is_vacant(&np->offered.set.export[i]) &&
		    (peer->state != PEER_OPEN || !peer->is_greeted))
			return "a storage process is not there";
		if (peer->n_withheld)
			return "a disk may still read payload that was answered already";
	}
	return NULL;
}

/* An SP that is being replaced comes back in a moment. */
static void call_turn(struct np *np)
{
	const struct handoff_ready *r = &np->handoff.ready;
	const char *fault = r->head.type ? fault_of(np) : "its successor does not become ready";

	if (fault && is_late(np, HANDOFF_ANSWER_SECONDS))
		handoff_give_up(np, fault);
	if (fault)
		return;
	log_info("a process that takes the place of this one is ready");
	set_phase(np, HANDOFF_LEADING);
	listeners_pause(np);
}

/* What does not change ends it at once. */
static void get_ready(struct np *np, const struct handoff_ready *r)
{
	np->handoff.ready = *r;
	if (r->oldest > HANDOFF_VERSION_NEWEST || r->newest < HANDOFF_VERSION_OLDEST)
		handoff_give_up(np, "its successor takes no connections over from this version");
	else if (!speaks_with_all(np, r))
		handoff_give_up(np, "its successor does not speak with the storage processes");
}

static void obey(struct np *np, const struct handoff_message *m)
{
	struct handoff *h = &np->handoff;

	if (m->any.head.type == HANDOFF_READY && h->phase == HANDOFF_CALLED)
		get_ready(np, &m->any.ready);
	else if (m->any.head.type == HANDOFF_TAKEN && h->phase == HANDOFF_ENDING)
		end(np);
	else
		handoff_give_up(np, "its successor says what makes no sense");
}

/* Return: 0 or -errno, -EAGAIN if nothing has come. */
static int hear(struct np *np)
{
	static struct handoff_message m;
	int ret = handoff_receive(np->handoff.fd, &m);

	if (ret)
		return ret;
	if (m.passed >= 0)
		close(m.passed);
	obey(np, &m);
	return 0;
}

static void listen_to(struct np *np)
{
	struct handoff *h = &np->handoff;

	h->hears = !arena_ring_poll(np->ring, h->file, POLLIN, false, handler_cookie(&h->said),
				    NULL);
	if (!h->hears)
		handoff_give_up(np, "the ring has no room for it");
}

static void said(struct handler *handler, const struct arena_event *e)
{
	struct np *np = container_of(container_of(handler, struct handoff, said), struct np,
				     handoff);
	struct handoff *h = &np->handoff;
	int ret = e->result < 0 ? e->result : 0;

	h->hears = false;
	while (!ret && h->phase != HANDOFF_NONE && !np->is_ending)
		ret = hear(np);
	if (h->phase == HANDOFF_NONE || np->is_ending)
		return;
	if (ret == -EAGAIN)
		listen_to(np);
	else
		handoff_give_up(np, ret == -EPIPE ? "its successor has ended" : strerror(-ret));
}

/*
 * Before the pause
 */

/* Is a connection at a boundary, so that a successor could go on with it? */
static bool is_drained(const struct conn *c)
{
	return receive_is_halted(c) && c->rx.kind == RECEIVE_NOTHING &&
	       c->n_requests == (c->rx.request ? 1U : 0U) && !c->tx.n_batches &&
	       TAILQ_EMPTY(&c->replies) && !link_is_busy(c);
}

static void halt(struct conn *c)
{
	c->is_halted = true;
	receive_halt(c);
	conn_touch(c);
}

/* Does a client do what could take long? */
static bool is_slow(const struct conn *c)
{
	return c->rx.pieces.is_active ||
	       (c->rx.request && c->rx.request->state == REQUEST_DISCARD) ||
	       (c->tx.n_batches && c->np->now - c->tx.moved_at >= HANDOFF_STUCK_SECONDS);
}

static bool is_at_sp(const struct request *r)
{
	return r->state == REQUEST_QUEUED || r->state == REQUEST_AT_SP;
}

static bool waits_for_sp(const struct conn *c)
{
	const struct request_table *t = &c->np->requests;

	for (uint32_t i = 0; i < t->n && c->n_requests; i++)
		if (t->request[i].conn == c && is_at_sp(&t->request[i]))
			return true;
	return false;
}

static void close_unmovable(struct conn *c)
{
	if (c->phase != CONN_SERVING || link_can_move(&c->socket))
		return;
	log_limited(LOG_LEVEL_INFO, "connection %u is ended: the process that takes the place of "
		    "this one could not go on with its TLS", c->number);
	c->np->counters.handoff_closed++;
	conn_finish(c);
}

static void halt_slow(struct conn *c)
{
	if (c->phase == CONN_SERVING && (c->is_halted || is_slow(c)))
		halt(c);
}

/* Is there anything that ends before the pause, if it is given the time? */
static bool has_to_end(const struct np *np)
{
	const struct conn *c;

	TAILQ_FOREACH(c, &np->conns.ending, link)
		if (c->phase != CONN_DEAD)
			return true;
	TAILQ_FOREACH(c, &np->conns.busy, link)
		if (c->phase == CONN_HANDSHAKE || (c->is_halted && !is_drained(c)))
			return true;
	return false;
}

static void cut(struct conn *c, const char *why)
{
	log_limited(LOG_LEVEL_WARN, "connection %u is ended: %s, and this process is being "
		    "replaced; its client can connect again", c->number, why);
	c->np->counters.handoff_cut++;
	conn_kill(c);
	conn_abort(c);
}

static const char *why_slow(const struct conn *c)
{
	return c->tx.n_batches ? "its client does not take the replies" :
	       "its client does not send the rest of a long request";
}

/* A client that has had its time holds nobody up. */
static void pause_one(struct conn *c)
{
	bool has_had_time = c->is_halted && !is_drained(c) && !waits_for_sp(c);

	if (c->phase == CONN_HANDSHAKE)
		cut(c, "its handshake has not ended");
	else if (has_had_time)
		cut(c, why_slow(c));
	else if (c->phase == CONN_SERVING)
		halt(c);
}

static void lead_turn(struct np *np)
{
	for_each(np, close_unmovable);
	for_each(np, halt_slow);
	if (has_to_end(np) && !is_late(np, HANDOFF_LEAD_SECONDS))
		return;
	np->handoff.paused_ns = clock_ns();
	set_phase(np, HANDOFF_DRAINING);
	for_each(np, pause_one);
}

/*
 * The pause
 */

static bool are_all_drained(const struct np *np)
{
	const struct conn *c;

	TAILQ_FOREACH(c, &np->conns.ending, link)
		if (c->phase == CONN_FINISHING)
			return false;
	TAILQ_FOREACH(c, &np->conns.busy, link)
		if (!is_drained(c))
			return false;
	TAILQ_FOREACH(c, &np->conns.quiet, link)
		if (!is_drained(c))
			return false;
	return true;
}

static bool is_held_by_sp(const struct np *np)
{
	const struct request *r = np->requests.request;

	for (uint32_t i = 0; i < np->requests.n; i++)
		if (is_at_sp(&r[i]) && r[i].conn->phase != CONN_DEAD)
			return true;
	return false;
}

static void halt_again(struct conn *c)
{
	if (!is_drained(c))
		receive_halt(c);
}

static void cut_slow(struct conn *c)
{
	if (!is_drained(c))
		cut(c, why_slow(c));
}

/* A connection that its client has ended waits for a client, too. */
static void cut_finishing(struct np *np)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&np->conns.ending); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->phase == CONN_FINISHING)
			cut(c, "its client does not take the replies");
	}
}

static void add(struct conn *c)
{
	struct handoff *h = &c->np->handoff;

	if (is_drained(c))
		h->conn[h->n++] = c;
}

static void begin_to_send(struct np *np)
{
	struct handoff *h = &np->handoff;

	h->n = 0;
	h->at = 0;
	h->has_sent_conn = false;
	h->conn = (struct conn **)calloc(np->conns.n + 1, sizeof(*h->conn));
	if (!h->conn) {
		handoff_give_up(np, "no memory");
		return;
	}
	for_each(np, add);
	set_phase(np, HANDOFF_SENDING);
}

static void drain_turn(struct np *np)
{
	for_each(np, halt_again);
	if (!are_all_drained(np) && !is_late(np, HANDOFF_DRAIN_SECONDS))
		return;
	if (is_held_by_sp(np)) {
		handoff_give_up(np, "a storage process has not answered in time");
		return;
	}
	for_each(np, cut_slow);
	cut_finishing(np);
	begin_to_send(np);
}

/*
 * Connections are handed over
 */

static int send_conn(struct np *np, const struct conn *c)
{
	const struct export *e = &np->exports.export[c->sp];
	const char *identity = link_identity(&c->socket);
	struct handoff *h = &np->handoff;
	size_t name = strlen(e->name), who = strlen(identity);
	char texts[2 * HANDOFF_TEXT_MAX + 1];
	union handoff_any any = { .conn = {
		.head.type = HANDOFF_CONN,
		.number = c->number,
		.style = (uint8_t)c->session.style,
		.has_allocation = c->session.has_allocation,
		.tls = link_is_tls(&c->socket) ? HANDOFF_KERNEL : HANDOFF_PLAIN,
		.bytes = c->session.bytes,
		.sealed = link_sealed(&c->socket),
		.left = h->n_left,
		.name_length = (uint16_t)name,
		.identity_length = (uint16_t)who,
		.losses = c->losses,
	} };

	if (name > HANDOFF_TEXT_MAX || who > HANDOFF_TEXT_MAX)
		return -ENAMETOOLONG;
	snprintf(texts, sizeof(texts), "%s%s", e->name, identity);
	return handoff_send(h->fd, &any, texts, name + who, c->socket.fd);
}

static int send_bytes(struct handoff *h)
{
	union handoff_any any = { .head.type = HANDOFF_BYTES };
	uint32_t left = h->n_left - h->n_sent;
	uint32_t n = left < HANDOFF_PART_MAX ? left : HANDOFF_PART_MAX;
	int ret = handoff_send(h->fd, &any, h->left + h->n_sent, n, -1);

	if (!ret)
		h->n_sent += n;
	return ret;
}

static void go_on(struct handoff *h)
{
	free(h->left);
	h->left = NULL;
	h->has_sent_conn = false;
	h->at++;
}

/* A connection is handed over by a message, and by others with its bytes. */
static int send_part(struct np *np)
{
	struct handoff *h = &np->handoff;
	const struct conn *c = h->conn[h->at];
	int ret;

	if (!h->left) {
		h->left = receive_unserved(c, &h->n_left);
		h->n_sent = 0;
	}
	if (!h->left)
		return -ENOMEM;
	if (!h->has_sent_conn) {
		ret = send_conn(np, c);
		h->has_sent_conn = !ret;
	} else {
		ret = send_bytes(h);
	}
	if (!ret && h->n_sent == h->n_left)
		go_on(h);
	return ret;
}

static int send_end(struct np *np)
{
	union handoff_any any = { .count = {
		.head.type = HANDOFF_END, .n = np->handoff.n,
	} };
	int ret = handoff_send(np->handoff.fd, &any, NULL, 0, -1);

	if (!ret)
		set_phase(np, HANDOFF_ENDING);
	return ret;
}

static void has_room(struct handler *handler, const struct arena_event *e)
{
	(void)e;
	container_of(handler, struct handoff, can_send)->waits_for_room = false;
}

static void send_turn_of(struct np *np)
{
	struct handoff *h = &np->handoff;
	int ret = 0;

	for (int i = 0; i < NP_HANDOFFS_A_TURN && !ret && h->at < h->n; i++)
		ret = send_part(np);
	if (!ret && h->at == h->n)
		ret = send_end(np);
	if (ret && ret != -EAGAIN) {
		handoff_give_up(np, ret == -EPIPE ? "its successor has ended" : strerror(-ret));
	} else if (h->phase == HANDOFF_SENDING) {
		h->waits_for_room = !arena_ring_poll(np->ring, h->file, POLLOUT, false,
						     handler_cookie(&h->can_send), NULL);
	}
}

bool handoff_is_over(struct np *np)
{
	while (np->handoff.phase == HANDOFF_ENDING && !np->is_ending && !hear(np))
		;
	return np->is_ending;
}

void handoff_turn(struct np *np)
{
	struct handoff *h = &np->handoff;

	if (h->phase == HANDOFF_CALLED)
		call_turn(np);
	if (h->phase == HANDOFF_LEADING)
		lead_turn(np);
	if (h->phase == HANDOFF_DRAINING)
		drain_turn(np);
	if (h->phase == HANDOFF_SENDING && !h->waits_for_room)
		send_turn_of(np);
	if (h->phase != HANDOFF_NONE && !np->is_ending && is_late(np, HANDOFF_ANSWER_SECONDS))
		handoff_give_up(np, "its successor does not answer");
}

void handoff_begin(struct np *np, int fd)
{
	struct handoff *h = &np->handoff;
	/* Polls of an earlier replacement may still be under way. */
	bool is_busy = h->phase != HANDOFF_NONE || h->hears || h->waits_for_room;
	int ret = is_busy || np->stop.is_stopping ? -EBUSY :
		  arena_ring_add_file(np->ring, fd, &h->file);

	if (ret) {
		log_warn("this process is not replaced now: %s", ret == -EBUSY ?
			 "it ends, or is being replaced already; try again in a moment" :
			 log_reason(-ret));
		if (fd >= 0) {
			say_refused(fd);
			close(fd);
		}
		return;
	}
	*h = (struct handoff){
		.fd = fd,
		.file = h->file,
		.said.happened = said,
		.can_send.happened = has_room,
	};
	set_phase(np, HANDOFF_CALLED);
	listen_to(np);
}
