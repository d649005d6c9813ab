// SPDX-License-Identifier: MIT
#include "slot.h"

#include <assert.h>
#include <proto/record.h>
#include <errno.h>
#include <arena/message.h>
#include <stdlib.h>

#include "np.h"

static_assert(SLOT_REPLY_OFFSET + NBD_SIMPLE_REPLY_SIZE <= PROTO_NET_BUFFER,
	      "request and reply header share a network buffer");

int slot_table_init(struct np *np)
{
	struct slot_table *t = &np->slots;

	t->n = np->layout.group[NP_GROUP_NET].count;
	t->slot = calloc(t->n, sizeof(*t->slot));
	if (!t->slot)
		return -ENOMEM;
	TAILQ_INIT(&t->free);
	TAILQ_INIT(&t->waiting);
	for (unsigned int i = 0; i < t->n; i++) {
		t->slot[i].generation = 1;
		TAILQ_INSERT_TAIL(&t->free, &t->slot[i], link);
	}
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
	s->run.count = 0;
	return s;
}

void slot_put(struct np *np, struct slot *s)
{
	struct slot_table *t = &np->slots;
	struct conn *c = s->conn;

	assert(s->state != SLOT_FREE && !s->is_lent);
	c->bytes -= s->bytes;
	np->peer[c->sp].lent -= s->lent;
	if (--c->n_slots == 0)
		t->n_served--;
	if (!++s->generation)
		s->generation = 1;
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

uint64_t slot_tag(const struct np *np, const struct slot *s)
{
	return slot_index(np, s) | (uint64_t)s->generation << 32;
}

struct slot *slot_of_tag(const struct np *np, uint64_t tag)
{
	uint32_t index = (uint32_t)tag;

	if (index >= np->slots.n || slot_tag(np, &np->slots.slot[index]) != tag)
		return NULL;
	return &np->slots.slot[index];
}

struct arena_ref slot_lend(const struct np *np, struct slot *s)
{
	s->is_lent = true;
	return (struct arena_ref){
		.group = NP_GROUP_RECORD,
		.index = slot_index(np, s),
		.count = 1,
		.generation = s->generation,
	};
}

bool slot_regain(const struct np *np, unsigned int sp, const struct arena_ref *ref)
{
	struct slot *s;

	if (ref->group != NP_GROUP_RECORD || ref->index >= np->slots.n || ref->count != 1)
		return false;
	s = &np->slots.slot[ref->index];
	if (!s->is_lent || s->generation != ref->generation || s->conn->sp != sp)
		return false;
	s->is_lent = false;
	return true;
}

uint8_t *slot_buffer(const struct np *np, const struct slot *s)
{
	return arena_layout_buffer(np->base, &np->layout, NP_GROUP_NET,
				   slot_index(np, s));
}

void *slot_record(const struct np *np, const struct slot *s)
{
	return arena_layout_buffer(np->base, &np->layout, NP_GROUP_RECORD, slot_index(np, s));
}
