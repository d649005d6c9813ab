// SPDX-License-Identifier: MIT
/*
 * Goal: a peer's record is accepted only if it makes sense by itself, and both sides of a channel
 * agree on the same version or on none.
 * Method: good records of each operation, records with one wrong member, a batch of records in one
 * extent, and all pairs of version ranges.
 */
#include <errno.h>
#include <proto/record.h>
#include <string.h>

#include "tap.h"

static struct proto_request request(uint16_t operation)
{
	struct proto_request r = {
		.tag = 7, .offset = 4096, .length = 4096, .received_ns = 1,
		.operation = operation,
	};

	if (operation == PROTO_FLUSH || operation == PROTO_OPEN || operation == PROTO_CLOSE)
		r.offset = 0, r.length = 0;
	if (operation == PROTO_WRITE) {
		r.n_refs = 1;
		r.ref[0] = (struct arena_ref){ .group = 2, .count = 1, .generation = 1 };
	}
	return r;
}

static bool takes(const struct proto_request *r)
{
	struct proto_request copy;

	return !proto_request_receive(&copy, r, 0) && !memcmp(&copy, r, sizeof(copy));
}

static void test_operations(void)
{
	struct proto_request r;

	for (uint16_t op = PROTO_READ; op <= PROTO_CLOSE; op++) {
		r = request(op);
		ok(takes(&r), "a good request of operation %u is accepted", op);
		r.flags = 1U << 7;
		ok(!takes(&r), "operation %u with an unknown flag is refused", op);
		r.flags = PROTO_FLAG_FUA;
		is(takes(&r), op == PROTO_WRITE || op == PROTO_DISCARD ||
		   op == PROTO_WRITE_ZEROES, "operation %u takes FUA only if it writes", op);
		r.flags = PROTO_FLAG_NO_HOLE | PROTO_FLAG_FAST;
		is(takes(&r), op == PROTO_WRITE_ZEROES,
		   "operation %u takes NO_HOLE and FAST only if it writes zeroes", op);
		r.flags = PROTO_FLAG_HOLES;
		is(takes(&r), op == PROTO_READ, "operation %u takes HOLES only if it reads", op);
		r.flags = PROTO_FLAG_ONE;
		is(takes(&r), op == PROTO_BLOCK_STATUS,
		   "operation %u takes ONE only if it asks for the status", op);
		r.flags = PROTO_FLAG_LOOK;
		is(takes(&r), op == PROTO_OPEN, "operation %u takes LOOK only if it opens", op);
		r = request(op);
		r.flags = PROTO_FLAG_REPLAY;
		ok(takes(&r), "a request of operation %u can be sent again", op);
		r = request(op);
		r.n_refs = !r.n_refs;
		ok(!takes(&r), "operation %u with a wrong number of extents is refused", op);
	}
	r = request(PROTO_CLOSE + 1);
	ok(!takes(&r), "an unknown operation is refused");
}

#define WRONG(member, wrong, what) do {				\
	struct proto_request r = request(PROTO_WRITE);		\
								\
	r.member = (wrong);					\
	ok(!takes(&r), "a write with %s is refused", what);	\
} while (0)

static void test_members(void)
{
	struct proto_request r = request(PROTO_FLUSH);

	WRONG(length, 0, "length 0");
	WRONG(length, PROTO_MAX_BYTES + 1ULL, "more bytes than a request may move");
	WRONG(offset, UINT64_MAX, "an offset whose end wraps around");
	WRONG(offset, INT64_MAX - 4095ULL, "an end that no disk has");
	WRONG(n_refs, PROTO_REQUEST_REFS + 1, "too many extents");
	WRONG(n_refs, UINT16_MAX, "as many extents as a number can say");
	WRONG(ref[0].count, 0, "an extent of no buffers");
	WRONG(ref[0].generation, 0, "an extent of generation 0");
	WRONG(ref[0].reserved, 1, "the reserved member of an extent set");
	WRONG(reserved, 1, "the reserved member set");
	r.length = 1;
	ok(!takes(&r), "a flush with a length is refused");
	r = request(PROTO_DISCARD);
	r.length = PROTO_MAX_BYTES + 1ULL;
	ok(takes(&r), "a discard may be longer than a request that moves bytes");
}

static struct proto_reply reply(uint32_t status)
{
	return (struct proto_reply){ .tag = 9, .status = status };
}

static bool takes_reply(const struct proto_reply *r)
{
	struct proto_reply copy;

	return !proto_reply_receive(&copy, r, 0) && !memcmp(&copy, r, sizeof(copy));
}

