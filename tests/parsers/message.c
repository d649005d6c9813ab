// SPDX-License-Identifier: MIT
/*
 * Goal: a message is the same after it was unpacked and packed, and the other way
 * round, whatever bits it has: nothing of it is lost, and nothing is in two members.
 * Method: 96 bits of the input as they travel, and members of the input.
 */
#include <arena/message.h>

#include "parser.h"

static void check_bits(uint64_t data, uint32_t len)
{
	struct arena_msg m = arena_msg_unpack(data, len);

	must(m.index < 1U << ARENA_MSG_INDEX_BITS);
	must(arena_msg_data(&m) == data && arena_msg_len(&m) == len);
}

static void check_members(struct input *in)
{
	const struct arena_msg m = {
		.type = eat_u8(in),
		.group = eat_u16(in),
		.slot = eat_u16(in),
		.index = eat_u32(in) % (1U << ARENA_MSG_INDEX_BITS),
		.count = eat_u16(in),
		.generation = eat_u16(in),
	};
	struct arena_msg got = arena_msg_unpack(arena_msg_data(&m), arena_msg_len(&m));

	must(got.type == m.type && got.group == m.group && got.slot == m.slot &&
	     got.index == m.index && got.count == m.count && got.generation == m.generation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint64_t bits = eat_u64(&in);

	check_bits(bits, eat_u32(&in));
	check_members(&in);
	return 0;
}
