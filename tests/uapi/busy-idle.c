// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: pages of a region are not busy because somebody has them mapped, because of the
 * donor or the donor's file, because the same memory is exported elsewhere, or because they
 * are in lists of the kernel. They are busy if they are used through the donor's mapping,
 * or if another part of the same huge page is used.
 * timeout: 600
 */
#include "busy.h"
#include "donors.h"

#include <sys/swap.h>

#define NAME "test-busy-idle"
#define RW (PROT_READ | PROT_WRITE)
#define LEN (2 * SZ_2M)

static int region;

static void begin(uint64_t size)
{
	region_unlink(NAME);
	region = region_create_open(NAME, size, 8 * LEN);
	if (region < 0)
		bail("create: %s", strerror(-region));
}

static void end(void)
{
	region_unlink(NAME);
	close(region);
}

static void exports(char *d, uint64_t offset)
{
	int ret = view_export(region, d, LEN, offset);

	if (ret)
		bail("export: %s", strerror(-ret));
}

static char *huge(int flags)
{
	flags |= MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB;
	return mmap(NULL, LEN, RW, flags, -1, 0);
}

/* Small pages that are not part of huge pages. */
static char *small(void)
{
	char *d = donor(SZ_4K, LEN);

	madvise(d, LEN, MADV_NOHUGEPAGE);
	return d;
}

/* Nothing is busy while several processes map the memory in several places. */
static void test_mapped(char *d, const char *what)
{
	struct peer p = peer_start();
	pid_t pid;
	char *at;

	fill(d, LEN, 2);
	exports(d, 0);
	ok(idle(region, 0, 8 * LEN),
	   "%s that the donor maps are idle", what);
	at = attach(region, RW);
	peer_attach(&p, NAME, false);
	PEER(p, .op = PEER_FILL, .a = (intptr_t)at, .b = LEN, .c = 3);
	ok(idle(region, 0, 8 * LEN), "memory mapped by two processes that store to it is idle");
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	ok(idle(region, 0, 8 * LEN), "memory mapped by a child of the donor is idle");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap(d, LEN);
	ok(idle(region, 0, 8 * LEN), "memory that the donor has unmapped is idle");
	peer_kill(&p);
	munmap(at, WINDOW);
	ok(idle(region, 0, 8 * LEN), "memory that no process maps is idle");
}

/* A use through the donor's address makes the same page busy. */
static void test_through_donor(char *d, uint64_t page, const char *what)
{
	struct hold h;

	exports(d, 0);
	h = hold_pages(d + SZ_2M + 100, 1);
	ok(busy_is(region, 0, 8 * LEN, page, SZ_2M),
	   "%s in use through the donor's mapping are busy",
	   what);
	munmap(d, LEN);
	ok(busy_is(region, 0, 8 * LEN, page, SZ_2M),
	   "a page in use stays busy after the donor unmapped it");
	hold_end(&h);
	ok(idle(region, 0, 8 * LEN), "the page is idle after the use has ended");
}

static void test_memfd(void)
{
	int fd = memfd_create("donor", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	char *d;

	if (fd < 0 || ftruncate(fd, LEN))
		bail("memfd: %s", strerror(errno));
	d = mmap(NULL, LEN, RW, MAP_SHARED, fd, 0);
	exports(d, 0);
	ok(idle(region, 0, 8 * LEN), "memory of a memfd that is open and mapped is idle");
	munmap(d, LEN);
	ok(idle(region, 0, 8 * LEN), "memory of a memfd that is only open is idle");
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SZ_2M))
		bail("fallocate: %s", strerror(errno));
	ok(idle(region, 0, 8 * LEN),
	   "memory of a memfd in which a hole was punched is idle");
	close(fd);
	ok(idle(region, 0, 8 * LEN), "memory of a memfd that is closed is idle");
}

/* The module knows its own pins, also several of one page. */
static void test_twice(char *d, uint64_t page, const char *what)
{
	int second;
	struct hold h;

	second = region_create_open("test-busy-idle-2", page, LEN);
	exports(d, 0);
	exports(d, 2 * LEN);
	if (view_export(second, d, LEN, 0))
		bail("export to a second region");
	ok(idle(region, 0, 8 * LEN) && idle(second, 0, LEN),
	   "%s that are exported three times are idle", what);
	h = hold_pages(d, 1);
	ok(busy_is(region, 0, 8 * LEN, 2 * page, 0) && busy_is(second, 0, LEN, page, 0),
	   "a page in use is busy in each place to which it was exported");
	hold_end(&h);
	region_unlink("test-busy-idle-2");
	close(second);
	ok(idle(region, 0, 8 * LEN), "a page of two regions is idle after one of them has ended");
	munmap(d, LEN);
}

/* New pages wait in a batch of the CPU for their place in the kernel's lists. */
static void test_fresh(void)
{
	int bad = 0;

	for (int i = 0; i < 32; i++) {
		uint64_t len = SZ_4K * (1 + i), offset = i * SZ_2M / 8;
		char *d = donor(SZ_4K, len);

		madvise(d, len, MADV_NOHUGEPAGE);
		*(volatile char *)d = 1;
		bad += view_export(region, d, len, offset) != 0;
		bad += idle_within(region, offset, len, SETTLE_MS) != 0;
		munmap(d, len);
		bad += idle_within(region, offset, len, SETTLE_MS) != 0;
	}
	is(bad, 0, "new small pages are idle as soon as the batches are emptied");
}

