// SPDX-License-Identifier: LGPL-2.1-or-later
#include <arena/arena.h>

#include <common/copy_struct.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "misuse.h"
#include "records.h"
#include "setup.h"
#include "../owner.h"
#include "../why.h"

/**
 * struct group - records of a group's buffers; a control group has none
 * @pool: the record of an own group; NULL for others
 * @borrowed: the record of a peer's group; NULL until its first extent is borrowed
 * @history: the last steps of its extents, only in debug builds
 */
struct group {
	struct arena_pool *pool;
	struct arena_borrowed *borrowed;
	struct arena_history *history;
};

/**
 * struct arena - a role in a region
 * @m: the region
 * @owner: the thread that opened it
 * @base: where it is attached
 * @page_size: of the region
 * @owns_region: arena_close() closes it
 * @creator: the process that made the region and removes its name, or 0
 * @role: the role
 * @claim: descriptor that keeps the role for this process, or -1
 * @first: first own group
 * @n: number of own groups, which follow each other
 * @served: by use, the group in which arena_get_for() found the last extent
 * @group: records of each group of the layout
 * @layout: private, checked copy
 */
struct arena {
	struct mshare *m;
	uint64_t owner;
	char *base;
	uint64_t page_size;
	bool owns_region;
	pid_t creator;
	uint32_t role;
	int claim;
	uint32_t first;
	uint32_t n;
	uint32_t served[ARENA_MAX_USE + 1];
	struct group group[ARENA_MAX_GROUPS];
	struct arena_layout layout;
};

/*
 * Handles
 */

static bool is_ours(const struct arena *a, uint32_t group)
{
	return group - a->first < a->n;
}

/* The extent that begins at the handle's first buffer. */
static inline struct arena_extent extent_at(const struct arena *a, struct arena_buf b)
{
	const struct group *g = &a->group[b.group];

	if (g->pool)
		return pool_extent(g->pool, b.index);
	if (g->borrowed)
		return borrowed_extent(g->borrowed, b.index);
	return (struct arena_extent){ .state = ARENA_STALE };
}

/* Returns 0 and the extent if the handle is valid, or an error. */
static inline int check(const struct arena *a, struct arena_buf b, struct arena_extent *extent)
{
	if (owner_check(a->owner))
		return -ECHILD;
	if (!b.generation || !arena_layout_has(&a->layout, b.group, b.index, b.count))
		return -EINVAL;
	*extent = extent_at(a, b);
	if (b.generation != extent->generation)
		/* Generations are serial numbers, so a greater one was never given out. */
		return (int32_t)(b.generation - extent->generation) > 0 ? -EINVAL : -ESTALE;
	if (extent->state == ARENA_STALE)
		return -ESTALE;
	return b.count == extent->count ? 0 : -EINVAL;
}

static int check_owned(const struct arena *a, struct arena_buf b)
{
	struct arena_extent extent;
	int ret;

	if (b.generation && b.group < a->layout.n_groups && !is_ours(a, b.group))
		return -EACCES;
	ret = check(a, b, &extent);
	if (ret || extent.state == ARENA_OWNED)
		return ret;
	return extent.state == ARENA_IN_IO ? -EBUSY : -EPERM;
}

/* LENT or LOST: the extent must not be touched. */
static bool is_with_peer(const struct arena_extent *extent)
{
	return extent->state == ARENA_LENT || extent->state == ARENA_LOST;
}

static void *address(const struct arena *a, struct arena_buf b)
{
	return arena_layout_buffer(a->base, &a->layout, b.group, b.index);
}

/* In place of a handle in the misuse report of a call that has none yet. */
static struct arena_buf whole_group(uint32_t group, uint32_t count)
{
	return (struct arena_buf){
		.group = (uint16_t)(group < UINT16_MAX ? group : UINT16_MAX),
		.count = (uint16_t)(count < UINT16_MAX ? count : UINT16_MAX),
	};
}

/*
 * Report misuse and end the process, or in a release build return the error. Another thread than
 * the arena's must not even read what the report would say.
 */
