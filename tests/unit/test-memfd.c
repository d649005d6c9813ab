// SPDX-License-Identifier: MIT
/*
 * Goal: the memfd backend keeps libmshare's contract.
 * Method: each call is made with valid and with invalid arguments, in this process and
 * in a child that executes this program again and finds the region by its environment.
 *
 * valgrind: no, it takes MAP_FIXED_NOREPLACE for a hint
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <mshare.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define LENGTH	(64UL << 20)
#define NAME	"unit"
#define ADDR	0x200000000000ULL
#define WINDOW	(512ULL << 30)

static const struct mshare_options options = {
	.size = sizeof(options),
	.backend = MSHARE_BACKEND_MEMFD,
	.addr = ADDR,
	.length = LENGTH,
	.page_size = 4096,
	.mode = 0600,
};

/* The child's part: it returns 0, or the number of the step that failed. */
static int child(void)
{
	struct mshare *m, *ro;
	void *addr;
	int ring;

	if (mshare_open(NAME, 0, &m))
		return 1;
	if (mshare_attach(m, &addr) || addr != (void *)ADDR)
		return 2;
	if (strcmp((char *)addr + 5000, "from the parent"))
		return 3;
	strcpy((char *)addr + 9000, "from the child");
	ring = mshare_take_ring(m, getppid(), 42, 5000);
	if (ring < 0 || !(fcntl(ring, F_GETFD) & FD_CLOEXEC))
		return 4;
	if (mshare_take_ring(m, getppid(), 42, 0) != -EAGAIN)
		return 5;
	mshare_close(m);
	if (mshare_open(NAME, 1, &ro) || mshare_attach(ro, &addr))
		return 6;
	if (mshare_populate(ro, 0, 4096) != -EACCES ||
	    mshare_publish_ring(ro, ring, 0, 1) != -EACCES ||
	    mshare_take_ring(ro, 0, 1, 0) != -EACCES)
		return 7;
	mshare_close(ro);
	return 0;
}

