// SPDX-License-Identifier: LGPL-2.1-or-later
#include <arena/arena.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "borrowed.h"
#include "pool.h"
#include "misuse.h"

/**
 * struct group - what becomes of a group's buffers; a control group has none of it
 * @pool: of one of our own
 * @borrowed: of a peer's, from when the first run of it comes
 * @history: only where ARENA_TRACKS
 */
struct group {
	struct arena_pool *pool;
	struct arena_borrowed *borrowed;
	struct arena_history *history;
};

/**
 * struct arena - a role in a region
 * @m: the region
 * @base: where it is attached
 * @page_size: of the region
 * @role: the role
 * @first: our first group
 * @n: our groups, which follow each other
 * @served: by use, which of them arena_get_for() found a run in last
 * @group: one for each of the layout
 * @layout: private, checked copy
 */
struct arena {
	struct mshare *m;
	char *base;
	uint64_t page_size;
	uint32_t role;
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

/* What is known of the buffer at which the handle says that a run begins. */
static struct arena_extent run_at(const struct arena *a, struct arena_buf b)
{
	const struct group *g = &a->group[b.group];

	if (g->pool)
		return arena_pool_extent(g->pool, b.index);
	if (g->borrowed)
		return arena_borrowed_extent(g->borrowed, b.index);
	return (struct arena_extent){ .state = ARENA_STALE };
}

/* 0 if the handle is good, with what is known of the run, else an error. */
static int look(const struct arena *a, struct arena_buf b, struct arena_extent *run)
{
	if (!b.generation || !arena_layout_has(&a->layout, b.group, b.index, b.count))
		return -EINVAL;
	*run = run_at(a, b);
	if (b.generation != run->generation)
		/* Serial numbers: what is still to come, nobody has been given. */
		return (int32_t)(b.generation - run->generation) > 0 ? -EINVAL : -ESTALE;
	if (run->state == ARENA_STALE)
		return -ESTALE;
	return b.count == run->count ? 0 : -EINVAL;
}

static int look_owned(const struct arena *a, struct arena_buf b)
{
	struct arena_extent run;
	int ret;

	if (b.generation && b.group < a->layout.n_groups && !is_ours(a, b.group))
		return -EACCES;
	ret = look(a, b, &run);
	if (ret || run.state == ARENA_OWNED)
		return ret;
	return run.state == ARENA_IN_IO ? -EBUSY : -EPERM;
}

/* Where it stays with its peer, and is not ours to be read. */
static bool is_away(const struct arena_extent *run)
{
	return run->state == ARENA_LENT || run->state == ARENA_LOST;
}

static void *address(const struct arena *a, struct arena_buf b)
{
	return arena_layout_buffer(a->base, &a->layout, b.group, b.index);
}

/* No handle: for what is refused before there is one. */
static struct arena_buf whole_group(uint32_t group, uint32_t count)
{
	return (struct arena_buf){
		.group = (uint16_t)(group < UINT16_MAX ? group : UINT16_MAX),
		.count = (uint16_t)(count < UINT16_MAX ? count : UINT16_MAX),
	};
}

/* The end of the process, with a story, or an error. */
static int refuse(const struct arena *a, const char *call, struct arena_buf b,
		  const char *site, int error)
{
	struct arena_misuse m = {
		.call = call, .site = site, .error = error, .b = b,
		.layout = &a->layout, .role = a->role,
	};

	if (!ARENA_TRACKS)
		return error;
	if (b.group < a->layout.n_groups && a->group[b.group].pool)
		m.usage = arena_pool_usage(a->group[b.group].pool);
	if (b.generation && arena_layout_has(&a->layout, b.group, b.index, 1)) {
		m.run = run_at(a, b);
		m.history = a->group[b.group].history;
	}
	arena_misuse_report(&m);
}

static void note(struct arena *a, struct arena_buf b, enum arena_step step,
		 uint32_t peer, const char *site)
{
	struct group *g = &a->group[b.group];

	if (ARENA_TRACKS && !g->history)
		g->history = arena_history_new(a->layout.group[b.group].count);
	arena_history_add(g->history, b.index, step, peer, site);
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

static int open_region(struct arena *a)
{
	struct mshare_info info;
	void *base;
	int ret;

	ret = mshare_attach(a->m, &base);
	if (!ret)
		ret = mshare_info(a->m, &info);
	if (ret)
		return ret;
	a->base = base;
	a->page_size = info.page_size;
	return arena_layout_read(base, info.exported, &a->layout);
}

static void free_arena(struct arena *a)
{
	for (uint32_t i = 0; i < a->layout.n_groups; i++) {
		arena_pool_free(a->group[i].pool);
		arena_borrowed_free(a->group[i].borrowed);
		arena_history_free(a->group[i].history);
	}
	free(a);
}

int arena_open(struct mshare *m, uint32_t role, struct arena **out)
{
	struct arena *a = calloc(1, sizeof(*a));
	int ret;

	if (!a)
		return -ENOMEM;
	a->m = m;
	a->role = role;
	ret = open_region(a);
	if (ret) {
		/* Not even its number of groups is to be believed. */
		free(a);
		return ret;
	}
	ret = arena_layout_has_role(&a->layout, role) ? open_groups(a) : -ENOENT;
	if (ret) {
		free_arena(a);
		return ret;
	}
	*out = a;
	return 0;
}

int arena_close(struct arena *a)
{
	if (!a)
		return 0;
	for (uint32_t i = 0; i < a->layout.n_groups; i++) {
		const struct group *g = &a->group[i];

		if ((g->pool && arena_pool_usage(g->pool).in_io) ||
		    (g->borrowed && arena_borrowed_in_io(g->borrowed)))
			return -EBUSY;
	}
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

uint32_t arena_role(const struct arena *a)
{
	return a->role;
}

/*
 * Our own
 */

static uint32_t next_own(const struct arena *a, uint32_t group)
{
	return a->first + (group - a->first + 1) % a->n;
}

/* -EINVAL or -ENOSPC, as arena_pool_get(). */
static int get(struct arena *a, uint32_t group, uint32_t count, struct arena_buf *out,
	       const char *site)
{
	struct arena_pool *pool = a->group[group].pool;
	int64_t index = count <= UINT16_MAX ? arena_pool_get(pool, count) : -EINVAL;

	if (index < 0)
		return (int)index;
	*out = (struct arena_buf){
		.group = (uint16_t)group,
		.index = (uint32_t)index,
		.count = (uint16_t)count,
		.generation = arena_pool_extent(pool, (uint32_t)index).generation,
	};
	note(a, *out, ARENA_STEP_GOT, 0, site);
	return 0;
}

static int refuse_get(const struct arena *a, const char *call, uint32_t group,
		      uint32_t count, const char *site, int error)
{
	if (error == -ENOSPC)
		return error;
	return refuse(a, call, whole_group(group, count), site, error);
}

int arena_get_at(struct arena *a, uint32_t group, uint32_t count,
		 struct arena_buf *out, const char *site)
{
	int ret;

	if (group >= a->layout.n_groups)
		ret = -EINVAL;
	else if (!a->group[group].pool)
		ret = -EACCES;
	else
		ret = get(a, group, count, out, site);
	return ret ? refuse_get(a, "arena_get", group, count, site, ret) : 0;
}

int arena_get_for_at(struct arena *a, uint32_t use, uint32_t count,
		     struct arena_buf *out, const char *site)
{
	uint32_t group = use <= ARENA_MAX_USE ? a->served[use] : 0;
	int error = -EACCES;

	for (uint32_t i = 0; i < a->n; i++, group = next_own(a, group)) {
		int ret;

		if (a->layout.group[group].use != use || !a->group[group].pool)
			continue;
		ret = get(a, group, count, out, site);
		if (!ret) {
			a->served[use] = group;
			return 0;
		}
		/* One that is full may serve later, one that is too small never. */
		if (error != -ENOSPC)
			error = ret;
	}
	return refuse_get(a, "arena_get_for", group, count, site, error);
}

int arena_put_at(struct arena *a, struct arena_buf b, const char *site)
{
	int ret = look_owned(a, b);

	if (ret)
		return refuse(a, "arena_put", b, site, ret);
	note(a, b, ARENA_STEP_FREED, 0, site);
	return arena_pool_put(a->group[b.group].pool, b.index, b.count);
}

void *arena_ptr_at(struct arena *a, struct arena_buf b, const char *site)
{
	int ret = look_owned(a, b);

	if (!ret)
		return address(a, b);
	refuse(a, "arena_ptr", b, site, ret);
	return NULL;
}

const void *arena_ptr_const_at(struct arena *a, struct arena_buf b, const char *site)
{
	struct arena_extent run;
	int ret = look(a, b, &run);

	if (!ret && run.state == ARENA_IN_IO)
		ret = -EBUSY;
	if (!ret && is_away(&run))
		ret = -EPERM;
	if (!ret)
		return address(a, b);
	refuse(a, "arena_ptr_const", b, site, ret);
	return NULL;
}

size_t arena_size(const struct arena *a, struct arena_buf b)
{
	struct arena_extent run;

	if (look(a, b, &run))
		return 0;
	return (size_t)b.count * a->layout.group[b.group].buffer_size;
}

enum arena_state arena_state(const struct arena *a, struct arena_buf b)
{
	struct arena_extent run;

	return look(a, b, &run) ? ARENA_STALE : run.state;
}

/*
 * The kernel
 */

static int look_lendable(const struct arena *a, struct arena_buf b, int writes)
{
	struct arena_extent run;
	int ret = look(a, b, &run);

	if (!ret && is_away(&run))
		ret = -EPERM;
	if (!ret && writes && !is_ours(a, b.group))
		ret = -EACCES;
	if (!ret && run.io_count == UINT32_MAX)
		ret = -EINVAL;
	return ret;
}

int arena_io_begin_at(struct arena *a, struct arena_buf b, int writes, const char *site)
{
	int ret = look_lendable(a, b, writes);
	struct group *g;

	if (ret)
		return refuse(a, "arena_io_begin", b, site, ret);
	g = &a->group[b.group];
	if (g->pool)
		arena_pool_io_begin(g->pool, b.index, b.count);
	else
		arena_borrowed_io_begin(g->borrowed, b.index);
	note(a, b, ARENA_STEP_IO_BEGUN, 0, site);
	return 0;
}

int arena_io_end_at(struct arena *a, struct arena_buf b, const char *site)
{
	struct arena_extent run;
	int ret = look(a, b, &run);
	struct group *g;

	if (!ret && run.state != ARENA_IN_IO)
		ret = is_away(&run) ? -EPERM : -EINVAL;
	if (ret)
		return refuse(a, "arena_io_end", b, site, ret);
	g = &a->group[b.group];
	if (g->pool)
		arena_pool_io_end(g->pool, b.index, b.count);
	else
		arena_borrowed_io_end(g->borrowed, b.index);
	note(a, b, ARENA_STEP_IO_ENDED, 0, site);
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

/* The extent that a peer's ref names, if there is such a one; of no generation yet. */
static bool find(const struct arena *a, const struct arena_ref *ref, struct arena_buf *b)
{
	*b = (struct arena_buf){ .group = ref->group, .index = ref->index, .count = ref->count };
	return !ref->reserved && ref->generation &&
	       arena_layout_has(&a->layout, b->group, b->index, b->count);
}

int arena_lend_at(struct arena *a, struct arena_buf b, uint32_t peer,
		  struct arena_ref *ref, const char *site)
{
	int ret = look_owned(a, b);

	if (!ret && (peer == a->role || !arena_layout_has_role(&a->layout, peer)))
		ret = -EINVAL;
	if (ret)
		return refuse(a, "arena_lend", b, site, ret);
	arena_pool_lend(a->group[b.group].pool, b.index, b.count, peer);
	*ref = ref_of(b, b.generation);
	note(a, b, ARENA_STEP_LENT, peer, site);
	return 0;
}

int arena_unlend_at(struct arena *a, struct arena_buf b, const char *site)
{
	int ret = look_owned(a, b);
	struct arena_extent run;

	/* A peer's end may be seen before the failure to send to it. */
	if (ret != -EPERM)
		return refuse(a, "arena_unlend", b, site, ret ? ret : -EINVAL);
	run = run_at(a, b);
	arena_pool_regain(a->group[b.group].pool, b.index, b.count, run.peer);
	note(a, b, ARENA_STEP_UNLENT, run.peer, site);
	return 0;
}

int arena_regain(struct arena *a, uint32_t peer, const struct arena_ref *ref,
		 struct arena_buf *out)
{
	struct arena_buf b;
	struct arena_extent run;

	if (!find(a, ref, &b) || !a->group[b.group].pool)
		return -EPROTO;
	run = run_at(a, b);
	if (run.state != ARENA_LENT || run.peer != peer || run.count != b.count ||
	    (uint16_t)run.generation != ref->generation)
		return -EPROTO;
	arena_pool_regain(a->group[b.group].pool, b.index, b.count, peer);
	b.generation = run.generation;
	note(a, b, ARENA_STEP_REGAINED, peer, NULL);
	*out = b;
	return 0;
}

/* May it be this peer's, to be handed to us? */
static bool may_come(const struct arena *a, uint32_t peer, const struct arena_group *g)
{
	return g->role == peer && peer != a->role && g->use != ARENA_USE_CONTROL;
}

/* The table of a peer's group, from now on at the latest; or NULL. */
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

	if (!find(a, ref, &b) || !may_come(a, peer, &a->layout.group[b.group]))
		return -EPROTO;
	table = borrowed(a, b.group);
	if (!table)
		return -ENOMEM;
	if (arena_borrowed_add(table, b.index, b.count, ref->generation))
		return -EPROTO;
	b.generation = run_at(a, b).generation;
	note(a, b, ARENA_STEP_BORROWED, peer, NULL);
	*out = b;
	return 0;
}

static int look_borrowed(const struct arena *a, struct arena_buf b)
{
	struct arena_extent run;
	int ret;

	if (b.generation && is_ours(a, b.group))
		return -EACCES;
	ret = look(a, b, &run);
	if (!ret && run.state == ARENA_IN_IO)
		ret = -EBUSY;
	return ret;
}

int arena_return_at(struct arena *a, struct arena_buf b, struct arena_ref *ref,
		    const char *site)
{
	int ret = look_borrowed(a, b);

	if (ret)
		return refuse(a, "arena_return", b, site, ret);
	*ref = ref_of(b, arena_borrowed_remove(a->group[b.group].borrowed, b.index));
	note(a, b, ARENA_STEP_RETURNED, a->layout.group[b.group].role, site);
	return 0;
}

/*
 * The end of a peer
 */

static uint32_t count_lost(const struct arena *a)
{
	uint32_t lost = 0;

	for (uint32_t i = a->first; i < a->first + a->n; i++)
		if (a->group[i].pool)
			lost += arena_pool_usage(a->group[i].pool).lost;
	return lost;
}

uint32_t arena_peer_died(struct arena *a, uint32_t peer)
{
	for (uint32_t i = 0; i < a->layout.n_groups; i++) {
		struct group *g = &a->group[i];

		if (g->pool)
			arena_pool_lose(g->pool, peer);
		else if (g->borrowed && a->layout.group[i].role == peer)
			arena_borrowed_forget(g->borrowed);
	}
	return count_lost(a);
}

/**
 * struct reclaim - while the kernel is asked about LOST buffers
 * @a: the arena
 * @group: the group
 * @end: on the clock, when to wait no longer; -1 for never
 * @from: offset of the pages that were asked about last
 * @to: end of them
 * @error: what the answer was
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

/* Is this run, to be exact: are all pages on which it lies, in use no more? */
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
	/* Small buffers share pages. */
	if (from != r->from || to != r->to) {
		r->error = mshare_quiesce(r->a->m, from, to - from, time_left(r), NULL);
		r->from = from;
		r->to = to;
	}
	if (!r->error)
		note(r->a, (struct arena_buf){ .group = (uint16_t)r->group, .index = index },
		     ARENA_STEP_RECLAIMED, 0, NULL);
	return !r->error;
}

int64_t arena_reclaim(struct arena *a, int timeout_ms)
{
	struct reclaim r = { .a = a, .end = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms };

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

static void note_reset(struct arena *a, uint32_t group, const char *site)
{
	struct arena_buf b = { .group = (uint16_t)group };
	struct arena_extent run;

	for (; b.index < a->layout.group[group].count; b.index += run.count) {
		run = arena_pool_extent(a->group[group].pool, b.index);
		if (run.state != ARENA_STALE)
			note(a, b, ARENA_STEP_RESET, 0, site);
	}
}

int arena_reset_group_at(struct arena *a, uint32_t group, const char *site)
{
	struct arena_usage u;
	int ret = arena_usage(a, group, &u);

	if (!ret && (u.in_io || u.lent || u.lost))
		ret = -EBUSY;
	if (ret)
		return refuse(a, "arena_reset_group", whole_group(group, 0), site, ret);
	if (ARENA_TRACKS)
		note_reset(a, group, site);
	return arena_pool_reset(a->group[group].pool);
}

int arena_usage(const struct arena *a, uint32_t group, struct arena_usage *out)
{
	if (group >= a->layout.n_groups || !a->group[group].pool)
		return -EACCES;
	*out = arena_pool_usage(a->group[group].pool);
	return 0;
}
