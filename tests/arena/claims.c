// SPDX-License-Identifier: MIT
/*
 * Goal: a role belongs to one arena at a time, and is free as soon as its process has died.
 * Method: two arenas of one process, and processes that open the region by its name, live, die,
 * fork and close.
 */
#include <arena/arena.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define NAME	"claims"
#define FIRST	ARENA_ROLE(0, 0)
#define SECOND	ARENA_ROLE(1, 0)

/* Of a process that only sets the region up. */
static struct arena *none;

static struct mshare *region(void)
{
	return arena_region(none);
}

static int open_role(uint32_t role)
{
	const struct arena_options o = { .size = sizeof(o), .role = role };
	struct arena *a;

	return arena_open(NAME, &o, &a);
}

/**
 * struct holder - a child that takes a role and lives until it is killed
 * @pid: of the child
 * @told: the child writes here what arena_open() returned
 */
struct holder {
	pid_t pid;
	int told[2];
};

static struct holder hold(uint32_t role)
{
	struct holder h;

	if (pipe(h.told))
		bail("pipe");
	fflush(stdout);
	h.pid = fork();
	if (!h.pid) {
		int ret;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* A process has one region attached at an address. */
		mshare_detach(region());
		ret = open_role(role);
		if (write(h.told[1], &ret, sizeof(ret)) != sizeof(ret))
			_exit(1);
		pause();
	}
	close(h.told[1]);
	return h;
}

static int told(struct holder *h)
{
	int ret;

	if (read(h->told[0], &ret, sizeof(ret)) != sizeof(ret))
		bail("a child said nothing");
	return ret;
}

static void kill_holder(struct holder *h)
{
	kill(h->pid, SIGKILL);
	waitpid(h->pid, NULL, 0);
	close(h->told[0]);
}

static int take_and_end(uint32_t role)
{
	struct holder h = hold(role);
	int ret = told(&h);

	kill_holder(&h);
	return ret;
}

static void test_processes(void)
{
	struct holder h = hold(FIRST);

	is(told(&h), 0, "a process takes a role that is free");
	is(take_and_end(FIRST), -EBUSY, "the role of a living process is refused to another one");
	is(take_and_end(SECOND), 0, "the other role is free");
	kill_holder(&h);
	is(take_and_end(FIRST), 0, "the role of a process that was killed is free");
}

static void test_setting_up(void)
{
	struct arena *a = NULL;

	is(arena_open_region(region(), ARENA_NO_ROLE, &a), 0,
	   "any number of arenas can have no role");
	is(arena_role(a), ARENA_NO_ROLE, "an arena without a role says so");
	arena_close(a);
}

/* With the module, this process and those above have the same view. */
static void test_one_process(void)
{
	struct arena *a = NULL, *second = NULL;

	is(arena_open_region(region(), FIRST, &a), 0, "an arena takes a role that is free");
	is(arena_open_region(region(), FIRST, &second), -EBUSY,
	   "a second arena of the same process cannot have the role");
	arena_close(a);
	is(arena_open_region(region(), FIRST, &second), 0, "the role of a closed arena is free");
	arena_close(second);
}

static void test_fork(void)
{
	struct arena *a;
	int status;
	pid_t pid;

	if (arena_open_region(region(), FIRST, &a))
		bail("arena_open_region");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(arena_close(a));
	waitpid(pid, &status, 0);
	is(status, 0, "a child can close its copy of an arena");
	is(take_and_end(FIRST), -EBUSY, "the role stays that of the parent");
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	arena_close(a);
	is(take_and_end(FIRST), 0,
	   "the role of a closed arena is free although a child has a copy of the arena");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_reading_only(void)
{
	struct mshare *m;
	struct arena *a;

	mshare_detach(region());
	if (mshare_open(NAME, true, &m))
		bail("mshare_open");
	is(arena_open_region(m, FIRST, &a), -EACCES,
	   "a role cannot be taken in a region that is open for reading only");
	mshare_close(m);
}

static void test_numbers(void)
{
	int claim = mshare_claim(region(), 1ULL << 62);

	ok(claim >= 0, "the highest number can be claimed");
	is(mshare_claim(region(), 1ULL << 62), -EBUSY, "a number is claimed once");
	mshare_unclaim(claim);
	is(mshare_claim(region(), (1ULL << 62) + 1), -EINVAL, "there is no higher number");
}

int main(void)
{
	const struct arena_options o = { .size = sizeof(o), .role = ARENA_NO_ROLE,
					 .page_size = 4096 };
	int ret = arena_create(NAME, &o, &none);

	alarm(60);
	if (ret)
		bail("cannot make a region: %s", strerror(-ret));
	test_processes();
	test_setting_up();
	test_one_process();
	test_fork();
	test_numbers();
	test_reading_only();
	arena_close(none);
	return done_testing();
}
