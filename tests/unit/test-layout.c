// SPDX-License-Identifier: MIT
/*
 * Goal: every layout that arena_layout_make() makes is sound, and arena_layout_has() and
 * arena_layout_control() give what is in it.
 * Method: layouts for many sizes of regions and buffers and many numbers of processes
 * are made, read back and checked by this test's own rules.
 */
#include <libarena/channel/part.h>

#include "layouts.h"

static uint64_t bytes_of(const struct arena_group *g)
{
	return (uint64_t)g->buffer_size * g->count;
}

static uint32_t groups_of(const struct arena_layout *l, uint32_t role, uint32_t use)
{
	uint32_t n = 0;

	while (arena_layout_find(l, role, use, n) >= 0)
		n++;
	return n;
}

static uint32_t others_of(const struct arena_config *c, uint32_t class)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++)
		n += i == class ? 0 : c->classes[i].processes;
	return n;
}

/*
 * For each part a process has one group of the number of buffers that was asked for, or, if no
 * number was given, as many groups as for the other parts, which can hold the longest extent.
 */
static bool has_groups(const struct arena_layout *l, const struct arena_config *c, uint32_t role,
		       const struct arena_group_config *wanted)
{
	uint32_t parts = c->classes[ARENA_ROLE_CLASS(role)].parts;
	int found = arena_layout_find(l, role, wanted->use, 0);
	uint32_t groups = groups_of(l, role, wanted->use);
	const struct arena_group *g;

	if (found < 0)
		return false;
	g = &l->group[found];
	if (g->buffer_size != wanted->buffer_size)
		return false;
	if (wanted->count)
		return g->count == wanted->count && groups == (parts ? parts : 1);
	return bytes_of(g) >= c->longest_extent && !(parts && groups % parts);
}

/* Each process has its groups, of the sizes that were asked for. */
static bool has_process(const struct arena_layout *l, const struct arena_config *c,
			uint32_t role)
{
	const struct arena_class_config *class = &c->classes[ARENA_ROLE_CLASS(role)];
	int control = arena_layout_find(l, role, ARENA_USE_CONTROL, 0);
	uint32_t entries = c->channel_entries ? c->channel_entries : 1024;

	if (groups_of(l, role, ARENA_USE_CONTROL) != 1 ||
	    l->group[control].count != others_of(c, ARENA_ROLE_CLASS(role)) ||
	    l->group[control].buffer_size < channel_part_bytes(entries))
		return false;
	for (unsigned int i = 0; i < ARENA_MAX_CONFIG_GROUPS && class->group[i].use; i++)
		if (!has_groups(l, c, role, &class->group[i]))
			return false;
	return true;
}

static bool has_all_roles(const struct arena_layout *l, const struct arena_config *c)
{
	for (uint32_t class = 0; class < ARENA_MAX_CLASSES; class++) {
		uint32_t n = c->classes[class].processes;

		for (uint32_t i = 0; i < n; i++)
			if (!has_process(l, c, ARENA_ROLE(class, i)) ||
			    !arena_layout_has_role(l, ARENA_ROLE(class, i)))
				return false;
		if (arena_layout_has_role(l, ARENA_ROLE(class, n)) ||
		    arena_layout_find(l, ARENA_ROLE(class, n), ARENA_USE_CONTROL, 0) != -ENOENT)
			return false;
	}
	return !arena_layout_has_role(l, ARENA_ROLE(ARENA_MAX_CLASSES, 0)) &&
	       !arena_layout_has_role(l, UINT32_MAX);
}

static bool is_sound(const struct arena_layout *l, const struct arena_config *c)
{
	uint64_t end = sizeof(*l);

	for (uint32_t i = 0; i < l->n_groups; i++) {
		const struct arena_group *g = &l->group[i];

		if (g->offset < end || g->offset % 4096 || g->offset % g->buffer_size ||
		    bytes_of(g) > ARENA_MAX_GROUP_BYTES || g->count > ARENA_MAX_GROUP_BUFFERS)
			return false;
		end = g->offset + bytes_of(g);
	}
	return end <= c->length && has_all_roles(l, c);
}

