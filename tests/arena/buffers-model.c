// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: in whatever order two processes use, lend and return their extents, and whichever of
 * them dies, the libraries of both agree at any time about the state of every extent.
 * Method: two roles of one region live in this process, beside a model of all extents that are
 * in use. Random calls, right and wrong, are made, and the model says what each must return;
 * wrong ones only where the library answers them with errors, see buffers.c. A side must read
 * in an extent what the other side wrote. The environment variable SEED repeats a sequence.
 */
#include <errno.h>
#include <arena/arena.h>
#include <string.h>
#include <time.h>

#include "region.h"

#define NAME	"model"
#define LENGTH	(16UL << 20)
#define STEPS	150000
#define ITEMS	250
#define STALES	64

/**
 * enum where - who has an extent
 * @HOME: its owner has it
 * @GOING: its owner has lent it, and the message is on its way
 * @THERE: the peer has borrowed it
 * @COMING: the peer has returned it, and the message is on its way
 * @LOST: the peer died while the extent was lent
 * @ORPHAN: the owner died while the kernel worked on the extent for the peer
 */
enum where { HOME, GOING, THERE, COMING, LOST, ORPHAN };

/**
 * struct item - an extent in use
 * @where: who has it
 * @owner: index of the side that owns it
 * @mine: the owner's handle
 * @theirs: the peer's handle since it last borrowed the extent
 * @ref: the ref of the message that was sent last
 * @io_count: operations that work on it, for the side that has it
 * @text: value of its first and last word
 */
struct item {
	enum where where;
	int owner;
	struct arena_buf mine, theirs;
	struct arena_ref ref;
	uint32_t io_count;
	uint64_t text;
};

/**
 * struct side - one of the two processes
 * @role: its role
 * @a: its arena
 * @group: the group from which it gets extents
 * @kept: what the library counts of the group; of the second side it does so in memory of its own
 * @stale: the last STALES handles that became stale
 * @n_stale: number of handles that became stale
 */
struct side {
	uint32_t role;
	struct arena *a;
	uint32_t group;
	struct arena_usage kept;
	struct arena_buf stale[STALES];
	uint32_t n_stale;
};

static struct mshare *region;
static bool is_module;
static struct side side[2];
static struct item item[ITEMS];
static int items, deaths, lies, reclaimed;
static uint64_t texts;

static uint32_t pick(uint32_t below)
{
	return (uint32_t)random() % below;
}

static struct side *owner_of(const struct item *it)
{
	return &side[it->owner];
}

static struct side *peer_of(const struct item *it)
{
	return &side[!it->owner];
}

static void add_stale(struct side *s, struct arena_buf b)
{
	s->stale[s->n_stale++ % STALES] = b;
}

static void open_side(struct side *s)
{
	int group;

	if (arena_open_region(region, s->role, &s->a))
		bail("cannot open an arena");
	group = arena_layout_find(arena_layout(s->a), s->role, ARENA_ROLE_CLASS(s->role) ?
				  USE_SECOND : USE_FIRST, 0);
	s->group = (uint32_t)group;
	s->kept.size = sizeof(s->kept);
	if (s == &side[0] && arena_keep_usage(s->a, s->group, &s->kept))
		bail("cannot keep the counts of a group");
	s->n_stale = 0;
}

static void drop(struct item *it)
{
	*it = item[--items];
}

/*
 * The model: what the library must report
 */

static enum arena_state state_at_owner(const struct item *it)
{
	switch (it->where) {
	case HOME:
		return it->io_count ? ARENA_IN_IO : ARENA_OWNED;
	case LOST:
		return ARENA_LOST;
	default:
		return ARENA_LENT;
	}
}

/* The result of those calls of the owner that need an OWNED extent. */
static int result_at_owner(const struct item *it)
{
	if (it->where != HOME)
		return -EPERM;
	return it->io_count ? -EBUSY : 0;
}

static bool states_agree(const struct item *it)
{
	enum arena_state theirs = ARENA_STALE;

	if (it->where == THERE || it->where == ORPHAN)
		theirs = it->io_count ? ARENA_IN_IO : ARENA_BORROWED;
	if (it->where != ORPHAN && arena_state(owner_of(it)->a, it->mine) != state_at_owner(it))
		return false;
	return arena_state(peer_of(it)->a, it->theirs) == theirs;
}