/* Pages that were accessed often also wait in a batch, to change their place. */
static void test_looked_at(void)
{
	static char copy[4 * SZ_4K];
	struct iovec to = { copy, sizeof(copy) }, from = { NULL, sizeof(copy) };
	char *d = small();

	fill(d, LEN, 6);
	exports(d, 0);
	from.iov_base = d;
	for (int i = 0; i < 3; i++)
		if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != sizeof(copy))
			bail("process_vm_readv: %s", strerror(errno));
	ok(idle(region, 0, 8 * LEN), "pages that were accessed often are idle");
	madvise(d, 4 * SZ_4K, MADV_COLD);
	ok(idle(region, 0, 8 * LEN), "pages with the advice MADV_COLD are idle");
	madvise(d, LEN, MADV_PAGEOUT);
	munmap(d, LEN);
	ok(idle(region, 0, 8 * LEN),
	   "pages that were accessed often and unmapped by the donor are idle");
}

/* Pages that were read in from swap space are in the swap cache, too. */
static void test_swapped(void)
{
	const char *disk = getenv("VM_DISK1");
	char command[128], *d = small();

	snprintf(command, sizeof(command), "mkswap %s >/dev/null 2>&1", disk);
	if (!disk || system(command) || swapon(disk, 0))
		bail("set VM_DISK1 to a disk that may become swap space: %s", strerror(errno));
	fill(d, LEN, 7);
	madvise(d, LEN, MADV_PAGEOUT);
	ok(filled(d, LEN / 2, 7),
	   "pages are swapped out, and half of them in again, with the right content");
	exports(d, 0);
	ok(idle(region, 0, 8 * LEN), "pages that were swapped out are idle");
	ok(filled(d, LEN, 7), "the pages that were swapped have the right content");
	munmap(d, LEN);
	ok(idle(region, 0, 8 * LEN),
	   "pages that were swapped are idle after the donor unmapped them");
	if (swapoff(disk))
		bail("swapoff: %s", strerror(errno));
	ok(idle(region, 0, 8 * LEN), "pages are idle after swapoff");
}

static void test_transparent(void)
{
	char *d = donor_transparent(LEN);
	struct hold h;

	if (view_export(region, d + SZ_4K, SZ_4K, 0) || view_export(region, d, SZ_4K, SZ_2M) ||
	    view_export(region, d + SZ_2M, SZ_2M, 2 * SZ_2M))
		bail("export of parts of a huge page");
	ok(idle(region, 0, 8 * LEN), "pages of a transparent huge page are idle");
	h = hold_pages(d, 1);
	ok(busy_is(region, 0, 8 * LEN, 2 * SZ_4K, 0),
	   "one page in use makes all exported pages of its huge page busy");
	hold_end(&h);
	h = hold_pages(d + SZ_2M + 7 * SZ_4K, 1);
	ok(busy_is(region, 0, 8 * LEN, SZ_2M, 2 * SZ_2M),
	   "a page in use makes no other huge page busy");
	hold_end(&h);
	munmap(d, 2 * SZ_4K);
	madvise(d + SZ_2M, SZ_2M / 2, MADV_DONTNEED);
	ok(idle(region, 0, 8 * LEN),
	   "pages of huge pages are idle after the donor unmapped half of them");
	munmap(d + 2 * SZ_4K, LEN - 2 * SZ_4K);
	ok(idle(region, 0, 8 * LEN),
	   "pages of huge pages are idle after the donor unmapped all of them");
}

static void test_small(void)
{
	static void (*const tests[])(void) = { test_fresh, test_looked_at, test_swapped,
					       test_transparent };

	begin(SZ_4K);
	test_mapped(small(), "small pages");
	end();
	begin(SZ_4K);
	test_mapped(donor_transparent(LEN), "transparent huge pages");
	end();
	begin(SZ_4K);
	test_through_donor(small(), SZ_4K, "small pages");
	end();
	begin(SZ_4K);
	test_twice(small(), SZ_4K, "small pages");
	end();
	for (int i = 0; i < 4; i++) {
		begin(SZ_4K);
		tests[i]();
		end();
	}
}

static void test_huge(void)
{
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE };

	for (int i = 0; i < 2; i++) {
		const char *what = i ? "private huge pages" : "shared huge pages";

		begin(SZ_2M);
		test_mapped(huge(flags[i]), what);
		end();
		begin(SZ_2M);
		test_through_donor(huge(flags[i]), SZ_2M, what);
		end();
		begin(SZ_2M);
		test_twice(huge(flags[i]), SZ_2M, what);
		end();
	}
	begin(SZ_2M);
	test_memfd();
	end();
}

int main(int argc, char **argv)
{
	long before;

	peer_main(argc, argv);
	reserve_2m(32);
	before = pinned_pages();
	test_small();
	test_huge();
	is(pinned_pages(), before, "no page is pinned at the end");
	return done_testing();
}
