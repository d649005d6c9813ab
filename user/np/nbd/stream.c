// SPDX-License-Identifier: MIT
#include "stream.h"

#include <arena/snapshot.h>

void nbd_stream_init(struct nbd_stream *s, bool is_extended)
{
	*s = (struct nbd_stream){
		.size = is_extended ? NBD_LONG_REQUEST_SIZE : NBD_REQUEST_SIZE,
	};
}

static struct nbd_request unpack(const struct nbd_stream *s)
{
	return s->size == NBD_REQUEST_SIZE ? nbd_request_unpack(s->header) :
					     nbd_long_request_unpack(s->header);
}

/* A header that is complete may turn out to be longer. */
static uint32_t more_of(const struct nbd_stream *s)
{
	struct nbd_request r;

	if (s->size != NBD_LONG_REQUEST_SIZE || s->have != s->size)
		return s->more;
	r = unpack(s);
	return nbd_names_a_context(&r) ? NBD_ONE_CONTEXT_SIZE : 0;
}

size_t nbd_stream_header(struct nbd_stream *s, const void *data, size_t size)
{
	size_t lacks = nbd_stream_lacks(s);
	size_t n = size < lacks ? size : lacks;

	arena_snapshot(s->header + s->have, data, n);
	s->have += (uint32_t)n;
	s->more = more_of(s);
	return n;
}

bool nbd_stream_request(struct nbd_stream *s, struct nbd_request *r)
{
	if (nbd_stream_lacks(s))
		return false;
	*r = unpack(s);
	s->payload = nbd_has_payload(r, s->size == NBD_LONG_REQUEST_SIZE) ? r->length : 0;
	if (s->more) {
		nbd_context_unpack(r, s->header + s->size);
		s->payload = 0;
	}
	s->had = s->have;
	s->have = 0;
	s->more = 0;
	return true;
}

size_t nbd_stream_payload(struct nbd_stream *s, size_t size)
{
	size_t n = size < s->payload ? size : (size_t)s->payload;

	s->payload -= n;
	return n;
}
