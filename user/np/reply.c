// SPDX-License-Identifier: MIT
#include "reply.h"

#include <assert.h>

#include "np.h"
#include "send.h"

/* Borrow the data of a READ. Return: false if it is not of this SP or has another length. */
static bool take_data(struct np *np, struct peer *peer, struct request *s,
		      const struct arena_ref *ref)
{
	const struct arena_layout *l = arena_layout(np->arena);

	if (ref->group >= l->n_groups || l->group[ref->group].use != PROTO_USE_DISK ||
	    ref->count != s->taken)
		return false;
	return !arena_borrow(np->arena, peer->role, ref, &s->buf);
}

/* Regain the payload of a WRITE and free it. */
static void regain_payload(struct np *np, struct peer *peer, struct request *s)
{
	int ret = arena_regain(np->arena, peer->role, &s->ref, &s->buf);

	assert(!ret);
	(void)ret;
	request_drop_payload(s);
}

bool reply_take(struct np *np, struct peer *peer, const struct proto_reply *r)
{
	struct request *s = request_of_tag(&np->requests, r->tag);
	bool has_data;

	if (!s || s->state != REQUEST_AT_SP || s->conn->sp != peer->id)
		return false;
	/* proto_reply_receive() refuses errors that have data. */
	has_data = s->command.operation == PROTO_READ && r->status == PROTO_OK;
	if (r->n_refs != has_data || (has_data && !take_data(np, peer, s, &r->ref[0])))
		return false;
	if (s->command.operation == PROTO_WRITE)
		regain_payload(np, peer, s);
	send_reply(s, r->status);
	return true;
}

/* The disk of a dead SP may still be reading the payload, so its buffers are never used again. */
static void withhold_payload(struct np *np, struct request *s)
{
	np->counters.withheld_buffers += s->buf.count;
	admission_lose(&np->share.payload, s->buf.count);
	s->buf = (struct arena_buf){ 0 };
}

static void fail_reply(struct request *s)
{
	/* A part of the reply was sent, so it cannot become an error any more. */
	if (s->has_header) {
		conn_kill(s->conn);
		return;
	}
	if (s->buf.count)
		s->status = PROTO_EIO;
	s->buf = (struct arena_buf){ 0 };
}

static void fail_one(struct np *np, struct request *s)
{
	switch (s->state) {
	case REQUEST_QUEUED:
		request_drop_payload(s);
		send_reply(s, PROTO_EIO);
		break;
	case REQUEST_AT_SP:
		withhold_payload(np, s);
		send_reply(s, PROTO_EIO);
		break;
	case REQUEST_REPLYING:
		if (!s->is_sent)
			fail_reply(s);
		break;
	default:
		break;
	}
}

void reply_fail_peer(struct np *np, struct peer *peer)
{
	for (uint32_t i = 0; i < np->requests.n; i++) {
		struct request *s = &np->requests.request[i];

		if (s->state != REQUEST_FREE && s->conn->sp == peer->id)
			fail_one(np, s);
	}
}
