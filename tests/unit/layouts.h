/* SPDX-License-Identifier: MIT */
/* The layouts that the tests of layouts make. */
#ifndef UNIT_LAYOUTS_H
#define UNIT_LAYOUTS_H

#include <errno.h>
#include <arena/layout.h>
#include <libarena/channel/spsc.h>
#include <string.h>

#include "tap.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define LONGEST (32 * MIB + 4096)

/* The uses of the groups in these layouts: the least, one in between, the greatest. */
enum { USE_SMALL = 1, USE_FIRST = 7, USE_SECOND = ARENA_MAX_USE };

static union {
	struct arena_layout layout;
	char room[sizeof(struct arena_layout) + 4096];
} region;

/* Processes of class 0 have groups of two uses, processes of class 1 of one. */
static inline struct arena_config config_of(uint64_t length)
{
	return (struct arena_config){
		.size = sizeof(struct arena_config),
		.length = length,
		.classes = {
			{ .processes = 1,
			  .group = { { USE_SMALL, 512, 1024 }, { USE_FIRST, 4096, 0 } } },
			{ .processes = 1, .group = { { USE_SECOND, 4096, 0 } } },
		},
	};
}

#endif /* UNIT_LAYOUTS_H */
