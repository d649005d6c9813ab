// SPDX-License-Identifier: MIT
/*
 * Goal: no forged handle and no message of a peer gives a process an extent that it may not
 * use, or takes one away that it may use.
 * Method: one process makes calls with handles and refs from the input, and keeps a list of all
 * extents that it has. A call must succeed exactly if the list says so.
 */
#include <errno.h>
#include <arena/arena.h>

#include "../arena/region.h"
#include "parser.h"

#define LENGTH	(1UL << 20)
#define EXTENTS	64U
#define STALES	4U
#define SELF	ARENA_ROLE(0, 0)

/**
 * struct extent - an extent of which the process has a handle
 * @b: the handle
 * @state: its state
 * @io_count: operations that work on it
 * @peer: role to which it is lent, or of its owner; UINT32_MAX for an owner that died
 * @generation: generation in its refs
 */
struct extent {
	struct arena_buf b;
	enum arena_state state;
	uint32_t io_count;
	uint32_t peer;
	uint16_t generation;
};

static struct mshare *region;
static struct arena *a;
static const struct arena_layout *layout;
static struct extent extent[EXTENTS];
static uint32_t extents;
static struct arena_buf stale[STALES];
static uint32_t stales;

static void begin(void)
{
	struct arena_config c;

	if (!region) {
		c = arena_test_config(LENGTH);
		c.classes[1].processes = 2;
		c.classes[0].group[0].count = 16;
		c.channel_entries = 1;
		region = arena_test_arena("handles", &c);
	}
	must(!arena_open_region(region, SELF, &a));
	layout = arena_layout(a);
	extents = 0;
	memset(stale, 0, sizeof(stale));
	stales = 0;
}

static uint32_t eat_peer(struct input *in)
{
	static const uint32_t peers[] = {
		ARENA_ROLE(1, 0), ARENA_ROLE(1, 1), SELF, ARENA_ROLE(0, 1), ARENA_ROLE(1, 2),
	};

	return peers[eat_u8(in) % (sizeof(peers) / sizeof(peers[0]))];
}

/* Any bits, a handle that is or was valid, or one that differs little from such a handle. */
static struct arena_buf eat_handle(struct input *in)
{
	uint8_t how = eat_u8(in);
	struct arena_buf b;

	if (how < 16) {
		eat(in, &b, sizeof(b));
		return b;
	}
	b = how & 16 && extents ? extent[how / 64 % extents].b : stale[how / 64];
	if (how & 32) {
		b.group ^= eat_u8(in) % 8;
		b.index += eat_u8(in) % 4;
		b.count += eat_u8(in) % 4;
		b.generation += eat_u8(in) % 4;
	}
	return b;
}

static struct arena_ref eat_ref(struct input *in)
{
	struct arena_buf b = eat_handle(in);

	return (struct arena_ref){ .group = b.group, .index = b.index, .count = b.count,
				   .generation = (uint16_t)(b.generation + eat_u8(in) % 4),
				   .reserved = !(eat_u8(in) % 8) };
}

static bool is_same(struct arena_buf b, struct arena_buf c)
{
	return b.group == c.group && b.index == c.index && b.count == c.count &&
	       b.generation == c.generation;
}

static struct extent *find(struct arena_buf b)
{
	for (uint32_t i = 0; i < extents; i++)
		if (is_same(extent[i].b, b))
			return &extent[i];
	return NULL;
}

static bool is_in(struct arena_buf b, enum arena_state state)
{
	const struct extent *r = find(b);

	return r && r->state == state;
}

static void drop(struct extent *r)
{
	stale[stales++ % STALES] = r->b;
	*r = extent[--extents];
}

/* True if an extent in the list overlaps these buffers. */
static bool is_taken(uint32_t group, uint32_t index, uint32_t count)
{
	for (uint32_t i = 0; i < extents; i++) {
		const struct arena_buf *b = &extent[i].b;

		if (b->group == group && b->index < index + count &&
		    index < b->index + b->count)
			return true;
	}
	return false;
}

static void add(struct arena_buf b, enum arena_state state, uint32_t peer, uint16_t generation)
{
	must(b.generation && arena_layout_has(layout, b.group, b.index, b.count));
	must(!is_taken(b.group, b.index, b.count));
	/* A new life has a new generation. */
	for (uint32_t i = 0; i < STALES; i++)
		must(!is_same(stale[i], b));
	extent[extents++] = (struct extent){
		.b = b, .state = state, .peer = peer, .generation = generation,
	};
}

/* The accessors must agree with the list for any handle. */
static void check_access(struct arena_buf b)
{
	const char *base = arena_base(a), *written = arena_ptr(a, b), *got = arena_ptr_const(a, b);
	const struct extent *r = find(b);

	must(arena_state(a, b) == (r ? r->state : ARENA_STALE));
	must(!written == !is_in(b, ARENA_OWNED));
	must(!got == !(is_in(b, ARENA_OWNED) || is_in(b, ARENA_BORROWED)));
	must(!arena_io_address(a, b) == !is_in(b, ARENA_IN_IO));
	if (got) {
		must(!written || written == got);
		must(got >= base + sizeof(*layout) && got + arena_size(a, b) <= base + LENGTH);
	}
}

