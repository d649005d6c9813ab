// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/usage.h>

#include <arena/extent.h>
#include <arena/layout.h>
#include <string.h>

uint64_t proto_buffers_used(const struct arena *a)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < ARENA_MAX_GROUPS; i++) {
		struct arena_usage u = { .size = sizeof(u) };

		if (!arena_usage(a, i, &u))
			used += (uint64_t)u.owned + u.in_io + u.lent + u.lost;
	}
	return used;
}

const char *const proto_use_names[PROTO_USES] = {
	[PROTO_USE_NET] = "net",
	[PROTO_USE_PAYLOAD] = "payload",
	[PROTO_USE_DISK] = "disk",
	[PROTO_USE_RECORD] = "record",
	[PROTO_USE_FLIGHT] = "flight",
	[PROTO_USE_LENT] = "lent",
};

static void add(struct arena_usage *all, const struct arena_usage *u)
{
	all->free += u->free;
	all->owned += u->owned;
	all->in_io += u->in_io;
	all->lent += u->lent;
	all->lost += u->lost;
}

/* The groups of a process follow each other. */
void proto_usage(const struct arena *a, uint32_t role, uint32_t *first,
		 struct proto_usage usage[PROTO_USES])
{
	const struct arena_layout *l = arena_layout(a);

	memset(usage, 0, PROTO_USES * sizeof(*usage));
	while (*first < l->n_groups && l->group[*first].role != role)
		(*first)++;
	for (uint32_t i = *first; i < l->n_groups && l->group[i].role == role; i++) {
		const struct arena_group *g = &l->group[i];
		struct arena_usage u = { .size = sizeof(u) };

		if (g->use >= PROTO_USES || arena_usage(a, i, &u))
			continue;
		usage[g->use].size = g->buffer_size;
		add(&usage[g->use].states, &u);
	}
}
