// SPDX-License-Identifier: MIT
/*
 * Goal: nvme_limits() turns what a namespace says into limits that no command exceeds, and the
 * status of a command becomes an error number and a text.
 * Method: namespaces that say little, that say much or that cannot be served; statuses of each
 * kind.
 */
#include <errno.h>
#include <sp/backend/nvme.h>
#include <string.h>

#include "tap.h"

#define KIB	1024U

static const struct nvme_namespace plain = {
	.blocks = 1000, .lba_shift = 9, .atomic_blocks = 1, .granularity_blocks = 1,
};

static struct backend_limits limits_of(const struct nvme_namespace *n, uint32_t pages)
{
	struct backend_limits l = { 0 };

	if (nvme_limits(&l, n, pages))
		l.bytes = 0;
	return l;
}

static void test_plain(void)
{
	struct backend_limits l = limits_of(&plain, 0);

	is(l.bytes, 1000 * 512, "the size of a namespace in blocks becomes a size in bytes");
	is(l.block_size, 512, "LBA shift 9 becomes a block size of 512 bytes");
	ok(l.has_fua && !l.has_volatile_cache && !l.has_discard && !l.has_zero,
	   "a namespace without optional commands has FUA and nothing else");
	is(l.discard_granularity, 0,
	   "a namespace that cannot discard has no granularity of discards");
	is(l.max_bytes, 32 << 20,
	   "without MDTS one command moves as many bytes as a request may have");
	is(l.atomic_bytes, 512,
	   "a namespace that says nothing of atomic writes has one atomic block");
}

static void test_transfer(void)
{
	struct nvme_namespace n = plain;

	n.mdts = 5;
	is(limits_of(&n, 0).max_bytes, 128 * KIB, "MDTS 5 limits a command to 128 KiB");
	is(limits_of(&n, 17).max_bytes, 64 * KIB,
	   "a kernel that takes 17 pages limits a command to 16, which may begin anywhere");
	is(limits_of(&n, 1000).max_bytes, 128 * KIB,
	   "a kernel that takes more pages than MDTS does not change the limit");
	n.mdts = 31;
	is(limits_of(&n, 0).max_bytes, 32 << 20,
	   "an MDTS beyond the longest request does not limit a command");
	n.lba_shift = 12;
	is(limits_of(&n, 0).max_bytes, 32 << 20,
	   "an MDTS beyond the longest request does not limit commands of 4096-byte blocks");
}

static void test_ranges(void)
{
	struct nvme_namespace n = plain;

	n.has_zeroes = true;
	n.has_dsm = true;
	is(limits_of(&n, 0).max_zero, 65536 * 512,
	   "Write Zeroes without a limit of its own takes 65536 blocks");
	n.wzsl = 3;
	is(limits_of(&n, 0).max_zero, 32 * KIB, "Write Zeroes Size Limit 3 limits it to 32 KiB");
	is(limits_of(&n, 0).max_discard, 512ULL << 31,
	   "a discard without a limit of its own takes 2^31 blocks");
	n.dsm_blocks = 100;
	is(limits_of(&n, 0).max_discard, 51200, "DMRSL 100 limits a discard to 100 blocks");
	n.granularity_blocks = 8;
	is(limits_of(&n, 0).discard_granularity, 4096, "NPDG becomes the granularity of discards");
}

static void test_readonly(void)
{
	struct backend_limits l = { .is_readonly = true };
	struct nvme_namespace n = plain;

	n.has_zeroes = true;
	n.has_dsm = true;
	is(nvme_limits(&l, &n, 0), 0, "a read-only namespace is served");
	ok(!l.has_zero && !l.has_discard && l.is_readonly,
	   "a read-only namespace offers neither zeroes nor discards");
}

static void test_formats(void)
{
	struct nvme_namespace n = plain;

	for (n.lba_shift = 0; n.lba_shift < 20; n.lba_shift++) {
		bool good = n.lba_shift >= 9 && n.lba_shift <= 12;

		is(limits_of(&n, 0).bytes != 0, good, "blocks of 2^%u bytes are %s", n.lba_shift,
		   good ? "served" : "refused");
	}
	n = plain;
	n.metadata = 8;
	is(limits_of(&n, 0).bytes, 0, "blocks with metadata are refused");
}

static void test_statuses(void)
{
	is(nvme_error(0x281), -EIO, "the status Unrecovered Read Error becomes EIO");
	is(nvme_error(0x081), -ENOSPC, "the status Capacity Exceeded becomes ENOSPC");
	is(nvme_error(0x020), -EROFS, "the status Namespace is Write Protected becomes EROFS");
	is(nvme_error(0x182), -EROFS,
	   "the status Attempted Write to Read Only Range becomes EROFS");
	is(nvme_error(0x001), -EOPNOTSUPP, "the status Invalid Command Opcode becomes EOPNOTSUPP");
	is(nvme_error(0x007), -EAGAIN, "the status Command Abort Requested becomes EAGAIN");
	is(nvme_error(0x007 | 0x4000), -EIO,
	   "the status Command Abort Requested with Do Not Retry becomes EIO");
	ok(strstr(nvme_why(0x281), "Unrecovered") || strlen(nvme_why(0x281)) > 5,
	   "nvme_why() has a text for a status: %s", nvme_why(0x281));
	ok(strcmp(nvme_why(0x281), nvme_why(0x080)) != 0,
	   "nvme_why() has another text for another status: %s",
	   nvme_why(0x080));
}

int main(void)
{
	test_plain();
	test_transfer();
	test_ranges();
	test_readonly();
	test_formats();
	test_statuses();
	return done_testing();
}
