// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: small pages can be exported in any state: untouched, the zero page, shared with a
 * child, swapped out, merged, part of a huge page. The region gets the content that the
 * donor sees, and both share the memory from then on. $VM_DISK1 names a disk that may be
 * overwritten; it becomes swap space.
 * timeout: 600
 */
#include "util.h"

#include <linux/userfaultfd.h>
#include <sys/swap.h>

#define NAME "test-donor-state"
#define RW (PROT_READ | PROT_WRITE)
#define LEN (64 * SZ_4K)

static int region;
static char *base;
static uint64_t offset;		/* the offset of the next export */

static char *memory(void)
{
	char *d = donor(SZ_4K, LEN);

	if (!d)
		bail("a donor: %s", strerror(errno));
	return d;
}

/* Export memory; the region must have the content of @seed and share it with the donor. */
static void exported(char *d, uint64_t seed, const char *what)
{
	char *at = base + offset;

	is(view_export(region, d, LEN, offset), 0, "%s can be exported", what);
	ok(filled(at, LEN, seed), "the region has the content of %s", what);
	fill(at, LEN, seed + 1);
	ok(filled(d, LEN, seed + 1), "the donor sees stores through the region to %s", what);
	offset += LEN;
	munmap(d, LEN);
}

/* The entry of a page in pagemap: bit 63 is present, bit 62 is swapped. */
static uint64_t pagemap(const char *at)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)at / 4096 * 8) != sizeof(entry))
		bail("pagemap: %s", strerror(errno));
	close(fd);
	return entry;
}

static void test_fresh(void)
{
	char *d = memory();
	uint64_t sum = 0;

	/* Load every second page: these become the zero page, the others stay untouched. */
	for (size_t i = 0; i < LEN; i += 2 * SZ_4K)
		sum += *(volatile uint64_t *)(d + i);
	is(view_export(region, d, LEN, offset), 0,
	   "untouched pages and the zero page can be exported");
	for (size_t i = 0; i < LEN; i += 8)
		sum += *(volatile uint64_t *)(base + offset + i);
	is(sum, 0, "pages that were never touched are zero in the region");
	fill(base + offset, LEN, 3);
	ok(filled(d, LEN, 3),
	   "the donor sees stores through the region to pages that were untouched");
	offset += LEN;
	munmap(d, LEN);
}

/* Pages that are shared with a child before the export: the export gives each its own. */
static void test_forked(void)
{
	char *d = memory(), *at = base + offset;
	int go[2], status;
	pid_t pid;
	char c;

	if (pipe2(go, O_CLOEXEC))
		bail("pipe2: %s", strerror(errno));
	fill(d, LEN, 11);
	pid = fork();
	if (!pid) {
		if (read(go[0], &c, 1) != 1 || !filled(d, LEN, 11))
			_exit(1);
		fill(d, LEN, 13);
		_exit(0);
	}
	exported(d, 11, "memory shared with a child");
	is(write(go[1], "", 1), 1, "the child is told to write");
	waitpid(pid, &status, 0);
	is(status, 0, "the child sees the content from the time of the fork");
	ok(filled(at, LEN, 12), "stores of the donor's child do not reach the region");
	close(go[0]);
	close(go[1]);
}

static void test_child_exports(void)
{
	char *d = memory();
	int status;
	pid_t pid;

	fill(d, LEN, 21);
	pid = fork();
	if (!pid)
		_exit(-view_export(region, d, LEN, offset));
	waitpid(pid, &status, 0);
	is(status, 0, "a child exports pages that it shares with its parent");
	fill(d, LEN, 22);
	ok(filled(base + offset, LEN, 21), "the parent's stores do not reach the region");
	offset += LEN;
	munmap(d, LEN);
}

static void test_swapped(void)
{
	char *d = memory();
	bool out;

	fill(d, LEN, 31);
	madvise(d, LEN, MADV_PAGEOUT);
	out = pagemap(d) >> 62 & 1;
	ok(out, "pages are swapped out before the export");
	exported(d, 31, "memory that is swapped out");
	/* These pages are in the swap cache when they are pinned. */
	d = memory();
	fill(d, LEN, 33);
	madvise(d, LEN, MADV_PAGEOUT);
	ok(filled(d, LEN, 33), "pages are swapped out and in before the export");
	exported(d, 33, "memory that was swapped out and in");
}

static void ksm(const char *run)
{
	FILE *f = fopen("/sys/kernel/mm/ksm/run", "we");

	if (!f || fputs(run, f) < 0 || fclose(f))
		bail("this kernel has no KSM");
}

