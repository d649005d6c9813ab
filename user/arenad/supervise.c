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
#include "reload.h"

/* Exit status of an arena-sp whose last network process has ended. */
#define SP_PEER_ENDED	3

/* When an NP that could not take its files is asked again. */
#define RETRY_MS	1000

#define MAX_CHILDREN	(PROTO_MAX_NPS + PROTO_MAX_SPS)

/* "READY", the address of each socket after a blank, and a newline. */
#define READY_SIZE	(sizeof("READY\n") + LISTEN_MAX * (ADDRESS_TEXT_SIZE + 1))

/**
 * struct supervisor - the processes and what arenad waits for
 * @options: command line
 * @cpus: CPUs to which the processes are bound
 * @sockets: listening sockets, until the processes are stopped
 * @reload: what the NPs get by their control sockets
 * @n_children: used entries of @child
 * @child: the processes, the NPs first: if the last one dies the SPs end too, and the log must
 *	name the process that died first
 * @name: names of the processes in messages
 * @has_lost: a process has died, and the others go on
 * @signal_fd: signalfd
 * @ready_fd: read end of the pipe to which each NP writes that it is ready; -1 afterwards
 * @n_ready: how many NPs are ready
 * @ready: what the NPs have written and was not handled
 * @ready_length: bytes of @ready
 */
struct supervisor {
	const struct arenad_options *options;
	const struct cpus_of *cpus;
	struct listen_set *sockets;
	struct reload *reload;
	unsigned int n_children;
	struct child child[MAX_CHILDREN];
	char name[MAX_CHILDREN][64];
	bool has_lost;
	int signal_fd;
	int ready_fd;
	unsigned int n_ready;
	char ready[READY_SIZE];
	size_t ready_length;
};

/* The export of an SP. */
static const struct export_options *export_of(const struct supervisor *sv, unsigned int child)
{
	return &sv->options->exports.export[child - sv->options->nps];
}

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

/* The NP takes its own sockets and its end of the control socket with it. */
static int fork_np(struct supervisor *sv, struct program *p)
{
	struct listen_set sockets;
	int ret = listen_again(&sv->options->listen, sv->sockets, &sockets);

	if (ret)
		return ret;
	p->sockets = &sockets;
	p->control_fd = reload_add(sv->reload);
	ret = p->control_fd < 0 ? p->control_fd :
	      fork_one(sv, &sv->options->np_user, program_exec_np, p);
	if (p->control_fd >= 0)
		close(p->control_fd);
	p->sockets = NULL;
	listen_leave(&sockets);
	return ret;
}

static int fork_nps(struct supervisor *sv, struct program *p, struct child_pids *pids)
{
	int ret = 0;

	for (p->id = 0; p->id < sv->options->nps && !ret; p->id++) {
		snprintf(sv->name[p->id], sizeof(sv->name[0]), "arena-np %u", p->id);
		ret = fork_np(sv, p);
		pids->np[p->id] = sv->child[p->id].pid;
	}
	listen_leave(sv->sockets);
	return ret;
}

static int fork_sps(struct supervisor *sv, struct program *p, struct child_pids *pids)
{
	const struct arenad_options *o = sv->options;
	int ret = 0;

	for (p->id = 0; p->id < o->exports.n && !ret; p->id++) {
		unsigned int child = o->nps + p->id;

		snprintf(sv->name[child], sizeof(sv->name[0]), "arena-sp %u (disk %s)", p->id,
			 o->exports.export[p->id].label);
		ret = fork_one(sv, &o->sp_user, program_exec_sp, p);
		pids->sp[p->id] = sv->child[child].pid;
	}
	return ret;
}

