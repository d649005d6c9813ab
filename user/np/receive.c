// SPDX-License-Identifier: MIT
#include "receive.h"

#include <arena/snapshot.h>
#include <assert.h>
#include <common/log.h>
#include <common/probe.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "handshake.h"
#include "np.h"
#include "reply.h"
#include "send.h"

/*
 * Buffers
 */

static void put_buf(struct np *np, struct arena_buf *b)
{
	int ret = b->count ? arena_put(np->arena, *b) : 0;

	assert(!ret);
	(void)ret;
	*b = (struct arena_buf){ 0 };
}

static void drop_area(struct conn *c)
{
	uint32_t n = c->rx.area.count;

	if (!n)
		return;
	put_buf(c->np, &c->rx.area);
	admission_give(&c->np->share.net, 0, &c->has_net, n);
}

static bool get_area_of(struct conn *c, uint32_t n)
{
	struct np *np = c->np;

	if (admission_take(&np->share.net, 0, &c->has_net, n) != ADMISSION_GRANTED)
		return false;
	if (!arena_get_for(np->arena, PROTO_USE_NET, n, &c->rx.area))
		return true;
	admission_give(&np->share.net, 0, &c->has_net, n);
	return false;
}

/* There always is a single buffer for a connection, see CONN_NET_BUFFERS. */
static bool get_area(struct conn *c)
{
	return c->rx.area.count || get_area_of(c, CONN_AREA_BUFFERS) || get_area_of(c, 1);
}

static void drop_spares(struct conn *c)
{
	struct receive *rx = &c->rx;

	for (uint32_t i = 0; i < rx->n_spares; i++) {
		if (!rx->spare[i].count)
			continue;
		put_buf(c->np, &rx->spare[i]);
		admission_give(&c->np->share.payload, c->sp, &c->has_payload,
			       rx->spare_buffers);
		c->np->has_given = true;
	}
	rx->n_spares = 0;
}

static bool add_spare(struct conn *c)
{
	struct admission *a = &c->np->share.payload;
	struct receive *rx = &c->rx;

	if (admission_take(a, c->sp, &c->has_payload, rx->spare_buffers) != ADMISSION_GRANTED)
		return false;
	if (!arena_get_for(c->np->arena, PROTO_USE_PAYLOAD, rx->spare_buffers,
			   &rx->spare[rx->n_spares])) {
		rx->n_spares++;
		return true;
	}
	admission_give(a, c->sp, &c->has_payload, rx->spare_buffers);
	return false;
}

/* Close the gaps that used extents have left. */
static void compact_spares(struct receive *rx)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rx->n_spares; i++)
		if (rx->spare[i].count)
			rx->spare[n++] = rx->spare[i];
	rx->n_spares = n;
}

/* Return: how many expected payloads have an extent now. */
static uint32_t get_spares(struct conn *c)
{
	struct receive *rx = &c->rx;
	uint32_t bytes = rx->guess.within + rx->guess.length;
	uint32_t buffers = (bytes + PROTO_DISK_BUFFER - 1) / PROTO_DISK_BUFFER;
	uint32_t pairs = plan_pairs(&rx->guess);

	if (admission_is_pressed(&c->np->share.payload, c->sp))
		pairs = 0;
	if (!pairs || rx->spare_buffers != buffers)
		drop_spares(c);
	rx->spare_buffers = buffers;
	compact_spares(rx);
	while (rx->n_spares < pairs && add_spare(c))
		;
	return rx->n_spares < pairs ? rx->n_spares : pairs;
}

/*
 * Received bytes
 */

static struct arena_buf buf_of(const struct receive *rx, const struct plan_piece *p)
{
	switch (p->kind) {
	case PLAN_AREA:
		return rx->area;
	case PLAN_GUESS:
		return rx->spare[p->nth];
	default:
		/* Only a request whose payload is received has such a piece in its plan. */
		assert(rx->request);
		return rx->request->buf;
	}
}

/* The address of the bytes of a piece of the plan. */
static const uint8_t *piece_bytes(const struct conn *c, const struct plan_piece *p)
{
	const struct receive *rx = &c->rx;
	const uint8_t *base;

	if (rx->spill)
		return rx->spill;
	base = arena_ptr_const(c->np->arena, buf_of(rx, p));
	assert(base);
	return base + p->from;
}

