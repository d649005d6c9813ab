// SPDX-License-Identifier: MIT
/*
 * Goal: the negotiation answers every option, also a malformed one, as the NBD protocol says, and
 * never reads beyond the bytes that came.
 * Method: bytes are given to the state machine and its output is checked, also for each length of
 * each option's data, and for random bytes.
 */
#include <arena/message.h>
#include <proto/record.h>
#include <np/nbd/wire.h>
#include <np/nbd/negotiate.h>
#include <string.h>

#include "tap.h"

#define DISK_BYTES 0x123456789a000ULL

static const struct export_table exports = {
	.n = 3,
	.export = {
		{ .name = "first", .description = "a fine disk",
		  .is_served = true, .can_discard = true, .can_zero = true },
		{ .name = "second", .is_served = true, .is_readonly = true,
		  .is_rotational = true },
		{ .name = "gone", .is_hidden = true },
	},
};

static struct negotiation n;

/* What the SP of each export says of its disk, and of another client. */
static const uint64_t sizes[] = { DISK_BYTES, 512, 4096 };
static enum proto_status sp_says = PROTO_OK;

/* Ask the SP as the negotiation wants. */
static enum negotiation_step ask_sp(void)
{
	if (n.export < 0 || n.export > 1 || n.out_length)
		bail("SP %d is asked, and there are %zu bytes of output", n.export, n.out_length);
	return negotiation_opened(&n, sp_says, sp_says == PROTO_OK ? sizes[n.export] : 0);
}

/* Give the negotiation just the bytes that it wants; anything else is an error of this test. */
static enum negotiation_step feed(const void *data, size_t length)
{
	enum negotiation_step step = NEGOTIATION_WANT;

	if (n.is_skipping || length != n.want || length > sizeof(n.in))
		bail("%zu bytes fed, %u wanted", length, n.want);
	if (length && negotiation_take(&n, data, length, &step) != length)
		bail("not all of %zu bytes were taken", length);
	return step == NEGOTIATION_OPEN ? ask_sp() : step;
}

/* Give the negotiation the bytes that it throws away, in pieces. */
static enum negotiation_step feed_skipped(void)
{
	static const uint8_t piece[1000];
	enum negotiation_step step = NEGOTIATION_WANT;

	for (uint32_t left = n.want; left && step == NEGOTIATION_WANT;)
		left -= (uint32_t)negotiation_take(&n, piece, sizeof(piece), &step);
	return step;
}

static enum negotiation_step feed_flags(uint32_t flags)
{
	uint8_t wire[4];

	negotiation_init(&n, &exports);
	nbd_put32(wire, flags);
	return feed(wire, sizeof(wire));
}

static enum negotiation_step feed_header(uint32_t option, uint32_t length)
{
	uint8_t wire[16];

	nbd_put64(wire, NBD_OPTION_MAGIC);
	nbd_put32(wire + 8, option);
	nbd_put32(wire + 12, length);
	return feed(wire, sizeof(wire));
}

static enum negotiation_step feed_option(uint32_t option, const void *data,
					 uint32_t length)
{
	enum negotiation_step step = feed_header(option, length);

	return length ? feed(data, length) : step;
}

/* Write the data of INFO and GO: @name, then info requests. */
static uint32_t make_info(uint8_t *data, const char *name,
			  const uint16_t *infos, uint16_t n_infos)
{
	uint32_t length = (uint32_t)strlen(name);

	nbd_put32(data, length);
	memcpy(data + 4, name, length);
	nbd_put16(data + 4 + length, n_infos);
	for (uint16_t i = 0; i < n_infos; i++)
		nbd_put16(data + 6 + length + 2 * i, infos[i]);
	return 6 + length + 2U * n_infos;
}

/* Check the reply at offset @at of the output. Return: the offset of the next one. */
static size_t check_reply(size_t at, uint32_t type, uint32_t length,
			  const char *what)
{
	const uint8_t *p = n.out + at;

	if (!ok(n.out_length >= at + NBD_OPTION_REPLY_SIZE,
		"the output has a reply for %s", what))
		return at;
	ok(nbd_get64(p) == NBD_REPLY_MAGIC && nbd_get32(p + 8) == n.option,
	   "the reply for %s has the right magic and option", what);
	is(nbd_get32(p + 12), type, "the reply for %s has the right type", what);
	is(nbd_get32(p + 16), length, "the reply for %s has the right length", what);
	return at + NBD_OPTION_REPLY_SIZE + nbd_get32(p + 16);
}

/* Check that the output is one error reply of any text, and that the negotiation continues. */
static void check_refused(enum negotiation_step step, uint32_t type,
			  const char *what)
{
	uint32_t length = n.out_length < NBD_OPTION_REPLY_SIZE ? 0 :
			  (uint32_t)(n.out_length - NBD_OPTION_REPLY_SIZE);

	is(step, NEGOTIATION_MORE, "the negotiation continues after %s", what);
	check_reply(0, type, length, what);
	is(n.want, NBD_OPTION_SIZE, "the negotiation wants the next option after %s", what);
}