static int refuse(const struct arena *a, const char *call, struct arena_buf b, int error)
{
	struct arena_misuse m = {
		.call = call, .error = error, .b = b,
		.layout = &a->layout, .role = a->role,
	};

	if (!ARENA_TRACKS || error == -ECHILD)
		return error;
	if (b.group < a->layout.n_groups && a->group[b.group].pool)
		m.usage = arena_pool_usage(a->group[b.group].pool);
	if (b.generation && arena_layout_has(&a->layout, b.group, b.index, 1)) {
		m.extent = extent_at(a, b);
		m.history = a->group[b.group].history;
	}
	arena_misuse_report(&m);
}

static void note(struct arena *a, struct arena_buf b, enum arena_step step,
		 uint32_t peer)
{
	struct group *g = &a->group[b.group];

	if (ARENA_TRACKS && !g->history)
		g->history = arena_history_new(a->layout.group[b.group].count);
	arena_history_add(g->history, b.index, step, peer);
}

/*
 * Roles
 */

static int open_groups(struct arena *a)
{
	for (uint32_t i = 0; i < a->layout.n_groups; i++) {
		const struct arena_group *g = &a->layout.group[i];

		if (g->role != a->role)
			continue;
		if (!a->n++)
			a->first = i;
		if (g->use == ARENA_USE_CONTROL)
			continue;
		a->group[i].pool = arena_pool_new(g->count);
		if (!a->group[i].pool)
			return -ENOMEM;
	}
	for (uint32_t use = 0; use <= ARENA_MAX_USE; use++)
		a->served[use] = a->first;
	return 0;
}

static int take_layout(struct arena *a, const struct arena_layout *layout, uint64_t length)
{
	if (!layout)
		return arena_layout_read(a->base, length, &a->layout);
	if (layout->length > length)
		return -ERANGE;
	a->layout = *layout;
	return 0;
}

static int open_region(struct arena *a, const struct arena_layout *layout)
{
	struct mshare_info info = { .size = sizeof(info) };
	void *base;
	int ret;

	ret = mshare_attach(a->m, &base);
	if (!ret)
		ret = mshare_info(a->m, &info);
	if (ret)
		return ret;
	a->base = base;
	a->page_size = info.page_size;
	return take_layout(a, layout, info.exported);
}

/* The kernel ends a claim when the process dies. Not every region can have claims. */
static int claim_role(struct arena *a)
{
	if (a->role == ARENA_NO_ROLE)
		return 0;
	if (!arena_layout_has_role(&a->layout, a->role))
		return -ENOENT;
	a->claim = mshare_claim(a->m, a->role);
	return a->claim >= 0 || a->claim == -EOPNOTSUPP ? 0 : a->claim;
}

int arena_io_claim(const struct arena *a)
{
	return a->claim;
}

/* A child of fork(2) has a duplicate, which must not end the claim of its parent. */
static void unclaim_role(struct arena *a)
{
	if (a->claim < 0)
		return;
	if (owner_is_parent(a->owner))
		close(a->claim);
	else
		mshare_unclaim(a->claim);
}

static void free_arena(struct arena *a)
{
	unclaim_role(a);
	for (uint32_t i = 0; i < a->layout.n_groups; i++) {
		arena_pool_free(a->group[i].pool);
		arena_borrowed_free(a->group[i].borrowed);
		arena_history_free(a->group[i].history);
	}
	free(a);
}

int arena_open_region(struct mshare *m, uint32_t role, struct arena **out)
{
	return arena_open_laid_out(m, role, NULL, out);
}

int arena_open_laid_out(struct mshare *m, uint32_t role, const struct arena_layout *layout,
			struct arena **out)
{
	struct arena *a = calloc(1, sizeof(*a));
	int ret;

	if (!a || owner_begin(&a->owner)) {
		free(a);
		return -ENOMEM;
	}
	a->m = m;
	a->role = role;
	ret = open_region(a, layout);
	if (ret) {
		/* Nothing in the layout can be used, not even n_groups. */
		free(a);
		return ret;
	}
	a->claim = -1;
	ret = claim_role(a);
	if (!ret)
		ret = open_groups(a);
	if (ret) {
		free_arena(a);
		return ret;
	}
	*out = a;
	return 0;
}

