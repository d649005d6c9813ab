// SPDX-License-Identifier: MIT
/* Goal: EXPORT brings memory into a region, all or nothing, and refuses wrong arguments. */
#include "donors.h"

#include <sys/resource.h>

#define NAME "test-export"

static int fd;
static char *base;

static void test_arguments(void)
{
	char *d = donor(SZ_2M, 4 * SZ_2M);
	struct msharearena_export e = { .size = sizeof(e), .flags = 1,
		.addr = (uintptr_t)d, .length = SZ_2M };
	int ro = view_open(NAME, "ro", O_RDONLY);
	int rd = view_open(NAME, "rw", O_RDONLY);

	is(ioctl(fd, MSHAREARENA_EXPORT, &e), -1, "EXPORT refuses an unknown flag");
	is(errno, EINVAL, "the error of EXPORT with an unknown flag is EINVAL");
	is(view_export(fd, d + 4096, SZ_2M, 0), -EINVAL, "EXPORT refuses an unaligned address");
	is(view_export(fd, d, SZ_2M - 4096, 0), -EINVAL, "EXPORT refuses an unaligned length");
	is(view_export(fd, d, SZ_2M, 4096), -EINVAL, "EXPORT refuses an unaligned offset");
	is(view_export(fd, d, 0, 0), -EINVAL, "EXPORT refuses length 0");
	is(view_export(fd, d, SZ_2M, 16 * SZ_2M), -ERANGE,
	   "an export beyond the region's end gives ERANGE");
	is(view_export(fd, d, 2 * SZ_2M, 15 * SZ_2M), -ERANGE,
	   "an export across the region's end gives ERANGE");
	is(view_export(fd, d, SZ_2M, -SZ_2M), -ERANGE,
	   "an export to an offset that wraps gives ERANGE");
	is(view_export(fd, d, -SZ_2M, SZ_2M), -ERANGE,
	   "an export of a length that wraps gives ERANGE");
	is(view_export(ro, d, SZ_2M, 0), -EACCES, "an export through the view ro gives EACCES");
	is(view_export(rd, d, SZ_2M, 0), -EACCES,
	   "an export through the view rw opened for reading gives EACCES");
	is(view_region(fd).exported, 0, "exports with bad arguments bring nothing in");
	close(ro);
	close(rd);
	munmap(d, 4 * SZ_2M);
}

static int export_of(int prot, int flags, int file)
{
	char *p = mmap((void *)0x600000000000, SZ_2M, prot, flags | MAP_FIXED, file, 0);
	int ret;

	if (p == MAP_FAILED)
		bail("mmap of a donor: %s", strerror(errno));
	ret = view_export(fd, p, SZ_2M, 0);
	munmap(p, SZ_2M);
	return ret;
}

