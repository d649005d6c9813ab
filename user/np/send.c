// SPDX-License-Identifier: MIT
#include "send.h"

#include <common/log.h>
#include <common/probe.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "nbd/wire.h"
#include "np.h"

static_assert(CONN_REPLIES_A_SEND * NBD_SIMPLE_REPLY_SIZE <= PROTO_NET_BUFFER &&
	      2 * CONN_REPLIES_A_SEND <= ARENA_RING_MAX_VECS, "a send has room for its replies");

/*
 * Batches
 */

static void keep_batch(struct np *np, struct batch *b)
{
	struct conn *c = b->conn;

	arena_put(np->arena, b->head);
	if (b->n_extra)
		admission_give(&np->share.net, 0, &c->has_net, b->n_extra);
	c->tx.n_batches--;
	LIST_INSERT_HEAD(&np->batches, b, link);
}

static struct batch *take_batch(struct np *np)
{
	struct batch *b = LIST_FIRST(&np->batches);

	if (!b)
		return malloc(sizeof(*b));
	LIST_REMOVE(b, link);
	return b;
}

static void happened(struct handler *h, const struct arena_event *e);

/* Each connection has one network buffer set aside; admission has to grant any other one. */
static bool get_head(struct conn *c, struct batch *b, uint32_t n)
{
	struct admission *a = &c->np->share.net;

	b->n_extra = c->tx.n_batches ? n : n - 1;
	if (b->n_extra &&
	    admission_take(a, 0, &c->has_net, b->n_extra) != ADMISSION_GRANTED)
		return false;
	if (!arena_get_for(c->np->arena, PROTO_USE_NET, n, &b->head))
		return true;
	if (b->n_extra)
		admission_give(a, 0, &c->has_net, b->n_extra);
	return false;
}

/* One buffer holds as many simple headers as go with a send, but fewer headers of chunks. */
static bool get_any_head(struct conn *c, struct batch *b)
{
	bool is_long = c->session.style != NBD_SIMPLE && c->n_requests > CONN_CHUNKS_A_BUFFER;

	return (is_long && get_head(c, b, CONN_HEAD_BUFFERS)) || get_head(c, b, 1);
}

static struct batch *get_batch(struct conn *c)
{
	struct batch *b = take_batch(c->np);

	if (!b)
		return NULL;
	if (!get_any_head(c, b)) {
		LIST_INSERT_HEAD(&c->np->batches, b, link);
		return NULL;
	}
	b->handler.happened = happened;
	b->conn = c;
	b->n_head = 0;
	b->is_queued = false;
	b->bytes = 0;
	b->n_vecs = 0;
	b->n = 0;
	c->tx.n_batches++;
	return b;
}

static void add(struct batch *b, struct arena_buf buf, uint32_t from, uint32_t length)
{
	b->vec[b->n_vecs++] = (struct arena_vec){ .buf = buf, .from = from, .length = length };
	b->bytes += length;
}

/* Add bytes that were written to the buffer for headers, in one piece with those before. */
static void add_head(struct batch *b, uint32_t length)
{
	struct arena_vec *last = b->n_vecs ? &b->vec[b->n_vecs - 1] : NULL;

	if (last && last->buf.group == b->head.group && last->buf.index == b->head.index) {
		last->length += length;
		b->bytes += length;
	} else {
		add(b, b->head, b->n_head, length);
	}
	b->n_head += length;
}

static void add_data(struct batch *b, struct request *r)
{
	uint32_t left = r->answer.length - r->sent;
	uint32_t room = CONN_CHUNK_BYTES - b->bytes;
	uint32_t length = left < room ? left : room;

	add(b, r->buf, r->from + r->sent, length);
	r->sent += length;
}

/* Return: true if the batch has room for the whole reply. */
static bool add_reply(struct batch *b, struct request *r, enum nbd_style style, uint8_t *head)
{
	if (!r->has_header)
		add_head(b, answer_begin(head + b->n_head, style, &r->command, r->status,
					 &r->answer));
	r->has_header = true;
	if (r->answer.length && b->bytes < CONN_CHUNK_BYTES)
		add_data(b, r);
	b->request[b->n++] = r;
	r->holds++;
	r->is_sent = r->sent == r->answer.length;
	if (r->is_sent && answer_has_end(&r->answer))
		add_head(b, answer_end(head + b->n_head, style, &r->command, &r->answer));
	return r->is_sent;
}

static void fill_batch(struct conn *c, struct batch *b)
{
	const struct np *np = c->np;
	uint8_t *head = arena_ptr(np->arena, b->head);
	enum nbd_style style = c->session.style;
	uint32_t most = b->head.count * PROTO_NET_BUFFER - answer_room(style);
	struct request *r;

	while ((r = TAILQ_FIRST(&c->replies)) && b->n < CONN_REPLIES_A_SEND &&
	       b->n_head <= most && b->bytes < CONN_CHUNK_BYTES &&
	       b->n_vecs + 2 + answer_has_end(&r->answer) <= ARENA_RING_MAX_VECS) {
		if (!add_reply(b, r, style, head))
			return;
		TAILQ_REMOVE(&c->replies, r, link);
		counters_note(r);
		probe_np_sent(np->options->id, request_tag(&np->requests, r), r->status);
	}
}

