// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: processes with an attached region can begin and end in any way: fork, vfork, clone
 * and exec in storms, shared address spaces, core dumps, and memory that is reaped from a
 * killed process before it has ended. The witness must not notice anything.
 * timeout: 600
 */
#include "witness.h"

#include <pthread.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

#define NAME "test-lives"
#define RW (PROT_READ | PROT_WRITE)
#define STACK (64 * 1024)

static int attach_here(void)
{
	int fd = view_open(NAME, "rw", O_RDWR);

	if (fd < 0 || attach(fd, RW) != base)
		return 1;
	return filled(base, page_size, WITNESS_SEED) ? 0 : 2;
}

static int attached(void)
{
	return view_region(region).attached;
}

/* The parent may be notified before an exit detaches the region. */
static bool attached_becomes(int n)
{
	for (int ms = 0; ms < 20000 && attached() != n; ms++)
		usleep(1000);
	return attached() == n;
}

/* Call fn() in a child; returns its wait status. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(fn());
	waitpid(pid, &status, 0);
	return status;
}

static int finds_nothing(void)
{
	uint64_t v;

	return try_load(base, &v) == SIGSEGV && try_load(base + WINDOW - 8, &v) == SIGSEGV &&
	       try_store(base, 1) == SIGSEGV ? 0 : 1;
}

static int forks_twice(void)
{
	if (attach_here())
		return 1;
	return in_child(finds_nothing) ? 2 : 0;
}

static void test_fork(void)
{
	int bad = 0;

	is(in_child(finds_nothing), 0, "a child of fork does not have the region attached");
	is(in_child(attach_here), 0, "a child of fork can attach the region");
	is(in_child(forks_twice), 0, "a child of a child does not have the region attached");
	for (int i = 0; i < 60; i++)
		bad += in_child(i % 3 ? finds_nothing : attach_here) != 0;
	is(bad, 0, "60 children of fork, of which 20 attach, end well");
	unhurt("fork");
}

static int vfork_once(bool exec)
{
	int status = -1;
	pid_t pid = vfork();

	if (!pid) {
		if (exec)
			execl("/bin/true", "true", (char *)NULL);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void test_vfork(void)
{
	int bad = 0;

	for (int i = 0; i < 30; i++)
		bad += vfork_once(i % 2) != 0;
	is(bad, 0, "30 children of vfork, of which half exec, end well");
	unhurt("vfork");
}

/* Another process in the same address space sees the region. */
static int clone_reads(void *arg)
{
	(void)arg;
	return filled(base, page_size, WITNESS_SEED) ? 0 : 1;
}

static int clone_detaches(void *arg)
{
	(void)arg;
	return munmap(base, WINDOW) ? 1 : 0;
}

