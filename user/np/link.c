// SPDX-License-Identifier: MIT
#include "link.h"

#include <common/log.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <tls/options.h>
#include <tls/session.h>
#include <unistd.h>

#include "np.h"

/**
 * struct link_side - one direction of TLS
 * @handler: handles the poll of the socket
 * @is_polling: the poll is under way
 * @is_over: nothing but the event is left to be given
 * @cookie: whom the event is for
 * @skip: bytes to throw away, in place of the list
 * @bytes: bytes that were transferred
 * @n_vecs: used entries of @vec
 * @at: entry that is transferred next
 * @done: bytes of it that were transferred
 * @vec: where the bytes go, or come from
 */
struct link_side {
	struct handler handler;
	bool is_polling;
	bool is_over;
	uint64_t cookie;
	uint32_t skip;
	uint32_t bytes;
	uint32_t n_vecs;
	uint32_t at;
	uint32_t done;
	struct arena_vec vec[ARENA_RING_MAX_VECS];
};

/**
 * struct link_tls - TLS of a connection
 * @conn: the connection
 * @session: the session
 * @done: called when the handshake is complete
 * @has_end: the end, or an error, came right behind bytes, and nobody was told yet
 * @end: then 0 or -errno
 * @shake: the handshake's poll
 * @rx: receiving
 * @tx: sending
 */
struct link_tls {
	struct conn *conn;
	struct tls_session *session;
	void (*done)(struct conn *c);
	bool has_end;
	int end;
	struct link_side shake;
	struct link_side rx;
	struct link_side tx;
};

/* What is on its way between a session and the buffers. There is one thread. */
static uint8_t scratch[TLS_RECORD_BYTES];

static bool is_by_kernel(const struct link *l)
{
	return l->tls && tls_session_is_kernel(l->tls->session);
}

/*
 * Sides
 */

static void side_begin(struct link_side *s, const struct arena_io *io)
{
	s->cookie = io->cookie;
	s->is_over = false;
	s->skip = 0;
	s->bytes = 0;
	s->at = 0;
	s->done = 0;
	s->n_vecs = io->vec ? io->n_vecs : 1;
	if (io->vec)
		memcpy(s->vec, io->vec, io->n_vecs * sizeof(*io->vec));
	else
		s->vec[0] = (struct arena_vec){ io->buf, io->from, io->length };
}

static void side_advance(struct link_side *s, uint32_t n)
{
	s->bytes += n;
	s->done += n;
	while (s->at < s->n_vecs && s->done >= s->vec[s->at].length) {
		s->done -= s->vec[s->at].length;
		s->at++;
	}
}

static int side_poll(struct conn *c, struct link_side *s, uint32_t events, struct arena_op *op)
{
	int ret = arena_ring_poll(c->np->ring, c->file, events, false,
				  handler_cookie(&s->handler), op);

	s->is_polling = !ret;
	return ret;
}

/* What came of a poll: 0 if the socket is ready and still of use, or -errno. */
static int outcome(const struct conn *c, const struct arena_event *e)
{
	if (e->result < 0)
		return e->result;
	return c->phase == CONN_DEAD ? -ECANCELED : 0;
}

static void tell(const struct link_side *s, int32_t result, uint32_t flags)
{
	const struct arena_event e = {
		.type = ARENA_EVENT_OPERATION,
		.cookie = s->cookie,
		.result = result,
		.bytes = s->bytes,
		.flags = flags,
	};

	handler_call(&e);
}

static void log_failure(const struct conn *c)
{
	log_limited(LOG_LEVEL_INFO, "connection %u is ended: TLS: %s", c->number,
		    tls_session_why(c->socket.tls->session));
}

/*
 * Receiving
 */

/* Return: bytes of the next record; 0 at the end; -EAGAIN; another -errno. */
static ssize_t open_record(struct conn *c, struct link_side *s)
{
	struct link_tls *t = c->socket.tls;
	const struct arena_vec *v = &s->vec[s->at];
	uint8_t *to;

	if (s->skip) {
		/* What follows the last of these bytes is a request. */
		uint32_t left = s->skip - s->bytes;

		return tls_session_recv(t->session, scratch, left < sizeof(scratch) ? left :
					sizeof(scratch));
	}
	to = arena_ptr(c->np->arena, v->buf);
	return to ? tls_session_recv(t->session, to + v->from + s->done, v->length - s->done) :
	       -ESTALE;
}

