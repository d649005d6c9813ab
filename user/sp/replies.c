// SPDX-License-Identifier: MIT
#include "replies.h"

#include <arena/message.h>
#include <assert.h>
#include <proto/record.h>
#include <string.h>

#include "loop.h"
#include "sp.h"

/* Lend an extent to the NP. Return: the ref that names it to the NP. */
static struct arena_ref lend(struct sp *sp, struct arena_buf buf)
{
	struct arena_ref ref = { 0 };
	int ret = arena_lend(sp->arena, buf, SP_PEER, &ref);

	assert(!ret);
	(void)ret;
	return ref;
}

static void send_records(struct sp *sp, uint8_t type, uint16_t value, struct arena_buf records)
{
	sp_loop_send(sp, &(struct arena_msg){
		.type = type,
		.value = value,
		.ref = lend(sp, records),
	});
}

/* Describe the disk to the NP. */
static struct proto_disk describe(const struct backend_limits *l)
{
	return (struct proto_disk){
		.magic = PROTO_DISK_MAGIC,
		.bytes = l->bytes,
		.block_size = l->block_size,
		.flags = (l->is_readonly ? PROTO_DISK_READONLY : 0) |
			 (l->has_fua ? PROTO_DISK_FUA : 0) |
			 (l->has_discard ? PROTO_DISK_DISCARD : 0) |
			 (l->has_zero ? PROTO_DISK_WRITE_ZEROES : 0) |
			 (l->is_rotational ? PROTO_DISK_ROTATIONAL : 0) |
			 (l->has_volatile_cache ? PROTO_DISK_VOLATILE_CACHE : 0),
		.max_bytes = l->max_bytes,
		.atomic_bytes = l->atomic_bytes,
		.discard_granularity = l->has_discard ? l->discard_granularity : 0,
	};
}

void sp_replies_hello(struct sp *sp)
{
	const struct proto_disk disk = describe(&sp->backend.limits);
	struct arena_buf buf;
	int ret = arena_get(sp->arena, sp->record_group, 1, &buf);

	/* No record is used yet, so there must be one. */
	assert(!ret);
	(void)ret;
	memcpy(arena_ptr(sp->arena, buf), &disk, sizeof(disk));
	send_records(sp, PROTO_MESSAGE_HELLO, PROTO_HELLO, buf);
}

static void write_reply(struct sp *sp, struct proto_reply *shared, const struct sp_request *r)
{
	struct proto_reply reply = { .tag = r->tag, .status = r->status };

	if (r->operation == PROTO_READ && r->own.count) {
		reply.n_refs = 1;
		reply.ref[0] = lend(sp, r->own);
	}
	memcpy(shared, &reply, sizeof(reply));
}

/* Return: how many requests are done, at most as many as one message takes. */
static uint32_t count_done(const struct sp *sp)
{
	uint32_t n = 0;

	for (const struct sp_request *r = sp->done.first; r && n < PROTO_MAX_RECORDS; r = r->next)
		n++;
	return n;
}

/* Get records for @count replies, or for fewer if there is no extent of that length. */
static bool get_records(struct sp *sp, uint32_t *count, struct arena_buf *buf)
{
	while (*count) {
		if (!arena_get(sp->arena, sp->record_group, *count, buf))
			return true;
		*count /= 2;
	}
	return false;
}

/* Return: false if there is no record for even one reply. */
static bool reply_to_some(struct sp *sp)
{
	uint32_t count = count_done(sp);
	struct proto_reply *shared;
	struct arena_buf buf;

	if (!get_records(sp, &count, &buf))
		return false;
	shared = arena_ptr(sp->arena, buf);
	for (uint32_t i = 0; i < count; i++) {
		struct sp_request *r = sp_queue_take(&sp->done);

		write_reply(sp, &shared[i], r);
		r->next = sp->free;
		sp->free = r;
	}
	send_records(sp, PROTO_MESSAGE_REPLIES, (uint16_t)count, buf);
	return true;
}

void sp_replies_send(struct sp *sp)
{
	if (sp->done.first)
		sp_loop_return(sp);
	while (sp->done.first && reply_to_some(sp))
		;
}

void sp_replies_regain(struct sp *sp, const struct arena_msg *msg)
{
	struct arena_buf buf;

	if (arena_regain(sp->arena, SP_PEER, &msg->ref, &buf) || arena_put(sp->arena, buf))
		sp->counters.bad_messages++;
}