static void test_replies(void)
{
	static const uint32_t all[] = { 0, 1, 5, 12, 22, 28, 75, 95, 108, 116 };
	struct proto_reply r;
	size_t at = 0;
	bool good = true;

	for (uint32_t status = 0; status <= 256; status++) {
		bool is_one = at < sizeof(all) / sizeof(*all) && all[at] == status;

		r = reply(status);
		good &= takes_reply(&r) == is_one;
		at += is_one;
	}
	ok(good, "a reply is accepted with each of the listed statuses and with no other");
	r = reply(PROTO_OK);
	r.n_refs = 1;
	r.ref[0] = (struct arena_ref){ .group = 4, .count = 3, .generation = 5 };
	ok(takes_reply(&r), "a reply with data is accepted");
	r.status = PROTO_EIO;
	ok(!takes_reply(&r), "a reply with an error and data is refused");
	r = reply(PROTO_OK);
	r.flags = PROTO_REPLY_KEPT;
	ok(!takes_reply(&r), "a reply that succeeded and keeps the payload is refused");
	r.status = PROTO_EIO;
	ok(takes_reply(&r), "a reply that failed and keeps the payload is accepted");
	r.flags = PROTO_REPLY_KEPT << 1;
	ok(!takes_reply(&r), "a reply with an unknown flag is refused");
	r = reply(PROTO_OK);
	r.zeroes_before = 7;
	r.zeroes_after = UINT32_MAX;
	r.n_parts = 3;
	ok(takes_reply(&r), "a reply with zeroes and parts is accepted");
	r = reply(PROTO_EIO);
	r.zeroes_before = 1;
	ok(!takes_reply(&r), "a reply with an error and zeroes before its data is refused");
	r = reply(PROTO_EIO);
	r.zeroes_after = 1;
	ok(!takes_reply(&r), "a reply with an error and zeroes after its data is refused");
	r = reply(PROTO_EIO);
	r.n_parts = 1;
	ok(!takes_reply(&r), "a reply with an error and parts is refused");
	r = reply(PROTO_EIO);
	r.spent_us = UINT32_MAX;
	ok(takes_reply(&r), "a reply with an error says how long the request was there");
}

static void test_parts(void)
{
	static struct proto_part shared[PROTO_MAX_PARTS + 1], copy[PROTO_MAX_PARTS];
	const uint64_t length = PROTO_MAX_PARTS * 512ULL;

	for (uint32_t i = 0; i <= PROTO_MAX_PARTS; i++)
		shared[i] = (struct proto_part){ .length = 512, .flags = i % 4 };
	ok(!proto_parts_receive(copy, shared, PROTO_MAX_PARTS, length) &&
	   !memcmp(copy, shared, sizeof(copy)), "as many parts as there may be are accepted");
	ok(!proto_parts_receive(copy, shared, 1, length),
	   "parts that are shorter than the range are accepted");
	is(proto_parts_receive(copy, shared, 0, length), -EPROTO, "no part at all is refused");
	is(proto_parts_receive(copy, shared, PROTO_MAX_PARTS + 1, length + 512), -EPROTO,
	   "more parts than there may be are refused");
	is(proto_parts_receive(copy, shared, PROTO_MAX_PARTS, length - 1), -EPROTO,
	   "parts that are longer than the range are refused");
	shared[3].length = UINT64_MAX;
	is(proto_parts_receive(copy, shared, 5, length), -EPROTO,
	   "a part whose end wraps around 2^64 is refused");
	shared[3].length = 0;
	is(proto_parts_receive(copy, shared, 5, length), -EPROTO, "an empty part is refused");
	shared[3] = (struct proto_part){ .length = 1, .flags = 4 };
	is(proto_parts_receive(copy, shared, 5, length), -EPROTO,
	   "a part with an unknown flag is refused");
	shared[3] = (struct proto_part){ .length = 1, .reserved = 1 };
	is(proto_parts_receive(copy, shared, 5, length), -EPROTO,
	   "a part with the reserved member set is refused");
	ok(!proto_parts_receive(copy, shared, 3, length),
	   "parts behind the last one do not matter");
}

static void test_batch(void)
{
	struct arena_msg msg = { .type = PROTO_MESSAGE_REQUESTS };
	struct proto_request batch[32], copy;
	bool good = true;

	for (unsigned int i = 0; i < 32; i++) {
		batch[i] = request(i % 2 ? PROTO_WRITE : PROTO_READ);
		batch[i].tag = i;
	}
	batch[17].flags = UINT16_MAX;
	for (unsigned int i = 0; i < 32; i++) {
		int ret = proto_request_receive(&copy, batch, i);

		good &= ret == (i == 17 ? -EPROTO : 0) && copy.tag == i;
	}
	ok(good, "a bad record in a batch does not make another one refused");
	for (unsigned int n = 0; n <= 34; n++) {
		msg.value = (uint16_t)n;
		good &= proto_records_fit(&msg, sizeof(batch), sizeof(batch[0])) ==
			(n > 0 && n <= 32);
	}
	msg.value = PROTO_MAX_RECORDS + 1;
	good &= !proto_records_fit(&msg, SIZE_MAX, sizeof(batch[0]));
	ok(good, "a message must name at least 1 record, and no more than its extent holds");
}

static int newest_common(unsigned int a, unsigned int b, unsigned int c, unsigned int d)
{
	for (unsigned int v = 255; v; v--)
		if (a <= v && v <= b && c <= v && v <= d)
			return (int)v;
	return -EPROTO;
}

