// SPDX-License-Identifier: MIT
#include "negotiate.h"

#include <assert.h>
#include <arena/snapshot.h>
#include <proto/layout.h>
#include <string.h>

#include "wire.h"

/* The output holds the longest answer to INFO and each part of one to LIST. */
static_assert((NBD_OPTION_REPLY_SIZE + 12) + (NBD_OPTION_REPLY_SIZE + 14) +
	      (NBD_OPTION_REPLY_SIZE + 2 + EXPORT_NAME_MAX) +
	      (NBD_OPTION_REPLY_SIZE + 2 + EXPORT_DESCRIPTION_MAX) + NBD_OPTION_REPLY_SIZE <=
	      NEGOTIATION_OUT_MAX, "INFO of everything fits");
static_assert(4 + NEGOTIATION_STRING_MAX + 2 <= NEGOTIATION_DATA_MAX,
	      "INFO with the longest name fits");

static void put(struct negotiation *n, const void *data, size_t length)
{
	assert(length <= sizeof(n->out) - n->out_length);
	memcpy(n->out + n->out_length, data, length);
	n->out_length += length;
}

static void put16(struct negotiation *n, uint16_t v)
{
	uint8_t wire[2];

	nbd_put16(wire, v);
	put(n, wire, sizeof(wire));
}

static void put32(struct negotiation *n, uint32_t v)
{
	uint8_t wire[4];

	nbd_put32(wire, v);
	put(n, wire, sizeof(wire));
}

static void put64(struct negotiation *n, uint64_t v)
{
	uint8_t wire[8];

	nbd_put64(wire, v);
	put(n, wire, sizeof(wire));
}

static void put_reply(struct negotiation *n, uint32_t type, uint32_t length)
{
	put64(n, NBD_REPLY_MAGIC);
	put32(n, n->option);
	put32(n, type);
	put32(n, length);
}

static void want(struct negotiation *n, enum negotiation_state state,
		 uint32_t length)
{
	n->state = state;
	n->want = length;
	n->have = 0;
	n->is_skipping = state == NEGOTIATION_SKIP;
}

/* Wait for the next option, as this one is answered. */
static enum negotiation_step next_option(struct negotiation *n)
{
	want(n, NEGOTIATION_OPTION, NBD_OPTION_SIZE);
	return NEGOTIATION_MORE;
}

static enum negotiation_step refuse(struct negotiation *n, uint32_t type,
				    const char *message)
{
	size_t length = strlen(message);

	n->why = message;
	put_reply(n, type, (uint32_t)length);
	put(n, message, length);
	return next_option(n);
}

static enum negotiation_step close_because(struct negotiation *n, const char *why)
{
	n->why = why;
	return NEGOTIATION_CLOSE;
}

static_assert(PROTO_MAX_SPS <= 32, "each export has a bit");

/* Where a client may not use an export, it finds the same as where there is none. */
static bool is_allowed(const struct negotiation *n, unsigned int export)
{
	return n->allowed >> export & 1 && export_is_shown(&n->exports->export[export]);
}

/*
 * Find the export that the client names, and note which one it was if it does not exist for this
 * client, so that a log can tell. Return: -1 in that case.
 */
static int find(struct negotiation *n, const uint8_t *name, uint32_t length)
{
	int export = export_find(n->exports, name, length);

	n->asked = name;
	n->asked_length = length;
	if (export >= 0 && !(n->allowed >> export & 1))
		n->denied = export;
	return export >= 0 && is_allowed(n, (unsigned int)export) ? export : -1;
}

static bool has_room(const struct negotiation *n, uint32_t length)
{
	return n->out_length + NBD_OPTION_REPLY_SIZE + length <= sizeof(n->out);
}

/* Return: false if there is no room for it now. */
static bool put_server(struct negotiation *n, const struct export *e)
{
	uint32_t length = (uint32_t)strlen(e->name);
	uint32_t more = (uint32_t)strlen(e->description);

	if (!has_room(n, 4 + length + more))
		return false;
	put_reply(n, NBD_REP_SERVER, 4 + length + more);
	put32(n, length);
	put(n, e->name, length);
	put(n, e->description, more);
	return true;
}

/* Continue the list as far as there is room; negotiation_refill() has the rest. */
static void put_list(struct negotiation *n)
{
	for (; n->listed < n->exports->n; n->listed++) {
		const struct export *e = &n->exports->export[n->listed];

		if (is_allowed(n, n->listed) && !put_server(n, e))
			return;
	}
	if (!has_room(n, 0))
		return;
	put_reply(n, NBD_REP_ACK, 0);
	n->is_listing = false;
}