static void test_greeting(void)
{
	negotiation_init(&n, &exports);
	is(n.out_length, NBD_GREETING_SIZE, "the greeting has 18 bytes");
	ok(!memcmp(n.out, "NBDMAGICIHAVEOPT\0\3", 18),
	   "the greeting offers fixed newstyle without zeroes");
	is(n.want, 4, "the negotiation wants the client's flags after the greeting");
	for (uint32_t flags = 0; flags < 4; flags++)
		is(feed_flags(flags), NEGOTIATION_MORE, "client flags %u are accepted", flags);
	for (unsigned int bit = 2; bit < 32; bit++)
		is(feed_flags(3 | 1U << bit), NEGOTIATION_CLOSE,
		   "unknown client flag %u closes the connection", bit);
}

static void test_option_magic(void)
{
	for (unsigned int byte = 0; byte < 8; byte++) {
		uint8_t wire[16] = { 0 };

		feed_flags(3);
		nbd_put64(wire, NBD_OPTION_MAGIC);
		wire[byte] ^= 0x10;
		is(feed(wire, 16), NEGOTIATION_CLOSE,
		   "a wrong byte %u of the option magic closes the connection", byte);
	}
}

static void test_list(void)
{
	size_t at;

	feed_flags(3);
	is(feed_option(NBD_OPT_LIST, NULL, 0), NEGOTIATION_MORE,
	   "the negotiation continues after LIST");
	at = check_reply(0, NBD_REP_SERVER, 20, "the first export of LIST");
	ok(!memcmp(n.out + 20, "\0\0\0\5firsta fine disk", 20),
	   "LIST names the first export first, with its description");
	at = check_reply(at, NBD_REP_SERVER, 10, "the second export of LIST");
	ok(!memcmp(n.out + at - 10, "\0\0\0\6second", 10), "LIST names the second export second");
	at = check_reply(at, NBD_REP_ACK, 0, "the end of LIST");
	is(at, n.out_length, "LIST does not name an export without SP");
	check_refused(feed_option(NBD_OPT_LIST, "x", 1), NBD_REP_ERR_INVALID,
		      "a LIST with data");
}

static void test_longest_list(void)
{
	static struct export_table many;

	many.n = PROTO_MAX_SPS;
	for (unsigned int i = 0; i < many.n; i++) {
		memset(many.export[i].name, 'a', EXPORT_NAME_MAX);
		memset(many.export[i].description, 'b', EXPORT_DESCRIPTION_MAX);
		many.export[i].is_served = true;
	}
	negotiation_init(&n, &many);
	feed("\0\0\0\3", 4);
	is(feed_option(NBD_OPT_LIST, NULL, 0), NEGOTIATION_MORE,
	   "the negotiation continues after the longest LIST");
	for (unsigned int i = 0; i < PROTO_MAX_SPS; i++) {
		check_reply(0, NBD_REP_SERVER, 4 + EXPORT_NAME_MAX + EXPORT_DESCRIPTION_MAX,
			    "an export with the longest name and description");
		if (i + 1 < PROTO_MAX_SPS)
			ok(negotiation_refill(&n), "the longest LIST goes on after export %u", i);
	}
	check_reply(NBD_OPTION_REPLY_SIZE + 4 + EXPORT_NAME_MAX + EXPORT_DESCRIPTION_MAX,
		    NBD_REP_ACK, 0, "the end of the longest LIST");
	ok(!negotiation_refill(&n), "the longest LIST ends");
}

static void test_abort(void)
{
	feed_flags(3);
	is(feed_option(NBD_OPT_ABORT, NULL, 0), NEGOTIATION_CLOSE, "ABORT closes the connection");
	check_reply(0, NBD_REP_ACK, 0, "an ABORT");
	feed_flags(3);
	is(feed_option(NBD_OPT_ABORT, "bye", 3), NEGOTIATION_CLOSE,
	   "ABORT with data closes the connection");
	check_reply(0, NBD_REP_ACK, 0, "an ABORT with data");
}

static void test_unknown_options(void)
{
	static const uint32_t options[] = {
		0, 4, NBD_OPT_STARTTLS, 12, 0x7fffffff, 0xffffffff,
	};
	char what[64];

	feed_flags(3);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		snprintf(what, sizeof(what), "the option %u", options[i]);
		check_refused(feed_option(options[i], NULL, 0),
			      NBD_REP_ERR_UNSUP, what);
		snprintf(what, sizeof(what), "the option %u with data", options[i]);
		check_refused(feed_option(options[i], "\0\0\0\0\0\0\0\0", 8),
			      NBD_REP_ERR_UNSUP, what);
	}
}

static void check_export(size_t at, uint64_t bytes, uint16_t flags)
{
	at = check_reply(at, NBD_REP_INFO, 12, "the information INFO_EXPORT");
	is(nbd_get16(n.out + at - 12), NBD_INFO_EXPORT, "INFO_EXPORT has its number");
	is(nbd_get64(n.out + at - 10), bytes, "INFO_EXPORT has the size of the export");
	is(nbd_get16(n.out + at - 2), flags, "INFO_EXPORT has the flags of the export");
	at = check_reply(at, NBD_REP_INFO, 14, "the information INFO_BLOCK_SIZE");
	is(nbd_get16(n.out + at - 14), NBD_INFO_BLOCK_SIZE,
	   "INFO_BLOCK_SIZE has its number");
	is(nbd_get32(n.out + at - 12), 1, "INFO_BLOCK_SIZE has the minimum 1");
	is(nbd_get32(n.out + at - 8), 4096, "INFO_BLOCK_SIZE has the preferred size 4096");
	is(nbd_get32(n.out + at - 4), PROTO_MAX_BYTES,
	   "INFO_BLOCK_SIZE has the longest request as maximum");
}

