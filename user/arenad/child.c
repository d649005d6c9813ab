// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "child.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS	10000

/* The child's part: become the user, wait for the process ids, and execute the program. */
__attribute__((noreturn))
static void child_run(int start, pid_t parent, const struct user *user, child_exec_fn *exec,
		      void *context)
{
	struct child_pids pids;
	sigset_t none;

	/* Ctrl-C on a terminal is for arenad, which stops its children in order. */
	setpgid(0, 0);
	/* Before the process is tied to arenad's life, which to become another user undoes. */
	if (user_become(user))
		_exit(1);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL)) {
		log_error("cannot tie a process to arenad's life: %s", strerror(errno));
		_exit(1);
	}
	/* If arenad died before that call, no signal comes. */
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* No ids come if arenad has to stop before it has started all processes. */
	if (read(start, &pids, sizeof(pids)) != sizeof(pids))
		_exit(0);
	exec(&pids, context);
	_exit(127);
}

int child_fork(struct child *c, const char *name, const struct user *user, child_exec_fn *exec,
	       void *context)
{
	pid_t parent = getpid();
	int ends[2], ret;

	*c = (struct child){ .name = name, .pid = -1, .pidfd = -1, .start = -1 };
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	c->pid = fork();
	if (!c->pid) {
		close(ends[1]);
		child_run(ends[0], parent, user, exec, context);
	}
	ret = -errno;
	close(ends[0]);
	if (c->pid < 0) {
		close(ends[1]);
		return ret;
	}
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd < 0) {
		ret = -errno;
		if (ret == -EPERM || ret == -ENOSYS)
			log_error("pidfd_open(2) is needed and forbidden, perhaps by the seccomp "
				  "filter of a container");
		close(ends[1]);
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
		return ret;
	}
	c->start = ends[1];
	return 0;
}

int child_start(struct child *c, const struct child_pids *pids)
{
	ssize_t n = write(c->start, pids, sizeof(*pids));
	int ret = n == (ssize_t)sizeof(*pids) ? 0 : n < 0 ? -errno : -EIO;

	close(c->start);
	c->start = -1;
	return ret;
}

bool child_reap(struct child *c)
{
	if (c->pidfd < 0 || waitpid(c->pid, &c->status, WNOHANG) != c->pid)
		return false;
	close(c->pidfd);
	c->pidfd = -1;
	return true;
}

void child_signal(const struct child *c, unsigned int count, int signal)
{
	for (unsigned int i = 0; i < count; i++)
		if (c[i].pidfd >= 0)
			kill(c[i].pid, signal);
}

/* Wait for at most @ms until all have ended. Return true if they have. */
static bool wait_all(struct child *c, unsigned int count, int64_t ms)
{
	int64_t deadline = clock_deadline(ms);

	for (unsigned int i = 0; i < count; i++) {
		struct pollfd fd = { .fd = c[i].pidfd, .events = POLLIN };

		while (c[i].pidfd >= 0 && !child_reap(&c[i])) {
			int left = clock_left_ms(deadline);

			if (!left)
				return false;
			poll(&fd, 1, left);
		}
	}
	return true;
}

bool child_stop(struct child *c, unsigned int count)
{
	/* A process that still waits for the ids ends when its pipe is closed. */
	for (unsigned int i = 0; i < count; i++) {
		if (c[i].start >= 0)
			close(c[i].start);
		c[i].start = -1;
	}
	child_signal(c, count, SIGTERM);
	if (wait_all(c, count, GRACE_MS))
		return true;
	for (unsigned int i = 0; i < count; i++)
		if (c[i].pidfd >= 0)
			log_warn("%s does not end: killing it", c[i].name);
	child_signal(c, count, SIGKILL);
	/* Wait without limit: the kernel may still be busy with the disk of a process. */
	while (!wait_all(c, count, GRACE_MS))
		log_warn("waiting for killed processes to end");
	return false;
}

void child_log_end(const struct child *c)
{
	if (WIFSIGNALED(c->status) && WTERMSIG(c->status) == SIGSYS)
		log_error("%s (process %d) made a system call that its sandbox forbids, and was "
			  "killed (SIGSYS)", c->name, c->pid);
	else if (WIFSIGNALED(c->status))
		log_error("%s (process %d) was killed by signal %d (%s)", c->name, c->pid,
			  WTERMSIG(c->status), strsignal(WTERMSIG(c->status)));
	else
		log_error("%s (process %d) ended with status %d", c->name, c->pid,
			  WEXITSTATUS(c->status));
}
