// SPDX-License-Identifier: LGPL-2.1-or-later
#include <arena/layout.h>

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <arena/snapshot.h>
#include "../channel/spsc.h"

#define PAGE	4096ULL

/* A request's network buffer is named by its slot, which travels in 16 bits. */
#define MAX_NET_BUFFERS	65536U

/* Buffers of a run: their number travels in 16 bits. */
#define MAX_RUN	65535ULL

/* More than any region, and little enough for sums of it. */
#define MAX_LENGTH	(1ULL << 48)

#define HEADER	round_up(sizeof(struct arena_layout), PAGE)

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

static uint64_t group_bytes(const struct arena_group *g)
{
	return (uint64_t)g->buffer_size * g->count;
}

/* What one process writes of a channel: its halves of both directions. */
static uint64_t control_size(uint32_t entries)
{
	uint64_t needed = sizeof(struct arena_spsc_in) + arena_spsc_out_size(entries);
	uint64_t size = PAGE;

	while (size < needed)
		size *= 2;
	return size;
}

static bool is_entries(uint32_t entries)
{
	return is_power_of_two(entries) && entries <= ARENA_SPSC_MAX_ENTRIES;
}

/*
 * Making
 */

/**
 * struct shard - the bytes of one process, as they are given to its groups
 * @l: the layout
 * @role: the process
 * @at: the first byte that no group has
 * @end: the first that is not the process's
 */
struct shard {
	struct arena_layout *l;
	uint32_t role;
	uint64_t at;
	uint64_t end;
};

static int add_group(struct shard *s, enum arena_use use, uint64_t size, uint64_t count)
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

/* What is left, in groups of about one size, none of them larger than @most. */
static int add_rest(struct shard *s, const struct arena_config *c, enum arena_use use,
		    uint64_t size)
{
	uint64_t most = round_down(c->group_bytes ? c->group_bytes : ARENA_MAX_GROUP_BYTES, size);
	uint64_t from = round_up(s->at, max_u64(size, PAGE));
	uint64_t left, n, each;

	if (from >= s->end || s->end - from < size)
		return -ENOSPC;
	left = s->end - from;
	n = (left + most - 1) / most;
	/* So that the next group begins where it may. */
	each = round_down(left / n, max_u64(size, PAGE));
	if (each < size || each < c->longest_run)
		return -ENOSPC;
	for (uint64_t i = 0; i < n; i++) {
		int ret = add_group(s, use, size, each / size);

		if (ret)
			return ret;
	}
	return 0;
}

static int add_np(struct shard *s, const struct arena_config *c)
{
	int ret = add_group(s, ARENA_USE_CONTROL, control_size(c->channel_entries), c->n_sps);

	if (!ret)
		ret = add_group(s, ARENA_USE_NET, c->net_size, c->net_count);
	return ret ? ret : add_rest(s, c, ARENA_USE_PAYLOAD, c->payload_size);
}

static int add_sp(struct shard *s, const struct arena_config *c)
{
	int ret = add_group(s, ARENA_USE_CONTROL, control_size(c->channel_entries), c->n_nps);

	return ret ? ret : add_rest(s, c, ARENA_USE_DISK, c->disk_size);
}

/* The @i-th of @n shards of @bytes begins here. */
static uint64_t share(uint64_t bytes, uint32_t i, uint32_t n, uint64_t align)
{
	return round_down(bytes / n * i + bytes % n * i / n, align);
}

static bool config_is_sound(const struct arena_config *c)
{
	return c->length && c->length <= MAX_LENGTH &&
	       is_power_of_two(c->align) && c->align >= PAGE && c->align <= MAX_LENGTH &&
	       !(c->np_bytes % c->align) &&
	       c->n_nps && c->n_nps <= ARENA_MAX_PROCESSES &&
	       c->n_sps && c->n_sps <= ARENA_MAX_PROCESSES &&
	       is_buffer_size(c->net_size) && is_buffer_size(c->payload_size) &&
	       is_buffer_size(c->disk_size) &&
	       c->net_count && c->net_count <= MAX_NET_BUFFERS &&
	       (uint64_t)c->net_size * c->net_count <= ARENA_MAX_GROUP_BYTES &&
	       c->group_bytes <= ARENA_MAX_GROUP_BYTES &&
	       (!c->group_bytes || (c->group_bytes >= c->payload_size &&
				    c->group_bytes >= c->disk_size)) &&
	       c->longest_run <= ARENA_MAX_GROUP_BYTES &&
	       c->longest_run <= MAX_RUN * c->payload_size &&
	       c->longest_run <= MAX_RUN * c->disk_size && is_entries(c->channel_entries);
}