static bool is_full(const struct link_side *s)
{
	return s->skip ? s->bytes >= s->skip : s->at == s->n_vecs ||
	       s->bytes >= LINK_RECV_BYTES;
}

/*
 * An end that comes right behind bytes is kept for the next receive, because the socket may never
 * announce it again. Return: 1 if bytes have come, 0 at the end, or -errno.
 */
static ssize_t open_records(struct conn *c, struct link_side *s)
{
	struct link_tls *t = c->socket.tls;
	ssize_t n = t->has_end ? t->end : 1;

	while (!t->has_end && !is_full(s)) {
		n = open_record(c, s);
		if (n <= 0)
			break;
		if (s->skip)
			s->bytes += (uint32_t)n;
		else
			side_advance(s, (uint32_t)n);
	}
	if (n <= 0 && n != -EAGAIN) {
		t->has_end = true;
		t->end = (int)n;
	}
	return n > 0 || (s->bytes && (!s->skip || s->bytes == s->skip)) ? 1 : n;
}

/* The event of what was received, or of why nothing was. */
static void tell_received(struct conn *c, struct link_side *s, ssize_t ret)
{
	if (ret == -EPROTO)
		log_failure(c);
	if (s->skip)
		tell(s, ret < 0 ? (int32_t)ret : 0, ret ? 0 : ARENA_EVENT_SHORT);
	else
		tell(s, ret > 0 ? (int32_t)s->bytes : (int32_t)ret, 0);
}

static void receive(struct conn *c)
{
	struct link_tls *t = c->socket.tls;
	ssize_t ret = open_records(c, &t->rx);
	int err;

	if (ret != -EAGAIN) {
		tell_received(c, &t->rx, ret);
		return;
	}
	err = side_poll(c, &t->rx, POLLIN, &c->socket.op);
	if (err)
		tell(&t->rx, err, 0);
}

static void can_receive(struct handler *h, const struct arena_event *e)
{
	struct link_tls *t = container_of(h, struct link_tls, rx.handler);
	int ret = outcome(t->conn, e);

	t->rx.is_polling = false;
	if (ret)
		tell(&t->rx, ret, e->flags);
	else
		receive(t->conn);
}

/* Does the session have something that the socket does not announce? */
static bool has_more(const struct link_tls *t)
{
	return t->has_end || tls_session_has_more(t->session);
}

static int begin_receive(struct conn *c)
{
	struct link_tls *t = c->socket.tls;

	if (!has_more(t))
		return side_poll(c, &t->rx, POLLIN, &c->socket.op);
	receive(c);
	return 0;
}

int link_recv(struct conn *c, struct arena_io *io)
{
	io->file = c->file;
	if (!c->socket.tls)
		return arena_ring_recv(c->np->ring, io, &c->socket.op);
	side_begin(&c->socket.tls->rx, io);
	return begin_receive(c);
}

int link_skip(struct conn *c, uint32_t length, uint64_t cookie)
{
	struct link_tls *t = c->socket.tls;

	if (!t)
		return arena_ring_skip(c->np->ring, c->file, length, cookie, &c->socket.op);
	side_begin(&t->rx, &(struct arena_io){ .cookie = cookie });
	t->rx.skip = length;
	return begin_receive(c);
}

int link_poll(struct conn *c, uint64_t cookie)
{
	if (c->socket.tls && has_more(c->socket.tls)) {
		tell(&(struct link_side){ .cookie = cookie }, POLLIN, 0);
		return 0;
	}
	return arena_ring_poll(c->np->ring, c->file, POLLIN, false, cookie, &c->socket.op);
}

int link_cancel(struct conn *c)
{
	return arena_ring_cancel(c->np->ring, c->socket.op);
}

/*
 * Sending
 */