static void do_get(struct input *in)
{
	uint32_t group = eat_u8(in), count = eat_u8(in) & 15;
	struct arena_buf b;
	bool is_own = group < layout->n_groups && layout->group[group].role == SELF &&
		      layout->group[group].use != ARENA_USE_CONTROL;

	if (extents == EXTENTS)
		return;
	if (!arena_get(a, group, count, &b)) {
		must(is_own && b.group == group && b.count == count && count);
		add(b, ARENA_OWNED, 0, 0);
	}
}

static void do_put(struct input *in)
{
	struct arena_buf b = eat_handle(in);
	bool may = is_in(b, ARENA_OWNED);

	must(!arena_put(a, b) == may);
	if (may)
		drop(find(b));
}

static void do_lend(struct input *in)
{
	struct arena_buf b = eat_handle(in);
	uint32_t peer = eat_peer(in);
	bool may = is_in(b, ARENA_OWNED) && peer != SELF && arena_layout_has_role(layout, peer);
	struct arena_ref ref;

	must(!arena_lend(a, b, peer, &ref) == may);
	if (!may)
		return;
	must(ref.group == b.group && ref.index == b.index && ref.count == b.count);
	find(b)->state = ARENA_LENT;
	find(b)->peer = peer;
	find(b)->generation = ref.generation;
}

static void do_unlend(struct input *in)
{
	struct arena_buf b = eat_handle(in);
	/* Its peer may have died since; then the extent is LOST. */
	bool may = is_in(b, ARENA_LENT) || is_in(b, ARENA_LOST);

	must(!arena_unlend(a, b) == may);
	if (may)
		find(b)->state = ARENA_OWNED;
}

static void do_regain(struct input *in)
{
	struct arena_ref ref = eat_ref(in);
	uint32_t peer = eat_peer(in);
	struct extent *r = NULL;
	struct arena_buf b;

	for (uint32_t i = 0; i < extents && !r; i++)
		if (extent[i].state == ARENA_LENT && extent[i].peer == peer &&
		    extent[i].b.group == ref.group && extent[i].b.index == ref.index &&
		    extent[i].b.count == ref.count && extent[i].generation == ref.generation &&
		    !ref.reserved)
			r = &extent[i];
	must(arena_regain(a, peer, &ref, &b) == (r ? 0 : -EPROTO));
	if (r) {
		r->state = ARENA_OWNED;
		r->b = b;
	}
}

static void do_borrow(struct input *in)
{
	struct arena_ref ref = eat_ref(in);
	uint32_t peer = eat_peer(in);
	const struct arena_group *g = &layout->group[ref.group % ARENA_MAX_GROUPS];
	struct arena_buf b;
	bool may = ref.group < layout->n_groups && g->role == peer && peer != SELF &&
		   g->use != ARENA_USE_CONTROL && ref.generation && ref.count && !ref.reserved &&
		   (uint64_t)ref.index + ref.count <= g->count &&
		   !is_taken(ref.group, ref.index, ref.count);

	if (extents == EXTENTS)
		return;
	must(arena_borrow(a, peer, &ref, &b) == (may ? 0 : -EPROTO));
	if (may) {
		must(b.group == ref.group && b.index == ref.index && b.count == ref.count);
		add(b, ARENA_BORROWED, peer, ref.generation);
	}
}

static void do_return(struct input *in)
{
	struct arena_buf b = eat_handle(in);
	bool may = is_in(b, ARENA_BORROWED);
	struct arena_ref ref;

	must(!arena_return(a, b, &ref) == may);
	if (!may)
		return;
	must(ref.group == b.group && ref.index == b.index && ref.count == b.count &&
	     ref.generation == find(b)->generation);
	drop(find(b));
}

static void do_io_begin(struct input *in)
{
	struct arena_buf b = eat_handle(in);
	bool writes = eat_u8(in) & 1;
	struct extent *r = find(b);
	bool is_own = r && layout->group[b.group].role == SELF;
	bool may = r && (r->state == ARENA_OWNED || r->state == ARENA_BORROWED ||
			 r->state == ARENA_IN_IO) && (is_own || !writes);

	must(!arena_io_begin(a, b, writes) == may);
	if (may) {
		r->state = ARENA_IN_IO;
		r->io_count++;
	}
}

static void end_operation(struct extent *r)
{
	if (--r->io_count)
		return;
	r->state = layout->group[r->b.group].role == SELF ? ARENA_OWNED : ARENA_BORROWED;
	/* Its owner died during the operation. */
	if (r->state == ARENA_BORROWED && r->peer == UINT32_MAX)
		drop(r);
}

