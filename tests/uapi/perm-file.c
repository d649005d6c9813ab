// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Files that outlive their names: descriptors handed to others, nodes of regions
 * that are gone, and device numbers that are another region's by now.
 *
 * timeout: 600
 */
#include "give.h"
#include "views.h"

#include <sched.h>

#define NAME "test-perm-file"
#define OTHER "test-perm-file-other"
#define ROUNDS 50

/* ---- a descriptor that somebody else was given ---- */

static int store_42(int fd)
{
	char *base = attach(fd, PROT_READ | PROT_WRITE);

	return !base ? -errno : try_store(base, 42) ? -EFAULT : 0;
}

static int load_42(int fd)
{
	char *base = attach(fd, PROT_READ);
	uint64_t value;

	if (!base)
		return -errno;
	if (!try_store(base, 43))
		return -EEXIST;
	return try_load(base, &value) ? -EFAULT : value == 42 ? 0 : -EILSEQ;
}

static int take_one(int fd)
{
	return take(fd, -1, 0);
}

static int unlink_it(int fd)
{
	return view_unlink(fd);
}

/* A range that is fine: what is wrong is who asks. */
static int add_view_to_it(int fd)
{
	struct msharearena_range r = { .length = SZ_2M, .prot = PROT_R };
	struct msharearena_view v = view_args("strangers", &r, 1);

	return closed(add_view_open(fd, &v));
}

static int reopen(int fd, int flags)
{
	char path[64];
	int new;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	new = open(path, flags | O_CLOEXEC);
	if (new >= 0)
		close(new);
	return new < 0 ? -errno : 0;
}

static int reopen_reading(int fd)
{
	return reopen(fd, O_RDONLY);
}

static int reopen_writing(int fd)
{
	return reopen(fd, O_RDWR);
}

static void test_given(const char *when)
{
	static int rw = -1, rw_reading, ro;

	if (rw < 0) {
		rw = view_open(NAME, "rw", O_RDWR);
		rw_reading = view_open(NAME, "rw", O_RDONLY);
		ro = view_open(NAME, "ro", O_RDONLY);
	}
	diag("%s", when);
	is(give(rw, store_42), 0, "a stranger who was given rw stores");
	is(give(rw, take_one), -EAGAIN, "a stranger who was given rw may take rings");
	is(give(rw, unlink_it), -EPERM, "a stranger who was given rw may not unlink the region");
	is(give(rw, add_view_to_it), -EPERM, "a stranger who was given rw may add no view");
	is(give(rw_reading, load_42), 0, "a stranger who was given rw for reading only loads");
	is(give(rw_reading, store_42), -EACCES,
	   "a stranger who was given rw for reading cannot attach it for writing");
	is(give(rw_reading, take_one), -EACCES,
	   "a stranger who was given rw for reading takes no rings");
	is(give(ro, load_42), 0, "a stranger who was given ro loads");
	is(give(ro, store_42), -EACCES,
	   "a stranger who was given ro cannot attach it for writing");
	is(give(ro, unlink_it), -EPERM, "a stranger who was given ro may not unlink the region");
	is(give(rw, reopen_reading), -EACCES, "a stranger cannot open anew what he was given");
	is(give(rw_reading, reopen_writing), -EACCES,
	   "a stranger cannot make writable what he was given for reading");
	is(give(ro, reopen_reading), -EACCES, "a stranger cannot open anew ro that he was given");
}

/* ---- names that are left over ---- */

static const char *name_of(int fd)
{
	static struct msharearena_region r;

	r = view_region(fd);
	return r.name;
}

/*
 * Numbers come again after 2^20 others. Another region, whatever number it has,
 * is not what the old node leads to.
 */
static void test_reused(int stale, const char *copy)
{
	region_anew(OTHER, SZ_2M, SZ_2M);
	is(reopen(stale, O_RDWR), -ENXIO, "an old node does not lead to a later region");
	is(reopen(stale, O_RDONLY), -ENXIO,
	   "an old node does not lead to a later region for reading");
	ok(open(copy, O_RDWR | O_CLOEXEC) < 0 && errno == ENXIO,
	   "a number is not given to the next region");
	region_unlink(OTHER);
}

static void test_stale(void)
{
	const char *copy = "/dev/test-perm-copy";
	struct stat st;
	int stale, fd;

	region_anew(NAME, SZ_2M, SZ_2M);
	stale = view_open(NAME, "rw", O_PATH);
	if (fstat(stale, &st) || mknod(copy, S_IFCHR | 0600, st.st_rdev))
		bail("%s: %s", copy, strerror(errno));
	is(reopen(stale, O_RDWR), 0, "a node can be opened by an O_PATH descriptor of it");
	fd = open(copy, O_RDWR | O_CLOEXEC);
	ok(fd >= 0 && !strcmp(name_of(fd), NAME),
	   "a region can be opened by another node with its number");
	close(fd);
	region_unlink(NAME);
	is(view_open(NAME, "rw", O_RDWR), -ENOENT, "the region's node goes with its name");
	is(reopen(stale, O_RDWR), -ENXIO, "a node that was unlinked cannot be opened: ENXIO");
	is(reopen(stale, O_RDONLY), -ENXIO,
	   "a node that was unlinked cannot be opened for reading");
	ok(open(copy, O_RDWR | O_CLOEXEC) < 0 && errno == ENXIO,
	   "another node with a number that is free cannot be opened: ENXIO");
	test_reused(stale, copy);
	unlink(copy);
	close(stale);
}

/*
 * A stranger opens his own region's node all the time, while it goes and
 * root's, with mode 0600, takes its place and number. Ends when he got that.
 */
static void open_forever(volatile bool *got)
{
	int fd;

	if (user_become(&stranger))
		_exit(ECHILD);
	for (;;) {
		fd = view_open(NAME, "rw", O_RDONLY);
		if (fd < 0)
			continue;
		if (strcmp(name_of(fd), NAME))
			*got = true;
		close(fd);
	}
}

static void swap_regions(struct msharearena_create his)
{
	pid_t pid;

	if (create_named(&his))
		bail("create: %s", strerror(errno));
	/* Both at once, so that the second waits for the first. */
	pid = fork();
	if (!pid) {
		sched_yield();
		_exit(-region_create(OTHER, SZ_2M, SZ_2M));
	}
	region_unlink(NAME);
	if (user_wait(pid))
		bail("the other region cannot be created");
	region_unlink(OTHER);
}

static void test_swap(void)
{
	volatile bool *got = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct msharearena_create his = create_args(NAME, SZ_2M, SZ_2M);
	pid_t pid[6];
	int rounds;

	his.uid = stranger.uid;
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		pid[i] = fork();
		if (!pid[i])
			open_forever(got);
	}
	for (rounds = 0; rounds < ROUNDS && !*got; rounds++)
		swap_regions(his);
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	ok(!*got, "whoever opens his own node never gets another's region (%d rounds)", rounds);
}

int main(void)
{
	int fd;

	reserve_2m(8);
	fd = region_with(NAME, SZ_2M, SZ_2M);
	close(fd);
	test_given("while the region has its name");
	region_unlink(NAME);
	test_given("when it has been unlinked");
	test_stale();
	test_swap();
	return done_testing();
}