/* Gather bytes of the list for one record. Return: how many. */
static uint32_t gather(const struct conn *c, const struct link_side *s)
{
	uint32_t at = s->at, done = s->done, n = 0;

	while (at < s->n_vecs && n < sizeof(scratch)) {
		const struct arena_vec *v = &s->vec[at];
		const uint8_t *from = arena_ptr_const(c->np->arena, v->buf);
		uint32_t left = v->length - done, room = sizeof(scratch) - n;
		uint32_t length = left < room ? left : room;

		if (!from)
			return 0;
		memcpy(scratch + n, from + v->from + done, length);
		n += length;
		done = 0;
		at++;
	}
	return n;
}

/* Return: 0 if all is sealed and sent, or -errno. */
static int seal_records(struct conn *c, struct link_side *s)
{
	while (s->at < s->n_vecs) {
		uint32_t n = gather(c, s);
		ssize_t ret = n ? tls_session_send(c->socket.tls->session, scratch, n) : -ESTALE;

		if (ret < 0)
			return (int)ret;
		side_advance(s, (uint32_t)ret);
	}
	return tls_session_flush(c->socket.tls->session);
}

static uint32_t bytes_of(const struct link_side *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_vecs; i++)
		n += s->vec[i].length;
	return n;
}

/*
 * The kernel's TLS refuses the flags that a send of the ring has. The event of the write is that of
 * the send. Return: 0; -EAGAIN; another -errno.
 */
static int write_by_kernel(struct conn *c, const struct link_side *s)
{
	int ret = tls_session_prepare(c->socket.tls->session, bytes_of(s));

	return ret ? ret : arena_ring_write(c->np->ring, &(struct arena_io){
		.file = c->file,
		.n_vecs = s->n_vecs,
		.vec = s->vec,
		.cookie = s->cookie,
	}, NULL);
}

/* Return: 0 if nothing but the event is left; -EAGAIN; another -errno. */
static int go_on(struct conn *c, struct link_side *s)
{
	int ret = is_by_kernel(&c->socket) ? write_by_kernel(c, s) : seal_records(c, s);

	if (ret == -EPROTO)
		log_failure(c);
	return ret;
}

static void can_send(struct handler *h, const struct arena_event *e)
{
	struct link_tls *t = container_of(h, struct link_tls, tx.handler);
	struct link_side *s = &t->tx;
	struct conn *c = t->conn;
	int ret = outcome(c, e);

	s->is_polling = false;
	if (!ret && !s->is_over)
		ret = go_on(c, s);
	if (ret == -EAGAIN)
		ret = side_poll(c, s, POLLOUT, NULL);
	if (s->is_polling || (!ret && is_by_kernel(&c->socket)))
		return;
	tell(s, ret ? ret : (int32_t)s->bytes, e->result < 0 ? e->flags : 0);
}

/* The event comes with a poll or a write, so that the caller need not expect it at once. */
static int begin_send(struct conn *c, const struct arena_io *io)
{
	struct link_side *s = &c->socket.tls->tx;
	int ret;

	side_begin(s, io);
	ret = go_on(c, s);
	s->is_over = !ret;
	if ((!ret && is_by_kernel(&c->socket)) || (ret && ret != -EAGAIN))
		return ret;
	return side_poll(c, s, POLLOUT, NULL);
}

int link_send(struct conn *c, struct arena_io *io, bool is_zerocopy)
{
	io->file = c->file;
	if (c->socket.tls)
		return begin_send(c, io);
	if (is_zerocopy)
		return arena_ring_send_zc(c->np->ring, io, NULL);
	return arena_ring_send(c->np->ring, io, NULL);
}

/*
 * The handshake
 */

static void log_secured(const struct conn *c)
{
	const char *identity = link_identity(&c->socket);

	log_debug("connection %u: %s%s, client %s", c->number,
		  tls_session_version(c->socket.tls->session),
		  is_by_kernel(&c->socket) ? " by the kernel" : "",
		  *identity ? identity : "without a name");
}

/* A session that cannot change keys loses nothing by a kernel that cannot. */
static bool may_use_kernel(const struct conn *c)
{
	const struct np *np = c->np;

	switch (np->options->ktls) {
	case TLS_KERNEL_NEVER:
		return false;
	case TLS_KERNEL_ALWAYS:
		return true;
	default:
		return np->kernel_tls == TLS_KERNEL_CHANGES ||
		       !tls_session_changes_keys(c->socket.tls->session);
	}
}

