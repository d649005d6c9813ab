/* SPDX-License-Identifier: MIT */
/*
 * The parser of a client's stream of requests, which comes in pieces of any size that end anywhere.
 * It says of each byte whether it is a part of a header or of a payload, and keeps the bytes of a
 * header that is not complete. It does not look at payloads, and it leaves decisions to command.h.
 * The payload of a BLOCK_STATUS that names one metadata context counts as a part of the header.
 *
 * This header must not know of sockets, buffers or connections.
 */
#ifndef NP_NBD_STREAM_H
#define NP_NBD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/**
 * struct nbd_stream - the position in a client's stream
 * @payload: bytes of a request's payload that have not come yet; while there are any, the
 *	next byte is one of them, otherwise it belongs to a header
 * @size: bytes of a header
 * @more: bytes of a payload that belong to the header that is being received
 * @have: bytes of that header that have come
 * @had: bytes of the header that was complete last
 * @header: the bytes of the former, or of the latter as long as none of the former has come
 */
struct nbd_stream {
	uint64_t payload;
	uint32_t size;
	uint32_t more;
	uint32_t have;
	uint32_t had;
	uint8_t header[NBD_LONG_REQUEST_SIZE + NBD_ONE_CONTEXT_SIZE];
};

/** nbd_stream_lacks() - bytes of the header that have not come, as far as is known by now */
static inline uint32_t nbd_stream_lacks(const struct nbd_stream *s)
{
	return s->size + s->more - s->have;
}

/** nbd_stream_init() - begin a stream; @is_extended: its headers are extended ones */
void nbd_stream_init(struct nbd_stream *s, bool is_extended);

/**
 * nbd_stream_header() - take received bytes of a header
 * @s: stream, which expects no payload
 * @data: the bytes, which are read once; another process may be writing there
 * @size: how many
 *
 * Return: how many of them belong to the header.
 */
size_t nbd_stream_header(struct nbd_stream *s, const void *data, size_t size);

/**
 * nbd_stream_request() - get the request if its header is complete
 * @s: stream
 * @r: filled with the request if it is
 *
 * The stream then expects the payload, if nbd_has_payload(), and after that the next header.
 */
bool nbd_stream_request(struct nbd_stream *s, struct nbd_request *r);

/**
 * nbd_stream_payload() - take received bytes while a payload is expected
 * @s: stream
 * @size: how many
 *
 * Return: how many of them belong to the payload.
 */
size_t nbd_stream_payload(struct nbd_stream *s, size_t size);

#endif /* NP_NBD_STREAM_H */
