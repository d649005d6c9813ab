// SPDX-License-Identifier: MIT
/*
 * Goal: a storage process gives back undone what a network process hands over late, after another
 * one has changed the same bytes, unless the network process knows that its client was there after
 * that; and it gives back nothing else, as long as its list of changes reaches back.
 * Method: this program is both NPs of one arena-sp, and chooses the times that they give.
 *
 *	sp-fence ARENA_SP DISK LOG
 */
#include <sp/fence.h>

/* Both NPs together can have so many requests in flight, and the SP has room for twice as many. */
#define SLOTS		512
#define IN_FLIGHT	(2 * SLOTS)

#include "sp-two.h"

#define HOUR_NS	(3600ULL * CLOCK_NS_PER_S)
#define WIDE	((SP_FENCE_WIDE_BLOCKS + 1ULL) << SP_FENCE_BLOCK_SHIFT)

/* NP @i writes a block, of whose client it knows that it was there at @alive_ns. */
static enum proto_status status_of_write(unsigned int i, unsigned int block, char fill,
					 uint64_t alive_ns)
{
	write_by(i, block, fill, (struct two_times){ .alive_ns = alive_ns });
	return status_by(i);
}

static enum proto_status status_of_zeroes(unsigned int i, uint64_t offset, uint64_t length,
					  uint64_t alive_ns)
{
	change_by(i, offset, length, 0, (struct two_times){ .alive_ns = alive_ns });
	return status_by(i);
}

static void must_write(unsigned int i, unsigned int block, char fill)
{
	if (status_of_write(i, block, fill, 0) != PROTO_OK)
		bail("a write by NP %u is not done", i);
}

static void test_late(void)
{
	uint64_t before = clock_boot_ns();

	must_write(1, 20, 'n');
	is(status_of_write(0, 20, 'o', before), PROTO_ESTALE,
	   "a write whose client was last seen before another NP wrote the block is given back");
	is(content(20), 'n', "the newer data is left after an older write was given back");
	is(status_of_write(0, 20, 'p', 0), PROTO_OK,
	   "a write is done if its client was there after another NP wrote the block");
	is(content(20), 'p', "a write whose client was there leaves its data");
	is(status_of_zeroes(1, 20 * BLOCK + 512, 512, before), PROTO_ESTALE,
	   "zeroes for a part of a block that another NP has written since are given back");
	is(content(20), 'p', "the newer data is left after zeroes were given back");
}

static void test_others(void)
{
	uint64_t before = clock_boot_ns();

	must_write(1, 30, 'n');
	is(status_of_write(1, 30, 'm', before), PROTO_OK,
	   "an NP's own change since then does not hold its write back");
	is(status_of_write(0, 31, 'm', before), PROTO_OK,
	   "a change of the block before does not hold a write back");
	is(status_of_write(0, 30 + SP_FENCE_SLOTS, 'm', before), PROTO_OK,
	   "a change of a block that counts as the same one does not hold a write back");
	must_write(0, 30, 'q');
	is(status_of_write(0, 30, 'o', before), PROTO_ESTALE,
	   "another NP's change is not forgotten when the NP itself changes the block");
	is(content(30), 'q', "the newest data is left after an older write was given back");
}

static void test_start(uint64_t before)
{
	is(status_of_write(0, 40, 'o', before), PROTO_ESTALE,
	   "a write whose client was last seen before the SP began is given back");
	is(status_of_write(0, 40, 'o', 0), PROTO_OK,
	   "it is done when its client was seen after that");
}

static void test_lies(void)
{
	uint64_t before = clock_boot_ns();

	is(status_of_write(1, 50, 'l', before + HOUR_NS), PROTO_OK,
	   "a write by an NP that gives a time that is still to come is done");
	is(status_of_write(0, 50, 'h', 0), PROTO_OK,
	   "a time that is still to come does not hold other NPs' writes back");
	is(content(50), 'h', "the write after the one of that time leaves its data");

	/* A lie of an NP about a client that has gone concerns only blocks that this NP writes. */
	must_write(1, 51, 'n');
	must_write(1, 52, 'n');
	is(status_of_write(0, 51, 'o', before + HOUR_NS), PROTO_OK,
	   "an older write is done if its NP says that a client is there which has gone");
	is(content(51), 'o', "the older data comes over the newer one that another NP wrote");
	is(status_of_write(0, 52, 'o', before), PROTO_ESTALE,
	   "a write for which the NP does not say so is given back");
	is(status_of_write(1, 53, 'm', before), PROTO_OK,
	   "a write of another NP to other blocks is not held back by what the NP says");
}

static void test_wide(void)
{
	uint64_t before = clock_boot_ns();

	must_write(0, 61, 'n');
	is(status_of_zeroes(1, 0, WIDE, before), PROTO_ESTALE,
	   "zeroes over more blocks than are counted are given back if one was written since");
	is(content(61), 'n', "the newer block is left after the zeroes were given back");
	is(status_of_zeroes(1, 0, WIDE, 0), PROTO_OK, "the zeroes are done with a newer time");
	is(status_of_write(0, 62, 'o', before), PROTO_ESTALE,
	   "a write into a range that another NP has zeroed since is given back");
	is(status_of_write(0, WIDE / BLOCK, 'm', before), PROTO_OK,
	   "a write behind a range that another NP has zeroed since is done");
}

/* More cannot begin while a write waits for the limits of the export. */
static void test_waited(void)
{
	uint64_t before = clock_boot_ns();

	must_write(1, 21070, 'n');
	for (unsigned int i = 0; i < SP_FENCE_ENTRIES + IN_FLIGHT; i++)
		must_write(1, 30000 + i, 'x');
	is(status_of_write(0, 21070 + SP_FENCE_SLOTS, 'm', before), PROTO_OK,
	   "a write is done after as many changes of other blocks as can go before it");
}

/* What is not in the list any more is still known of each block. */
static void test_many(void)
{
	uint64_t before = clock_boot_ns();

	must_write(1, 20070, 'n');
	for (unsigned int i = 0; i < SP_FENCE_ENTRIES + 2 * IN_FLIGHT; i++)
		must_write(1, 30000 + i, 'x');
	is(status_of_write(0, 20070, 'o', before), PROTO_ESTALE,
	   "a late write is given back after more changes than the list has");
	is(status_of_write(0, 20071, 'm', before), PROTO_OK,
	   "a write to a block that nobody has written is done after as many changes");
}

int main(int argc, char **argv)
{
	uint64_t before = clock_boot_ns();

	two_main(argc, argv);
	test_late();
	test_others();
	test_start(before);
	test_lies();
	test_waited();
	test_many();
	test_wide();
	return two_end();
}
