// SPDX-License-Identifier: MIT
/*
 * Goal: unpacking and packing any message, and packing and unpacking it, loses nothing, and no
 * bit belongs to two members.
 * Method: 96 packed bits from the input, and members from the input.
 */
#include <arena/message.h>

#include "parser.h"

static void check_bits(uint64_t data, uint32_t len)
{
	struct arena_msg m = arena_msg_unpack(data, len);

	must(m.ref.index < 1U << ARENA_MSG_INDEX_BITS);
	must(arena_msg_data(&m) == data && arena_msg_len(&m) == len);
}

static void check_members(struct input *in)
{
	const struct arena_msg m = {
		.type = eat_u8(in),
		.ref.group = eat_u16(in),
		.value = eat_u16(in),
		.ref.index = eat_u32(in) % (1U << ARENA_MSG_INDEX_BITS),
		.ref.count = eat_u16(in),
		.ref.generation = eat_u16(in),
	};
	struct arena_msg got = arena_msg_unpack(arena_msg_data(&m), arena_msg_len(&m));

	must(got.type == m.type && got.ref.group == m.ref.group && got.value == m.value &&
	     got.ref.index == m.ref.index && got.ref.count == m.ref.count &&
	     got.ref.generation == m.ref.generation && !got.ref.reserved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint64_t bits = eat_u64(&in);

	check_bits(bits, eat_u32(&in));
	check_members(&in);
	return 0;
}
