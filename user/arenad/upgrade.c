// SPDX-License-Identifier: MIT
#include "upgrade.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "hear.h"
#include "runtime.h"
#include "service.h"

/* The variable that tells the new version which descriptor has the lock. */
#define LOCK_VARIABLE	"ARENAD_LOCK_FD"

__attribute__((noreturn))
static void check(const struct command *c, const struct hear *h)
{
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	hear_as_program(h);
	/* Its lines go to arenad now, and not to the journal. */
	log_init("arenad", LOG_LEVEL_INFO);
	log_error("cannot execute %s: %s", c->path, log_reason(-command_exec(c, "--check-adopt")));
	_exit(1);
}

/* Return: has the process ended in time? */
static bool await_end(int pidfd, struct hear *h)
{
	int64_t deadline = clock_deadline(UPGRADE_CHECK_MS);
	struct pollfd fd[] = {
		{ .fd = pidfd, .events = POLLIN }, { .fd = h->fd, .events = POLLIN },
	};

	while (!fd[0].revents) {
		int left = clock_left_ms(deadline);

		/* One that writes all the time does not get more of it. */
		if (!left || poll(fd, 2, left) <= 0)
			return false;
		/* Its end may be closed before it ends. */
		if (fd[1].revents && !hear_take(h))
			fd[1].fd = -1;
	}
	return true;
}

/* Return: the status of the process, -1 if it has not ended in time. */
static int await(pid_t pid, struct hear *h)
{
	int pidfd = child_pidfd(pid), status = -1;

	if (pidfd < 0 || !await_end(pidfd, h)) {
		/* With all that it has started, if it has a group already. */
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
	if (waitpid(pid, &status, 0) != pid || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		status = -1;
	if (pidfd >= 0)
		close(pidfd);
	return status;
}

static int log_refusal(const struct command *c, int status, const struct hear *h)
{
	if (status < 0)
		log_error("%s has not said within %d s whether it can adopt the processes; try "
			  "again, and look whether it hangs", c->path, UPGRADE_CHECK_MS / 1000);
	else
		log_error("%s cannot adopt the processes (status %d)%s%s%s", c->path,
			  WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
			  h->reason[0] ? ": " : "; it has not said why" LOG_REPORT, h->reason,
			  h->errors > 1 ? "; the log has more" : "");
	return -EPROTO;
}

/* While it is asked, nothing else is done: the processes need arenad for nothing meanwhile. */
static int ask_program(const struct command *c, struct hear *h, int *status)
{
	pid_t pid = fork();

	if (!pid)
		check(c, h);
	if (pid < 0) {
		int ret = -errno;

		log_error("cannot start %s: %s", c->path, log_reason(-ret));
		return ret;
	}
	hear_as_parent(h);
	*status = await(pid, h);
	return 0;
}

static int ask(const struct command *c)
{
	struct hear h;
	int ret = hear_begin(&h), status = 0;

	if (ret)
		log_error("cannot make a pipe: %s", log_reason(-ret));
	else
		ret = ask_program(c, &h, &status);
	hear_end(&h);
	return ret || !status ? ret : log_refusal(c, status, &h);
}

static int leave_lock(int lock)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", lock);
	return fcntl(lock, F_SETFD, 0) || setenv(LOCK_VARIABLE, text, 1) ? -errno : 0;
}

/* It may have ended while the new version was asked. */
static int check_keeper(int keeper)
{
	struct pollfd fd = { .fd = keeper, .events = POLLIN };

	if (poll(&fd, 1, 0) <= 0)
		return 0;
	log_error("the keeper has ended meanwhile; upgrade again when there is another one");
	return -ESRCH;
}

void upgrade(const struct command *c, const struct runtime *r, int keeper, struct service *service)
{
	int ret = ask(c);

	if (!ret)
		ret = check_keeper(keeper);
	if (!ret)
		ret = leave_lock(r->lock);
	if (!ret) {
		log_info("executing %s in place of this arenad", c->path);
		service_answer(service, SERVICE_UPGRADE, NULL, NULL);
		ret = command_exec(c, NULL);
		log_error("cannot execute %s: %s", c->path, log_reason(-ret));
	}
	fcntl(r->lock, F_SETFD, FD_CLOEXEC);
	unsetenv(LOCK_VARIABLE);
	log_warn("this arenad goes on, and nothing was changed" LOG_SEE_ABOVE);
}

int upgrade_take_lock(void)
{
	const char *text = getenv(LOCK_VARIABLE);
	int fd = text ? atoi(text) : -1;

	unsetenv(LOCK_VARIABLE);
	if (fd < 0 || fcntl(fd, F_GETFD) < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}
