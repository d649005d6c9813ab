// SPDX-License-Identifier: MIT
/*
 * Goal: in each style of replies every command does what the protocol says, and every reply has the
 * form of that style: the chunks of a READ cover its range once, what is told as zeroes or as a
 * hole reads as zeroes, and errors leave the stream in step.
 * Method: random commands on the first bytes of the export, compared with a copy in memory.
 *
 *	nbd-styles HOST PORT EXPORT [ROUNDS [SEED]]
 *
 * The export must be writable and have 16 MiB or more. TAP goes to stdout.
 */
#include <np/nbd/session.h>
#include <time.h>

#include "nbd-client.h"

#define SPAN		(8U << 20)
#define BURST		48

static const char *const style_names[] = { "simple", "structured", "extended" };

static enum nbd_style style;
static int sock;
static uint8_t *model, *copy;
static uint64_t cookies;
static unsigned int rounds = 1500;

/* The contents of a reply. */
struct told {
	int error;
	bool is_wrong;
	uint64_t covered;
	uint64_t as_zeroes;
	unsigned int contents;
	unsigned int parts;
	uint64_t described;
};

/*
 * Requests
 */

static bool request(uint16_t flags, uint16_t type, uint64_t offset, uint64_t length,
		    const void *payload, uint64_t cookie)
{
	uint8_t wire[NBD_LONG_REQUEST_SIZE];

	pack_request(wire, flags, type, cookie, offset, (uint32_t)length);
	if (style == NBD_EXTENDED) {
		nbd_put32(wire, NBD_LONG_REQUEST_MAGIC);
		if (payload)
			nbd_put16(wire + 4, flags | NBD_CMD_FLAG_PAYLOAD_LEN);
		nbd_put64(wire + 24, length);
	}
	return push(sock, wire, style == NBD_EXTENDED ? 32 : 28) &&
	       (!payload || push(sock, payload, length));
}

/*
 * Replies
 */

/* Note bytes of a READ that came, which must lie within its range. */
static void cover(struct told *t, uint64_t at, uint64_t n, uint64_t offset, uint64_t length)
{
	if (at != offset + t->covered || !n || n > length - t->covered)
		t->is_wrong = true;
	t->covered += n;
	t->contents++;
}

static bool take_data(struct told *t, uint64_t n, uint64_t offset, uint64_t length)
{
	uint8_t wire[8];

	if (n < 9 || !pull(sock, wire, 8))
		return false;
	cover(t, nbd_get64(wire), n - 8, offset, length);
	return !t->is_wrong && pull(sock, copy + nbd_get64(wire), n - 8);
}

static bool take_zeroes(struct told *t, uint64_t n, uint64_t offset, uint64_t length)
{
	uint8_t wire[12];

	if (n != 12 || !pull(sock, wire, 12))
		return false;
	cover(t, nbd_get64(wire), nbd_get32(wire + 8), offset, length);
	if (t->is_wrong)
		return false;
	t->as_zeroes += nbd_get32(wire + 8);
	memset(copy + nbd_get64(wire), 0, nbd_get32(wire + 8));
	return true;
}

static bool is_zero(uint64_t offset, uint64_t length)
{
	while (length && !model[offset])
		offset++, length--;
	return !length;
}

static bool take_parts(struct told *t, uint64_t n, uint64_t offset, uint64_t length)
{
	uint64_t at = style == NBD_EXTENDED ? 8 : 4, each = 2 * at;

	if (n <= at || (n - at) % each || n > MIB || !pull(sock, buffer, n) ||
	    nbd_get32(buffer) != NBD_ALLOCATION_ID ||
	    (style == NBD_EXTENDED && nbd_get32(buffer + 4) != (n - at) / each))
		return false;
	for (; at < n; at += each) {
		uint64_t bytes = each == 16 ? nbd_get64(buffer + at) : nbd_get32(buffer + at);
		uint64_t flags = each == 16 ? nbd_get64(buffer + at + 8) :
					      nbd_get32(buffer + at + 4);

		if (!bytes || bytes > length - t->described || flags & ~3ULL)
			t->is_wrong = true;
		else if (flags & NBD_STATE_ZERO && !is_zero(offset + t->described, bytes))
			t->is_wrong = true;
		t->described += bytes;
		t->parts++;
	}
	return true;
}

