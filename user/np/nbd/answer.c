// SPDX-License-Identifier: MIT
#include "answer.h"

static_assert(PROTO_PART_HOLE == NBD_STATE_HOLE && PROTO_PART_ZERO == NBD_STATE_ZERO,
	      "the flags of a part are those of base:allocation");

/* Write the header of a chunk that has @length bytes. Return: bytes of the header. */
static uint32_t put_header(uint8_t *wire, enum nbd_style style, const struct command *c,
			   uint16_t flags, uint16_t type, uint32_t length)
{
	if (style == NBD_STRUCTURED) {
		nbd_chunk_pack(wire, flags, type, c->cookie, length);
		return NBD_CHUNK_SIZE;
	}
	nbd_long_chunk_pack(wire, flags, type, c->cookie, c->offset, length);
	return NBD_LONG_CHUNK_SIZE;
}

static uint32_t put_zeroes(uint8_t *wire, enum nbd_style style, const struct command *c,
			   uint16_t flags, uint64_t offset, uint32_t length)
{
	uint32_t n = put_header(wire, style, c, flags, NBD_REPLY_TYPE_OFFSET_HOLE, ANSWER_ZEROES);

	nbd_put64(wire + n, offset);
	nbd_put32(wire + n + 8, length);
	return n + ANSWER_ZEROES;
}

/* The chunk of an error number, without a text. */
static uint32_t put_error(uint8_t *wire, enum nbd_style style, const struct command *c,
			  uint32_t error)
{
	uint32_t n = put_header(wire, style, c, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_ERROR, 6);

	nbd_put32(wire + n, error);
	nbd_put16(wire + n + 4, 0);
	return n + 6;
}

static uint32_t put_read(uint8_t *wire, enum nbd_style style, const struct command *c,
			 const struct answer *a)
{
	uint32_t n = 0;

	if (a->before)
		n = put_zeroes(wire, style, c, a->length ? 0 : NBD_REPLY_FLAG_DONE, c->offset,
			       a->before);
	if (!a->length)
		return n;
	n += put_header(wire + n, style, c, a->after ? 0 : NBD_REPLY_FLAG_DONE,
			NBD_REPLY_TYPE_OFFSET_DATA, 8 + a->length);
	nbd_put64(wire + n, c->offset + a->before);
	return n + 8;
}

static uint32_t put_done(uint8_t *wire, enum nbd_style style, const struct command *c)
{
	if (style == NBD_EXTENDED)
		return put_header(wire, style, c, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_NONE, 0);
	nbd_simple_reply_pack(wire, NBD_SUCCESS, c->cookie);
	return NBD_SIMPLE_REPLY_SIZE;
}

uint32_t answer_chunk_begin(uint8_t *wire, enum nbd_style style, const struct command *c,
			    enum proto_status status, const struct answer *a)
{
	if (status != PROTO_OK)
		return put_error(wire, style, c, status);
	if (c->operation == PROTO_READ)
		return put_read(wire, style, c, a);
	if (c->operation != PROTO_BLOCK_STATUS)
		return put_done(wire, style, c);
	return put_header(wire, style, c, NBD_REPLY_FLAG_DONE, style == NBD_STRUCTURED ?
			  NBD_REPLY_TYPE_BLOCK_STATUS : NBD_REPLY_TYPE_BLOCK_STATUS_EXT,
			  a->length);
}

uint32_t answer_end(uint8_t *wire, enum nbd_style style, const struct command *c,
		    const struct answer *a)
{
	return put_zeroes(wire, style, c, NBD_REPLY_FLAG_DONE, c->offset + a->before + a->length,
			  a->after);
}

uint32_t answer_pack_parts(uint8_t *wire, enum nbd_style style, const struct proto_part *part,
			   uint32_t n)
{
	uint32_t at = 4;

	nbd_put32(wire, NBD_ALLOCATION_ID);
	if (style == NBD_EXTENDED) {
		nbd_put32(wire + at, n);
		at += 4;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (style == NBD_EXTENDED) {
			nbd_put64(wire + at, part[i].length);
			nbd_put64(wire + at + 8, part[i].flags);
			at += 16;
		} else {
			nbd_put32(wire + at, (uint32_t)part[i].length);
			nbd_put32(wire + at + 4, part[i].flags);
			at += 8;
		}
	}
	return at;
}