/* Returns 1 for a sound layout, 0 if there is no room for one, -1 for anything else. */
static int make_one(const struct arena_config *c)
{
	struct arena_layout l, back;
	int ret = arena_layout_make(&l, c);

	if (ret)
		return ret == -ENOSPC ? 0 : -1;
	arena_layout_write(&region, &l);
	if (arena_layout_read(&region, c->length, &back) || memcmp(&l, &back, sizeof(l)))
		return -1;
	return is_sound(&l, c) ? 1 : -1;
}

static void test_processes(void)
{
	static const uint64_t lengths[] = { 128 * MIB, GIB, 20 * GIB, 512 * GIB };
	static const uint32_t numbers[] = { 1, 2, 3, 8, 100, 128 };
	int made = 0, wrong = 0;

	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int first = 0; first < 6; first++)
			for (unsigned int second = 0; second < 6; second++) {
				struct arena_config c = config_of(lengths[i]);
				int ret;

				c.classes[0].processes = numbers[first];
				c.classes[1].processes = numbers[second];
				c.longest_extent = i ? LONGEST : 4096;
				ret = make_one(&c);
				made += ret == 1;
				wrong += ret < 0;
			}
	is(wrong, 0,
	   "for every number of processes the layout is sound, or the region is too short");
	ok(made >= 100, "for most numbers of processes there is a layout (%d of 144)", made);
}

/* For each number of classes, one class after the other has 128 processes, the others few. */
static void test_classes(void)
{
	int made = 0;

	for (uint32_t n = 2; n <= ARENA_MAX_CLASSES; n++)
		for (uint32_t large = 0; large < n; large++) {
			struct arena_config c = config_of(4 * GIB);

			for (uint32_t i = 0; i < n; i++) {
				c.classes[i].processes = i == large ? 128 : i + 1;
				if (i > 1)
					c.classes[i].group[0] = (struct arena_group_config){
						i, 64U << i, 10 };
			}
			made += make_one(&c) == 1;
		}
	is(made, 9, "two to four classes have sound layouts, whichever has 128 processes");
}

static void test_sizes(void)
{
	int made = 0, wrong = 0;

	for (uint32_t small = 64; small <= 2 * MIB; small *= 2)
		for (uint32_t first = 64; first <= 2 * MIB; first *= 2)
			for (uint32_t second = 64; second <= 2 * MIB; second *= 2) {
				struct arena_config c = config_of(8 * GIB);
				int ret;

				c.classes[0].group[0].buffer_size = small;
				c.classes[0].group[0].count = 64;
				c.classes[0].group[1].buffer_size = first;
				c.classes[1].group[0].buffer_size = second;
				c.classes[1].processes = 3;
				c.align = 2 * MIB;
				c.group_bytes = 512 * MIB;
				ret = make_one(&c);
				made += ret == 1;
				wrong += ret != 1;
			}
	is(made, 16 * 16 * 16,
	   "each group can have buffers of each power of two from 64 B to 2 MiB");
	is(wrong, 0, "no combination of buffer sizes is refused or makes an unsound layout");
}

/* Groups for 1 to 128 peers, in shares that take one group for each of them or several. */
static void test_parts(void)
{
	static const uint32_t numbers[] = { 1, 2, 3, 8, 128 };
	int made = 0;

	for (unsigned int i = 0; i < 5; i++)
		for (uint64_t group_bytes = 16 * MIB; group_bytes <= GIB; group_bytes *= 4) {
			struct arena_config c = config_of(20 * GIB);

			c.classes[1].parts = numbers[i];
			c.classes[1].processes = 2;
			c.group_bytes = group_bytes;
			c.longest_extent = 4096;
			made += make_one(&c) == 1;
		}
	is(made, 5 * 4, "a class has as many groups for each part, whatever the size of groups");
}

static void test_default(void)
{
	const struct arena_config c = { .size = sizeof(c), .length = 16 * MIB };
	struct arena_layout l;

	is(arena_layout_make(&l, &c), 0, "a configuration of a length alone makes a layout");
	is(l.n_groups, 4, "the default layout has four groups");
	is(l.channel_entries, 1024, "channels of the default layout have 1024 messages");
	for (uint32_t class = 0; class < 2; class++) {
		int data = arena_layout_find(&l, ARENA_ROLE(class, 0), 1, 0);

		is(l.processes[class], 1, "class %u of the default layout has one process", class);
		is(l.group[data].buffer_size, 4096,
		   "buffers of class %u of the default layout have 4096 bytes", class);
		ok(bytes_of(&l.group[data]) > 7 * MIB,
		   "class %u of the default layout has about half the region",
		   class);
	}
	is(l.processes[2], 0, "the default layout has no third class");
}

