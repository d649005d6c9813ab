// SPDX-License-Identifier: MIT
/*
 * Goal: every member of a message survives packing into 64 + 32 bits and unpacking.
 * Method: the greatest value of each member alone, then random messages.
 */
#include <arena/message.h>
#include <string.h>

#include "tap.h"

static bool survives(struct arena_msg m)
{
	struct arena_msg back = arena_msg_unpack(arena_msg_data(&m), arena_msg_len(&m));

	return back.type == m.type && back.ref.group == m.ref.group && back.value == m.value &&
	       back.ref.index == m.ref.index && back.ref.count == m.ref.count &&
	       back.ref.generation == m.ref.generation;
}

int main(void)
{
	bool all = true;

	ok(survives((struct arena_msg){ .type = 255 }), "the type survives packing");
	ok(survives((struct arena_msg){ .ref.group = 65535 }), "the group survives packing");
	ok(survives((struct arena_msg){ .value = 65535 }), "the value survives packing");
	ok(survives((struct arena_msg){ .ref.index = 0xffffff }),
	   "an index of 24 bits survives packing");
	ok(survives((struct arena_msg){ .ref.count = 65535 }), "the count survives packing");
	ok(survives((struct arena_msg){ .ref.generation = 65535 }),
	   "the generation survives packing");

	srandom(1);
	for (int i = 0; i < 100000; i++)
		all &= survives((struct arena_msg){
			.type = (uint8_t)random(),
			.ref.group = (uint16_t)random(),
			.value = (uint16_t)random(),
			.ref.index = (uint32_t)random() & 0xffffff,
			.ref.count = (uint16_t)random(),
			.ref.generation = (uint16_t)random(),
		});
	ok(all, "random messages survive packing");
	return done_testing();
}