static bool take_error(struct told *t, uint64_t n)
{
	if (n < 6 || n > 4096 || !pull(sock, buffer, n))
		return false;
	t->error = (int)nbd_get32(buffer);
	return t->error && nbd_get16(buffer + 4) <= n - 6;
}

static bool take_chunk(struct told *t, uint16_t type, uint64_t n, uint64_t offset, uint64_t length)
{
	switch (type) {
	case NBD_REPLY_TYPE_NONE:
		return !n;
	case NBD_REPLY_TYPE_OFFSET_DATA:
		return take_data(t, n, offset, length);
	case NBD_REPLY_TYPE_OFFSET_HOLE:
		return take_zeroes(t, n, offset, length);
	case NBD_REPLY_TYPE_BLOCK_STATUS:
		return style == NBD_STRUCTURED && take_parts(t, n, offset, length);
	case NBD_REPLY_TYPE_BLOCK_STATUS_EXT:
		return style == NBD_EXTENDED && take_parts(t, n, offset, length);
	case NBD_REPLY_TYPE_ERROR:
		return take_error(t, n);
	default:
		return false;
	}
}

/* Receive the rest of a header whose first 16 bytes have come, and the chunk. */
static bool take_rest(struct told *t, const uint8_t *head, uint64_t offset, uint64_t length,
		      bool *is_last)
{
	uint8_t rest[16];
	bool is_long = style == NBD_EXTENDED;
	uint32_t magic = is_long ? NBD_LONG_CHUNK_MAGIC : NBD_CHUNK_MAGIC;

	if (nbd_get32(head) != magic || !pull(sock, rest, is_long ? 16 : 4))
		return false;
	if (is_long && nbd_get64(rest) != offset)
		return false;
	*is_last = nbd_get16(head + 4) & NBD_REPLY_FLAG_DONE;
	return take_chunk(t, nbd_get16(head + 6), is_long ? nbd_get64(rest + 8) : nbd_get32(rest),
			  offset, length);
}

static bool take_simple(struct told *t, const uint8_t *head, uint16_t type, uint64_t offset,
			uint64_t length)
{
	t->error = (int)nbd_get32(head + 4);
	if (type != NBD_CMD_READ || t->error)
		return style != NBD_EXTENDED;
	cover(t, offset, length, offset, length);
	return style == NBD_SIMPLE && pull(sock, copy + offset, length);
}

/* Receive a reply of one request, of which no other is in flight. */
static struct told reply_to(uint16_t type, uint64_t offset, uint64_t length, uint64_t cookie)
{
	struct told t = { 0 };
	bool is_last = false;
	uint8_t head[16];

	while (!is_last && !t.is_wrong) {
		if (!pull(sock, head, sizeof(head)) || nbd_get64(head + 8) != cookie) {
			t.is_wrong = true;
		} else if (nbd_get32(head) == NBD_SIMPLE_REPLY_MAGIC) {
			t.is_wrong |= !take_simple(&t, head, type, offset, length);
			is_last = true;
		} else {
			t.is_wrong |= !take_rest(&t, head, offset, length, &is_last);
		}
	}
	return t;
}

static struct told ask_for(uint16_t flags, uint16_t type, uint64_t offset, uint64_t length,
			   const void *payload)
{
	uint64_t cookie = ++cookies;
	struct told t = { .is_wrong = true };

	if (!request(flags, type, offset, length, payload, cookie))
		return t;
	return reply_to(type, offset, length, cookie);
}

/*
 * The handshake
 */

static bool option(uint32_t number, const void *data, uint32_t length, uint32_t want)
{
	uint8_t wire[400];
	uint32_t type;

	push(sock, wire, pack_option(wire, number, data, length));
	do
		type = option_reply(sock, number);
	while (type == NBD_REP_META_CONTEXT);
	return type == want;
}

