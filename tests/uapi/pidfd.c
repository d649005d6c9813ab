// SPDX-License-Identifier: MIT
/*
 * Processes that PUBLISH and TAKE name by pidfds: those that are dead, in part or
 * altogether, threads, processes of another pid namespace, and what is no pidfd.
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

/* ---- what is no pidfd ---- */

static void refuse(int fd, const char *what)
{
	is(publish(region, ring.ring_fd, 1, fd), -EBADF, "publish for %s is EBADF", what);
	is(take(region, fd, 1), -EBADF, "take from %s is EBADF", what);
}

static void test_not_pidfds(void)
{
	int file = open("/tmp/msha-pidfd", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Descriptor 0 is what a structure of zeros names. */
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

/* ---- the dead ---- */

/* A child that has the region attached, has published @tag and waits. */
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
	   "take from a live process what it has not published is EAGAIN");
	kill(pid, SIGKILL);
	ok(has_ended(pidfd), "(its pidfd tells that it has ended)");
	is(take(region, pidfd, 10), -ESRCH, "take from a zombie is ESRCH");
	is(publish(region, ring.ring_fd, 12, pidfd), -ESRCH, "publish for a zombie is ESRCH");
	is(poll(&p, 1, 0), 0, "a dead publisher's ring does not make the file readable");
	is(take(region, -1, 10), -EAGAIN,
	   "a dead publisher's ring cannot be taken from any process");
	waitpid(pid, NULL, 0);
	is(take(region, pidfd, 10), -ESRCH, "take from a process that is gone is ESRCH");
	is(publish(region, ring.ring_fd, 12, pidfd), -ESRCH,
	   "publish for a process that is gone is ESRCH");
	close(pidfd);
}

static void *kills(void *arg)
{
	usleep(200000);
	kill(*(pid_t *)arg, SIGKILL);
	return NULL;
}

/* Who waits for a ring from it polls the pidfd, too, and so learns of its end. */
static void test_dies_meanwhile(void)
{
	pid_t pid = publisher(13);
	int pidfd = pidfd_of(pid), ret;
	pthread_t t;

	pthread_create(&t, NULL, kills, &pid);
	ret = take_within(region, pidfd, 14, 60000);
	is(ret, -ESRCH, "a process that waits for a ring learns that its publisher was killed");
	pthread_join(t, NULL);
	waitpid(pid, NULL, 0);
	close(pidfd);
}

/* The process lives as long as any of its threads. */
static struct {
	pthread_t thread;	/* the first of the process */
	int told;		/* gets a byte when that has ended */
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
	   "a process whose first thread has ended is alive: take from it is EAGAIN");
	is(publish(region, ring.ring_fd, 15, pidfd), 0,
	   "a ring can be published for a process whose first thread has ended");
	withdraw(region, 15);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	is(take(region, pidfd, 1), -ESRCH, "when its last thread has ended it is dead");
	close(pidfd);
	close(told[0]);
	close(told[1]);
}

/* A process that execs is the same one; what it had published went. */
static void test_exec(void)
{
	struct peer p = peer_start();
	int pidfd = pidfd_of(p.pid);

	peer_send(&p, (struct peer_msg){ .op = PEER_EXEC });
	is(take_within(region, pidfd, 16, 300), -EAGAIN,
	   "take from a process that has called exec is EAGAIN");
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
	is(syscall(SYS_pidfd_open, tid, 0), -1, "(a thread has no pidfd of a process)");
	fd = syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
	if (fd < 0) {
		skip("pidfds of threads: this kernel has no PIDFD_THREAD");
	} else {
		is(publish(region, ring.ring_fd, 20, fd), -ESRCH,
		   "publish for a single thread is ESRCH");
		is(take(region, fd, 20), -ESRCH, "take from a single thread is ESRCH");
		close(fd);
	}
	pthread_cancel(t);
	pthread_join(t, NULL);
	is(publish(region, ring.ring_fd, 21, me), 0, "publish for a process");
	pthread_create(&t, NULL, takes, &tag);
	pthread_join(t, &ret);
	is((intptr_t)ret, 0, "any of its threads takes the ring");
	close(me);
}

/* ---- others ---- */

/* The process is meant and not those who have its descriptors. */
static void test_children(void)
{
	int me = pidfd_of(getpid()), status;
	pid_t pid;

	is(publish(region, ring.ring_fd, 22, me), 0, "publish for this process");
	pid = fork();
	if (!pid)
		_exit(-take(region, me, 22));
	waitpid(pid, &status, 0);
	is(WEXITSTATUS(status), EAGAIN, "its child cannot take the ring");
	is(withdraw(region, 22), 0, "(it is still published)");
	close(me);
}

/* In a pid namespace where the publisher has no number at all. */
static void test_namespace(void)
{
	int me = pidfd_of(getpid()), status, theirs;
	int go[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	if (unshare(CLONE_NEWPID)) {
		skip("pid namespaces: this kernel has none (CONFIG_PID_NS)");
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
	   "publish for a process of another pid namespace");
	if (write(go[1], "", 1) != 1)
		bail("a child is gone");
	waitpid(pid, &status, 0);
	is(status, 0, "it takes the ring, from a process that has no pid there");
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
