// SPDX-License-Identifier: MIT
/*
 * Goal: arena_layout_read() accepts a layout only if its groups lie inside the region and apart
 * from each other. It reads nothing but the layout. Everything that can be named in an accepted
 * layout exists.
 * Method: a layout that was made, with some words changed, or any bytes of the input. The
 * memory ends where the layout ends, so that the address sanitizer finds a read beyond it.
 */
#include <errno.h>

#include "parser.h"

#define HEADER_WORDS	12U
#define GROUP_WORDS	6U

/* Only addresses are computed from it; nothing is mapped there. */
#define BASE		0x200000000000ULL

enum { RAW = 1, OWN_LENGTH = 2, OWN_MAGIC = 4 };

static void make(struct arena_layout *l, uint8_t which)
{
	struct arena_config c = {
		.size = sizeof(c),
		.length = 64ULL << 20 << (which & 7),
		.classes = {
			{ .processes = 1 + (which >> 3 & 3),
			  .group = { { 1, 512, 1024 }, { 2, 4096, 0 } } },
			{ .processes = 1 + (which >> 5 & 3) },
		},
	};

	if (which & 128) {
		c.group_bytes = 8 << 20;
		c.classes[0].group[1].buffer_size = ARENA_MIN_BUFFER;
		c.classes[1].group[0] = (struct arena_group_config){ 15, 1 << 16, 0 };
		c.classes[2].processes = 1 + (which & 3);
	}
	must(!arena_layout_make(l, &c));
}

static uint32_t changed(uint32_t old, struct input *in)
{
	uint8_t how = eat_u8(in), value = eat_u8(in);
	uint32_t power = 1U << value % 32;

	switch (how % 6) {
	case 0:
		return value;
	case 1:
		return power;
	case 2:
		return old + value;
	case 3:
		return old + power;
	case 4:
		return old - power;
	default:
		return eat_u32(in);
	}
}

/* Change words of 4 bytes, in the header or in a group, as the input says. */
static void change(struct arena_layout *l, struct input *in)
{
	const uint32_t groups = l->n_groups;

	while (in->size) {
		uint32_t word = eat_u8(in), value;
		char *at;

		if (word >= HEADER_WORDS) {
			word = HEADER_WORDS + (word - HEADER_WORDS) % groups * GROUP_WORDS;
			word += eat_u8(in) % GROUP_WORDS;
		}
		at = (char *)l + word * sizeof(value);
		memcpy(&value, at, sizeof(value));
		value = changed(value, in);
		memcpy(at, &value, sizeof(value));
	}
}

static void check_has(const struct arena_layout *l, uint32_t group, uint32_t index,
		      uint32_t count)
{
	bool exists = group < l->n_groups && count &&
		      (uint64_t)index + count <= l->group[group].count;

	must(arena_layout_has(l, group, index, count) == exists);
	if (exists) {
		const struct arena_group *g = &l->group[group];
		uintptr_t from = (uintptr_t)arena_layout_buffer((void *)BASE, l, group, index);

		must(from >= BASE + g->offset);
		must(from + (uint64_t)count * g->buffer_size <= BASE + l->length);
	}
}

static void check_names(const struct arena_layout *l)
{
	static const uint32_t odd[] = { 0, 1, 2, 63, 65535, 65536, 1 << 24, INT32_MAX, UINT32_MAX };
	const size_t n = sizeof(odd) / sizeof(odd[0]);

	for (uint32_t g = 0; g < l->n_groups + 2; g++) {
		uint32_t count = g < l->n_groups ? l->group[g].count : 0;

		for (size_t i = 0; i < n; i++) {
			check_has(l, g, odd[i], odd[n - 1 - i]);
			check_has(l, g, count - odd[i], odd[i]);
			check_has(l, g, odd[i], count - odd[i]);
			check_has(l, g, count - odd[i], odd[i] + 1);
			check_has(l, odd[i], g, count);
		}
	}
}

/* Each process has a control group, with a buffer for each process of another class. */
static void check_process(const struct arena_layout *l, uint32_t role)
{
	int group = arena_layout_find(l, role, ARENA_USE_CONTROL, 0);
	const struct arena_group *g;
	uint64_t next = 0;

	must(group >= 0 && (uint32_t)group < l->n_groups);
	g = &l->group[group];
	must(g->role == role && g->use == ARENA_USE_CONTROL);
	must(arena_layout_find(l, role, ARENA_USE_CONTROL, 1) == -ENOENT);
	for (uint32_t class = 0; class <= ARENA_MAX_CLASSES; class++)
		for (uint32_t i = 0; i <= ARENA_MAX_PROCESSES; i++) {
			uint32_t reader = ARENA_ROLE(class, i);
			uintptr_t at = (uintptr_t)arena_layout_control((void *)BASE, l, role,
								       reader);

			if (!arena_layout_has_role(l, reader) || class == ARENA_ROLE_CLASS(role))
				must(!at);
			else
				must(at == BASE + g->offset + next++ * g->buffer_size);
		}
	must(next == g->count);
}

static void check_processes(const struct arena_layout *l)
{
	for (uint32_t class = 0; class < ARENA_MAX_CLASSES; class++) {
		must(l->processes[class] <= ARENA_MAX_PROCESSES);
		for (uint32_t i = 0; i < l->processes[class]; i++)
			check_process(l, ARENA_ROLE(class, i));
	}
	must(l->processes[0] && l->processes[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena_layout made, out;
	struct input in = { data, size };
	struct arena_layout *region = malloc(sizeof(*region));
	uint8_t mode = eat_u8(&in);
	uint64_t length;
	int ret;

	must(region);
	make(&made, eat_u8(&in));
	length = mode & OWN_LENGTH ? eat_u64(&in) : made.length;
	if (mode & RAW) {
		eat(&in, &made, sizeof(made));
		if (!(mode & OWN_MAGIC)) {
			made.magic = ARENA_LAYOUT_MAGIC;
			made.version = ARENA_LAYOUT_VERSION;
		}
	} else {
		change(&made, &in);
	}
	memcpy(region, &made, sizeof(made));
	ret = arena_layout_read(length < sizeof(*region) ? NULL : region, length, &out);
	must(!ret || ret == -EPROTO || ret == -ERANGE);
	must(!memcmp(region, &made, sizeof(made)));
	if (!ret) {
		must(!memcmp(&out, &made, sizeof(out)));
		must_be_sound(&out, length);
		check_processes(&out);
		check_names(&out);
	}
	free(region);
	return 0;
}
