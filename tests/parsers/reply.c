// SPDX-License-Identifier: MIT
/*
 * Goal: the NP accepts a reply only if it comes from the SP that has the request, and if its tag
 * names the present use of that request. Only a READ and a BLOCK_STATUS may have data: an extent in
 * this SP's group for data, which is just as long as needed and which the NP has not borrowed yet.
 * Zeroes are within the range of a READ that allows them, and parts within that of a BLOCK_STATUS.
 * Any other reply changes nothing.
 * Method: the input chooses the kinds and states of requests, then records that are sound by
 * themselves, nearly right or random. A reply that is accepted is only queued, because no turn of
 * the loop sends it. The region is real, as the NP borrows and regains extents.
 */
#include <np/np.h>
#include <np/reply.h>
#include <proto/layout.h>
#include <proto/record.h>

#include "parser.h"

#define BYTES		(256ULL << 20)
/* The table has more requests than the test uses, because one client does not get all of them. */
#define REQUESTS	32U
#define USED		8U
#define PEERS		2U

static struct np np;
static struct options options = { .exports.n = PEERS };
static struct conn conn[PEERS];
static struct request *used[USED];
static const struct arena_layout *layout;

static void open_arena(void)
{
	struct arena_options o = { .size = sizeof(o), .role = PROTO_ROLE_NP(0), .bytes = BYTES,
				   .page_size = 4096, .backend = MSHARE_BACKEND_MEMFD };
	struct arena_config c;

	proto_config_init(&c, BYTES, &(struct proto_counts){
		.nps = 1, .sps = PEERS, .net_buffers = REQUESTS });
	o.config = &c;
	must(!arena_create(NULL, &o, &np.arena));
	layout = arena_layout(np.arena);
	np.role = PROTO_ROLE_NP(0);
	np.options = &options;
	must(!lent_open(&np));
	must(!request_table_init(&np.requests, REQUESTS));
	conn_table_init(&np.conns, PEERS);
	share_init(&np);
	for (uint32_t i = 0; i < PEERS; i++) {
		np.peer[i] = (struct peer){ .np = &np, .id = i, .role = PROTO_ROLE_SP(i) };
		TAILQ_INIT(&np.peer[i].queue);
		share_data(&np, &np.peer[i]);
		np.exports.export[i].is_served = true;
	}
}

static void begin(void)
{
	if (!np.arena)
		open_arena();
	TAILQ_INIT(&np.conns.touched);
	for (uint32_t i = 0; i < PEERS; i++) {
		conn[i] = (struct conn){ .np = &np, .phase = CONN_SERVING, .sp = i };
		TAILQ_INIT(&conn[i].replies);
	}
}

static bool has_range(const struct request *r)
{
	uint16_t operation = r->command.operation;

	return operation != PROTO_FLUSH && operation != PROTO_OPEN && operation != PROTO_CLOSE;
}

static struct request *eat_request(struct input *in)
{
	static const uint16_t operations[] = {
		PROTO_READ, PROTO_WRITE, PROTO_FLUSH, PROTO_BLOCK_STATUS, PROTO_DISCARD,
	};
	uint8_t how = eat_u8(in);
	struct conn *c = &conn[how & 1];
	struct request *r = request_new(c);

	must(r);
	r->command.operation = operations[how % 5];
	if (how & 8)
		r->command.operation = how & 4 ? PROTO_CLOSE : PROTO_OPEN;
	r->command.flags = r->command.operation == PROTO_READ && how & 0x40 ? PROTO_FLAG_HOLES : 0;
	r->command.offset = eat_u64(in) >> 1;
	r->command.length = has_range(r) ? 1 + eat_u16(in) : 0;
	must(!request_admit(r));
	/* Most requests are at the SP. */
	if (!(how & 0x30))
		return r;
	if (r->command.operation == PROTO_WRITE) {
		lent_note(&np, &np.peer[c->sp], r->buf);
		must(!arena_lend(np.arena, r->buf, np.peer[c->sp].role, &r->ref));
	}
	r->state = REQUEST_AT_SP;
	return r;
}

static bool has_data(const struct request *s)
{
	return s->command.operation == PROTO_READ || s->command.operation == PROTO_BLOCK_STATUS;
}

static void eat_reply(struct proto_reply *r, struct input *in)
{
	uint8_t how = eat_u8(in);
	const struct request *s = used[how % USED];
	uint16_t group = (uint16_t)proto_group_of_sp(layout, s->conn ? s->conn->sp : 0, 0,
						       PROTO_USE_DISK);

	memset(r, 0, sizeof(*r));
	if (how & 128) {
		eat(in, r, sizeof(*r));
		return;
	}
	r->tag = request_tag(&np.requests, s) + ((uint64_t)(how >> 3 & 1) << 32);
	if (how & 64) {
		r->status = eat_u8(in);
		return;
	}
	r->n_refs = has_data(s) ? 1 : eat_u8(in) & 1;
	if (s->command.flags & PROTO_FLAG_HOLES && how & 16) {
		r->zeroes_before = eat_u16(in);
		r->zeroes_after = eat_u16(in);
		if (r->zeroes_before == s->command.length)
			r->n_refs = 0;
	}
	if (s->command.operation == PROTO_OPEN || how & 4)
		r->bytes = eat_u16(in);
	if (s->command.operation == PROTO_BLOCK_STATUS)
		r->n_parts = 1 + (how >> 5 & 1);
	if (!r->n_refs)
		return;
	r->ref[0].group = (uint16_t)(group - (how >> 4 & 1));
	r->ref[0].index = eat_u32(in) % (how & 32 ? 200 : layout->group[group].count);
	r->ref[0].count = (uint16_t)s->taken;
	r->ref[0].generation = 1;
}