static int run_child(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "test-memfd", "child", NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The part of a child that only forked: 0, or the number of the step that failed. */
static int forked(struct mshare *m, const void *base)
{
	void *addr;

	if (mshare_publish_ring(m, 0, 0, 1) != -ENOTCONN)
		return 1;
	if (mshare_attach(m, &addr) || addr != base)
		return 2;
	if (*(const char *)addr != 'f')
		return 3;
	*(char *)addr = 'g';
	return mshare_detach(m) ? 4 : 0;
}

static void test_fork(void)
{
	struct mshare *m;
	int status;
	void *base;
	pid_t pid;

	if (!ok(!mshare_create("forked", &options, &m) && !mshare_populate(m, 0, options.length) &&
		!mshare_attach(m, &base), "a region is made and attached before a fork"))
		return;
	*(char *)base = 'f';
	pid = fork();
	if (!pid)
		_exit(forked(m, base));
	waitpid(pid, &status, 0);
	is(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0,
	   "a forked child does not have the region attached, and can attach it");
	is(*(char *)base, 'g', "the parent sees what the forked child wrote");
	mshare_close(m);
	mshare_unlink("forked");
}

static void refused(const char *name, struct mshare_options o, int error, const char *what)
{
	struct mshare *m;

	is(mshare_create(name, &o, &m), error, "mshare_create() refuses %s", what);
}

static void test_create_refuses(void)
{
	char long_name[65] = "";
	struct mshare_options o;

	memset(long_name, 'a', 64);
	refused("", options, -EINVAL, "an empty name");
	refused("a/b", options, -EINVAL, "a name with a slash");
	refused("..", options, -EINVAL, "a name with a leading dot");
	refused("a b", options, -EINVAL, "a name with a blank");
	refused("a:b", options, -EINVAL, "a name with a colon");
	refused(long_name, options, -EINVAL, "a name of 64 characters");
	o = options;
	o.length = 0;
	refused(NAME, o, -EINVAL, "a length of 0");
	o.length = 4097;
	refused(NAME, o, -EINVAL, "a length that is no multiple of the page size");
	o.length = (512ULL << 30) + 4096;
	refused(NAME, o, -EINVAL, "a length of more than a window");
	o = options;
	o.page_size = 8192;
	refused(NAME, o, -EINVAL, "a page size that no machine has");
	o = options;
	o.addr = 4096;
	refused(NAME, o, -EINVAL, "an address inside a window");
	o = options;
	o.mode = 0700;
	refused(NAME, o, -EINVAL, "a mode with execute permission");
	o = options;
	o.size = 0;
	refused(NAME, o, -EINVAL, "options without a size");
	o = options;
	o.backend = 77;
	refused(NAME, o, -EINVAL, "an unknown backend");
	o = options;
	o.flags = 1U << 31;
	refused(NAME, o, -EINVAL, "an unknown flag");
	o = options;
	o.uid = 1;
	refused(NAME, o, -EINVAL, "an owner without MSHARE_SET_UID");
	o.flags = MSHARE_SET_GID;
	refused(NAME, o, -EINVAL, "an owner with MSHARE_SET_GID alone");
	o = options;
	o.gid = 1;
	o.flags = MSHARE_SET_UID;
	refused(NAME, o, -EINVAL, "a group with MSHARE_SET_UID alone");
}

/* The memfd backend chooses from the same windows as the module, not always the same one. */
static void test_addresses(void)
{
	struct mshare_options o = options;
	struct mshare_info info = { .size = sizeof(info) };
	uint64_t first = 0;
	struct mshare *m;
	int others = 0;

	o.addr = 0;
	for (int i = 0; i < 20; i++) {
		if (mshare_create("anywhere", &o, &m))
			bail("cannot make a region anywhere");
		mshare_info(m, &info);
		mshare_unlink_region(m);
		mshare_close(m);
		if (info.addr % WINDOW || info.addr < 64 * WINDOW || info.addr > 159 * WINDOW)
			break;
		first = first ? first : info.addr;
		others += info.addr != first;
	}
	ok(info.addr % WINDOW == 0 && info.addr >= 64 * WINDOW && info.addr <= 159 * WINDOW,
	   "the address that mshare_create() chooses begins a window (0x%lx)",
	   (unsigned long)info.addr);
	ok(others, "mshare_create() chooses different addresses for different regions");
}

static void test_attach(struct mshare *m)
{
	struct mshare_info info = { .size = sizeof(info) };
	void *addr = NULL, *again, *squatter;

	is(mshare_attach(m, &addr), -ENXIO, "attaching a region without memory is refused");
	is(mshare_populate(m, 1, 4096), -EINVAL, "populating at an odd offset is refused");
	is(mshare_populate(m, 0, 0), -EINVAL, "populating nothing is refused");
	is(mshare_populate(m, LENGTH - 4096, 8192), -EINVAL, "populating past the end is refused");
	is(mshare_populate(m, 0, LENGTH), 0, "the whole region is populated");
	is(mshare_info(m, &info), 0, "mshare_info() succeeds");
	ok(info.backend == MSHARE_BACKEND_MEMFD && info.addr == ADDR && info.length == LENGTH &&
	   info.page_size == 4096 && info.exported == LENGTH,
	   "mshare_info() has the backend, the address, the lengths and the page size");

	squatter = mmap((void *)(ADDR + 4096), 4096, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	is(mshare_attach(m, &addr), -EBUSY, "attaching is refused where another mapping lies");
	munmap(squatter, 4096);
	is(mshare_attach(m, &addr), 0, "the region is attached");
	ok(addr == (void *)ADDR, "the region is attached at its address");
	is(mshare_attach(m, &again), 0, "an attached region can be attached again");
	ok(again == addr, "attaching again gives the same address");
	is(mshare_detach(m), 0, "the region is detached");
	is(mshare_detach(m), 0, "a detached region can be detached again");
	is(mshare_attach(m, &addr), 0, "a detached region is attached again");
}

static void test_rings(struct mshare *m)
{
	struct io_uring ring;
	int null = open("/dev/null", O_RDWR);

	if (io_uring_queue_init(8, &ring, 0)) {
		skip("rings are not tested, as this machine allows no io_uring");
		return;
	}
	is(mshare_publish_ring(m, null, 0, 42), -EINVAL,
	   "publishing a file that is no ring is refused");
	is(mshare_publish_ring(m, -1, 0, 42), -EBADF, "publishing a closed descriptor is refused");
	is(mshare_take_ring(m, 0, 42, 0), -EAGAIN,
	   "taking a ring that nobody published is refused");
	is(mshare_take_ring(m, 0, 42, 50), -ETIMEDOUT,
	   "waiting for a ring that nobody publishes times out");
	is(mshare_take_ring(m, 0x3ffffff, 42, 50), -ESRCH,
	   "taking from a process that does not exist is refused");
	is(mshare_publish_ring(m, ring.ring_fd, 0x3ffffff, 42), -ESRCH,
	   "publishing to a process that does not exist is refused");
	is(mshare_publish_ring(m, ring.ring_fd, 0, 42), 0, "a ring is published");
	is(mshare_publish_ring(m, ring.ring_fd, 0, 42), -EEXIST,
	   "publishing a ring twice is refused");
	is(mshare_take_ring(m, 0, 43, 0), -EAGAIN, "a ring is not found by another tag");
	is(mshare_take_ring(m, 1, 42, 0), -EAGAIN, "a ring of another publisher is not found");
	is(run_child(), 0, "a child attaches the region and takes the ring");
	is(mshare_publish_ring(m, ring.ring_fd, 1, 42), 0,
	   "a ring is published to another process");
	is(mshare_take_ring(m, 0, 42, 0), -EAGAIN, "a ring for another process cannot be taken");
	mshare_detach(m);
	is(mshare_publish_ring(m, ring.ring_fd, 0, 42), -ENOTCONN,
	   "publishing is refused while detached");
	io_uring_queue_exit(&ring);
	close(null);
}

int main(int argc, char **argv)
{
	struct mshare *m, *other;
	void *addr;

	if (argc > 1 && !strcmp(argv[1], "child"))
		return child();
	test_fork();
	test_create_refuses();
	test_addresses();
	is(mshare_open(NAME, 0, &other), -ENOENT,
	   "opening a region that does not exist is refused");
	if (!ok(!mshare_create(NAME, &options, &m), "a region is created"))
		return done_testing();
	is(mshare_create(NAME, &options, &other), -EEXIST, "creating a region twice is refused");
	test_attach(m);
	if (mshare_attach(m, &addr))
		return done_testing();
	strcpy((char *)addr + 5000, "from the parent");
	test_rings(m);
	mshare_attach(m, &addr);
	ok(!strcmp((char *)addr + 9000, "from the child"),
	   "the parent sees the bytes of the child that took the ring");
	is(mshare_unlink(NAME), 0, "the region is unlinked");
	is(mshare_unlink(NAME), -ENOENT, "unlinking a region twice is refused");
	is(mshare_open(NAME, 0, &other), -ENOENT, "an unlinked region cannot be opened");
	ok(!strcmp((char *)addr + 9000, "from the child"),
	   "the memory of an unlinked region stays");
	mshare_close(m);
	mshare_close(NULL);
	return done_testing();
}
