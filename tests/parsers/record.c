// SPDX-License-Identifier: MIT
/*
 * Goal: a record that is accepted has only values that the protocol allows, whatever bits a peer
 * wrote, and computing with its extents and ranges does not overflow.
 * Method: the input is used as batches of records in shared memory. Each record that is accepted
 * is checked member by member, by rules that are written here a second time.
 */
#include <errno.h>
#include <proto/flight.h>
#include <proto/record.h>
#include <string.h>

#include "parser.h"

#define BATCH	4

static void check_refs(const struct arena_ref *ref, uint32_t n, uint32_t most)
{
	must(n <= most);
	for (uint32_t i = 0; i < most; i++) {
		must(i >= n || (ref[i].count && ref[i].generation));
		must(i < n || (!ref[i].count && !ref[i].generation && !ref[i].index &&
			       !ref[i].group));
		must(!ref[i].reserved);
	}
}

static void check_request(const struct proto_request *r)
{
	must(r->operation <= PROTO_CLOSE && !(r->flags & ~127U));
	must(!(r->flags & 6) || r->operation == PROTO_WRITE_ZEROES);
	must(!(r->flags & 8) || r->operation == PROTO_READ);
	must(!(r->flags & 16) || r->operation == PROTO_BLOCK_STATUS);
	must((r->operation == PROTO_WRITE) == (r->n_refs > 0));
	must(r->offset + r->length >= r->offset && r->offset + r->length <= INT64_MAX);
	must(!(r->flags & 32) || r->operation == PROTO_OPEN);
	must((r->operation == PROTO_FLUSH || r->operation > PROTO_BLOCK_STATUS) == !r->length);
	must(r->operation > PROTO_WRITE || r->length <= PROTO_MAX_BYTES);
	check_refs(r->ref, r->n_refs, PROTO_REQUEST_REFS);
}

static void check_reply(const struct proto_reply *r)
{
	must(r->status <= 116 && r->flags <= !!r->status);
	must(!r->status || (!r->n_refs && !r->zeroes_before && !r->zeroes_after && !r->n_parts));
	must(!r->status || !r->bytes);
	must(r->bytes <= INT64_MAX);
	check_refs(r->ref, r->n_refs, PROTO_MAX_REFS);
}

static void check_parts(const struct proto_part *part, uint32_t n, uint64_t length)
{
	uint64_t sum = 0;

	must(n && n <= PROTO_MAX_PARTS);
	for (uint32_t i = 0; i < n; i++) {
		must(part[i].length && part[i].length <= length - sum);
		must(part[i].flags <= 3 && !part[i].reserved);
		sum += part[i].length;
	}
}

/* Make an array of parts that is nearly right. */
static void eat_parts(struct input *in)
{
	static struct proto_part shared[PROTO_MAX_PARTS], copy[PROTO_MAX_PARTS];
	uint8_t how = eat_u8(in);
	uint32_t n = how & 1 ? eat_u32(in) : eat_u8(in) % 8;
	uint64_t length = how & 2 ? eat_u64(in) : 1 << 20;

	memset(shared, 0, sizeof(shared));
	for (uint32_t i = 0; i < 8; i++) {
		shared[i].length = how & 4 ? eat_u64(in) : eat_u16(in);
		shared[i].flags = eat_u8(in) % (how & 8 ? 5 : 4);
		shared[i].reserved = how & 16 ? eat_u8(in) : 0;
	}
	if (!proto_parts_receive(copy, shared, n, length))
		check_parts(copy, n, length);
}

static void check_disk(const struct proto_disk *d)
{
	uint32_t b = d->block_size;

	must(d->bytes && d->bytes <= INT64_MAX && b >= 512 && b <= 4096 && !(b & (b - 1)));
	must(d->max_bytes && !(d->max_bytes % b) && d->atomic_bytes >= b);
	must(!(d->flags & ~127U) && (d->flags >> 2 & 1) == (d->discard_granularity != 0));
	for (size_t i = 0; i < sizeof(d->reserved) / sizeof(*d->reserved); i++)
		must(!d->reserved[i]);
}

