// SPDX-License-Identifier: MIT
/*
 * Goal: where a client's stream of requests is cut into pieces makes no difference: the
 * parser finds the same headers, and says of the same bytes that they are payload. It never
 * uses up more than came, and always something.
 * Method: the input is the stream, and the places to cut it. A parser that has all of it at
 * once is the model: a header is 28 bytes, and a WRITE's payload follows it.
 */
#include <np/nbd/stream.h>

#include "parser.h"

#define REQUESTS_MAX	512U

/* What is known of a stream: its requests, and how many payload bytes there were. */
struct told {
	uint32_t n;
	struct nbd_request request[REQUESTS_MAX];
	uint64_t payload;
};

static void model(struct told *t, const uint8_t *data, size_t size)
{
	size_t at = 0;

	memset(t, 0, sizeof(*t));
	while (size - at >= NBD_REQUEST_SIZE && t->n < REQUESTS_MAX) {
		struct nbd_request *r = &t->request[t->n++];
		uint64_t payload;

		*r = nbd_request_unpack(data + at);
		at += NBD_REQUEST_SIZE;
		payload = r->type == NBD_CMD_WRITE ? r->length : 0;
		if (payload > size - at)
			payload = size - at;
		t->payload += payload;
		at += payload;
	}
}

/* One piece; how much of it was used up. */
static size_t take(struct told *t, struct nbd_stream *s, const uint8_t *data, size_t size)
{
	struct nbd_request r;
	size_t used;

	if (s->payload) {
		uint64_t before = s->payload;

		used = nbd_stream_payload(s, size);
		must(s->payload + used == before);
		t->payload += used;
		return used;
	}
	used = nbd_stream_header(s, data, size);
	if (nbd_stream_request(s, &r)) {
		must(!s->have && s->payload == (r.type == NBD_CMD_WRITE ? r.length : 0));
		t->request[t->n++] = r;
	}
	must(s->have < NBD_REQUEST_SIZE);
	return used;
}

static void parse(struct told *t, const uint8_t *data, size_t size, uint32_t seed)
{
	struct nbd_stream s = { 0 };

	memset(t, 0, sizeof(*t));
	for (size_t at = 0; at < size && t->n < REQUESTS_MAX;) {
		size_t piece, used;

		seed = seed * 1664525 + 1013904223;
		piece = 1 + (seed >> 16) % 61;
		if (piece > size - at)
			piece = size - at;
		used = take(t, &s, data + at, piece);
		must(used && used <= piece);
		at += used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct told whole, pieces;
	struct input in = { data, size };
	uint32_t seed = eat_u32(&in);

	model(&whole, in.data, in.size);
	parse(&pieces, in.data, in.size, seed);
	must(whole.n == pieces.n);
	must(!memcmp(whole.request, pieces.request, whole.n * sizeof(whole.request[0])));
	must(whole.n == REQUESTS_MAX || whole.payload == pieces.payload);
	return 0;
}