/* Return: 0 or -EPROTO. */
static int secured(struct conn *c)
{
	int ret = may_use_kernel(c) ?
		  tls_session_to_kernel(c->socket.tls->session,
					c->np->kernel_tls == TLS_KERNEL_CHANGES) : -EOPNOTSUPP;

	if (ret && ret != -EOPNOTSUPP)
		return ret;
	c->np->counters.tls++;
	c->np->counters.ktls += !ret;
	log_secured(c);
	return 0;
}

static void shake(struct conn *c)
{
	struct link_tls *t = c->socket.tls;
	int ret = tls_session_handshake(t->session);

	if (ret == -EAGAIN)
		ret = side_poll(c, &t->shake, tls_session_events(t->session), NULL);
	else if (!ret)
		ret = secured(c);
	if (t->shake.is_polling)
		return;
	if (ret) {
		log_failure(c);
		conn_kill(c);
	} else {
		t->done(c);
	}
}

/*
 * A step may compute for a millisecond. What is too much for this turn waits for the next one,
 * which begins at once, as the socket is still ready: so requests of other clients come between.
 */
static void shake_if_due(struct conn *c)
{
	struct link_tls *t = c->socket.tls;

	if (c->np->shakes++ < NP_SHAKES_A_TURN)
		shake(c);
	else if (side_poll(c, &t->shake, tls_session_events(t->session), NULL))
		conn_kill(c);
}

static void can_shake(struct handler *h, const struct arena_event *e)
{
	struct link_tls *t = container_of(h, struct link_tls, shake.handler);
	struct conn *c = t->conn;

	t->shake.is_polling = false;
	if (e->result < 0)
		conn_kill(c);
	else if (c->phase != CONN_DEAD)
		shake_if_due(c);
	conn_touch(c);
}

static void begin_tls(struct conn *c, struct link_tls *t)
{
	t->conn = c;
	t->shake.handler.happened = can_shake;
	t->rx.handler.happened = can_receive;
	t->tx.handler.happened = can_send;
	c->socket.tls = t;
}

int link_secure(struct conn *c, void (*done)(struct conn *c))
{
	struct link_tls *t = calloc(1, sizeof(*t));
	int ret = t ? tls_session_new(c->np->credentials, c->socket.fd,
				      c->np->options->tls_key_bytes, &t->session) : -ENOMEM;

	if (ret) {
		free(t);
		return ret;
	}
	t->done = done;
	begin_tls(c, t);
	/* What lies in the socket is looked at when the ring says so. */
	return side_poll(c, &t->shake, POLLIN, NULL);
}

const char *link_identity(const struct link *l)
{
	return l->tls ? tls_session_identity(l->tls->session) : "";
}

/*
 * The successor
 */

bool link_can_move(const struct link *l)
{
	return !l->tls || (!l->tls->has_end && tls_session_can_move(l->tls->session));
}

uint64_t link_sealed(const struct link *l)
{
	return l->tls ? tls_session_sealed(l->tls->session) : 0;
}

int link_adopt(struct conn *c, uint64_t sealed, const char *identity)
{
	struct link_tls *t = calloc(1, sizeof(*t));
	int ret = t ? tls_session_adopt(c->socket.fd, c->np->options->tls_key_bytes, sealed,
					identity, &t->session) : -ENOMEM;

	if (ret)
		free(t);
	else
		begin_tls(c, t);
	return ret;
}

/*
 * The end
 */

bool link_is_worn(const struct link *l)
{
	return l->tls && tls_session_is_worn(l->tls->session);
}

void link_bye(struct conn *c)
{
	if (c->socket.tls)
		tls_session_bye(c->socket.tls->session);
}

bool link_is_busy(const struct conn *c)
{
	const struct link_tls *t = c->socket.tls;

	return t && (t->shake.is_polling || t->rx.is_polling || t->tx.is_polling);
}

void link_abort(struct conn *c)
{
	if (c->socket.fd >= 0)
		close(c->socket.fd);
	c->socket.fd = -1;
}

void link_exit(struct conn *c)
{
	if (c->socket.tls) {
		tls_session_free(c->socket.tls->session);
		free(c->socket.tls);
		c->socket.tls = NULL;
	}
	link_abort(c);
}
