/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What NP and SP say to each other.
 */
#ifndef PROTO_PROTO_H
#define PROTO_PROTO_H

#include <assert.h>
#include <stdint.h>

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

#endif /* PROTO_PROTO_H */
