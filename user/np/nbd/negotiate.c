// SPDX-License-Identifier: MIT
#include "negotiate.h"

#include <assert.h>
#include <arena/snapshot.h>
#include <proto/layout.h>
#include <proto/record.h>
#include <string.h>

#include "wire.h"

/* The output holds the answer to LIST, which is the longest one, and the input any name. */
static_assert(PROTO_MAX_SPS * (NBD_OPTION_REPLY_SIZE + 4 + EXPORT_NAME_MAX) +
	      NBD_OPTION_REPLY_SIZE <= NEGOTIATION_OUT_MAX, "LIST fits");
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

	put_reply(n, type, (uint32_t)length);
	put(n, message, length);
	return next_option(n);
}

static enum negotiation_step answer_list(struct negotiation *n)
{
	if (n->option_length)
		return refuse(n, NBD_REP_ERR_INVALID, "LIST takes no data");
	for (unsigned int i = 0; i < n->exports->n; i++) {
		const struct export *e = &n->exports->export[i];
		uint32_t length = (uint32_t)strlen(e->name);

		if (!e->is_served)
			continue;
		put_reply(n, NBD_REP_SERVER, 4 + length);
		put32(n, length);
		put(n, e->name, length);
	}
	put_reply(n, NBD_REP_ACK, 0);
	return next_option(n);
}

static uint16_t transmission_flags(const struct export *e)
{
	/*
	 * FLUSH makes durable what any connection wrote to the disk, so clients may open
	 * several.
	 */
	uint16_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH |
			 NBD_FLAG_SEND_FUA | NBD_FLAG_CAN_MULTI_CONN;

	if (e->is_readonly)
		flags |= NBD_FLAG_READ_ONLY;
	return flags;
}

static void put_info(struct negotiation *n, const struct export *e,
		     bool is_name_wanted)
{
	uint32_t length = (uint32_t)strlen(e->name);

	put_reply(n, NBD_REP_INFO, 12);
	put16(n, NBD_INFO_EXPORT);
	put64(n, e->bytes);
	put16(n, transmission_flags(e));

	/* The protocol allows it unasked, and a client that knows it sends no wrong request. */
	put_reply(n, NBD_REP_INFO, 14);
	put16(n, NBD_INFO_BLOCK_SIZE);
	put32(n, 1);
	put32(n, PROTO_DISK_BUFFER);
	put32(n, PROTO_MAX_BYTES);

	if (is_name_wanted) {
		put_reply(n, NBD_REP_INFO, 2 + length);
		put16(n, NBD_INFO_NAME);
		put(n, e->name, length);
	}
	put_reply(n, NBD_REP_ACK, 0);
}

/* The data has a length of 32 bits, the name, a count of 16 bits and as many 16-bit numbers. */
static enum negotiation_step answer_info(struct negotiation *n)
{
	bool is_name_wanted = false;
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

	export = export_find(n->exports, n->in + 4, name_length);
	if (export < 0)
		return refuse(n, NBD_REP_ERR_UNKNOWN, "no such export");
	for (uint32_t i = 0; i < n_infos; i++)
		if (nbd_get16(infos + 2UL * i) == NBD_INFO_NAME)
			is_name_wanted = true;
	put_info(n, &n->exports->export[export], is_name_wanted);
	if (n->option != NBD_OPT_GO)
		return next_option(n);
	n->export = export;
	return NEGOTIATION_TRANSMIT;
}

/* EXPORT_NAME is the oldest option: it has no reply header, so only closing refuses it. */
static enum negotiation_step answer_export_name(struct negotiation *n)
{
	static const uint8_t zeroes[NBD_EXPORT_NAME_ZEROES];
	const struct export *e;

	n->export = export_find(n->exports, n->in, n->option_length);
	if (n->export < 0)
		return NEGOTIATION_CLOSE;
	e = &n->exports->export[n->export];
	put64(n, e->bytes);
	put16(n, transmission_flags(e));
	if (!n->is_without_zeroes)
		put(n, zeroes, sizeof(zeroes));
	return NEGOTIATION_TRANSMIT;
}

/* Answer an option whose data is complete. */
static enum negotiation_step answer_option(struct negotiation *n)
{
	switch (n->option) {
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
	default:
		return refuse(n, NBD_REP_ERR_UNSUP, "not supported");
	}
}

static enum negotiation_step take_option(struct negotiation *n)
{
	if (nbd_get64(n->in) != NBD_OPTION_MAGIC)
		return NEGOTIATION_CLOSE;
	n->option = nbd_get32(n->in + 8);
	n->option_length = nbd_get32(n->in + 12);
	if (n->option_length == 0)
		return answer_option(n);
	if (n->option_length <= NEGOTIATION_DATA_MAX) {
		want(n, NEGOTIATION_DATA, n->option_length);
		return NEGOTIATION_MORE;
	}
	if (n->option_length > NEGOTIATION_SKIP_MAX ||
	    n->option == NBD_OPT_EXPORT_NAME)
		return NEGOTIATION_CLOSE;
	want(n, NEGOTIATION_SKIP, n->option_length);
	return NEGOTIATION_MORE;
}

/* Answer an option that was too long, and whose data was thrown away. */
static enum negotiation_step answer_skipped(struct negotiation *n)
{
	switch (n->option) {
	case NBD_OPT_ABORT:
		return answer_option(n);
	case NBD_OPT_LIST:
	case NBD_OPT_INFO:
	case NBD_OPT_GO:
		return refuse(n, NBD_REP_ERR_TOO_BIG, "option too long");
	default:
		return refuse(n, NBD_REP_ERR_UNSUP, "not supported");
	}
}

static enum negotiation_step take_flags(struct negotiation *n)
{
	uint32_t flags = nbd_get32(n->in);

	/* A flag that the server did not offer could change the meaning of what follows. */
	if (flags & ~(uint32_t)NBD_FLAG_C_ALL)
		return NEGOTIATION_CLOSE;
	n->is_without_zeroes = flags & NBD_FLAG_C_NO_ZEROES;
	return next_option(n);
}

void negotiation_init(struct negotiation *n, const struct export_table *exports)
{
	n->exports = exports;
	n->is_without_zeroes = false;
	n->option = 0;
	n->option_length = 0;
	n->export = -1;
	n->out_length = 0;
	put64(n, NBD_MAGIC);
	put64(n, NBD_OPTION_MAGIC);
	put16(n, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	want(n, NEGOTIATION_FLAGS, NBD_CLIENT_FLAGS_SIZE);
}

/* Act on the wanted bytes, which are complete or were thrown away. */
static enum negotiation_step step_of(struct negotiation *n)
{
	n->out_length = 0;
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