static bool choose_context(void)
{
	uint32_t n = (uint32_t)strlen(export_name);
	uint8_t data[400];

	nbd_put32(data, n);
	memcpy(data + 4, export_name, n);
	nbd_put32(data + 4 + n, 1);
	nbd_put32(data + 8 + n, 15);
	memcpy(data + 12 + n, "base:allocation", 15);
	return option(NBD_OPT_SET_META_CONTEXT, data, 27 + n, NBD_REP_ACK);
}

static bool go(void)
{
	uint8_t wire[700];
	uint32_t type;

	push(sock, wire, pack_go(wire, NBD_OPT_GO, export_name));
	while ((type = option_reply(sock, NBD_OPT_GO)) == NBD_REP_INFO)
		if (nbd_get16(buffer) == NBD_INFO_EXPORT) {
			export_bytes = nbd_get64(buffer + 2);
			export_flags = nbd_get16(buffer + 10);
		}
	return type == NBD_REP_ACK;
}

static void begin(void)
{
	static const uint32_t options[] = {
		0, NBD_OPT_STRUCTURED_REPLY, NBD_OPT_EXTENDED_HEADERS,
	};

	sock = dial_and_greet();
	if (sock < 0 || (style != NBD_SIMPLE && !option(options[style], NULL, 0, NBD_REP_ACK)) ||
	    (style != NBD_SIMPLE && !choose_context()) || !go())
		bail("no handshake in the style %s", style_names[style]);
}

/*
 * The tests
 */

static uint16_t some_flags(uint16_t all)
{
	return (uint16_t)(random64() % 3 ? 0 : random64() & all);
}

static void fill(uint8_t *data, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		data[i] = (uint8_t)random64();
}

static bool good_write(uint64_t offset, uint64_t length)
{
	struct told t;

	fill(model + offset, length);
	t = ask_for(some_flags(NBD_CMD_FLAG_FUA), NBD_CMD_WRITE, offset, length, model + offset);
	return !t.is_wrong && !t.error;
}

static bool good_zeroes(uint64_t offset, uint64_t length)
{
	uint16_t flags = some_flags(NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE |
				    NBD_CMD_FLAG_FAST_ZERO);
	struct told t = ask_for(flags, NBD_CMD_WRITE_ZEROES, offset, length, NULL);

	if (flags & NBD_CMD_FLAG_FAST_ZERO && t.error == NBD_ENOTSUP)
		return !t.is_wrong;
	memset(model + offset, 0, length);
	return !t.is_wrong && !t.error;
}

/* A TRIM leaves the contents open, so this writes zeroes after it. */
static bool good_trim(uint64_t offset, uint64_t length)
{
	struct told t = ask_for(some_flags(NBD_CMD_FLAG_FUA), NBD_CMD_TRIM, offset, length, NULL);
	struct told z = ask_for(0, NBD_CMD_WRITE_ZEROES, offset, length, NULL);

	memset(model + offset, 0, length);
	return !t.is_wrong && !t.error && !z.is_wrong && !z.error;
}

static bool good_read(uint64_t offset, uint64_t length)
{
	uint16_t flags = style == NBD_SIMPLE ? 0 : some_flags(NBD_CMD_FLAG_DF);
	struct told t;

	memset(copy + offset, 0xdd, length);
	t = ask_for(flags, NBD_CMD_READ, offset, length, NULL);
	if (flags && t.contents != 1)
		return false;
	return !t.is_wrong && !t.error && t.covered == length &&
	       !memcmp(copy + offset, model + offset, length);
}

static bool good_status(uint64_t offset, uint64_t length)
{
	uint16_t flags = some_flags(NBD_CMD_FLAG_REQ_ONE);
	struct told t;

	if (style == NBD_SIMPLE)
		return true;
	t = ask_for(flags, NBD_CMD_BLOCK_STATUS, offset, length, NULL);
	return !t.is_wrong && !t.error && t.parts && (!flags || t.parts == 1);
}

static bool good_other(uint64_t offset, uint64_t length)
{
	struct told c = ask_for(0, NBD_CMD_CACHE, offset, length, NULL);
	struct told f = ask_for(0, NBD_CMD_FLUSH, 0, 0, NULL);

	return !c.is_wrong && !c.error && !f.is_wrong && !f.error;
}

