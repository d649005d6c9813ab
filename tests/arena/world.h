/* SPDX-License-Identifier: MIT */
/*
 * One region with two arenas in this process, an NP's and an SP's, and functions that make an
 * extent in each state. Tests of buffers call the NP's arena; the SP's is its peer.
 */
#ifndef TESTS_ARENA_WORLD_H
#define TESTS_ARENA_WORLD_H

#include <errno.h>
#include <arena/arena.h>
#include <string.h>

#include "region.h"

#define NP	ARENA_ROLE(0, 0)
#define SP	ARENA_ROLE(1, 0)
/* Buffers in each extent. */
#define EXTENT	4U

/**
 * struct world - a region and the arenas of two roles in it
 * @m: the region
 * @np: the arena that is tested
 * @sp: the arena of its peer
 * @net: the NP's group of small buffers
 * @payload: the NP's group of large buffers
 * @control: the NP's control group
 * @disk: the SP's group
 */
struct world {
	struct mshare *m;
	struct arena *np, *sp;
	uint32_t net, payload, control, disk;
};

static struct world w;

/* The layout has roles for two NPs and one SP; the role of the second NP is not taken. */
static inline void world_begin(const char *name)
{
	struct arena_config c;

	c = arena_test_config(16UL << 20);
	c.classes[0].processes = 2;
	c.classes[0].group[0].count = 64;
	c.channel_entries = 64;
	c.group_bytes = 1 << 20;
	w.m = arena_test_arena(name, &c);
	diag("a misuse %s", IS_DEBUG ? "ends the process" : "is answered with an error");
}

/* Opens both arenas anew, so that all buffers are FREE. */
static inline void world_open(void)
{
	const struct arena_layout *l;

	if (arena_open_region(w.m, NP, &w.np) || arena_open_region(w.m, SP, &w.sp))
		bail("cannot open the arenas");
	l = arena_layout(w.np);
	w.control = (uint32_t)arena_layout_find(l, NP, ARENA_USE_CONTROL, 0);
	w.net = (uint32_t)arena_layout_find(l, NP, USE_SMALL, 0);
	w.payload = (uint32_t)arena_layout_find(l, NP, USE_FIRST, 0);
	w.disk = (uint32_t)arena_layout_find(l, SP, USE_SECOND, 0);
}

static inline void world_close(void)
{
	if (arena_close(w.np) || arena_close(w.sp))
		bail("cannot close the arenas");
}

static inline struct arena_buf get_extent(struct arena *a, uint32_t group)
{
	struct arena_buf b;

	if (arena_get(a, group, EXTENT, &b))
		bail("no extent is free");
	return b;
}

static inline struct arena_buf owned(void)
{
	return get_extent(w.np, w.payload);
}

static inline struct arena_buf in_io(void)
{
	struct arena_buf b = owned();

	arena_io_begin(w.np, b, 1);
	return b;
}

static inline struct arena_buf lent(void)
{
	struct arena_buf b = owned();
	struct arena_ref ref;

	arena_lend(w.np, b, SP, &ref);
	return b;
}

static inline struct arena_buf lost(void)
{
	struct arena_buf b = lent();

	arena_peer_died(w.np, SP);
	return b;
}

/* The ref of the extent that was borrowed last. */
static struct arena_ref borrowed_ref;

static inline struct arena_buf borrowed(void)
{
	struct arena_buf b;

	arena_lend(w.sp, get_extent(w.sp, w.disk), NP, &borrowed_ref);
	if (arena_borrow(w.np, SP, &borrowed_ref, &b))
		bail("a lent extent cannot be borrowed");
	return b;
}

static inline struct arena_buf borrowed_in_io(void)
{
	struct arena_buf b = borrowed();

	arena_io_begin(w.np, b, 0);
	return b;
}

/* The peer to which it belongs dies while an operation works on it. */
static inline struct arena_buf orphan(void)
{
	struct arena_buf b = borrowed_in_io();

	arena_peer_died(w.np, SP);
	return b;
}

#endif /* TESTS_ARENA_WORLD_H */
