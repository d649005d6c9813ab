// SPDX-License-Identifier: MIT
/*
 * Goal: command_check() lets requests pass that the disk can carry out and no others, and gives
 * each of the others its NBD error.
 * Method: a table of requests around every bound, in each style that a client can choose.
 */
#include <arena/message.h>
#include <proto/record.h>
#include <np/nbd/command.h>
#include <string.h>

#include "tap.h"

#define DISK	(1ULL << 30)
#define MAX	PROTO_MAX_BYTES

enum { RW, RO, DEAD, POOR };

static const struct export exports[] = {
	[RW] = { .name = "rw", .is_served = true, .can_discard = true,
		 .can_zero = true },
	[RO] = { .name = "ro", .is_served = true, .is_readonly = true },
	[DEAD] = { .name = "dead", .can_discard = true, .can_zero = true },
	[POOR] = { .name = "poor", .is_served = true },
};

/* Sessions: the three styles, and a structured one without base:allocation. */
enum { SIMPLE, CHUNKS, LONG, NO_CONTEXT };

static const struct nbd_session sessions[] = {
	[SIMPLE] = { .style = NBD_SIMPLE, .bytes = DISK },
	[CHUNKS] = { .style = NBD_STRUCTURED, .has_allocation = true, .bytes = DISK },
	[LONG] = { .style = NBD_EXTENDED, .has_allocation = true, .bytes = DISK },
	[NO_CONTEXT] = { .style = NBD_STRUCTURED, .bytes = DISK },
};

#define READ	NBD_CMD_READ
#define WRITE	NBD_CMD_WRITE
#define FLUSH	NBD_CMD_FLUSH
#define DISC	NBD_CMD_DISC
#define TRIM	NBD_CMD_TRIM
#define CACHE	NBD_CMD_CACHE
#define ZEROES	NBD_CMD_WRITE_ZEROES
#define STATUS	NBD_CMD_BLOCK_STATUS
#define FUA	NBD_CMD_FLAG_FUA
#define NO_HOLE	NBD_CMD_FLAG_NO_HOLE
#define DF	NBD_CMD_FLAG_DF
#define ONE	NBD_CMD_FLAG_REQ_ONE
#define FAST	NBD_CMD_FLAG_FAST_ZERO
#define PAYLOAD	NBD_CMD_FLAG_PAYLOAD_LEN