static enum negotiation_step answer_list(struct negotiation *n)
{
	if (n->option_length)
		return refuse(n, NBD_REP_ERR_INVALID, "LIST takes no data");
	n->is_listing = true;
	n->listed = 0;
	put_list(n);
	return next_option(n);
}

bool negotiation_refill(struct negotiation *n)
{
	if (!n->is_listing)
		return false;
	n->out_length = 0;
	put_list(n);
	return true;
}

static uint16_t transmission_flags(const struct negotiation *n, const struct export *e)
{
	/*
	 * All connections of an export go to one SP, whose FLUSH makes durable what any of them
	 * wrote, so clients may open several.
	 */
	uint16_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA |
			 NBD_FLAG_CAN_MULTI_CONN | NBD_FLAG_SEND_CACHE;

	if (e->is_readonly)
		flags |= NBD_FLAG_READ_ONLY;
	if (e->is_rotational)
		flags |= NBD_FLAG_ROTATIONAL;
	if (e->can_discard)
		flags |= NBD_FLAG_SEND_TRIM;
	if (e->can_zero)
		flags |= NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_SEND_FAST_ZERO;
	if (n->session.style != NBD_SIMPLE)
		flags |= NBD_FLAG_SEND_DF;
	if (n->session.style == NBD_EXTENDED && n->context_export >= 0 &&
	    e == &n->exports->export[n->context_export])
		flags |= NBD_FLAG_BLOCK_STATUS_PAYLOAD;
	return flags;
}

static void put_text(struct negotiation *n, enum nbd_info info, const char *text)
{
	uint32_t length = (uint32_t)strlen(text);

	put_reply(n, NBD_REP_INFO, 2 + length);
	put16(n, (uint16_t)info);
	put(n, text, length);
}

static void put_info(struct negotiation *n, const struct export *e)
{
	put_reply(n, NBD_REP_INFO, 12);
	put16(n, NBD_INFO_EXPORT);
	put64(n, n->session.bytes);
	put16(n, transmission_flags(n, e));

	/* The protocol allows it unasked, and a client that knows it sends no wrong request. */
	put_reply(n, NBD_REP_INFO, 14);
	put16(n, NBD_INFO_BLOCK_SIZE);
	put32(n, 1);
	put32(n, PROTO_DISK_BUFFER);
	put32(n, PROTO_MAX_BYTES);

	if (n->infos & 1U << NBD_INFO_NAME)
		put_text(n, NBD_INFO_NAME, e->name);
	if (n->infos & 1U << NBD_INFO_DESCRIPTION && *e->description)
		put_text(n, NBD_INFO_DESCRIPTION, e->description);
	put_reply(n, NBD_REP_ACK, 0);
}

/* Begin the transmission. The metadata context counts only for the export that it names. */
static enum negotiation_step transmit(struct negotiation *n)
{
	n->session.has_allocation = n->context_export == n->export;
	return NEGOTIATION_TRANSMIT;
}

/*
 * Ask the SP how large the disk is now, and whether it takes one more client. An export without a
 * disk has nobody to ask.
 */
static enum negotiation_step open_export(struct negotiation *n, int export)
{
	n->export = export;
	n->is_looking = n->option == NBD_OPT_INFO;
	if (n->exports->export[export].is_served)
		return NEGOTIATION_OPEN;
	return negotiation_opened(n, PROTO_EIO, 0);
}

/* The data has a length of 32 bits, the name, a count of 16 bits and as many 16-bit numbers. */
static enum negotiation_step answer_info(struct negotiation *n)
{
	uint32_t name_length;
	const uint8_t *infos;
	uint32_t n_infos;
	int export;

	if (n->option_length < 6)
		return refuse(n, NBD_REP_ERR_INVALID, "too short");
	name_length = nbd_get32(n->in);
	if (name_length > n->option_length - 6 ||
	    name_length > NEGOTIATION_STRING_MAX)
		return refuse(n, NBD_REP_ERR_INVALID, "name too long");
	infos = n->in + 4 + name_length + 2;
	n_infos = nbd_get16(infos - 2);
	if (2 * n_infos != n->option_length - 6 - name_length)
		return refuse(n, NBD_REP_ERR_INVALID,
			      "length does not fit the count of requests");