/* Fork all processes, then send all ids to each. */
static int start_all(struct supervisor *sv, int ready_fd)
{
	struct program p = { .options = sv->options, .cpus = sv->cpus, .ready_fd = ready_fd };
	struct child_pids pids = { 0 };
	int ret = fork_nps(sv, &p, &pids);

	if (!ret)
		ret = fork_sps(sv, &p, &pids);
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

static void stop_reading(struct supervisor *sv)
{
	close(sv->ready_fd);
	sv->ready_fd = -1;
}

/*
 * The NPs have the same listening sockets, so each says the same, and the last one counts. Nothing
 * is read after it: an NP that writes more must not make arenad say more. Return false if the line
 * cannot be passed on to standard output.
 */
static bool take_ready(struct supervisor *sv, const char *line)
{
	if (strncmp(line, "READY", 5) != 0)
		return true;
	sv->n_ready++;
	if (sv->n_ready < sv->options->nps)
		return true;
	stop_reading(sv);
	return say_ready(line + 5);
}

/* Take the whole lines that have come. */
static bool take_lines(struct supervisor *sv)
{
	bool is_said = true;
	char *newline;

	while (is_said && sv->ready_fd >= 0 &&
	       (newline = memchr(sv->ready, '\n', sv->ready_length))) {
		size_t length = (size_t)(newline + 1 - sv->ready);

		*newline = '\0';
		is_said = take_ready(sv, sv->ready);
		sv->ready_length -= length;
		memmove(sv->ready, newline + 1, sv->ready_length);
	}
	return is_said;
}

/*
 * Each NP writes one line, "READY ADDRESS...", and closes the pipe. Return false if arenad cannot
 * pass on that all are ready.
 */
static bool handle_ready(struct supervisor *sv)
{
	size_t room = sizeof(sv->ready) - sv->ready_length;
	ssize_t n = read(sv->ready_fd, sv->ready + sv->ready_length, room);

	if (n > 0) {
		sv->ready_length += (size_t)n;
		return take_lines(sv);
	}
	stop_reading(sv);
	return true;
}

/* Read a signal. Return true if arenad has to stop. */
static bool handle_signal(struct supervisor *sv)
{
	struct signalfd_siginfo info;

	if (read(sv->signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGUSR1) {
		child_signal(sv->child, sv->n_children, SIGUSR1);
		return false;
	}
	if (info.ssi_signo == SIGHUP) {
		reload_again(sv->reload);
		return false;
	}
	log_info("%s: stopping", strsignal((int)info.ssi_signo));
	return true;
}

/*
 * Can the node do without a process that has ended? Without one of several NPs it can, and without
 * the SP of an export that may be without a disk. A new SP would be started here.
 */
static bool goes_on_without(const struct supervisor *sv, unsigned int ended)
{
	unsigned int live = 0;

	for (unsigned int i = 0; i < sv->options->nps; i++)
		live += sv->child[i].pidfd >= 0;
	if (ended >= sv->options->nps)
		return live && export_of(sv, ended)->no_disk != EXPORT_STOP;
	return live && sv->n_ready == sv->options->nps;
}

static void log_loss(const struct supervisor *sv, unsigned int ended)
{
	if (ended < sv->options->nps)
		log_warn("its clients are cut off; the other network processes go on");
	else
		log_warn("export '%s' has no disk now (--no-disk %s); the others go on",
			 export_of(sv, ended)->label,
			 export_no_disk_words[export_of(sv, ended)->no_disk]);
}

/* Look which processes have ended. Return false if arenad has to end, too. */
static bool reap_all(struct supervisor *sv)
{
	for (unsigned int i = 0; i < sv->n_children; i++) {
		if (!child_reap(&sv->child[i]))
			continue;
		child_log_end(&sv->child[i]);
		if (!goes_on_without(sv, i))
			return false;
		log_loss(sv, i);
		sv->has_lost = true;
	}
	return true;
}

/*
 * Wait until something happens, or for a while if an NP has to get something. Return: 0, also
 * without an event, or -errno.
 */
static int wait_for_events(const struct supervisor *sv, struct pollfd fd[2 + MAX_CHILDREN])
{
	fd[0] = (struct pollfd){ .fd = sv->signal_fd, .events = POLLIN };
	fd[1] = (struct pollfd){ .fd = sv->ready_fd, .events = POLLIN };
	for (unsigned int i = 0; i < sv->n_children; i++)
		fd[2 + i] = (struct pollfd){ .fd = sv->child[i].pidfd, .events = POLLIN };
	if (poll(fd, 2 + sv->n_children, reload_is_owing(sv->reload) ? RETRY_MS : -1) >= 0)
		return 0;
	fd[0].revents = 0;
	fd[1].revents = 0;
	if (errno == EINTR)
		return 0;
	log_error("poll: %s", strerror(errno));
	return -errno;
}

static enum arenad_exit watch(struct supervisor *sv)
{
	struct pollfd fd[2 + MAX_CHILDREN];

	while (!wait_for_events(sv, fd)) {
		if (fd[0].revents && handle_signal(sv))
			return ARENAD_EXIT_OK;
		if (fd[1].revents && !handle_ready(sv))
			return ARENAD_EXIT_ERROR;
		if (!reap_all(sv))
			return ARENAD_EXIT_ERROR;
		reload_retry(sv->reload);
	}
	return ARENAD_EXIT_ERROR;
}

/*
 * An SP may see that all NPs have ended before it gets SIGTERM, and SIGTERM kills a process that
 * has not set up its signals yet. Both are regular ends.
 */
static bool ended_well(const struct child *c, bool is_sp)
{
	if (WIFSIGNALED(c->status))
		return WTERMSIG(c->status) == SIGTERM;
	return !WEXITSTATUS(c->status) || (is_sp && WEXITSTATUS(c->status) == SP_PEER_ENDED);
}

/* Log the processes that did not end well when they were asked to. Return true if all did. */
static bool all_ended_well(const struct supervisor *sv, const bool had_ended[MAX_CHILDREN])
{
	bool good = true;

	for (unsigned int i = 0; i < sv->n_children; i++) {
		if (had_ended[i] || ended_well(&sv->child[i], i >= sv->options->nps))
			continue;
		child_log_end(&sv->child[i]);
		good = false;
	}
	return good;
}

/*
 * Clients that come now are refused. Then the NPs stop first, so that no request is left without
 * an answer.
 */
static enum arenad_exit stop_all(struct supervisor *sv, enum arenad_exit status)
{
	unsigned int n = sv->n_children, nps = n < sv->options->nps ? n : sv->options->nps;
	bool had_ended[MAX_CHILDREN] = { false }, good;

	listen_close(sv->sockets);
	for (unsigned int i = 0; i < n; i++)
		had_ended[i] = sv->child[i].pidfd < 0;
	good = child_stop(sv->child, nps);
	good &= child_stop(sv->child + nps, n - nps);
	/* If arenad ends because a process has died, the ends of the others need no log. */
	if (status == ARENAD_EXIT_OK)
		good &= all_ended_well(sv, had_ended);
	return good && !sv->has_lost ? status : ARENAD_EXIT_ERROR;
}

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGHUP);
}

void arenad_supervise_hold_signals(void)
{
	sigset_t set;

	signal_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/*
	 * A signal that is blocked can be read although it is ignored. The processes inherit that
	 * they ignore it, so that none of them ends by it before it is prepared.
	 */
	signal(SIGUSR1, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
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

enum arenad_exit arenad_supervise(const struct arenad_options *o, const struct cpus_of *cpus,
				  struct listen_set *sockets, struct reload *reload)
{
	struct supervisor sv = {
		.options = o, .cpus = cpus, .sockets = sockets, .reload = reload,
	};
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
	/* Only the NPs have the write end now, so the pipe ends with them. */
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
