// SPDX-License-Identifier: MIT
/*
 * Goal: a process is told apart from a later one that has got its number, whatever its name is, and
 * nobody gets hold of one that has ended.
 * Method: clone3(2) gives a new process the number of one that has ended.
 */
#define _GNU_SOURCE
#include <arenad/identity.h>
#include <common/clock.h>
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* Longer than a tick of proc_pid_stat(5), in which the kernel counts when a process began. */
#define PAUSE_MS	50

/* Start a process that waits for its end; it has this number, or any if that is 0. */
static pid_t start(pid_t number)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = number ? (uintptr_t)&number : 0,
		.set_tid_size = number ? 1 : 0,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid)
		return pid < 0 ? -errno : pid;
	prctl(PR_SET_NAME, "a) R (b 1 2");
	for (;;)
		pause();
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	struct identity none = identity_of(0), first, second;
	pid_t pid = start(0), again;
	int fd;

	is(none.pid, 0, "there is no process 0");
	is(identity_open(&none), -ESRCH, "nobody gets hold of no process");
	/* It has its name by now, or soon: that makes no difference. */
	clock_sleep_ms(PAUSE_MS);
	first = identity_of(pid);
	is(first.pid, pid, "a process has an identity");
	fd = identity_open(&first);
	ok(fd >= 0, "somebody gets hold of a process that runs");
	close(fd);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	is(identity_open(&first), -ESRCH,
	   "nobody gets hold of a process that has ended, and for which nobody has waited");
	end(pid);
	is(identity_open(&first), -ESRCH, "nobody gets hold of a process that has ended");

	again = start(pid);
	if (again != pid) {
		skip("a later process with the same number: clone3(2) cannot choose it");
		return done_testing();
	}
	second = identity_of(pid);
	ok(second.start > first.start, "a later process with the same number began later");
	is(identity_open(&first), -ESRCH, "nobody gets hold of it in the place of the earlier one");
	fd = identity_open(&second);
	ok(fd >= 0, "somebody gets hold of it as what it is");
	close(fd);
	end(pid);
	return done_testing();
}