	export = find(n, n->in + 4, name_length);
	if (export < 0)
		return refuse(n, NBD_REP_ERR_UNKNOWN, "no such export");
	n->infos = 0;
	for (uint32_t i = 0; i < n_infos; i++)
		if (nbd_get16(infos + 2UL * i) <= NBD_INFO_BLOCK_SIZE)
			n->infos |= 1U << nbd_get16(infos + 2UL * i);
	return open_export(n, export);
}

/*
 * EXPORT_NAME is the oldest option: it has no reply header, so only closing refuses it. A client
 * that has chosen extended headers must not use it.
 */
static enum negotiation_step answer_export_name(struct negotiation *n)
{
	int export = n->option_length > EXPORT_NAME_MAX ? -1 : find(n, n->in, n->option_length);

	if (export < 0)
		return close_because(n, "no such export");
	if (n->session.style == NBD_EXTENDED)
		return close_because(n, "EXPORT_NAME after EXTENDED_HEADERS");
	return open_export(n, export);
}

static void put_export_name(struct negotiation *n, const struct export *e)
{
	static const uint8_t zeroes[NBD_EXPORT_NAME_ZEROES];

	put64(n, n->session.bytes);
	put16(n, transmission_flags(n, e));
	if (!n->is_without_zeroes)
		put(n, zeroes, sizeof(zeroes));
}

static enum negotiation_step refuse_or_close(struct negotiation *n, uint32_t type,
					     const char *why)
{
	return n->option == NBD_OPT_EXPORT_NAME ? close_because(n, why) : refuse(n, type, why);
}

/* The SP does not take the client. The disk may have gone since the client named the export. */
static enum negotiation_step refuse_open(struct negotiation *n, enum proto_status status)
{
	bool is_shown = is_allowed(n, (unsigned int)n->export);

	n->export = -1;
	if (!is_shown)
		return refuse_or_close(n, NBD_REP_ERR_UNKNOWN, "no such export");
	if (status == PROTO_ENOSPC)
		return refuse_or_close(n, NBD_REP_ERR_POLICY,
				       "as many clients use the export as may");
	return refuse_or_close(n, NBD_REP_ERR_SHUTDOWN, "the disk of the export is not there now");
}

enum negotiation_step negotiation_opened(struct negotiation *n, enum proto_status status,
					 uint64_t bytes)
{
	const struct export *e = &n->exports->export[n->export];

	if (status != PROTO_OK)
		return refuse_open(n, status);
	n->session.bytes = bytes;
	if (n->option == NBD_OPT_EXPORT_NAME)
		put_export_name(n, e);
	else
		put_info(n, e);
	if (!n->is_looking)
		return transmit(n);
	n->export = -1;
	return next_option(n);
}

/* STRUCTURED_REPLY and EXTENDED_HEADERS */
static enum negotiation_step answer_style(struct negotiation *n)
{
	bool is_extended = n->option == NBD_OPT_EXTENDED_HEADERS;

	if (n->option_length)
		return refuse(n, NBD_REP_ERR_INVALID, "the option takes no data");
	if (!is_extended && n->session.style == NBD_EXTENDED)
		return refuse(n, NBD_REP_ERR_EXT_HEADER_REQD, "extended headers are in use");
	n->session.style = is_extended ? NBD_EXTENDED : NBD_STRUCTURED;
	put_reply(n, NBD_REP_ACK, 0);
	return next_option(n);
}

/*
 * Metadata contexts
 */

static const char allocation[] = "base:allocation";

/*
 * Does a query name base:allocation? To list contexts, the namespace alone is enough. A query that
 * makes no sense, or one of a namespace that this server does not know, names nothing.
 */
static bool names_allocation(const struct negotiation *n, const uint8_t *query, uint32_t length)
{
	static const uint32_t namespace_length = 5;

	if (length == namespace_length && n->option == NBD_OPT_LIST_META_CONTEXT)
		return !memcmp(query, allocation, namespace_length);
	return length == sizeof(allocation) - 1 && !memcmp(query, allocation, length);
}

/* Look at all queries. Return: 1 if one names base:allocation, 0, or -1 if they are malformed. */
static int look_at_queries(const struct negotiation *n, uint32_t at, uint32_t n_queries)
{
	int found = 0;

	for (uint32_t i = 0; i < n_queries; i++) {
		uint32_t length;

		if (n->option_length - at < 4)
			return -1;
		length = nbd_get32(n->in + at);
		at += 4;
		if (length > n->option_length - at || length > NEGOTIATION_STRING_MAX)
			return -1;
		if (names_allocation(n, n->in + at, length))
			found = 1;
		at += length;
	}
	if (at != n->option_length)
		return -1;
	/* A list without queries is one of everything. */
	return found || (!n_queries && n->option == NBD_OPT_LIST_META_CONTEXT);
}

