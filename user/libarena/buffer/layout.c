// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arena/layout.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <arena/snapshot.h>

#include "../why.h"

#define PAGE	4096ULL

#define DEFAULT_BUFFER	4096U
#define DEFAULT_ENTRIES	1024U

/* More than any region has, and small enough that sums of it do not overflow. */
#define MAX_LENGTH	(1ULL << 48)

#define HEADER	round_up(sizeof(struct arena_layout), PAGE)

#define LAYOUT_SEALS	(F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* A page of this size is not too much for the layout alone. */
#define MAX_HEADER_PAGE	(2ULL << 20)

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* @to is a power of two. */
static uint64_t round_down(uint64_t n, uint64_t to)
{
	return n & ~(to - 1);
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return round_down(n + to - 1, to);
}

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static bool is_buffer_size(uint64_t n)
{
	return is_power_of_two(n) && n >= ARENA_MIN_BUFFER && n <= ARENA_MAX_BUFFER;
}

static bool is_entries(uint32_t entries)
{
	return is_power_of_two(entries) && entries <= ARENA_MAX_CHANNEL_ENTRIES;
}

static uint64_t group_bytes(const struct arena_group *g)
{
	return (uint64_t)g->buffer_size * g->count;
}

/* Processes of the other classes: as many buffers as a control group has. */
static uint32_t count_others(const uint32_t processes[ARENA_MAX_CLASSES], uint32_t class)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++)
		if (i != class)
			n += processes[i];
	return n;
}

/* Two classes or more, of at most ARENA_MAX_PROCESSES, and none after an empty one. */
static bool processes_are_sound(const uint32_t processes[ARENA_MAX_CLASSES])
{
	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++)
		if (processes[i] > ARENA_MAX_PROCESSES || (i && processes[i] && !processes[i - 1]))
			return false;
	return processes[1];
}

/*
 * Making
 */

/**
 * struct shard - the part of a region that belongs to one process
 * @l: the layout
 * @role: the process
 * @at: the first byte that no group has yet
 * @end: the first byte behind the part
 */
struct shard {
	struct arena_layout *l;
	uint32_t role;
	uint64_t at;
	uint64_t end;
};

static int add_group(struct shard *s, uint32_t use, uint64_t size, uint64_t count)
{
	uint64_t offset = round_up(s->at, max_u64(size, PAGE));

	if (s->l->n_groups == ARENA_MAX_GROUPS)
		return -E2BIG;
	if (offset > s->end || size * count > s->end - offset)
		return -ENOSPC;
	s->l->group[s->l->n_groups++] = (struct arena_group){
		.offset = offset,
		.buffer_size = (uint32_t)size,
		.count = (uint32_t)count,
		.role = s->role,
		.use = use,
	};
	s->at = offset + size * count;
	return 0;
}

static int add_groups(struct shard *s, uint32_t use, uint64_t size, uint64_t count, uint64_t n)
{
	int ret = 0;

	for (uint64_t i = 0; i < n && !ret; i++)
		ret = add_group(s, use, size, count);
	return ret;
}

/*
 * Divide the rest into groups of one size, not larger than the configuration allows, and as many
 * for each part.
 */
static int add_rest(struct shard *s, const struct arena_config *c, uint32_t parts,
		    const struct arena_group_config *g)
{
	uint64_t size = g->buffer_size, most = round_down(c->group_bytes, size);
	uint64_t from = round_up(s->at, max_u64(size, PAGE));
	uint64_t left, n, each;

	if (from >= s->end || s->end - from < size)
		return -ENOSPC;
	left = s->end - from;
	n = (left + most * parts - 1) / (most * parts) * parts;
	/* Align the next group. */
	each = round_down(left / n, max_u64(size, PAGE));
	if (each < size || each < c->longest_extent)
		return -ENOSPC;
	return add_groups(s, g->use, size, each / size, n);
}

static int add_process(struct shard *s, const struct arena_config *c,
		       const struct arena_class_config *class)
{
	uint32_t others = count_others(s->l->processes, ARENA_ROLE_CLASS(s->role));
	int ret = add_group(s, ARENA_USE_CONTROL, arena_control_bytes(c->channel_entries), others);

	for (uint32_t i = 0; i < ARENA_MAX_CONFIG_GROUPS && class->group[i].use && !ret; i++) {
		const struct arena_group_config *g = &class->group[i];

		ret = g->count ? add_groups(s, g->use, g->buffer_size, g->count, class->parts) :
				 add_rest(s, c, class->parts, g);
	}
	return ret;
}

/* The @i-th of @n shares of @bytes begins here. */
static uint64_t share(uint64_t bytes, uint32_t i, uint32_t n, uint64_t align)
{
	return round_down(bytes / n * i + bytes % n * i / n, align);
}