/* The address of the bytes that are parsed next. */
static const uint8_t *here(const struct conn *c)
{
	return piece_bytes(c, &c->rx.plan.piece[c->rx.at]) + c->rx.done;
}

/* How many of these bytes lie side by side. */
static uint32_t side_by_side(const struct receive *rx)
{
	uint32_t n = rx->plan.piece[rx->at].length - rx->done;

	return n < rx->left ? n : rx->left;
}

static void advance(struct receive *rx, uint32_t n)
{
	rx->left -= n;
	rx->done += n;
	if (rx->done < rx->plan.piece[rx->at].length || rx->at + 1 == rx->plan.n)
		return;
	rx->at++;
	rx->done = 0;
}

/* Copy all received bytes that were not parsed. */
static void copy_left(const struct conn *c, uint8_t *to)
{
	const struct receive *rx = &c->rx;
	uint32_t done = rx->done, left = rx->left;

	for (uint32_t at = rx->at; left; at++) {
		const struct plan_piece *p = &rx->plan.piece[at];
		uint32_t n = p->length - done < left ? p->length - done : left;

		arena_snapshot(to, piece_bytes(c, p) + done, n);
		to += n;
		left -= n;
		done = 0;
	}
}

/* Have a private copy of the bytes that are left in place of the plan. */
static void use_spill(struct receive *rx, uint8_t *bytes, uint32_t n)
{
	rx->spill = bytes;
	rx->plan.n = 1;
	rx->plan.piece[0] = (struct plan_piece){ .kind = PLAN_AREA, .length = n };
	rx->at = 0;
	rx->done = 0;
	rx->left = n;
}

/*
 * A connection that has to wait for buffers copies the bytes that are left and gives back the
 * extents for expected payloads. Otherwise two connections could wait for each other.
 */
static void spill(struct conn *c)
{
	struct receive *rx = &c->rx;
	uint8_t *to;

	if (!rx->n_spares || rx->spill)
		return;
	to = malloc(rx->left ? rx->left : 1);
	if (!to)
		return;
	copy_left(c, to);
	drop_spares(c);
	use_spill(rx, to, rx->left);
}

/*
 * Requests
 */

/*
 * A payload has to come in parts of CONN_CHUNK_BYTES, each within the time limit: a client that
 * sends a byte now and then would keep its buffers for ever.
 */
static void pace(struct conn *c, uint32_t bytes)
{
	struct receive *rx = &c->rx;

	rx->part_bytes += bytes;
	if (rx->part_bytes < CONN_CHUNK_BYTES && bytes)
		return;
	rx->part_at = c->np->now;
	rx->part_bytes = 0;
}

static void hand_over(struct conn *c, struct request *r)
{
	enum proto_status status = PROTO_EIO;
	struct np *np = c->np;

	probe_np_request(np->options->id, request_tag(&np->requests, r), r->command.operation,
			 r->command.offset, r->command.length, c->number, c->sp);
	c->rx.request = NULL;
	if (np->exports.export[c->sp].is_served) {
		if (peer_queue(&np->peer[c->sp], r))
			return;
		status = reply_outdated(r);
	}
	request_drop_payload(r);
	send_reply(r, status);
}

static void refuse(struct conn *c, struct request *r, enum proto_status status)
{
	r->status = status;
	c->np->counters.refused++;
	c->rx.request = r;
	r->state = REQUEST_DISCARD;
	/* The rest of a payload in pieces is thrown away with this piece. */
	r->command.rest = 0;
	pace(c, 0);
	if (c->rx.stream.payload)
		return;
	c->rx.request = NULL;
	send_reply(r, status);
}

/* Use the extent that was ready for a payload like this one, if the payload comes there. */
static bool adopt_spare(struct conn *c, struct request *r)
{
	struct receive *rx = &c->rx;
	struct plan_piece *p = &rx->plan.piece[rx->at];

	if (rx->spill || p->kind != PLAN_GUESS || rx->done || p->length != r->command.length ||
	    p->from != request_within(r) || !rx->spare[p->nth].count)
		return false;
	r->buf = rx->spare[p->nth];
	r->taken = rx->spare_buffers;
	c->bytes += r->command.length;
	rx->spare[p->nth] = (struct arena_buf){ 0 };
	p->kind = PLAN_PAYLOAD;
	return true;
}

