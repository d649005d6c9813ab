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

/* The child's part: become the user, and execute the program. */
__attribute__((noreturn))
static void child_run(pid_t parent, const struct user *user, child_exec_fn *exec, void *context)
{
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
	exec(context);
	_exit(127);
}

static int log_open_error(int err)
{
	if (err == -EPERM || err == -ENOSYS)
		log_error("pidfd_open(2) is needed and forbidden, perhaps by the seccomp filter of "
			  "a container");
	return err;
}

int child_start(struct child *c, const char *name, const struct user *user, child_exec_fn *exec,
		void *context)
{
	pid_t parent = getpid();
	int ret;

	*c = (struct child){ .name = name, .pid = -1, .pidfd = -1 };
	c->pid = fork();
	if (!c->pid)
		child_run(parent, user, exec, context);
	if (c->pid < 0)
		return -errno;
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd >= 0)
		return 0;
	ret = -errno;
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	return log_open_error(ret);
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
