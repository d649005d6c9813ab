// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: files that outlive their names give no more access than they should: descriptors
 * that were sent to others, nodes of regions that ended, and device numbers that another
 * region has by now.
 *
 * timeout: 600
 */
#include "give.h"
#include "views.h"

#include <sched.h>

#define NAME "test-perm-file"
#define OTHER "test-perm-file-other"
#define ROUNDS 50

/* ---- a descriptor that was sent to another process ---- */

/* The range is valid, so that the call fails only because of the caller. */
static int add_view_to_it(int fd)
{
	struct msharearena_range r = { .length = SZ_2M, .prot = PROT_R };
	struct msharearena_view v = view_args("strangers", &r, 1);

	return closed(add_view_open(fd, &v));
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
	is(give(rw, given_store_42), 0, "a stranger who was sent rw %s can store", when);
	is(give(rw, given_take), -EAGAIN, "a stranger who was sent rw %s may take rings", when);
	is(give(rw, view_unlink), -EPERM, "a stranger who was sent rw %s may not unlink", when);
	is(give(rw, add_view_to_it), -EPERM,
	   "a stranger who was sent rw %s may not add a view", when);
	is(give(rw_reading, given_load_42), 0,
	   "a stranger who was sent rw for reading %s can load", when);
	is(give(rw_reading, given_store_42), -EACCES,
	   "a stranger who was sent rw for reading %s cannot attach it for writing", when);
	is(give(rw_reading, given_take), -EACCES,
	   "a stranger who was sent rw for reading %s may not take rings", when);
	is(give(ro, given_load_42), 0, "a stranger who was sent ro %s can load", when);
	is(give(ro, given_store_42), -EACCES,
	   "a stranger who was sent ro %s cannot attach it for writing", when);
	is(give(ro, view_unlink), -EPERM, "a stranger who was sent ro %s may not unlink", when);
	is(give(rw, given_reopen_reading), -EACCES,
	   "a stranger who was sent rw %s cannot given_reopen it", when);
	is(give(rw_reading, given_reopen_writing), -EACCES,
	   "a stranger who was sent rw for reading %s cannot given_reopen it for writing", when);
	is(give(ro, given_reopen_reading), -EACCES,
	   "a stranger who was sent ro %s cannot given_reopen it", when);
}

/* ---- nodes of regions that ended ---- */

static const char *name_of(int fd)
{
	static struct msharearena_region r;

	r = view_region(fd);
	return r.name;
}

/*
 * Device numbers are reused after 2^20 others. Whatever number another region has, an old
 * node must not lead to it.
 */
static void test_reused(int stale, const char *copy)
{
	region_anew(OTHER, SZ_2M, SZ_2M);
	is(given_reopen(stale, O_RDWR), -ENXIO,
	   "an old node gives ENXIO after a later region was created");
	is(given_reopen(stale, O_RDONLY), -ENXIO,
	   "an old node opened for reading gives ENXIO after a later region was created");
	ok(open(copy, O_RDWR | O_CLOEXEC) < 0 && errno == ENXIO,
	   "a copy of an old node gives ENXIO after a later region was created");
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
	is(given_reopen(stale, O_RDWR), 0, "a node can be opened by its O_PATH descriptor");
	fd = open(copy, O_RDWR | O_CLOEXEC);
	ok(fd >= 0 && !strcmp(name_of(fd), NAME),
	   "a region can be opened by a copy of its node");
	close(fd);
	region_unlink(NAME);
	is(view_open(NAME, "rw", O_RDWR), -ENOENT, "the region's node is removed by UNLINK");
	is(given_reopen(stale, O_RDWR), -ENXIO, "a removed node that O_PATH kept gives ENXIO");
	is(given_reopen(stale, O_RDONLY), -ENXIO,
	   "a removed node that O_PATH kept gives ENXIO for reading");
	ok(open(copy, O_RDWR | O_CLOEXEC) < 0 && errno == ENXIO,
	   "a copy of a removed node gives ENXIO");
	test_reused(stale, copy);
	unlink(copy);
	close(stale);
}

/*
 * A stranger opens the node of his own region all the time, while it is removed and root's
 * region, with mode 0600, takes its name and number. Ends when that was opened.
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
	/* Unlink and create at the same time, so that the second waits for the first. */
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
	ok(!*got,
	   "a user who opens the own node never gets another user's region (%d rounds)", rounds);
}

int main(void)
{
	int fd;

	reserve_2m(8);
	fd = region_with(NAME, SZ_2M, SZ_2M);
	close(fd);
	test_given("while the region has its name");
	region_unlink(NAME);
	test_given("after the region was unlinked");
	test_stale();
	test_swap();
	return done_testing();
}
