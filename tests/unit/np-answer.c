// SPDX-License-Identifier: MIT
/*
 * Goal: replies have the form that the NBD protocol gives them in each style: their chunks cover a
 * READ's range once, only the last one says that the reply is done, and they fit the room that
 * they may take.
 * Method: replies are written and read again as a client would.
 */
#include <np/nbd/answer.h>
#include <string.h>

#include "tap.h"

#define OFFSET	0x0102030405060708ULL
#define COOKIE	0x1122334455667788ULL

static uint8_t wire[8192];

static const struct command a_read = {
	.cookie = COOKIE, .start = OFFSET, .offset = OFFSET,
	.length = 1 << 20, .operation = PROTO_READ,
};

struct chunk {
	uint16_t flags;
	uint16_t type;
	uint64_t length;
	const uint8_t *body;
};

/* Read the header of a chunk. Return: bytes of the header, 0 if it is wrong. */
static uint32_t read_chunk(const uint8_t *p, enum nbd_style style, struct chunk *c)
{
	uint64_t cookie = COOKIE;
	bool is_long = style == NBD_EXTENDED;
	uint32_t size = is_long ? 32 : 20;

	c->flags = nbd_get16(p + 4);
	c->type = nbd_get16(p + 6);
	c->length = is_long ? nbd_get64(p + 24) : nbd_get32(p + 16);
	c->body = p + size;
	if (nbd_get32(p) != (is_long ? 0x6e8a278c : 0x668e33ef) || memcmp(p + 8, &cookie, 8) != 0 ||
	    (is_long && nbd_get64(p + 16) != OFFSET))
		return 0;
	return size;
}

/* Read a READ's reply, whose data is not in the wire. Return: bytes that it covers; 0 if wrong. */
static uint64_t covers(enum nbd_style style, const struct answer *a)
{
	uint32_t begin = answer_begin(wire, style, &a_read, PROTO_OK, a), at = 0;
	uint32_t end = answer_has_end(a) ? answer_end(wire + begin, style, &a_read, a) : 0;
	uint64_t covered = 0;
	struct chunk c = { 0 };

	while (at < begin + end) {
		uint32_t size = read_chunk(wire + at, style, &c);
		bool is_zeroes = c.type == NBD_REPLY_TYPE_OFFSET_HOLE;

		if (!size || nbd_get64(c.body) != OFFSET + covered)
			return 0;
		if (is_zeroes ? c.length != 12 : c.type != NBD_REPLY_TYPE_OFFSET_DATA)
			return 0;
		covered += is_zeroes ? nbd_get32(c.body + 8) : c.length - 8;
		at += size + (is_zeroes ? 12 : 8);
		if (c.flags != (at == begin + end ? NBD_REPLY_FLAG_DONE : 0))
			return 0;
		/* The data comes between the beginning and the end. */
		if (!is_zeroes && (at != begin || c.length - 8 != a->length))
			return 0;
	}
	return begin + end <= answer_room(style) && begin ? covered : 0;
}