#define FLAGS	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | \
		 NBD_FLAG_CAN_MULTI_CONN | NBD_FLAG_SEND_CACHE)

static void test_info(void)
{
	static const uint16_t all[] = { 3, 2, 1, 0, 1, 77, 1 };
	uint8_t data[100];
	size_t at;

	feed_flags(3);
	is(feed_option(NBD_OPT_INFO, data, make_info(data, "first", NULL, 0)),
	   NEGOTIATION_MORE, "the negotiation continues after INFO");
	check_export(0, DISK_BYTES, FLAGS | NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES |
		     NBD_FLAG_SEND_FAST_ZERO);
	at = check_reply(66, NBD_REP_ACK, 0, "the end of INFO");
	is(at, n.out_length, "the reply to INFO has no more information");
	is(n.export, -1, "INFO chooses no export");

	is(feed_option(NBD_OPT_GO, data, make_info(data, "second", all, 7)),
	   NEGOTIATION_TRANSMIT, "GO begins the transmission");
	check_export(0, 512, FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_ROTATIONAL);
	at = check_reply(66, NBD_REP_INFO, 8, "the information INFO_NAME");
	ok(!memcmp(n.out + at - 8, "\0\1second", 8), "INFO_NAME has the name of the export");
	at = check_reply(at, NBD_REP_ACK, 0, "the end of GO");
	is(at, n.out_length, "the reply to GO has each known information once and no other");
	is(n.export, 1, "GO chose the second export");

	feed_flags(3);
	is(feed_option(NBD_OPT_INFO, data, make_info(data, "first", all, 7)),
	   NEGOTIATION_MORE, "the negotiation continues after INFO of everything");
	at = check_reply(66, NBD_REP_INFO, 7, "the name of the first export");
	at = check_reply(at, NBD_REP_INFO, 13, "the information INFO_DESCRIPTION");
	ok(!memcmp(n.out + at - 13, "\0\2a fine disk", 13),
	   "INFO_DESCRIPTION has the description of the export");
	at = check_reply(at, NBD_REP_ACK, 0, "the end of INFO of everything");

	feed_flags(3);
	is(feed_option(NBD_OPT_GO, data, make_info(data, "", NULL, 0)),
	   NEGOTIATION_TRANSMIT, "GO without a name begins the transmission");
	is(n.export, 0, "GO without a name chooses the first export");
}

static void test_unknown_exports(void)
{
	static const char *const names[] = { "First", "firs", "first ", "gone", "x" };
	uint8_t data[4200] = { 0 };

	feed_flags(3);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint32_t length = make_info(data, names[i], NULL, 0);
		char what[64];

		snprintf(what, sizeof(what), "INFO of an unknown export \"%s\"", names[i]);
		check_refused(feed_option(NBD_OPT_INFO, data, length),
			      NBD_REP_ERR_UNKNOWN, what);
		snprintf(what, sizeof(what), "GO of an unknown export \"%s\"", names[i]);
		check_refused(feed_option(NBD_OPT_GO, data, length),
			      NBD_REP_ERR_UNKNOWN, what);
		is(n.export, -1, "%s chooses no export", what);
	}
	memset(data, 0, sizeof(data));
	nbd_put32(data, 6);
	memcpy(data + 4, "first", 6);
	check_refused(feed_option(NBD_OPT_GO, data, 12), NBD_REP_ERR_UNKNOWN,
		      "GO of a name with a NUL");
	nbd_put32(data, NEGOTIATION_STRING_MAX);
	check_refused(feed_option(NBD_OPT_GO, data, 6 + NEGOTIATION_STRING_MAX),
		      NBD_REP_ERR_UNKNOWN, "GO of the longest name");
	nbd_put32(data, NEGOTIATION_STRING_MAX + 1);
	check_refused(feed_option(NBD_OPT_GO, data, 7 + NEGOTIATION_STRING_MAX),
		      NBD_REP_ERR_INVALID, "GO of a name that is too long");
}

static void test_malformed_info(void)
{
	static const struct {
		const char *what;
		uint32_t length;
		const char *data;
	} cases[] = {
		{ "INFO or GO without data", 0, "" },
		{ "INFO or GO with half a length of a name", 2, "\0\0" },
		{ "INFO or GO without a count", 4, "\0\0\0\0" },
		{ "INFO or GO with half a count", 5, "\0\0\0\0\0" },
		{ "INFO or GO with a name beyond its data", 6, "\0\0\0\1\0\0" },
		{ "INFO or GO with a name of 4 GiB", 6, "\377\377\377\377\0\0" },
		{ "INFO or GO with a name of 4 GiB - 6", 6, "\377\377\377\372\0\0" },
		{ "INFO or GO with a count beyond its data", 6, "\0\0\0\0\0\1" },
		{ "INFO or GO with a count of 65535", 6, "\0\0\0\0\377\377" },
		{ "INFO or GO with half an info request", 7, "\0\0\0\0\0\1\0" },
		{ "INFO or GO with a byte too many", 7, "\0\0\0\0\0\0\0" },
		{ "INFO or GO with an info request too many", 8, "\0\0\0\0\0\0\0\0" },
	};

	feed_flags(3);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		check_refused(feed_option(NBD_OPT_INFO, cases[i].data,
					  cases[i].length),
			      NBD_REP_ERR_INVALID, cases[i].what);
		check_refused(feed_option(NBD_OPT_GO, cases[i].data,
					  cases[i].length),
			      NBD_REP_ERR_INVALID, cases[i].what);
	}
}

