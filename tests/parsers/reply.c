// SPDX-License-Identifier: MIT
/*
 * Goal: the NP takes a REPLY only of the SP that it asked, for a request that waits
 * for it, of its present generation, and with data only for a READ: a run of this SP,
 * inside its group, that holds just what was asked for. Any other changes nothing.
 * Method: slots in states, and with requests, of the input, then messages of the
 * input, nearly right or anything. The connections are busy sending, so that what is taken
 * is only queued.
 */
#include <proto/layout.h>
#include <proto/proto.h>
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
		must(!arena_layout_make(&np.layout, &c) && proto_has_np(&np.layout));
		must(!slot_table_init(&np) && np.slots.n == SLOTS);
		np.payload = arena_pool_new(np.layout.group[PROTO_GROUP_PAYLOAD].count);
		must(np.payload);
	}
	for (uint32_t i = 0; i < PEERS; i++) {
		int group = arena_layout_find(&np.layout, PROTO_ROLE_SP(i), PROTO_USE_DISK, 0);

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
	s->index = (uint32_t)index;
	s->count = command_buffers(&s->request);
	must(!arena_pool_lend(np.payload, s->index, s->count, slot_tag(&np, s)));
}

static void eat_slot(struct slot *s, struct input *in)
{
	static const uint16_t types[] = { NBD_CMD_READ, NBD_CMD_WRITE, NBD_CMD_FLUSH };
	uint8_t how = eat_u8(in);

	*s = (struct slot){
		.conn = &conn[how & 1],
		/* Most of them wait. */
		.state = how & 6 ? SLOT_AT_SP : (how >> 3) % (SLOT_REPLYING + 1),
		.generation = eat_u8(in) & 3,
		.request.type = types[how % 3],
		.request.offset = eat_u64(in) >> 1,
		.request.length = 1 + eat_u32(in) % PROTO_MAX_BYTES,
	};
	if (s->state == SLOT_AT_SP && s->request.type == NBD_CMD_WRITE)
		hand_payload(s);
}

static struct arena_msg eat_reply(struct input *in)
{
	uint8_t how = eat_u8(in);
	struct slot *s = &np.slots.slot[how % SLOTS];
	struct arena_msg msg = { .type = ARENA_MSG_REPLY };
	const struct peer *peer;

	if (how & 128) {
		eat(in, &msg, sizeof(msg));
		return msg;
	}
	peer = &np.peer[s->conn->sp];
	msg.value = how % SLOTS;
	msg.ref.generation = s->generation + (how >> 3 & 1);
	msg.ref.group = (uint16_t)(peer->group - (how >> 4 & 1));
	msg.ref.index = eat_u32(in) % (how & 32 ? 200 : np.layout.group[peer->group].count);
	msg.ref.count = (uint16_t)(s->request.type == NBD_CMD_READ && !(how & 64) ?
			       command_buffers(&s->request) : eat_u8(in) & 1);
	return msg;
}

/* In numbers without end: does it hold the bytes, and no buffer more? */
static bool is_data(const struct peer *peer, const struct nbd_request *r,
		    const struct arena_msg *msg)
{
	uint64_t from = r->offset % PROTO_DISK_BUFFER, end = from + r->length;
	uint64_t room = (uint64_t)msg->ref.count * PROTO_DISK_BUFFER;

	return r->type == NBD_CMD_READ && msg->ref.group == peer->group && end <= room &&
	       room - end < PROTO_DISK_BUFFER &&
	       (uint64_t)msg->ref.index + msg->ref.count <= np.layout.group[msg->ref.group].count;
}

static bool is_right(const struct peer *peer, const struct arena_msg *msg)
{
	const struct slot *s;

	if (msg->value >= SLOTS)
		return false;
	s = &np.slots.slot[msg->value];
	if (s->state != SLOT_AT_SP || s->conn != &conn[peer->id] ||
	    s->generation != msg->ref.generation)
		return false;
	if (msg->ref.count)
		return is_data(peer, &s->request, msg);
	if (!msg->ref.index)
		return s->request.type != NBD_CMD_READ;
	return command_is_error(msg->ref.index);
}

static void check_reply(struct peer *peer, const struct arena_msg *msg)
{
	bool right = is_right(peer, msg);
	uint32_t free_before = arena_pool_available(np.payload);
	struct slot before[SLOTS], *s;

	memcpy(before, np.slots.slot, sizeof(before));
	must(reply_take(&np, peer, msg) == right);
	if (!right) {
		must(!memcmp(before, np.slots.slot, sizeof(before)));
		must(arena_pool_available(np.payload) == free_before);
		return;
	}
	s = &np.slots.slot[msg->value];
	must(s->state == SLOT_REPLYING && TAILQ_LAST(&s->conn->replies, slot_queue) == s);
	must(s->count == msg->ref.count && s->error == (msg->ref.count ? 0 : msg->ref.index));
	if (s->count)
		must(s->group == msg->ref.group && s->index == msg->ref.index);
	must(arena_pool_available(np.payload) == free_before + before[msg->value].count);
}

/* The payload that SPs still have comes back. */
static void end(void)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct slot *s = &np.slots.slot[i];

		if (s->state == SLOT_AT_SP && s->count)
			must(!arena_pool_return(np.payload, s->index, s->count, slot_tag(&np, s)));
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
		struct arena_msg msg = eat_reply(&in);

		check_reply(peer, &msg);
	}
	end();
	return 0;
}
