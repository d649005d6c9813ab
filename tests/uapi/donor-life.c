// SPDX-License-Identifier: MIT
/*
 * Goal: whatever a donor does with memory that it has exported, the region keeps the
 * content, and as long as the donor has the memory mapped it is the same memory. $VM_DISK1
 * names a disk that may be overwritten; it becomes swap space.
 * timeout: 600
 */
#include "donors.h"

#include <sys/swap.h>

#define NAME "test-donor-life"
#define RW (PROT_READ | PROT_WRITE)
#define LEN (2 * SZ_2M)

static int region;
static char *base;
static struct peer other;
static uint64_t offset;		/* the offset of the next export */

/* ---- memory of each kind ---- */

static char *small(void)
{
	return donor(SZ_4K, LEN);
}

static char *transparent(void)
{
	return donor_transparent(LEN);
}

static char *huge_shared(void)
{
	return donor(SZ_2M, LEN);
}

static char *huge_private(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB;

	return mmap(NULL, LEN, RW, flags, -1, 0);
}

static int memfd = -1;

static char *huge_memfd(void)
{
	memfd = memfd_create("donor", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	if (ftruncate(memfd, LEN))
		bail("ftruncate: %s", strerror(errno));
	return mmap(NULL, LEN, RW, MAP_SHARED, memfd, 0);
}

/*
 * ---- what the donor does; each function returns where it has the memory mapped
 * afterwards, or NULL ----
 */

/* The child writes, which must change only its own copy. */
static char *fork_child_writes(char *d)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		fill(d, LEN, 666);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return d;
}

/* While a child exists, the parent's pages must be the ones that stay in the region. */
static char *fork_then_write(char *d)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	fill(d, LEN, 77);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return d;
}

static char *dontneed(char *d)
{
	return madvise(d, LEN, MADV_DONTNEED) ? d : NULL;
}

static char *lazy_free(char *d)
{
	madvise(d, LEN, MADV_FREE);
	madvise(d, LEN, MADV_PAGEOUT);
	return NULL;
}

static char *page_out(char *d)
{
	madvise(d, LEN, MADV_COLD);
	madvise(d, LEN, MADV_PAGEOUT);
	return d;
}

static char *unmap(char *d)
{
	munmap(d, LEN);
	return NULL;
}

static char *unmap_all_but_one(char *d)
{
	munmap(d, 3 * SZ_4K);
	munmap(d + 4 * SZ_4K, LEN - 4 * SZ_4K);
	return NULL;
}

