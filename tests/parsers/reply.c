// SPDX-License-Identifier: MIT
/*
 * Goal: the NP takes a reply only of the SP that it asked, for a request that waits for it
 * and whose record the SP has returned, with the tag of its present use, and with data only
 * for a READ: an extent of this SP, inside its group, that holds just what was asked for.
 * Any other changes nothing.
 * Method: slots in states, and with requests, of the input, then records of the input that
 * are sound by themselves, nearly right or anything. The connections are busy sending, so
 * that what is taken is only queued.
 */
#include <proto/layout.h>
#include <proto/lend.h>
#include <proto/record.h>
#include <np/command.h>
#include <np/np.h>
#include <np/reply.h>

#include "parser.h"

#define LENGTH	(1ULL << 30)
#define SLOTS	8U
#define PEERS	2U

static struct np np;
static struct conn conn[PEERS];

static void begin(void)
{
	struct arena_config c;

	if (!np.slots.slot) {
		proto_config_init(&c, LENGTH, &(struct proto_counts){ 1, PEERS, SLOTS });
		must(!arena_layout_make(&np.layout, &c) && proto_has_np(&np.layout, 0));
		must(!slot_table_init(&np) && np.slots.n == SLOTS);
		np.payload = arena_pool_new(np.layout.group[NP_GROUP_PAYLOAD].count);
		must(np.payload);
	}
	for (uint32_t i = 0; i < PEERS; i++) {
		int group = proto_group_of_sp(&np.layout, i, PROTO_USE_DISK);

		must(group >= 0);
		np.peer[i] = (struct peer){ .np = &np, .id = i, .group = (uint32_t)group };
		conn[i] = (struct conn){ .np = &np, .phase = CONN_SERVING, .sp = i };
		conn[i].tx.is_busy = true;
		TAILQ_INIT(&conn[i].replies);
	}
	must(!arena_pool_reset(np.payload));
}

/* As a WRITE's payload, that the SP has. */
static void hand_payload(struct slot *s)
{
	int64_t index = arena_pool_get(np.payload, command_buffers(&s->request));

	if (index < 0)
		return;
	s->run = proto_lend(np.payload, NP_GROUP_PAYLOAD, (uint32_t)index);
}

static void eat_slot(struct slot *s, struct input *in)
{
	static const uint16_t types[] = { NBD_CMD_READ, NBD_CMD_WRITE, NBD_CMD_FLUSH };
	uint8_t how = eat_u8(in);

	*s = (struct slot){
		.conn = &conn[how & 1],
		/* Most of them wait. */
		.state = how & 6 ? SLOT_AT_SP : (how >> 3) % (SLOT_REPLYING + 1),
		.generation = 1 + (eat_u8(in) & 3),
		.is_lent = (how & 0xf0) == 0xf0,
		.request.type = types[how % 3],
		.request.offset = eat_u64(in) >> 1,
		.request.length = 1 + eat_u32(in) % PROTO_MAX_BYTES,
	};
	if (s->state == SLOT_AT_SP && s->request.type == NBD_CMD_WRITE)
		hand_payload(s);
}

static void eat_reply(struct proto_reply *r, struct input *in)
{
	uint8_t how = eat_u8(in);
	struct slot *s = &np.slots.slot[how % SLOTS];
	const struct peer *peer = &np.peer[s->conn->sp];

	memset(r, 0, sizeof(*r));
	if (how & 128) {
		eat(in, r, sizeof(*r));
		return;
	}
	r->tag = slot_tag(&np, s) + ((uint64_t)(how >> 3 & 1) << 32);
	if (how & 64) {
		r->status = eat_u8(in);
		return;
	}
	r->n_refs = s->request.type == NBD_CMD_READ ? 1 : eat_u8(in) & 1;
	if (!r->n_refs)
		return;
	r->ref[0].group = (uint16_t)(peer->group - (how >> 4 & 1));
	r->ref[0].index = eat_u32(in) % (how & 32 ? 200 : np.layout.group[peer->group].count);
	r->ref[0].count = (uint16_t)command_buffers(&s->request);
	r->ref[0].generation = 1;
}

/* In numbers without end: does it hold the bytes, and no buffer more? */
static bool is_data(const struct peer *peer, const struct nbd_request *r,
		    const struct arena_ref *ref)
{
	uint64_t from = r->offset % PROTO_DISK_BUFFER, end = from + r->length;
	uint64_t room = (uint64_t)ref->count * PROTO_DISK_BUFFER;

	return ref->group == peer->group && end <= room && room - end < PROTO_DISK_BUFFER &&
	       (uint64_t)ref->index + ref->count <= np.layout.group[ref->group].count;
}

static bool is_right(const struct peer *peer, const struct proto_reply *r)
{
	const struct slot *s;

	if ((uint32_t)r->tag >= SLOTS)
		return false;
	s = &np.slots.slot[(uint32_t)r->tag];
	if (s->state != SLOT_AT_SP || s->conn != &conn[peer->id] || s->is_lent ||
	    s->generation != r->tag >> 32)
		return false;
	if (r->status)
		return true;
	if (s->request.type == NBD_CMD_READ)
		return r->n_refs == 1 && is_data(peer, &s->request, &r->ref[0]);
	return !r->n_refs;
}

static void check_reply(struct peer *peer, const struct proto_reply *r)
{
	bool right = is_right(peer, r);
	uint32_t free_before = arena_pool_available(np.payload);
	struct slot before[SLOTS], *s;

	memcpy(before, np.slots.slot, sizeof(before));
	must(reply_take(&np, peer, r) == right);
	if (!right) {
		must(!memcmp(before, np.slots.slot, sizeof(before)));
		must(arena_pool_available(np.payload) == free_before);
		return;
	}
	s = &np.slots.slot[(uint32_t)r->tag];
	must(s->state == SLOT_REPLYING && TAILQ_LAST(&s->conn->replies, slot_queue) == s);
	must(s->error == r->status && !memcmp(&s->run, &r->ref[0], sizeof(s->run)));
	must(arena_pool_available(np.payload) ==
	     free_before + before[(uint32_t)r->tag].run.count);
}

/* The payload that SPs still have comes back. */
static void end(void)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct slot *s = &np.slots.slot[i];

		if (s->state == SLOT_AT_SP && s->run.count)
			must(!proto_regain(np.payload, &s->run));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	begin();
	for (uint32_t i = 0; i < SLOTS; i++)
		eat_slot(&np.slots.slot[i], &in);
	while (in.size) {
		struct peer *peer = &np.peer[eat_u8(&in) % PEERS];
		struct proto_reply written, copy;

		eat_reply(&written, &in);
		if (!proto_reply_receive(&copy, &written, 0))
			check_reply(peer, &copy);
	}
	end();
	return 0;
}
