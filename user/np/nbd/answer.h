/* SPDX-License-Identifier: MIT */
/*
 * Replies on the wire, in each style that a client can choose. A reply is a beginning, the data if
 * there is any, and an end, which mostly is empty:
 *
 *	simple		header, data
 *	structured	chunk of zeroes, header of a chunk of data, data, chunk of zeroes
 *	extended	the same, with longer headers
 *
 * The functions are pure. This header must not know of sockets, buffers or connections.
 */
#ifndef NP_NBD_ANSWER_H
#define NP_NBD_ANSWER_H

#include <proto/record.h>
#include <stdint.h>

#include "command.h"
#include "session.h"
#include "wire.h"

/**
 * struct answer - what a reply has besides its status
 * @before: bytes at the beginning of a READ's range that are zeroes and are not sent
 * @length: bytes of data: of a READ, or what answer_pack_parts() has packed
 * @after: bytes at the end of a READ's range that are zeroes and are not sent
 */
struct answer {
	uint32_t before;
	uint32_t length;
	uint32_t after;
};

/* Room for the longest beginning and the longest end. */
enum answer_sizes {
	ANSWER_ZEROES = 8 + 4,
	ANSWER_CHUNKED = 2 * (NBD_CHUNK_SIZE + ANSWER_ZEROES) + NBD_CHUNK_SIZE + 8,
	ANSWER_LONG = 2 * (NBD_LONG_CHUNK_SIZE + ANSWER_ZEROES) + NBD_LONG_CHUNK_SIZE + 8,
};

/** answer_room() - bytes that a beginning and an end have together at most */
static inline uint32_t answer_room(enum nbd_style style)
{
	if (style == NBD_SIMPLE)
		return NBD_SIMPLE_REPLY_SIZE;
	return style == NBD_STRUCTURED ? ANSWER_CHUNKED : ANSWER_LONG;
}

/**
 * answer_chunk_begin() - write the beginning of a reply in chunks; see answer_begin()
 */
uint32_t answer_chunk_begin(uint8_t *wire, enum nbd_style style, const struct command *c,
			    enum proto_status status, const struct answer *a);

/**
 * answer_begin() - write the beginning of a reply
 * @wire: room for answer_room() bytes
 * @style: what the client has chosen
 * @c: the request
 * @status: how it ended
 * @a: what the reply has; all zero unless @status is PROTO_OK
 *
 * Return: how many bytes were written. The data follows, then the end.
 */
static inline uint32_t answer_begin(uint8_t *wire, enum nbd_style style, const struct command *c,
				    enum proto_status status, const struct answer *a)
{
	if (style != NBD_SIMPLE)
		return answer_chunk_begin(wire, style, c, status, a);
	nbd_simple_reply_pack(wire, status, c->cookie);
	return NBD_SIMPLE_REPLY_SIZE;
}

/** answer_has_end() - is there anything behind the data? */
static inline bool answer_has_end(const struct answer *a)
{
	return a->length && a->after;
}

/** answer_end() - write the end of a reply that has one; returns how many bytes were written */
uint32_t answer_end(uint8_t *wire, enum nbd_style style, const struct command *c,
		    const struct answer *a);

/* The most bytes that answer_pack_parts() writes. */
#define ANSWER_PARTS_MAX	(8 + 16 * PROTO_MAX_PARTS)

/**
 * answer_pack_parts() - write the data of a reply to BLOCK_STATUS
 * @wire: room for ANSWER_PARTS_MAX bytes
 * @style: what the client has chosen, but not NBD_SIMPLE
 * @part: the parts of the range
 * @n: how many there are, at least 1
 *
 * Return: how many bytes were written.
 */
uint32_t answer_pack_parts(uint8_t *wire, enum nbd_style style, const struct proto_part *part,
			   uint32_t n);

#endif /* NP_NBD_ANSWER_H */
