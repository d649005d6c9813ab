// SPDX-License-Identifier: MIT
/*
 * Goal: what an SP says about its disk is believed only if it makes sense.
 * Method: a good description, and one wrong member at a time.
 */
#include <arena/message.h>
#include <proto/proto.h>
#include <np/peer.h>
#include <string.h>

#include "tap.h"

static struct arena_disk good(void)
{
	return (struct arena_disk){
		.magic = ARENA_DISK_MAGIC, .bytes = 1 << 20, .block_size = 512,
	};
}

static bool makes_sense(const struct arena_disk *d)
{
	struct arena_disk copy;

	return !peer_read_disk(&copy, d) && !memcmp(&copy, d, sizeof(copy));
}

static void test_block_sizes(void)
{
	for (uint32_t size = 0; size <= 16384; size++) {
		struct arena_disk d = good();
		bool is_right = size == 512 || size == 1024 || size == 2048 ||
				size == 4096;

		d.block_size = size;
		if (makes_sense(&d) != is_right)
			ok(false, "block size %u", size);
	}
	ok(true, "block sizes from 512 to 4096");
}

int main(void)
{
	struct arena_disk d = good();

	ok(makes_sense(&d), "a good disk");
	d.flags = ARENA_DISK_READONLY;
	ok(makes_sense(&d), "a read-only disk");
	for (unsigned int bit = 0; bit < 32; bit++) {
		d = good();
		d.flags = 1U << bit;
		is(makes_sense(&d), !(d.flags & ~ARENA_DISK_F_ALL),
		   "flag %u", bit);
	}
	d = good();
	d.magic++;
	ok(!makes_sense(&d), "not a wrong magic");
	d = good();
	d.bytes = 0;
	ok(!makes_sense(&d), "not an empty disk");
	d.bytes = INT64_MAX;
	ok(makes_sense(&d), "the greatest disk");
	d.bytes++;
	ok(!makes_sense(&d), "not a greater one");
	test_block_sizes();
	return done_testing();
}
