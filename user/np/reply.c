// SPDX-License-Identifier: MIT
#include "reply.h"

#include <assert.h>
#include <proto/layout.h>
#include <proto/proto.h>

#include "command.h"
#include "np.h"

/* The reply is sent or will never be: the run goes back to its SP. */
static void finish_slot(struct np *np, struct slot *s)
{
	if (s->count)
		peer_send(&np->peer[s->conn->sp], &(struct arena_msg){
			.type = ARENA_MSG_RELEASE,
			.ref.group = (uint8_t)s->group,
			.value = (uint16_t)slot_index(np, s),
			.ref.index = s->index,
			.ref.count = (uint16_t)s->count,
			.ref.generation = s->generation,
		});
	s->count = 0;
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
	if (s->count) {
		data = arena_layout_buffer(np->base, &np->layout, s->group,
					   s->index);
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
	if (!err && s->count)
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
	s->count = 0;
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
static bool is_data_of(const struct np *np, const struct peer *peer,
		       const struct slot *s, const struct arena_msg *msg)
{
	return msg->ref.group == peer->group &&
	       msg->ref.count == command_buffers(&s->request) &&
	       arena_layout_has(&np->layout, msg->ref.group, msg->ref.index, msg->ref.count);
}

static bool is_answer_to(const struct np *np, const struct peer *peer,
			 const struct slot *s, const struct arena_msg *msg)
{
	if (s->state != SLOT_AT_SP || s->conn->sp != peer->id ||
	    s->generation != msg->ref.generation)
		return false;
	if (msg->ref.count)
		return s->request.type == NBD_CMD_READ &&
		       is_data_of(np, peer, s, msg);
	if (msg->ref.index == NBD_SUCCESS)
		return s->request.type != NBD_CMD_READ;
	return command_is_error(msg->ref.index);
}

/* It was lent with this slot's tag, which is what keeps the slot from being reused. */
static void take_payload_back(struct np *np, const struct slot *s)
{
	int ret = arena_pool_return(np->payload, s->index, s->count, slot_tag(np, s));

	assert(!ret);
	(void)ret;
}

bool reply_take(struct np *np, struct peer *peer, const struct arena_msg *msg)
{
	struct slot *s;

	if (msg->value >= np->slots.n)
		return false;
	s = &np->slots.slot[msg->value];
	if (!is_answer_to(np, peer, s, msg))
		return false;
	if (s->count)
		take_payload_back(np, s);
	s->error = msg->ref.count ? NBD_SUCCESS : msg->ref.index;
	s->group = msg->ref.group;
	s->index = msg->ref.index;
	s->count = msg->ref.count;
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
		np->counters.withheld_buffers += s->count;
		reply_error(s, NBD_EIO);
	}
}