static void test_export_name(void)
{
	for (uint32_t flags = 0; flags < 4; flags++) {
		size_t want = flags & NBD_FLAG_C_NO_ZEROES ? 10 : 134;

		feed_flags(flags);
		is(feed_option(NBD_OPT_EXPORT_NAME, "second", 6),
		   NEGOTIATION_TRANSMIT, "EXPORT_NAME begins the transmission, flags %u", flags);
		is(n.out_length, want,
		   "the reply to EXPORT_NAME has zeroes only if the client wants them");
		is(nbd_get64(n.out), 512, "the reply to EXPORT_NAME has the size of the export");
		ok(nbd_get16(n.out + 8) & NBD_FLAG_READ_ONLY,
		   "the reply to EXPORT_NAME has the flags of the export");
		is(n.export, 1, "EXPORT_NAME chooses the second export by its name");
	}
	feed_flags(3);
	is(feed_option(NBD_OPT_EXPORT_NAME, NULL, 0), NEGOTIATION_TRANSMIT,
	   "EXPORT_NAME without a name begins the transmission");
	is(n.export, 0, "EXPORT_NAME without a name chooses the first export");
	feed_flags(3);
	is(feed_option(NBD_OPT_EXPORT_NAME, "nope", 4), NEGOTIATION_CLOSE,
	   "EXPORT_NAME of an unknown export closes the connection");
	is(n.out_length, 0, "EXPORT_NAME of an unknown export gets no reply");
	feed_flags(3);
	feed_header(NBD_OPT_EXPORT_NAME, EXPORT_NAME_MAX + 1);
	memset(n.in, 'x', EXPORT_NAME_MAX);
	is(feed(n.in, EXPORT_NAME_MAX + 1), NEGOTIATION_CLOSE,
	   "EXPORT_NAME of a name that is longer than the protocol allows closes the connection");
	feed_flags(3);
	is(feed_header(NBD_OPT_EXPORT_NAME, NEGOTIATION_DATA_MAX + 1),
	   NEGOTIATION_CLOSE, "EXPORT_NAME of too long a name closes the connection");
}

static void test_long_options(void)
{
	static const struct {
		uint32_t option, type;
	} cases[] = {
		{ NBD_OPT_LIST, NBD_REP_ERR_TOO_BIG },
		{ NBD_OPT_INFO, NBD_REP_ERR_TOO_BIG },
		{ NBD_OPT_GO, NBD_REP_ERR_TOO_BIG },
		{ NBD_OPT_STRUCTURED_REPLY, NBD_REP_ERR_INVALID },
		{ NBD_OPT_EXTENDED_HEADERS, NBD_REP_ERR_INVALID },
		{ NBD_OPT_LIST_META_CONTEXT, NBD_REP_ERR_TOO_BIG },
		{ NBD_OPT_SET_META_CONTEXT, NBD_REP_ERR_TOO_BIG },
		{ 99, NBD_REP_ERR_UNSUP },
	};
	char what[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(what, sizeof(what), "the long option %u", cases[i].option);
		feed_flags(3);
		is(feed_header(cases[i].option, NEGOTIATION_DATA_MAX + 1),
		   NEGOTIATION_MORE, "the negotiation receives more of %s", what);
		ok(n.is_skipping && n.want == NEGOTIATION_DATA_MAX + 1 &&
		   n.out_length == 0, "the data of %s is thrown away", what);
		check_refused(feed_skipped(), cases[i].type, what);
		ok(!n.is_skipping, "no more data is thrown away after %s", what);
		feed_flags(3);
		is(feed_header(cases[i].option, NEGOTIATION_SKIP_MAX + 1),
		   NEGOTIATION_CLOSE, "%s of more than 1 MiB closes the connection", what);
		feed_flags(3);
		is(feed_header(cases[i].option, UINT32_MAX), NEGOTIATION_CLOSE,
		   "%s of 4 GiB closes the connection", what);
	}
	feed_flags(3);
	feed_header(NBD_OPT_ABORT, NEGOTIATION_DATA_MAX + 1);
	is(feed_skipped(), NEGOTIATION_CLOSE, "a long ABORT closes the connection");
	check_reply(0, NBD_REP_ACK, 0, "a long ABORT");
}

/*
 * Styles of replies
 */

/* Begin a handshake and choose a style. */
static void choose(enum nbd_style style)
{
	feed_flags(3);
	if (style != NBD_SIMPLE)
		feed_option(style == NBD_STRUCTURED ? NBD_OPT_STRUCTURED_REPLY :
			    NBD_OPT_EXTENDED_HEADERS, NULL, 0);
}

static enum negotiation_step feed_go(const char *name)
{
	uint8_t data[100];

	return feed_option(NBD_OPT_GO, data, make_info(data, name, NULL, 0));
}

static void check_acknowledged(enum negotiation_step step, const char *what)
{
	is(step, NEGOTIATION_MORE, "the negotiation continues after %s", what);
	is(check_reply(0, NBD_REP_ACK, 0, what), n.out_length, "%s gets one reply", what);
}

