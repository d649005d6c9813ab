// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: each region has a window of addresses of its own until it has ended. CREATE without
 * an address chooses a random one of 96 windows, and returns an error if none of them is
 * free or if a requested window is taken.
 */
#include "util.h"

#define RW (PROT_READ | PROT_WRITE)
#define MANY 90
/* The windows from which the module chooses, and one outside of them. */
#define CHOSEN 96
#define LOWEST 0x200000000000
#define HIGHEST 0x4f8000000000
#define OUTSIDE 0x100000000000

static uint64_t address[CHOSEN + 8];
static int region[CHOSEN + 8];	/* descriptors of the views rw */

static const char *name_of(int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "test-windows-%d", i);
	return name;
}

static int create_at(int i, uint64_t addr)
{
	struct msharearena_create c = create_args(name_of(i), SZ_4K, SZ_1G);

	c.addr = addr;
	region[i] = create_open(&c);
	if (region[i] < 0)
		return region[i];
	address[i] = view_region(region[i]).addr;
	return 0;
}

/* Unlink and close a region; an attachment may remain. */
static void end(int i)
{
	view_unlink(region[i]);
	close(region[i]);
	region[i] = -1;
}

static bool is_chosen(uint64_t addr)
{
	return addr >= LOWEST && addr <= HIGHEST && !(addr % WINDOW);
}

/* Regions are created one after the other, so that only chance changes the address. */
static void test_random(void)
{
	int different = 0, outside = 0;

	for (int i = 0; i < 32; i++) {
		if (create_at(0, 0))
			bail("create");
		address[i + 1] = address[0];
		different += i && address[i + 1] != address[i];
		outside += !is_chosen(address[0]);
		end(0);
	}
	is(outside, 0,
	   "32 addresses that CREATE chooses lie between 0x200000000000 and 0x4f8000000000");
	ok(different > 16,
	   "addresses that CREATE chooses vary (%d of 31 differ from the one before)",
	   different);
}

/* Many regions at once, each in its window, all attached by two processes. */
static void test_many(void)
{
	struct peer p = peer_start();
	int bad = 0, ascending = 0;

	for (int i = 0; i < MANY; i++) {
		char *at;

		bad += create_at(i, 0) != 0;
		bad += donate(region[i], SZ_4K, 4 * SZ_4K, 0) != 0;
		at = attach(region[i], RW);
		bad += at != (char *)(uintptr_t)address[i];
		fill(at, 4 * SZ_4K, i);
		bad += peer_attach(&p, name_of(i), i % 2) != (int64_t)address[i];
	}
	is(bad, 0, "two processes attach %d regions each", MANY);
	for (int i = 0; i < MANY; i++)
		bad += PEER(p, .op = PEER_FILLED, .a = address[i], .b = 4 * SZ_4K, .c = i) != 1;
	is(bad, 0, "each of %d regions has its own memory", MANY);
	for (int i = 0; i < MANY; i++)
		for (int j = 0; j < i; j++)
			bad += address[i] == address[j];
	is(bad, 0, "each of %d regions has its own address", MANY);
	for (int i = 1; i < MANY; i++)
		ascending += address[i] == address[i - 1] + WINDOW;
	ok(ascending < 20, "the windows of regions are not in ascending order (%d are)", ascending);
	peer_kill(&p);
	for (int i = 0; i < MANY; i++)
		bad += view_region(region[i]).attached != 1;
	is(bad, 0, "a process that is killed is not attached to any region");
}

static void test_full(void)
{
	int ret = 0, i, outside = 0;

	for (i = MANY; i < CHOSEN + 1 && !ret; i++)
		ret = create_at(i, 0);
	is(ret, -ENOSPC, "CREATE gives ENOSPC when no window is left");
	is(i - 1, CHOSEN, "CREATE can choose 96 windows");
	for (i = 0; i < CHOSEN; i++)
		outside += !is_chosen(address[i]);
	is(outside, 0, "each of 96 windows is one of those that are documented");
	is(create_at(CHOSEN, address[3]), -EBUSY,
	   "CREATE in the window of another region gives EBUSY");
	is(create_at(CHOSEN, OUTSIDE), 0, "CREATE in a window outside of the 96 succeeds");
	is(address[CHOSEN], OUTSIDE, "a region lies in the window that was requested");
	is(create_at(CHOSEN + 1, OUTSIDE), -EBUSY, "CREATE in the same window again gives EBUSY");
	view_unlink(region[CHOSEN]);
	is(create_at(CHOSEN + 1, OUTSIDE), -EBUSY,
	   "CREATE in the window of an unlinked region that is open gives EBUSY");
	close(region[CHOSEN]);
	is(create_at(CHOSEN + 1, OUTSIDE), 0,
	   "CREATE in the window of a region that has ended succeeds");
	end(CHOSEN + 1);
}

