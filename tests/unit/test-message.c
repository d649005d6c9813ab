// SPDX-License-Identifier: MIT
/*
 * Goal: every member of a message survives the trip through 64 + 32 bits.
 * Method: extremes of each member alone, then random messages.
 */
#include <arena/message.h>
#include <string.h>

#include "tap.h"

static bool survives(struct arena_msg m)
{
	struct arena_msg back = arena_msg_unpack(arena_msg_data(&m), arena_msg_len(&m));

	return back.type == m.type && back.group == m.group && back.slot == m.slot &&
	       back.index == m.index && back.count == m.count &&
	       back.generation == m.generation;
}

int main(void)
{
	bool all = true;

	ok(survives((struct arena_msg){ .type = 255 }), "type");
	ok(survives((struct arena_msg){ .group = 65535 }), "group");
	ok(survives((struct arena_msg){ .slot = 65535 }), "slot");
	ok(survives((struct arena_msg){ .index = 0xffffff }), "index");
	ok(survives((struct arena_msg){ .count = 65535 }), "count");
	ok(survives((struct arena_msg){ .generation = 65535 }), "generation");

	srandom(1);
	for (int i = 0; i < 100000; i++)
		all &= survives((struct arena_msg){
			.type = (uint8_t)random(),
			.group = (uint16_t)random(),
			.slot = (uint16_t)random(),
			.index = (uint32_t)random() & 0xffffff,
			.count = (uint16_t)random(),
			.generation = (uint16_t)random(),
		});
	ok(all, "random messages");
	return done_testing();
}