static void await_payload(struct conn *c, struct request *r)
{
	r->state = REQUEST_PAYLOAD;
	pace(c, 0);
}

/* Return: false if it has to wait. */
static bool get_buffers(struct conn *c, struct request *r)
{
	bool is_write = r->command.operation == PROTO_WRITE;
	int ret = is_write && adopt_spare(c, r) ? 0 : request_admit(r);

	if (ret == -EAGAIN) {
		spill(c);
		conn_wait(c);
		return false;
	}
	if (ret)
		refuse(c, r, PROTO_ENOMEM);
	else if (!is_write)
		hand_over(c, r);
	else
		await_payload(c, r);
	return true;
}

static void guess_next(struct conn *c, const struct request *r)
{
	struct receive *rx = &c->rx;

	if (r->command.operation == PROTO_WRITE)
		plan_saw_write(&rx->guess, (uint32_t)r->command.length, request_within(r));
	else
		plan_saw_other(&rx->guess);
}

/*
 * A request in pieces begins when the connection has no other one, so that nothing comes between
 * the pieces of its reply.
 */
static bool may_begin(const struct conn *c)
{
	return !c->rx.command.rest || c->rx.pieces.is_active || !c->n_requests;
}

static void note_piece(struct receive *rx, struct request *r)
{
	if (!r->command.rest && !rx->pieces.is_active)
		return;
	rx->pieces.is_active = true;
	rx->pieces.n++;
	r->is_piece = true;
}

/* Begin the next piece of a WRITE when the payload of this one is complete. */
static void go_on(struct conn *c, const struct request *r)
{
	struct receive *rx = &c->rx;

	if (!r->command.rest)
		return;
	rx->command = r->command;
	command_next(&rx->command);
	rx->command_ns = np_noted_ns(c->np);
	rx->has_command = true;
	rx->fate = COMMAND_SERVE;
}

bool receive_piece_ended(struct request *r)
{
	struct conn *c = r->conn;
	struct pieces *p = &c->rx.pieces;

	p->n--;
	if (p->status == PROTO_OK)
		p->status = r->status;
	/* The client has gone before the last piece came. */
	if (!p->is_active || p->n || c->rx.has_command || c->rx.request)
		return false;
	r->status = p->status;
	*p = (struct pieces){ 0 };
	conn_wait(c);
	return true;
}

bool receive_piece_sent(struct request *r)
{
	struct conn *c = r->conn;

	conn_wait(c);
	if (!r->command.rest || r->status != PROTO_OK) {
		c->rx.pieces = (struct pieces){ 0 };
		return false;
	}
	request_again(r);
	c->rx.request = r;
	return true;
}

/* Return: false if it has to wait. */
static bool begin(struct conn *c)
{
	struct receive *rx = &c->rx;
	struct request *r = may_begin(c) ? request_new(c) : NULL;

	if (!r) {
		spill(c);
		conn_wait(c);
		return false;
	}
	rx->has_command = false;
	rx->begun++;
	r->command = rx->command;
	r->begun_ns = rx->command_ns;
	rx->request = r;
	note_piece(rx, r);
	if (rx->fate == COMMAND_REFUSE) {
		refuse(c, r, r->command.status);
		return true;
	}
	guess_next(c, r);
	return get_buffers(c, r);
}

static bool take_header(struct conn *c)
{
	struct receive *rx = &c->rx;
	struct nbd_request header;

	advance(rx, (uint32_t)nbd_stream_header(&rx->stream, here(c), side_by_side(rx)));
	if (!nbd_stream_request(&rx->stream, &header))
		return true;
	rx->fate = command_check(&header, &c->session, &c->np->exports.export[c->sp],
				 &rx->command);
	if (rx->fate != COMMAND_CLOSE)
		c->np->counters.requests++;
	switch (rx->fate) {
	case COMMAND_FINISH:
		conn_finish(c);
		return false;
	case COMMAND_CLOSE:
		log_limited(LOG_LEVEL_INFO, "connection %u is ended: it sent no NBD request",
			    c->number);
		conn_finish(c);
		return false;
	default:
		rx->command_ns = np_noted_ns(c->np);
		rx->has_command = true;
		return begin(c);
	}
}

/* Bytes of the payload of the request, or of its piece, that have not come. */
static uint64_t lacks(const struct receive *rx)
{
	return rx->stream.payload - (rx->request ? rx->request->command.rest : 0);
}