void arena_own_region(struct arena *a, bool is_creator)
{
	a->owns_region = true;
	a->creator = is_creator ? getpid() : 0;
}

/* A child that closes its copy of its parent's arena must not remove the region's name. */
static void close_region(struct arena *a)
{
	if (!a->owns_region)
		return;
	if (a->creator == getpid())
		mshare_unlink_region(a->m);
	mshare_close(a->m);
}

static bool is_in_io(const struct arena *a)
{
	for (uint32_t i = 0; i < a->layout.n_groups; i++) {
		const struct group *g = &a->group[i];

		if ((g->pool && arena_pool_usage(g->pool).in_io) ||
		    (g->borrowed && arena_borrowed_in_io(g->borrowed)))
			return true;
	}
	return false;
}

int arena_close(struct arena *a)
{
	if (!a)
		return 0;
	/* The kernel works for the parent: a child may give its copy up. */
	if (!owner_is_parent(a->owner)) {
		if (owner_check(a->owner))
			return -ECHILD;
		if (is_in_io(a))
			return -EBUSY;
	}
	close_region(a);
	free_arena(a);
	return 0;
}

const struct arena_layout *arena_layout(const struct arena *a)
{
	return &a->layout;
}

void *arena_base(const struct arena *a)
{
	return a->base;
}

struct mshare *arena_region(const struct arena *a)
{
	return a->m;
}

uint32_t arena_role(const struct arena *a)
{
	return a->role;
}

/*
 * Own groups
 */

static uint32_t next_own(const struct arena *a, uint32_t group)
{
	return a->first + (group - a->first + 1) % a->n;
}

/* -EINVAL or -ENOSPC, as arena_pool_get(). */
static int get(struct arena *a, uint32_t group, uint32_t count, struct arena_buf *out)
{
	struct arena_pool *pool = a->group[group].pool;
	int64_t index = count <= UINT16_MAX ? arena_pool_get(pool, count) : -EINVAL;

	if (index < 0)
		return (int)index;
	*out = (struct arena_buf){
		.group = (uint16_t)group,
		.index = (uint32_t)index,
		.count = (uint16_t)count,
		.generation = pool_extent(pool, (uint32_t)index).generation,
	};
	note(a, *out, ARENA_STEP_GOT, 0);
	return 0;
}

static int refuse_get(const struct arena *a, const char *call, uint32_t group,
		      uint32_t count, int error)
{
	if (error == -ENOSPC)
		return error;
	return refuse(a, call, whole_group(group, count), error);
}

int arena_get(struct arena *a, uint32_t group, uint32_t count, struct arena_buf *out)
{
	int ret;

	if (owner_check(a->owner))
		ret = -ECHILD;
	else if (group >= a->layout.n_groups)
		ret = -EINVAL;
	else if (!a->group[group].pool)
		ret = -EACCES;
	else
		ret = get(a, group, count, out);
	return ret ? refuse_get(a, "arena_get", group, count, ret) : 0;
}

int arena_get_for(struct arena *a, uint32_t use, uint32_t count, struct arena_buf *out)
{
	uint32_t group = use <= ARENA_MAX_USE ? a->served[use] : 0;
	int error = -EACCES;

	if (owner_check(a->owner))
		return -ECHILD;
	for (uint32_t i = 0; i < a->n; i++, group = next_own(a, group)) {
		int ret;

		if (a->layout.group[group].use != use || !a->group[group].pool)
			continue;
		ret = get(a, group, count, out);
		if (!ret) {
			a->served[use] = group;
			return 0;
		}
		/* A group that is full may serve later; one that is too small never will. */
		if (error != -ENOSPC)
			error = ret;
	}
	return refuse_get(a, "arena_get_for", group, count, error);
}

int arena_put(struct arena *a, struct arena_buf b)
{
	int ret = check_owned(a, b);

	if (ret)
		return refuse(a, "arena_put", b, ret);
	note(a, b, ARENA_STEP_FREED, 0);
	return arena_pool_put(a->group[b.group].pool, b.index, b.count);
}