static int clone_vm(int (*fn)(void *arg))
{
	char *stack = mmap(NULL, STACK, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int status;
	pid_t pid = clone(fn, stack + STACK, CLONE_VM | SIGCHLD, NULL);

	waitpid(pid, &status, 0);
	munmap(stack, STACK);
	return status;
}

static void test_clone_vm(void)
{
	is(clone_vm(clone_reads), 0, "a process that shares the address space sees the region");
	is(attached(), 2, "processes that share an address space count as one");
	unhurt("a process that shares the address space ended");
	is(clone_vm(clone_detaches), 0,
	   "a process that shares the address space can detach the region");
	is(attached(), 1, "the region is detached from a shared address space as a whole");
	is(in_child(finds_nothing), 0, "nothing is mapped in a shared address space after that");
	ok(attach(region, RW) == base, "the region can be attached to the address space again");
	unhurt("the region was detached from a shared address space");
}

/* The address space stays in the child when the process that made it is killed. */
static int orphan_pipe[2];

static int orphan(void *arg)
{
	char c;

	(void)arg;
	close(orphan_pipe[1]);
	while (read(orphan_pipe[0], &c, 1) > 0)
		;
	return 0;
}

static int makes_orphan(void)
{
	char *stack = mmap(NULL, STACK, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (attach_here())
		return 1;
	clone(orphan, stack + STACK, CLONE_VM | SIGCHLD, NULL);
	kill(getpid(), SIGKILL);
	return 2;
}

static void test_orphan(void)
{
	if (pipe2(orphan_pipe, O_CLOEXEC))
		bail("pipe2: %s", strerror(errno));
	is(in_child(makes_orphan), SIGKILL,
	   "the first process of a shared address space is killed");
	is(attached(), 3, "an address space stays attached through a process that shares it");
	close(orphan_pipe[0]);
	close(orphan_pipe[1]);
	ok(attached_becomes(2), "an address space is detached with its last process");
	unhurt("the last process of an address space ended");
}

/* Threads load from the region while one of them, not the first one, calls exec. */
static void *loads(void *arg)
{
	for (;;)
		if (!filled(base, page_size < SZ_2M ? page_size : SZ_2M, WITNESS_SEED))
			_exit(3);
	return arg;
}

static void *execs(void *arg)
{
	usleep(2000);
	execl("/bin/true", "true", (char *)NULL);
	return arg;
}

static int exec_in_thread(void)
{
	pthread_t t;

	if (attach_here())
		return 1;
	pthread_create(&t, NULL, loads, NULL);
	pthread_create(&t, NULL, execs, NULL);
	loads(NULL);
	return 4;
}

static void test_exec(void)
{
	int bad = 0;

	for (int i = 0; i < 15; i++)
		bad += in_child(exec_in_thread) != 0;
	is(bad, 0, "15 processes call exec in a thread while other threads load");
	ok(attached_becomes(2), "processes that called exec are not attached any more");
	unhurt("exec");
}

static int dumps(void)
{
	struct rlimit rl = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &rl);
	if (attach_here())
		return 1;
	abort();
}

static void core_pattern(const char *set, char *old)
{
	int fd = open("/proc/sys/kernel/core_pattern", O_RDWR | O_CLOEXEC);
	ssize_t n = 0;

	if (old) {
		n = read(fd, old, 127);
		old[n > 0 ? n : 0] = '\0';
		lseek(fd, 0, SEEK_SET);
	}
	if (fd < 0 || n < 0 || write(fd, set, strlen(set)) < 0)
		bail("core_pattern: %s", strerror(errno));
	close(fd);
}

static void test_core(void)
{
	struct stat st = { 0 };
	char old[128];

	core_pattern("/tmp/msha-core\n", old);
	unlink("/tmp/msha-core");
	is(in_child(dumps) & ~0x80, SIGABRT, "a process that has the region attached dumps core");
	core_pattern(old, NULL);
	ok(!stat("/tmp/msha-core", &st) && st.st_size > 0 && st.st_size < 1 << 26,
	   "the core dump does not contain the region (%ld bytes)", (long)st.st_size);
	unlink("/tmp/msha-core");
	unhurt("a core dump");
}

/* Take the memory of a process that is still ending, as the OOM killer does. */
static void test_reaped(void)
{
	int status, pidfd, ready[2];
	pid_t pid;
	char c;

	if (pipe2(ready, O_CLOEXEC))
		bail("pipe2: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		if (attach_here() || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	is(read(ready[0], &c, 1), 1, "a child attaches the region, to be reaped");
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	/* A tracer stops it after it was killed, while it still has its memory. */
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT))
		bail("PTRACE_SEIZE: %s", strerror(errno));
	kill(pid, SIGKILL);
	waitpid(pid, &status, __WALL);
	ok(WIFSTOPPED(status), "a traced process stops after it was killed and before it ends");
	is(attached(), 3, "a killed process is attached until it ends");
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif
	is(syscall(SYS_process_mrelease, pidfd, 0), 0, "the memory of a killed process is reaped");
	ok(witness_unhurt(), "no other process has lost a byte after the reaping");
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	waitpid(pid, &status, __WALL);
	is(status, SIGKILL, "the process whose memory was reaped ends");
	ok(attached_becomes(2), "a process whose memory was reaped is detached by its end");
	unhurt("a process whose memory was reaped ended");
	close(pidfd);
	close(ready[0]);
	close(ready[1]);
}

static void test_size(uint64_t size)
{
	witness_begin(NAME, size);
	test_fork();
	test_vfork();
	test_clone_vm();
	test_orphan();
	test_exec();
	test_core();
	test_reaped();
	witness_end();
}

int main(int argc, char **argv)
{
	return test_each_size(argc, argv, 32, test_size);
}
