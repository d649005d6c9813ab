// SPDX-License-Identifier: MIT
/*
 * Goal: what a namespace says becomes limits that no command exceeds, and a status of a command an
 * error number and words.
 * Method: namespaces that say little, much or what cannot be served; statuses of each kind.
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

	is(l.bytes, 1000 * 512, "a size in blocks becomes bytes");
	is(l.block_size, 512, "so does the size of a block");
	ok(l.has_fua && !l.has_volatile_cache && !l.has_discard && !l.has_zero,
	   "a namespace that can nothing else can do FUA");
	is(l.discard_granularity, 0, "without discards there is no granularity of discards");
	is(l.max_bytes, 32 << 20, "without MDTS one command moves as much as a request has");
	is(l.atomic_bytes, 512, "one block is atomic");
}

static void test_transfer(void)
{
	struct nvme_namespace n = plain;

	n.mdts = 5;
	is(limits_of(&n, 0).max_bytes, 128 * KIB, "MDTS 5 is 128 KiB");
	is(limits_of(&n, 17).max_bytes, 64 * KIB,
	   "a kernel that takes 17 pages takes 16 wherever the data begins");
	is(limits_of(&n, 1000).max_bytes, 128 * KIB, "a kernel that takes more does not matter");
	n.mdts = 31;
	is(limits_of(&n, 0).max_bytes, 32 << 20, "an absurd MDTS is no limit");
	n.lba_shift = 12;
	is(limits_of(&n, 0).max_bytes, 32 << 20, "blocks of 4096 bytes do not change that");
}

static void test_ranges(void)
{
	struct nvme_namespace n = plain;

	n.has_zeroes = true;
	n.has_dsm = true;
	is(limits_of(&n, 0).max_zero, 65536 * 512, "Write Zeroes takes 65536 blocks");
	n.wzsl = 3;
	is(limits_of(&n, 0).max_zero, 32 * KIB, "Write Zeroes Size Limit 3 is 32 KiB");
	is(limits_of(&n, 0).max_discard, 512ULL << 31, "a range of DSM has 31 bits of blocks");
	n.dsm_blocks = 100;
	is(limits_of(&n, 0).max_discard, 51200, "DMRSL is a limit on it");
	n.granularity_blocks = 8;
	is(limits_of(&n, 0).discard_granularity, 4096, "NPDG is the granularity");
}

static void test_readonly(void)
{
	struct backend_limits l = { .is_readonly = true };
	struct nvme_namespace n = plain;

	n.has_zeroes = true;
	n.has_dsm = true;
	is(nvme_limits(&l, &n, 0), 0, "a namespace that must not be written is served");
	ok(!l.has_zero && !l.has_discard && l.is_readonly, "it is not zeroed or discarded");
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
	is(nvme_error(0x281), -EIO, "a read error that nobody can mend is EIO");
	is(nvme_error(0x081), -ENOSPC, "Capacity Exceeded is ENOSPC");
	is(nvme_error(0x020), -EROFS, "Namespace is Write Protected is EROFS");
	is(nvme_error(0x182), -EROFS, "an attempted write to a read-only range is EROFS");
	is(nvme_error(0x001), -EOPNOTSUPP, "Invalid Command Opcode is EOPNOTSUPP");
	is(nvme_error(0x007), -EAGAIN, "an aborted command may be given again");
	is(nvme_error(0x007 | 0x4000), -EIO, "unless the controller says Do Not Retry");
	ok(strstr(nvme_why(0x281), "Unrecovered") || strlen(nvme_why(0x281)) > 5,
	   "a status has words: %s", nvme_why(0x281));
	ok(strcmp(nvme_why(0x281), nvme_why(0x080)) != 0, "another status has others: %s",
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
