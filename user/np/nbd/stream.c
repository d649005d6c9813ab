// SPDX-License-Identifier: MIT
#include "stream.h"

#include <arena/snapshot.h>

void nbd_stream_init(struct nbd_stream *s, bool is_extended)
{
	*s = (struct nbd_stream){
		.size = is_extended ? NBD_LONG_REQUEST_SIZE : NBD_REQUEST_SIZE,
	};
}

size_t nbd_stream_header(struct nbd_stream *s, const void *data, size_t size)
{
	size_t lacks = s->size - s->have;
	size_t n = size < lacks ? size : lacks;

	arena_snapshot(s->header + s->have, data, n);
	s->have += (uint32_t)n;
	return n;
}

bool nbd_stream_request(struct nbd_stream *s, struct nbd_request *r)
{
	if (s->have < s->size)
		return false;
	s->have = 0;
	if (s->size == NBD_REQUEST_SIZE)
		*r = nbd_request_unpack(s->header);
	else
		*r = nbd_long_request_unpack(s->header);
	s->payload = nbd_has_payload(r, s->size == NBD_LONG_REQUEST_SIZE) ? r->length : 0;
	return true;
}

size_t nbd_stream_payload(struct nbd_stream *s, size_t size)
{
	size_t n = size < s->payload ? size : (size_t)s->payload;

	s->payload -= n;
	return n;
}
