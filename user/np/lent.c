// SPDX-License-Identifier: MIT
#include "lent.h"

#include <common/log.h>
#include <proto/layout.h>
#include <string.h>

#include "np.h"
#include "reply.h"

/* The whole group is one extent, which stays OWNED as long as the process lives. */
static int take_table(struct np *np)
{
	const struct arena_layout *l = arena_layout(np->arena);
	int group = proto_group_of_np(l, np->options->id, PROTO_USE_LENT);
	struct arena_buf buf;
	int ret = arena_get(np->arena, (uint32_t)group, l->group[group].count, &buf);

	if (!ret)
		np->lent.to = arena_ptr(np->arena, buf);
	return ret;
}

static uint8_t *entry(const struct np *np, uint32_t group, uint32_t index)
{
	return np->lent.to + np->lent.at[group] + index;
}

/* Return: how many buffers from @index on have the same entry, as far as one extent goes. */
static uint32_t run_of(const uint8_t *to, uint32_t index, uint32_t n)
{
	uint32_t end = index + 1;

	while (end < n && to[end] == to[index] && end - index < UINT16_MAX)
		end++;
	return end - index;
}

static void set_aside(struct np *np, uint32_t group, uint32_t index, uint32_t count)
{
	uint8_t *to = entry(np, group, index);
	/* Without the module others can write it, too: it is read once. */
	const uint8_t who = __atomic_load_n(to, __ATOMIC_RELAXED);
	/* The generation by which it was lent is not known. */
	const struct arena_ref ref = {
		.group = (uint16_t)group, .index = index, .count = (uint16_t)count,
		.generation = 1,
	};

	if (who && who <= np->n_peers && reply_set_aside(np, &np->peer[who - 1], &ref))
		return;
	memset(to, 0, count);
}

static void look_at_group(struct np *np, uint32_t group, uint32_t n)
{
	for (uint32_t i = 0; i < n; ) {
		uint32_t count = run_of(entry(np, group, 0), i, n);

		set_aside(np, group, i, count);
		i += count;
	}
}

int lent_open(struct np *np)
{
	const struct arena_layout *l = arena_layout(np->arena);
	int ret = take_table(np);

	if (ret) {
		log_error("cannot use the table of what is lent: %s", log_reason(-ret));
		return ret;
	}
	for (uint32_t i = 0; i < l->n_groups; i++) {
		if (l->group[i].role != np->role || l->group[i].use != PROTO_USE_PAYLOAD)
			continue;
		np->lent.at[i] = np->lent.n;
		np->lent.n += l->group[i].count;
		look_at_group(np, i, l->group[i].count);
	}
	return 0;
}

void lent_note(struct np *np, const struct peer *peer, struct arena_buf buf)
{
	memset(entry(np, buf.group, buf.index), (int)peer->id + 1, buf.count);
}

void lent_clear(struct np *np, struct arena_buf buf)
{
	memset(entry(np, buf.group, buf.index), 0, buf.count);
}

void lent_clear_all(struct np *np, const struct peer *peer)
{
	for (uint32_t i = 0; i < np->lent.n; i++)
		if (np->lent.to[i] == peer->id + 1)
			np->lent.to[i] = 0;
}

bool lent_has(const struct np *np, const struct peer *peer, const struct arena_ref *ref)
{
	const struct arena_layout *l = arena_layout(np->arena);

	if (ref->group >= l->n_groups || l->group[ref->group].role != np->role ||
	    l->group[ref->group].use != PROTO_USE_PAYLOAD ||
	    !arena_layout_has(l, ref->group, ref->index, ref->count))
		return false;
	for (uint32_t i = 0; i < ref->count; i++)
		if (*entry(np, ref->group, ref->index + i) != peer->id + 1)
			return false;
	return true;
}
