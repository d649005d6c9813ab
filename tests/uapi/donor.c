// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: a region of each page size accepts suitable memory only, and an export that is
 * refused or fails half way leaves nothing behind: no page, no pin, no charge, no memory.
 */
#include "donors.h"

#include <sys/resource.h>

#define NAME "test-donor"
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define HUGE (MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB)
#define AT ((char *)0x600000000000)

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static uint64_t page_size;
static int region;

static char *map(size_t len, int prot, int flags, int fd)
{
	char *p = mmap(AT, len, prot, flags | MAP_FIXED, fd, 0);

	if (p == MAP_FAILED)
		bail("mmap of a donor: %s", strerror(errno));
	return p;
}

/* Export a mapping of this kind and unmap it again. */
static int offer(int prot, int flags, int fd)
{
	char *p = map(2 * SZ_2M, prot, flags, fd);
	int ret = view_export(region, p, SZ_2M, 0);

	munmap(p, 2 * SZ_2M);
	return ret;
}

static int file_of(int fd, off_t size)
{
	if (fd < 0 || ftruncate(fd, size))
		bail("a file to map: %s", strerror(errno));
	return fd;
}

/* Memory of files, which have names and owners, is refused for each page size. */
static void test_files(void)
{
	int tmp = file_of(open("/tmp/msha-donor", O_RDWR | O_CREAT | O_CLOEXEC, 0600), 2 * SZ_2M);
	int memfd = file_of(memfd_create("donor", MFD_CLOEXEC), 2 * SZ_2M);
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	int disk = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	is(offer(RW, MAP_SHARED, tmp), -EOPNOTSUPP, "EXPORT refuses a file on tmpfs");
	is(offer(RW, MAP_PRIVATE, tmp), -EOPNOTSUPP,
	   "EXPORT refuses a private mapping of a file on tmpfs");
	is(offer(RW, MAP_PRIVATE, disk), -EOPNOTSUPP,
	   "EXPORT refuses a private mapping of a file on a disk");
	is(offer(RW, MAP_SHARED, memfd), -EOPNOTSUPP, "EXPORT refuses a memfd of small pages");
	is(offer(RW, MAP_PRIVATE, memfd), -EOPNOTSUPP,
	   "EXPORT refuses a private mapping of a memfd of small pages");
	is(offer(RW, MAP_SHARED | MAP_ANONYMOUS, -1), -EOPNOTSUPP,
	   "EXPORT refuses shared anonymous memory of small pages");
	is(offer(RW, MAP_SHARED, zero), -EOPNOTSUPP,
	   "EXPORT refuses a shared mapping of /dev/zero");
	close(tmp);
	close(memfd);
	close(zero);
	close(disk);
	unlink("/tmp/msha-donor");
}

static void test_secret(void)
{
	int fd = syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0) {
		skip("this kernel has no secret memory (secretmem.enable=1)");
		return;
	}
	file_of(fd, 2 * SZ_2M);
	is(offer(RW, MAP_SHARED, fd), -EOPNOTSUPP, "EXPORT refuses secret memory");
	close(fd);
}

/* Device memory and other regions do not belong to the process. */
static void test_devices(void)
{
	int mem = open("/dev/mem", O_RDWR | O_CLOEXEC);
	int other = region_with("test-donor-other", SZ_2M, 2 * SZ_2M);
	char *base = attach(other, RW);
	char *p;

	if (mem < 0)
		bail("/dev/mem: %s", strerror(errno));
	/* This is in the first MiB, which can be mapped also if the kernel protects the rest. */
	p = mmap(AT, 4096, RW, MAP_SHARED | MAP_FIXED, mem, 0xb8000);
	if (p == MAP_FAILED)
		bail("mmap of /dev/mem: %s", strerror(errno));
	if (page_size == SZ_4K)
		is(view_export(region, p, 4096, 0), -EOPNOTSUPP, "EXPORT refuses device memory");
	munmap(p, 4096);
	is(view_export(region, base, SZ_2M, 0), -EOPNOTSUPP,
	   "EXPORT refuses memory of another region that is attached");
	munmap(base, WINDOW);
	region_unlink("test-donor-other");
	close(other);
	close(mem);
}