static uint64_t offset_of(const struct arena_layout *l, uint32_t role)
{
	return l->group[arena_layout_find(l, role, ARENA_USE_CONTROL, 0)].offset;
}

static void test_shares(void)
{
	struct arena_config c = config_of(20 * GIB);
	struct arena_layout l;

	c.classes[0].bytes = 4 * GIB;
	is(arena_layout_make(&l, &c), 0, "a class may ask for 4 of 20 GiB");
	is(offset_of(&l, ARENA_ROLE(1, 0)), 4 * GIB,
	   "the second class begins behind the 4 GiB of the first");
	ok(groups_of(&l, ARENA_ROLE(1, 0), USE_SECOND) >= 16,
	   "the second class has the other 16 GiB, in many groups");
	c.classes[0].processes = 2;
	c.classes[1].processes = 4;
	c.align = GIB;
	is(arena_layout_make(&l, &c), 0, "two and four processes, aligned to 1 GiB, have a layout");
	for (unsigned int i = 0; i < 4; i++)
		is(offset_of(&l, ARENA_ROLE(1, i)), (4 + i * 4) * GIB,
		   "process %u of the second class begins at its own multiple of 1 GiB", i);
	is(offset_of(&l, ARENA_ROLE(0, 1)), 2 * GIB,
	   "the second process of the first class begins at 2 GiB");
	c.classes[2].processes = 1;
	c.classes[1].bytes = 8 * GIB;
	is(arena_layout_make(&l, &c), 0, "a third class may take what the two others leave");
	is(offset_of(&l, ARENA_ROLE(2, 0)), 12 * GIB,
	   "the third class begins behind the two others");
	ok(groups_of(&l, ARENA_ROLE(2, 0), 1) >= 8,
	   "the default groups of the third class take all of its 8 GiB");
	c.classes[0].bytes = 0;
	is(arena_layout_make(&l, &c), 0, "two classes that ask for no bytes divide what is left");
	is(offset_of(&l, ARENA_ROLE(1, 0)), 6 * GIB,
	   "the second class begins behind half of what is left");
}

/* Processes of one class with shares of their own sizes, beside others that divide the rest. */
static void test_each(void)
{
	struct arena_config c = config_of(20 * GIB);
	struct arena_layout l;

	c.classes[0].bytes = 4 * GIB;
	c.classes[1].processes = 4;
	c.classes[1].each[1] = 2 * GIB;
	c.align = GIB;
	is(arena_layout_make(&l, &c), 0, "one of four processes may ask for 2 of 16 GiB");
	is(offset_of(&l, ARENA_ROLE(1, 1)), 8 * GIB,
	   "the process before the one with 2 GiB has a part of what the others leave");
	is(offset_of(&l, ARENA_ROLE(1, 2)), 10 * GIB,
	   "the process after the one with 2 GiB begins behind these");
	is(offset_of(&l, ARENA_ROLE(1, 3)), 15 * GIB,
	   "processes without a size divide equally what the others leave, in whole pages");
	is(make_one(&c), 1, "a layout of shares of different sizes is sound");
	c.classes[1].each[0] = GIB;
	c.classes[1].each[2] = 4 * GIB;
	c.classes[1].each[3] = 3 * GIB;
	is(arena_layout_make(&l, &c), 0, "all processes of a class may ask for a size");
	is(offset_of(&l, ARENA_ROLE(1, 3)), 11 * GIB,
	   "the last process begins behind the shares of the others");
	ok(l.group[l.n_groups - 1].offset + bytes_of(&l.group[l.n_groups - 1]) <= 14 * GIB,
	   "the last process ends with its share, not with that of its class");
	c.classes[1].each[3] = 9 * GIB;
	is(arena_layout_make(&l, &c), 0, "the shares of a class may be all of its bytes");
	c.classes[1].each[3] = 10 * GIB;
	is(arena_layout_make(&l, &c), -ENOSPC, "more than the bytes of a class are refused");
	c.classes[1].each[3] = 0;
	c.classes[1].each[2] = 13 * GIB;
	is(arena_layout_make(&l, &c), -ENOSPC,
	   "shares that leave nothing to a process without a size are refused");
}