/* The shares of processes for which the configuration says how large they are. */
static uint64_t fixed_bytes(const struct arena_class_config *class)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < class->processes; i++)
		sum += class->each[i];
	return sum;
}

/* Return: where the share of process @i begins in that of its class; its number may be the next. */
static uint64_t process_offset(const struct arena_class_config *class, uint32_t i, uint64_t align)
{
	uint64_t before = 0;
	uint32_t equal = 0, equal_before = 0;

	for (uint32_t j = 0; j < class->processes; j++) {
		equal += !class->each[j];
		if (j < i) {
			before += class->each[j];
			equal_before += !class->each[j];
		}
	}
	if (!equal)
		return before;
	return before + share(class->bytes - fixed_bytes(class), equal_before, equal, align);
}

/*
 * Where the first process's groups can begin: behind the layout, and behind its last page if
 * pages are not too large for that. Then no process can write the layout through its view.
 */
static uint64_t first_offset(const struct arena_config *c)
{
	return c->align <= MAX_HEADER_PAGE ? round_up(HEADER, c->align) : HEADER;
}

/* The layout itself lies in the part of the first process. */
static int add_class(struct arena_layout *l, const struct arena_config *c, uint32_t class,
		     uint64_t from)
{
	const struct arena_class_config *cc = &c->classes[class];
	int ret = 0;

	for (uint32_t i = 0; i < cc->processes && !ret; i++) {
		struct shard s = {
			.l = l,
			.role = ARENA_ROLE(class, i),
			.at = from + process_offset(cc, i, c->align),
			.end = from + process_offset(cc, i + 1, c->align),
		};

		s.at = max_u64(s.at, first_offset(c));
		ret = add_process(&s, c, cc);
	}
	return ret;
}

/*
 * Configurations
 */

static void default_groups(struct arena_class_config *class)
{
	if (!class->parts)
		class->parts = 1;
	if (!class->group[0].use && !class->group[0].buffer_size && !class->group[0].count)
		class->group[0].use = 1;
	for (uint32_t i = 0; i < ARENA_MAX_CONFIG_GROUPS; i++)
		if (class->group[i].use && !class->group[i].buffer_size)
			class->group[i].buffer_size = DEFAULT_BUFFER;
}

static void default_classes(struct arena_config *c)
{
	static const struct arena_class_config none[ARENA_MAX_CLASSES];

	if (memcmp(c->classes, none, sizeof(none)) != 0)
		return;
	c->classes[0].processes = 1;
	c->classes[1].processes = 1;
}

/* Put the defaults in place of zeroes. */
static void set_defaults(struct arena_config *c)
{
	if (!c->align)
		c->align = PAGE;
	if (!c->group_bytes)
		c->group_bytes = ARENA_MAX_GROUP_BYTES;
	if (!c->channel_entries)
		c->channel_entries = DEFAULT_ENTRIES;
	default_classes(c);
	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++)
		if (c->classes[i].processes)
			default_groups(&c->classes[i]);
}

static int check_group_config(const struct arena_config *c, const struct arena_group_config *g)
{
	const struct why_rule rules[] = {
		{ g->use > ARENA_MAX_USE, "use: is greater than ARENA_MAX_USE" },
		{ !is_buffer_size(g->buffer_size), "buffer_size: is not that of a buffer" },
		{ g->count > ARENA_MAX_GROUP_BUFFERS,
		  "count: is greater than ARENA_MAX_GROUP_BUFFERS" },
		{ g->count * g->buffer_size > ARENA_MAX_GROUP_BYTES,
		  "count: the group has more than ARENA_MAX_GROUP_BYTES" },
		{ !g->count && c->group_bytes < g->buffer_size,
		  "group_bytes: is less than a buffer" },
		{ !g->count && c->longest_extent > (uint64_t)ARENA_MAX_EXTENT * g->buffer_size,
		  "longest_extent: has more than ARENA_MAX_EXTENT buffers" },
	};

	return WHY_FIRST(rules);
}

/* No group follows the end of the list, or one that takes what remains. */
static int check_groups(const struct arena_config *c, const struct arena_class_config *class)
{
	bool is_open = class->processes;
	int ret = 0;

	for (uint32_t i = 0; i < ARENA_MAX_CONFIG_GROUPS && !ret; i++) {
		const struct arena_group_config *g = &class->group[i];

		if (!g->use && (g->buffer_size || g->count))
			return why("use: is 0, and the group has a size or a count");
		if (g->use && !is_open)
			return why("group: no other can follow one without a count");
		if (g->use)
			ret = check_group_config(c, g);
		is_open = is_open && g->count;
	}
	return ret;
}