static void test_donors_refused(void)
{
	int rw = PROT_READ | PROT_WRITE;
	int huge = MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB;
	int file = open("/tmp/msha-donor", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int memfd = memfd_create("donor", MFD_CLOEXEC);
	char *d;

	if (ftruncate(file, SZ_2M) || ftruncate(memfd, SZ_2M))
		bail("ftruncate: %s", strerror(errno));
	is(view_export(fd, (void *)0x600000000000, SZ_2M, 0), -EFAULT,
	   "exporting addresses without a mapping gives EFAULT");
	is(export_of(rw, MAP_PRIVATE | MAP_ANONYMOUS, -1), -EOPNOTSUPP,
	   "a region of 2 MiB pages refuses pages of 4 KiB");
	is(export_of(rw, MAP_SHARED, file), -EOPNOTSUPP, "EXPORT refuses a file");
	is(export_of(rw, MAP_PRIVATE, file), -EOPNOTSUPP,
	   "EXPORT refuses a private mapping of a file");
	is(export_of(rw, MAP_SHARED, memfd), -EOPNOTSUPP, "EXPORT refuses a memfd of 4 KiB pages");
	is(export_of(PROT_READ, MAP_SHARED | huge, -1), -EACCES,
	   "EXPORT refuses memory that is not writable");
	d = donor(SZ_1G, SZ_1G);
	is(view_export(fd, d, SZ_1G, 0), -ERANGE,
	   "exporting more than the region's length gives ERANGE");
	is(view_export(fd, d, SZ_2M, 0), -EOPNOTSUPP,
	   "a region of 2 MiB pages refuses a page of 1 GiB");
	munmap(d, SZ_1G);
	is(view_region(fd).exported, 0, "exports of memory of a wrong kind bring nothing in");
	close(file);
	close(memfd);
	unlink("/tmp/msha-donor");
}

/* A file on a mount of hugetlbfs has an owner and a mode. */
static void test_hugetlbfs_file(void)
{
	int file = hugetlbfs_begin();

	is(export_of(PROT_READ | PROT_WRITE, MAP_SHARED, file), -EOPNOTSUPP,
	   "EXPORT refuses a file on hugetlbfs");
	is(export_of(PROT_READ | PROT_WRITE, MAP_PRIVATE, file), -EOPNOTSUPP,
	   "EXPORT refuses a private mapping of a file on hugetlbfs");
	hugetlbfs_end(file);
}

static void test_all_or_nothing(void)
{
	long before = hugepages(SZ_2M, "free_hugepages");
	char *d = donor(SZ_2M, 4 * SZ_2M);

	munmap(d + 2 * SZ_2M, SZ_2M);
	is(view_export(fd, d, 4 * SZ_2M, 0), -EFAULT, "exporting memory with a hole gives EFAULT");
	is(view_region(fd).exported, 0, "an export that fails brings nothing in");
	munmap(d, 4 * SZ_2M);
	is(hugepages(SZ_2M, "free_hugepages"), before, "an export that fails keeps no page");
}

static void test_growth(void)
{
	struct peer a, b;
	char *d = donor(SZ_2M, SZ_2M);
	int memfd;

	fill(d, SZ_2M, 11);
	is(view_export(fd, d, SZ_2M, 0), 0, "the first export succeeds");
	fill(d, SZ_2M, 12);
	base = attach(fd, PROT_READ | PROT_WRITE);
	ok(filled(base, SZ_2M, 12), "region and donor share the memory");
	munmap(d, SZ_2M);
	ok(filled(base, SZ_2M, 12), "the region keeps the memory after the donor unmapped it");
	a = peer_start();
	b = peer_start();
	peer_attach(&a, NAME, false);
	peer_attach(&b, NAME, true);
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)base + SZ_2M), SIGBUS,
	   "a process that may write gets SIGBUS for a load from a hole");
	is(PEER(b, .op = PEER_LOAD, .a = (intptr_t)base + SZ_2M), SIGBUS,
	   "a process that may only read gets SIGBUS for a load from a hole");

	is(donate(fd, SZ_2M, 3 * SZ_2M, SZ_2M), 0,
	   "memory can be exported while processes are attached");
	fill(base + SZ_2M, 3 * SZ_2M, 13);
	is(PEER(a, .op = PEER_FILLED, .a = (intptr_t)base + SZ_2M, .b = 3 * SZ_2M, .c = 13), 1,
	   "a process that was attached before sees the new memory");
	is(PEER(b, .op = PEER_FILLED, .a = (intptr_t)base + SZ_2M, .b = 3 * SZ_2M, .c = 13), 1,
	   "a process that was attached read-only sees the new memory");
	is(donate(fd, SZ_2M, 2 * SZ_2M, 3 * SZ_2M), -EEXIST,
	   "an export over existing memory gives EEXIST");
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)base + 4 * SZ_2M), SIGBUS,
	   "an export over existing memory brings nothing in");

	memfd = memfd_create("donor", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	if (ftruncate(memfd, SZ_2M))
		bail("ftruncate: %s", strerror(errno));
	d = mmap(NULL, SZ_2M, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	is(view_export(fd, d, SZ_2M, 15 * SZ_2M), 0,
	   "a memfd of huge pages can be exported behind a hole");
	fill(d, SZ_2M, 14);
	is(PEER(b, .op = PEER_FILLED, .a = (intptr_t)base + 15 * SZ_2M, .b = SZ_2M, .c = 14), 1,
	   "other processes see the memory of a memfd");
	munmap(d, SZ_2M);
	close(memfd);
	is(PEER(b, .op = PEER_FILLED, .a = (intptr_t)base + 15 * SZ_2M, .b = SZ_2M, .c = 14), 1,
	   "the region keeps the memory of a memfd after it was closed");
	is(PEER(b, .op = PEER_LOAD, .a = (intptr_t)base + 14 * SZ_2M), SIGBUS,
	   "the hole before the memory of the memfd is still there");
	is(view_region(fd).exported, 5 * SZ_2M, "GET_REGION counts the memory of all exports");
	peer_kill(&a);
	peer_kill(&b);
}

/* The donor forks after it exported private hugetlb memory. */
static void test_private_donor(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB;
	char *d = mmap(NULL, SZ_2M, PROT_READ | PROT_WRITE, flags, -1, 0);
	pid_t pid;

	is(view_export(fd, d, SZ_2M, 8 * SZ_2M), 0, "private hugetlb memory can be exported");
	pid = fork();
	if (!pid)
		_exit(0);
	fill(d, SZ_2M, 21);
	waitpid(pid, NULL, 0);
	ok(filled(base + 8 * SZ_2M, SZ_2M, 21),
	   "the region keeps private hugetlb memory after its donor forked");
	munmap(d, SZ_2M);
}

static int export_unprivileged(uint64_t limit)
{
	struct rlimit rl = { limit, limit };
	pid_t pid = fork();
	int status;

	if (!pid) {
		setrlimit(RLIMIT_MEMLOCK, &rl);
		if (setresuid(1234, 1234, 1234))
			_exit(100);
		_exit(-donate(fd, SZ_2M, SZ_2M, 9 * SZ_2M));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -99;
}

static void test_memlock(void)
{
	is(export_unprivileged(SZ_2M - 4096), -ENOMEM,
	   "an export over RLIMIT_MEMLOCK gives ENOMEM");
	is(export_unprivileged(SZ_2M), 0, "an export within RLIMIT_MEMLOCK succeeds");
	region_unlink(NAME);
	close(fd);
	munmap(base, WINDOW);
	fd = region_with(NAME, SZ_2M, 16 * SZ_2M);
	region_unlink(NAME);
	close(fd);
	region_create(NAME, SZ_2M, 16 * SZ_2M);
	fd = view_open(NAME, "rw", O_RDWR);
	is(export_unprivileged(SZ_2M), 0,
	   "memory of a region that ended does not count against RLIMIT_MEMLOCK");
}

static void test_1g(void)
{
	long before = hugepages(SZ_1G, "free_hugepages");
	struct peer a = peer_start();
	int big = region_with("test-export-1g", SZ_1G, SZ_1G);
	char *at;

	region_unlink("test-export-1g");
	region_create("test-export-1g-b", SZ_1G, 4 * SZ_1G);
	close(big);
	big = view_open("test-export-1g-b", "rw", O_RDWR);
	is(donate(big, SZ_1G, SZ_1G, 2 * SZ_1G), 0, "a page of 1 GiB can be exported to an offset");
	at = attach(big, PROT_READ | PROT_WRITE);
	peer_attach(&a, "test-export-1g-b", false);
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)at), SIGBUS,
	   "a load from a hole of 1 GiB raises SIGBUS");
	is(donate(big, SZ_1G, SZ_1G, 0), 0,
	   "a page of 1 GiB can be exported to a hole while attached");
	fill(at, SZ_1G, 31);
	is(PEER(a, .op = PEER_FILLED, .a = (intptr_t)at, .b = SZ_1G, .c = 31), 1,
	   "a process that was attached before sees the new page of 1 GiB");
	is(donate(big, SZ_1G, SZ_1G, SZ_1G), -ENOMEM,
	   "a donor gets ENOMEM when the pool has no page of 1 GiB left");
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)at + SZ_1G), SIGBUS,
	   "a hole stays one when the pool had no page for it");
	peer_kill(&a);
	munmap(at, WINDOW);
	region_unlink("test-export-1g-b");
	close(big);
	is(hugepages(SZ_1G, "free_hugepages"), before, "all 1 GiB pages are free at the end");
}

int main(int argc, char **argv)
{
	long before;

	peer_main(argc, argv);
	reserve_2m(48);
	need_1g(2);
	before = hugepages(SZ_2M, "free_hugepages");
	region_unlink(NAME);
	is(region_create(NAME, SZ_2M, 16 * SZ_2M), 0, "a region is created");
	fd = view_open(NAME, "rw", O_RDWR);
	test_arguments();
	test_donors_refused();
	test_hugetlbfs_file();
	test_all_or_nothing();
	test_growth();
	test_private_donor();
	test_memlock();
	region_unlink(NAME);
	close(fd);
	is(hugepages(SZ_2M, "free_hugepages"), before, "all 2 MiB pages are free at the end");
	test_1g();
	return done_testing();
}
