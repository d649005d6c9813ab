// SPDX-License-Identifier: MIT
#include "answer.h"

static_assert(PROTO_PART_HOLE == NBD_STATE_HOLE && PROTO_PART_ZERO == NBD_STATE_ZERO,
	      "the flags of a part are those of base:allocation");
static_assert(NBD_CHUNK_SIZE + 6 + COMMAND_WHY_MAX <= ANSWER_CHUNKED &&
	      NBD_LONG_CHUNK_SIZE + 6 + COMMAND_WHY_MAX <= ANSWER_LONG, "there is room for errors");

/* Write the header of a chunk that has @length bytes. Return: bytes of the header. */
static uint32_t put_header(uint8_t *wire, enum nbd_style style, const struct command *c,
			   uint16_t flags, uint16_t type, uint32_t length)
{
	if (style == NBD_STRUCTURED) {
		nbd_chunk_pack(wire, flags, type, c->cookie, length);
		return NBD_CHUNK_SIZE;
	}
	nbd_long_chunk_pack(wire, flags, type, c->cookie, c->start, length);
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

/* What there is to say of an error that did not come from looking at the request. */
static const char *text_of(enum proto_status status)
{
	switch (status) {
	case PROTO_EIO:
		return "the disk failed";
	case PROTO_ENOMEM:
		return "the server has not enough buffers";
	case PROTO_ENOSPC:
		return "the disk is full";
	case PROTO_ENOTSUP:
		return "the disk cannot do that, or not as fast as asked";
	case PROTO_ESHUTDOWN:
		return "the server ends";
	default:
		return "";
	}
}

/* The chunk of an error, with a text for people. */
static uint32_t put_error(uint8_t *wire, enum nbd_style style, const struct command *c,
			  enum proto_status status)
{
	const char *why = c->why ? c->why : text_of(status);
	uint32_t length = (uint32_t)strnlen(why, COMMAND_WHY_MAX);
	uint32_t n = put_header(wire, style, c, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_ERROR,
				6 + length);

	nbd_put32(wire + n, status);
	nbd_put16(wire + n + 4, (uint16_t)length);
	memcpy(wire + n + 6, why, length);
	return n + 6 + length;
}

/* The last chunk of the last piece ends the reply. */
static uint16_t done_flag(const struct command *c)
{
	return c->rest ? 0 : NBD_REPLY_FLAG_DONE;
}

static uint32_t put_read(uint8_t *wire, enum nbd_style style, const struct command *c,
			 const struct answer *a)
{
	uint32_t n = 0;

	if (a->before)
		n = put_zeroes(wire, style, c, a->length ? 0 : done_flag(c), c->offset, a->before);
	if (!a->length)
		return n;
	n += put_header(wire + n, style, c, a->after ? 0 : done_flag(c),
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
	return put_zeroes(wire, style, c, done_flag(c), c->offset + a->before + a->length,
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