/* Shares are small enough that sums of them do not overflow, and are those of processes. */
static int check_each(const struct arena_config *c, const struct arena_class_config *class)
{
	for (uint32_t i = 0; i < ARENA_MAX_PROCESSES; i++) {
		if (class->each[i] % c->align)
			return why("each: is not a multiple of align");
		if (class->each[i] > MAX_LENGTH)
			return why("each: is greater than a region can be");
		if (class->each[i] && i >= class->processes)
			return why("each: is set, and the class has no such process");
	}
	return 0;
}

static int check_class(const struct arena_config *c, const struct arena_class_config *class)
{
	const struct why_rule rules[] = {
		{ class->parts > ARENA_MAX_PROCESSES,
		  "parts: is greater than ARENA_MAX_PROCESSES" },
		{ class->bytes % c->align, "bytes: is not a multiple of align" },
		{ !class->processes && class->bytes,
		  "bytes: is set, and the class has no process" },
	};
	int ret = WHY_FIRST(rules);

	if (!ret)
		ret = check_each(c, class);
	return ret ? ret : check_groups(c, class);
}

static int check_members(const struct arena_config *c)
{
	const struct why_rule rules[] = {
		{ !c->length, "length: is 0" },
		{ c->length > MAX_LENGTH, "length: is greater than a region can be" },
		{ c->reserved, "reserved: is not 0" },
		{ !is_power_of_two(c->align) || c->align < PAGE || c->align > MAX_LENGTH,
		  "align: is not a power of two of at least 4096" },
		{ c->group_bytes > ARENA_MAX_GROUP_BYTES,
		  "group_bytes: is greater than ARENA_MAX_GROUP_BYTES" },
		{ c->longest_extent > c->group_bytes,
		  "longest_extent: is greater than group_bytes" },
		{ !is_entries(c->channel_entries),
		  "channel_entries: is not a power of two up to ARENA_MAX_CHANNEL_ENTRIES" },
	};

	return WHY_FIRST(rules);
}

/* @c has its defaults. */
static int check_config(const struct arena_config *c)
{
	uint32_t processes[ARENA_MAX_CLASSES];
	int ret = check_members(c);

	for (uint32_t i = 0; i < ARENA_MAX_CLASSES && !ret; i++) {
		processes[i] = c->classes[i].processes;
		ret = check_class(c, &c->classes[i]);
	}
	if (ret || processes_are_sound(processes))
		return ret;
	return why("processes: is too many, or follows a class without any, or of one class only");
}

/* Give classes without a share what the others leave; the last of them gets the odd pages. */
static int set_shares(struct arena_config *c)
{
	struct arena_class_config *last = NULL;
	uint64_t left = c->length, each;
	uint32_t n = 0;

	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++) {
		if (c->classes[i].bytes > left)
			return -ENOSPC;
		left -= c->classes[i].bytes;
		n += c->classes[i].processes && !c->classes[i].bytes;
	}
	each = n ? round_down(left / n, c->align) : 0;
	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++) {
		if (!c->classes[i].processes || c->classes[i].bytes)
			continue;
		last = &c->classes[i];
		last->bytes = each;
		left -= each;
	}
	if (last)
		last->bytes += round_down(left, c->align);
	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++)
		if (fixed_bytes(&c->classes[i]) > c->classes[i].bytes)
			return -ENOSPC;
	return 0;
}

int arena_layout_make(struct arena_layout *l, const struct arena_config *config)
{
	struct arena_config c;
	uint64_t from = 0;
	int ret = why_copy_struct(&c, sizeof(c), config);

	if (ret)
		return ret;
	set_defaults(&c);
	ret = check_config(&c);
	if (!ret)
		ret = set_shares(&c);
	if (ret)
		return ret;

	memset(l, 0, sizeof(*l));
	l->magic = ARENA_LAYOUT_MAGIC;
	l->version = ARENA_LAYOUT_VERSION;
	l->length = c.length;
	l->channel_entries = c.channel_entries;
	for (uint32_t i = 0; i < ARENA_MAX_CLASSES; i++)
		l->processes[i] = c.classes[i].processes;
	for (uint32_t i = 0; i < ARENA_MAX_CLASSES && !ret; i++) {
		ret = add_class(l, &c, i, from);
		from += c.classes[i].bytes;
	}
	return ret;
}

void arena_layout_write(void *region, const struct arena_layout *l)
{
	memcpy(region, l, sizeof(*l));
}

/*
 * Reading
 */