static const struct {
	const char *what;
	int session, export;
	uint16_t flags, type;
	uint64_t offset, length;
	enum command_fate fate;
	uint32_t error;
} cases[] = {
	{ "a READ", SIMPLE, RW, 0, READ, 0, 1, COMMAND_SERVE, 0 },
	{ "a READ with FUA", SIMPLE, RW, FUA, READ, 0, 1, COMMAND_SERVE, 0 },
	{ "a READ of the greatest length", SIMPLE, RW, 0, READ, 1, MAX, COMMAND_SERVE, 0 },
	{ "a READ of the last byte", SIMPLE, RW, 0, READ, DISK - 1, 1, COMMAND_SERVE, 0 },
	{ "a READ of a read-only disk", SIMPLE, RO, 0, READ, 0, 1, COMMAND_SERVE, 0 },
	{ "a READ of no byte", SIMPLE, RW, 0, READ, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ of more than clients are told", SIMPLE, RW, 0, READ, 0, MAX + 1,
	  COMMAND_SERVE, 0 },
	{ "a READ of the whole disk in chunks", CHUNKS, RW, 0, READ, 0, DISK, COMMAND_SERVE, 0 },
	{ "an extended READ of the whole disk", LONG, RW, 0, READ, 0, DISK, COMMAND_SERVE, 0 },
	{ "a READ with DF that is too long", CHUNKS, RW, DF, READ, 0, MAX + 1,
	  COMMAND_REFUSE, NBD_EOVERFLOW },
	{ "an extended READ of 4 GiB", LONG, RW, 0, READ, 0, 1ULL << 32,
	  COMMAND_REFUSE, NBD_EOVERFLOW },
	{ "a READ of 4 GiB", SIMPLE, RW, 0, READ, 0, UINT32_MAX, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ of 2^64 - 1 bytes", LONG, RW, 0, READ, 0, UINT64_MAX,
	  COMMAND_REFUSE, NBD_EOVERFLOW },
	{ "a READ across the end", SIMPLE, RW, 0, READ, DISK - 1, 2, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ behind the end", SIMPLE, RW, 0, READ, DISK, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ around 2^64", SIMPLE, RW, 0, READ, UINT64_MAX, 2, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ with an unknown flag", SIMPLE, RW, 1 << 6, READ, 0, 1,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ with NO_HOLE", SIMPLE, RW, NO_HOLE, READ, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ with DF without structured replies", SIMPLE, RW, DF, READ, 0, 1,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ with DF", CHUNKS, RW, DF, READ, 0, 1, COMMAND_SERVE, 0 },
	{ "an extended READ with DF", LONG, RW, DF, READ, 0, 1, COMMAND_SERVE, 0 },
	{ "an extended READ with a payload", LONG, RW, PAYLOAD, READ, 0, 1,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "an extended READ with 4 GiB of payload", LONG, RW, PAYLOAD, READ, 0, 1ULL << 32,
	  COMMAND_CLOSE, 0 },
	{ "a READ of a disk without SP", SIMPLE, DEAD, 0, READ, 0, 1, COMMAND_REFUSE, NBD_EIO },
	{ "a WRITE", SIMPLE, RW, 0, WRITE, 0, 1, COMMAND_SERVE, 0 },
	{ "a WRITE with FUA", CHUNKS, RW, FUA, WRITE, 0, 1, COMMAND_SERVE, 0 },
	{ "an extended WRITE", LONG, RW, PAYLOAD, WRITE, 0, 1, COMMAND_SERVE, 0 },
	{ "an extended WRITE with FUA", LONG, RW, PAYLOAD | FUA, WRITE, 0, 1, COMMAND_SERVE, 0 },
	{ "an extended WRITE whose payload is not announced", LONG, RW, 0, WRITE, 0, 1,
	  COMMAND_SERVE, 0 },
	{ "an extended WRITE of 4 GiB", LONG, RW, 0, WRITE, 0, 1ULL << 32, COMMAND_CLOSE, 0 },
	{ "a WRITE with the flag of a payload", SIMPLE, RW, PAYLOAD, WRITE, 0, 1,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a longest WRITE at the end", SIMPLE, RW, 0, WRITE, DISK - MAX, MAX, COMMAND_SERVE, 0 },
	{ "a WRITE of no byte", SIMPLE, RW, 0, WRITE, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "a WRITE of more than clients are told", CHUNKS, RW, 0, WRITE, 0, MAX + 1,
	  COMMAND_SERVE, 0 },
	{ "a WRITE of the whole disk", SIMPLE, RW, FUA, WRITE, 0, DISK, COMMAND_SERVE, 0 },
	{ "an extended WRITE of the length that clients are told", LONG, RW, PAYLOAD, WRITE, 0,
	  MAX, COMMAND_SERVE, 0 },
	{ "an extended WRITE of more than clients are told", LONG, RW, PAYLOAD, WRITE, 0, MAX + 1,
	  COMMAND_CLOSE, 0 },
	{ "a WRITE of 4 GiB, bad flag", SIMPLE, RW, DF, WRITE, 0, UINT32_MAX,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a WRITE of 4 GiB across the end", SIMPLE, RW, 0, WRITE, 0, UINT32_MAX,
	  COMMAND_REFUSE, NBD_ENOSPC },
	{ "a WRITE across the end", SIMPLE, RW, 0, WRITE, DISK - 1, 2, COMMAND_REFUSE, NBD_ENOSPC },
	{ "a WRITE around 2^64", SIMPLE, RW, 0, WRITE, UINT64_MAX, 2, COMMAND_REFUSE, NBD_ENOSPC },
	{ "a WRITE of a read-only disk", SIMPLE, RO, 0, WRITE, 0, 1, COMMAND_REFUSE, NBD_EPERM },
	{ "a WRITE with a bad flag", SIMPLE, RW, 0x8000, WRITE, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a WRITE of a disk without SP", SIMPLE, DEAD, 0, WRITE, 0, 1, COMMAND_REFUSE, NBD_EIO },
	{ "a FLUSH", SIMPLE, RW, 0, FLUSH, 0, 0, COMMAND_SERVE, 0 },
	{ "a FLUSH with FUA", SIMPLE, RW, FUA, FLUSH, 0, 0, COMMAND_SERVE, 0 },
	{ "a FLUSH of a read-only disk", SIMPLE, RO, 0, FLUSH, 0, 0, COMMAND_SERVE, 0 },
	{ "a FLUSH with an offset", SIMPLE, RW, 0, FLUSH, 1, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "a FLUSH with a length", SIMPLE, RW, 0, FLUSH, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a FLUSH of a disk without SP", SIMPLE, DEAD, 0, FLUSH, 0, 0, COMMAND_REFUSE, NBD_EIO },
	{ "a DISC", SIMPLE, RW, 0, DISC, 0, 0, COMMAND_FINISH, 0 },
	{ "a DISC of any flags and range", SIMPLE, DEAD, 0xffff, DISC, 9, 9, COMMAND_FINISH, 0 },
	{ "a TRIM", SIMPLE, RW, 0, TRIM, 0, 1, COMMAND_SERVE, 0 },
	{ "a TRIM with FUA", SIMPLE, RW, FUA, TRIM, 0, 1, COMMAND_SERVE, 0 },
	{ "a TRIM of the whole disk", SIMPLE, RW, 0, TRIM, 0, DISK, COMMAND_SERVE, 0 },
	{ "a TRIM of no byte", SIMPLE, RW, 0, TRIM, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "a TRIM across the end", SIMPLE, RW, 0, TRIM, DISK - 1, 2, COMMAND_REFUSE, NBD_EINVAL },
	{ "a TRIM with NO_HOLE", SIMPLE, RW, NO_HOLE, TRIM, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a TRIM of a read-only disk", SIMPLE, RO, 0, TRIM, 0, 1, COMMAND_REFUSE, NBD_EPERM },
	{ "a TRIM of a disk that cannot", SIMPLE, POOR, 0, TRIM, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a WRITE_ZEROES", SIMPLE, RW, 0, ZEROES, 0, 1, COMMAND_SERVE, 0 },
	{ "a WRITE_ZEROES with all flags", SIMPLE, RW, FUA | NO_HOLE | FAST, ZEROES, 0, 1,
	  COMMAND_SERVE, 0 },
	{ "a WRITE_ZEROES of the whole disk", LONG, RW, 0, ZEROES, 0, DISK, COMMAND_SERVE, 0 },
	{ "a WRITE_ZEROES of no byte", SIMPLE, RW, 0, ZEROES, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "a WRITE_ZEROES across the end", SIMPLE, RW, 0, ZEROES, DISK - 1, 2,
	  COMMAND_REFUSE, NBD_ENOSPC },
	{ "a WRITE_ZEROES of 2^64 - 1 bytes", LONG, RW, 0, ZEROES, 1, UINT64_MAX,
	  COMMAND_REFUSE, NBD_ENOSPC },
	{ "a WRITE_ZEROES with DF", CHUNKS, RW, DF, ZEROES, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a WRITE_ZEROES with 1 MiB of payload", LONG, RW, PAYLOAD, ZEROES, 0, 1 << 20,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a WRITE_ZEROES of a read-only disk", SIMPLE, RO, 0, ZEROES, 0, 1,
	  COMMAND_REFUSE, NBD_EPERM },
	{ "a WRITE_ZEROES of a disk that cannot", SIMPLE, POOR, 0, ZEROES, 0, 1,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a CACHE", SIMPLE, RW, 0, CACHE, 0, DISK, COMMAND_SERVE, 0 },
	{ "a CACHE of a read-only disk", SIMPLE, RO, 0, CACHE, 0, 1, COMMAND_SERVE, 0 },
	{ "a CACHE of no byte", SIMPLE, RW, 0, CACHE, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "a CACHE across the end", SIMPLE, RW, 0, CACHE, DISK - 1, 2, COMMAND_REFUSE, NBD_EINVAL },
	{ "a CACHE with FAST_ZERO", SIMPLE, RW, FAST, CACHE, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a BLOCK_STATUS", CHUNKS, RW, 0, STATUS, 0, 1, COMMAND_SERVE, 0 },
	{ "a BLOCK_STATUS with REQ_ONE", CHUNKS, RW, ONE, STATUS, 0, 1, COMMAND_SERVE, 0 },
	{ "a BLOCK_STATUS of a read-only disk", CHUNKS, RO, 0, STATUS, 0, 1, COMMAND_SERVE, 0 },
	{ "an extended BLOCK_STATUS of the whole disk", LONG, RW, 0, STATUS, 0, DISK,
	  COMMAND_SERVE, 0 },
	{ "an extended BLOCK_STATUS with a payload", LONG, RW, PAYLOAD, STATUS, 0, 12,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a BLOCK_STATUS of no byte", CHUNKS, RW, 0, STATUS, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "a BLOCK_STATUS across the end", CHUNKS, RW, 0, STATUS, DISK - 1, 2,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a BLOCK_STATUS with DF", CHUNKS, RW, DF, STATUS, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a BLOCK_STATUS without a context", NO_CONTEXT, RW, 0, STATUS, 0, 1,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a BLOCK_STATUS with simple replies", SIMPLE, RW, 0, STATUS, 0, 1,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "the command RESIZE", SIMPLE, RW, 0, 8, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "an unknown command", SIMPLE, RW, 0, 0xffff, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "an unknown command with 100 bytes of payload", LONG, RW, PAYLOAD, 0xffff, 0, 100,
	  COMMAND_REFUSE, NBD_EINVAL },
};

static uint32_t magic_of(const struct nbd_session *s)
{
	return s->style == NBD_EXTENDED ? NBD_LONG_REQUEST_MAGIC : NBD_REQUEST_MAGIC;
}

static void test_table(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct nbd_session *session = &sessions[cases[i].session];
		const struct export *e = &exports[cases[i].export];
		struct nbd_request r = {
			.magic = magic_of(session),
			.flags = cases[i].flags,
			.type = cases[i].type,
			.offset = cases[i].offset,
			.length = cases[i].length,
		};
		struct command c;

		is(command_check(&r, session, e, &c), cases[i].fate,
		   "command_check() gives %s the fate %d", cases[i].what, cases[i].fate);
		if (cases[i].fate == COMMAND_SERVE || cases[i].fate == COMMAND_REFUSE)
			is(c.status, cases[i].error, "%s gets the status %u", cases[i].what,
			   cases[i].error);
		ok(c.start == r.offset && c.offset == r.offset && c.length + c.rest == r.length &&
		   c.cookie == r.cookie,
		   "%s keeps its offset, its length and its cookie", cases[i].what);
		if (cases[i].fate == COMMAND_REFUSE)
			ok(c.why && *c.why && strlen(c.why) <= COMMAND_WHY_MAX,
			   "%s is refused with a short text", cases[i].what);
		for (unsigned int bit = 0; bit < 32; bit += 5) {
			r.magic = magic_of(session) ^ 1U << bit;
			is(command_check(&r, session, e, &c), COMMAND_CLOSE,
			   "%s with a wrong magic closes the connection", cases[i].what);
		}
	}
}

/* The pieces of a long request lie side by side, and all but the first begin with a buffer. */
static void test_pieces(void)
{
	static const struct { uint64_t offset, length; } t[] = {
		{ 0, MAX + 1 }, { 1, MAX + 1 }, { 4095, 50 << 20 }, { 0, DISK }, { 5, DISK - 5 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct nbd_request r = { .magic = NBD_REQUEST_MAGIC, .type = i % 2,
					 .offset = t[i].offset, .length = t[i].length };
		uint64_t end = t[i].offset;
		bool is_sound = true;
		struct command c;

		command_check(&r, &sessions[SIMPLE], &exports[RW], &c);
		for (;; command_next(&c)) {
			is_sound &= c.offset == end && c.length && c.start == t[i].offset &&
				    c.offset % PROTO_DISK_BUFFER + c.length <= CONN_PIECE_BYTES &&
				    (end == t[i].offset || c.offset % PROTO_DISK_BUFFER == 0);
			end += c.length;
			if (!c.rest || !is_sound)
				break;
		}
		ok(is_sound && end == t[i].offset + t[i].length,
		   "the pieces of %llu bytes from byte %llu on cover them",
		   (unsigned long long)t[i].length, (unsigned long long)t[i].offset);
	}
}

/* A BLOCK_STATUS that names the context which was chosen is served, and no other. */
static void test_context(void)
{
	struct nbd_request r = {
		.magic = NBD_LONG_REQUEST_MAGIC, .flags = PAYLOAD, .type = STATUS,
		.length = DISK, .has_context = 1, .context = NBD_ALLOCATION_ID,
	};
	struct command c;

	is(command_check(&r, &sessions[LONG], &exports[RW], &c), COMMAND_SERVE,
	   "a BLOCK_STATUS that names base:allocation is served");
	r.length = UINT64_MAX;
	is(command_check(&r, &sessions[LONG], &exports[RW], &c), COMMAND_REFUSE,
	   "a BLOCK_STATUS with a range in its payload that is too long is refused");
	r.length = 1;
	r.context++;
	is(command_check(&r, &sessions[LONG], &exports[RW], &c), COMMAND_REFUSE,
	   "a BLOCK_STATUS that names an unknown context is refused");
	is(c.status, NBD_EINVAL, "an unknown context gets EINVAL");
}

static void test_translation(void)
{
	static const struct {
		int session;
		uint16_t flags, type;
		uint16_t operation, passed;
	} t[] = {
		{ SIMPLE, 0, READ, PROTO_READ, 0 },
		{ SIMPLE, FUA, READ, PROTO_READ, 0 },
		{ CHUNKS, FUA, READ, PROTO_READ, PROTO_FLAG_HOLES },
		{ LONG, 0, READ, PROTO_READ, PROTO_FLAG_HOLES },
		{ LONG, DF, READ, PROTO_READ, 0 },
		{ SIMPLE, 0, WRITE, PROTO_WRITE, 0 },
		{ SIMPLE, FUA, WRITE, PROTO_WRITE, PROTO_FLAG_FUA },
		{ LONG, FUA | PAYLOAD, WRITE, PROTO_WRITE, PROTO_FLAG_FUA },
		{ SIMPLE, FUA, FLUSH, PROTO_FLUSH, 0 },
		{ SIMPLE, 0, TRIM, PROTO_DISCARD, 0 },
		{ SIMPLE, FUA, TRIM, PROTO_DISCARD, PROTO_FLAG_FUA },
		{ SIMPLE, FUA, CACHE, PROTO_CACHE, 0 },
		{ SIMPLE, 0, ZEROES, PROTO_WRITE_ZEROES, 0 },
		{ SIMPLE, FUA | NO_HOLE, ZEROES, PROTO_WRITE_ZEROES,
		  PROTO_FLAG_FUA | PROTO_FLAG_NO_HOLE },
		{ SIMPLE, FAST, ZEROES, PROTO_WRITE_ZEROES, PROTO_FLAG_FAST },
		{ CHUNKS, FUA, STATUS, PROTO_BLOCK_STATUS, 0 },
		{ CHUNKS, ONE, STATUS, PROTO_BLOCK_STATUS, PROTO_FLAG_ONE },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		const struct nbd_session *session = &sessions[t[i].session];
		struct nbd_request r = {
			.magic = magic_of(session), .flags = t[i].flags, .type = t[i].type,
			.length = t[i].type == NBD_CMD_FLUSH ? 0 : 512,
		};
		struct command c;

		is(command_check(&r, session, &exports[RW], &c), COMMAND_SERVE,
		   "command %u with flags %u is served in style %d", r.type, r.flags,
		   session->style);
		ok(c.operation == t[i].operation && c.flags == t[i].passed,
		   "command %u with flags %u becomes operation %u with flags %u in style %d",
		   r.type, r.flags, t[i].operation, t[i].passed, session->style);
	}
}

static void test_wire(void)
{
	static const uint8_t wire[NBD_LONG_REQUEST_SIZE] =
		"\x25\x60\x95\x13\x00\x01\x00\x01" "cookie!!"
		"\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18";
	struct nbd_request r = nbd_request_unpack(wire);
	uint8_t reply[NBD_SIMPLE_REPLY_SIZE];

	ok(r.magic == NBD_REQUEST_MAGIC && r.flags == 1 && r.type == 1 &&
	   r.offset == 0x0102030405060708ULL && r.length == 0x11121314,
	   "nbd_request_unpack() reads each member from its place on the wire");
	r = nbd_long_request_unpack(wire);
	ok(r.flags == 1 && r.type == 1 && r.offset == 0x0102030405060708ULL &&
	   r.length == 0x1112131415161718ULL,
	   "nbd_long_request_unpack() reads each member from its place on the wire");
	nbd_simple_reply_pack(reply, 22, r.cookie);
	ok(!memcmp(reply, "\x67\x44\x66\x98\0\0\0\x16" "cookie!!", 16),
	   "nbd_simple_reply_pack() puts magic, error and cookie at their places on the wire");
}

int main(void)
{
	test_table();
	test_pieces();
	test_context();
	test_translation();
	test_wire();
	return done_testing();
}
