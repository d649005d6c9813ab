/* SPDX-License-Identifier: MIT */
/*
 * Helpers of the parser fuzzers: an input that is consumed from its start and reads as zeroes
 * after its end, and the properties of every accepted layout.
 */
#ifndef TESTS_PARSERS_PARSER_H
#define TESTS_PARSERS_PARSER_H

#include <arena/layout.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer keeps the input that led to an abort. */
#define must(condition) do {							\
	if (!(condition)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);	\
		abort();							\
	}									\
} while (0)

struct input {
	const uint8_t *data;
	size_t size;
};

static inline void eat(struct input *in, void *to, size_t size)
{
	size_t n = size < in->size ? size : in->size;

	memset(to, 0, size);
	/* There may be no data at all. */
	if (!n)
		return;
	memcpy(to, in->data, n);
	in->data += n;
	in->size -= n;
}

static inline uint8_t eat_u8(struct input *in)
{
	uint8_t n;

	eat(in, &n, sizeof(n));
	return n;
}

static inline uint16_t eat_u16(struct input *in)
{
	uint16_t n;

	eat(in, &n, sizeof(n));
	return n;
}

static inline uint32_t eat_u32(struct input *in)
{
	uint32_t n;

	eat(in, &n, sizeof(n));
	return n;
}

static inline uint64_t eat_u64(struct input *in)
{
	uint64_t n;

	eat(in, &n, sizeof(n));
	return n;
}

static inline bool is_buffer_size(uint32_t n)
{
	return n >= ARENA_MIN_BUFFER && n <= ARENA_MAX_BUFFER && !(n & (n - 1));
}

/* Every group lies inside the region, behind the layout, and apart from the others. */
static inline void must_be_sound(const struct arena_layout *l, uint64_t length)
{
	unsigned __int128 end = sizeof(*l);

	must(l->n_groups <= ARENA_MAX_GROUPS && l->length <= length);
	for (uint32_t i = 0; i < l->n_groups; i++) {
		const struct arena_group *g = &l->group[i];
		unsigned __int128 bytes = (unsigned __int128)g->count * g->buffer_size;

		must(g->count && g->count <= ARENA_MAX_GROUP_BUFFERS);
		must(is_buffer_size(g->buffer_size) && bytes <= ARENA_MAX_GROUP_BYTES);
		must(!(g->offset % 4096) && !(g->offset % g->buffer_size));
		must(g->offset >= end && g->offset + bytes <= l->length);
		must(arena_layout_has_role(l, g->role));
		must(g->use <= ARENA_MAX_USE);
		end = g->offset + bytes;
	}
}

#endif /* TESTS_PARSERS_PARSER_H */
