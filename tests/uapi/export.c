// SPDX-License-Identifier: MIT
/* Memory coming into a region: from whom, where, when, and what is refused. */
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

	is(ioctl(fd, MSHAREARENA_EXPORT, &e), -1, "an unknown flag");
	is(errno, EINVAL, "the refusal is EINVAL");
	is(view_export(fd, d + 4096, SZ_2M, 0), -EINVAL, "an address that is not aligned");
	is(view_export(fd, d, SZ_2M - 4096, 0), -EINVAL, "a length that is not");
	is(view_export(fd, d, SZ_2M, 4096), -EINVAL, "an offset that is not");
	is(view_export(fd, d, 0, 0), -EINVAL, "length 0");
	is(view_export(fd, d, SZ_2M, 16 * SZ_2M), -ERANGE,
	   "an export beyond the region's end is ERANGE");
	is(view_export(fd, d, 2 * SZ_2M, 15 * SZ_2M), -ERANGE,
	   "an export over the region's end is ERANGE");
	is(view_export(fd, d, SZ_2M, -SZ_2M), -ERANGE, "an offset that wraps");
	is(view_export(fd, d, -SZ_2M, SZ_2M), -ERANGE, "a length that wraps");
	is(view_export(ro, d, SZ_2M, 0), -EACCES, "an export through the ro view is EACCES");
	is(view_export(rd, d, SZ_2M, 0), -EACCES,
	   "an export through rw opened for reading is EACCES");
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
	   "an export of addresses without a mapping is EFAULT");
	is(export_of(rw, MAP_PRIVATE | MAP_ANONYMOUS, -1), -EOPNOTSUPP, "4 KiB pages");
	is(export_of(rw, MAP_SHARED, file), -EOPNOTSUPP, "a file");
	is(export_of(rw, MAP_PRIVATE, file), -EOPNOTSUPP, "a private file mapping");
	is(export_of(rw, MAP_SHARED, memfd), -EOPNOTSUPP, "a memfd of 4 KiB pages");
	is(export_of(PROT_READ, MAP_SHARED | huge, -1), -EACCES,
	   "memory that is not writable is refused");
	d = donor(SZ_1G, SZ_1G);
	is(view_export(fd, d, SZ_1G, 0), -ERANGE, "(1 GiB is too long)");
	is(view_export(fd, d, SZ_2M, 0), -EOPNOTSUPP, "pages of another size");
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
	   "a file on hugetlbfs is refused");
	is(export_of(PROT_READ | PROT_WRITE, MAP_PRIVATE, file), -EOPNOTSUPP,
	   "a private mapping of a file on hugetlbfs is refused");
	hugetlbfs_end(file);
}

