// SPDX-License-Identifier: MIT
/*
 * Goal: whatever a configuration says, arena_layout_make() refuses it or makes a layout
 * that has what it asked for, and that every process accepts.
 * Method: members as the input has them, or drawn to powers of two, so that many
 * are accepted. The layout is written, read and compared.
 */
#include <errno.h>

#include "parser.h"

static uint32_t power(struct input *in, bool is_drawn)
{
	uint32_t n = eat_u32(in);

	return is_drawn ? 1U << n % 24 : n;
}

static struct arena_config eat_config(struct input *in)
{
	uint8_t mode = eat_u8(in);
	bool is_drawn = mode & 1;
	struct arena_config c;

	arena_config_init(&c, eat_u64(in) >> (is_drawn ? mode >> 2 : 0));
	if (mode & 2)
		return c;
	c.align = power(in, is_drawn);
	c.np_bytes = eat_u64(in);
	c.sp_bytes = eat_u64(in);
	if (is_drawn) {
		c.np_bytes = c.np_bytes % (c.length | 1) & ~(c.align - 1);
		c.sp_bytes %= c.length | 1;
	}
	c.n_nps = is_drawn ? eat_u8(in) : eat_u32(in);
	c.n_sps = is_drawn ? eat_u8(in) : eat_u32(in);
	c.net_size = power(in, is_drawn);
	c.net_count = is_drawn ? eat_u16(in) : eat_u32(in);
	c.payload_size = power(in, is_drawn);
	c.disk_size = power(in, is_drawn);
	c.group_bytes = is_drawn ? eat_u32(in) : eat_u64(in);
	c.longest_run = is_drawn ? eat_u32(in) : eat_u64(in);
	c.channel_entries = power(in, is_drawn);
	return c;
}

/* Groups of @role and @use: their number, buffers and the longest, in bytes. */
struct sum {
	uint32_t groups;
	uint64_t buffers;
	uint64_t longest;
};

static struct sum sum_of(const struct arena_layout *l, uint32_t role, enum arena_use use,
			 uint32_t buffer_size)
{
	struct sum s = { 0 };
	int group;

	while ((group = arena_layout_find(l, role, use, s.groups)) >= 0) {
		const struct arena_group *g = &l->group[group];
		uint64_t bytes = (uint64_t)g->count * g->buffer_size;

		must(g->role == role && g->use == use);
		must(!buffer_size || g->buffer_size == buffer_size);
		s.groups++;
		s.buffers += g->count;
		if (bytes > s.longest)
			s.longest = bytes;
	}
	return s;
}

static void check_wishes(const struct arena_layout *l, const struct arena_config *c)
{
	uint64_t most = c->group_bytes ? c->group_bytes : ARENA_MAX_GROUP_BYTES;
	struct sum s;

	must(l->n_nps == c->n_nps && l->n_sps == c->n_sps);
	for (uint32_t i = 0; i < c->n_nps; i++) {
		s = sum_of(l, ARENA_ROLE_NP(i), ARENA_USE_CONTROL, 0);
		must(s.groups == 1 && s.buffers == c->n_sps);
		s = sum_of(l, ARENA_ROLE_NP(i), ARENA_USE_NET, c->net_size);
		must(s.buffers == c->net_count);
		s = sum_of(l, ARENA_ROLE_NP(i), ARENA_USE_PAYLOAD, c->payload_size);
		must(s.groups && s.longest >= c->longest_run && s.longest <= most);
	}
	for (uint32_t i = 0; i < c->n_sps; i++) {
		s = sum_of(l, ARENA_ROLE_SP(i), ARENA_USE_CONTROL, 0);
		must(s.groups == 1 && s.buffers == c->n_nps);
		s = sum_of(l, ARENA_ROLE_SP(i), ARENA_USE_DISK, c->disk_size);
		must(s.groups && s.longest >= c->longest_run && s.longest <= most);
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
	check_wishes(&made, &c);
	arena_layout_write(&region, &made);
	must(!arena_layout_read(&region, c.length, &out));
	must(!memcmp(&out, &made, sizeof(out)));
	return 0;
}