/* Copy bytes of a payload that came to another place than their extent. */
static void place(struct conn *c, struct request *r, uint32_t n)
{
	uint32_t had = (uint32_t)(r->command.length - lacks(&c->rx));
	uint8_t *to = arena_ptr(c->np->arena, r->buf);

	assert(to);
	/* Nobody decides anything by these bytes, so it does not matter how often they are read. */
	memcpy(to + request_within(r) + had, here(c), n);
	c->np->counters.copied_bytes += n;
}

static void payload_done(struct conn *c, struct request *r)
{
	struct np *np = c->np;

	c->rx.request = NULL;
	go_on(c, r);
	if (r->state == REQUEST_DISCARD) {
		send_reply(r, r->status);
		return;
	}
	np->counters.bytes_in += r->command.length;
	hand_over(c, r);
}

static bool take_payload(struct conn *c)
{
	struct receive *rx = &c->rx;
	struct request *r = rx->request;
	uint32_t n = side_by_side(rx);

	assert(r);
	if (n > lacks(rx))
		n = (uint32_t)lacks(rx);
	if (r->state == REQUEST_PAYLOAD && rx->plan.piece[rx->at].kind != PLAN_PAYLOAD)
		place(c, r, n);
	nbd_stream_payload(&rx->stream, n);
	pace(c, n);
	advance(rx, n);
	if (!lacks(rx))
		payload_done(c, r);
	return true;
}

bool receive_is_halted(const struct conn *c)
{
	const struct receive *rx = &c->rx;

	return c->is_halted && !rx->pieces.is_active &&
	       !(rx->request && rx->request->state == REQUEST_DISCARD);
}

/* Return: false if no more can be parsed now. */
static bool step(struct conn *c)
{
	struct receive *rx = &c->rx;

	if (receive_is_halted(c))
		return false;
	if (rx->request && rx->request->state == REQUEST_WAITING)
		return get_buffers(c, rx->request);
	if (rx->has_command)
		return (c->phase == CONN_SERVING || rx->pieces.is_active) && begin(c);
	if (!rx->left)
		return false;
	if (rx->stream.payload)
		return take_payload(c);
	if (c->phase != CONN_SERVING || rx->pieces.is_active)
		return false;
	return take_header(c);
}

static bool step_handshake(struct conn *c)
{
	struct receive *rx = &c->rx;
	size_t used;

	if (!rx->left || !handshake_is_listening(c))
		return false;
	used = handshake_take(c, here(c), side_by_side(rx));
	/* If the handshake ended the connection, the received bytes are gone. */
	if (c->phase < CONN_LINGERING)
		advance(rx, (uint32_t)used);
	return true;
}

static void all_looked_at(struct receive *rx)
{
	free(rx->spill);
	rx->spill = NULL;
	if (rx->begun)
		plan_saw_burst(&rx->guess, rx->begun);
	rx->begun = 0;
}

void receive_parse(struct conn *c)
{
	while (c->phase == CONN_HANDSHAKE && step_handshake(c))
		;
	while ((c->phase == CONN_SERVING || c->phase == CONN_FINISHING) && step(c))
		;
	if (!c->rx.left && c->rx.kind == RECEIVE_NOTHING)
		all_looked_at(&c->rx);
	conn_touch(c);
}

/*
 * Receiving
 */

/* Drop the request whose payload is not complete. */
static void drop_request(struct conn *c)
{
	struct request *r = c->rx.request;

	c->rx.request = NULL;
	c->rx.has_command = false;
	c->rx.pieces.is_active = false;
	if (!r)
		return;
	request_drop_payload(r);
	request_put(r);
}

/*
 * A client may close instead of sending DISC, and need not close both sides: it gets the replies to
 * the requests that came completely.
 */
static void end_of_stream(struct conn *c)
{
	c->rx.is_over = true;
	if (c->phase == CONN_HANDSHAKE) {
		conn_kill(c);
		return;
	}
	drop_request(c);
	conn_finish(c);
	conn_touch(c);
}

static void data_came(struct conn *c, uint32_t bytes)
{
	struct receive *rx = &c->rx;

	rx->moved_at = c->np->now;
	rx->is_quiet = false;
	rx->left = bytes;
	rx->at = 0;
	rx->done = 0;
	receive_parse(c);
}