static bool usage_agrees(int which)
{
	const struct side *s = &side[which];
	struct arena_usage want = { .size = sizeof(want) }, u = want;

	want.free = arena_layout(s->a)->group[s->group].count;
	for (int i = 0; i < items; i++) {
		const struct item *it = &item[i];
		uint32_t n = it->mine.count;

		if (it->owner != which || it->where == ORPHAN)
			continue;
		want.free -= n;
		want.owned += state_at_owner(it) == ARENA_OWNED ? n : 0;
		want.in_io += state_at_owner(it) == ARENA_IN_IO ? n : 0;
		want.lent += state_at_owner(it) == ARENA_LENT ? n : 0;
		want.lost += state_at_owner(it) == ARENA_LOST ? n : 0;
	}
	return !arena_usage(s->a, s->group, &u) && !memcmp(&u, &want, sizeof(u)) &&
	       (which || !memcmp(&s->kept, &want, sizeof(want)));
}

static bool all_agree(void)
{
	for (int i = 0; i < items; i++)
		if (!states_agree(&item[i]))
			return false;
	for (int i = 0; i < 2; i++)
		for (uint32_t n = 0; n < STALES && n < side[i].n_stale; n++)
			if (arena_state(side[i].a, side[i].stale[n]) != ARENA_STALE ||
			    arena_size(side[i].a, side[i].stale[n]))
				return false;
	return usage_agrees(0) && usage_agrees(1);
}

static bool overlaps(struct arena_buf a, struct arena_buf b)
{
	return a.index < b.index + b.count && b.index < a.index + a.count;
}

/* True if the peer still uses a part of it that it borrowed before the owner died. */
static bool overlaps_orphan(const struct item *it)
{
	for (int i = 0; i < items; i++)
		if (item[i].where == ORPHAN && item[i].owner == it->owner &&
		    overlaps(item[i].mine, it->mine))
			return true;
	return false;
}

/*
 * Steps
 */

/* The text is in the first and in the last word of the extent. */
static bool text_is(const void *extent, const struct item *it)
{
	const char *end = (const char *)extent + it->mine.count * 4096UL;

	return extent && *(const uint64_t *)extent == it->text &&
	       ((const uint64_t *)end)[-1] == it->text;
}

static bool write_text(struct item *it)
{
	char *extent = arena_ptr(owner_of(it)->a, it->mine);

	if (!extent)
		return false;
	it->text = ++texts;
	*(uint64_t *)extent = it->text;
	((uint64_t *)(extent + it->mine.count * 4096UL))[-1] = it->text;
	return true;
}

static bool step_get(void)
{
	int which = (int)pick(2);
	struct side *s = &side[which];
	struct item *it = &item[items];
	uint32_t count = 1 + pick(pick(8) ? 4 : 70);
	struct arena_usage u = { .size = sizeof(u) };
	int ret;

	*it = (struct item){ .where = HOME, .owner = which };
	ret = arena_get(s->a, s->group, count, &it->mine);
	arena_usage(s->a, s->group, &u);
	if (ret)
		return ret == -ENOSPC && (count > 1 || !u.free);
	for (int i = 0; i < items; i++)
		if (item[i].where != ORPHAN && item[i].owner == which &&
		    overlaps(item[i].mine, it->mine))
			return false;
	items++;
	return it->mine.count == count && write_text(it);
}

/* The owner lends, frees or writes the extent; that fails unless the extent is OWNED. */
static bool step_owner(struct item *it)
{
	struct arena *a = owner_of(it)->a;
	uint32_t peer = peer_of(it)->role;
	int want = result_at_owner(it);
	struct arena_ref ref;

	if (want && IS_DEBUG)
		return true;
	switch (pick(3)) {
	case 0:
		if (arena_lend(a, it->mine, peer, &ref) != want)
			return false;
		if (!want) {
			it->where = GOING;
			it->ref = ref;
		}
		return true;
	case 1:
		if (pick(3))
			return true;
		if (arena_put(a, it->mine) != want)
			return false;
		if (!want) {
			add_stale(owner_of(it), it->mine);
			drop(it);
		}
		return true;
	default:
		return want ? !arena_ptr(a, it->mine) : write_text(it);
	}
}