static bool group_is_sound(const struct arena_group *g)
{
	return g->count && g->count <= ARENA_MAX_GROUP_BUFFERS && is_buffer_size(g->buffer_size) &&
	       !(g->offset % PAGE) && !(g->offset % g->buffer_size) &&
	       group_bytes(g) <= ARENA_MAX_GROUP_BYTES;
}

/* The first group of each process, and only that, is its control group. */
static bool use_is_sound(const struct arena_layout *l, const struct arena_group *g, bool first)
{
	if (!first)
		return g->use != ARENA_USE_CONTROL && g->use <= ARENA_MAX_USE;
	return g->use == ARENA_USE_CONTROL &&
	       g->count == count_others(l->processes, ARENA_ROLE_CLASS(g->role)) &&
	       g->buffer_size >= arena_control_bytes(l->channel_entries);
}

static uint32_t next_role(const struct arena_layout *l, uint32_t role)
{
	uint32_t class = ARENA_ROLE_CLASS(role);

	if (ARENA_ROLE_NUMBER(role) + 1 < l->processes[class])
		return role + 1;
	return ARENA_ROLE(class + 1, 0);
}

/* Processes come in the order of their roles, and none is left out. */
static bool groups_are_sound(const struct arena_layout *l)
{
	uint32_t role = ARENA_ROLE(0, 0);

	for (uint32_t i = 0; i < l->n_groups; i++) {
		const struct arena_group *g = &l->group[i];
		bool first = !i || g->role != role;

		if (i && first)
			role = next_role(l, role);
		if (g->role != role || !arena_layout_has_role(l, role) ||
		    !group_is_sound(g) || !use_is_sound(l, g, first))
			return false;
	}
	return l->n_groups && !arena_layout_has_role(l, next_role(l, role));
}

/* Ascending, apart, behind the layout itself and before the end. */
static bool groups_fit(const struct arena_layout *l)
{
	uint64_t end = HEADER;

	for (uint32_t i = 0; i < l->n_groups; i++) {
		const struct arena_group *g = &l->group[i];

		if (g->offset < end || g->offset > l->length ||
		    group_bytes(g) > l->length - g->offset)
			return false;
		end = g->offset + group_bytes(g);
	}
	return true;
}

int arena_layout_read(const void *region, uint64_t length,
		      struct arena_layout *out)
{
	if (length < HEADER)
		return -ERANGE;
	arena_snapshot(out, region, sizeof(*out));
	if (out->magic != ARENA_LAYOUT_MAGIC || out->version != ARENA_LAYOUT_VERSION ||
	    !processes_are_sound(out->processes) || out->n_groups > ARENA_MAX_GROUPS ||
	    !is_entries(out->channel_entries) || out->reserved || !groups_are_sound(out))
		return -EPROTO;
	if (out->length > length || !groups_fit(out))
		return -ERANGE;
	return 0;
}

int arena_layout_seal(const struct arena_layout *l)
{
	int fd = memfd_create("arena-layout", MFD_CLOEXEC | MFD_ALLOW_SEALING), ret;

	if (fd < 0)
		return -errno;
	if (write(fd, l, sizeof(*l)) == sizeof(*l) && !fcntl(fd, F_ADD_SEALS, LAYOUT_SEALS))
		return fd;
	ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

int arena_layout_load(int fd, struct arena_layout *out)
{
	struct arena_layout l;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return errno == EINVAL ? -EPROTO : -errno;
	if (~seals & LAYOUT_SEALS || pread(fd, &l, sizeof(l), 0) != sizeof(l))
		return -EPROTO;
	return arena_layout_read(&l, MAX_LENGTH, out);
}

int arena_layout_find(const struct arena_layout *l, uint32_t role, uint32_t use, uint32_t nth)
{
	for (uint32_t i = 0; i < l->n_groups; i++)
		if (l->group[i].role == role && l->group[i].use == use && !nth--)
			return (int)i;
	return -ENOENT;
}

/* The place of @reader among the processes of other classes than @class. */
static uint32_t control_index(const struct arena_layout *l, uint32_t class, uint32_t reader)
{
	uint32_t index = ARENA_ROLE_NUMBER(reader);

	for (uint32_t i = 0; i < ARENA_ROLE_CLASS(reader); i++)
		if (i != class)
			index += l->processes[i];
	return index;
}

void *arena_layout_control(void *region, const struct arena_layout *l, uint32_t writer,
			   uint32_t reader)
{
	uint32_t class = ARENA_ROLE_CLASS(writer);
	int group = arena_layout_find(l, writer, ARENA_USE_CONTROL, 0);

	if (group < 0 || !arena_layout_has_role(l, reader) || ARENA_ROLE_CLASS(reader) == class)
		return NULL;
	return arena_layout_buffer(region, l, (uint32_t)group, control_index(l, class, reader));
}