/* A fifth, 4 GiB of 20; of a small region as much as has to be. */
static uint64_t usual_np_bytes(const struct arena_config *c)
{
	uint64_t each = control_size(c->channel_entries) * (c->n_sps + 1) +
			(uint64_t)c->net_size * (c->net_count + 1) + PAGE +
			round_up(c->longest_run, c->payload_size) + 2ULL * c->payload_size;
	uint64_t least = HEADER + c->n_nps * round_up(each, c->align);

	return round_up(max_u64(c->length / 5, least), c->align);
}

void arena_config_init(struct arena_config *c, uint64_t length)
{
	*c = (struct arena_config){
		.length = length,
		.align = PAGE,
		.n_nps = 1,
		.n_sps = 1,
		.net_size = ARENA_NET_BUFFER,
		.net_count = 1024,
		.payload_size = ARENA_DISK_BUFFER,
		.disk_size = ARENA_DISK_BUFFER,
		.channel_entries = 1024,
	};
}

int arena_layout_make(struct arena_layout *l, const struct arena_config *c)
{
	uint64_t np_bytes, sp_bytes;
	int ret = 0;

	if (!config_is_sound(c))
		return -EINVAL;
	np_bytes = c->np_bytes ? c->np_bytes : usual_np_bytes(c);
	if (np_bytes >= c->length || np_bytes <= HEADER)
		return -ENOSPC;
	sp_bytes = c->sp_bytes ? c->sp_bytes : c->length - np_bytes;
	if (sp_bytes > c->length - np_bytes)
		return -ENOSPC;

	memset(l, 0, sizeof(*l));
	l->magic = ARENA_LAYOUT_MAGIC;
	l->version = ARENA_LAYOUT_VERSION;
	l->length = c->length;
	l->n_nps = c->n_nps;
	l->n_sps = c->n_sps;
	l->channel_entries = c->channel_entries;
	for (uint32_t i = 0; i < c->n_nps && !ret; i++)
		ret = add_np(&(struct shard){
			.l = l,
			.role = ARENA_ROLE_NP(i),
			.at = i ? share(np_bytes, i, c->n_nps, c->align) : HEADER,
			.end = share(np_bytes, i + 1, c->n_nps, c->align),
		}, c);
	for (uint32_t i = 0; i < c->n_sps && !ret; i++)
		ret = add_sp(&(struct shard){
			.l = l,
			.role = ARENA_ROLE_SP(i),
			.at = np_bytes + share(sp_bytes, i, c->n_sps, c->align),
			.end = np_bytes + share(sp_bytes, i + 1, c->n_sps, c->align),
		}, c);
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

/* The first group of each process, for those of the other kind; the kinds follow. */
static bool use_is_sound(const struct arena_layout *l, const struct arena_group *g, bool first)
{
	bool is_sp = ARENA_ROLE_IS_SP(g->role);

	if (first)
		return g->use == ARENA_USE_CONTROL && g->count == (is_sp ? l->n_nps : l->n_sps) &&
		       g->buffer_size >= control_size(l->channel_entries);
	if (is_sp)
		return g->use == ARENA_USE_DISK;
	return g->use == ARENA_USE_NET || g->use == ARENA_USE_PAYLOAD;
}

static uint32_t next_role(const struct arena_layout *l, uint32_t role)
{
	return role == ARENA_ROLE_NP(l->n_nps - 1) ? ARENA_ROLE_SP(0) : role + 1;
}

/* NPs first, in the order of their numbers, none left out. */
static bool groups_are_sound(const struct arena_layout *l)
{
	uint32_t role = ARENA_ROLE_NP(0);

	for (uint32_t i = 0; i < l->n_groups; i++) {
		const struct arena_group *g = &l->group[i];
		bool first = !i || g->role != role;

		if (i && first)
			role = next_role(l, role);
		if (g->role != role || role > ARENA_ROLE_SP(l->n_sps - 1) ||
		    !group_is_sound(g) || !use_is_sound(l, g, first))
			return false;
	}
	return role == ARENA_ROLE_SP(l->n_sps - 1);
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
	    !out->n_nps || out->n_nps > ARENA_MAX_PROCESSES ||
	    !out->n_sps || out->n_sps > ARENA_MAX_PROCESSES ||
	    out->n_groups > ARENA_MAX_GROUPS || !is_entries(out->channel_entries) ||
	    out->reserved || !groups_are_sound(out))
		return -EPROTO;
	if (out->length > length || !groups_fit(out))
		return -ERANGE;
	return 0;
}

int arena_layout_find(const struct arena_layout *l, uint32_t role,
		      enum arena_use use, uint32_t nth)
{
	for (uint32_t i = 0; i < l->n_groups; i++)
		if (l->group[i].role == role && l->group[i].use == use && !nth--)
			return (int)i;
	return -ENOENT;
}

bool arena_layout_has(const struct arena_layout *l, uint32_t group,
		      uint32_t index, uint32_t count)
{
	if (group >= l->n_groups || !count)
		return false;
	return index < l->group[group].count &&
	       count <= l->group[group].count - index;
}
