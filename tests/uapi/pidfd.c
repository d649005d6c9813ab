// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: PUBLISH and TAKE handle all pidfds that name a process: of dead and partly dead
 * processes, of threads, of processes in another pid namespace, and descriptors that are no
 * pidfds.
 *
 * timeout: 300
 */
#include "util.h"

#include <liburing.h>
#include <pthread.h>
#include <sched.h>

#define NAME "test-pidfd"
#define RW (PROT_READ | PROT_WRITE)

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static int region;
static struct io_uring ring;

/* ---- descriptors that are no pidfds ---- */

static void refuse(int fd, const char *what)
{
	is(publish(region, ring.ring_fd, 1, fd), -EBADF, "PUBLISH for %s gives EBADF", what);
	is(take(region, fd, 1), -EBADF, "TAKE from %s gives EBADF", what);
}

static void test_not_pidfds(void)
{
	int file = open("/tmp/msha-pidfd", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* A structure of zeros names descriptor 0. */
	if (dup2(file, 0) < 0)
		bail("dup2: %s", strerror(errno));
	refuse(0, "descriptor 0, a file");
	refuse(file, "a regular file");
	refuse(region, "a region");
	refuse(ring.ring_fd, "a ring");
	refuse(proc, "a directory of /proc");
	refuse(9999, "a descriptor that is not open");
	refuse(-2, "a negative number that is not -1");
	close(file);
	close(proc);
	unlink("/tmp/msha-pidfd");
}

/* ---- dead processes ---- */

/* Start a child that attaches the region, publishes a ring under @tag and waits. */
static pid_t publisher(uint64_t tag)
{
	int told[2];
	pid_t pid;
	char c;

	if (pipe2(told, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		struct io_uring mine;

		if (io_uring_queue_init(4, &mine, 0) || !attach(region, RW) ||
		    publish(region, mine.ring_fd, tag, -1) || write(told[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(told[1]);
	if (read(told[0], &c, 1) != 1)
		bail("a child could not publish");
	close(told[0]);
	return pid;
}

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 30000) == 1;
}

static void test_dead(void)
{
	pid_t pid = publisher(10);
	int pidfd = pidfd_of(pid);
	struct pollfd p = { .fd = region, .events = POLLIN };

	is(take(region, pidfd, 11), -EAGAIN,
	   "TAKE of a ring that a live process has not published gives EAGAIN");
	kill(pid, SIGKILL);
	ok(has_ended(pidfd), "the pidfd of a killed process becomes readable");
	is(take(region, pidfd, 10), -ESRCH, "TAKE from a zombie gives ESRCH");
	is(publish(region, ring.ring_fd, 12, pidfd), -ESRCH, "PUBLISH for a zombie gives ESRCH");
	is(poll(&p, 1, 0), 0, "a dead publisher's ring does not make the file readable");
	is(take(region, -1, 10), -EAGAIN,
	   "TAKE from any process does not find a dead publisher's ring");
	waitpid(pid, NULL, 0);
	is(take(region, pidfd, 10), -ESRCH, "TAKE from a process that was reaped gives ESRCH");
	is(publish(region, ring.ring_fd, 12, pidfd), -ESRCH,
	   "PUBLISH for a process that was reaped gives ESRCH");
	close(pidfd);
}

static void *kills(void *arg)
{
	usleep(200000);
	kill(*(pid_t *)arg, SIGKILL);
	return NULL;
}

/* A process that waits for a ring also polls the publisher's pidfd and so learns of its end. */
static void test_dies_meanwhile(void)
{
	pid_t pid = publisher(13);
	int pidfd = pidfd_of(pid), ret;
	pthread_t t;

	pthread_create(&t, NULL, kills, &pid);
	ret = take_within(region, pidfd, 14, 60000);
	is(ret, -ESRCH, "a process that waits for a ring gets ESRCH when the publisher is killed");
	pthread_join(t, NULL);
	waitpid(pid, NULL, 0);
	close(pidfd);
}

/* A process lives as long as any of its threads. */
static struct {
	pthread_t thread;	/* the first thread of the process */
	int told;		/* gets a byte when the first thread has ended */
} leader;

static void *outlives(void *arg)
{
	pthread_join(leader.thread, NULL);
	if (write(leader.told, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
	return arg;
}

static void test_leader_ended(void)
{
	int told[2], pidfd;
	pid_t pid;
	char c;

	if (pipe2(told, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		pthread_t t;

		leader.thread = pthread_self();
		leader.told = told[1];
		pthread_create(&t, NULL, outlives, NULL);
		pthread_exit(NULL);
	}
	if (read(told[0], &c, 1) != 1)
		bail("a child does not answer");
	pidfd = pidfd_of(pid);
	is(take(region, pidfd, 1), -EAGAIN,
	   "TAKE from a process whose first thread has ended gives EAGAIN, as it is alive");
	is(publish(region, ring.ring_fd, 15, pidfd), 0,
	   "a ring can be published for a process whose first thread has ended");
	withdraw(region, 15);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	is(take(region, pidfd, 1), -ESRCH,
	   "TAKE from a process whose last thread has ended gives ESRCH");
	close(pidfd);
	close(told[0]);
	close(told[1]);
}

/* A process stays the same when it calls exec, but its published rings are dropped. */
static void test_exec(void)
{
	struct peer p = peer_start();
	int pidfd = pidfd_of(p.pid);

	peer_send(&p, (struct peer_msg){ .op = PEER_EXEC });
	is(take_within(region, pidfd, 16, 300), -EAGAIN,
	   "TAKE from a process that has called exec gives EAGAIN");
	peer_kill(&p);
	close(pidfd);
}

/* ---- threads ---- */

static volatile pid_t tid;

static void *tells_tid(void *arg)
{
	tid = gettid();
	for (;;)
		pause();
	return arg;
}

static void *takes(void *arg)
{
	return (void *)(intptr_t)closed(take(region, -1, *(int *)arg));
}

static void test_threads(void)
{
	int me = pidfd_of(getpid()), fd, tag = 21;
	pthread_t t;
	void *ret;

	pthread_create(&t, NULL, tells_tid, NULL);
	while (!tid)
		usleep(1000);
	is(syscall(SYS_pidfd_open, tid, 0), -1,
	   "pidfd_open of a thread fails without PIDFD_THREAD");
	fd = syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
	if (fd < 0) {
		skip("this kernel has no pidfds of threads (PIDFD_THREAD)");
	} else {
		is(publish(region, ring.ring_fd, 20, fd), -ESRCH,
		   "PUBLISH for a single thread gives ESRCH");
		is(take(region, fd, 20), -ESRCH, "TAKE from a single thread gives ESRCH");
		close(fd);
	}
	pthread_cancel(t);
	pthread_join(t, NULL);
	is(publish(region, ring.ring_fd, 21, me), 0,
	   "a ring is published for a process with several threads");
	pthread_create(&t, NULL, takes, &tag);
	pthread_join(t, &ret);
	is((intptr_t)ret, 0, "any thread of the process can take the ring");
	close(me);
}

/* ---- children and namespaces ---- */

/* A pidfd names the process and not others that have its descriptors. */
static void test_children(void)
{
	int me = pidfd_of(getpid()), status;
	pid_t pid;

	is(publish(region, ring.ring_fd, 22, me), 0, "a ring is published for this process");
	pid = fork();
	if (!pid)
		_exit(-take(region, me, 22));
	waitpid(pid, &status, 0);
	is(WEXITSTATUS(status), EAGAIN, "a child cannot take a ring for its parent");
	is(withdraw(region, 22), 0, "the ring is still published after a child tried to take it");
	close(me);
}

/* The taker is in a pid namespace in which the publisher has no number. */
static void test_namespace(void)
{
	int me = pidfd_of(getpid()), status, theirs;
	int go[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	if (unshare(CLONE_NEWPID)) {
		skip("this kernel has no pid namespaces (CONFIG_PID_NS)");
		close(me);
		return;
	}
	pid = fork();
	if (!pid) {
		char c;

		if (getpid() != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(-closed(take(region, me, 23)));
	}
	theirs = pidfd_of(pid);
	is(publish(region, ring.ring_fd, 23, theirs), 0,
	   "a ring can be published for a process of another pid namespace");
	if (write(go[1], "", 1) != 1)
		bail("a child is gone");
	waitpid(pid, &status, 0);
	is(status, 0, "a process can take a ring from a publisher without a pid in its namespace");
	close(theirs);
	close(me);
	close(go[0]);
	close(go[1]);
}

int main(int argc, char **argv)
{
	char *base;

	peer_main(argc, argv);
	reserve_2m(16);
	region = region_with(NAME, SZ_2M, SZ_2M);
	base = attach(region, RW);
	if (!base || io_uring_queue_init(4, &ring, 0))
		bail("a ring: %s", strerror(errno));
	test_not_pidfds();
	test_dead();
	test_dies_meanwhile();
	test_leader_ended();
	test_exec();
	test_threads();
	test_children();
	test_namespace();
	io_uring_queue_exit(&ring);
	munmap(base, WINDOW);
	view_unlink(region);
	close(region);
	return done_testing();
}
