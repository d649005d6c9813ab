// SPDX-License-Identifier: MIT
/*
 * Goal: a region cannot be registered with userfaultfd, and without that no operation works
 * on it. A process that registers a mapping can write-protect, that is clear, its page-table
 * entries, which would be those of every process here.
 * timeout: 600
 */
#include "witness.h"

#include <linux/userfaultfd.h>

#define NAME "test-uffd"
#define RW (PROT_READ | PROT_WRITE)

/* These are in kernels that are newer than the headers. */
#ifndef UFFD_FEATURE_RWP
#define UFFD_FEATURE_RWP	(1 << 17)
#define UFFD_FEATURE_RWP_ASYNC	(1 << 18)
#define UFFDIO_REGISTER_MODE_RWP	((__u64)1 << 3)
struct uffdio_rwprotect {
	struct uffdio_range range;
	__u64 mode;
};

#define UFFDIO_RWPROTECT _IOWR(UFFDIO, 0x09, struct uffdio_rwprotect)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* Open a userfaultfd; -errno if this kernel does not have the features. */
static int uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		return -EOPNOTSUPP;
	}
	return fd;
}

static int uffd_register(int fd, char *at, size_t len, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)at, len },
		.mode = mode,
	};

	return ioctl(fd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

/* Every operation of a userfaultfd on a range, one after the other. */
static int uffd_all(int fd, char *at, size_t len, char *mine)
{
	struct uffdio_range range = { (uintptr_t)at, len };
	struct uffdio_writeprotect wp = { .range = range, .mode = 1 };
	struct uffdio_rwprotect rwp = { .range = range, .mode = 1 };
	struct uffdio_zeropage zero = { .range = range };
	struct uffdio_continue cont = { .range = range };
	struct uffdio_poison poison = { .range = range };
	struct uffdio_copy copy = { (uintptr_t)at, (uintptr_t)mine, 4096, 0, 0 };
	struct uffdio_move to = { (uintptr_t)at, (uintptr_t)mine, 4096, 0, 0 };
	struct uffdio_move from = { (uintptr_t)mine + 8192, (uintptr_t)at, 4096, 0, 0 };
	int worked = 0;

	worked += !ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
	worked += !ioctl(fd, UFFDIO_RWPROTECT, &rwp);
	worked += !ioctl(fd, UFFDIO_ZEROPAGE, &zero);
	worked += !ioctl(fd, UFFDIO_CONTINUE, &cont);
	worked += !ioctl(fd, UFFDIO_POISON, &poison);
	worked += !ioctl(fd, UFFDIO_COPY, &copy);
	worked += !ioctl(fd, UFFDIO_MOVE, &to);
	worked += !ioctl(fd, UFFDIO_MOVE, &from);
	/* This may succeed, as nothing is registered. */
	ioctl(fd, UFFDIO_UNREGISTER, &range);
	return worked;
}

static const struct {
	const char *what;
	uint64_t features;
} kinds[] = {
	{ "no feature", 0 },
	{ "WP_ASYNC", UFFD_FEATURE_WP_ASYNC },
	{ "WP_UNPOPULATED", UFFD_FEATURE_WP_UNPOPULATED },
	{ "WP_HUGETLBFS_SHMEM", UFFD_FEATURE_WP_HUGETLBFS_SHMEM },
	{ "MISSING_SHMEM, MINOR_SHMEM", UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM },
	{ "MISSING_HUGETLBFS, MINOR_HUGETLBFS",
	  UFFD_FEATURE_MISSING_HUGETLBFS | UFFD_FEATURE_MINOR_HUGETLBFS },
	{ "MOVE, POISON", UFFD_FEATURE_MOVE | UFFD_FEATURE_POISON },
	{ "RWP", UFFD_FEATURE_RWP },
	{ "RWP, RWP_ASYNC", UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC },
};

static void test_features(size_t kind, char *mine)
{
	int fd = uffd_open(kinds[kind].features);
	int registered = 0, worked = 0;

	if (fd < 0) {
		skip("this kernel has no userfaultfd with %s", kinds[kind].what);
		return;
	}
	/* Other memory of the process, as the other end of a copy or a move. */
	uffd_register(fd, mine, 16384, UFFDIO_REGISTER_MODE_MISSING);
	for (uint64_t mode = 1; mode < 16; mode++) {
		registered += !uffd_register(fd, base, WINDOW, mode);
		registered += !uffd_register(fd, base, SZ_1G, mode);
		registered += !uffd_register(fd, base, 4096, mode);
		registered += !uffd_register(fd, base + bytes, SZ_2M, mode);
		registered += !uffd_register(fd, base - 4096, WINDOW + 8192, mode);
		worked += uffd_all(fd, base, page_size, mine);
		worked += uffd_all(fd, base + bytes, SZ_2M, mine);
	}
	is(registered, 0, "no mode of userfaultfd with %s registers a part of the region",
	   kinds[kind].what);
	is(worked, 0, "no operation of userfaultfd with %s works on the region",
	   kinds[kind].what);
	unhurt(kinds[kind].what);
	close(fd);
}

/* The error is EPERM, or EINVAL on kernels that check the flags first. */
static void test_errors(void)
{
	int fd = uffd_open(UFFD_FEATURE_WP_ASYNC);
	int ret;

	if (fd < 0)
		bail("userfaultfd: %s", strerror(-fd));
	ret = uffd_register(fd, base, WINDOW, UFFDIO_REGISTER_MODE_WP);
	ok(ret == -EPERM || ret == -EINVAL,
	   "registering for WP with WP_ASYNC gives EPERM or EINVAL (%d)", ret);
	close(fd);
}

/* A userfaultfd with USER_MODE_ONLY needs no privilege. */
static void test_unprivileged(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd = view_open(NAME, "rw", O_RDWR);
		char *p = attach(fd, RW);

		if (setresuid(1234, 1234, 1234))
			_exit(1);
		fd = uffd_open(UFFD_FEATURE_WP_ASYNC);
		if (fd < 0)
			_exit(2);
		if (!uffd_register(fd, p, WINDOW, UFFDIO_REGISTER_MODE_WP))
			_exit(3);
		_exit(uffd_all(fd, p, page_size, malloc(16384)) ? 4 : 0);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "an unprivileged process cannot use userfaultfd on the region");
	unhurt("the attempts of an unprivileged process");
}

static void test_size(uint64_t size)
{
	char *mine;

	witness_begin(NAME, size);
	mine = mmap(NULL, 16384, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*(volatile char *)mine = 1;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		test_features(i, mine);
	test_errors();
	test_unprivileged();
	munmap(mine, 16384);
	witness_end();
}

int main(int argc, char **argv)
{
	return test_each_size(argc, argv, 32, test_size);
}
