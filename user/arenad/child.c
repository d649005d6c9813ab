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
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pidfd_info.h"

#define GRACE_MS	10000

/* How often, and after which pause, the kernel is asked how a process ended that just has. */
#define ASK_TRIES	20
#define ASK_PAUSE_MS	5

/* Wait until arenad lets the process begin. Without arenad there is nobody who knows of it. */
static void wait_at_gate(const int gate[2])
{
	char go;

	close(gate[1]);
	if (read(gate[0], &go, 1) != 1)
		_exit(1);
	close(gate[0]);
}

/* Root may register any memory with io_uring, and another user only as much as this limit says. */
static int lift_limits(const struct user *user)
{
	const struct rlimit memlock = { RLIM_INFINITY, RLIM_INFINITY };

	if (!user->name || !setrlimit(RLIMIT_MEMLOCK, &memlock))
		return 0;
	log_error("cannot let user %s lock memory: %s", user->name, log_reason(errno));
	return -errno;
}

/* The child's part: become the user, and execute the program. */
__attribute__((noreturn))
static void child_run(const int gate[2], const struct user *user, child_exec_fn *exec,
		      void *context)
{
	sigset_t none;

	/* Ctrl-C on a terminal is for arenad, which stops its children in order. */
	setpgid(0, 0);
	if (lift_limits(user) || user_become(user))
		_exit(1);
	wait_at_gate(gate);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	exec(context);
	_exit(127);
}

static int log_open_error(int err)
{
	if (err == -EPERM || err == -ENOSYS)
		log_error("pidfd_open(2) is needed and forbidden, perhaps by the seccomp filter of "
			  "a container; allow it there");
	return err;
}

int child_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

static int fork_gated(struct child *c, const int gate[2], const struct user *user,
		      child_exec_fn *exec, void *context)
{
	int ret;

	c->pid = fork();
	if (!c->pid)
		child_run(gate, user, exec, context);
	if (c->pid < 0)
		return -errno;
	ret = child_pidfd(c->pid);
	if (ret >= 0) {
		c->pidfd = ret;
		return 0;
	}
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	return log_open_error(ret);
}

int child_start(struct child *c, const char *name, const struct user *user, child_exec_fn *exec,
		void *context)
{
	int gate[2], ret;

	*c = (struct child){ .name = name, .pid = -1, .pidfd = -1, .gate = -1 };
	if (pipe2(gate, O_CLOEXEC))
		return -errno;
	ret = fork_gated(c, gate, user, exec, context);
	close(gate[0]);
	if (ret)
		close(gate[1]);
	else
		c->gate = gate[1];
	return ret;
}

void child_release(struct child *c)
{
	if (c->gate < 0)
		return;
	if (write(c->gate, "", 1) != 1)
		log_debug("%s has ended before it began", c->name);
	close(c->gate);
	c->gate = -1;
}

/*
 * How a process ended that an earlier arenad has started. The kernel knows it, from 6.15 on, when
 * the process that inherited it has waited for it.
 */
static int ask_status(int pidfd)
{
	for (int i = 0; i < ASK_TRIES; i++) {
		struct pidfd_info info = { .mask = PIDFD_INFO_EXIT };

		if (ioctl(pidfd, PIDFD_GET_INFO, &info) && errno != ESRCH)
			break;
		if (info.mask & PIDFD_INFO_EXIT)
			return info.exit_code;
		clock_sleep_ms(ASK_PAUSE_MS);
	}
	return CHILD_STATUS_UNKNOWN;
}

/* The process is named by its pidfd, because its id may be that of another child meanwhile. */
static bool has_ended(struct child *c)
{
	struct pollfd fd = { .fd = c->pidfd, .events = POLLIN };
	siginfo_t info = { .si_pid = 0 };

	if (!waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG)) {
		if (!info.si_pid)
			return false;
		c->status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0) :
							 W_EXITCODE(0, info.si_status);
		return true;
	}
	if (errno != ECHILD || poll(&fd, 1, 0) <= 0)
		return false;
	c->status = ask_status(c->pidfd);
	return true;
}

bool child_reap(struct child *c)
{
	if (c->pidfd < 0 || !has_ended(c))
		return false;
	close(c->pidfd);
	c->pidfd = -1;
	if (c->gate >= 0)
		close(c->gate);
	c->gate = -1;
	return true;
}

/* By the descriptor, as the number of a process that is no child may be another one's already. */
void child_signal(const struct child *c, unsigned int count, int signal)
{
	for (unsigned int i = 0; i < count; i++)
		if (c[i].pidfd >= 0)
			syscall(SYS_pidfd_send_signal, c[i].pidfd, signal, NULL, 0);
}

/* Wait for at most @ms until all have ended, and reap each that has. Return true if all have. */
static bool wait_all(struct child *c, unsigned int count, int64_t ms)
{
	int64_t deadline = clock_deadline(ms);
	bool has_all = true;

	for (unsigned int i = 0; i < count; i++) {
		struct pollfd fd = { .fd = c[i].pidfd, .events = POLLIN };

		while (c[i].pidfd >= 0 && !child_reap(&c[i])) {
			int left = clock_left_ms(deadline);

			if (!left) {
				has_all = false;
				break;
			}
			poll(&fd, 1, left);
		}
	}
	return has_all;
}

bool child_stop(struct child *c, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		child_release(&c[i]);
	child_signal(c, count, SIGTERM);
	if (wait_all(c, count, GRACE_MS))
		return true;
	for (unsigned int i = 0; i < count; i++)
		if (c[i].pidfd >= 0)
			log_warn("%s does not end: killing it" LOG_NO_ACTION, c[i].name);
	child_signal(c, count, SIGKILL);
	/* Wait without limit: the kernel may still be busy with the disk of a process. */
	while (!wait_all(c, count, GRACE_MS))
		log_warn("waiting for killed processes to end; if that lasts, a disk hangs: the "
			 "kernel's log says which");
	return false;
}

void child_log_end(const struct child *c)
{
	if (c->status == CHILD_STATUS_UNKNOWN)
		log_error("%s (process %d) has ended: an earlier arenad had started it, so this "
			  "kernel does not tell how; its own lines may say why", c->name, c->pid);
	else if (WIFSIGNALED(c->status) && WTERMSIG(c->status) == SIGSYS)
		log_error("%s (process %d) made a system call that its sandbox forbids, and was "
			  "killed (SIGSYS)" LOG_REPORT, c->name, c->pid);
	else if (WIFSIGNALED(c->status))
		log_error("%s (process %d) was killed by signal %d (%s); if nobody did that, the "
			  "kernel's log may say why", c->name, c->pid, WTERMSIG(c->status),
			  strsignal(WTERMSIG(c->status)));
	else
		log_error("%s (process %d) ended with status %d; its own lines say why", c->name,
			  c->pid, WEXITSTATUS(c->status));
}
