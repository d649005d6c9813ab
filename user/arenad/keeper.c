// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "keeper.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sandbox/sandbox.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"

#define NAME	"arena-keeper"

/* A keeper allocates nothing; the libraries may, while it enters its sandbox. */
#define MEMORY	(64ULL << 20)

/* The signal by which a process asks for the descriptors. */
#define ASK	SIGUSR1

/* How long a process that has asked may take descriptors, and how often it tries. */
#define LET_S	5
#define TRY_MS	5

/* A process that has this right need not ask. */
static bool can_trace_anybody(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &head, data) &&
	       data[CAP_TO_INDEX(CAP_SYS_PTRACE)].effective & CAP_TO_MASK(CAP_SYS_PTRACE);
}

static void close_gap(int first, int last)
{
	if (first <= last)
		close_range((unsigned int)first, (unsigned int)last, 0);
}

/* Close everything but the standard streams, the descriptors to keep, and @line. */
static void close_others(const int *fd, size_t n, int line)
{
	int next = STDERR_FILENO + 1;
	bool has_line = false;

	for (size_t i = 0; i <= n; i++) {
		int keep = i < n ? fd[i] : line;

		if (!has_line && (i == n || line < keep)) {
			close_gap(next, line - 1);
			next = line + 1;
			has_line = true;
		}
		if (i == n)
			break;
		close_gap(next, keep - 1);
		next = keep + 1;
	}
	close_range((unsigned int)next, ~0U, 0);
}

/* Who reads arenad's output to its end must not wait for the keeper. */
static int leave_streams(int null)
{
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		return -errno;
	close(null);
	return 0;
}

/*
 * pidfd_getfd(2) has the conditions of a tracer: that the keeper is dumpable, and, where Yama is in
 * force, that it has named the process. A kernel without Yama does not know PR_SET_PTRACER.
 */
static void let_take(pid_t pid)
{
	prctl(PR_SET_PTRACER, pid, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void let_nobody_take(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
}

/*
 * The kernel lets only processes of this user, and root, send a signal, and fills in which one has:
 * no process can send another one a signal with the code SI_USER and a number of its choice.
 */
__attribute__((noreturn))
static void serve_askers(void)
{
	const struct timespec limit = { .tv_sec = LET_S };
	siginfo_t asker;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, ASK);
	for (;;) {
		int sig = sigtimedwait(&set, &asker, &limit);

		if (sig == ASK && asker.si_code == SI_USER && asker.si_pid > 0)
			let_take(asker.si_pid);
		else if (sig < 0 && errno == EAGAIN)
			let_nobody_take();
	}
}

static int give_up_rights(unsigned int sandbox)
{
	static const char *const no_calls[] = { NULL };
	static const struct sandbox_rule rules[] = {
		{ .call = "prctl", .n = 1, .argument = { { .value = PR_SET_PTRACER } } },
		{ .call = "prctl", .n = 1, .argument = { { .value = PR_SET_DUMPABLE } } },
		{ .call = NULL },
	};
	const struct sandbox_profile profile = {
		.mode = sandbox, .calls = no_calls, .rules = rules, .memory = MEMORY,
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), ret = 0;

	if (null < 0)
		return -errno;
	if (sandbox != SANDBOX_OFF)
		ret = sandbox_drop(&profile);
	if (ret >= 0)
		ret = leave_streams(null);
	if (ret >= 0 && sandbox != SANDBOX_OFF)
		ret = sandbox_filter(&profile);
	return ret < 0 ? ret : 0;
}

__attribute__((noreturn))
static void keep(int line, const int *fd, size_t n, unsigned int sandbox)
{
	bool may_ask = !can_trace_anybody();
	sigset_t all;
	char go;

	setpgid(0, 0);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, NAME, 0, 0, 0);
	log_init(NAME, LOG_LEVEL_INFO);
	close_others(fd, n, line);
	if (read(line, &go, 1) != 1 || give_up_rights(sandbox))
		_exit(1);
	let_nobody_take();
	if (write(line, "", 1) != 1)
		_exit(1);
	close(line);
	if (may_ask)
		serve_askers();
	for (;;)
		ppoll(NULL, 0, NULL, NULL);
}

static int hold(struct keeper *k)
{
	int ret = child_pidfd(k->pid);

	if (ret >= 0) {
		k->pidfd = ret;
		return 0;
	}
	kill(k->pid, SIGKILL);
	waitpid(k->pid, NULL, 0);
	return ret;
}

int keeper_fork(struct keeper *k, const int *fd, size_t n, unsigned int sandbox)
{
	int ends[2], ret;

	*k = KEEPER_NONE;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	k->pid = fork();
	if (!k->pid)
		keep(ends[1], fd, n, sandbox);
	ret = k->pid < 0 ? -errno : hold(k);
	close(ends[1]);
	if (ret)
		close(ends[0]);
	else
		k->line = ends[0];
	return ret;
}

int keeper_begin(struct keeper *k)
{
	struct pollfd fd = { .fd = k->line, .events = POLLIN };
	int ret = 0;
	char done;

	if (send(k->line, "", 1, MSG_NOSIGNAL) != 1)
		ret = -errno;
	else if (poll(&fd, 1, KEEPER_BEGIN_MS) <= 0)
		ret = -ETIMEDOUT;
	else if (recv(k->line, &done, 1, MSG_DONTWAIT) != 1)
		ret = -EPIPE;
	close(k->line);
	k->line = -1;
	return ret;
}

void keeper_end(struct keeper *k)
{
	if (k->pidfd < 0)
		return;
	syscall(SYS_pidfd_send_signal, k->pidfd, SIGKILL, NULL, 0);
	/* One that an earlier arenad has started is no child, and nobody waits for it. */
	waitpid(k->pid, NULL, 0);
	close(k->pidfd);
	if (k->line >= 0)
		close(k->line);
	*k = KEEPER_NONE;
}

/* Every keeper has its standard input, which is /dev/null. */
static int try_to_take(int pidfd)
{
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, STDIN_FILENO, 0);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int keeper_ask(int pidfd)
{
	int64_t deadline = clock_deadline(KEEPER_ASK_MS);
	int ret = try_to_take(pidfd);

	while (ret == -EPERM && clock_left_ms(deadline)) {
		if (syscall(SYS_pidfd_send_signal, pidfd, ASK, NULL, 0))
			return -errno;
		clock_sleep_ms(TRY_MS);
		ret = try_to_take(pidfd);
	}
	return ret;
}
