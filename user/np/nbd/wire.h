/* SPDX-License-Identifier: MIT */
/*
 * The part of the NBD protocol that the daemons speak: the numbers on the wire, and how to read
 * and write them. See doc/proto.md of the NBD project. This header must not know of sockets or
 * requests.
 */
#ifndef NP_NBD_WIRE_H
#define NP_NBD_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Magic numbers. */
#define NBD_MAGIC		0x4e42444d41474943ULL	/* "NBDMAGIC" */
#define NBD_OPTION_MAGIC	0x49484156454f5054ULL	/* "IHAVEOPT" */
#define NBD_REPLY_MAGIC		0x0003e889045565a9ULL
#define NBD_REQUEST_MAGIC	0x25609513U
#define NBD_SIMPLE_REPLY_MAGIC	0x67446698U
#define NBD_CHUNK_MAGIC		0x668e33efU
#define NBD_LONG_REQUEST_MAGIC	0x21e41c71U
#define NBD_LONG_CHUNK_MAGIC	0x6e8a278cU

/* Sizes on the wire, in bytes. */
enum nbd_sizes {
	NBD_GREETING_SIZE = 18,
	NBD_CLIENT_FLAGS_SIZE = 4,
	NBD_OPTION_SIZE = 16,
	NBD_OPTION_REPLY_SIZE = 20,
	NBD_REQUEST_SIZE = 28,
	NBD_LONG_REQUEST_SIZE = 32,
	NBD_SIMPLE_REPLY_SIZE = 16,
	NBD_CHUNK_SIZE = 20,
	NBD_LONG_CHUNK_SIZE = 32,
	NBD_EXPORT_NAME_ZEROES = 124,
	/* The payload of a BLOCK_STATUS that names one metadata context. */
	NBD_ONE_CONTEXT_SIZE = 12,
};

/* Handshake flags, the server's and the client's. */
enum nbd_handshake_flags {
	NBD_FLAG_FIXED_NEWSTYLE = 1 << 0,
	NBD_FLAG_NO_ZEROES = 1 << 1,
	NBD_FLAG_C_FIXED_NEWSTYLE = 1 << 0,
	NBD_FLAG_C_NO_ZEROES = 1 << 1,
	NBD_FLAG_C_ALL = NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES,
};

enum nbd_option {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_STARTTLS = 5,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
	NBD_OPT_EXTENDED_HEADERS = 11,
};

#define NBD_REP_ACK		1U
#define NBD_REP_SERVER		2U
#define NBD_REP_INFO		3U
#define NBD_REP_META_CONTEXT	4U
#define NBD_REP_ERR_UNSUP	(1U << 31 | 1)
#define NBD_REP_ERR_POLICY	(1U << 31 | 2)
#define NBD_REP_ERR_INVALID	(1U << 31 | 3)
#define NBD_REP_ERR_TLS_REQD	(1U << 31 | 5)
#define NBD_REP_ERR_UNKNOWN	(1U << 31 | 6)
#define NBD_REP_ERR_SHUTDOWN	(1U << 31 | 7)
#define NBD_REP_ERR_TOO_BIG	(1U << 31 | 9)
#define NBD_REP_ERR_EXT_HEADER_REQD	(1U << 31 | 10)

enum nbd_info {
	NBD_INFO_EXPORT = 0,
	NBD_INFO_NAME = 1,
	NBD_INFO_DESCRIPTION = 2,
	NBD_INFO_BLOCK_SIZE = 3,
};

enum nbd_transmission_flags {
	NBD_FLAG_HAS_FLAGS = 1 << 0,
	NBD_FLAG_READ_ONLY = 1 << 1,
	NBD_FLAG_SEND_FLUSH = 1 << 2,
	NBD_FLAG_SEND_FUA = 1 << 3,
	NBD_FLAG_ROTATIONAL = 1 << 4,
	NBD_FLAG_SEND_TRIM = 1 << 5,
	NBD_FLAG_SEND_WRITE_ZEROES = 1 << 6,
	NBD_FLAG_SEND_DF = 1 << 7,
	NBD_FLAG_CAN_MULTI_CONN = 1 << 8,
	NBD_FLAG_SEND_CACHE = 1 << 10,
	NBD_FLAG_SEND_FAST_ZERO = 1 << 11,
	NBD_FLAG_BLOCK_STATUS_PAYLOAD = 1 << 12,
};

enum nbd_command {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_CACHE = 5,
	NBD_CMD_WRITE_ZEROES = 6,
	NBD_CMD_BLOCK_STATUS = 7,
};

enum nbd_command_flags {
	NBD_CMD_FLAG_FUA = 1 << 0,
	NBD_CMD_FLAG_NO_HOLE = 1 << 1,
	NBD_CMD_FLAG_DF = 1 << 2,
	NBD_CMD_FLAG_REQ_ONE = 1 << 3,
	NBD_CMD_FLAG_FAST_ZERO = 1 << 4,
	NBD_CMD_FLAG_PAYLOAD_LEN = 1 << 5,
};

/* The flag of a chunk that ends a reply, and the types of chunks. */
#define NBD_REPLY_FLAG_DONE	1U

enum nbd_chunk_type {
	NBD_REPLY_TYPE_NONE = 0,
	NBD_REPLY_TYPE_OFFSET_DATA = 1,
	NBD_REPLY_TYPE_OFFSET_HOLE = 2,
	NBD_REPLY_TYPE_BLOCK_STATUS = 5,
	NBD_REPLY_TYPE_BLOCK_STATUS_EXT = 6,
	NBD_REPLY_TYPE_ERROR = 1 << 15 | 1,
};

