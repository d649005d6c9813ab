// SPDX-License-Identifier: MIT
/*
 * Goal: the handshake answers any bytes of a client in the same way, wherever they are cut into
 * pieces, and keeps within its bounds. Each output consists of whole replies to the option that was
 * sent, but for the greeting and the answer to EXPORT_NAME, and the session at the end has only
 * what the client asked for.
 * Method: the input is options, mostly well-formed ones, and the places to cut them. They are given
 * to one negotiation in long pieces and to another one in short ones.
 */
#include <np/nbd/negotiate.h>
#include <np/nbd/wire.h>

#include "parser.h"

#define STREAM_MAX	4096U
#define OUT_MAX		(1U << 20)

static const struct export_table exports = {
	.n = 2,
	.export = {
		{ .name = "first", .description = "text", .is_served = true,
		  .can_discard = true, .can_zero = true },
		{ .name = "b", .is_served = true, .is_readonly = true },
	},
};

struct stream {
	size_t n;
	uint8_t byte[STREAM_MAX];
};

/* What a negotiation has said, and how it has ended. */
struct said {
	size_t n;
	uint8_t out[OUT_MAX];
	size_t used;
	enum negotiation_step step;
	enum nbd_style style;
	bool has_allocation;
	int export;
};

static void put(struct stream *s, const void *data, size_t length)
{
	if (length > STREAM_MAX - s->n)
		length = STREAM_MAX - s->n;
	memcpy(s->byte + s->n, data, length);
	s->n += length;
}

static void put32(struct stream *s, uint32_t v)
{
	uint8_t wire[4];

	nbd_put32(wire, v);
	put(s, wire, sizeof(wire));
}

static void put_text(struct stream *s, const char *text)
{
	put32(s, (uint32_t)strlen(text));
	put(s, text, strlen(text));
}

/* Put the name of an export, and queries or requests for information. */
static void put_named(struct stream *s, uint8_t how)
{
	static const char *const names[] = { "first", "b", "", "nope" };
	static const char *const queries[] = { "base:allocation", "base:", "x:y", "base:a" };
	uint32_t n = how >> 2 & 3;

	put_text(s, names[how % 4]);
	if (how & 64) {
		put(s, "\0\2\0\1\0\2", 6);
		return;
	}
	put32(s, n);
	for (uint32_t i = 0; i < n; i++)
		put_text(s, queries[(how >> 4 & 3) ^ i]);
}

static void put_option(struct stream *s, struct input *in)
{
	uint8_t magic[8], how = eat_u8(in), any[64];
	size_t at;

	nbd_put64(magic, NBD_OPTION_MAGIC);
	put(s, magic, sizeof(magic));
	put32(s, how % 13);
	at = s->n;
	put32(s, 0);
	if (how >> 6 == 1) {
		eat(in, any, sizeof(any));
		put(s, any, any[0] % sizeof(any));
	} else if (how >> 6 > 1) {
		put_named(s, eat_u8(in));
	}
	if (at + 4 <= s->n)
		nbd_put32(s->byte + at, (uint32_t)(s->n - at - 4) + (how % 32 == 31));
}

static void check_replies(const struct negotiation *n)
{
	size_t at = 0;

	while (at < n->out_length) {
		must(n->out_length - at >= NBD_OPTION_REPLY_SIZE);
		must(nbd_get64(n->out + at) == NBD_REPLY_MAGIC);
		must(nbd_get32(n->out + at + 8) == n->option);
		at += NBD_OPTION_REPLY_SIZE;
		must(nbd_get32(n->out + at - 4) <= n->out_length - at);
		at += nbd_get32(n->out + at - 4);
	}
}

static void note(struct said *said, const struct negotiation *n)
{
	must(n->out_length <= sizeof(n->out) && said->n + n->out_length <= OUT_MAX);
	memcpy(said->out + said->n, n->out, n->out_length);
	said->n += n->out_length;
	if (said->step != NEGOTIATION_TRANSMIT || n->option != NBD_OPT_EXPORT_NAME)
		check_replies(n);
}