/*
 * The end of a reply
 */

static void finish(struct np *np, struct request *r)
{
	if (r->command.operation == PROTO_BLOCK_STATUS)
		request_drop_payload(r);
	else if (r->buf.count)
		peer_return(&np->peer[r->conn->sp], r->buf);
	r->buf = (struct arena_buf){ 0 };
	if (r->is_piece && r->command.operation == PROTO_READ && r->conn->phase != CONN_DEAD &&
	    receive_piece_sent(r))
		return;
	request_put(r);
}

static void release(struct np *np, struct batch *b, bool is_good)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct request *r = b->request[i];

		r->holds--;
		if (r->holds || !r->is_sent)
			continue;
		if (is_good)
			np->counters.bytes_out += r->answer.length;
		finish(np, r);
	}
}

/*
 * By default the NP tries with each client whether the kernel can send without a copy. It cannot
 * to clients on the same machine.
 */
static void look_at_copies(struct conn *c, const struct arena_event *e)
{
	if (!(e->flags & ARENA_EVENT_COPIED))
		return;
	c->np->counters.zerocopy_copied++;
	if (c->np->options->zerocopy == ZEROCOPY_AUTO)
		c->tx.zerocopy = ZEROCOPY_NEVER;
}

/* The client gets the replies to what it has asked for. Most clients connect anew then. */
static void look_at_key(struct conn *c)
{
	if (c->phase != CONN_SERVING || !link_is_worn(&c->socket))
		return;
	log_limited(LOG_LEVEL_WARN, "connection %u is ended: TLS: its key was used for %" PRIu64
		    " MiB and cannot be changed; see --tls-key-limit and --ktls", c->number,
		    c->np->options->tls_key_bytes >> 20);
	conn_finish(c);
}

static void happened(struct handler *h, const struct arena_event *e)
{
	struct batch *b = container_of(h, struct batch, handler);
	struct conn *c = b->conn;
	struct np *np = c->np;

	if (!b->is_queued)
		c->tx.is_busy = false;
	b->is_queued = true;
	c->tx.moved_at = np->now;
	conn_touch(c);
	if (e->flags & ARENA_EVENT_MORE)
		return;
	look_at_copies(c, e);
	release(np, b, e->result >= 0);
	keep_batch(np, b);
	if (e->result < 0)
		conn_kill(c);
	else
		look_at_key(c);
}

/*
 * Sending
 */

static int start(struct conn *c, struct batch *b)
{
	struct np *np = c->np;
	struct arena_io io = {
		.n_vecs = b->n_vecs,
		.vec = b->vec,
		.cookie = handler_cookie(&b->handler),
	};
	bool is_zerocopy = b->bytes >= c->tx.zerocopy;

	np->counters.batches++;
	np->sends++;
	np->counters.zerocopy_sends += is_zerocopy;
	return link_send(c, &io, is_zerocopy);
}

/* Drop a batch that cannot be sent; its requests end with the connection. */
static void drop_batch(struct conn *c, struct batch *b)
{
	release(c->np, b, false);
	keep_batch(c->np, b);
}

void send_turn(struct conn *c)
{
	struct batch *b;
	int ret;

	if (c->tx.is_busy || c->phase == CONN_DEAD || TAILQ_EMPTY(&c->replies))
		return;
	b = np_has_operation(c->np) ? get_batch(c) : NULL;
	/* Operations and buffers come back when sends that are under way have ended. */
	if (!b) {
		conn_wait(c);
		return;
	}
	fill_batch(c, b);
	ret = start(c, b);
	if (!ret) {
		c->tx.is_busy = true;
		c->tx.moved_at = c->np->now;
		return;
	}
	drop_batch(c, b);
	log_limited(LOG_LEVEL_WARN, "connection %u: cannot send: %s", c->number, log_reason(-ret));
	conn_kill(c);
}

void send_reply(struct request *r, enum proto_status status)
{
	struct conn *c = r->conn;

	r->state = REQUEST_REPLYING;
	r->status = status;
	if (c->phase == CONN_DEAD) {
		finish(c->np, r);
		return;
	}
	if (r->is_piece && r->command.operation == PROTO_WRITE && !receive_piece_ended(r)) {
		request_put(r);
		return;
	}
	TAILQ_INSERT_TAIL(&c->replies, r, link);
	conn_touch(c);
	/* A part of the reply was sent, so it cannot become an error any more. */
	if (r->has_header && status != PROTO_OK)
		conn_kill(c);
}

void send_abandon(struct conn *c)
{
	struct request *r;

	while ((r = TAILQ_FIRST(&c->replies))) {
		TAILQ_REMOVE(&c->replies, r, link);
		/* A batch that is being sent may have a part of the reply. */
		r->is_sent = true;
		if (!r->holds)
			finish(c->np, r);
	}
}

void send_exit(struct np *np)
{
	struct batch *b;

	while ((b = LIST_FIRST(&np->batches))) {
		LIST_REMOVE(b, link);
		free(b);
	}
}
