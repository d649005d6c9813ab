/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire format between a network process (NP) and a storage process (SP):
 * the 96 bits of a message, and the request that a message points to.
 *
 * A message travels as the user_data and res of one io_uring completion. The
 * receiver trusts none of it: it checks every member against what it has
 * itself handed out before it acts (see DESIGN in docs/).
 *
 * A read:
 *	NP -> SP  REQUEST  slot, generation; group, index: the NP's buffer
 *	SP -> NP  REPLY    slot, generation; group, index, count: the SP's run
 *	NP -> SP  RELEASE  the same run, when the socket has sent it
 * A write, a flush, a failed read:
 *	NP -> SP  REQUEST
 *	SP -> NP  REPLY    count 0, index: NBD error number or 0
 * First of all, once:
 *	SP -> NP  HELLO    group, index: a buffer with struct arena_disk
 *	NP -> SP  RELEASE  of that buffer
 */
#ifndef ARENA_MESSAGE_H
#define ARENA_MESSAGE_H

#include <assert.h>
#include <stdint.h>

/*
 * Types are 8 bits: 1 to 127 are for whoever uses a channel, here NPs and SPs;
 * from ARENA_MSG_CHANNEL on they are the channel's own, which it neither takes
 * from its user nor gives out (see channel.h).
 */
#define ARENA_MSG_CHANNEL	128

/**
 * enum arena_msg_type - what a message says
 * @ARENA_MSG_HELLO: the SP is ready and its disk is described at group, index
 * @ARENA_MSG_REQUEST: a struct arena_request lies at group, index
 * @ARENA_MSG_REPLY: the request of this slot and generation is done
 * @ARENA_MSG_RELEASE: the run may be used again by its owner
 */
enum arena_msg_type {
	ARENA_MSG_HELLO = 1,
	ARENA_MSG_REQUEST = 2,
	ARENA_MSG_REPLY = 3,
	ARENA_MSG_RELEASE = 4,
};

/**
 * struct arena_msg - a message, unpacked
 * @type: enum arena_msg_type; a receiver sees any value
 * @group: buffer group
 * @slot: request slot of the NP
 * @index: first buffer in the group, or an NBD error number (REPLY, count 0);
 *	only ARENA_MSG_INDEX_BITS of it travel
 * @count: buffers in the run, 0 for none
 * @generation: that of the slot (REQUEST, REPLY, RELEASE); a stale one is
 *	dropped
 */
struct arena_msg {
	uint8_t type;
	uint16_t group;
	uint16_t slot;
	uint32_t index;
	uint16_t count;
	uint16_t generation;
};

#define ARENA_MSG_INDEX_BITS	24

/** arena_msg_data() - the 64 bits that travel as user_data */
static inline uint64_t arena_msg_data(const struct arena_msg *m)
{
	return (uint64_t)m->type | (uint64_t)m->group << 8 |
	       (uint64_t)m->slot << 24 | (uint64_t)m->index << 40;
}

/** arena_msg_len() - the 32 bits that travel as the length, seen as res */
static inline uint32_t arena_msg_len(const struct arena_msg *m)
{
	return (uint32_t)m->count | (uint32_t)m->generation << 16;
}

/** arena_msg_unpack() - the inverse of the two above */
static inline struct arena_msg arena_msg_unpack(uint64_t data, uint32_t len)
{
	struct arena_msg m;

	m.type = (uint8_t)data;
	m.group = (uint16_t)(data >> 8);
	m.slot = (uint16_t)(data >> 24);
	m.index = (uint32_t)(data >> 40);
	m.count = (uint16_t)len;
	m.generation = (uint16_t)(len >> 16);
	return m;
}

/**
 * struct arena_request - at the start of an NP's network buffer
 * @nbd: the NBD request header as it came from the socket, big-endian
 *	(NBD protocol, "Request message", 28 bytes)
 * @reserved: zero
 * @payload_group: WRITE: group of the payload
 * @payload_index: WRITE: first buffer of the payload
 * @payload_count: WRITE: buffers of the payload. The first byte lies
 *	(NBD offset modulo 4096) bytes into the first buffer, so that memory
 *	and disk have the same alignment.
 *
 * Written by the NP before REQUEST and left alone until REPLY. The SP copies
 * it once and validates the copy.
 */
struct arena_request {
	uint8_t nbd[28];
	uint16_t reserved;
	uint16_t payload_group;
	uint32_t payload_index;
	uint32_t payload_count;
};

static_assert(sizeof(struct arena_request) == 40, "wire format");

/**
 * struct arena_disk - an SP's description of its disk
 * @magic: ARENA_DISK_MAGIC
 * @bytes: size of the disk
 * @block_size: logical block size, a power of two, 512 to 4096
 * @flags: ARENA_DISK_*
 */
struct arena_disk {
	uint64_t magic;
	uint64_t bytes;
	uint32_t block_size;
	uint32_t flags;
};

#define ARENA_DISK_MAGIC	0x6b7369646e657261ULL	/* "arendisk" */
#define ARENA_DISK_READONLY	(1U << 0)
#define ARENA_DISK_F_ALL	ARENA_DISK_READONLY

/* The longest NBD request that is served; a longer one is EINVAL/closed. */
#define ARENA_MAX_REQUEST	(32U << 20)

#endif /* ARENA_MESSAGE_H */