/* A window becomes free when the region ends, and not when it is unlinked. */
static void test_reuse(void)
{
	uint64_t wanted = address[7];

	view_unlink(region[7]);
	is(create_at(CHOSEN, 0), -ENOSPC, "an unlinked region that is open keeps its window");
	close(region[7]);
	region[7] = -1;
	is(create_at(CHOSEN, 0), -ENOSPC,
	   "an unlinked region that is attached keeps its window");
	ok(filled((char *)(uintptr_t)wanted, 4 * SZ_4K, 7),
	   "an unlinked region that is attached has its memory");
	munmap((void *)(uintptr_t)wanted, WINDOW);
	is(create_at(CHOSEN, 0), 0,
	   "a region can be created after the last munmap of an unlinked one");
	is(address[CHOSEN], wanted, "the only free window is that of the region that ended");
	end(CHOSEN);
}

static void test_bad_addresses(void)
{
	static const struct {
		uint64_t addr;
		const char *what;
	} bad[] = {
		{ 1, "an address that does not begin a window" },
		{ LOWEST + SZ_1G, "an address within a window" },
		{ 1ULL << 47, "an address above user space" },
		{ (1ULL << 47) - WINDOW, "the last window, where stacks are" },
		{ ~0ULL << 39, "an address of the kernel" },
		{ (1ULL << 48) + WINDOW, "a number that is no address" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is(create_at(CHOSEN, bad[i].addr), -EINVAL,
		   "CREATE at %s gives EINVAL", bad[i].what);
}

/* Two regions side by side, and calls across their border. */
static void test_adjacent(void)
{
	char *a = (char *)OUTSIDE, *b = a + WINDOW;
	int left = CHOSEN, right = CHOSEN + 1;
	uint64_t v;

	if (create_at(left, OUTSIDE) || create_at(right, OUTSIDE + WINDOW) ||
	    donate(region[left], SZ_4K, SZ_4K, 0) || donate(region[right], SZ_4K, SZ_4K, 0) ||
	    attach(region[left], RW) != a || attach(region[right], RW) != b)
		bail("two regions side by side: %s", strerror(errno));
	fill(a, SZ_4K, 10);
	fill(b, SZ_4K, 11);
	is(munmap(a + SZ_4K, WINDOW), -1, "munmap across the border of two regions is refused");
	is(munmap(b, WINDOW), 0, "munmap of the right one of two regions succeeds");
	ok(filled(a, SZ_4K, 10), "the left one of two regions stays attached");
	is(try_load(b, &v), SIGSEGV, "a load from the detached right region raises SIGSEGV");
	ok(attach(region[right], RW) == b && filled(b, SZ_4K, 11),
	   "the right one of two regions can be attached again");
	is(munmap(a, 2 * WINDOW), 0, "munmap of two regions at once succeeds");
	is(view_region(region[left]).attached + view_region(region[right]).attached, 0,
	   "munmap of two windows detaches both regions");
	end(left);
	end(right);
}

static void end_all(void)
{
	for (int i = 0; i < CHOSEN; i++) {
		if (i == 7)
			continue;
		if (i < MANY)
			munmap((void *)(uintptr_t)address[i], WINDOW);
		end(i);
	}
}

int main(int argc, char **argv)
{
	long before;

	peer_main(argc, argv);
	before = pages_free(SZ_4K);
	test_random();
	test_many();
	test_full();
	test_reuse();
	test_bad_addresses();
	test_adjacent();
	end_all();
	is(pages_free(SZ_4K), before, "no page is pinned after all regions have ended");
	return done_testing();
}
