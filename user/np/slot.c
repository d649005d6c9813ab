// SPDX-License-Identifier: MIT
#include "slot.h"

#include <assert.h>
#include <proto/proto.h>
#include <errno.h>
#include <arena/message.h>
#include <stdlib.h>

#include "np.h"

static_assert(SLOT_REPLY_OFFSET >= sizeof(struct proto_request) &&
	      SLOT_REPLY_OFFSET + NBD_SIMPLE_REPLY_SIZE <= PROTO_NET_BUFFER,
	      "request and reply header share a network buffer");

int slot_table_init(struct np *np)
{
	struct slot_table *t = &np->slots;

	t->n = np->layout.group[PROTO_GROUP_NET].count;
	if (t->n > NP_SLOTS_MAX)
		t->n = NP_SLOTS_MAX;
	t->slot = calloc(t->n, sizeof(*t->slot));
	if (!t->slot)
		return -ENOMEM;
	TAILQ_INIT(&t->free);
	TAILQ_INIT(&t->waiting);
	for (unsigned int i = 0; i < t->n; i++)
		TAILQ_INSERT_TAIL(&t->free, &t->slot[i], link);
	t->n_free = t->n;
	return 0;
}

void slot_table_exit(struct np *np)
{
	free(np->slots.slot);
	np->slots.slot = NULL;
}

static bool may_have_another(const struct np *np, const struct conn *c)
{
	const struct slot_table *t = &np->slots;

	if (c->n_slots == 0)
		return true;
	if (c->n_slots >= CONN_SLOTS_MAX || c->bytes >= CONN_BYTES_MAX ||
	    c->bytes >= peer_free_bytes(&np->peer[c->sp]))
		return false;
	return t->n_free > np->conns.max - t->n_served;
}

struct slot *slot_get(struct np *np, struct conn *c)
{
	struct slot_table *t = &np->slots;
	struct slot *s;

	if (!may_have_another(np, c))
		return NULL;
	s = TAILQ_FIRST(&t->free);
	assert(s);
	TAILQ_REMOVE(&t->free, s, link);
	t->n_free--;
	if (c->n_slots++ == 0)
		t->n_served++;
	s->conn = c;
	s->state = SLOT_HEADER;
	s->error = 0;
	s->bytes = 0;
	s->lent = 0;
	s->count = 0;
	return s;
}

void slot_put(struct np *np, struct slot *s)
{
	struct slot_table *t = &np->slots;
	struct conn *c = s->conn;

	assert(s->state != SLOT_FREE);
	c->bytes -= s->bytes;
	np->peer[c->sp].lent -= s->lent;
	if (--c->n_slots == 0)
		t->n_served--;
	s->generation++;
	s->state = SLOT_FREE;
	s->conn = NULL;
	/* To the head: its buffer is the one most likely in a cache. */
	TAILQ_INSERT_HEAD(&t->free, s, link);
	t->n_free++;
}

unsigned int slot_index(const struct np *np, const struct slot *s)
{
	return (unsigned int)(s - np->slots.slot);
}

uint32_t slot_tag(const struct np *np, const struct slot *s)
{
	return slot_index(np, s) | (uint32_t)s->generation << 16;
}

uint8_t *slot_buffer(const struct np *np, const struct slot *s)
{
	return arena_layout_buffer(np->base, &np->layout, PROTO_GROUP_NET,
				   slot_index(np, s));
}
