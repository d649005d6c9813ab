// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: a withdrawn offer of a ring cannot be taken. A wait for an offer ends with the offer,
 * at its limit or when the publisher dies, but not with a signal, and it uses no processor
 * while rings with other tags are on offer.
 * Method: two processes on the backend that is there, a clock, and the processor time of a
 * wait.
 *
 * valgrind: no, it treats MAP_FIXED_NOREPLACE as a hint
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <mshare.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define PAGE	4096UL
#define TAG	42

static struct mshare *region;
static struct io_uring ring;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t cpu_ms(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static bool same_file(int a, int b)
{
	return syscall(SYS_kcmp, getpid(), getpid(), 0 /* KCMP_FILE */, a, b) == 0;
}

static void test_withdraw(void)
{
	int fd;

	is(mshare_withdraw_ring(region, TAG), -ENOENT,
	   "withdrawing a ring that is not offered is refused");
	is(mshare_publish_ring(region, ring.ring_fd, 0, TAG), 0, "a ring can be offered");
	is(mshare_withdraw_ring(region, TAG + 1), -ENOENT,
	   "withdrawing an offer by another tag is refused");
	is(mshare_withdraw_ring(region, TAG), 0, "an offer can be withdrawn");
	is(mshare_withdraw_ring(region, TAG), -ENOENT, "withdrawing an offer twice is refused");
	is(mshare_take_ring(region, 0, TAG, 0), -EAGAIN, "a withdrawn ring cannot be taken");
	is(mshare_publish_ring(region, ring.ring_fd, 0, TAG), 0,
	   "a withdrawn ring can be offered again");
	fd = mshare_take_ring(region, getpid(), TAG, 0);
	ok(fd >= 0 && same_file(fd, ring.ring_fd), "a ring that was offered again can be taken");
	is(mshare_withdraw_ring(region, TAG), -ENOENT,
	   "withdrawing an offer that was taken is refused");
	close(fd);
}

static void test_withdraw_refused(void)
{
	struct mshare *ro;

	if (mshare_open("offers", 1, &ro))
		bail("cannot open for reading");
	is(mshare_withdraw_ring(ro, TAG), -EACCES,
	   "withdrawing through a handle for reading is refused");
	mshare_close(ro);
	mshare_detach(region);
	is(mshare_withdraw_ring(region, TAG), -ENOTCONN, "withdrawing while detached is refused");
}

/* More offers than the table has entries, each withdrawn before the next. */
static void test_many(void)
{
	int failed = 0;

	for (uint64_t i = 0; i < 1000; i++)
		failed += mshare_publish_ring(region, ring.ring_fd, 0, i) ||
			  mshare_withdraw_ring(region, i);
	is(failed, 0, "a thousand rings can be offered and withdrawn, one after another");
}

/* A process that after @ms offers a ring to this one, or ends. */
static pid_t peer(int ms, bool publishes)
{
	pid_t pid = fork();
	void *addr;

	if (pid)
		return pid;
	if (mshare_attach(region, &addr))
		_exit(1);
	usleep(ms * 1000);
	if (publishes && mshare_publish_ring(region, ring.ring_fd, getppid(), TAG))
		_exit(2);
	/* Until it is killed: an offer ends with its process. */
	if (publishes)
		pause();
	_exit(0);
}

static void test_wait(void)
{
	pid_t pid = peer(200, true);
	int64_t began = now_ms();
	int fd = mshare_take_ring(region, pid, TAG, 10000);

	ok(fd >= 0, "a wait ends when the ring is offered (%d)", fd);
	ok(now_ms() - began < 5000, "the wait for an offer ends at once");
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	is(mshare_take_ring(region, pid, TAG, 10000), -ESRCH,
	   "taking from a process that is gone is refused");
}

/* The publisher stays a zombie until the end of the test. */
static void test_death(void)
{
	pid_t pid = peer(200, false);
	int64_t began = now_ms();

	is(mshare_take_ring(region, pid, TAG, 10000), -ESRCH,
	   "a wait for an offer is -ESRCH when the publisher dies");
	ok(now_ms() - began < 5000, "the wait for a publisher that died ends at once");
	is(mshare_publish_ring(region, ring.ring_fd, pid, TAG), -ESRCH,
	   "offering a ring to a process that has died is refused");
	is(mshare_take_ring(region, pid, TAG, -1), -ESRCH,
	   "waiting for an offer of a process that has died is refused");
	waitpid(pid, NULL, 0);
	is(mshare_take_ring(region, -1, TAG, 0), -ESRCH,
	   "taking a ring from the process -1 is refused");
}

static void test_other_tags(void)
{
	int64_t began, cpu;

	for (uint64_t i = 1; i <= 8; i++)
		if (mshare_publish_ring(region, ring.ring_fd, 0, TAG + i))
			bail("cannot publish");
	began = now_ms();
	cpu = cpu_ms();
	is(mshare_take_ring(region, 0, TAG, 500), -ETIMEDOUT,
	   "a wait among rings with other tags ends with -ETIMEDOUT");
	cpu = cpu_ms() - cpu;
	ok(now_ms() - began >= 500, "a wait among rings with other tags lasts until its limit");
	ok(cpu < 100,
	   "a wait among rings with other tags uses no processor (%ld ms of 500)", (long)cpu);
	for (uint64_t i = 1; i <= 8; i++)
		mshare_withdraw_ring(region, TAG + i);
}

static volatile sig_atomic_t signals;

static void on_alarm(int number)
{
	(void)number;
	signals++;
}

static void wait_with_signals(int flags, const char *what)
{
	struct itimerval often = { { 0, 30000 }, { 0, 30000 } }, never = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = flags };
	int64_t began = now_ms(), took;

	sigaction(SIGALRM, &sa, NULL);
	signals = 0;
	setitimer(ITIMER_REAL, &often, NULL);
	is(mshare_take_ring(region, 0, TAG, 400), -ETIMEDOUT, "signals%s do not end a wait", what);
	took = now_ms() - began;
	setitimer(ITIMER_REAL, &never, NULL);
	ok(signals > 2 && took >= 400 && took < 2000,
	   "signals do not make a wait longer (%ld ms, %d signals)", (long)took, (int)signals);
}

int main(void)
{
	const struct mshare_options options = {
		.size = sizeof(options), .length = 16 * PAGE, .page_size = PAGE,
		.mode = 0600,
	};
	void *addr;

	if (io_uring_queue_init(8, &ring, 0)) {
		printf("1..0 # SKIP no io_uring\n");
		return 0;
	}
	if (mshare_create("offers", &options, &region) || mshare_populate(region, 0, PAGE) ||
	    mshare_attach(region, &addr))
		bail("cannot make a region");
	test_withdraw();
	test_many();
	test_wait();
	test_death();
	test_other_tags();
	wait_with_signals(0, "");
	wait_with_signals(SA_RESTART, " with SA_RESTART");
	test_withdraw_refused();
	mshare_unlink_region(region);
	mshare_close(region);
	io_uring_queue_exit(&ring);
	return done_testing();
}