/* Flags of an extent in the metadata context base:allocation. */
#define NBD_STATE_HOLE		1U
#define NBD_STATE_ZERO		2U

/* The error numbers that may stand in a reply. */
enum nbd_error {
	NBD_SUCCESS = 0,
	NBD_EPERM = 1,
	NBD_EIO = 5,
	NBD_ENOMEM = 12,
	NBD_EINVAL = 22,
	NBD_ENOSPC = 28,
	NBD_EOVERFLOW = 75,
	NBD_ENOTSUP = 95,
	NBD_ESHUTDOWN = 108,
};

/**
 * struct nbd_request - a request header in host order
 * @magic: NBD_REQUEST_MAGIC, or with extended headers NBD_LONG_REQUEST_MAGIC, if the client speaks
 *	the protocol
 * @flags: enum nbd_command_flags
 * @type: enum nbd_command
 * @cookie: the client's, given back in the reply; kept as on the wire
 * @offset: bytes
 * @length: bytes; with @has_context those of the range, which the payload has
 * @has_context: it is a BLOCK_STATUS whose payload names one metadata context
 * @context: then the number of the context
 */
struct nbd_request {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;
	uint64_t length;
	uint32_t has_context;
	uint32_t context;
};

static inline uint16_t nbd_get16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t nbd_get32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint64_t nbd_get64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static inline void nbd_put16(void *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void nbd_put32(void *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void nbd_put64(void *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

/** nbd_request_unpack() - read a header; @wire has NBD_REQUEST_SIZE bytes */
static inline struct nbd_request nbd_request_unpack(const uint8_t *wire)
{
	struct nbd_request r = {
		.magic = nbd_get32(wire),
		.flags = nbd_get16(wire + 4),
		.type = nbd_get16(wire + 6),
		.offset = nbd_get64(wire + 16),
		.length = nbd_get32(wire + 24),
	};

	memcpy(&r.cookie, wire + 8, sizeof(r.cookie));
	return r;
}

/** nbd_long_request_unpack() - read an extended header; @wire has NBD_LONG_REQUEST_SIZE bytes */
static inline struct nbd_request nbd_long_request_unpack(const uint8_t *wire)
{
	struct nbd_request r = nbd_request_unpack(wire);

	r.length = nbd_get64(wire + 24);
	return r;
}

/**
 * nbd_has_payload() - does a payload follow the header?
 * @r: the header
 * @is_extended: it is an extended one
 *
 * With extended headers a client has to announce each payload. qemu's client (up to 10.0 at least)
 * does not announce that of a WRITE, which has one all the same.
 */
static inline int nbd_has_payload(const struct nbd_request *r, int is_extended)
{
	return r->type == NBD_CMD_WRITE || (is_extended && r->flags & NBD_CMD_FLAG_PAYLOAD_LEN);
}

/** nbd_names_a_context() - is it a BLOCK_STATUS whose payload can name one metadata context? */
static inline int nbd_names_a_context(const struct nbd_request *r)
{
	return r->type == NBD_CMD_BLOCK_STATUS && r->flags & NBD_CMD_FLAG_PAYLOAD_LEN &&
	       r->length == NBD_ONE_CONTEXT_SIZE;
}

/** nbd_context_unpack() - read the payload of such a request, of NBD_ONE_CONTEXT_SIZE bytes */
static inline void nbd_context_unpack(struct nbd_request *r, const uint8_t *wire)
{
	r->has_context = 1;
	r->length = nbd_get64(wire);
	r->context = nbd_get32(wire + 8);
}

/** nbd_simple_reply_pack() - write a reply; @wire has room for NBD_SIMPLE_REPLY_SIZE bytes */
static inline void nbd_simple_reply_pack(uint8_t *wire, uint32_t error,
					 uint64_t cookie)
{
	nbd_put32(wire, NBD_SIMPLE_REPLY_MAGIC);
	nbd_put32(wire + 4, error);
	memcpy(wire + 8, &cookie, sizeof(cookie));
}

/** nbd_chunk_pack() - write the header of a chunk; @wire has room for NBD_CHUNK_SIZE bytes */
static inline void nbd_chunk_pack(uint8_t *wire, uint16_t flags, uint16_t type, uint64_t cookie,
				  uint32_t length)
{
	nbd_put32(wire, NBD_CHUNK_MAGIC);
	nbd_put16(wire + 4, flags);
	nbd_put16(wire + 6, type);
	memcpy(wire + 8, &cookie, sizeof(cookie));
	nbd_put32(wire + 16, length);
}

/**
 * nbd_long_chunk_pack() - write the extended header of a chunk
 * @wire: room for NBD_LONG_CHUNK_SIZE bytes
 * @flags: NBD_REPLY_FLAG_DONE or 0
 * @type: enum nbd_chunk_type
 * @cookie: as in the request
 * @offset: as in the request
 * @length: bytes that follow
 */
static inline void nbd_long_chunk_pack(uint8_t *wire, uint16_t flags, uint16_t type,
				       uint64_t cookie, uint64_t offset, uint32_t length)
{
	nbd_put32(wire, NBD_LONG_CHUNK_MAGIC);
	nbd_put16(wire + 4, flags);
	nbd_put16(wire + 6, type);
	memcpy(wire + 8, &cookie, sizeof(cookie));
	nbd_put64(wire + 16, offset);
	nbd_put64(wire + 24, length);
}

#endif /* NP_NBD_WIRE_H */