static void wait_for_scans(void)
{
	long scans = read_long("/sys/kernel/mm/ksm/full_scans");

	for (int ms = 0; ms < 60000 && read_long("/sys/kernel/mm/ksm/full_scans") < scans + 3;
	     ms += 10)
		usleep(10000);
}

static void same_everywhere(char *d)
{
	for (size_t i = 0; i < LEN; i += SZ_4K)
		memset(d + i, 0x77, SZ_4K);
}

static void test_merged(void)
{
	char *d = memory(), *twin = memory();
	bool apart = true;

	ksm("1\n");
	same_everywhere(d);
	same_everywhere(twin);
	madvise(d, LEN, MADV_MERGEABLE);
	madvise(twin, LEN, MADV_MERGEABLE);
	wait_for_scans();
	ok(read_long("/sys/kernel/mm/ksm/pages_sharing") > 0, "pages are merged before the export");
	is(view_export(region, d, LEN, offset), 0, "merged pages can be exported");
	wait_for_scans();
	fill(base + offset, LEN, 41);
	ok(filled(d, LEN, 41),
	   "the donor sees stores through the region to pages that were merged");
	for (size_t i = 0; i < LEN; i += SZ_4K)
		apart &= *(volatile uint64_t *)(twin + i) == 0x7777777777777777;
	ok(apart, "other pages that were merged with these keep their content");
	ksm("2\n");
	offset += LEN;
	munmap(d, LEN);
	munmap(twin, LEN);
}

/* An export cannot ask the process that would have to supply the page. */
static void test_userfault(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	char *d = memory();
	struct uffdio_register reg = {
		.range = { (uintptr_t)d, LEN },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg))
		bail("userfaultfd: %s", strerror(errno));
	is(view_export(region, d, LEN, offset), -EFAULT,
	   "exporting pages that userfaultfd has to supply gives EFAULT");
	close(fd);
	fill(d, LEN, 51);
	exported(d, 51, "memory without userfaultfd");
}

static void test_pkey(void)
{
	int pkey = syscall(SYS_pkey_alloc, 0, 2 /* no writing */);
	char *d = memory();

	if (pkey < 0) {
		skip("this CPU has no protection keys");
		return;
	}
	fill(d, LEN, 61);
	syscall(SYS_pkey_mprotect, d, LEN, RW, pkey);
	is(view_export(region, d, LEN, offset), -EFAULT,
	   "exporting pages whose key forbids stores gives EFAULT");
	syscall(SYS_pkey_mprotect, d, LEN, RW, 0);
	syscall(SYS_pkey_free, pkey);
	exported(d, 61, "memory without the protection key");
}

/* The heap, the stack and private /dev/zero are private memory, too. */
static void test_other_names(void)
{
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	char *d = mmap(NULL, LEN, RW, MAP_PRIVATE, zero, 0);
	char stack[2 * SZ_4K];
	char *page = (char *)(((uintptr_t)stack + SZ_4K - 1) & -SZ_4K);
	char *heap = aligned_alloc(SZ_4K, SZ_4K);

	close(zero);
	fill(d, LEN, 71);
	exported(d, 71, "a private mapping of /dev/zero");
	is(view_export(region, page, SZ_4K, offset), 0, "a page of the stack can be exported");
	*(volatile char *)(base + offset) = 7;
	is(*(volatile char *)page, 7, "region and donor share the page of the stack");
	is(view_export(region, heap, SZ_4K, offset + SZ_4K), 0,
	   "a page of the heap can be exported");
	*(volatile char *)(base + offset + SZ_4K) = 8;
	is(*(volatile char *)heap, 8, "region and donor share the page of the heap");
	offset += LEN;
	free(heap);
}

int main(int argc, char **argv)
{
	const char *disk = getenv("VM_DISK1");
	long before = pages_free(SZ_4K);
	char command[128];

	peer_main(argc, argv);
	if (!disk)
		bail("set VM_DISK1 to a disk that may be overwritten");
	snprintf(command, sizeof(command), "mkswap %s >/dev/null 2>&1", disk);
	if (system(command) || swapon(disk, 0))
		bail("swap space on %s: %s", disk, strerror(errno));
	region_unlink(NAME);
	if (region_create(NAME, SZ_4K, 64 * LEN))
		bail("create");
	region = view_open(NAME, "rw", O_RDWR);
	is(donate(region, SZ_4K, LEN, offset), 0, "a region of 4 KiB pages gets memory");
	offset += LEN;
	base = attach(region, RW);
	test_fresh();
	test_forked();
	test_child_exports();
	test_swapped();
	test_merged();
	test_userfault();
	test_pkey();
	test_other_names();
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(region);
	is(pages_free(SZ_4K), before, "no page is pinned at the end");
	if (swapoff(disk))
		bail("swapoff: %s", strerror(errno));
	return done_testing();
}