void *arena_ptr(struct arena *a, struct arena_buf b)
{
	int ret = check_owned(a, b);

	if (!ret)
		return address(a, b);
	refuse(a, "arena_ptr", b, ret);
	return NULL;
}

const void *arena_ptr_const(struct arena *a, struct arena_buf b)
{
	struct arena_extent extent;
	int ret = check(a, b, &extent);

	if (!ret && extent.state == ARENA_IN_IO)
		ret = -EBUSY;
	if (!ret && is_with_peer(&extent))
		ret = -EPERM;
	if (!ret)
		return address(a, b);
	refuse(a, "arena_ptr_const", b, ret);
	return NULL;
}

size_t arena_size(const struct arena *a, struct arena_buf b)
{
	struct arena_extent extent;

	if (check(a, b, &extent))
		return 0;
	return (size_t)b.count * a->layout.group[b.group].buffer_size;
}

enum arena_state arena_state(const struct arena *a, struct arena_buf b)
{
	struct arena_extent extent;

	return check(a, b, &extent) ? ARENA_STALE : extent.state;
}

/*
 * Operations of the kernel
 */

static inline int check_io(const struct arena *a, struct arena_buf b, bool writes)
{
	struct arena_extent extent;
	int ret = check(a, b, &extent);

	if (!ret && is_with_peer(&extent))
		ret = -EPERM;
	if (!ret && writes && !is_ours(a, b.group))
		ret = -EACCES;
	if (!ret && extent.io_count == UINT32_MAX)
		ret = -EINVAL;
	return ret;
}

static inline void io_begin(struct arena *a, struct arena_buf b)
{
	const struct group *g = &a->group[b.group];

	if (g->pool)
		pool_io_begin(g->pool, b.index, b.count);
	else
		borrowed_io_begin(g->borrowed, b.index);
	note(a, b, ARENA_STEP_IO_BEGUN, 0);
}

int arena_io_begin(struct arena *a, struct arena_buf b, bool writes)
{
	int ret = check_io(a, b, writes);

	if (ret)
		return refuse(a, "arena_io_begin", b, ret);
	io_begin(a, b);
	return 0;
}

int arena_io_take(struct arena *a, struct arena_buf b, uint32_t from, uint32_t length,
		  bool writes, void **at)
{
	int ret = check_io(a, b, writes);
	uint64_t size;

	if (ret)
		return refuse(a, "arena_io_begin", b, ret);
	size = (uint64_t)b.count * a->layout.group[b.group].buffer_size;
	if (!length || (uint64_t)from + length > size)
		return why(length ? "length: the part ends behind its extent" : "length: is 0");
	io_begin(a, b);
	*at = (char *)address(a, b) + from;
	return 0;
}

int arena_io_end(struct arena *a, struct arena_buf b)
{
	struct arena_extent extent;
	int ret = check(a, b, &extent);
	struct group *g;

	if (!ret && extent.state != ARENA_IN_IO)
		ret = is_with_peer(&extent) ? -EPERM : -EINVAL;
	if (ret)
		return refuse(a, "arena_io_end", b, ret);
	g = &a->group[b.group];
	if (g->pool)
		pool_io_end(g->pool, b.index, b.count);
	else
		arena_borrowed_io_end(g->borrowed, b.index);
	note(a, b, ARENA_STEP_IO_ENDED, 0);
	return 0;
}

void *arena_io_address(const struct arena *a, struct arena_buf b)
{
	return arena_state(a, b) == ARENA_IN_IO ? address(a, b) : NULL;
}

/*
 * Peers
 */

static struct arena_ref ref_of(struct arena_buf b, uint32_t generation)
{
	return (struct arena_ref){
		.group = b.group, .index = b.index, .count = b.count,
		.generation = (uint16_t)generation,
	};
}