/* The side that has the extent begins or ends an operation on it. */
static bool step_kernel(struct item *it)
{
	bool is_home = it->where == HOME;
	struct side *s = is_home ? owner_of(it) : peer_of(it);
	struct arena_buf b = is_home ? it->mine : it->theirs;
	bool more = !it->io_count || !pick(3);
	bool writes = more && !pick(4);

	if (!is_home && it->where != THERE && it->where != ORPHAN)
		return true;
	if (writes && !is_home)
		return IS_DEBUG || arena_io_begin(s->a, b, 1) == -EACCES;
	if (more ? arena_io_begin(s->a, b, writes) : arena_io_end(s->a, b))
		return false;
	it->io_count += more ? 1 : -1U;
	if (it->io_count)
		return arena_io_address(s->a, b) && (IS_DEBUG || !arena_ptr_const(s->a, b));
	if (it->where == ORPHAN) {
		add_stale(s, b);
		drop(it);
	}
	return !arena_io_address(s->a, b);
}

/* The peer reads and returns an extent that it has borrowed. */
static bool step_peer(struct item *it)
{
	struct arena *a = peer_of(it)->a;
	struct arena_ref ref = { 0 };

	if (it->where != THERE)
		return true;
	if (it->io_count)
		return IS_DEBUG || arena_return(a, it->theirs, &ref) == -EBUSY;
	if (!text_is(arena_ptr_const(a, it->theirs), it))
		return false;
	if (arena_return(a, it->theirs, &ref) || ref.generation != it->ref.generation)
		return false;
	add_stale(peer_of(it), it->theirs);
	it->theirs.generation = 0;
	it->where = COMING;
	it->ref = ref;
	return true;
}

/* A message arrives; or it could not be sent, and its sender unlends the extent. */
static bool step_message(struct item *it)
{
	struct arena_buf b;
	int ret;

	if (it->where == GOING && (!pick(10) || overlaps_orphan(it))) {
		if (overlaps_orphan(it) &&
		    arena_borrow(peer_of(it)->a, owner_of(it)->role, &it->ref, &b) != -EPROTO)
			return false;
		it->where = HOME;
		return !arena_unlend(owner_of(it)->a, it->mine);
	}
	if (it->where == GOING) {
		it->where = THERE;
		ret = arena_borrow(peer_of(it)->a, owner_of(it)->role, &it->ref, &it->theirs);
		return !ret && text_is(arena_ptr_const(peer_of(it)->a, it->theirs), it);
	}
	if (it->where == COMING) {
		it->where = HOME;
		ret = arena_regain(owner_of(it)->a, peer_of(it)->role, &it->ref, &b);
		return !ret && !memcmp(&b, &it->mine, sizeof(b)) &&
		       text_is(arena_ptr_const(owner_of(it)->a, b), it);
	}
	return true;
}

/* A side receives a ref that contradicts who has the extent, or one that it has received before. */
static bool step_lie(struct item *it)
{
	struct arena_ref ref = it->ref;
	struct arena_buf b;

	lies++;
	if (it->where == HOME || it->where == LOST)
		return arena_regain(owner_of(it)->a, peer_of(it)->role, &ref, &b) == -EPROTO;
	if (it->where == THERE &&
	    arena_borrow(peer_of(it)->a, owner_of(it)->role, &ref, &b) != -EPROTO)
		return false;
	if (it->where == ORPHAN)
		return true;
	ref.generation += pick(2);
	ref.count += ref.generation == it->ref.generation;
	return arena_regain(owner_of(it)->a, peer_of(it)->role, &ref, &b) == -EPROTO;
}

/* The kernel ends all operations of a process that dies. */
static void finish_operations(int which)
{
	for (int i = 0; i < items; i++) {
		struct item *it = &item[i];
		bool is_home = it->where == HOME;

		if ((is_home ? it->owner : !it->owner) != which)
			continue;
		for (; it->io_count; it->io_count--)
			arena_io_end(side[which].a, is_home ? it->mine : it->theirs);
	}
}

/* The side @dead has died: change an extent that it owned or that it had. */
static void apply_death(struct item *it, int dead)
{
	if (it->owner != dead && it->where == ORPHAN) {
		drop(it);
	} else if (it->owner != dead) {
		if (it->where != HOME)
			it->where = LOST;
		it->theirs.generation = 0;
	} else if (it->where == THERE && it->io_count) {
		it->where = ORPHAN;
	} else if (it->where != ORPHAN) {
		if (it->where == THERE)
			add_stale(peer_of(it), it->theirs);
		drop(it);
	}
}