static void test_styles(void)
{
	static const uint32_t options[] = { NBD_OPT_STRUCTURED_REPLY, NBD_OPT_EXTENDED_HEADERS };
	uint16_t flags;

	choose(NBD_SIMPLE);
	feed_go("first");
	is(n.session.style, NBD_SIMPLE, "a client that asks for nothing has simple replies");
	ok(!(nbd_get16(n.out + 30) & NBD_FLAG_SEND_DF), "DF is not offered with simple replies");
	for (enum nbd_style style = NBD_STRUCTURED; style <= NBD_EXTENDED; style++) {
		uint32_t option = options[style - NBD_STRUCTURED];

		feed_flags(3);
		check_refused(feed_option(option, "x", 1), NBD_REP_ERR_INVALID,
			      "an option for a style with data");
		is(n.session.style, NBD_SIMPLE, "option %u with data changes no style", option);
		check_acknowledged(feed_option(option, NULL, 0), "an option for a style");
		check_acknowledged(feed_option(option, NULL, 0), "the same option again");
		is(feed_go("first"), NEGOTIATION_TRANSMIT, "GO begins after option %u", option);
		is(n.session.style, style, "option %u chooses its style", option);
		flags = nbd_get16(n.out + 30);
		ok(flags & NBD_FLAG_SEND_DF, "DF is offered with chunks after option %u", option);
	}
	choose(NBD_STRUCTURED);
	feed_option(NBD_OPT_EXTENDED_HEADERS, NULL, 0);
	is(n.session.style, NBD_EXTENDED, "extended headers replace structured replies");
	check_refused(feed_option(NBD_OPT_STRUCTURED_REPLY, NULL, 0), NBD_REP_ERR_EXT_HEADER_REQD,
		      "STRUCTURED_REPLY after EXTENDED_HEADERS");
	is(n.session.style, NBD_EXTENDED, "extended headers are not taken back");
	is(feed_option(NBD_OPT_EXPORT_NAME, "first", 5), NEGOTIATION_CLOSE,
	   "EXPORT_NAME after EXTENDED_HEADERS closes the connection");
	choose(NBD_STRUCTURED);
	is(feed_option(NBD_OPT_EXPORT_NAME, "first", 5), NEGOTIATION_TRANSMIT,
	   "EXPORT_NAME begins the transmission after STRUCTURED_REPLY");
	ok(nbd_get16(n.out + 8) & NBD_FLAG_SEND_DF,
	   "EXPORT_NAME offers DF with structured replies");
}

/*
 * Metadata contexts
 */

/* Write the data of an option for contexts. */
static uint32_t make_context(uint8_t *data, const char *name, const char *const *queries,
			     uint32_t n_queries)
{
	uint32_t at = (uint32_t)strlen(name);

	nbd_put32(data, at);
	memcpy(data + 4, name, at);
	at += 4;
	nbd_put32(data + at, n_queries);
	at += 4;
	for (uint32_t i = 0; i < n_queries; i++) {
		uint32_t length = (uint32_t)strlen(queries[i]);

		nbd_put32(data + at, length);
		memcpy(data + at + 4, queries[i], length);
		at += 4 + length;
	}
	return at;
}

static enum negotiation_step feed_context(uint32_t option, const char *name,
					  const char *const *queries, uint32_t n_queries)
{
	uint8_t data[200];

	return feed_option(option, data, make_context(data, name, queries, n_queries));
}

/* Check that the reply names base:allocation with the id, or no context if the id is -1. */
static void check_context(enum negotiation_step step, int id, const char *what)
{
	size_t at = 0;

	is(step, NEGOTIATION_MORE, "the negotiation continues after %s", what);
	if (id >= 0) {
		at = check_reply(0, NBD_REP_META_CONTEXT, 19, what);
		is(nbd_get32(n.out + 20), (uint32_t)id, "the context has its id after %s", what);
		ok(!memcmp(n.out + 24, "base:allocation", 15), "the context has its name after %s",
		   what);
	}
	is(check_reply(at, NBD_REP_ACK, 0, what), n.out_length, "there is no more after %s", what);
}

/* The flag tells clients of a payload that only those with a context can use. */
static void test_payload_flag(void)
{
	static const char *const one[] = { "base:allocation" };

	for (enum nbd_style style = NBD_SIMPLE; style <= NBD_EXTENDED; style++) {
		bool is_extended = style == NBD_EXTENDED;

		choose(style);
		feed_context(NBD_OPT_SET_META_CONTEXT, "first", one, 1);
		feed_go("second");
		ok(!(nbd_get16(n.out + 30) & NBD_FLAG_BLOCK_STATUS_PAYLOAD),
		   "an export without a context takes no payload of BLOCK_STATUS, style %d", style);
		choose(style);
		feed_context(NBD_OPT_SET_META_CONTEXT, "first", one, 1);
		feed_go("first");
		is(!!(nbd_get16(n.out + 30) & NBD_FLAG_BLOCK_STATUS_PAYLOAD), is_extended,
		   "an export with a context takes a payload of BLOCK_STATUS, style %d", style);
	}
}

