// SPDX-License-Identifier: MIT
#include "handshake.h"

#include <common/log.h>
#include <common/utf8.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alive.h"
#include "np.h"
#include "use.h"

/* Have a bit for each export whose rules admit the client. */
void handshake_admit(struct conn *c)
{
	const struct export_set *s = &c->np->offered.set;
	uint32_t bits = 0;

	for (unsigned int i = 0; i < s->n; i++)
		if (access_check(&c->np->offered.set.export[i].access, &c->handshake->peer.address,
				 link_identity(&c->socket)) == ACCESS_GRANTED)
			bits |= 1U << i;
	c->handshake->negotiation.allowed = bits;
}

/* The client is told that there is no such export. */
static void log_denied(const struct conn *c)
{
	const struct handshake *h = c->handshake;
	unsigned int denied = (unsigned int)h->negotiation.denied;
	const struct access *rules = &c->np->offered.set.export[denied].access;
	const char *identity = link_identity(&c->socket);

	log_limited(LOG_LEVEL_INFO, "connection %u: %s may not use export '%s': %s (%s)", c->number,
		    h->peer.text, c->np->offered.set.export[denied].label,
		    access_says_why(access_check(rules, &h->peer.address, identity)),
		    *identity ? identity : "it has no identity");
}

static void secured(struct conn *c)
{
	c->handshake->is_securing = false;
	handshake_admit(c);
	c->tx.zerocopy = ZEROCOPY_NEVER;
	negotiation_secured(&c->handshake->negotiation);
}

/*
 * Bytes that came after STARTTLS and before TLS are from somebody who wants them to be taken for
 * what the client says in TLS: the client itself waits for the answer.
 */
static void secure(struct conn *c)
{
	int ret = c->rx.left ? -EPROTO : link_secure(c, secured);

	c->handshake->is_securing = !ret;
	if (!ret)
		return;
	log_limited(LOG_LEVEL_INFO, "connection %u is ended: TLS: %s", c->number,
		    ret == -EPROTO ? "bytes came before it began" : log_reason(-ret));
	conn_kill(c);
}

static void open_export(struct conn *c)
{
	struct handshake *h = c->handshake;
	unsigned int sp = (unsigned int)h->negotiation.export;

	h->is_opening = true;
	if (!use_begin(c, sp, h->negotiation.is_looking))
		handshake_opened(c, PROTO_EIO, 0);
}

/* Follow the negotiation's step when its output was sent. */
static void obey_step(struct conn *c)
{
	struct handshake *h = c->handshake;

	switch (h->step) {
	case NEGOTIATION_WANT:
	case NEGOTIATION_MORE:
		return;
	case NEGOTIATION_OPEN:
		open_export(c);
		return;
	case NEGOTIATION_TRANSMIT:
		conn_serve(c, (unsigned int)h->negotiation.export, h->negotiation.session);
		return;
	case NEGOTIATION_STARTTLS:
		secure(c);
		return;
	case NEGOTIATION_CLOSE:
		conn_linger(c);
		return;
	}
}

static int send_part(struct conn *c)
{
	struct handshake *h = c->handshake;
	struct negotiation *n = &h->negotiation;
	size_t left = n->out_length - h->sent;
	uint32_t length = left < PROTO_NET_BUFFER ? (uint32_t)left : PROTO_NET_BUFFER;
	int ret;

	memcpy(arena_ptr(c->np->arena, h->buf), n->out + h->sent, length);
	ret = link_send(c, &(struct arena_io){
		.buf = h->buf,
		.length = length,
		.cookie = handler_cookie(&h->handler),
	}, false);
	if (ret)
		return ret;
	h->sent += length;
	h->is_sending = true;
	return 0;
}

static void send_rest(struct conn *c)
{
	struct handshake *h = c->handshake;

	if (h->sent == h->negotiation.out_length && negotiation_refill(&h->negotiation))
		h->sent = 0;
	if (h->sent == h->negotiation.out_length)
		obey_step(c);
	else if (send_part(c))
		conn_kill(c);
}

static void sent(struct handler *handler, const struct arena_event *e)
{
	struct handshake *h = container_of(handler, struct handshake, handler);
	struct conn *c = h->conn;

	h->is_sending = false;
	if (c->phase == CONN_DEAD)
		handshake_abandon(c);
	else if (e->result < 0)
		conn_kill(c);
	else
		send_rest(c);
	conn_touch(c);
	/* Bytes may have come while the output was sent. */
	if (c->rx.left)
		receive_parse(c);
}

bool handshake_is_listening(const struct conn *c)
{
	const struct handshake *h = c->handshake;

	return !h->is_sending && !h->is_securing && !h->is_opening;
}

/* Tell why a client does not get what it wants. */
static void log_step(const struct conn *c)
{
	const struct negotiation *n = &c->handshake->negotiation;
	char name[UTF8_LABEL_SIZE];

	if (!n->why)
		return;
	utf8_show(name, sizeof(name), n->asked, n->asked ? n->asked_length : 0);
	log_limited(LOG_LEVEL_DEBUG, "connection %u: %s: %s%s%s%s", c->number,
		    c->handshake->step == NEGOTIATION_CLOSE ? "is ended" : "is refused an option",
		    n->why, n->asked ? ": '" : "", name, n->asked ? "'" : "");
}

size_t handshake_take(struct conn *c, const void *data, size_t size)
{
	struct handshake *h = c->handshake;
	size_t used = negotiation_take(&h->negotiation, data, size, &h->step);

	if (h->step == NEGOTIATION_WANT)
		return used;
	if (h->negotiation.denied >= 0)
		log_denied(c);
	else
		log_step(c);
	h->sent = 0;
	send_rest(c);
	return used;
}

void handshake_opened(struct conn *c, enum proto_status status, uint64_t bytes)
{
	struct handshake *h = c->handshake;

	h->is_opening = false;
	alive_begin(c);
	h->step = negotiation_opened(&h->negotiation, status, bytes);
	log_step(c);
	h->sent = 0;
	send_rest(c);
	conn_touch(c);
}

void handshake_start(struct conn *c, const struct conn_peer *peer)
{
	struct handshake *h = malloc(sizeof(*h));

	/* This network buffer is the one that is set aside for the connection's sends. */
	if (!h || arena_get_for(c->np->arena, PROTO_USE_NET, 1, &h->buf)) {
		free(h);
		log_limited(LOG_LEVEL_ERROR, "no memory for a handshake; free memory");
		conn_kill(c);
		return;
	}
	c->handshake = h;
	h->handler.happened = sent;
	h->conn = c;
	h->peer = *peer;
	h->sent = 0;
	h->is_sending = false;
	h->is_securing = false;
	h->is_opening = false;
	h->step = NEGOTIATION_MORE;
	negotiation_init(&h->negotiation, &c->np->exports);
	h->negotiation.tls = c->np->options->tls;
	handshake_admit(c);
	send_rest(c);
}

void handshake_abandon(struct conn *c)
{
	struct handshake *h = c->handshake;

	if (!h || h->is_sending)
		return;
	arena_put(c->np->arena, h->buf);
	free(h);
	c->handshake = NULL;
}
