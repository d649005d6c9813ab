// SPDX-License-Identifier: MIT
/*
 * Goal: arena_layout_make() either refuses a configuration, or makes a layout that has what the
 * configuration asks for and that every process accepts.
 * Method: the members of a configuration are taken from the input as they are, or mapped to
 * plausible values, so that many are accepted. The layout is written, read and compared.
 */
#include <errno.h>

#include "parser.h"

/* Half of the plausible values are 0, which selects the default. */
static uint32_t power(struct input *in, bool is_plausible)
{
	uint32_t n = eat_u32(in);

	if (!is_plausible)
		return n;
	return n & 1U << 31 ? 0 : 1U << n % 24;
}

static struct arena_group_config eat_group(struct input *in, bool is_plausible)
{
	struct arena_group_config g = { .use = is_plausible ? eat_u8(in) % 16 : eat_u32(in) };

	g.buffer_size = power(in, is_plausible);
	g.count = is_plausible ? eat_u16(in) : eat_u64(in);
	return g;
}

static struct arena_class_config eat_class(struct input *in, const struct arena_config *c,
					   bool is_plausible)
{
	struct arena_class_config class = { .processes = is_plausible ? eat_u8(in) : eat_u32(in) };
	uint32_t groups = eat_u8(in) % (ARENA_MAX_CONFIG_GROUPS + 1);

	class.bytes = eat_u64(in);
	if (is_plausible)
		class.bytes = class.bytes % (c->length | 1) & ~(c->align - 1);
	if (class.processes)
		class.each[eat_u8(in) % ARENA_MAX_PROCESSES] = is_plausible ?
			eat_u32(in) & ~(c->align - 1) : eat_u64(in);
	class.parts = is_plausible ? eat_u8(in) % 8 : eat_u32(in);
	for (uint32_t i = 0; i < groups; i++)
		class.group[i] = eat_group(in, is_plausible);
	return class;
}

static struct arena_config eat_config(struct input *in)
{
	uint8_t mode = eat_u8(in);
	bool is_plausible = mode & 1;
	struct arena_config c = { .size = sizeof(c) };
	uint32_t classes;

	c.length = eat_u64(in) >> (is_plausible ? mode >> 2 : 0);
	if (mode & 2)
		return c;
	classes = eat_u8(in) % (ARENA_MAX_CLASSES + 1);
	c.align = power(in, is_plausible);
	c.group_bytes = is_plausible ? eat_u32(in) : eat_u64(in);
	c.longest_extent = is_plausible ? eat_u32(in) : eat_u64(in);
	c.channel_entries = power(in, is_plausible);
	c.reserved = is_plausible ? 0 : eat_u32(in);
	for (uint32_t i = 0; i < classes; i++)
		c.classes[i] = eat_class(in, &c, is_plausible);
	return c;
}

/* The groups of one role and use: their number, their buffers and the bytes of the longest. */
struct sum {
	uint32_t groups;
	uint64_t buffers;
	uint64_t longest;
};

static struct sum sum_of(const struct arena_layout *l, uint32_t role, uint32_t use)
{
	struct sum s = { 0 };
	int group;

	while ((group = arena_layout_find(l, role, use, s.groups)) >= 0) {
		const struct arena_group *g = &l->group[group];
		uint64_t bytes = (uint64_t)g->count * g->buffer_size;

		must(g->role == role && g->use == use);
		s.groups++;
		s.buffers += g->count;
		if (bytes > s.longest)
			s.longest = bytes;
	}
	return s;
}

static uint32_t processes_of(const struct arena_config *c, uint32_t class)
{
	if (!c->classes[0].processes)
		return class < 2;
	return c->classes[class].processes;
}

/* The group of a class that names none. */
static const struct arena_group_config usual = { .use = 1 };

static uint32_t size_of(const struct arena_group_config *g)
{
	return g->buffer_size ? g->buffer_size : 4096;
}

static const struct arena_group_config *groups_of(const struct arena_class_config *class)
{
	return class->group[0].use ? class->group : &usual;
}

static bool is_end(const struct arena_class_config *class, uint32_t i)
{
	if (!class->group[0].use)
		return i == 1;
	return i == ARENA_MAX_CONFIG_GROUPS || !class->group[i].use;
}

static uint32_t parts_of(const struct arena_class_config *class)
{
	return class->parts ? class->parts : 1;
}

/* The groups of one entry begin at index @at; returns the index behind the last of them. */
static uint32_t check_group(const struct arena_layout *l, const struct arena_config *c,
			    uint32_t role, uint32_t at, const struct arena_group_config *wanted)
{
	uint64_t most = c->group_bytes ? c->group_bytes : ARENA_MAX_GROUP_BYTES;
	uint32_t parts = parts_of(&c->classes[ARENA_ROLE_CLASS(role)]), n = 0;
	uint64_t longest = 0;

	do {
		const struct arena_group *g = &l->group[at++];
		uint64_t bytes = (uint64_t)g->count * g->buffer_size;

		must(g->role == role && g->use == wanted->use);
		must(g->buffer_size == size_of(wanted));
		must(wanted->count ? g->count == wanted->count : bytes <= most);
		if (bytes > longest)
			longest = bytes;
		n++;
	} while (wanted->count ? n < parts : at < l->n_groups && l->group[at].role == role);
	must(n % parts == 0);
	must(wanted->count || longest >= c->longest_extent);
	return at;
}

static void check_process(const struct arena_layout *l, const struct arena_config *c,
			  uint32_t role)
{
	const struct arena_class_config *class = &c->classes[ARENA_ROLE_CLASS(role)];
	struct sum control = sum_of(l, role, ARENA_USE_CONTROL);
	uint32_t others = 0, at;

	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++)
		others += i == ARENA_ROLE_CLASS(role) ? 0 : processes_of(c, i);
	must(control.groups == 1 && control.buffers == others);
	at = (uint32_t)arena_layout_find(l, role, ARENA_USE_CONTROL, 0) + 1;
	for (uint32_t i = 0; !is_end(class, i); i++)
		at = check_group(l, c, role, at, &groups_of(class)[i]);
	must(at == l->n_groups || l->group[at].role != role);
}

static void check_config(const struct arena_layout *l, const struct arena_config *c)
{
	for (uint32_t class = 0; class < ARENA_MAX_CLASSES; class++) {
		must(l->processes[class] == processes_of(c, class));
		for (uint32_t i = 0; i < l->processes[class]; i++)
			check_process(l, c, ARENA_ROLE(class, i));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena_layout made, region, out;
	struct input in = { data, size };
	struct arena_config c = eat_config(&in);
	int ret = arena_layout_make(&made, &c);

	if (ret) {
		must(ret == -EINVAL || ret == -ENOSPC || ret == -E2BIG);
		return 0;
	}
	must_be_sound(&made, c.length);
	check_config(&made, &c);
	arena_layout_write(&region, &made);
	must(!arena_layout_read(&region, c.length, &out));
	must(!memcmp(&out, &made, sizeof(out)));
	return 0;
}