static void test_whys(void)
{
	static const struct { const char *bytes, *why; } t[] = {
		{ "GET ", "it speaks HTTP" },
		{ "\x16\x03\x01\x02", "it began TLS without STARTTLS" },
		{ "\0\0\1\0", "it speaks no NBD that this server knows" },
	};
	uint8_t data[32];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		negotiation_init(&n, &exports);
		is(feed(t[i].bytes, 4), NEGOTIATION_CLOSE, "strange flags %zu are refused", i);
		ok(!strcmp(n.why, t[i].why), "strange flags %zu are refused as: %s", i, t[i].why);
	}
	feed_flags(3);
	feed_option(NBD_OPT_GO, data, make_info(data, "nope", NULL, 0));
	ok(!strcmp(n.why, "no such export") && n.asked_length == 4 && !memcmp(n.asked, "nope", 4),
	   "an export that does not exist is named");
	feed_option(NBD_OPT_LIST, NULL, 0);
	ok(!n.why, "an option that succeeds has no reason to be refused");
}

static void test_list_context(void)
{
	static const char *const all[] = {
		"base:allocation", "base:", "base", "base:allocatio", "base:allocation2", "",
		"qemu:dirty-bitmap:x", "x-nosuch:", ":",
	};

	choose(NBD_STRUCTURED);
	check_context(feed_context(NBD_OPT_LIST_META_CONTEXT, "first", NULL, 0), 0,
		      "a list of all contexts");
	check_context(feed_context(NBD_OPT_LIST_META_CONTEXT, "", all, 1), 0,
		      "a list of base:allocation");
	check_context(feed_context(NBD_OPT_LIST_META_CONTEXT, "first", all + 1, 1), 0,
		      "a list of the namespace base");
	check_context(feed_context(NBD_OPT_LIST_META_CONTEXT, "first", all, 9), 0,
		      "a list of many contexts");
	for (uint32_t i = 2; i < 9; i++)
		check_context(feed_context(NBD_OPT_LIST_META_CONTEXT, "first", all + i, 1), -1,
			      "a list of what is unknown");
	is(n.context_export, -1, "a list chooses no context");
	choose(NBD_SIMPLE);
	check_context(feed_context(NBD_OPT_LIST_META_CONTEXT, "first", NULL, 0), 0,
		      "a list of all contexts before a style is chosen");
}

static void test_set_context(void)
{
	static const char *const one[] = { "base:allocation" }, *const wild[] = { "base:" };
	static const char *const several[] = { "x-y:z", "base:allocation", "base:allocation" };

	for (enum nbd_style style = NBD_STRUCTURED; style <= NBD_EXTENDED; style++) {
		choose(style);
		check_context(feed_context(NBD_OPT_SET_META_CONTEXT, "first", several, 3), 1,
			      "the choice of base:allocation among others");
		feed_go("first");
		ok(n.session.has_allocation, "base:allocation is chosen in style %d", style);
	}
	choose(NBD_STRUCTURED);
	check_context(feed_context(NBD_OPT_SET_META_CONTEXT, "", one, 1), 1,
		      "the choice of a context of the default export");
	feed_go("first");
	ok(n.session.has_allocation, "the default export is the one that its name names, too");
	choose(NBD_STRUCTURED);
	feed_context(NBD_OPT_SET_META_CONTEXT, "first", one, 1);
	feed_go("second");
	ok(!n.session.has_allocation, "a context of another export than GO's is not chosen");
	choose(NBD_STRUCTURED);
	feed_context(NBD_OPT_SET_META_CONTEXT, "first", one, 1);
	check_context(feed_context(NBD_OPT_SET_META_CONTEXT, "first", wild, 1), -1,
		      "the choice of a namespace");
	feed_go("first");
	ok(!n.session.has_allocation, "a choice of nothing replaces the one before");
	choose(NBD_STRUCTURED);
	feed_context(NBD_OPT_SET_META_CONTEXT, "first", one, 1);
	feed_context(NBD_OPT_SET_META_CONTEXT, "nope", one, 1);
	feed_go("first");
	ok(!n.session.has_allocation, "a choice that fails replaces the one before");
	choose(NBD_STRUCTURED);
	feed_context(NBD_OPT_SET_META_CONTEXT, "second", one, 1);
	feed_option(NBD_OPT_EXPORT_NAME, "second", 6);
	ok(n.session.has_allocation, "a context is chosen for EXPORT_NAME, too");
}

static void test_refused_contexts(void)
{
	static const struct {
		const char *what;
		uint32_t length;
		const char *data;
	} cases[] = {
		{ "an option for contexts without data", 0, "" },
		{ "an option for contexts without a count", 7, "\0\0\0\0\0\0\0" },
		{ "an option for contexts with a name beyond its data", 8, "\0\0\0\1\0\0\0\0" },
		{ "an option for contexts with a name of 4 GiB", 8, "\377\377\377\377\0\0\0\0" },
		{ "an option for contexts with queries beyond its data", 8,
		  "\0\0\0\0\377\377\377\377" },
		{ "an option for contexts with half a length", 10, "\0\0\0\0\0\0\0\1\0\0" },
		{ "an option for contexts with a query beyond its data", 12,
		  "\0\0\0\0\0\0\0\1\0\0\0\1" },
		{ "an option for contexts with a query of 4 GiB", 12,
		  "\0\0\0\0\0\0\0\1\377\377\377\377" },
		{ "an option for contexts with a byte too many", 9, "\0\0\0\0\0\0\0\0x" },
	};
	static const char *const one[] = { "base:allocation" };

	for (uint32_t o = NBD_OPT_LIST_META_CONTEXT; o <= NBD_OPT_SET_META_CONTEXT; o++) {
		choose(NBD_STRUCTURED);
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
			check_refused(feed_option(o, cases[i].data, cases[i].length),
				      NBD_REP_ERR_INVALID, cases[i].what);
		check_refused(feed_context(o, "nope", one, 1), NBD_REP_ERR_UNKNOWN,
			      "an option for contexts of an unknown export");
	}
	choose(NBD_SIMPLE);
	check_refused(feed_context(NBD_OPT_SET_META_CONTEXT, "first", one, 1), NBD_REP_ERR_INVALID,
		      "the choice of a context with simple replies");
}

