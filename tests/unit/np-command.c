// SPDX-License-Identifier: MIT
/*
 * Goal: the gate through which every request goes lets pass what the disk can
 * do and nothing else, and gives each of the others its NBD error.
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
	{ "READ", RW, 0, NBD_CMD_READ, 0, 1, COMMAND_SERVE, 0 },
	{ "READ, FUA", RW, 1, NBD_CMD_READ, 0, 1, COMMAND_SERVE, 0 },
	{ "READ, longest", RW, 0, NBD_CMD_READ, 1, MAX, COMMAND_SERVE, 0 },
	{ "READ, last byte", RW, 0, NBD_CMD_READ, DISK - 1, 1, COMMAND_SERVE, 0 },
	{ "READ, read-only", RO, 0, NBD_CMD_READ, 0, 1, COMMAND_SERVE, 0 },
	{ "READ of nothing", RW, 0, NBD_CMD_READ, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "READ too long", RW, 0, NBD_CMD_READ, 0, MAX + 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "READ of 4 GiB", RW, 0, NBD_CMD_READ, 0, UINT32_MAX, COMMAND_REFUSE, NBD_EINVAL },
	{ "READ over the end", RW, 0, NBD_CMD_READ, DISK - 1, 2, COMMAND_REFUSE, NBD_EINVAL },
	{ "READ behind the end", RW, 0, NBD_CMD_READ, DISK, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "READ around 2^64", RW, 0, NBD_CMD_READ, UINT64_MAX, 2, COMMAND_REFUSE, NBD_EINVAL },
	{ "READ, unknown flag", RW, 2, NBD_CMD_READ, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "READ, SP gone", DEAD, 0, NBD_CMD_READ, 0, 1, COMMAND_REFUSE, NBD_EIO },
	{ "WRITE", RW, 0, NBD_CMD_WRITE, 0, 1, COMMAND_SERVE, 0 },
	{ "WRITE, FUA", RW, 1, NBD_CMD_WRITE, 0, 1, COMMAND_SERVE, 0 },
	{ "WRITE, longest at the end", RW, 0, NBD_CMD_WRITE, DISK - MAX, MAX, COMMAND_SERVE, 0 },
	{ "WRITE of nothing", RW, 0, NBD_CMD_WRITE, 0, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "WRITE too long", RW, 0, NBD_CMD_WRITE, 0, MAX + 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "WRITE, longest thrown away", RW, 0, NBD_CMD_WRITE, 0, CONN_DISCARD_BYTES_MAX,
	  COMMAND_REFUSE, NBD_EINVAL },
	{ "WRITE, longer", RW, 0, NBD_CMD_WRITE, 0, CONN_DISCARD_BYTES_MAX + 1, COMMAND_CLOSE, 0 },
	{ "WRITE of 4 GiB, unknown flag", RW, 4, NBD_CMD_WRITE, 0, UINT32_MAX, COMMAND_CLOSE, 0 },
	{ "WRITE over the end", RW, 0, NBD_CMD_WRITE, DISK - 1, 2, COMMAND_REFUSE, NBD_ENOSPC },
	{ "WRITE around 2^64", RW, 0, NBD_CMD_WRITE, UINT64_MAX, 2, COMMAND_REFUSE, NBD_ENOSPC },
	{ "WRITE, read-only", RO, 0, NBD_CMD_WRITE, 0, 1, COMMAND_REFUSE, NBD_EPERM },
	{ "WRITE, unknown flag", RW, 0x8000, NBD_CMD_WRITE, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "WRITE, SP gone", DEAD, 0, NBD_CMD_WRITE, 0, 1, COMMAND_REFUSE, NBD_EIO },
	{ "FLUSH", RW, 0, NBD_CMD_FLUSH, 0, 0, COMMAND_SERVE, 0 },
	{ "FLUSH, FUA", RW, 1, NBD_CMD_FLUSH, 0, 0, COMMAND_SERVE, 0 },
	{ "FLUSH, read-only", RO, 0, NBD_CMD_FLUSH, 0, 0, COMMAND_SERVE, 0 },
	{ "FLUSH, offset", RW, 0, NBD_CMD_FLUSH, 1, 0, COMMAND_REFUSE, NBD_EINVAL },
	{ "FLUSH, length", RW, 0, NBD_CMD_FLUSH, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "FLUSH, SP gone", DEAD, 0, NBD_CMD_FLUSH, 0, 0, COMMAND_REFUSE, NBD_EIO },
	{ "DISC", RW, 0, NBD_CMD_DISC, 0, 0, COMMAND_FINISH, 0 },
	{ "DISC with anything", DEAD, 0xffff, NBD_CMD_DISC, 9, 9, COMMAND_FINISH, 0 },
	{ "TRIM", RW, 0, 4, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
	{ "command 0xffff", RW, 0, 0xffff, 0, 1, COMMAND_REFUSE, NBD_EINVAL },
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
		   "%s has the fate %d", cases[i].what, cases[i].fate);
		if (cases[i].fate == COMMAND_SERVE || cases[i].fate == COMMAND_REFUSE)
			is(c.status, cases[i].error, "%s has the status %u", cases[i].what,
			   cases[i].error);
		ok(c.offset == r.offset && c.length == r.length && c.cookie == r.cookie,
		   "%s keeps its offset, its length and its cookie", cases[i].what);
		for (unsigned int bit = 0; bit < 32; bit += 5) {
			r.magic = NBD_REQUEST_MAGIC ^ 1U << bit;
			is(command_check(&r, &exports[cases[i].export], &c), COMMAND_CLOSE,
			   "%s with a wrong magic closes", cases[i].what);
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
	   "a request from the wire");
	nbd_simple_reply_pack(reply, 22, r.cookie);
	ok(!memcmp(reply, "\x67\x44\x66\x98\0\0\0\x16" "cookie!!", 16),
	   "a reply to the wire");
}

int main(void)
{
	test_table();
	test_translation();
	test_wire();
	return done_testing();
}