/* Shares do not overlap where the region's length is no multiple of the alignment. */
static void test_odd_length(void)
{
	struct arena_config c = config_of(GIB + 2 * MIB + 4096);

	c.align = 2 * MIB;
	is(make_one(&c), 1, "a region whose length is no multiple of the alignment has a layout");
	c.classes[1].bytes = 512 * MIB;
	is(make_one(&c), 1,
	   "a region of odd length has a layout if its first class gets what the second one leaves");
}

static void test_has(void)
{
	struct arena_config c = config_of(GIB);
	struct arena_layout l;
	uint32_t n;

	arena_layout_make(&l, &c);
	n = l.group[1].count;
	ok(arena_layout_has(&l, 1, 0, 1), "arena_layout_has() accepts the first buffer of a group");
	ok(arena_layout_has(&l, 1, n - 1, 1),
	   "arena_layout_has() accepts the last buffer of a group");
	ok(arena_layout_has(&l, 1, 0, n), "arena_layout_has() accepts all buffers of a group");
	ok(!arena_layout_has(&l, 1, 0, 0), "arena_layout_has() refuses an extent of no buffers");
	ok(!arena_layout_has(&l, 1, n, 1), "arena_layout_has() refuses the buffer behind the last");
	ok(!arena_layout_has(&l, 1, n - 1, 2),
	   "arena_layout_has() refuses an extent across the end");
	ok(!arena_layout_has(&l, 1, 1, UINT32_MAX),
	   "arena_layout_has() refuses a count that overflows");
	ok(!arena_layout_has(&l, 1, UINT32_MAX, 1),
	   "arena_layout_has() refuses the greatest index");
	ok(!arena_layout_has(&l, l.n_groups, 0, 1),
	   "arena_layout_has() refuses the number of groups as a group");
	ok(!arena_layout_has(&l, UINT32_MAX, 0, 1),
	   "arena_layout_has() refuses the greatest group");
}

/* True if the buffer lies in the writer's control group and no other reader has it. */
static bool is_control(struct arena_layout *l, uint32_t writer, uint32_t reader, bool *seen)
{
	const struct arena_group *g = &l->group[arena_layout_find(l, writer, 0, 0)];
	char *buffer = arena_layout_control(&region, l, writer, reader);
	uint64_t at = (uint64_t)(buffer - (char *)&region) - g->offset;

	if (!buffer || at % g->buffer_size || at / g->buffer_size >= g->count ||
	    seen[at / g->buffer_size])
		return false;
	seen[at / g->buffer_size] = true;
	return true;
}

static void test_control(void)
{
	struct arena_config c = config_of(GIB);
	bool is_good = true, is_refused = true;
	struct arena_layout l;

	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++)
		c.classes[i].processes = i + 2;
	is(arena_layout_make(&l, &c), 0, "a layout of four classes is made");
	for (uint32_t writer = 0; writer < ARENA_MAX_CLASSES; writer++) {
		bool seen[32] = { false };

		for (uint32_t reader = 0; reader < ARENA_MAX_CLASSES; reader++)
			for (uint32_t i = 0; i < reader + 2; i++)
				if (reader == writer)
					is_refused &= !arena_layout_control(&region, &l,
						ARENA_ROLE(writer, 0), ARENA_ROLE(reader, i));
				else
					is_good &= is_control(&l, ARENA_ROLE(writer, 1),
							      ARENA_ROLE(reader, i), seen);
	}
	ok(is_good, "each process of another class has a control buffer of its own");
	ok(is_refused, "a process of the same class has no control buffer");
	ok(!arena_layout_control(&region, &l, ARENA_ROLE(0, 0), ARENA_ROLE(1, 3)),
	   "a reader that does not exist has no control buffer");
	ok(!arena_layout_control(&region, &l, ARENA_ROLE(0, 2), ARENA_ROLE(1, 0)),
	   "a writer that does not exist has no control buffer");
}

int main(void)
{
	test_processes();
	test_classes();
	test_sizes();
	test_parts();
	test_default();
	test_shares();
	test_each();
	test_odd_length();
	test_has();
	test_control();
	return done_testing();
}