/* False if the layout has no such extent; the generation is not checked here. */
static bool handle_of(const struct arena *a, const struct arena_ref *ref, struct arena_buf *b)
{
	*b = (struct arena_buf){ .group = ref->group, .index = ref->index, .count = ref->count };
	return !ref->reserved && ref->generation &&
	       arena_layout_has(&a->layout, b->group, b->index, b->count);
}

int arena_lend(struct arena *a, struct arena_buf b, uint32_t peer, struct arena_ref *ref)
{
	int ret = check_owned(a, b);

	if (!ret && (peer == a->role || !arena_layout_has_role(&a->layout, peer)))
		ret = -EINVAL;
	if (ret)
		return refuse(a, "arena_lend", b, ret);
	arena_pool_lend(a->group[b.group].pool, b.index, b.count, peer);
	*ref = ref_of(b, b.generation);
	note(a, b, ARENA_STEP_LENT, peer);
	return 0;
}

int arena_lend_held(struct arena *a, uint32_t peer, const struct arena_ref *ref)
{
	struct arena_buf b;

	if (owner_check(a->owner))
		return -ECHILD;
	if (peer == a->role || !arena_layout_has_role(&a->layout, peer) ||
	    !handle_of(a, ref, &b) || !a->group[b.group].pool ||
	    arena_pool_lend_held(a->group[b.group].pool, b.index, b.count, peer, ref->generation))
		return -EPROTO;
	note(a, b, ARENA_STEP_HELD, peer);
	return 0;
}

int arena_skip_lives(struct arena *a, uint32_t lives)
{
	if (owner_check(a->owner))
		return -ECHILD;
	for (uint32_t i = a->first; i < a->first + a->n; i++)
		if (a->group[i].pool)
			arena_pool_skip(a->group[i].pool, lives);
	return 0;
}

int arena_unlend(struct arena *a, struct arena_buf b)
{
	int ret = check_owned(a, b);
	struct arena_extent extent;

	/* The peer's death may be noticed before the send fails. */
	if (ret != -EPERM)
		return refuse(a, "arena_unlend", b, ret ? ret : -EINVAL);
	extent = extent_at(a, b);
	arena_pool_regain(a->group[b.group].pool, b.index, b.count, extent.peer);
	note(a, b, ARENA_STEP_UNLENT, extent.peer);
	return 0;
}

int arena_regain(struct arena *a, uint32_t peer, const struct arena_ref *ref,
		 struct arena_buf *out)
{
	struct arena_buf b;
	struct arena_extent extent;

	if (owner_check(a->owner))
		return -ECHILD;
	if (!handle_of(a, ref, &b) || !a->group[b.group].pool)
		return -EPROTO;
	extent = extent_at(a, b);
	if (extent.state != ARENA_LENT || extent.peer != peer || extent.count != b.count ||
	    (uint16_t)extent.generation != ref->generation)
		return -EPROTO;
	arena_pool_regain(a->group[b.group].pool, b.index, b.count, peer);
	b.generation = extent.generation;
	note(a, b, ARENA_STEP_REGAINED, peer);
	*out = b;
	return 0;
}

/* True if the peer may lend extents of this group. */
static bool may_borrow(const struct arena *a, uint32_t peer, const struct arena_group *g)
{
	return g->role == peer && peer != a->role && g->use != ARENA_USE_CONTROL;
}

/* The record of a peer's group, made on first use; NULL if there is no memory. */
static struct arena_borrowed *borrowed(struct arena *a, uint32_t group)
{
	struct group *g = &a->group[group];

	if (!g->borrowed)
		g->borrowed = arena_borrowed_new(a->layout.group[group].count);
	return g->borrowed;
}

int arena_borrow(struct arena *a, uint32_t peer, const struct arena_ref *ref,
		 struct arena_buf *out)
{
	struct arena_buf b;
	struct arena_borrowed *table;

	if (owner_check(a->owner))
		return -ECHILD;
	if (!handle_of(a, ref, &b) || !may_borrow(a, peer, &a->layout.group[b.group]))
		return -EPROTO;
	table = borrowed(a, b.group);
	if (!table)
		return -ENOMEM;
	if (arena_borrowed_add(table, b.index, b.count, ref->generation))
		return -EPROTO;
	b.generation = extent_at(a, b).generation;
	note(a, b, ARENA_STEP_BORROWED, peer);
	*out = b;
	return 0;
}