static void test_hugetlb_file(void)
{
	int fd = file_of(hugetlbfs_begin(), 2 * SZ_2M);

	is(offer(RW, MAP_SHARED, fd), -EOPNOTSUPP, "EXPORT refuses a file on hugetlbfs");
	is(offer(RW, MAP_PRIVATE, fd), -EOPNOTSUPP,
	   "EXPORT refuses a private mapping of a file on hugetlbfs");
	unlink(HUGETLBFS "/f");
	is(offer(RW, MAP_SHARED, fd), -EOPNOTSUPP, "EXPORT refuses an unlinked file on hugetlbfs");
	hugetlbfs_end(fd);
}

/* Memory must consist of pages of exactly the region's page size. */
static void test_other_sizes(void)
{
	char *p;

	if (page_size != SZ_4K)
		is(offer(RW, ANON, -1), -EOPNOTSUPP,
		   "EXPORT refuses small pages for a region of huge pages");
	if (page_size == SZ_4K) {
		is(offer(RW, HUGE | MAP_SHARED, -1), -EOPNOTSUPP,
		   "EXPORT refuses huge pages for a region of 4 KiB pages");
		is(offer(RW, HUGE | MAP_PRIVATE, -1), -EOPNOTSUPP,
		   "EXPORT refuses private huge pages for a region of 4 KiB pages");
	}
	if (page_size == SZ_1G)
		return;
	p = donor(SZ_1G, SZ_1G);
	if (!p)
		bail("a 1 GiB donor: %s", strerror(errno));
	is(view_export(region, p, SZ_2M, 0), -EOPNOTSUPP,
	   "EXPORT refuses pages of 1 GiB for a region of smaller pages");
	munmap(p, SZ_1G);
}

static void test_protection(int flags)
{
	char *p;

	is(offer(PROT_READ, flags, -1), -EACCES, "exporting read-only memory gives EACCES");
	is(offer(PROT_NONE, flags, -1), -EACCES,
	   "exporting memory without any access gives EACCES");
	p = map(2 * SZ_2M, RW, flags, -1);
	mprotect(p + SZ_2M, SZ_2M, PROT_READ);
	is(view_export(region, p, 2 * SZ_2M, 0), -EACCES,
	   "exporting memory whose second half is read-only gives EACCES");
	munmap(p, 2 * SZ_2M);
	is(view_export(region, AT, SZ_2M, 0), -EFAULT,
	   "exporting addresses without a mapping gives EFAULT");
	is(view_export(region, (char *)-(long)SZ_1G, SZ_2M, 0), -EFAULT,
	   "exporting addresses of the kernel gives EFAULT");
	is(view_export(region, (char *)-(long)SZ_1G, SZ_2M * 600, 0), -EFAULT,
	   "exporting a range that wraps around gives EFAULT");
}

static void test_half_mapped(int flags)
{
	long pages = pages_free(page_size), pins = pinned_pages();
	long tables = view_region(region).table_bytes;
	char *p = map(4 * SZ_2M, RW, flags, -1);

	munmap(p + 2 * SZ_2M, SZ_2M);
	is(view_export(region, p, 4 * SZ_2M, 0), -EFAULT,
	   "exporting memory with a hole gives EFAULT");
	is(view_export(region, p + SZ_2M, 2 * SZ_2M, 0), -EFAULT,
	   "exporting memory that ends in a hole gives EFAULT");
	is(view_export(region, p + 2 * SZ_2M, SZ_2M, 0), -EFAULT,
	   "exporting memory that begins in a hole gives EFAULT");
	is(view_region(region).exported, 0, "an export that failed brings nothing in");
	is(pinned_pages(), pins, "an export that failed pins nothing");
	is(view_region(region).table_bytes, tables, "an export that failed leaves no page tables");
	munmap(p, 4 * SZ_2M);
	is(pages_free(page_size), pages,
	   "the pages of the export that failed are back in the pool");
}

