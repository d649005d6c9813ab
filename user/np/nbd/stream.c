// SPDX-License-Identifier: MIT
#include "stream.h"

#include <arena/snapshot.h>

size_t nbd_stream_header(struct nbd_stream *s, const void *data, size_t size)
{
	size_t lacks = sizeof(s->header) - s->have;
	size_t n = size < lacks ? size : lacks;

	arena_snapshot(s->header + s->have, data, n);
	s->have += (uint32_t)n;
	return n;
}

bool nbd_stream_request(struct nbd_stream *s, struct nbd_request *r)
{
	if (s->have < sizeof(s->header))
		return false;
	*r = nbd_request_unpack(s->header);
	s->have = 0;
	s->payload = r->type == NBD_CMD_WRITE ? r->length : 0;
	return true;
}

size_t nbd_stream_payload(struct nbd_stream *s, size_t size)
{
	size_t n = size < s->payload ? size : (size_t)s->payload;

	s->payload -= n;
	return n;
}