static int check_borrowed(const struct arena *a, struct arena_buf b)
{
	struct arena_extent extent;
	int ret;

	if (b.generation && is_ours(a, b.group))
		return -EACCES;
	ret = check(a, b, &extent);
	if (!ret && extent.state == ARENA_IN_IO)
		ret = -EBUSY;
	return ret;
}

int arena_return(struct arena *a, struct arena_buf b, struct arena_ref *ref)
{
	int ret = check_borrowed(a, b);

	if (ret)
		return refuse(a, "arena_return", b, ret);
	*ref = ref_of(b, arena_borrowed_remove(a->group[b.group].borrowed, b.index));
	note(a, b, ARENA_STEP_RETURNED, a->layout.group[b.group].role);
	return 0;
}

/*
 * Death of a peer
 */

static uint32_t count_lost(const struct arena *a)
{
	uint32_t lost = 0;

	for (uint32_t i = a->first; i < a->first + a->n; i++)
		if (a->group[i].pool)
			lost += arena_pool_usage(a->group[i].pool).lost;
	return lost;
}

int64_t arena_peer_died(struct arena *a, uint32_t peer)
{
	if (owner_check(a->owner))
		return -ECHILD;
	for (uint32_t i = 0; i < a->layout.n_groups; i++) {
		struct group *g = &a->group[i];

		if (g->pool)
			arena_pool_lose(g->pool, peer);
		else if (g->borrowed && a->layout.group[i].role == peer)
			arena_borrowed_forget(g->borrowed);
	}
	return count_lost(a);
}

/* Write the refs of a group's extents as far as there is room. Return: how many extents it has. */
static uint32_t list_group(const struct arena *a, uint32_t group, struct arena_ref *ref,
			   uint32_t room)
{
	const struct arena_borrowed *t = a->group[group].borrowed;
	struct arena_buf b = { .group = (uint16_t)group };
	uint32_t n = 0;

	for (b.index = arena_borrowed_next(t, 0); b.index < t->count; n++) {
		const struct borrowed_record *e = &t->entry[b.index];

		b.count = e->count;
		if (n < room)
			ref[n] = ref_of(b, e->generation);
		b.index = arena_borrowed_next(t, b.index + e->count);
	}
	return n;
}

int64_t arena_list_borrowed(const struct arena *a, uint32_t peer, struct arena_ref *ref,
			    uint32_t room)
{
	uint32_t n = 0;

	if (owner_check(a->owner))
		return -ECHILD;
	for (uint32_t i = 0; i < a->layout.n_groups; i++)
		if (a->group[i].borrowed && a->layout.group[i].role == peer)
			n += list_group(a, i, ref + n, n < room ? room - n : 0);
	return n;
}

/**
 * struct taking - state of arena_reclaim_from()
 * @a: the arena
 * @group: the group that is examined
 * @peer: whose extents are freed
 * @n: how many buffers were
 */
struct taking {
	struct arena *a;
	uint32_t group;
	uint32_t peer;
	uint32_t n;
};

static bool was_with(void *context, uint32_t index, uint32_t count)
{
	struct taking *t = context;

	if (pool_extent(t->a->group[t->group].pool, index).peer != t->peer)
		return false;
	t->n += count;
	note(t->a, (struct arena_buf){ .group = (uint16_t)t->group, .index = index },
	     ARENA_STEP_RECLAIMED, 0);
	return true;
}

int64_t arena_reclaim_from(struct arena *a, uint32_t peer)
{
	struct taking t = { .a = a, .peer = peer };

	if (owner_check(a->owner))
		return -ECHILD;
	for (t.group = a->first; t.group < a->first + a->n; t.group++) {
		struct arena_pool *pool = a->group[t.group].pool;

		if (!pool)
			continue;
		arena_pool_lose(pool, peer);
		arena_pool_reclaim(pool, was_with, &t);
	}
	return t.n;
}