static void test_all_or_nothing(void)
{
	long before = hugepages(SZ_2M, "free_hugepages");
	char *d = donor(SZ_2M, 4 * SZ_2M);

	munmap(d + 2 * SZ_2M, SZ_2M);
	is(view_export(fd, d, 4 * SZ_2M, 0), -EFAULT, "a hole in the donor's range");
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
	ok(filled(base, SZ_2M, 12), "region and donor are the same memory");
	munmap(d, SZ_2M);
	ok(filled(base, SZ_2M, 12), "the memory stays when the donor unmaps it");
	a = peer_start();
	b = peer_start();
	peer_attach(&a, NAME, false);
	peer_attach(&b, NAME, true);
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)base + SZ_2M), SIGBUS, "a hole in a");
	is(PEER(b, .op = PEER_LOAD, .a = (intptr_t)base + SZ_2M), SIGBUS, "a hole in b");

	is(donate(fd, SZ_2M, 3 * SZ_2M, SZ_2M), 0, "growth while others are attached");
	fill(base + SZ_2M, 3 * SZ_2M, 13);
	is(PEER(a, .op = PEER_FILLED, .a = (intptr_t)base + SZ_2M, .b = 3 * SZ_2M, .c = 13), 1,
	   "new memory is visible to a process that attached before");
	is(PEER(b, .op = PEER_FILLED, .a = (intptr_t)base + SZ_2M, .b = 3 * SZ_2M, .c = 13), 1,
	   "new memory is visible to a process that attached read-only");
	is(donate(fd, SZ_2M, 2 * SZ_2M, 3 * SZ_2M), -EEXIST, "no memory twice at one place");
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)base + 4 * SZ_2M), SIGBUS,
	   "an export over existing memory brings nothing in");

	memfd = memfd_create("donor", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	if (ftruncate(memfd, SZ_2M))
		bail("ftruncate: %s", strerror(errno));
	d = mmap(NULL, SZ_2M, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	is(view_export(fd, d, SZ_2M, 15 * SZ_2M), 0, "a huge memfd, at an offset, with a hole");
	fill(d, SZ_2M, 14);
	is(PEER(b, .op = PEER_FILLED, .a = (intptr_t)base + 15 * SZ_2M, .b = SZ_2M, .c = 14), 1,
	   "the memory of a memfd is visible to other processes");
	munmap(d, SZ_2M);
	close(memfd);
	is(PEER(b, .op = PEER_FILLED, .a = (intptr_t)base + 15 * SZ_2M, .b = SZ_2M, .c = 14), 1,
	   "the memory of a memfd stays when the memfd is closed");
	is(PEER(b, .op = PEER_LOAD, .a = (intptr_t)base + 14 * SZ_2M), SIGBUS, "(the hole)");
	is(view_region(fd).exported, 5 * SZ_2M, "exported counts");
	peer_kill(&a);
	peer_kill(&b);
}

/* Private hugetlb memory of a donor that forks afterwards. */
static void test_private_donor(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB;
	char *d = mmap(NULL, SZ_2M, PROT_READ | PROT_WRITE, flags, -1, 0);
	pid_t pid;

	is(view_export(fd, d, SZ_2M, 8 * SZ_2M), 0, "private hugetlb memory");
	pid = fork();
	if (!pid)
		_exit(0);
	fill(d, SZ_2M, 21);
	waitpid(pid, NULL, 0);
	ok(filled(base + 8 * SZ_2M, SZ_2M, 21), "stays the region's when the donor forks");
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
	is(export_unprivileged(SZ_2M - 4096), -ENOMEM, "an export over RLIMIT_MEMLOCK is ENOMEM");
	is(export_unprivileged(SZ_2M), 0, "within it");
	region_unlink(NAME);
	close(fd);
	munmap(base, WINDOW);
	fd = region_with(NAME, SZ_2M, 16 * SZ_2M);
	region_unlink(NAME);
	close(fd);
	region_create(NAME, SZ_2M, 16 * SZ_2M);
	fd = view_open(NAME, "rw", O_RDWR);
	is(export_unprivileged(SZ_2M), 0, "the charge ends with the region");
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
	is(donate(big, SZ_1G, SZ_1G, 2 * SZ_1G), 0, "1 GiB at an offset");
	at = attach(big, PROT_READ | PROT_WRITE);
	peer_attach(&a, "test-export-1g-b", false);
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)at), SIGBUS, "a hole of 1 GiB");
	is(donate(big, SZ_1G, SZ_1G, 0), 0, "filled while attached");
	fill(at, SZ_1G, 31);
	is(PEER(a, .op = PEER_FILLED, .a = (intptr_t)at, .b = SZ_1G, .c = 31), 1,
	   "memory of 1 GiB that was exported while attached is visible");
	is(donate(big, SZ_1G, SZ_1G, SZ_1G), -ENOMEM, "no third page in the pool: ENOMEM");
	is(PEER(a, .op = PEER_LOAD, .a = (intptr_t)at + SZ_1G), SIGBUS, "(still a hole)");
	peer_kill(&a);
	munmap(at, WINDOW);
	region_unlink("test-export-1g-b");
	close(big);
	is(hugepages(SZ_1G, "free_hugepages"), before, "all 1 GiB pages are back");
}

int main(int argc, char **argv)
{
	long before;

	peer_main(argc, argv);
	reserve_2m(48);
	need_1g(2);
	before = hugepages(SZ_2M, "free_hugepages");
	region_unlink(NAME);
	is(region_create(NAME, SZ_2M, 16 * SZ_2M), 0, "create");
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
	is(hugepages(SZ_2M, "free_hugepages"), before, "all 2 MiB pages are back");
	test_1g();
	return done_testing();
}