/* Random options must not break the bounds of the buffers, which the sanitizers check. */
static void test_random(void)
{
	static uint8_t data[NEGOTIATION_DATA_MAX];
	unsigned int steps[NEGOTIATION_CLOSE + 1] = { 0 };
	bool is_sane = true;

	srand(1);
	for (unsigned int i = 0; i < 200000; i++) {
		uint32_t length = (uint32_t)rand() % (i % 10 ? 24 : sizeof(data) + 1);
		enum negotiation_step step;

		choose((enum nbd_style)(i % 3));
		for (uint32_t j = 0; j < length; j++)
			data[j] = (uint8_t)(rand() % 3 ? 0 : rand());
		step = feed_option((uint32_t)rand() % 13, data, length);
		steps[step]++;
		is_sane &= n.out_length <= sizeof(n.out) &&
			   (step != NEGOTIATION_MORE || n.want == 16) &&
			   (step != NEGOTIATION_TRANSMIT ||
			    (n.export >= 0 && n.export < 2));
	}
	ok(is_sane && !steps[NEGOTIATION_WANT] && !steps[NEGOTIATION_STARTTLS] &&
	   steps[NEGOTIATION_MORE] && steps[NEGOTIATION_TRANSMIT] && steps[NEGOTIATION_CLOSE],
	   "of 200000 random options %u are answered, %u choose an export and %u close",
	   steps[NEGOTIATION_MORE], steps[NEGOTIATION_TRANSMIT], steps[NEGOTIATION_CLOSE]);
}

static enum negotiation_step begin_tls(enum negotiation_tls tls)
{
	feed_flags(3);
	n.tls = tls;
	return feed_option(NBD_OPT_STARTTLS, NULL, 0);
}

static void test_tls_allowed(void)
{
	uint8_t data[32];

	is(begin_tls(NEGOTIATION_TLS_OFF), NEGOTIATION_MORE,
	   "STARTTLS does not begin TLS where TLS is off");
	is(nbd_get32(n.out + 12), NBD_REP_ERR_UNSUP, "STARTTLS is not supported where TLS is off");
	is(begin_tls(NEGOTIATION_TLS_ALLOW), NEGOTIATION_STARTTLS,
	   "STARTTLS begins TLS where TLS is allowed");
	check_reply(0, NBD_REP_ACK, 0, "STARTTLS");
	negotiation_secured(&n);
	check_refused(feed_option(NBD_OPT_STARTTLS, NULL, 0), NBD_REP_ERR_INVALID,
		      "STARTTLS within TLS");
	feed_flags(3);
	n.tls = NEGOTIATION_TLS_ALLOW;
	check_refused(feed_option(NBD_OPT_STARTTLS, "x", 1), NBD_REP_ERR_INVALID,
		      "STARTTLS with data");
	is(feed_option(NBD_OPT_GO, data, make_info(data, "", NULL, 0)), NEGOTIATION_TRANSMIT,
	   "a client that does not encrypt is served where TLS is allowed");
}

static void test_tls_required(void)
{
	static const uint32_t options[] = {
		NBD_OPT_LIST, NBD_OPT_INFO, NBD_OPT_GO, NBD_OPT_STRUCTURED_REPLY,
		NBD_OPT_LIST_META_CONTEXT, NBD_OPT_SET_META_CONTEXT, NBD_OPT_EXTENDED_HEADERS, 99,
	};
	uint8_t data[32];

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		feed_flags(3);
		n.tls = NEGOTIATION_TLS_REQUIRE;
		check_refused(feed_option(options[i], NULL, 0), NBD_REP_ERR_TLS_REQD,
			      "an option without TLS where TLS is required");
	}
	is(feed_option(NBD_OPT_EXPORT_NAME, NULL, 0), NEGOTIATION_CLOSE,
	   "EXPORT_NAME without TLS ends the connection where TLS is required");
	feed_flags(3);
	n.tls = NEGOTIATION_TLS_REQUIRE;
	is(feed_option(NBD_OPT_ABORT, NULL, 0), NEGOTIATION_CLOSE,
	   "ABORT without TLS is obeyed where TLS is required");
	feed_flags(3);
	n.tls = NEGOTIATION_TLS_REQUIRE;
	feed_header(NBD_OPT_GO, NEGOTIATION_DATA_MAX + 1);
	check_refused(feed_skipped(), NBD_REP_ERR_TLS_REQD,
		      "an option that is too long where TLS is required");
	begin_tls(NEGOTIATION_TLS_REQUIRE);
	negotiation_secured(&n);
	is(feed_option(NBD_OPT_GO, data, make_info(data, "", NULL, 0)), NEGOTIATION_TRANSMIT,
	   "a client that encrypts is served where TLS is required");
}

