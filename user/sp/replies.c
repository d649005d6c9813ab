// SPDX-License-Identifier: MIT
#include "replies.h"

#include <arena/message.h>
#include <assert.h>
#include <common/probe.h>
#include <proto/record.h>
#include <string.h>

#include "counters.h"
#include "peer.h"
#include "sp.h"

/* Lend an extent to the NP. Return: the ref that names it to the NP. */
static struct arena_ref lend(struct sp_peer *peer, struct arena_buf buf)
{
	struct arena_ref ref = { 0 };
	int ret = arena_lend(peer->sp->arena, buf, peer->role, &ref);

	assert(!ret);
	(void)ret;
	return ref;
}

static void send_records(struct sp_peer *peer, uint8_t type, uint16_t value,
			 struct arena_buf records)
{
	sp_peer_send(peer, &(struct arena_msg){
		.type = type,
		.value = value,
		.ref = lend(peer, records),
	});
}

/* Describe the disk to the NP. */
static struct proto_disk describe(const struct sp *sp, uint32_t n_held)
{
	const struct backend_limits *l = &sp->backend.limits;
	const struct sp_options *o = &sp->options;

	return (struct proto_disk){
		.magic = PROTO_DISK_MAGIC,
		.bytes = l->bytes,
		.block_size = l->block_size,
		.flags = (l->is_readonly ? PROTO_DISK_READONLY : 0) |
			 (l->has_fua ? PROTO_DISK_FUA : 0) |
			 (l->has_discard ? PROTO_DISK_DISCARD : 0) |
			 (l->is_readonly ? 0 : PROTO_DISK_WRITE_ZEROES) |
			 (l->is_rotational ? PROTO_DISK_ROTATIONAL : 0) |
			 (l->has_volatile_cache ? PROTO_DISK_VOLATILE_CACHE : 0) |
			 (o->limit.iops || o->limit.bytes ? PROTO_DISK_LIMITED : 0),
		.max_bytes = l->max_bytes,
		.atomic_bytes = l->atomic_bytes,
		.discard_granularity = l->has_discard ? l->discard_granularity : 0,
		.n_held = n_held,
		.losses = sp->stake.losses,
	};
}

void sp_replies_hello(struct sp_peer *peer, uint32_t n_held)
{
	struct sp *sp = peer->sp;
	const struct proto_disk disk = describe(sp, n_held);
	struct arena_buf buf;
	int ret = arena_get(sp->arena, peer->record_group, 1, &buf);

	/* No record is used yet, so there must be one. */
	assert(!ret);
	(void)ret;
	memcpy(arena_ptr(sp->arena, buf), &disk, sizeof(disk));
	send_records(peer, PROTO_MESSAGE_HELLO, PROTO_HELLO, buf);
}

static void write_reply(struct proto_reply *shared, const struct sp_request *r)
{
	struct proto_reply reply = {
		.tag = r->tag, .status = r->status, .spent_us = r->spent_us,
	};

	if (r->own.count) {
		reply.n_refs = 1;
		reply.ref[0] = lend(r->peer, r->own);
	}
	if (r->status == PROTO_OK) {
		reply.zeroes_before = r->before;
		reply.zeroes_after = r->after;
		reply.n_parts = r->n_parts;
		if (r->operation == PROTO_OPEN)
			reply.bytes = r->length;
	}
	memcpy(shared, &reply, sizeof(reply));
	probe_sp_replied(r->peer->id, r->tag, r->status);
}

/* Return: how many requests are done, at most as many as one message takes. */
static uint32_t count_done(const struct sp_peer *peer)
{
	uint32_t n = 0;

	for (const struct sp_request *r = peer->done.first; r && n < PROTO_MAX_RECORDS; r = r->next)
		n++;
	return n;
}

/* Get records for @count replies, or for fewer if there is no extent of that length. */
static bool get_records(struct sp_peer *peer, uint32_t *count, struct arena_buf *buf)
{
	while (*count) {
		if (!arena_get(peer->sp->arena, peer->record_group, *count, buf))
			return true;
		*count /= 2;
	}
	return false;
}

void sp_replies_put_free(struct sp_request *r)
{
	r->next = r->peer->free;
	r->peer->free = r;
}

/* Return: false if there is no record for even one reply. */
static bool reply_to_some(struct sp_peer *peer)
{
	uint32_t count = count_done(peer);
	struct proto_reply *shared;
	struct arena_buf buf;

	if (!get_records(peer, &count, &buf))
		return false;
	shared = arena_ptr(peer->sp->arena, buf);
	for (uint32_t i = 0; i < count; i++) {
		struct sp_request *r = sp_queue_take(&peer->done);

		write_reply(&shared[i], r);
		peer->in_flight--;
		sp_replies_put_free(r);
	}
	send_records(peer, PROTO_MESSAGE_REPLIES, (uint16_t)count, buf);
	return true;
}

void sp_replies_send(struct sp_peer *peer)
{
	if (peer->done.first)
		sp_peer_return(peer);
	while (peer->done.first && reply_to_some(peer))
		;
}

bool sp_replies_send_late(struct sp_peer *peer, const struct sp_request *r)
{
	const struct proto_reply reply = {
		.tag = r->tag,
		.status = PROTO_EIO,
		.flags = r->payload.count ? PROTO_REPLY_KEPT : 0,
		.spent_us = sp_counters_spent_us(peer->sp, r),
	};
	struct arena_buf buf;
	uint32_t count = 1;

	sp_peer_return(peer);
	if (!get_records(peer, &count, &buf))
		return false;
	memcpy(arena_ptr(peer->sp->arena, buf), &reply, sizeof(reply));
	probe_sp_replied(peer->id, r->tag, PROTO_EIO);
	send_records(peer, PROTO_MESSAGE_REPLIES, 1, buf);
	return true;
}

void sp_replies_drop(struct sp_peer *peer)
{
	struct sp_request *r;

	while ((r = sp_queue_take(&peer->done))) {
		if (r->own.count)
			arena_put(peer->sp->arena, r->own);
		peer->in_flight--;
		sp_replies_put_free(r);
	}
}

void sp_replies_regain(struct sp_peer *peer, const struct arena_msg *msg)
{
	struct sp *sp = peer->sp;
	struct arena_buf buf;

	if (arena_regain(sp->arena, peer->role, &msg->ref, &buf) || arena_put(sp->arena, buf))
		sp->counters.bad_messages++;
}