static enum negotiation_step put_contexts(struct negotiation *n, int export, bool has_allocation)
{
	bool is_set = n->option == NBD_OPT_SET_META_CONTEXT;

	if (has_allocation) {
		put_reply(n, NBD_REP_META_CONTEXT, 4 + sizeof(allocation) - 1);
		put32(n, is_set ? NBD_ALLOCATION_ID : 0);
		put(n, allocation, sizeof(allocation) - 1);
	}
	if (has_allocation && is_set)
		n->context_export = export;
	put_reply(n, NBD_REP_ACK, 0);
	return next_option(n);
}

/*
 * LIST_META_CONTEXT and SET_META_CONTEXT. The data has a length of 32 bits, the name, a count of 32
 * bits and as many queries, each with a length of 32 bits.
 */
static enum negotiation_step answer_context(struct negotiation *n)
{
	uint32_t name_length;
	int export, found;

	/* A list may come before the client chooses a style; other servers answer it, too. */
	if (n->session.style == NBD_SIMPLE && n->option == NBD_OPT_SET_META_CONTEXT)
		return refuse(n, NBD_REP_ERR_INVALID, "it needs structured replies");
	if (n->option_length < 8)
		return refuse(n, NBD_REP_ERR_INVALID, "too short");
	name_length = nbd_get32(n->in);
	if (name_length > n->option_length - 8 || name_length > NEGOTIATION_STRING_MAX)
		return refuse(n, NBD_REP_ERR_INVALID, "name too long");
	found = look_at_queries(n, 8 + name_length, nbd_get32(n->in + 4 + name_length));
	if (found < 0)
		return refuse(n, NBD_REP_ERR_INVALID, "length does not fit the queries");
	export = find(n, n->in + 4, name_length);
	if (export < 0)
		return refuse(n, NBD_REP_ERR_UNKNOWN, "no such export");
	return put_contexts(n, export, found);
}

static enum negotiation_step answer_starttls(struct negotiation *n)
{
	if (n->tls == NEGOTIATION_TLS_OFF)
		return refuse(n, NBD_REP_ERR_UNSUP, "TLS is off");
	if (n->option_length || n->is_secured)
		return refuse(n, NBD_REP_ERR_INVALID, n->is_secured ? "TLS has begun already" :
			      "the option takes no data");
	put_reply(n, NBD_REP_ACK, 0);
	return NEGOTIATION_STARTTLS;
}

/* Where TLS is required, a client learns nothing before it has begun. */
static bool lacks_tls(const struct negotiation *n)
{
	return n->tls == NEGOTIATION_TLS_REQUIRE && !n->is_secured &&
	       n->option != NBD_OPT_STARTTLS && n->option != NBD_OPT_ABORT;
}

static enum negotiation_step require_tls(struct negotiation *n)
{
	if (n->option == NBD_OPT_EXPORT_NAME)
		return close_because(n, "TLS is required");
	return refuse(n, NBD_REP_ERR_TLS_REQD, "TLS is required");
}

/* Answer an option whose data is complete. */
static enum negotiation_step answer_option(struct negotiation *n)
{
	if (lacks_tls(n))
		return require_tls(n);
	switch (n->option) {
	case NBD_OPT_STARTTLS:
		return answer_starttls(n);
	case NBD_OPT_EXPORT_NAME:
		return answer_export_name(n);
	case NBD_OPT_ABORT:
		put_reply(n, NBD_REP_ACK, 0);
		return NEGOTIATION_CLOSE;
	case NBD_OPT_LIST:
		return answer_list(n);
	case NBD_OPT_INFO:
	case NBD_OPT_GO:
		return answer_info(n);
	case NBD_OPT_STRUCTURED_REPLY:
	case NBD_OPT_EXTENDED_HEADERS:
		return answer_style(n);
	case NBD_OPT_LIST_META_CONTEXT:
	case NBD_OPT_SET_META_CONTEXT:
		return answer_context(n);
	default:
		return refuse(n, NBD_REP_ERR_UNSUP, "not supported");
	}
}