/* Export as a user whose limit of locked memory is @limit. */
static int export_limited(bool half_mapped_first, uint64_t limit)
{
	struct rlimit rl = { limit, limit };
	int flags = page_size == SZ_4K ? ANON : HUGE | MAP_SHARED;
	pid_t pid = fork();
	int status;

	if (!pid) {
		char *p = map(4 * SZ_2M, RW, flags, -1);

		setrlimit(RLIMIT_MEMLOCK, &rl);
		munmap(p + 3 * SZ_2M, SZ_2M);
		if (setresuid(1234, 1234, 1234))
			_exit(100);
		if (half_mapped_first && view_export(region, p + SZ_2M, 3 * SZ_2M, 0) != -EFAULT)
			_exit(101);
		_exit(-view_export(region, p, 3 * SZ_2M, 0));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -99;
}

static void test_charge(void)
{
	is(export_limited(false, 3 * SZ_2M - 4096), -ENOMEM,
	   "an export over RLIMIT_MEMLOCK gives ENOMEM");
	is(view_region(region).exported, 0, "an export over RLIMIT_MEMLOCK brings nothing in");
	is(export_limited(true, 3 * SZ_2M), 0,
	   "an export that failed does not count against RLIMIT_MEMLOCK");
	is(export_limited(false, 3 * SZ_2M), -EEXIST,
	   "the export within RLIMIT_MEMLOCK brought memory in");
}

static void begin(uint64_t size, uint64_t length)
{
	int ret = region_create(NAME, size, length);

	page_size = size;
	if (ret)
		bail("create: %s", strerror(-ret));
	region = view_open(NAME, "rw", O_RDWR);
	diag("pages of %lu KiB", (unsigned long)size >> 10);
}

static void end(void)
{
	region_unlink(NAME);
	close(region);
}

static void test_size(uint64_t size, int flags)
{
	long pages = pages_free(size);

	begin(size, 1024 * SZ_2M);
	test_files();
	test_secret();
	test_devices();
	test_hugetlb_file();
	test_other_sizes();
	test_protection(flags);
	test_half_mapped(flags);
	test_charge();
	end();
	is(pages_free(size), pages, "all pages are free at the end");
}

/* The machine has two pages of 1 GiB: a refused export must not keep one. */
static void test_1g(void)
{
	long pages = pages_free(SZ_1G);
	char *p;

	begin(SZ_1G, 4 * SZ_1G);
	is(view_export(region, AT, SZ_1G, 0), -EFAULT,
	   "exporting 1 GiB of addresses without a mapping gives EFAULT");
	p = map(SZ_1G, RW, ANON | MAP_NORESERVE, -1);
	is(view_export(region, p, SZ_1G, 0), -EOPNOTSUPP,
	   "EXPORT refuses small pages for a region of 1 GiB pages");
	munmap(p, SZ_1G);
	p = map(2 * SZ_1G, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1);
	is(view_export(region, p, SZ_1G, 0), -EACCES,
	   "exporting a read-only page of 1 GiB gives EACCES");
	mprotect(p, SZ_1G, RW);
	is(view_export(region, p, 2 * SZ_1G, 0), -EACCES,
	   "exporting two pages of 1 GiB, of which one is read-only, gives EACCES");
	munmap(p + SZ_1G, SZ_1G);
	is(view_export(region, p, 2 * SZ_1G, 0), -EFAULT,
	   "exporting two pages of 1 GiB, of which one is mapped, gives EFAULT");
	is(view_region(region).exported, 0,
	   "an export of 1 GiB pages that failed brings nothing in");
	munmap(p, SZ_1G);
	is(pages_free(SZ_1G), pages,
	   "the 1 GiB pages of the export that failed are back in the pool");
	is(donate(region, SZ_1G, SZ_1G, SZ_1G), 0,
	   "a page of 1 GiB can be exported after exports that failed");
	end();
	is(pages_free(SZ_1G), pages, "all 1 GiB pages are free at the end");
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(48);
	need_1g(2);
	region_unlink(NAME);
	test_size(SZ_4K, ANON);
	test_size(SZ_2M, HUGE | MAP_SHARED);
	test_1g();
	return done_testing();
}