static void eat_disk(struct input *in, struct proto_disk *d)
{
	uint8_t how = eat_u8(in);

	eat(in, d, sizeof(*d));
	d->magic = PROTO_DISK_MAGIC;
	if (!(how & 1))
		return;
	d->block_size = 512U << (how >> 1 & 3);
	d->max_bytes &= ~(d->block_size - 1);
	d->flags &= PROTO_DISK_ALL;
	memset(d->reserved, 0, how & 8 ? 0 : sizeof(d->reserved));
}

/* An entry of a hostile predecessor counts only for exactly its tag, and if it has a status. */
static void eat_flights(struct input *in)
{
	struct proto_flight entry[BATCH];
	const struct proto_flights t = { entry, eat_u8(in) % (BATCH + 1) };
	uint64_t tag = eat_u8(in) & 1 ? eat_u64(in) : proto_tag(eat_u8(in) % 8, eat_u8(in));
	enum proto_status status = PROTO_EPERM;
	uint32_t slot = proto_slot(tag);

	for (uint32_t i = 0; i < BATCH; i++) {
		entry[i].tag = eat_u8(in) & 1 ? tag : eat_u8(in);
		entry[i].status = eat_u8(in) & 1 ? eat_u8(in) : eat_u32(in);
		entry[i].reserved = eat_u8(in) & 1;
	}
	if (proto_flights_find(&t, tag, &status)) {
		must(tag && slot < t.n && entry[slot].tag == tag && status <= 116);
		must(entry[slot].status == status && !entry[slot].reserved);
	}
	proto_flights_note(&t, tag, PROTO_ENOSPC);
	must(proto_flights_find(&t, tag, &status) ==
	     (tag && slot < t.n && !entry[slot].reserved));
}

/* Make a request that is nearly right, so that the input need not guess all of it. */
static void eat_request(struct input *in, struct proto_request *r)
{
	uint8_t how = eat_u8(in);

	eat(in, r, sizeof(*r));
	if (!(how & 1))
		return;
	r->operation %= PROTO_CLOSE + 2;
	r->flags &= how >> 4 | (how & 8) << 2 | PROTO_FLAG_REPLAY;
	r->offset >>= 2;
	r->length &= PROTO_MAX_BYTES - 1;
	r->n_refs = r->operation == PROTO_WRITE ? how >> 1 & 3 : 0;
	r->reserved = 0;
	for (uint32_t i = 0; i < PROTO_REQUEST_REFS; i++) {
		r->ref[i].reserved = 0;
		if (i >= r->n_refs)
			r->ref[i] = (struct arena_ref){ 0 };
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct proto_request requests[BATCH], request;
	struct proto_reply replies[BATCH], reply;
	struct proto_disk shared_disk, disk;
	struct arena_msg msg = { .value = eat_u16(&in) };
	uint16_t own = eat_u16(&in), peer = eat_u16(&in);
	int version = proto_version(own, peer), other = proto_version(peer, own);

	must(version == -EPROTO || (version >= (peer & 255) && version <= peer >> 8));
	must(version < 0 || other < 0 || version == other);
	must(!proto_records_fit(&msg, sizeof(requests), sizeof(request)) ||
	     (msg.value && msg.value <= BATCH));
	for (int i = 0; i < BATCH; i++)
		eat_request(&in, &requests[i]);
	eat(&in, replies, sizeof(replies));
	eat_disk(&in, &shared_disk);
	eat_parts(&in);
	eat_flights(&in);
	if (!proto_disk_receive(&disk, &shared_disk))
		check_disk(&disk);
	for (size_t i = 0; i < BATCH; i++) {
		if (!proto_request_receive(&request, requests, i))
			check_request(&request);
		if (!proto_reply_receive(&reply, replies, i))
			check_reply(&reply);
	}
	return 0;
}
