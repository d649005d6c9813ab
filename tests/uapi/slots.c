// SPDX-License-Identifier: MIT
/*
 * Many regions: each has a slot of addresses to itself until it has ended, and
 * when there is none left, or the one that was asked for is taken, that is said.
 */
#include "util.h"

#define RW (PROT_READ | PROT_WRITE)
#define MANY 90
/* The slots that the module chooses from: 0x200000000000 to 0x4f8000000000. */
#define CHOSEN 96

static uint64_t address[CHOSEN + 8];
static int region[MANY];

static const char *name_of(int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "test-slots-%d", i);
	return name;
}

static int create_at(int i, uint64_t addr)
{
	struct msharearena_create c = create_args(name_of(i), SZ_4K, SZ_1G);
	int ret;

	c.addr = addr;
	ret = ctl(MSHAREARENA_CREATE, &c);
	address[i] = c.addr;
	return ret;
}

/* Each in its slot, all attached by one process and by another one. */
static void test_many(void)
{
	struct peer p = peer_start();
	int bad = 0;

	for (int i = 0; i < MANY; i++) {
		char *at;

		bad += create_at(i, 0) != 0;
		region[i] = view_open(name_of(i), "rw", O_RDWR);
		bad += donate(region[i], SZ_4K, 4 * SZ_4K, 0) != 0;
		at = attach(region[i], RW);
		bad += at != (char *)(uintptr_t)address[i];
		fill(at, 4 * SZ_4K, i);
		bad += peer_attach(&p, name_of(i), i % 2) != (int64_t)address[i];
	}
	is(bad, 0, "%d regions are made and attached, all by one process and another", MANY);
	for (int i = 0; i < MANY; i++)
		bad += PEER(p, .op = PEER_FILLED, .a = address[i], .b = 4 * SZ_4K, .c = i) != 1;
	is(bad, 0, "each has its own memory");
	for (int i = 0; i < MANY; i++)
		for (int j = 0; j < i; j++)
			bad += address[i] == address[j];
	is(bad, 0, "and its own address");
	peer_kill(&p);
	for (int i = 0; i < MANY; i++)
		bad += view_region(region[i]).attached != 1;
	is(bad, 0, "the other process is gone from all of them");
}

static void test_full(void)
{
	int ret = 0, i;

	for (i = MANY; i < CHOSEN + 8 && !ret; i++)
		ret = create_at(i, 0);
	is(ret, -ENOSPC, "when no slot is left it is ENOSPC");
	is(i - 1, CHOSEN, "after all that the module may choose");
	is(create_at(CHOSEN, address[3]), -EBUSY, "a slot of somebody's is EBUSY");
	is(create_at(CHOSEN, 0x100000000000), 0, "but others can be asked for");
	is(create_at(CHOSEN + 1, 0x100000000000), -EBUSY, "once");
	is(region_unlink(name_of(CHOSEN)), 0, "(unlinked)");
	is(create_at(CHOSEN + 1, 0x100000000000), 0, "and again when that has ended");
	region_unlink(name_of(CHOSEN + 1));
}

/* A slot is free when the region has ended, not when it lost its name. */
static void test_reuse(void)
{
	uint64_t wanted = address[7];

	region_unlink(name_of(7));
	is(create_at(CHOSEN, 0), -ENOSPC, "an unlinked region keeps its slot");
	close(region[7]);
	is(create_at(CHOSEN, 0), -ENOSPC, "also without an open file");
	ok(filled((char *)(uintptr_t)wanted, 4 * SZ_4K, 7), "(it is still attached)");
	munmap((void *)(uintptr_t)wanted, SLOT);
	is(create_at(CHOSEN, 0), 0, "and gives it up with the last attachment");
	is(address[CHOSEN], wanted, "(the same)");
	region_unlink(name_of(CHOSEN));
}

static void test_bad_addresses(void)
{
	is(create_at(CHOSEN, 1), -EINVAL, "an address that is no slot's");
	is(create_at(CHOSEN, address[0] + SZ_1G), -EINVAL, "or lies within one");
	is(create_at(CHOSEN, 1ULL << 47), -EINVAL, "or above user space");
	is(create_at(CHOSEN, (1ULL << 47) - SLOT), -EINVAL, "or is the last slot, with the stack");
	is(create_at(CHOSEN, ~0ULL << 39), -EINVAL, "or the kernel's");
	is(create_at(CHOSEN, (1ULL << 48) + SLOT), -EINVAL, "or no address at all");
}

/* Two regions and what lies between them are apart. */
static void test_adjacent(void)
{
	char *a = (char *)(uintptr_t)address[10], *b = (char *)(uintptr_t)address[11];
	uint64_t v;

	if (a + SLOT != b)
		bail("slots are not given one after the other");
	is(munmap(a + SZ_4K, SLOT), -1, "munmap over the border of two regions is refused");
	is(munmap(b, SLOT), 0, "one is detached");
	ok(filled(a, 4 * SZ_4K, 10), "the one below is there");
	is(try_load(b, &v), SIGSEGV, "(and the other not)");
	ok(attach(region[11], RW) == b && filled(b, 4 * SZ_4K, 11), "it can be attached again");
	is(munmap(a, 2 * SLOT), 0, "munmap of both at once");
	is(view_region(region[10]).attached + view_region(region[11]).attached, 0,
	   "detaches both");
}

static void end_all(void)
{
	for (int i = 0; i < CHOSEN + 8; i++) {
		region_unlink(name_of(i));
		if (i < MANY && i != 7) {
			munmap((void *)(uintptr_t)address[i], SLOT);
			close(region[i]);
		}
	}
}

int main(int argc, char **argv)
{
	long before = pages_free(SZ_4K);

	peer_main(argc, argv);
	test_many();
	test_full();
	test_reuse();
	test_bad_addresses();
	test_adjacent();
	end_all();
	is(pages_free(SZ_4K), before, "nothing is pinned any more");
	return done_testing();
}