static bool good_command(void)
{
	uint64_t length = 1 + random64() % (random64() % 4 ? 20000 : 1U << 20);
	uint64_t offset = random64() % (SPAN - length);

	/* Many ranges are whole blocks. */
	if (random64() % 2) {
		offset &= ~4095ULL;
		length = (length + 4095) & ~4095ULL;
	}
	if (length > SPAN - offset)
		length = SPAN - offset;
	switch (random64() % 8) {
	case 0:
		return good_zeroes(offset, length);
	case 1:
		return good_trim(offset, length);
	case 2:
	case 3:
		return good_write(offset, length);
	case 4:
		return good_status(offset, length);
	case 5:
		return good_other(offset, length);
	default:
		return good_read(offset, length);
	}
}

static void test_random_commands(void)
{
	unsigned int good = 0;

	while (good < rounds && good_command())
		good++;
	is(good, rounds, "random commands do what they should with %s replies", style_names[style]);
}

/* A long stretch of zeroes in a file, or in the rig's memory, is told as zeroes. */
static void test_zeroes(void)
{
	const uint64_t length = 1 << 20;
	struct told t = ask_for(0, NBD_CMD_WRITE_ZEROES, 0, 2 * length, NULL);
	uint64_t first, last, least, most;

	memset(model, 0, 2 * length);
	ok(!t.error && good_write(length / 2, 4096),
	   "zeroes are written around data with %s replies", style_names[style]);
	t = ask_for(0, NBD_CMD_READ, 0, length, NULL);
	ok(!t.is_wrong && t.covered == length && !memcmp(copy, model, length),
	   "a READ of zeroes around data finds both with %s replies", style_names[style]);
	/* The data itself may begin and end with zeroes. */
	for (first = length / 2; !model[first];)
		first++;
	for (last = length / 2 + 4095; !model[last];)
		last--;
	least = style == NBD_SIMPLE ? 0 : length - 4096;
	most = style == NBD_SIMPLE ? 0 : length - (last + 1 - first);
	ok(t.as_zeroes >= least && t.as_zeroes <= most,
	   "zeroes at both ends of a READ are told and not sent, but not with simple replies (%s)",
	   style_names[style]);
	t = ask_for(0, NBD_CMD_READ, length, length, NULL);
	is(t.as_zeroes, style == NBD_SIMPLE ? 0 : length,
	   "a READ of nothing but zeroes has no data, but not with simple replies (%s)",
	   style_names[style]);
	t = ask_for(0, NBD_CMD_FLUSH, 0, 0, NULL);
	ok(!t.is_wrong && !t.error, "the stream is in step after zeroes with %s replies",
	   style_names[style]);
}

/* Many READs are in flight at once, and their replies come in any order. */
static void test_burst(void)
{
	struct { uint64_t offset, length; struct told t; } r[BURST] = { 0 };
	unsigned int left = BURST;
	bool is_good = true;

	for (unsigned int i = 0; i < BURST; i++) {
		r[i].length = 1 + random64() % 100000;
		r[i].offset = (uint64_t)i * 110000;
		memset(copy + r[i].offset, 0xdd, r[i].length);
		request(0, NBD_CMD_READ, r[i].offset, r[i].length, NULL, i);
	}
	while (left && is_good) {
		bool is_last = true;
		uint8_t head[16];
		uint64_t i;

		is_good = pull(sock, head, 16) && nbd_get64(head + 8) < BURST;
		if (!is_good)
			break;
		/* Chunks of other replies may lie between those of one. */
		i = nbd_get64(head + 8);
		if (style == NBD_SIMPLE)
			is_good = take_simple(&r[i].t, head, NBD_CMD_READ, r[i].offset,
					      r[i].length);
		else
			is_good = take_rest(&r[i].t, head, r[i].offset, r[i].length, &is_last);
		left -= is_last;
	}
	for (unsigned int i = 0; i < BURST; i++)
		is_good &= r[i].t.covered == r[i].length && !r[i].t.error &&
			   !memcmp(copy + r[i].offset, model + r[i].offset, r[i].length);
	ok(is_good && !left, "%u READs at once find what was written with %s replies", BURST,
	   style_names[style]);
}

