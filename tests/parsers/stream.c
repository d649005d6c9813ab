// SPDX-License-Identifier: MIT
/*
 * Goal: the parser finds the same headers and the same payload in a client's stream of requests,
 * wherever the stream is cut into pieces. Each call uses up at least one byte, and no more than
 * there are.
 * Method: the input is the stream, its style, and the places to cut it. A parser that has all of
 * it at once is the model: a header is 28 bytes, or 32 if it is extended, and a payload follows
 * that of a WRITE, or an extended one that announces it. A payload of 12 bytes of an extended
 * BLOCK_STATUS is a part of the request.
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

static bool has_payload(const struct nbd_request *r, bool is_extended)
{
	return r->type == 1 || (is_extended && (r->flags >> 5 & 1));
}

static void model(struct found *f, bool is_extended, const uint8_t *data, size_t size)
{
	size_t at = 0, header = is_extended ? 32 : 28;

	memset(f, 0, sizeof(*f));
	while (size - at >= header && f->n < REQUESTS_MAX) {
		struct nbd_request *r = &f->request[f->n++];
		uint64_t payload;

		*r = is_extended ? nbd_long_request_unpack(data + at) :
				   nbd_request_unpack(data + at);
		at += header;
		if (is_extended && r->type == 7 && (r->flags >> 5 & 1) && r->length == 12) {
			if (size - at < 12) {
				f->n--;
				return;
			}
			r->has_context = 1;
			r->length = nbd_get64(data + at);
			r->context = nbd_get32(data + at + 8);
			at += 12;
			continue;
		}
		payload = has_payload(r, is_extended) ? r->length : 0;
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
		must(!s->have && !s->more);
		must(s->payload == (!r.has_context && has_payload(&r, s->size == 32) ?
				    r.length : 0));
		f->request[f->n++] = r;
	}
	must(nbd_stream_lacks(s) && s->size + s->more <= sizeof(s->header));
	return used;
}

static void parse(struct found *f, bool is_extended, const uint8_t *data, size_t size,
		  uint32_t seed)
{
	struct nbd_stream s;

	nbd_stream_init(&s, is_extended);
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

	bool is_extended = seed & 1;

	model(&whole, is_extended, in.data, in.size);
	parse(&pieces, is_extended, in.data, in.size, seed);
	must(whole.n == pieces.n);
	must(!memcmp(whole.request, pieces.request, whole.n * sizeof(whole.request[0])));
	must(whole.n == REQUESTS_MAX || whole.payload == pieces.payload);
	return 0;
}