/**
 * struct reclaim - state of arena_reclaim()
 * @a: the arena
 * @group: the group that is examined
 * @end: when to stop waiting, CLOCK_MONOTONIC in ms; -1 for never
 * @from: offset of the pages that the kernel was asked about last
 * @to: end of these pages
 * @error: result of mshare_quiesce() for these pages
 */
struct reclaim {
	struct arena *a;
	uint32_t group;
	int64_t end;
	uint64_t from;
	uint64_t to;
	int error;
};

static int64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int time_left(const struct reclaim *r)
{
	int64_t left;

	if (r->end < 0)
		return -1;
	left = r->end - clock_ms();
	return left > 0 ? (int)left : 0;
}

static bool is_failure(int error)
{
	return error && error != -EAGAIN && error != -ETIMEDOUT;
}

/* True if no page under the extent is in use. */
static bool may_free(void *context, uint32_t index, uint32_t count)
{
	struct reclaim *r = context;
	const struct arena_group *g = &r->a->layout.group[r->group];
	uint64_t page = r->a->page_size;
	uint64_t from = g->offset + (uint64_t)index * g->buffer_size;
	uint64_t to = from + (uint64_t)count * g->buffer_size;

	if (is_failure(r->error))
		return false;
	from &= ~(page - 1);
	to = (to + page - 1) & ~(page - 1);
	/* Small buffers share pages: ask once for all that lie on the same ones. */
	if (from != r->from || to != r->to) {
		r->error = mshare_quiesce(r->a->m, from, to - from, time_left(r), NULL);
		r->from = from;
		r->to = to;
	}
	if (!r->error)
		note(r->a, (struct arena_buf){ .group = (uint16_t)r->group, .index = index },
		     ARENA_STEP_RECLAIMED, 0);
	return !r->error;
}

int64_t arena_reclaim(struct arena *a, int timeout_ms)
{
	struct reclaim r = { .a = a, .end = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms };

	if (owner_check(a->owner))
		return -ECHILD;
	for (uint32_t i = a->first; i < a->first + a->n && !is_failure(r.error); i++) {
		r.group = i;
		if (a->group[i].pool)
			arena_pool_reclaim(a->group[i].pool, may_free, &r);
	}
	return is_failure(r.error) ? r.error : (int64_t)count_lost(a);
}

/*
 * Groups as a whole
 */

static void note_reset(struct arena *a, uint32_t group)
{
	struct arena_buf b = { .group = (uint16_t)group };
	struct arena_extent extent;

	for (; b.index < a->layout.group[group].count; b.index += extent.count) {
		extent = pool_extent(a->group[group].pool, b.index);
		if (extent.state != ARENA_STALE)
			note(a, b, ARENA_STEP_RESET, 0);
	}
}

int arena_reset_group(struct arena *a, uint32_t group)
{
	struct arena_usage u = { .size = sizeof(u) };
	int ret = arena_usage(a, group, &u);

	if (!ret && (u.in_io || u.lent || u.lost))
		ret = -EBUSY;
	if (ret)
		return refuse(a, "arena_reset_group", whole_group(group, 0), ret);
	if (ARENA_TRACKS)
		note_reset(a, group);
	return arena_pool_reset(a->group[group].pool);
}

int arena_keep_usage(struct arena *a, uint32_t group, struct arena_usage *at)
{
	if (owner_check(a->owner))
		return -ECHILD;
	if (group >= a->layout.n_groups || !a->group[group].pool)
		return -EACCES;
	if (at->size < sizeof(*at))
		return -EINVAL;
	arena_pool_keep_usage(a->group[group].pool, at);
	return 0;
}

int arena_usage(const struct arena *a, uint32_t group, struct arena_usage *out)
{
	struct arena_usage usage = { .size = sizeof(usage) };

	if (owner_check(a->owner))
		return -ECHILD;
	if (group >= a->layout.n_groups || !a->group[group].pool)
		return -EACCES;
	usage = arena_pool_usage(a->group[group].pool);
	return fill_struct(out, &usage, sizeof(usage));
}