/* Does the extent hold the bytes and no buffer more? 64 bits keep the sums from overflowing. */
static bool is_data(const struct request *s, const struct arena_ref *ref)
{
	uint64_t from = s->command.offset % PROTO_DISK_BUFFER, end = from + s->command.length;
	uint64_t room = (uint64_t)ref->count * PROTO_DISK_BUFFER;
	const struct arena_group *g = &layout->group[ref->group];

	return ref->group < layout->n_groups && g->use == PROTO_USE_DISK &&
	       g->role == np.peer[s->conn->sp].role && end <= room &&
	       room - end < PROTO_DISK_BUFFER && (uint64_t)ref->index + ref->count <= g->count;
}

/* Has the NP borrowed some of these buffers already, for another request? */
static bool is_borrowed(const struct arena_ref *ref)
{
	for (uint32_t i = 0; i < REQUESTS; i++) {
		const struct request *s = &np.requests.request[i];
		uint64_t first = s->buf.index, end = first + s->buf.count;

		if (s->state == REQUEST_REPLYING && s->buf.group == ref->group &&
		    ref->index < end && first < (uint64_t)ref->index + ref->count)
			return true;
	}
	return false;
}

/* Parts are of the memory that this test never writes, so they are empty, which is wrong. */
static bool is_right_status(const struct proto_reply *r)
{
	return !r->n_refs && !r->zeroes_before && !r->zeroes_after && !r->n_parts && !r->bytes &&
	       r->status;
}

static bool is_right_read(const struct request *s, const struct proto_reply *r)
{
	uint64_t zeroes = (uint64_t)r->zeroes_before + r->zeroes_after;

	if (r->n_parts || r->bytes || zeroes > s->command.length ||
	    (zeroes && !(s->command.flags & PROTO_FLAG_HOLES)))
		return false;
	if (zeroes == s->command.length)
		return !r->n_refs;
	return r->n_refs == 1 && is_data(s, &r->ref[0]) && !is_borrowed(&r->ref[0]);
}

static bool is_right(const struct peer *peer, const struct proto_reply *r)
{
	const struct request *s;

	if (proto_slot(r->tag) >= REQUESTS)
		return false;
	s = &np.requests.request[proto_slot(r->tag)];
	if (s->state != REQUEST_AT_SP || s->conn != &conn[peer->id] ||
	    s->use != r->tag >> PROTO_SLOT_BITS)
		return false;
	if (s->command.operation == PROTO_BLOCK_STATUS)
		return is_right_status(r);
	if (!r->status && s->command.operation == PROTO_READ)
		return is_right_read(s, r);
	if (!r->bytes != (s->command.operation != PROTO_OPEN || r->status))
		return false;
	return !r->n_refs && !r->zeroes_before && !r->zeroes_after && !r->n_parts;
}

static uint32_t lent(void)
{
	int group = proto_group_of_np(layout, 0, PROTO_USE_PAYLOAD);
	struct arena_usage u = { .size = sizeof(u) };

	must(!arena_usage(np.arena, (uint32_t)group, &u));
	return u.lent;
}

static void check_reply(struct peer *peer, const struct proto_reply *r)
{
	bool right = is_right(peer, r);
	uint32_t lent_before = lent();
	struct request before[REQUESTS], *s;

	memcpy(before, np.requests.request, sizeof(before));
	must(reply_take(&np, peer, r) == right);
	if (!right) {
		must(!memcmp(before, np.requests.request, sizeof(before)));
		must(lent() == lent_before);
		return;
	}
	s = &np.requests.request[proto_slot(r->tag)];
	/* No client waits for these: the connection has the answer, and the request is free. */
	if (before[proto_slot(r->tag)].command.operation >= PROTO_OPEN) {
		must(s->state == REQUEST_FREE && lent() == lent_before);
		must(!s->conn);
		return;
	}
	/* No client is told what only processes know. */
	must(s->state == REQUEST_REPLYING &&
	     s->status == (r->status == PROTO_ESTALE ? PROTO_EIO : r->status));
	must(TAILQ_LAST(&s->conn->replies, request_queue) == s);
	/* The buffer of a BLOCK_STATUS is our own, and was not lent. */
	if (s->command.operation == PROTO_BLOCK_STATUS) {
		must(s->buf.count == 1 && lent() == lent_before);
		return;
	}
	must(s->buf.count == r->n_refs * r->ref[0].count);
	must(s->status || s->command.operation != PROTO_READ ||
	     s->answer.before + s->answer.length + s->answer.after == s->command.length);
	must(lent() + before[proto_slot(r->tag)].buf.count == lent_before);
}

/* Return and free all buffers, and check that none is missing. */
static void end(void)
{
	for (uint32_t i = 0; i < USED; i++) {
		struct request *s = used[i];
		struct arena_ref ref;

		bool is_write = s->command.operation == PROTO_WRITE;

		if (s->state == REQUEST_FREE)
			continue;
		if (s->state == REQUEST_AT_SP && is_write)
			must(!arena_unlend(np.arena, s->buf));
		if (s->state == REQUEST_REPLYING && s->command.operation == PROTO_READ &&
		    s->buf.count)
			must(!arena_return(np.arena, s->buf, &ref));
		else
			request_drop_payload(s);
		request_put(s);
	}
	must(!np.share.requests.used && !np.share.payload.used && !lent());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	begin();
	for (uint32_t i = 0; i < USED; i++)
		used[i] = eat_request(&in);
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