static void check_session(const struct negotiation *n, const struct stream *s, size_t used)
{
	bool structured = false, extended = false, contexts = false;

	/* An option that was never sent cannot have had an effect. */
	for (size_t i = 0; i + 12 <= used; i++) {
		if (nbd_get64(s->byte + i) != NBD_OPTION_MAGIC)
			continue;
		structured |= nbd_get32(s->byte + i + 8) == NBD_OPT_STRUCTURED_REPLY;
		extended |= nbd_get32(s->byte + i + 8) == NBD_OPT_EXTENDED_HEADERS;
		contexts |= nbd_get32(s->byte + i + 8) == NBD_OPT_SET_META_CONTEXT;
	}
	must(n->session.style != NBD_STRUCTURED || structured);
	must(n->session.style != NBD_EXTENDED || extended);
	must(!n->session.has_allocation || (contexts && n->session.style != NBD_SIMPLE));
}

/* What the SP says, and who may use which export, depends only on where the client is. */
static enum negotiation_step ask_sp(struct negotiation *n, size_t used)
{
	static const enum proto_status statuses[] = { PROTO_OK, PROTO_OK, PROTO_ENOSPC, PROTO_EIO };

	must(n->export >= 0 && n->export < 2 && !n->out_length);
	must(n->allowed >> n->export & 1);
	must(n->tls != NEGOTIATION_TLS_REQUIRE || n->is_secured);
	return negotiation_opened(n, statuses[used % 4], 4096);
}

static void negotiate(struct said *said, const struct stream *s, uint32_t seed, uint32_t longest)
{
	static struct negotiation n;
	size_t used;

	said->n = 0;
	said->used = 0;
	said->step = NEGOTIATION_MORE;
	negotiation_init(&n, &exports);
	n.tls = s->n % 3;
	n.allowed = s->n % 5 ? UINT32_MAX : s->n / 5 % 4;
	while (said->used < s->n && said->step <= NEGOTIATION_MORE) {
		size_t piece = 1 + (seed >> 16) % longest;

		seed = seed * 1664525 + 1013904223;
		if (piece > s->n - said->used)
			piece = s->n - said->used;
		used = negotiation_take(&n, s->byte + said->used, piece, &said->step);
		must(used && used <= piece);
		said->used += used;
		if (said->step == NEGOTIATION_OPEN)
			said->step = ask_sp(&n, said->used);
		if (said->step != NEGOTIATION_WANT) {
			do
				note(said, &n);
			while (negotiation_refill(&n));
		}
		if (said->step == NEGOTIATION_STARTTLS) {
			must(n.tls != NEGOTIATION_TLS_OFF && !n.is_secured);
			negotiation_secured(&n);
			said->step = NEGOTIATION_MORE;
		}
	}
	must(said->step != NEGOTIATION_TRANSMIT || n.tls != NEGOTIATION_TLS_REQUIRE ||
	     n.is_secured);
	if (said->step == NEGOTIATION_TRANSMIT)
		check_session(&n, s, said->used);
	said->style = n.session.style;
	said->has_allocation = n.session.has_allocation;
	said->export = n.export;
	must((said->step == NEGOTIATION_TRANSMIT) == (n.export >= 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct said whole, pieces;
	static struct stream s;
	struct input in = { data, size };
	uint32_t seed = eat_u32(&in);

	s.n = 0;
	put32(&s, seed & 3);
	while (in.size && s.n < STREAM_MAX)
		put_option(&s, &in);
	negotiate(&whole, &s, seed, STREAM_MAX);
	negotiate(&pieces, &s, seed, 13);
	must(whole.used == pieces.used && whole.step == pieces.step);
	must(whole.n == pieces.n && !memcmp(whole.out, pieces.out, whole.n));
	must(whole.style == pieces.style && whole.export == pieces.export);
	must(whole.has_allocation == pieces.has_allocation);
	return 0;
}
