// SPDX-License-Identifier: MIT
/*
 * Where regions lie: each has a window of addresses to itself until it has
 * ended. Without an address in the request it is a random one of 96; when none
 * of them is free, or the one that was asked for is taken, the call says so.
 */
#include "util.h"

#define RW (PROT_READ | PROT_WRITE)
#define MANY 90
/* The windows of which the module chooses, and one outside of them. */
#define CHOSEN 96
#define LOWEST 0x200000000000
#define HIGHEST 0x4f8000000000
#define OUTSIDE 0x100000000000

static uint64_t address[CHOSEN + 8];
static int region[CHOSEN + 8];	/* the view rw, open */

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

/* Without a name and an open file; an attachment may be left. */
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

/* One region after the other, each alone: nothing but chance moves them. */
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
	is(outside, 0, "32 addresses lie between 0x200000000000 and 0x4f8000000000");
	ok(different > 16, "they vary (%d of 31 differ from the one before)", different);
}

/* Each in its window, all attached by one process and by another one. */
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
	is(bad, 0, "%d regions are made and attached, all by one process and another", MANY);
	for (int i = 0; i < MANY; i++)
		bad += PEER(p, .op = PEER_FILLED, .a = address[i], .b = 4 * SZ_4K, .c = i) != 1;
	is(bad, 0, "each of %d regions has its own memory", MANY);
	for (int i = 0; i < MANY; i++)
		for (int j = 0; j < i; j++)
			bad += address[i] == address[j];
	is(bad, 0, "each of %d regions has its own address", MANY);
	for (int i = 1; i < MANY; i++)
		ascending += address[i] == address[i - 1] + WINDOW;
	ok(ascending < 20, "they are not given one after the other (%d are)", ascending);
	peer_kill(&p);
	for (int i = 0; i < MANY; i++)
		bad += view_region(region[i]).attached != 1;
	is(bad, 0, "a process that is killed is gone from all of them");
}

static void test_full(void)
{
	int ret = 0, i, outside = 0;

	for (i = MANY; i < CHOSEN + 1 && !ret; i++)
		ret = create_at(i, 0);
	is(ret, -ENOSPC, "when no window is left CREATE is ENOSPC");
	is(i - 1, CHOSEN, "after all that the module may choose");
	for (i = 0; i < CHOSEN; i++)
		outside += !is_chosen(address[i]);
	is(outside, 0, "each of 96 addresses is one of those that are documented");
	is(create_at(CHOSEN, address[3]), -EBUSY, "the window of another region is EBUSY");
	is(create_at(CHOSEN, OUTSIDE), 0, "a window outside of them can be asked for");
	is(address[CHOSEN], OUTSIDE, "a region lies in the window that was asked for");
	is(create_at(CHOSEN + 1, OUTSIDE), -EBUSY, "asking for it a second time is EBUSY");
	view_unlink(region[CHOSEN]);
	is(create_at(CHOSEN + 1, OUTSIDE), -EBUSY,
	   "a window is taken while its region is only unlinked");
	close(region[CHOSEN]);
	is(create_at(CHOSEN + 1, OUTSIDE), 0, "when the first has ended it is free again");
	end(CHOSEN + 1);
}

/* A window is free when the region has ended, not when it lost its name. */
static void test_reuse(void)
{
	uint64_t wanted = address[7];

	view_unlink(region[7]);
	is(create_at(CHOSEN, 0), -ENOSPC, "an unlinked region keeps its window");
	close(region[7]);
	region[7] = -1;
	is(create_at(CHOSEN, 0), -ENOSPC,
	   "an unlinked region without an open file keeps its window");
	ok(filled((char *)(uintptr_t)wanted, 4 * SZ_4K, 7), "(it is still attached)");
	munmap((void *)(uintptr_t)wanted, WINDOW);
	is(create_at(CHOSEN, 0), 0, "its last munmap gives the window up");
	is(address[CHOSEN], wanted, "to the next region, which has no other choice");
	end(CHOSEN);
}

static void test_bad_addresses(void)
{
	static const struct {
		uint64_t addr;
		const char *what;
	} bad[] = {
		{ 1, "an address that is not a window's" },
		{ LOWEST + SZ_1G, "an address within a window" },
		{ 1ULL << 47, "an address above user space" },
		{ (1ULL << 47) - WINDOW, "the last window, where stacks are" },
		{ ~0ULL << 39, "an address of the kernel's" },
		{ (1ULL << 48) + WINDOW, "a number that is no address" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is(create_at(CHOSEN, bad[i].addr), -EINVAL, "%s is EINVAL", bad[i].what);
}

/* Two regions side by side, and what lies between them. */
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
	is(munmap(a + SZ_4K, WINDOW), -1, "munmap over the border of two regions is refused");
	is(munmap(b, WINDOW), 0, "munmap of the right one works");
	ok(filled(a, SZ_4K, 10), "the left one of two regions is still there");
	is(try_load(b, &v), SIGSEGV, "the right one of two regions is not there any more");
	ok(attach(region[right], RW) == b && filled(b, SZ_4K, 11),
	   "the right one can be attached again");
	is(munmap(a, 2 * WINDOW), 0, "munmap of both at once works");
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
	is(pages_free(SZ_4K), before, "no page is pinned when all have ended");
	return done_testing();
}