static void do_io_end(struct input *in)
{
	struct arena_buf b = eat_handle(in);
	bool may = is_in(b, ARENA_IN_IO);

	must(!arena_io_end(a, b) == may);
	if (may)
		end_operation(find(b));
}

static void do_died(struct input *in)
{
	uint32_t peer = eat_peer(in), lost = 0;
	uint32_t reported;

	if (peer == SELF)
		return;
	reported = arena_peer_died(a, peer);
	for (uint32_t i = 0; i < extents;) {
		struct extent *r = &extent[i++];

		if (r->state == ARENA_LENT && r->peer == peer)
			r->state = ARENA_LOST;
		if (r->state == ARENA_LOST)
			lost += r->b.count;
		if (layout->group[r->b.group].role != peer)
			continue;
		/* The kernel still works on it, so it is dropped when the operation ends. */
		if (r->state == ARENA_IN_IO) {
			r->peer = UINT32_MAX;
			continue;
		}
		drop(r);
		i--;
	}
	must(reported == lost);
}

/* The successor of a dead peer says that the kernel works for it no more. */
static void do_reclaim_from(struct input *in)
{
	uint32_t peer = eat_peer(in), freed = 0;

	for (uint32_t i = 0; i < extents;) {
		struct extent *r = &extent[i++];

		if ((r->state != ARENA_LENT && r->state != ARENA_LOST) || r->peer != peer)
			continue;
		freed += r->b.count;
		drop(r);
		i--;
	}
	must(arena_reclaim_from(a, peer) == freed);
}

/* All borrowed extents of a peer are listed, and no others. */
static void do_list(struct input *in)
{
	uint32_t peer = eat_peer(in), room = eat_u8(in) % 4, n = 0;
	struct arena_ref ref[4] = { 0 };

	for (uint32_t i = 0; i < extents; i++)
		n += layout->group[extent[i].b.group].role == peer && peer != SELF;
	must(arena_list_borrowed(a, peer, ref, room) == n);
	for (uint32_t i = 0; i < 4; i++) {
		bool is_listed = false;

		for (uint32_t j = 0; j < extents; j++)
			is_listed |= layout->group[extent[j].b.group].role == peer &&
				     extent[j].b.index == ref[i].index &&
				     extent[j].b.group == ref[i].group &&
				     extent[j].b.count == ref[i].count &&
				     extent[j].generation == ref[i].generation;
		must(i < room && i < n ? is_listed : !ref[i].count);
	}
}

static void do_held(struct input *in)
{
	struct arena_ref ref = eat_ref(in);
	uint32_t peer = eat_peer(in);
	const struct arena_group *g = &layout->group[ref.group % ARENA_MAX_GROUPS];
	bool may = ref.group < layout->n_groups && g->role == SELF && peer != SELF &&
		   arena_layout_has_role(layout, peer) && g->use != ARENA_USE_CONTROL &&
		   ref.generation && ref.count && !ref.reserved &&
		   (uint64_t)ref.index + ref.count <= g->count &&
		   !is_taken(ref.group, ref.index, ref.count);
	struct arena_buf b;

	if (extents == EXTENTS)
		return;
	must(arena_lend_held(a, peer, &ref) == (may ? 0 : -EPROTO));
	if (!may)
		return;
	/* The handle comes only when the peer returns it. */
	must(!arena_regain(a, peer, &ref, &b));
	add(b, ARENA_OWNED, 0, 0);
}

static void do_skip(struct input *in)
{
	must(!arena_skip_lives(a, (uint32_t)eat_u8(in) << 12));
}

static void do_reset(struct input *in)
{
	uint32_t group = eat_u8(in);
	bool may = group < layout->n_groups && layout->group[group].role == SELF &&
		   layout->group[group].use != ARENA_USE_CONTROL;

	for (uint32_t i = 0; i < extents; i++)
		may &= extent[i].b.group != group || extent[i].state == ARENA_OWNED;
	must(!arena_reset_group(a, group) == may);
	for (uint32_t i = 0; may && i < extents;) {
		if (extent[i].b.group == group)
			drop(&extent[i]);
		else
			i++;
	}
}

/* End all operations, so that the arena can be closed. */
static void end(void)
{
	while (extents) {
		struct extent *r = &extent[0];

		while (r->io_count) {
			must(!arena_io_end(a, r->b));
			r->io_count--;
		}
		drop(r);
	}
	must(!arena_close(a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(struct input *in) = {
		do_get, do_put, do_lend, do_unlend, do_regain, do_borrow, do_return,
		do_io_begin, do_io_end, do_died, do_reset,
		do_reclaim_from, do_list, do_held, do_skip,
	};
	struct input in = { data, size };

	begin();
	while (in.size) {
		uint8_t step = eat_u8(&in) % (sizeof(steps) / sizeof(steps[0]) + 1);

		if (step < sizeof(steps) / sizeof(steps[0]))
			steps[step](&in);
		else
			check_access(eat_handle(&in));
	}
	for (uint32_t i = 0; i < extents; i++)
		check_access(extent[i].b);
	end();
	return 0;
}
