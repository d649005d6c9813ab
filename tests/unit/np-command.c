// SPDX-License-Identifier: MIT
/*
 * Goal: command_check() lets requests pass that the disk can carry out and no others, and gives
 * each of the others its NBD error.
 * Method: a table of requests around every bound.
 */
#include <arena/message.h>
#include <proto/record.h>
#include <np/nbd/command.h>
#include <string.h>

#include "tap.h"

#define DISK	(1ULL << 30)
#define MAX	PROTO_MAX_BYTES

enum { RW, RO, DEAD };

static const struct export exports[] = {
	[RW] = { .name = "rw", .bytes = DISK, .is_served = true },
	[RO] = { .name = "ro", .bytes = DISK, .is_served = true,
		 .is_readonly = true },
	[DEAD] = { .name = "dead", .bytes = DISK },
};

static const struct {
	const char *what;
	int export;
	uint16_t flags, type;
	uint64_t offset;
	uint32_t length;
	enum command_fate fate;
	uint32_t error;
} cases[] = {
	{ "a READ", RW, 0, NBD_CMD_READ, 0, 1, COMMAND_SERVE, 0 },
	{ "a READ with FUA", RW, 1, NBD_CMD_READ, 0, 1, COMMAND_SERVE, 0 },
	{ "a READ of the greatest length", RW, 0, NBD_CMD_READ, 1, MAX, COMMAND_SERVE, 0 },
	{ "a READ of the last byte", RW, 0, NBD_CMD_READ, DISK - 1, 1, COMMAND_SERVE, 0 },
	{ "a READ of a read-only disk", RO, 0, NBD_CMD_READ, 0, 1, COMMAND_SERVE, 0 },
	{ "a READ of no byte", RW, 0, NBD_CMD_READ, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ that is too long", RW, 0, NBD_CMD_READ, 0, MAX + 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ of 4 GiB", RW, 0, NBD_CMD_READ, 0, UINT32_MAX, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ across the end", RW, 0, NBD_CMD_READ, DISK - 1, 2, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ behind the end", RW, 0, NBD_CMD_READ, DISK, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ around 2^64", RW, 0, NBD_CMD_READ, UINT64_MAX, 2, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ with an unknown flag", RW, 2, NBD_CMD_READ, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a READ of a disk without SP", DEAD, 0, NBD_CMD_READ, 0, 1, COMMAND_REFUSE, NBD_EIO },
	{ "a WRITE", RW, 0, NBD_CMD_WRITE, 0, 1, COMMAND_SERVE, 0 },
	{ "a WRITE with FUA", RW, 1, NBD_CMD_WRITE, 0, 1, COMMAND_SERVE, 0 },
	{ "a longest WRITE at the end", RW, 0, NBD_CMD_WRITE, DISK - MAX, MAX, COMMAND_SERVE, 0 },
	{ "a WRITE of no byte", RW, 0, NBD_CMD_WRITE, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "too long a WRITE", RW, 0, NBD_CMD_WRITE, 0, MAX + 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "the longest WRITE to throw away", RW, 0, NBD_CMD_WRITE, 0, CONN_DISCARD_BYTES_MAX,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "a longer WRITE", RW, 0, NBD_CMD_WRITE, 0, CONN_DISCARD_BYTES_MAX + 1, COMMAND_CLOSE, 0 },
	{ "a WRITE of 4 GiB, bad flag", RW, 4, NBD_CMD_WRITE, 0, UINT32_MAX, COMMAND_CLOSE, 0 },
	{ "a WRITE across the end", RW, 0, NBD_CMD_WRITE, DISK - 1, 2, COMMAND_REFUSE, NBD_ENOSPC },
	{ "a WRITE around 2^64", RW, 0, NBD_CMD_WRITE, UINT64_MAX, 2, COMMAND_REFUSE, NBD_ENOSPC },
	{ "a WRITE of a read-only disk", RO, 0, NBD_CMD_WRITE, 0, 1, COMMAND_REFUSE, NBD_EPERM },
	{ "a WRITE with a bad flag", RW, 0x8000, NBD_CMD_WRITE, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a WRITE of a disk without SP", DEAD, 0, NBD_CMD_WRITE, 0, 1, COMMAND_REFUSE, NBD_EIO },
	{ "a FLUSH", RW, 0, NBD_CMD_FLUSH, 0, 0, COMMAND_SERVE, 0 },
	{ "a FLUSH with FUA", RW, 1, NBD_CMD_FLUSH, 0, 0, COMMAND_SERVE, 0 },
	{ "a FLUSH of a read-only disk", RO, 0, NBD_CMD_FLUSH, 0, 0, COMMAND_SERVE, 0 },
	{ "a FLUSH with an offset", RW, 0, NBD_CMD_FLUSH, 1, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "a FLUSH with a length", RW, 0, NBD_CMD_FLUSH, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "a FLUSH of a disk without SP", DEAD, 0, NBD_CMD_FLUSH, 0, 0, COMMAND_REFUSE, NBD_EIO },
	{ "a DISC", RW, 0, NBD_CMD_DISC, 0, 0, COMMAND_FINISH, 0 },
	{ "a DISC of any flags and range", DEAD, 0xffff, NBD_CMD_DISC, 9, 9, COMMAND_FINISH, 0 },
	{ "a TRIM", RW, 0, 4, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "an unknown command", RW, 0, 0xffff, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
};

static void test_table(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct nbd_request r = {
			.magic = NBD_REQUEST_MAGIC,
			.flags = cases[i].flags,
			.type = cases[i].type,
			.offset = cases[i].offset,
			.length = cases[i].length,
		};
		struct command c;

		is(command_check(&r, &exports[cases[i].export], &c), cases[i].fate,
		   "command_check() gives %s the fate %d", cases[i].what, cases[i].fate);
		if (cases[i].fate == COMMAND_SERVE || cases[i].fate == COMMAND_REFUSE)
			is(c.status, cases[i].error, "%s gets the status %u", cases[i].what,
			   cases[i].error);
		ok(c.offset == r.offset && c.length == r.length && c.cookie == r.cookie,
		   "%s keeps its offset, its length and its cookie", cases[i].what);
		for (unsigned int bit = 0; bit < 32; bit += 5) {
			r.magic = NBD_REQUEST_MAGIC ^ 1U << bit;
			is(command_check(&r, &exports[cases[i].export], &c), COMMAND_CLOSE,
			   "%s with a wrong magic closes the connection", cases[i].what);
		}
	}
}

static void test_translation(void)
{
	static const struct {
		uint16_t flags, type;
		uint16_t operation, passed;
	} t[] = {
		{ 0, NBD_CMD_READ, PROTO_READ, 0 },
		{ NBD_CMD_FLAG_FUA, NBD_CMD_READ, PROTO_READ, 0 },
		{ 0, NBD_CMD_WRITE, PROTO_WRITE, 0 },
		{ NBD_CMD_FLAG_FUA, NBD_CMD_WRITE, PROTO_WRITE, PROTO_FLAG_FUA },
		{ NBD_CMD_FLAG_FUA, NBD_CMD_FLUSH, PROTO_FLUSH, 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct nbd_request r = {
			.magic = NBD_REQUEST_MAGIC, .flags = t[i].flags, .type = t[i].type,
			.length = t[i].type == NBD_CMD_FLUSH ? 0 : 512,
		};
		struct command c;

		is(command_check(&r, &exports[RW], &c), COMMAND_SERVE,
		   "command %u with flags %u is served", r.type, r.flags);
		ok(c.operation == t[i].operation && c.flags == t[i].passed,
		   "command %u with flags %u becomes operation %u with flags %u", r.type,
		   r.flags, t[i].operation, t[i].passed);
	}
}

static void test_wire(void)
{
	static const uint8_t wire[NBD_REQUEST_SIZE] =
		"\x25\x60\x95\x13\x00\x01\x00\x01" "cookie!!"
		"\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14";
	struct nbd_request r = nbd_request_unpack(wire);
	uint8_t reply[NBD_SIMPLE_REPLY_SIZE];

	ok(r.magic == NBD_REQUEST_MAGIC && r.flags == 1 && r.type == 1 &&
	   r.offset == 0x0102030405060708ULL && r.length == 0x11121314,
	   "nbd_request_unpack() reads each member from its place on the wire");
	nbd_simple_reply_pack(reply, 22, r.cookie);
	ok(!memcmp(reply, "\x67\x44\x66\x98\0\0\0\x16" "cookie!!", 16),
	   "nbd_simple_reply_pack() puts magic, error and cookie at their places on the wire");
}

int main(void)
{
	test_table();
	test_translation();
	test_wire();
	return done_testing();
}