static void test_tls_forgets(void)
{
	feed_flags(3);
	n.tls = NEGOTIATION_TLS_ALLOW;
	feed_option(NBD_OPT_EXTENDED_HEADERS, NULL, 0);
	is(n.session.style, NBD_EXTENDED, "extended headers are agreed on");
	is(feed_option(NBD_OPT_STARTTLS, NULL, 0), NEGOTIATION_STARTTLS,
	   "STARTTLS begins TLS after another option");
	negotiation_secured(&n);
	ok(n.session.style == NBD_SIMPLE && n.context_export == -1,
	   "what was agreed on before TLS is void within TLS");
	is(n.want, NBD_OPTION_SIZE, "the negotiation wants an option after TLS has begun");
}

static void test_denied(void)
{
	uint8_t data[256];

	feed_flags(3);
	n.allowed = 2;
	feed_option(NBD_OPT_LIST, NULL, 0);
	check_reply(0, NBD_REP_SERVER, 10, "the only export that the client may use");
	is(n.out_length, 2 * NBD_OPTION_REPLY_SIZE + 10, "LIST has no export that is not allowed");
	is(n.denied, -1, "LIST denies no export");
	check_refused(feed_option(NBD_OPT_INFO, data, make_info(data, "first", NULL, 0)),
		      NBD_REP_ERR_UNKNOWN, "INFO of an export that is not allowed");
	is(n.denied, 0, "INFO of an export that is not allowed is noted");
	check_refused(feed_option(NBD_OPT_GO, data, make_info(data, "nope", NULL, 0)),
		      NBD_REP_ERR_UNKNOWN, "GO of an export that does not exist");
	is(n.denied, -1, "GO of an export that does not exist is not noted");
	check_refused(feed_option(NBD_OPT_GO, data, make_info(data, "", NULL, 0)),
		      NBD_REP_ERR_UNKNOWN, "GO of a default export that is not allowed");
	is(feed_option(NBD_OPT_EXPORT_NAME, "first", 5), NEGOTIATION_CLOSE,
	   "EXPORT_NAME of an export that is not allowed closes the connection");
	is(n.denied, 0, "EXPORT_NAME of an export that is not allowed is noted");
}

static void test_no_default(void)
{
	static struct export_table none;
	uint8_t data[16];

	none = exports;
	none.by_default = -1;
	feed_flags(3);
	n.exports = &none;
	check_refused(feed_option(NBD_OPT_GO, data, make_info(data, "", NULL, 0)),
		      NBD_REP_ERR_UNKNOWN, "GO without a name where there is no default export");
}

/* An export without a disk is shown, and its SP is not asked. */
static void test_no_disk(void)
{
	static struct export_table shown;
	uint8_t data[256];

	shown = exports;
	shown.export[2].is_hidden = false;
	feed_flags(3);
	n.exports = &shown;
	feed_option(NBD_OPT_LIST, NULL, 0);
	check_reply(2 * NBD_OPTION_REPLY_SIZE + 30, NBD_REP_SERVER, 8,
		    "an export without a disk that is shown");
	check_refused(feed_option(NBD_OPT_INFO, data, make_info(data, "gone", NULL, 0)),
		      NBD_REP_ERR_SHUTDOWN, "INFO of an export without a disk");
	check_refused(feed_option(NBD_OPT_GO, data, make_info(data, "gone", NULL, 0)),
		      NBD_REP_ERR_SHUTDOWN, "GO of an export without a disk");
	is(feed_option(NBD_OPT_EXPORT_NAME, "gone", 4), NEGOTIATION_CLOSE,
	   "EXPORT_NAME of an export without a disk closes the connection");
}

/* What the SP says. */
static void test_opening(void)
{
	uint8_t data[256];

	feed_flags(3);
	sp_says = PROTO_ENOSPC;
	check_refused(feed_option(NBD_OPT_GO, data, make_info(data, "first", NULL, 0)),
		      NBD_REP_ERR_POLICY, "GO of an export that has as many clients as it may");
	is(n.export, -1, "GO that the SP refuses chooses no export");
	is(feed_option(NBD_OPT_EXPORT_NAME, "first", 5), NEGOTIATION_CLOSE,
	   "EXPORT_NAME that the SP refuses closes the connection");
	feed_flags(3);
	sp_says = PROTO_EIO;
	check_refused(feed_option(NBD_OPT_GO, data, make_info(data, "first", NULL, 0)),
		      NBD_REP_ERR_SHUTDOWN, "GO of an export whose disk has gone");
	sp_says = PROTO_OK;
	is(feed_option(NBD_OPT_GO, data, make_info(data, "first", NULL, 0)), NEGOTIATION_TRANSMIT,
	   "GO begins the transmission after the SP has refused before");
	ok(!n.is_looking, "GO lets the client use the disk");
	is(n.session.bytes, DISK_BYTES, "the session has the size that the SP told");
	feed_flags(3);
	feed_option(NBD_OPT_INFO, data, make_info(data, "first", NULL, 0));
	ok(n.is_looking, "INFO only looks at the disk");
}

int main(void)
{
	test_tls_allowed();
	test_tls_required();
	test_tls_forgets();
	test_greeting();
	test_option_magic();
	test_list();
	test_longest_list();
	test_abort();
	test_unknown_options();
	test_info();
	test_unknown_exports();
	test_malformed_info();
	test_export_name();
	test_denied();
	test_no_default();
	test_no_disk();
	test_opening();
	test_long_options();
	test_styles();
	test_payload_flag();
	test_whys();
	test_list_context();
	test_set_context();
	test_refused_contexts();
	test_random();
	return done_testing();
}
