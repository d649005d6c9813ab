// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/record.h>

#include <arena/receive.h>
#include <arena/snapshot.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define FLAGS_ALL	(PROTO_FLAG_FUA | PROTO_FLAG_NO_HOLE | PROTO_FLAG_FAST | \
			 PROTO_FLAG_HOLES | PROTO_FLAG_ONE | PROTO_FLAG_LOOK | \
			 PROTO_FLAG_REPLAY)

int proto_version(uint16_t own, uint16_t peer)
{
	uint8_t own_newest = proto_hello_newest(own), peer_newest = proto_hello_newest(peer);
	uint8_t own_oldest = proto_hello_oldest(own), peer_oldest = proto_hello_oldest(peer);
	uint8_t newest = own_newest < peer_newest ? own_newest : peer_newest;

	if (!peer_oldest || peer_oldest > peer_newest)
		return -EPROTO;
	return newest >= own_oldest && newest >= peer_oldest ? newest : -EPROTO;
}

/* Do the used refs name extents, and are the others zero? */
static bool refs_are_sound(const struct arena_ref *ref, uint32_t n, uint32_t most)
{
	static const struct arena_ref none;

	for (uint32_t i = 0; i < most; i++) {
		if (i >= n && memcmp(&ref[i], &none, sizeof(none)) != 0)
			return false;
		if (i < n && (!ref[i].count || !ref[i].generation || ref[i].reserved))
			return false;
	}
	return true;
}

/* The flags that an operation may have. */
static uint32_t flags_of(uint16_t operation)
{
	switch (operation) {
	case PROTO_WRITE:
	case PROTO_DISCARD:
		return PROTO_FLAG_FUA;
	case PROTO_WRITE_ZEROES:
		return PROTO_FLAG_FUA | PROTO_FLAG_NO_HOLE | PROTO_FLAG_FAST;
	case PROTO_READ:
		return PROTO_FLAG_HOLES;
	case PROTO_BLOCK_STATUS:
		return PROTO_FLAG_ONE;
	case PROTO_OPEN:
		return PROTO_FLAG_LOOK;
	default:
		return 0;
	}
}

/* Does a request of this operation have a range of the disk? */
static bool has_range(uint16_t operation)
{
	return operation != PROTO_FLUSH && operation != PROTO_OPEN && operation != PROTO_CLOSE;
}

/* Check what rules for single members cannot express. */
static bool request_is_sound(const struct proto_request *r)
{
	bool is_write = r->operation == PROTO_WRITE;
	bool moves = is_write || r->operation == PROTO_READ;

	if (r->flags & ~(flags_of(r->operation) | PROTO_FLAG_REPLAY) || is_write != !!r->n_refs)
		return false;
	if (has_range(r->operation) ? !r->length : r->offset || r->length)
		return false;
	return (!moves || r->length <= PROTO_MAX_BYTES) &&
	       refs_are_sound(r->ref, r->n_refs, PROTO_REQUEST_REFS);
}

int proto_request_receive(struct proto_request *copy, const void *shared, size_t nth)
{
	static const struct arena_rule rules[] = {
		ARENA_RANGE(struct proto_request, operation, PROTO_READ, PROTO_CLOSE),
		ARENA_MASK(struct proto_request, flags, FLAGS_ALL),
		ARENA_RANGE(struct proto_request, n_refs, 0, PROTO_REQUEST_REFS),
		ARENA_ZERO(struct proto_request, reserved),
		ARENA_WITHIN(struct proto_request, offset, length, INT64_MAX),
	};
	int ret = arena_receive(copy, (const char *)shared + nth * sizeof(*copy), sizeof(*copy),
				rules, ARENA_N_RULES(rules));

	if (ret)
		return ret;
	return request_is_sound(copy) ? 0 : -EPROTO;
}

bool proto_is_status(uint32_t status)
{
	switch (status) {
	case PROTO_OK:
	case PROTO_EPERM:
	case PROTO_EIO:
	case PROTO_ENOMEM:
	case PROTO_EINVAL:
	case PROTO_ENOSPC:
	case PROTO_EOVERFLOW:
	case PROTO_ENOTSUP:
	case PROTO_ESHUTDOWN:
	case PROTO_ESTALE:
		return true;
	default:
		return false;
	}
}