static void data_happened(struct conn *c, const struct arena_event *e)
{
	if (e->result > 0) {
		data_came(c, (uint32_t)e->result);
	} else if (e->flags & ARENA_EVENT_CANCELED) {
		conn_touch(c);
	} else if (e->result == 0) {
		end_of_stream(c);
	} else {
		log_debug("connection %u: cannot receive: %s", c->number, strerror(-e->result));
		conn_kill(c);
	}
}

static void skip_happened(struct conn *c, const struct arena_event *e)
{
	struct receive *rx = &c->rx;

	if (e->result < 0) {
		conn_kill(c);
		return;
	}
	if (e->flags & ARENA_EVENT_SHORT) {
		end_of_stream(c);
		return;
	}
	rx->moved_at = c->np->now;
	pace(c, 0);
	nbd_stream_payload(&rx->stream, rx->skipping);
	if (!rx->stream.payload)
		payload_done(c, rx->request);
	conn_touch(c);
}

static void poll_happened(struct conn *c)
{
	c->rx.is_quiet = false;
	conn_touch(c);
}

static void happened(struct handler *h, const struct arena_event *e)
{
	struct receive *rx = container_of(h, struct receive, handler);
	struct conn *c = container_of(rx, struct conn, rx);
	enum receive_kind kind = rx->kind;

	rx->kind = RECEIVE_NOTHING;
	rx->is_canceling = false;
	conn_is_busy(c);
	if (c->phase == CONN_DEAD) {
		receive_abandon(c);
		conn_touch(c);
		return;
	}
	switch (kind) {
	case RECEIVE_DATA:
		data_happened(c, e);
		break;
	case RECEIVE_SKIP:
		skip_happened(c, e);
		break;
	case RECEIVE_DRAIN:
		conn_kill(c);
		break;
	default:
		poll_happened(c);
		break;
	}
}

void receive_init(struct conn *c)
{
	c->rx.handler.happened = happened;
	c->rx.moved_at = c->np->now;
}

static void make_plan(struct conn *c)
{
	struct receive *rx = &c->rx;
	struct plan_wish w = {
		.payload = (uint32_t)lacks(rx),
		.area = c->phase == CONN_FINISHING ? 0 : rx->area.count * PROTO_NET_BUFFER,
		.header = rx->stream.size,
		.have = rx->stream.size - nbd_stream_lacks(&rx->stream),
		.length = rx->guess.length,
		.within = rx->guess.within,
	};

	if (w.payload)
		w.payload_from = request_within(rx->request) +
				 (uint32_t)rx->request->command.length - w.payload;
	if (c->phase == CONN_SERVING)
		w.pairs = get_spares(c);
	plan_make(&rx->plan, &w);
}

static int start_data(struct conn *c)
{
	struct arena_vec vec[PLAN_PIECES_MAX];
	struct receive *rx = &c->rx;

	if (!get_area(c))
		return -EAGAIN;
	make_plan(c);
	for (uint32_t i = 0; i < rx->plan.n; i++)
		vec[i] = (struct arena_vec){
			.buf = buf_of(rx, &rx->plan.piece[i]),
			.from = rx->plan.piece[i].from,
			.length = rx->plan.piece[i].length,
		};
	rx->kind = RECEIVE_DATA;
	return link_recv(c, &(struct arena_io){
		.n_vecs = rx->plan.n,
		.vec = vec,
		.cookie = handler_cookie(&rx->handler),
	});
}

static int start_skip(struct conn *c)
{
	struct receive *rx = &c->rx;

	rx->skipping = rx->stream.payload < CONN_CHUNK_BYTES ? (uint32_t)rx->stream.payload :
		       CONN_CHUNK_BYTES;
	rx->kind = RECEIVE_SKIP;
	return link_skip(c, rx->skipping, handler_cookie(&rx->handler));
}

static int start_poll(struct conn *c)
{
	struct receive *rx = &c->rx;

	drop_area(c);
	drop_spares(c);
	rx->kind = RECEIVE_POLL;
	return link_poll(c, handler_cookie(&rx->handler));
}

/* The bytes are not opened if they are TLS, for nobody looks at them. */
static int start_drain(struct conn *c)
{
	struct receive *rx = &c->rx;

	rx->kind = RECEIVE_DRAIN;
	return arena_ring_skip(c->np->ring, c->file, CONN_LINGER_BYTES,
			       handler_cookie(&rx->handler), &c->socket.op);
}

