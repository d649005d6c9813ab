// SPDX-License-Identifier: LGPL-2.1-or-later
#include "layout.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "message.h"
#include "snapshot.h"

/* The layout itself lies in the first of these; groups begin on one. */
#define ALIGNMENT	4096ULL

#define MIN_BUFFER_SIZE	64U
#define MAX_BUFFER_SIZE	(2U << 20)

/* A request need not begin on a buffer's boundary, hence the one more. */
#define MIN_DISK_BUFFERS (ARENA_MAX_REQUEST / ARENA_DISK_BUFFER + 1)

/* The slot of a request travels in 16 bits. */
#define MAX_NET_BUFFERS	65536U

static_assert(sizeof(struct arena_layout) <= ALIGNMENT, "one page");

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t group_bytes(const struct arena_group *g)
{
	return (uint64_t)g->buffer_size * g->count;
}

static void add_group(struct arena_layout *l, uint64_t *offset, uint32_t role,
		      uint32_t buffer_size, uint32_t count)
{
	struct arena_group *g = &l->group[l->n_groups++];

	*g = (struct arena_group){
		.offset = *offset,
		.buffer_size = buffer_size,
		.count = count,
		.role = role,
	};
	*offset += group_bytes(g);
	*offset = (*offset + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

int arena_layout_make(struct arena_layout *l, uint64_t length,
		      uint32_t net_buffers, unsigned int n_sps)
{
	const uint64_t most = ARENA_MAX_GROUP_BYTES / ARENA_DISK_BUFFER;
	uint64_t offset = ALIGNMENT, left, payload, each;

	if (!n_sps || n_sps > ARENA_MAX_SPS || !net_buffers ||
	    net_buffers > MAX_NET_BUFFERS)
		return -EINVAL;

	memset(l, 0, sizeof(*l));
	l->magic = ARENA_LAYOUT_MAGIC;
	l->version = ARENA_LAYOUT_VERSION;
	l->length = length;
	add_group(l, &offset, ARENA_ROLE_NP, ARENA_NET_BUFFER, net_buffers);
	if (offset >= length)
		return -ENOSPC;

	left = (length - offset) / ARENA_DISK_BUFFER;
	payload = min_u64(left / 4, most);
	if (payload < MIN_DISK_BUFFERS)
		payload = MIN_DISK_BUFFERS;
	if (payload > left)
		return -ENOSPC;
	each = min_u64((left - payload) / n_sps, most);
	if (each < MIN_DISK_BUFFERS)
		return -ENOSPC;

	add_group(l, &offset, ARENA_ROLE_NP, ARENA_DISK_BUFFER, (uint32_t)payload);
	for (unsigned int i = 0; i < n_sps; i++)
		add_group(l, &offset, ARENA_ROLE_SP(i), ARENA_DISK_BUFFER,
			  (uint32_t)each);
	return 0;
}

void arena_layout_write(void *region, const struct arena_layout *l)
{
	memcpy(region, l, sizeof(*l));
}

static bool group_is_sound(const struct arena_group *g, uint32_t role)
{
	return g->role == role && !g->reserved && g->count &&
	       !(g->offset % ALIGNMENT) && g->buffer_size >= MIN_BUFFER_SIZE &&
	       g->buffer_size <= MAX_BUFFER_SIZE &&
	       !(g->buffer_size & (g->buffer_size - 1)) &&
	       group_bytes(g) <= ARENA_MAX_GROUP_BYTES;
}

/* Ascending, apart, behind the layout itself and before the end. */
static bool groups_fit(const struct arena_layout *l)
{
	uint64_t end = ALIGNMENT;

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
	if (length < ALIGNMENT)
		return -ERANGE;
	arena_snapshot(out, region, sizeof(*out));
	if (out->magic != ARENA_LAYOUT_MAGIC ||
	    out->version != ARENA_LAYOUT_VERSION ||
	    out->n_groups <= ARENA_GROUP_SP(0) ||
	    out->n_groups > ARENA_MAX_GROUPS)
		return -EPROTO;
	for (uint32_t i = 0; i < out->n_groups; i++) {
		uint32_t role = i < ARENA_GROUP_SP(0) ? ARENA_ROLE_NP :
				ARENA_ROLE_SP(i - ARENA_GROUP_SP(0));

		if (!group_is_sound(&out->group[i], role))
			return -EPROTO;
	}
	if (out->length > length || !groups_fit(out))
		return -ERANGE;
	return 0;
}

int arena_layout_has(const struct arena_layout *l, uint32_t group,
		     uint32_t index, uint32_t count)
{
	if (group >= l->n_groups || !count)
		return false;
	return index < l->group[group].count &&
	       count <= l->group[group].count - index;
}