static enum negotiation_step take_option(struct negotiation *n)
{
	if (nbd_get64(n->in) != NBD_OPTION_MAGIC)
		return close_because(n, "it sent no option of NBD");
	n->option = nbd_get32(n->in + 8);
	n->option_length = nbd_get32(n->in + 12);
	/* What was chosen before is void, also if this option fails. */
	if (n->option == NBD_OPT_SET_META_CONTEXT)
		n->context_export = -1;
	if (n->option_length == 0)
		return answer_option(n);
	if (n->option_length <= NEGOTIATION_DATA_MAX) {
		want(n, NEGOTIATION_DATA, n->option_length);
		return NEGOTIATION_MORE;
	}
	if (n->option_length > NEGOTIATION_SKIP_MAX ||
	    n->option == NBD_OPT_EXPORT_NAME)
		return close_because(n, "the option is too long");
	want(n, NEGOTIATION_SKIP, n->option_length);
	return NEGOTIATION_MORE;
}

/* Answer an option that was too long, and whose data was thrown away. */
static enum negotiation_step answer_skipped(struct negotiation *n)
{
	if (lacks_tls(n))
		return require_tls(n);
	switch (n->option) {
	case NBD_OPT_ABORT:
	case NBD_OPT_STARTTLS:
	case NBD_OPT_STRUCTURED_REPLY:
	case NBD_OPT_EXTENDED_HEADERS:
		return answer_option(n);
	case NBD_OPT_LIST_META_CONTEXT:
	case NBD_OPT_SET_META_CONTEXT:
	case NBD_OPT_LIST:
	case NBD_OPT_INFO:
	case NBD_OPT_GO:
		return refuse(n, NBD_REP_ERR_TOO_BIG, "option too long");
	default:
		return refuse(n, NBD_REP_ERR_UNSUP, "not supported");
	}
}

/* What other clients send first: TLS without STARTTLS, or a method of HTTP. */
static const char *stranger(const uint8_t *in)
{
	static const char *const methods[] = { "GET ", "HEAD", "POST", "PUT ", "OPTI" };

	if (in[0] == 0x16 && in[1] == 0x03)
		return "it began TLS without STARTTLS";
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!memcmp(in, methods[i], 4))
			return "it speaks HTTP";
	return "it speaks no NBD that this server knows";
}

static enum negotiation_step take_flags(struct negotiation *n)
{
	uint32_t flags = nbd_get32(n->in);

	/* A flag that the server did not offer could change the meaning of what follows. */
	if (flags & ~(uint32_t)NBD_FLAG_C_ALL)
		return close_because(n, stranger(n->in));
	n->is_without_zeroes = flags & NBD_FLAG_C_NO_ZEROES;
	return next_option(n);
}

void negotiation_init(struct negotiation *n, const struct export_table *exports)
{
	n->exports = exports;
	n->is_without_zeroes = false;
	n->tls = NEGOTIATION_TLS_OFF;
	n->is_secured = false;
	n->allowed = UINT32_MAX;
	n->denied = -1;
	n->option = 0;
	n->option_length = 0;
	n->session = (struct nbd_session){ 0 };
	n->context_export = -1;
	n->export = -1;
	n->why = NULL;
	n->asked = NULL;
	n->is_listing = false;
	n->out_length = 0;
	put64(n, NBD_MAGIC);
	put64(n, NBD_OPTION_MAGIC);
	put16(n, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	want(n, NEGOTIATION_FLAGS, NBD_CLIENT_FLAGS_SIZE);
}

void negotiation_secured(struct negotiation *n)
{
	n->is_secured = true;
	n->session = (struct nbd_session){ 0 };
	n->context_export = -1;
	n->out_length = 0;
	next_option(n);
}

/* Act on the wanted bytes, which are complete or were thrown away. */
static enum negotiation_step step_of(struct negotiation *n)
{
	n->out_length = 0;
	n->why = NULL;
	n->asked = NULL;
	n->denied = -1;
	switch (n->state) {
	case NEGOTIATION_FLAGS:
		return take_flags(n);
	case NEGOTIATION_OPTION:
		return take_option(n);
	case NEGOTIATION_DATA:
		return answer_option(n);
	case NEGOTIATION_SKIP:
		return answer_skipped(n);
	}
	return NEGOTIATION_CLOSE;
}

size_t negotiation_take(struct negotiation *n, const void *data, size_t size,
			enum negotiation_step *step)
{
	size_t used = size < n->want - n->have ? size : n->want - n->have;

	if (!n->is_skipping)
		arena_snapshot(n->in + n->have, data, used);
	n->have += (uint32_t)used;
	*step = n->have == n->want ? step_of(n) : NEGOTIATION_WANT;
	return used;
}
