// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "supervise.h"

#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "program.h"

/* Exit status of an arena-sp whose network process has ended. */
#define SP_PEER_ENDED	3

/**
 * struct supervisor - the processes and what arenad waits for
 * @options: command line
 * @n_children: used entries of @child
 * @child: the processes, the NP first: if it dies the SPs end too, and the log must name the
 *	process that died first
 * @name: names of the processes in messages
 * @signal_fd: signalfd
 * @ready_fd: read end of the pipe to which the NP writes that it is ready; -1 afterwards
 * @ready: text that the NP has written so far
 * @ready_length: bytes of @ready
 */
struct supervisor {
	const struct arenad_options *options;
	unsigned int n_children;
	struct child child[1 + PROTO_MAX_SPS];
	char name[1 + PROTO_MAX_SPS][64];
	int signal_fd;
	int ready_fd;
	char ready[512];
	size_t ready_length;
};

static int fork_one(struct supervisor *sv, const struct user *user, child_exec_fn *exec,
		    struct program *p)
{
	unsigned int i = sv->n_children;
	int ret = child_fork(&sv->child[i], sv->name[i], user, exec, p);

	if (ret)
		log_error("cannot start %s: %s", sv->name[i], strerror(-ret));
	else
		sv->n_children++;
	return ret;
}

/* Fork all processes, then send all ids to each. */
static int start_all(struct supervisor *sv, int ready_fd)
{
	const struct arenad_options *o = sv->options;
	struct program p = { .options = o, .ready_fd = ready_fd };
	struct child_pids pids = { 0 };
	int ret;

	snprintf(sv->name[0], sizeof(sv->name[0]), "arena-np");
	ret = fork_one(sv, &o->np_user, program_exec_np, &p);
	for (unsigned int i = 0; i < o->n_disks && !ret; i++) {
		p.id = i;
		snprintf(sv->name[1 + i], sizeof(sv->name[0]), "arena-sp %u (disk %s)", i,
			 o->disk[i].name);
		ret = fork_one(sv, &o->sp_user, program_exec_sp, &p);
		pids.sp[i] = sv->child[1 + i].pid;
	}
	pids.np = sv->child[0].pid;
	for (unsigned int i = 0; i < sv->n_children && !ret; i++) {
		ret = child_start(&sv->child[i], &pids);
		if (ret)
			log_error("cannot start %s: %s", sv->name[i], strerror(-ret));
	}
	return ret;
}

/*
 * Return false if the line cannot be written, as then arenad has to end: the process that
 * started it waits for this line.
 */
static bool say_ready(const char *addresses)
{
	if (printf("ready%s\n", addresses) >= 0 && !fflush(stdout))
		return true;
	log_error("cannot write the line \"ready\" to standard output: %s", strerror(errno));
	return false;
}

/*
 * The NP writes one line, "READY ADDR:PORT...", and closes the pipe. Return false if the line
 * cannot be passed on to standard output.
 */
static bool handle_ready(struct supervisor *sv)
{
	size_t room = sizeof(sv->ready) - 1 - sv->ready_length;
	ssize_t n = read(sv->ready_fd, sv->ready + sv->ready_length, room);
	bool is_said = true;
	char *newline;

	if (n > 0) {
		sv->ready_length += (size_t)n;
		sv->ready[sv->ready_length] = '\0';
		newline = strchr(sv->ready, '\n');
		if (!newline)
			return true;
		*newline = '\0';
		if (!strncmp(sv->ready, "READY", 5))
			is_said = say_ready(sv->ready + 5);
	}
	close(sv->ready_fd);
	sv->ready_fd = -1;
	return is_said;
}

/* Read a signal. Return true if arenad has to stop. */
static bool handle_signal(struct supervisor *sv)
{
	struct signalfd_siginfo info;

	if (read(sv->signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGUSR1) {
		for (unsigned int i = 0; i < sv->n_children; i++)
			kill(sv->child[i].pid, SIGUSR1);
		return false;
	}
	log_info("%s: stopping", strsignal((int)info.ssi_signo));
	return true;
}

static enum arenad_exit watch(struct supervisor *sv)
{
	for (;;) {
		struct pollfd fd[2 + 1 + PROTO_MAX_SPS] = {
			{ .fd = sv->signal_fd, .events = POLLIN },
			{ .fd = sv->ready_fd, .events = POLLIN },
		};
		unsigned int i;

		for (i = 0; i < sv->n_children; i++)
			fd[2 + i] = (struct pollfd){ .fd = sv->child[i].pidfd, .events = POLLIN };
		if (poll(fd, 2 + sv->n_children, -1) < 0) {
			if (errno == EINTR)
				continue;
			log_error("poll: %s", strerror(errno));
			return ARENAD_EXIT_ERROR;
		}
		if (fd[0].revents && handle_signal(sv))
			return ARENAD_EXIT_OK;
		if (fd[1].revents && !handle_ready(sv))
			return ARENAD_EXIT_ERROR;
		for (i = 0; i < sv->n_children; i++) {
			if (child_reap(&sv->child[i])) {
				child_log_end(&sv->child[i]);
				return ARENAD_EXIT_ERROR;
			}
		}
	}
}

/*
 * An SP may see that the NP has ended before it gets SIGTERM, and SIGTERM kills a process that
 * has not set up its signals yet. Both are regular ends.
 */
static bool ended_well(const struct child *c, bool is_sp)
{
	if (WIFSIGNALED(c->status))
		return WTERMSIG(c->status) == SIGTERM;
	return !WEXITSTATUS(c->status) || (is_sp && WEXITSTATUS(c->status) == SP_PEER_ENDED);
}

/* Stop the NP first, so that no request is left without an answer. */
static enum arenad_exit stop_all(struct supervisor *sv, enum arenad_exit status)
{
	bool good;

	if (!sv->n_children)
		return status;
	good = child_stop(sv->child, 1);
	good &= child_stop(sv->child + 1, sv->n_children - 1);
	/* If a process has died before, the ends of the others need no log. */
	for (unsigned int i = 0; i < sv->n_children && status == ARENAD_EXIT_OK; i++) {
		if (!ended_well(&sv->child[i], i)) {
			child_log_end(&sv->child[i]);
			good = false;
		}
	}
	return good ? status : ARENAD_EXIT_ERROR;
}

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGUSR1);
}

void arenad_supervise_hold_signals(void)
{
	sigset_t set;

	signal_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int signals_open(void)
{
	sigset_t set;
	int fd;

	signal_set(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		log_error("signalfd: %s", strerror(errno));
	return fd;
}

enum arenad_exit arenad_supervise(const struct arenad_options *o)
{
	struct supervisor sv = { .options = o };
	enum arenad_exit status = ARENAD_EXIT_ERROR;
	int ends[2];

	sv.signal_fd = signals_open();
	if (sv.signal_fd < 0)
		return status;
	if (pipe2(ends, O_CLOEXEC)) {
		log_error("pipe: %s", strerror(errno));
		goto close_signals;
	}
	sv.ready_fd = ends[0];
	if (!start_all(&sv, ends[1]))
		status = ARENAD_EXIT_OK;
	/* Only the NP has the write end now, so the pipe ends with the NP. */
	close(ends[1]);
	if (status == ARENAD_EXIT_OK)
		status = watch(&sv);
	status = stop_all(&sv, status);
	if (sv.ready_fd >= 0)
		close(sv.ready_fd);
close_signals:
	close(sv.signal_fd);
	return status;
}