static void test_versions(void)
{
	bool good = true;

	for (uint8_t a = 1; a < 8; a++)
		for (uint8_t b = a; b < 8; b++)
			for (uint8_t c = 0; c < 8; c++)
				for (uint8_t d = 0; d < 8; d++) {
					int want = c && c <= d ? newest_common(a, b, c, d) :
								 -EPROTO;

					good &= proto_version(proto_hello_value(a, b),
							      proto_hello_value(c, d)) == want;
				}
	ok(good, "two ranges of versions give the newest common version, or none");
}

/* Errors of disks that are gone, that hang or that fail. */
static const int lost[] = {
	EIO, ENODEV, ENXIO, EREMOTEIO, ETIMEDOUT, EAGAIN, EINTR, EINVAL, EFBIG, ENODATA, EBADE,
	EILSEQ, ENOLINK, ESTALE, EBUSY, ECANCELED, EBADF, EFAULT, EUCLEAN,
};

static void test_status_of(void)
{
	bool good = true;

	for (uint16_t op = PROTO_READ; op <= PROTO_BLOCK_STATUS; op++)
		for (int error = 0; error < 200; error++) {
			struct proto_reply r = reply(proto_status_of(error, op));

			good &= takes_reply(&r) && !r.status == !error &&
				r.status != PROTO_EINVAL && r.status != PROTO_EOVERFLOW;
		}
	ok(good, "every error of a disk becomes a status that a disk can have, and not PROTO_OK");
	good = true;
	for (size_t i = 0; i < sizeof(lost) / sizeof(*lost); i++)
		for (uint16_t op = PROTO_READ; op <= PROTO_BLOCK_STATUS; op++)
			good &= proto_status_of(lost[i], op) == PROTO_EIO;
	ok(good, "an error of a disk that is lost becomes PROTO_EIO for each operation");
}

static void test_status_by_operation(void)
{
	for (uint16_t op = PROTO_READ; op <= PROTO_BLOCK_STATUS; op++) {
		bool stores = op == PROTO_WRITE || op == PROTO_WRITE_ZEROES;
		bool may_lack = op == PROTO_DISCARD || op == PROTO_WRITE_ZEROES;

		is(proto_status_of(ENOSPC, op), stores ? PROTO_ENOSPC : PROTO_EIO,
		   "operation %u says that a disk is full only if it stores something", op);
		is(proto_status_of(EDQUOT, op), proto_status_of(ENOSPC, op),
		   "operation %u says the same of a quota as of a full disk", op);
		is(proto_status_of(EOPNOTSUPP, op), may_lack ? PROTO_ENOTSUP : PROTO_EIO,
		   "operation %u says that a disk lacks it only if a disk may lack it", op);
		is(proto_status_of(EROFS, op), stores || may_lack ? PROTO_EPERM : PROTO_EIO,
		   "operation %u says that a disk is read-only only if it changes the disk", op);
	}
}

static void test_disk(void)
{
	const struct proto_disk good = {
		.magic = PROTO_DISK_MAGIC, .bytes = 1 << 20, .block_size = 4096,
		.max_bytes = 1 << 17, .atomic_bytes = 4096,
	};
	struct proto_disk d = good, copy;

	ok(!proto_disk_receive(&copy, &d), "a good description of a disk is accepted");
	d.magic++;
	ok(proto_disk_receive(&copy, &d), "a disk with another magic is refused");
	d = good;
	d.bytes = 0;
	ok(proto_disk_receive(&copy, &d), "an empty disk is refused");
	d.bytes = 1ULL << 63;
	ok(proto_disk_receive(&copy, &d), "a disk whose size is no file offset is refused");
	d = good;
	d.bytes += 512;
	ok(!proto_disk_receive(&copy, &d), "a disk whose last block is not whole is accepted");
	d = good;
	d.block_size = 3072;
	ok(proto_disk_receive(&copy, &d), "a block size that is no power of two is refused");
	d = good;
	d.flags = ~PROTO_DISK_ALL;
	ok(proto_disk_receive(&copy, &d), "unknown flags of a disk are refused");
	d = good;
	d.max_bytes = 0;
	ok(proto_disk_receive(&copy, &d), "a disk that moves no bytes in a command is refused");
	d.max_bytes = 4096 + 512;
	ok(proto_disk_receive(&copy, &d), "a disk that moves parts of blocks is refused");
	d = good;
	d.atomic_bytes = 512;
	ok(proto_disk_receive(&copy, &d),
	   "a disk that writes less than a block atomically is refused");
	d = good;
	d.discard_granularity = 4096;
	ok(proto_disk_receive(&copy, &d), "a granularity of discards without discards is refused");
	d.flags = PROTO_DISK_DISCARD;
	ok(!proto_disk_receive(&copy, &d),
	   "a disk that discards in units of a granularity is accepted");
	d.losses = UINT32_MAX;
	ok(!proto_disk_receive(&copy, &d) && copy.losses == UINT32_MAX,
	   "a disk with any number of losses is accepted");
	d.reserved[4] = 1;
	ok(proto_disk_receive(&copy, &d), "a disk with a reserved member set is refused");
}

int main(void)
{
	test_operations();
	test_members();
	test_replies();
	test_parts();
	test_batch();
	test_versions();
	test_status_of();
	test_status_by_operation();
	test_disk();
	return done_testing();
}