static void test_errors(void)
{
	static uint8_t junk[100000];
	const struct {
		const char *what;
		uint16_t flags, type;
		uint64_t offset, length;
		const void *payload;
		int error;
	} cases[] = {
		{ "a READ across the end", 0, NBD_CMD_READ, export_bytes - 1, 2, NULL, NBD_EINVAL },
		{ "too long a READ in one piece", NBD_CMD_FLAG_DF, NBD_CMD_READ, 0, LONGEST + 1,
		  NULL, style == NBD_SIMPLE ? NBD_EINVAL : NBD_EOVERFLOW },
		{ "a WRITE across the end", 0, NBD_CMD_WRITE, export_bytes - 1, sizeof(junk), junk,
		  NBD_ENOSPC },
		{ "a WRITE with a wrong flag", NBD_CMD_FLAG_DF, NBD_CMD_WRITE, 0, sizeof(junk),
		  junk, NBD_EINVAL },
		{ "a WRITE_ZEROES across the end", 0, NBD_CMD_WRITE_ZEROES, export_bytes - 1, 2,
		  NULL, NBD_ENOSPC },
		{ "a TRIM across the end", 0, NBD_CMD_TRIM, export_bytes - 1, 2, NULL, NBD_EINVAL },
		{ "a CACHE across the end", 0, NBD_CMD_CACHE, export_bytes, 1, NULL, NBD_EINVAL },
		{ "a BLOCK_STATUS of no byte", 0, NBD_CMD_BLOCK_STATUS, 0, 0, NULL, NBD_EINVAL },
		{ "an unknown command", 0, 77, 0, 0, NULL, NBD_EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct told t = ask_for(cases[i].flags, cases[i].type, cases[i].offset,
					cases[i].length, cases[i].payload);

		is(t.is_wrong ? -1 : t.error, cases[i].error, "%s gets its error with %s replies",
		   cases[i].what, style_names[style]);
	}
	ok(good_read(0, 4096), "a good request is served after errors with %s replies",
	   style_names[style]);
}

/* With extended headers any command can have a payload, which is thrown away. */
static void test_payloads(void)
{
	static uint8_t junk[70000];
	static const uint16_t types[] = {
		NBD_CMD_READ, NBD_CMD_FLUSH, NBD_CMD_TRIM, NBD_CMD_BLOCK_STATUS, 77,
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct told t = ask_for(0, types[i], 0, sizeof(junk), junk);

		is(t.is_wrong ? -1 : t.error, NBD_EINVAL,
		   "command %u with a payload that it cannot have is refused", types[i]);
	}
	ok(good_read(1, 99999), "a good request is served after payloads that were thrown away");
	ok(!ask_for(0, NBD_CMD_WRITE_ZEROES, 0, export_bytes, NULL).error,
	   "a WRITE_ZEROES of the whole export is served");
	memset(model, 0, SPAN);
	ok(good_read(0, SPAN), "the export reads as zeroes after this WRITE_ZEROES");
}

static void test_style(void)
{
	begin();
	is(!!(export_flags & NBD_FLAG_SEND_DF), style != NBD_SIMPLE,
	   "DF is offered only with chunks (%s)", style_names[style]);
	ok(!ask_for(0, NBD_CMD_WRITE_ZEROES, 0, SPAN, NULL).error,
	   "a range is made zero with %s replies", style_names[style]);
	memset(model, 0, SPAN);
	test_zeroes();
	test_random_commands();
	test_burst();
	test_errors();
	if (style == NBD_EXTENDED)
		test_payloads();
	close(sock);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		bail("usage: nbd-styles HOST PORT EXPORT [ROUNDS [SEED]]");
	host = argv[1];
	port = argv[2];
	export_name = argv[3];
	if (argc > 4)
		rounds = (unsigned int)atoi(argv[4]);
	seed = argc > 5 ? strtoull(argv[5], NULL, 0) : (uint64_t)time(NULL) * 2654435761 + 1;
	diag("seed %llu", (unsigned long long)seed);
	buffer = malloc(LONGEST + 2 * MIB);
	model = calloc(1, SPAN);
	copy = calloc(1, SPAN);
	for (style = NBD_SIMPLE; style <= NBD_EXTENDED; style++)
		test_style();
	return done_testing();
}