static char *move(char *d)
{
	char *to = mmap(NULL, 2 * LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	to = (char *)(((uintptr_t)to + SZ_2M - 1) & -SZ_2M);
	return mremap(d, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

static char *protect(char *d)
{
	mprotect(d, LEN, PROT_NONE);
	mprotect(d + SZ_2M, SZ_2M, PROT_READ);
	mprotect(d, LEN, RW);
	return d;
}

static char *collapse(char *d)
{
	madvise(d, LEN, MADV_HUGEPAGE);
	madvise(d, LEN, MADV_COLLAPSE);
	return d;
}

static char *migrate(char *d)
{
	void *pages[] = { d, d + SZ_4K, d + SZ_2M, d + LEN - SZ_4K };
	int status[4], nodes[4] = { 0, 0, 0, 0 };
	FILE *f = fopen("/proc/sys/vm/compact_memory", "we");

	syscall(SYS_move_pages, 0, 4, pages, nodes, status, 2);
	syscall(SYS_move_pages, 0, 4, pages, nodes, status, 4);
	if (f) {
		fputs("1\n", f);
		fclose(f);
	}
	return d;
}

static char *punch(char *d)
{
	if (fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SZ_2M))
		bail("fallocate: %s", strerror(errno));
	munmap(d, LEN);
	close(memfd);
	return NULL;
}

static char *truncate_all(char *d)
{
	if (ftruncate(memfd, 0))
		bail("ftruncate: %s", strerror(errno));
	munmap(d, LEN);
	close(memfd);
	return NULL;
}

static char *close_it(char *d)
{
	close(memfd);
	return d;
}

static const struct event {
	const char *what;
	char *(*make)(void);
	char *(*happens)(char *d);
	uint64_t page;
	uint64_t seed;		/* the content afterwards */
} events[] = {
	{ "a fork whose child writes", small, fork_child_writes, SZ_4K, 5 },
	{ "a fork and writes of the donor", small, fork_then_write, SZ_4K, 77 },
	{ "MADV_DONTNEED", small, dontneed, SZ_4K, 5 },
	{ "MADV_FREE and reclaim", small, lazy_free, SZ_4K, 5 },
	{ "MADV_PAGEOUT", small, page_out, SZ_4K, 5 },
	{ "munmap", small, unmap, SZ_4K, 5 },
	{ "munmap of all but a page", small, unmap_all_but_one, SZ_4K, 5 },
	{ "mremap", small, move, SZ_4K, 5 },
	{ "mprotect", small, protect, SZ_4K, 5 },
	{ "MADV_COLLAPSE", small, collapse, SZ_4K, 5 },
	{ "migration and compaction", small, migrate, SZ_4K, 5 },
	{ "THP: a fork whose child writes", transparent, fork_child_writes, SZ_4K, 5 },
	{ "THP: a fork and writes of the donor", transparent, fork_then_write, SZ_4K, 77 },
	{ "THP: MADV_DONTNEED", transparent, dontneed, SZ_4K, 5 },
	{ "THP: MADV_FREE and reclaim", transparent, lazy_free, SZ_4K, 5 },
	{ "THP: MADV_PAGEOUT", transparent, page_out, SZ_4K, 5 },
	{ "THP: munmap", transparent, unmap, SZ_4K, 5 },
	{ "THP: munmap of all but a page", transparent, unmap_all_but_one, SZ_4K, 5 },
	{ "THP: mremap", transparent, move, SZ_4K, 5 },
	{ "THP: mprotect of a part", transparent, protect, SZ_4K, 5 },
	{ "THP: migration and compaction", transparent, migrate, SZ_4K, 5 },
	{ "shared huge pages: munmap", huge_shared, unmap, SZ_2M, 5 },
	{ "shared huge pages: MADV_DONTNEED", huge_shared, dontneed, SZ_2M, 5 },
	{ "shared huge pages: migration", huge_shared, migrate, SZ_2M, 5 },
	{ "private huge pages: a fork whose child writes", huge_private,
	  fork_child_writes, SZ_2M, 5 },
	{ "private huge pages: a fork and writes of the donor", huge_private,
	  fork_then_write, SZ_2M, 77 },
	{ "private huge pages: MADV_DONTNEED", huge_private, dontneed, SZ_2M, 5 },
	{ "private huge pages: munmap", huge_private, unmap, SZ_2M, 5 },
	{ "a huge memfd: close", huge_memfd, close_it, SZ_2M, 5 },
	{ "a huge memfd: punching a hole", huge_memfd, punch, SZ_2M, 5 },
	{ "a huge memfd: truncation", huge_memfd, truncate_all, SZ_2M, 5 },
};

/* This process and another one see the content of @seed in the last LEN exported bytes. */
static bool both_see(uint64_t seed)
{
	char *at = base + offset;

	return filled(at, LEN, seed) &&
	       PEER(other, .op = PEER_FILLED, .a = (intptr_t)at, .b = LEN, .c = seed) == 1;
}

static void test_event(const struct event *e)
{
	char *mine = e->make(), *d = mine;
	bool same;

	if (!d || d == MAP_FAILED)
		bail("a donor: %s", strerror(errno));
	fill(d, LEN, 5);
	is(view_export(region, d, LEN, offset), 0,
	   "memory is exported for the case \"%s\"", e->what);
	d = e->happens(d);
	ok(both_see(e->seed), "the region keeps the content in the case \"%s\"", e->what);
	same = !d || filled(d, LEN, e->seed);
	PEER(other, .op = PEER_FILL, .a = (intptr_t)base + offset, .b = LEN, .c = 9);
	same = same && (!d || filled(d, LEN, 9));
	ok(same && both_see(9), d ? "region and donor share the memory in the case \"%s\"" :
	   "the region can be written in the case \"%s\"", e->what);
	munmap(d ? d : mine, LEN);
	offset += LEN;
}

static void test_events(uint64_t page)
{
	long before = pages_free(page);

	region_unlink(NAME);
	if (region_create(NAME, page, 64 * LEN))
		bail("create");
	region = view_open(NAME, "rw", O_RDWR);
	offset = 0;
	is(donate(region, page, LEN, offset), 0,
	   "a region of %lu KiB pages gets memory", page >> 10);
	offset += LEN;
	base = attach(region, RW);
	other = peer_start();
	peer_attach(&other, NAME, false);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i].page == page)
			test_event(&events[i]);
	peer_kill(&other);
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(region);
	is(pages_free(page), before, "all pages are free at the end");
}

static void make_swap(bool on)
{
	const char *disk = getenv("VM_DISK1");
	char command[128];

	if (!disk)
		bail("set VM_DISK1 to a disk that may be overwritten");
	snprintf(command, sizeof(command), "mkswap %s >/dev/null 2>&1", disk);
	if (on ? system(command) || swapon(disk, 0) : swapoff(disk))
		bail("swap space on %s: %s", disk, strerror(errno));
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(48);
	make_swap(true);
	test_events(SZ_4K);
	test_events(SZ_2M);
	make_swap(false);
	return done_testing();
}
