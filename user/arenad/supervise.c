// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "supervise.h"

#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"
#include "ready.h"
#include "reload.h"

/* Exit status of an arena-sp whose last network process has ended. */
#define SP_PEER_ENDED	3

/**
 * struct supervisor - what arenad waits for
 * @sockets: listening sockets, until the processes are stopped
 * @crew: the processes
 * @signal_fd: signalfd
 * @ready: which NPs are ready
 */
struct supervisor {
	struct listen_set *sockets;
	struct crew crew;
	int signal_fd;
	struct ready ready;
};

/* Read a signal. Return true if arenad has to stop. */
static bool handle_signal(struct supervisor *sv)
{
	struct signalfd_siginfo info;

	if (read(sv->signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGUSR1) {
		child_signal(sv->crew.child, sv->crew.started, SIGUSR1);
		return false;
	}
	if (info.ssi_signo == SIGHUP) {
		reload_again(sv->crew.reload);
		return false;
	}
	log_info("%s: stopping", strsignal((int)info.ssi_signo));
	return true;
}

/* Wait until something happens, or is to be done. Return: 0, also without an event, or -errno. */
static int wait_for_events(const struct supervisor *sv, struct pollfd fd[2 + CREW_MAX])
{
	const struct crew *c = &sv->crew;

	fd[0] = (struct pollfd){ .fd = sv->signal_fd, .events = POLLIN };
	fd[1] = (struct pollfd){ .fd = sv->ready.fd, .events = POLLIN };
	for (unsigned int i = 0; i < c->started; i++)
		fd[2 + i] = (struct pollfd){ .fd = c->child[i].pidfd, .events = POLLIN };
	if (poll(fd, 2 + c->started, crew_wait_ms(c)) >= 0)
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
	struct pollfd fd[2 + CREW_MAX];

	while (!wait_for_events(sv, fd)) {
		if (fd[0].revents && handle_signal(sv))
			return ARENAD_EXIT_OK;
		if (fd[1].revents && !ready_take(&sv->ready))
			return ARENAD_EXIT_ERROR;
		if (!crew_reap(&sv->crew, ready_is_said(&sv->ready)) || !crew_turn(&sv->crew))
			return ARENAD_EXIT_ERROR;
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
static bool all_ended_well(const struct crew *c, const bool had_ended[CREW_MAX])
{
	bool good = true;

	for (unsigned int i = 0; i < c->started; i++) {
		if (had_ended[i] || ended_well(&c->child[i], i >= c->nps))
			continue;
		child_log_end(&c->child[i]);
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
	struct crew *c = &sv->crew;
	unsigned int n = c->started, nps = n < c->nps ? n : c->nps;
	bool had_ended[CREW_MAX] = { false }, good;

	listen_refuse(sv->sockets);
	listen_close(sv->sockets);
	crew_leave(c);
	for (unsigned int i = 0; i < n; i++)
		had_ended[i] = c->child[i].pidfd < 0;
	good = child_stop(c->child, nps);
	good &= child_stop(c->child + nps, n - nps);
	/* If arenad ends because a process has died, the ends of the others need no log. */
	if (status == ARENAD_EXIT_OK)
		good &= all_ended_well(c, had_ended);
	return good && !crew_has_dead(c) ? status : ARENAD_EXIT_ERROR;
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
				  const struct arena_layout *l, struct listen_set *sockets,
				  struct reload *reload)
{
	static struct supervisor sv;
	enum arenad_exit status = ARENAD_EXIT_ERROR;
	int ends[2];

	sv.sockets = sockets;
	sv.crew = (struct crew){ .options = o, .cpus = cpus, .reload = reload };
	sv.signal_fd = signals_open();
	if (sv.signal_fd < 0)
		return status;
	if (pipe2(ends, O_CLOEXEC)) {
		log_error("pipe: %s", strerror(errno));
		goto close_signals;
	}
	ready_init(&sv.ready, ends[0], o->nps);
	if (!crew_start(&sv.crew, l, sockets, ends[1]))
		status = ARENAD_EXIT_OK;
	/* Only the NPs have the write end now, so the pipe ends with them. */
	close(ends[1]);
	if (status == ARENAD_EXIT_OK)
		status = watch(&sv);
	status = stop_all(&sv, status);
	crew_close(&sv.crew);
	ready_close(&sv.ready);
close_signals:
	close(sv.signal_fd);
	return status;
}
