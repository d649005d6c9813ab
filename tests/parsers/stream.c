// SPDX-License-Identifier: MIT
/*
 * Goal: the parser finds the same headers and the same payload in a client's stream of requests,
 * wherever the stream is cut into pieces. Each call uses up at least one byte, and no more than
 * there are.
 * Method: the input is the stream and the places to cut it. A parser that has all of it at once is
 * the model: a header is 28 bytes, and a WRITE's payload follows it.
 */
#include <np/nbd/stream.h>

#include "parser.h"

#define REQUESTS_MAX	512U

/* The requests that were found in a stream, and how many bytes of payload it has. */
struct found {
	uint32_t n;
	struct nbd_request request[REQUESTS_MAX];
	uint64_t payload;
};

static void model(struct found *f, const uint8_t *data, size_t size)
{
	size_t at = 0;

	memset(f, 0, sizeof(*f));
	while (size - at >= NBD_REQUEST_SIZE && f->n < REQUESTS_MAX) {
		struct nbd_request *r = &f->request[f->n++];
		uint64_t payload;

		*r = nbd_request_unpack(data + at);
		at += NBD_REQUEST_SIZE;
		payload = r->type == NBD_CMD_WRITE ? r->length : 0;
		if (payload > size - at)
			payload = size - at;
		f->payload += payload;
		at += payload;
	}
}

/* Parse one piece. Return: how many of its bytes were used up. */
static size_t take(struct found *f, struct nbd_stream *s, const uint8_t *data, size_t size)
{
	struct nbd_request r;
	size_t used;

	if (s->payload) {
		uint64_t before = s->payload;

		used = nbd_stream_payload(s, size);
		must(s->payload + used == before);
		f->payload += used;
		return used;
	}
	used = nbd_stream_header(s, data, size);
	if (nbd_stream_request(s, &r)) {
		must(!s->have && s->payload == (r.type == NBD_CMD_WRITE ? r.length : 0));
		f->request[f->n++] = r;
	}
	must(s->have < NBD_REQUEST_SIZE);
	return used;
}

static void parse(struct found *f, const uint8_t *data, size_t size, uint32_t seed)
{
	struct nbd_stream s = { 0 };

	memset(f, 0, sizeof(*f));
	for (size_t at = 0; at < size && f->n < REQUESTS_MAX;) {
		size_t piece, used;

		seed = seed * 1664525 + 1013904223;
		piece = 1 + (seed >> 16) % 61;
		if (piece > size - at)
			piece = size - at;
		used = take(f, &s, data + at, piece);
		must(used && used <= piece);
		at += used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct found whole, pieces;
	struct input in = { data, size };
	uint32_t seed = eat_u32(&in);

	model(&whole, in.data, in.size);
	parse(&pieces, in.data, in.size, seed);
	must(whole.n == pieces.n);
	must(!memcmp(whole.request, pieces.request, whole.n * sizeof(whole.request[0])));
	must(whole.n == REQUESTS_MAX || whole.payload == pieces.payload);
	return 0;
}
