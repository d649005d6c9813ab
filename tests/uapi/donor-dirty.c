// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the donor keeps what peers stored in its small pages after the region has ended,
 * even if it never stored to a page itself. After MADV_FREE, and after a page was swapped
 * out and read in again, the donor's page-table entry is writable and clean, and a store
 * through a region's tables does not make it dirty. Unless the module marks the page dirty
 * when it unpins it, reclaim takes it for unchanged and drops it. $VM_DISK1 names a disk
 * that may be overwritten; it becomes swap space.
 * timeout: 300
 */
#include "util.h"

#include <sys/swap.h>

#define NAME "test-donor-dirty"
#define RW (PROT_READ | PROT_WRITE)
#define PAGES 256
#define LEN (PAGES * SZ_4K)
#define OLD 1
#define NEW 2

static struct peer p;

static char *memory(void)
{
	char *d;

	p = peer_start();
	d = donor(SZ_4K, LEN);
	if (!d || madvise(d, LEN, MADV_NOHUGEPAGE))
		bail("a donor: %s", strerror(errno));
	fill(d, LEN, OLD);
	return d;
}

static unsigned int pages_swapped(const char *d)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry[PAGES];
	unsigned int n = 0;

	if (pread(fd, entry, sizeof(entry), (uintptr_t)d / 4096 * 8) != sizeof(entry))
		bail("pagemap: %s", strerror(errno));
	close(fd);
	for (int i = 0; i < PAGES; i++)
		n += entry[i] >> 62 & 1;
	return n;
}

/* Page out twice: the first time a page that may be freed can be found in use. */
static void page_out(char *d)
{
	for (int i = 0; i < 2; i++)
		if (madvise(d, LEN, MADV_PAGEOUT))
			bail("MADV_PAGEOUT: %s", strerror(errno));
}

static unsigned int pages_with(const char *d, uint64_t seed)
{
	unsigned int n = 0;

	for (uint64_t i = 0; i < LEN; i += SZ_4K)
		n += *(const volatile uint64_t *)(d + i) == (seed + i) * 0x9e3779b97f4a7c15ULL;
	return n;
}

/*
 * Make a region of the donor's memory, let a peer access it, and end the region. The peer
 * was started before the memory was mapped, as the export would make pages dirty that a
 * fork has write-protected.
 */
static void lend(char *d, bool store)
{
	int64_t at;
	int fd;

	region_unlink(NAME);
	if (region_create(NAME, SZ_4K, LEN))
		bail("create");
	fd = view_open(NAME, "rw", O_RDWR);
	is(view_export(fd, d, LEN, 0), 0, "the donor's memory is exported");
	at = peer_attach(&p, NAME, false);
	if (at < 0)
		bail("a peer cannot attach: %s", strerror(-at));
	if (store)
		PEER(p, .op = PEER_FILL, .a = at, .b = LEN, .c = NEW);
	is(PEER(p, .op = PEER_FILLED, .a = at, .b = LEN, .c = store ? NEW : OLD), 1,
	   store ? "a peer stores to every page" : "a peer loads from every page");
	peer_kill(&p);
	region_unlink(NAME);
	close(fd);
}

/* Every page has the content of @seed, also after the kernel reclaimed memory. */
static void has(char *d, uint64_t seed, const char *what)
{
	unsigned int out;

	page_out(d);
	out = pages_swapped(d);
	diag("%u of %u pages are swapped out", out, PAGES);
	is(pages_with(d, seed), PAGES, "%s", what);
	munmap(d, LEN);
}

static void test_freed(void)
{
	char *d = memory();

	diag("MADV_FREE before the export");
	if (madvise(d, LEN, MADV_FREE))
		bail("MADV_FREE: %s", strerror(errno));
	lend(d, true);
	has(d, NEW, "pages with MADV_FREE keep what a peer stored");
}

/* A load reads a page in clean, and its place in the swap space stays. */
static void swap_in(char *d)
{
	page_out(d);
	is(pages_swapped(d), PAGES, "all pages are swapped out before the export");
	is(pages_with(d, OLD), PAGES, "all pages are read in again before the export");
}

static void test_swapped(void)
{
	char *d = memory();

	diag("swapped out and in before the export");
	swap_in(d);
	lend(d, true);
	has(d, NEW, "pages that were swapped in keep what a peer stored");
}

static void test_only_read(void)
{
	char *d = memory();

	diag("swapped out and in before the export, and nobody stores");
	swap_in(d);
	lend(d, false);
	has(d, OLD, "pages to which nobody stored keep their content");
}

/* For comparison: the donor has stored, so that its page-table entry is dirty. */
static void test_dirty(void)
{
	char *d = memory();

	diag("the donor stored before the export");
	lend(d, true);
	has(d, NEW, "dirty pages keep what a peer stored");
}

int main(int argc, char **argv)
{
	const char *disk = getenv("VM_DISK1");
	char command[128];
	long pinned;

	peer_main(argc, argv);
	snprintf(command, sizeof(command), "mkswap %s >/dev/null 2>&1", disk);
	if (!disk || system(command) || swapon(disk, 0))
		bail("set VM_DISK1 to a disk that may become swap space: %s", strerror(errno));
	pinned = pinned_pages();
	test_dirty();
	test_freed();
	test_swapped();
	test_only_read();
	is(pinned_pages(), pinned, "no page is pinned at the end");
	if (swapoff(disk))
		bail("swapoff: %s", strerror(errno));
	return done_testing();
}