static bool step_death(void)
{
	int dead = (int)pick(2);
	uint32_t lost = 0;

	deaths++;
	finish_operations(dead);
	if (arena_close(side[dead].a))
		return false;
	/* drop() moves the last item, so begin at the end: that item has been changed already. */
	for (int i = items - 1; i >= 0; i--)
		apply_death(&item[i], dead);
	for (int i = 0; i < items; i++)
		lost += item[i].where == LOST && item[i].owner == !dead ? item[i].mine.count : 0;
	if (arena_peer_died(side[!dead].a, side[dead].role) != lost)
		return false;
	open_side(&side[dead]);
	return true;
}

/* With the module LOST extents become free. A memfd cannot reclaim; there some are unlent. */
static bool step_lost(void)
{
	int which = (int)pick(2);
	int64_t left = arena_reclaim(side[which].a, 1000);
	bool any = false;

	for (int i = items - 1; i >= 0; i--) {
		struct item *it = &item[i];

		if (it->where != LOST || it->owner != which)
			continue;
		any = true;
		if (is_module) {
			reclaimed++;
			add_stale(&side[which], it->mine);
			drop(it);
		} else if (pick(2)) {
			if (arena_unlend(side[which].a, it->mine))
				return false;
			it->where = HOME;
		}
	}
	return left == (any && !is_module ? -EOPNOTSUPP : 0);
}

static bool step_reset(void)
{
	int which = (int)pick(2);
	bool busy = false;

	for (int i = 0; i < items; i++)
		busy |= item[i].owner == which && item[i].where != ORPHAN &&
			result_at_owner(&item[i]);
	if (busy)
		return IS_DEBUG || arena_reset_group(side[which].a, side[which].group) == -EBUSY;
	if (arena_reset_group(side[which].a, side[which].group))
		return false;
	for (int i = items - 1; i >= 0; i--)
		if (item[i].owner == which && item[i].where == HOME) {
			add_stale(&side[which], item[i].mine);
			drop(&item[i]);
		}
	return true;
}

static bool step(void)
{
	struct item *it;

	if (!pick(3000))
		return step_death();
	if (!pick(500))
		return step_lost();
	if (!pick(2000))
		return step_reset();
	if (items < ITEMS && (!items || !pick(8)))
		return step_get();
	it = &item[pick((uint32_t)items)];
	switch (pick(10)) {
	case 0 ... 2:
		return it->where == ORPHAN || step_owner(it);
	case 3 ... 4:
		return step_kernel(it);
	case 5 ... 6:
		return step_peer(it);
	case 7 ... 8:
		return step_message(it);
	default:
		return step_lie(it);
	}
}

static void open_region(void)
{
	struct mshare_info info = { .size = sizeof(info) };
	struct arena_config c;

	c = arena_test_config(LENGTH);
	c.group_bytes = 1 << 20;
	c.channel_entries = 64;
	region = arena_test_arena(NAME, &c);
	mshare_info(region, &info);
	is_module = info.backend == MSHARE_BACKEND_MODULE;
	side[0].role = ARENA_ROLE(0, 0);
	side[1].role = ARENA_ROLE(1, 0);
	open_side(&side[0]);
	open_side(&side[1]);
}

int main(void)
{
	const char *env = getenv("SEED");
	unsigned int seed = env ? (unsigned int)atoi(env) : (unsigned int)time(NULL);
	bool good = true;
	int i;

	diag("SEED=%u", seed);
	srandom(seed);
	open_region();
	for (i = 0; i < STEPS && good; i++) {
		good = step();
		if (i % 32 == 0)
			good &= all_agree();
	}
	ok(good && all_agree(), "both arenas agree with the model after %d random calls", i);
	diag("%d deaths, %d lies, %llu writes, %d lost extents reclaimed", deaths, lies,
	     (unsigned long long)texts, reclaimed);
	ok(deaths > 10 && lies > 1000, "more than 10 deaths and 1000 lies were among the calls");
	for (i = 0; i < 2; i++) {
		finish_operations(i);
		is(arena_close(side[i].a), 0,
		   "the arena of side %d can be closed after its operations have ended", i);
	}
	arena_test_end(region);
	return done_testing();
}