static void test_reads(enum nbd_style style)
{
	static const struct answer all[] = {
		{ 0, 1 << 20, 0 }, { 1 << 20, 0, 0 }, { 512, (1 << 20) - 512, 0 },
		{ 0, 1, (1 << 20) - 1 }, { 4096, (1 << 20) - 8192, 4096 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		is(covers(style, &all[i]), 1 << 20,
		   "the chunks of a READ of %u zeroes, %u bytes, %u zeroes cover it, style %d",
		   all[i].before, all[i].length, all[i].after, style);
}

static void test_simple(void)
{
	struct answer a = { .length = 1 << 20 };

	is(answer_begin(wire, NBD_SIMPLE, &a_read, PROTO_OK, &a), 16,
	   "a simple reply to a READ has 16 bytes before the data");
	ok(!memcmp(wire, "\x67\x44\x66\x98\0\0\0\0", 8),
	   "a simple reply says that there is no error");
	ok(!answer_has_end(&a), "a simple reply has nothing behind the data");
	is(answer_begin(wire, NBD_SIMPLE, &a_read, PROTO_EIO, &(struct answer){ 0 }), 16,
	   "a simple reply of an error has 16 bytes");
	is(nbd_get32(wire + 4), 5, "a simple reply has the error's number");
}

static void check_text(enum nbd_style style, const struct command *c, enum proto_status status,
		       const char *text)
{
	const struct answer none = { 0 };
	uint32_t n = answer_begin(wire, style, c, status, &none), length = (uint32_t)strlen(text);
	struct chunk chunk;
	uint32_t size = read_chunk(wire, style, &chunk);

	ok(size && n == size + 6 + length && n <= answer_room(style) && chunk.length == 6 + length,
	   "the error %u has room for its text, style %d", status, style);
	ok(nbd_get16(chunk.body + 4) == length && !memcmp(chunk.body + 6, text, length),
	   "the error %u has the text '%s', style %d", status, text, style);
}

static void test_texts(enum nbd_style style)
{
	char longest[COMMAND_WHY_MAX + 10];
	struct command c = a_read;

	check_text(style, &c, PROTO_EIO, "the disk failed");
	check_text(style, &c, PROTO_ENOSPC, "the disk is full");
	c.why = "the length is 0";
	check_text(style, &c, PROTO_EINVAL, c.why);
	memset(longest, 'x', sizeof(longest));
	c.why = longest;
	longest[COMMAND_WHY_MAX] = '\0';
	check_text(style, &c, PROTO_EINVAL, longest);
}

/* A reply in pieces is done only with the last one, and repeats the offset of the request. */
static void test_pieces(enum nbd_style style)
{
	const struct answer all[] = { { 0, 4096, 0 }, { 4096, 0, 0 }, { 512, 3072, 512 } };
	struct command c = a_read;

	c.rest = 1;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct chunk chunk;
		uint32_t n = answer_begin(wire, style, &c, PROTO_OK, &all[i]);

		ok(read_chunk(wire, style, &chunk) && !chunk.flags,
		   "a piece with a rest does not end the reply, answer %zu, style %d", i, style);
		if (!answer_has_end(&all[i]))
			continue;
		answer_end(wire + n, style, &c, &all[i]);
		ok(read_chunk(wire + n, style, &chunk) && !chunk.flags,
		   "the end of a piece with a rest does not end the reply, style %d", style);
	}
	c.rest = 0;
	c.offset += 4096;
	answer_begin(wire, style, &c, PROTO_OK, &all[0]);
	ok(read_chunk(wire, style, &(struct chunk){ 0 }) && nbd_get16(wire + 4) == 1,
	   "the last piece ends the reply, style %d", style);
}

static void test_errors(enum nbd_style style)
{
	const struct answer none = { 0 };
	struct command c = a_read;
	struct chunk chunk;

	for (c.operation = PROTO_READ; c.operation <= PROTO_BLOCK_STATUS; c.operation++) {
		uint32_t n = answer_begin(wire, style, &c, PROTO_EOVERFLOW, &none);
		uint32_t size = read_chunk(wire, style, &chunk);

		ok(size && n == size + 6 && chunk.length == 6 && chunk.flags == 1 &&
		   chunk.type == 0x8001 && nbd_get32(chunk.body) == 75 &&
		   !nbd_get16(chunk.body + 4),
		   "an error of operation %u is one chunk with its number, style %d", c.operation,
		   style);
	}
	test_texts(style);
}

static void test_done(void)
{
	const struct answer none = { 0 };
	struct command c = a_read;
	struct chunk chunk;

	c.operation = PROTO_WRITE;
	is(answer_begin(wire, NBD_STRUCTURED, &c, PROTO_OK, &none), 16,
	   "a WRITE gets a simple reply with structured replies");
	is(nbd_get32(wire), 0x67446698, "this reply has the magic of a simple one");
	is(answer_begin(wire, NBD_EXTENDED, &c, PROTO_OK, &none), 32,
	   "a WRITE gets an extended header with extended headers");
	ok(read_chunk(wire, NBD_EXTENDED, &chunk) && chunk.flags == 1 && !chunk.type &&
	   !chunk.length, "this chunk is empty and the last one");
}

static void test_status(enum nbd_style style)
{
	static struct proto_part part[PROTO_MAX_PARTS];
	struct command c = a_read;
	uint32_t size = style == NBD_EXTENDED ? 16 : 8, fixed = size / 2;
	struct answer a = { 0 };
	struct chunk chunk;

	part[0] = (struct proto_part){ .length = 4096, .flags = 3 };
	part[1] = (struct proto_part){ .length = 0xfffff000, .flags = 0 };
	a.length = answer_pack_parts(wire + 4096, style, part, 2);
	is(a.length, fixed + 2 * size, "two parts take their size in style %d", style);
	is(nbd_get32(wire + 4096), 1, "parts begin with the context's number in style %d", style);
	if (style == NBD_EXTENDED)
		ok(nbd_get32(wire + 4100) == 2 && nbd_get64(wire + 4104) == 4096 &&
		   nbd_get64(wire + 4112) == 3 && nbd_get64(wire + 4120) == 0xfffff000 &&
		   !nbd_get64(wire + 4128), "extended parts have their count and 64 bits each");
	else
		ok(nbd_get32(wire + 4100) == 4096 && nbd_get32(wire + 4104) == 3 &&
		   nbd_get32(wire + 4108) == 0xfffff000 && !nbd_get32(wire + 4112),
		   "structured parts have 32 bits each");
	c.operation = PROTO_BLOCK_STATUS;
	answer_begin(wire, style, &c, PROTO_OK, &a);
	ok(read_chunk(wire, style, &chunk) && chunk.length == a.length && chunk.flags == 1 &&
	   chunk.type == (style == NBD_EXTENDED ? 6 : 5),
	   "the parts come in one chunk of their type in style %d", style);
	ok(answer_pack_parts(wire, style, part, PROTO_MAX_PARTS) <= ANSWER_PARTS_MAX &&
	   ANSWER_PARTS_MAX <= 4096, "as many parts as there may be fit a buffer, style %d", style);
}

int main(void)
{
	test_simple();
	test_done();
	for (enum nbd_style style = NBD_STRUCTURED; style <= NBD_EXTENDED; style++) {
		test_reads(style);
		test_errors(style);
		test_pieces(style);
		test_status(style);
	}
	return done_testing();
}
