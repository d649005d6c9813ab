// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: futexes in a region behave as documented. Whether two processes share a futex
 * depends on the donor's memory: in shared memory they do, as long as its file exists; in
 * private memory each process has a futex of its own.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <stdint.h>

#define PEER_EXTRA(m, fd) peer_extra(m)
struct peer_msg;
static long peer_extra(struct peer_msg *m);

#include "util.h"

#define NAME "test-futex"
#define RW (PROT_READ | PROT_WRITE)

enum {
	PEER_FUTEX = PEER_OPS,	/* a: address, b: milliseconds; returns 0 or -errno */
};

static long futex(void *at, int op, int value, long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	return syscall(SYS_futex, at, op, value, &ts, NULL, 0) < 0 ? -errno : 0;
}

static long peer_extra(struct peer_msg *m)
{
	return futex((void *)(uintptr_t)m->a, FUTEX_WAIT, 0, m->b);
}

/* Wake the peer, which waits or soon will: the number of woken processes, or -errno. */
static long wake(void *at, int tries)
{
	for (int i = 0; i < tries; i++) {
		long n = syscall(SYS_futex, at, FUTEX_WAKE, 1, NULL, NULL, 0);

		if (n)
			return n < 0 ? -errno : n;
		usleep(10000);
	}
	return 0;
}

static struct peer peer;
static char *base;
static int region;

static void begin(uint64_t size, char *d, bool keep)
{
	region_unlink(NAME);
	if (region_create(NAME, size, 4 * size))
		bail("create");
	region = view_open(NAME, "rw", O_RDWR);
	is(view_export(region, d, size, 0), 0, "the donor's memory is exported");
	if (!keep)
		munmap(d, size);
	base = attach(region, RW);
	peer = peer_start();
	peer_attach(&peer, NAME, false);
}

static void end(void)
{
	peer_kill(&peer);
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(region);
}

static void across(const char *what)
{
	struct peer_msg m = { .op = PEER_FUTEX, .a = (intptr_t)base + 64, .b = 60000 };

	peer_send(&peer, m);
	is(wake(base + 64, 5000), 1, "FUTEX_WAKE reaches the other process in %s", what);
	is(peer_wait(&peer), 0, "FUTEX_WAIT in the other process returns in %s", what);
}

static void not_across(const char *what)
{
	struct peer_msg m = { .op = PEER_FUTEX, .a = (intptr_t)base + 64, .b = 500 };

	peer_send(&peer, m);
	is(wake(base + 64, 30), 0, "FUTEX_WAKE does not reach the other process in %s", what);
	is(peer_wait(&peer), -ETIMEDOUT, "FUTEX_WAIT in the other process times out in %s", what);
}

static char *memfd_donor(uint64_t size, int flag, int *fd)
{
	char *d;

	*fd = memfd_create("donor", MFD_CLOEXEC | MFD_HUGETLB | flag);
	if (*fd < 0 || ftruncate(*fd, size))
		bail("memfd: %s", strerror(errno));
	d = mmap(NULL, size, RW, MAP_SHARED, *fd, 0);
	return d;
}

static void test_shared(void)
{
	int fd;

	begin(SZ_2M, memfd_donor(SZ_2M, MFD_HUGE_2MB, &fd), false);
	across("memory of a memfd that is open");
	close(fd);
	is(wake(base + 64, 1), -EFAULT, "FUTEX_WAKE gives EFAULT after the memfd is closed");
	end();
	begin(SZ_2M, donor(SZ_2M, SZ_2M), true);
	across("shared memory that the donor has mapped");
	end();
	begin(SZ_2M, donor(SZ_2M, SZ_2M), false);
	is(wake(base + 64, 1), -EFAULT,
	   "FUTEX_WAKE gives EFAULT after the donor unmapped its shared memory");
	end();
}

static void test_private(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB;

	begin(SZ_2M, mmap(NULL, SZ_2M, RW, flags, -1, 0), false);
	not_across("private huge pages");
	end();
	begin(SZ_4K, donor(SZ_4K, SZ_4K), false);
	not_across("small pages");
	end();
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(16);
	test_shared();
	test_private();
	return done_testing();
}