static int start(struct conn *c)
{
	struct receive *rx = &c->rx;

	if (c->phase == CONN_LINGERING)
		return start_drain(c);
	if (rx->request && rx->request->state == REQUEST_DISCARD)
		return start_skip(c);
	if (rx->is_quiet)
		return start_poll(c);
	return start_data(c);
}

static bool may_start(const struct conn *c)
{
	const struct receive *rx = &c->rx;

	if (rx->kind != RECEIVE_NOTHING || rx->left || rx->has_command || receive_is_halted(c))
		return false;
	if (rx->request && rx->request->state == REQUEST_WAITING)
		return false;
	/* Nothing is looked at before the request in pieces has ended. */
	if (rx->pieces.is_active && !rx->request)
		return false;
	switch (c->phase) {
	case CONN_HANDSHAKE:
		return handshake_is_listening(c);
	case CONN_SERVING:
		return true;
	case CONN_FINISHING:
		return rx->request;
	case CONN_LINGERING:
		return true;
	default:
		return false;
	}
}

void receive_turn(struct conn *c)
{
	int ret;

	if (!may_start(c))
		return;
	ret = start(c);
	if (!ret)
		return;
	c->rx.kind = RECEIVE_NOTHING;
	if (ret == -EAGAIN) {
		/* The ring has no room for an operation; some of those under way will end. */
		conn_wait(c);
		return;
	}
	log_limited(LOG_LEVEL_WARN, "connection %u: cannot receive: %s", c->number,
		    log_reason(-ret));
	conn_kill(c);
}

static void cancel(struct conn *c)
{
	struct receive *rx = &c->rx;

	if (!rx->is_canceling && !link_cancel(c))
		rx->is_canceling = true;
}

void receive_stop(struct conn *c)
{
	struct receive *rx = &c->rx;

	if (rx->request || rx->pieces.is_active)
		return;
	rx->left = 0;
	rx->has_command = false;
	all_looked_at(rx);
	if (rx->kind != RECEIVE_NOTHING)
		cancel(c);
}

void receive_halt(struct conn *c)
{
	struct receive *rx = &c->rx;

	if (receive_is_halted(c) && (rx->kind == RECEIVE_DATA || rx->kind == RECEIVE_POLL))
		cancel(c);
}

/* Bytes of a payload that lie in their extent. */
static uint32_t placed(const struct receive *rx)
{
	const struct request *r = rx->request;

	return r && r->state == REQUEST_PAYLOAD ? (uint32_t)(r->command.length - lacks(rx)) : 0;
}

/* Bytes of a header that begins a request which is not complete. */
static uint32_t begun(const struct receive *rx)
{
	return rx->request || rx->has_command ? rx->stream.had : rx->stream.have;
}

uint8_t *receive_unserved(const struct conn *c, uint32_t *n)
{
	const struct receive *rx = &c->rx;
	uint32_t header = begun(rx), payload = placed(rx);
	uint8_t *to;

	*n = header + payload + rx->left;
	to = malloc(*n ? *n : 1);
	if (!to)
		return NULL;
	memcpy(to, rx->stream.header, header);
	if (payload) {
		const uint8_t *from = arena_ptr_const(c->np->arena, rx->request->buf);

		arena_snapshot(to + header, from + request_within(rx->request), payload);
	}
	copy_left(c, to + header + payload);
	return to;
}

void receive_adopt(struct conn *c, uint8_t *bytes, uint32_t n)
{
	use_spill(&c->rx, bytes, n);
	receive_parse(c);
}

void receive_quieten(struct conn *c)
{
	if (c->rx.kind != RECEIVE_DATA)
		return;
	c->rx.is_quiet = true;
	cancel(c);
}

void receive_abandon(struct conn *c)
{
	struct receive *rx = &c->rx;

	if (rx->kind != RECEIVE_NOTHING)
		return;
	rx->left = 0;
	rx->has_command = false;
	drop_request(c);
	drop_area(c);
	drop_spares(c);
	all_looked_at(rx);
}

bool receive_waits_for_payload(const struct conn *c)
{
	const struct receive *rx = &c->rx;

	return rx->stream.payload && rx->request && rx->request->state != REQUEST_WAITING &&
	       rx->kind != RECEIVE_NOTHING;
}