static bool says_more(const struct proto_reply *r)
{
	return r->n_refs || r->zeroes_before || r->zeroes_after || r->n_parts ||
	       r->bytes;
}

int proto_reply_receive(struct proto_reply *copy, const void *shared, size_t nth)
{
	static const struct arena_rule rules[] = {
		ARENA_RANGE(struct proto_reply, n_refs, 0, PROTO_MAX_REFS),
		ARENA_MASK(struct proto_reply, flags, PROTO_REPLY_KEPT),
		ARENA_RANGE(struct proto_reply, bytes, 0, INT64_MAX),
	};
	int ret = arena_receive(copy, (const char *)shared + nth * sizeof(*copy), sizeof(*copy),
				rules, ARENA_N_RULES(rules));

	if (ret)
		return ret;
	if (!proto_is_status(copy->status) || (copy->status != PROTO_OK && says_more(copy)) ||
	    (copy->status == PROTO_OK && copy->flags))
		return -EPROTO;
	return refs_are_sound(copy->ref, copy->n_refs, PROTO_MAX_REFS) ? 0 : -EPROTO;
}

int proto_parts_receive(struct proto_part *copy, const void *shared, uint32_t n, uint64_t length)
{
	if (!n || n > PROTO_MAX_PARTS)
		return -EPROTO;
	arena_snapshot(copy, shared, n * sizeof(*copy));
	for (uint32_t i = 0; i < n; i++) {
		if (!copy[i].length || copy[i].length > length || copy[i].reserved ||
		    copy[i].flags & ~PROTO_PART_ALL)
			return -EPROTO;
		length -= copy[i].length;
	}
	return 0;
}

/* Check members that depend on each other. */
static bool disk_is_sound(const struct proto_disk *d)
{
	bool discards = d->flags & PROTO_DISK_DISCARD;

	return d->max_bytes >= d->block_size && d->max_bytes % d->block_size == 0 &&
	       d->atomic_bytes >= d->block_size && discards == !!d->discard_granularity;
}

int proto_disk_receive(struct proto_disk *copy, const void *shared)
{
	static const struct arena_rule rules[] = {
		ARENA_EXACTLY(struct proto_disk, magic, PROTO_DISK_MAGIC),
		ARENA_RANGE(struct proto_disk, bytes, 1, INT64_MAX),
		ARENA_POWER_OF_TWO(struct proto_disk, block_size, 512, 4096),
		ARENA_MASK(struct proto_disk, flags, PROTO_DISK_ALL),
		ARENA_MULTIPLE(struct proto_disk, max_bytes, 512),
		ARENA_ZERO(struct proto_disk, reserved),
	};
	int ret = arena_receive(copy, shared, sizeof(*copy), rules, ARENA_N_RULES(rules));

	if (ret)
		return ret;
	return disk_is_sound(copy) ? 0 : -EPROTO;
}

/* Does the operation give the disk something to keep? */
static bool stores(uint16_t operation)
{
	return operation == PROTO_WRITE || operation == PROTO_WRITE_ZEROES;
}

static bool changes(uint16_t operation)
{
	return stores(operation) || operation == PROTO_DISCARD;
}

/*
 * A client acts on some of these: a virtual machine is paused at ENOSPC until somebody makes room,
 * and a command that is not supported is not given again. So they are not said where they make no
 * sense, as of a read.
 */
enum proto_status proto_status_of(int error, uint16_t operation)
{
	switch (error) {
	case 0:
		return PROTO_OK;
	case EPERM:
	case EACCES:
	case EROFS:
		return changes(operation) ? PROTO_EPERM : PROTO_EIO;
	case ENOMEM:
		return PROTO_ENOMEM;
	case ENOSPC:
	case EDQUOT:
		return stores(operation) ? PROTO_ENOSPC : PROTO_EIO;
	case EOPNOTSUPP:
		return operation == PROTO_WRITE_ZEROES || operation == PROTO_DISCARD ?
		       PROTO_ENOTSUP : PROTO_EIO;
	case ESHUTDOWN:
		return PROTO_ESHUTDOWN;
	default:
		return PROTO_EIO;
	}
}
