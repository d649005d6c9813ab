// SPDX-License-Identifier: MIT
#include "reply.h"

#include <assert.h>
#include <proto/layout.h>
#include <proto/lend.h>
#include <proto/record.h>

#include "command.h"
#include "np.h"

/* Statuses travel to clients as they are. */
static_assert((int)PROTO_OK == NBD_SUCCESS && (int)PROTO_EPERM == NBD_EPERM &&
	      (int)PROTO_EIO == NBD_EIO && (int)PROTO_ENOMEM == NBD_ENOMEM &&
	      (int)PROTO_EINVAL == NBD_EINVAL && (int)PROTO_ENOSPC == NBD_ENOSPC &&
	      (int)PROTO_EOVERFLOW == NBD_EOVERFLOW && (int)PROTO_ENOTSUP == NBD_ENOTSUP &&
	      (int)PROTO_ESHUTDOWN == NBD_ESHUTDOWN, "a status is an error of NBD");

/* The reply is sent or will never be: the run goes back to its SP. */
static void finish_slot(struct np *np, struct slot *s)
{
	if (s->run.count)
		peer_return(&np->peer[s->conn->sp], &s->run);
	s->run.count = 0;
	slot_put(np, s);
}

static void sent(struct transfer *t, int err);

static void send_next(struct conn *c)
{
	struct slot *s = TAILQ_FIRST(&c->replies);
	const uint8_t *data = NULL;
	struct np *np = c->np;
	size_t length = 0;
	uint8_t *head;

	if (!s || c->tx.is_busy || c->phase == CONN_DEAD)
		return;
	TAILQ_REMOVE(&c->replies, s, link);
	c->tx_slot = s;
	if (s->run.count) {
		data = arena_layout_buffer(np->base, &np->layout, s->run.group,
					   s->run.index);
		data += s->request.offset % PROTO_DISK_BUFFER;
		length = s->request.length;
	}
	head = slot_buffer(np, s) + SLOT_REPLY_OFFSET;
	nbd_simple_reply_pack(head, s->error, s->request.cookie);
	transfer_send(&c->tx, head, NBD_SIMPLE_REPLY_SIZE, data, length, sent);
}

static void sent(struct transfer *t, int err)
{
	struct conn *c = container_of(t, struct conn, tx);
	struct slot *s = c->tx_slot;
	struct np *np = c->np;

	c->tx_slot = NULL;
	if (!err && s->run.count)
		np->counters.bytes_out += s->request.length;
	finish_slot(np, s);
	if (err)
		conn_kill(c);
	else
		send_next(c);
}

static void queue_reply(struct np *np, struct slot *s)
{
	struct conn *c = s->conn;

	s->state = SLOT_REPLYING;
	if (c->phase == CONN_DEAD) {
		finish_slot(np, s);
		return;
	}
	TAILQ_INSERT_TAIL(&c->replies, s, link);
	send_next(c);
}

void reply_error(struct slot *s, uint32_t error)
{
	s->error = error;
	s->run.count = 0;
	queue_reply(s->conn->np, s);
}

void reply_abandon(struct conn *c)
{
	struct slot *s;

	while ((s = TAILQ_FIRST(&c->replies))) {
		TAILQ_REMOVE(&c->replies, s, link);
		finish_slot(c->np, s);
	}
}

/* Does the run hold just what the READ asked for, in this SP's own buffers? */
static bool is_data_of(const struct np *np, const struct peer *peer, const struct slot *s,
		       const struct arena_ref *run)
{
	return run->group == peer->group && run->count == command_buffers(&s->request) &&
	       arena_layout_has(&np->layout, run->group, run->index, run->count);
}

static bool is_reply_to(const struct np *np, const struct peer *peer, const struct slot *s,
			const struct proto_reply *r)
{
	if (s->state != SLOT_AT_SP || s->conn->sp != peer->id || s->is_lent)
		return false;
	/* Errors have no data, or proto_reply_receive() would have refused them. */
	if (r->status != PROTO_OK)
		return true;
	if (s->request.type != NBD_CMD_READ)
		return !r->n_refs;
	return r->n_refs == 1 && is_data_of(np, peer, s, &r->ref[0]);
}

/* The slot kept its run until now. */
static void regain_payload(struct np *np, const struct slot *s)
{
	int ret = proto_regain(np->payload, &s->run);

	assert(!ret);
	(void)ret;
}

bool reply_take(struct np *np, struct peer *peer, const struct proto_reply *r)
{
	struct slot *s = slot_of_tag(np, r->tag);

	if (!s || !is_reply_to(np, peer, s, r))
		return false;
	if (s->run.count)
		regain_payload(np, s);
	s->error = r->status;
	s->run = r->ref[0];
	queue_reply(np, s);
	return true;
}

void reply_fail_peer(struct np *np, struct peer *peer)
{
	for (unsigned int i = 0; i < np->slots.n; i++) {
		struct slot *s = &np->slots.slot[i];

		if (s->state != SLOT_AT_SP || s->conn->sp != peer->id)
			continue;
		/* Its disk may still be reading the payload: never reuse it. */
		np->counters.withheld_buffers += s->run.count;
		s->is_lent = false;
		reply_error(s, NBD_EIO);
	}
}
