// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "supervise.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "adopt.h"
#include "config.h"
#include "crew.h"
#include "keep.h"
#include "notify.h"
#include "outcome.h"
#include "own_fd.h"
#include "peers.h"
#include "ready.h"
#include "reload.h"
#include "service.h"
#include "slots.h"
#include "upgrade.h"

/* Exit status of an arena-sp whose last network process has ended. */
#define SP_PEER_ENDED	3

/* Signals, the NPs that become ready, the keeper, and a process in the place of another one. */
#define OTHER_FDS	4U

/* In the order in which arenad looks at those that have come. */
static const int signals[] = { SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP };
#define N_SIGNALS	(sizeof(signals) / sizeof(signals[0]))

/* These, the processes, and the clients of the Varlink service. */
#define FDS		(OTHER_FDS + CREW_MAX + SERVICE_FDS)

/* How long NPs that were adopted may take until they have heard what was owed to them. */
#define SETTLE_MS	10000

/**
 * struct supervisor - what arenad waits for
 * @node: everything else
 * @crew: the processes
 * @is_upgrade_wanted: SIGUSR2 has come, and waits until no process is being replaced
 * @is_behind: the exports are those of processes that were adopted, and other ones are wanted
 * @settle_until: they are changed then at the latest, unless a process is being replaced
 * @ready: which NPs are ready
 * @last: what has come of the last reload
 * @service: operators, who ask for what signals do, too; NULL if there is none
 */
struct supervisor {
	struct node *node;
	struct crew crew;
	bool is_upgrade_wanted;
	bool is_behind;
	int64_t settle_until;
	struct ready ready;
	struct outcome_last last;
	struct service *service;
};

/* An arenad that adopts the processes has to have what they have got. Return: is all in use? */
static bool read_again(struct supervisor *sv, struct outcome *out)
{
	struct config *config = sv->node->config;
	struct crew *c = &sv->crew;
	const char *given = c->keep->given, *shape = c->keep->shape;
	static struct slots_change change;
	bool is_right = config_reload(config, crew_usable(c), &change, out), has_files, has_filter;

	/* The other texts are gone, also if something failed afterwards. */
	c->keep->given = config->given;
	c->keep->shape = config->shape;
	if (!is_right)
		return false;
	/* With the state another arenad could go on with what is begun below. */
	crew_add(c, change.added);
	has_filter = peers_reload(c->peers);
	has_files = reload_read(c->reload);
	if (has_files || has_filter || given != config->given || shape != config->shape)
		keep_renew(c);
	if (has_filter)
		peers_attach(c->peers, c->keep->listening, c->sockets, c->nps);
	reload_limits(c->reload);
	reload_exports(c->reload);
	if (has_files)
		reload_hand_over(c->reload);
	crew_remove(c, change.removed);
	return true;
}

/* Operators who have asked for it are told the first error, or else what has come of it. */
static void reload(struct supervisor *sv)
{
	struct outcome out = { .has_files = false };
	struct log_catch error;

	log_catch(&error);
	notify_reloading();
	/* A reload that fails, as it may have come too early, does not replace one that is due. */
	if (read_again(sv, &out))
		sv->is_behind = false;
	crew_try_again(&sv->crew);
	/* Before the line "ready" this would be a lie; that one answers it then. */
	if (ready_is_all(&sv->ready))
		notify_ready(error.text);
	log_catch(NULL);
	service_answer(sv->service, SERVICE_RELOAD, &error, &out);
	outcome_keep(&sv->last, &error, &out);
}

/* Tell operators what a reload would do. */
static void try_reload(struct supervisor *sv)
{
	struct outcome out = { .has_files = false };
	struct log_catch error;

	log_catch(&error);
	config_try(sv->node->config, crew_usable(&sv->crew), &out);
	log_catch(NULL);
	service_answer(sv->service, SERVICE_TRY_RELOAD, &error, &out);
	outcome_free(&out);
}

/* There is room for an export only when all NPs have heard that an entry is vacant. */
static void catch_up(struct supervisor *sv)
{
	const struct crew *c = &sv->crew;

	if (!sv->is_behind)
		return;
	if (crew_is_replacing(c))
		sv->settle_until = clock_deadline(SETTLE_MS);
	if (!crew_is_settled(c) && clock_left_ms(sv->settle_until))
		return;
	sv->is_behind = false;
	log_info("reading the options again, as other exports are wanted than the processes have");
	reload(sv);
}

static void upgrade_if_kept(const struct supervisor *sv)
{
	const struct keep *k = sv->node->keep;

	if (k->keeper.pidfd >= 0 && k->is_ready)
		upgrade(sv->node->command, k->runtime, k->keeper.pidfd, sv->service);
	else
		log_error("nothing is replaced, as %s; try again in a moment",
			  k->is_ready ? "there is no keeper" : "not all processes are ready yet");
}

static void want_upgrade(struct supervisor *sv)
{
	if (!sv->is_upgrade_wanted && crew_is_replacing(&sv->crew))
		log_info("arenad itself is replaced when the processes have been that are being "
			 "replaced now");
	sv->is_upgrade_wanted = true;
}

static void upgrade_turn(struct supervisor *sv)
{
	struct log_catch error;

	if (!sv->is_upgrade_wanted || crew_is_replacing(&sv->crew))
		return;
	sv->is_upgrade_wanted = false;
	log_catch(&error);
	upgrade_if_kept(sv);
	log_catch(NULL);
	service_answer(sv->service, SERVICE_UPGRADE, &error, NULL);
}

/* Do what operators ask for. Return true if arenad has to stop. */
static bool handle_wishes(struct supervisor *sv)
{
	for (;;) {
		switch (service_take(sv->service)) {
		case SERVICE_NOTHING:
			return false;
		case SERVICE_RELOAD:
			reload(sv);
			break;
		case SERVICE_TRY_RELOAD:
			try_reload(sv);
			break;
		case SERVICE_UPGRADE:
			want_upgrade(sv);
			break;
		case SERVICE_STOP:
			return true;
		}
	}
}

/* Return: does arenad have to stop? */
static bool handle_signal(struct supervisor *sv, int sig)
{
	switch (sig) {
	case SIGUSR1:
		child_signal(sv->crew.child, sv->crew.started, SIGUSR1);
		return false;
	case SIGUSR2:
		want_upgrade(sv);
		return false;
	case SIGHUP:
		reload(sv);
		return false;
	default:
		log_info("%s: stopping", strsignal(sig));
		return true;
	}
}

static bool take_signal(int sig)
{
	static const struct timespec no_time;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return sigtimedwait(&set, NULL, &no_time) == sig;
}

/*
 * Each signal is taken once. A read of the signalfd gives the lowest number, which is SIGHUP, and
 * SIGHUP that comes without end would keep arenad from ever seeing SIGTERM.
 * Return: does arenad have to stop?
 */
static bool handle_signals(struct supervisor *sv)
{
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (take_signal(signals[i]) && handle_signal(sv, signals[i]))
			return true;
	return false;
}

/* The shorter one of two times; -1 is no end. */
static int shorter(int a_ms, int b_ms)
{
	return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/* Wait until something happens, or is to be done. Return: 0, also without an event, or -errno. */
static int wait_for_events(const struct supervisor *sv, struct pollfd fd[FDS])
{
	const struct crew *c = &sv->crew;
	unsigned int n = OTHER_FDS + c->started;
	int ms = shorter(crew_wait_ms(c), service_wait_ms(sv->service));

	fd[0] = (struct pollfd){ .fd = sv->node->signal_fd, .events = POLLIN };
	fd[1] = (struct pollfd){ .fd = sv->ready.fd, .events = POLLIN };
	fd[2] = (struct pollfd){ .fd = c->keep->keeper.pidfd, .events = POLLIN };
	fd[3] = (struct pollfd){ .fd = c->replacement.child.pidfd, .events = POLLIN };
	for (unsigned int i = 0; i < c->started; i++)
		fd[OTHER_FDS + i] = (struct pollfd){ .fd = c->child[i].pidfd, .events = POLLIN };
	if (sv->is_behind && !crew_is_replacing(c))
		ms = shorter(ms, clock_left_ms(sv->settle_until));
	n += service_poll(sv->service, fd + n);
	if (poll(fd, n, shorter(ms, notify_alive_ms())) >= 0)
		return 0;
	for (unsigned int i = 0; i < n; i++)
		fd[i].revents = 0;
	if (errno == EINTR)
		return 0;
	log_error("poll: %s", log_reason(errno));
	return -errno;
}

/*
 * From now on the processes are worth to be adopted. That is kept before anybody hears of it, so
 * that clients who were told to come are not cut off if arenad dies at that moment.
 */
static bool take_ready(struct supervisor *sv)
{
	if (!ready_take(&sv->ready))
		return true;
	sv->node->keep->is_ready = true;
	keep_renew(&sv->crew);
	return ready_say(sv->ready.addresses);
}

static enum arenad_exit watch(struct supervisor *sv)
{
	struct pollfd fd[FDS];

	while (!wait_for_events(sv, fd)) {
		if (fd[0].revents && handle_signals(sv))
			return ARENAD_EXIT_OK;
		if (fd[1].revents && !take_ready(sv))
			return ARENAD_EXIT_ERROR;
		service_turn(sv->service, fd + OTHER_FDS + sv->crew.started);
		if (handle_wishes(sv))
			return ARENAD_EXIT_OK;
		if (!crew_reap(&sv->crew, ready_is_all(&sv->ready)) || !crew_turn(&sv->crew))
			return ARENAD_EXIT_ERROR;
		catch_up(sv);
		upgrade_turn(sv);
		notify_alive();
	}
	return ARENAD_EXIT_ERROR;
}

/*
 * An SP may see that all NPs have ended before it gets SIGTERM, and SIGTERM kills a process that
 * has not set up its signals yet. Both are regular ends.
 */
static bool ended_well(const struct child *c, bool is_sp)
{
	/* It has ended when it was asked to; its end is known to nobody. */
	if (c->status == CHILD_STATUS_UNKNOWN)
		return true;
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
	bool had_ended[CREW_MAX] = { false }, good, lacked = crew_has_dead(c);

	notify_stopping();
	listen_refuse(&sv->node->sockets);
	listen_close(&sv->node->sockets);
	crew_leave(c);
	replace_stop(c);
	for (unsigned int i = 0; i < n; i++)
		had_ended[i] = c->child[i].pidfd < 0;
	good = child_stop(c->child, nps);
	good &= child_stop(c->child + nps, n - nps);
	/* If arenad ends because a process has died, the ends of the others need no log. */
	if (status == ARENAD_EXIT_OK)
		good &= all_ended_well(c, had_ended);
	return good && !lacked ? status : ARENAD_EXIT_ERROR;
}

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaddset(set, signals[i]);
}

int arenad_supervise_signals(void)
{
	sigset_t set;
	int fd;

	signal_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/*
	 * A signal that is blocked can be read although it is ignored. The processes inherit that
	 * they ignore it, so that none of them ends by it before it is prepared.
	 */
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		int ret = -errno;

		log_error("signalfd: %s", log_reason(-ret));
		return ret;
	}
	return own_fd(fd);
}

static int start(struct supervisor *sv)
{
	int ends[2], ret;

	if (pipe2(ends, O_CLOEXEC)) {
		log_error("pipe: %s", log_reason(errno));
		return -errno;
	}
	ready_init(&sv->ready, ends[0], sv->node->options->nps);
	ret = crew_start(&sv->crew, sv->node->layout, &sv->node->sockets, ends[1]);
	/* Only the NPs have the write end now, so the pipe ends with them. */
	close(ends[1]);
	return ret;
}

/* The sockets of an NP that was given up are closed. */
static const struct listen_set *find_sockets(const struct crew *c)
{
	unsigned int i = 0;

	while (i + 1 < c->nps && c->restart[i].is_given_up)
		i++;
	return &c->sockets[i];
}

static void format_addresses(const struct listen_set *set, char text[READY_SIZE])
{
	text[0] = '\0';
	for (unsigned int i = 0; i < set->n; i++) {
		size_t length = strlen(text);

		text[length++] = ' ';
		listen_format(set->socket[i].fd, text + length, READY_SIZE - length);
	}
}

/* They are of the version before. */
static void replace_others(struct crew *c)
{
	crew_replace_sps(c);
	crew_replace_nps(c);
}

/*
 * On an error everything is left as it is, for the next arenad: the state names the keeper of this
 * one or of the one before, and each has all descriptors.
 */
static int adopt(struct supervisor *sv)
{
	struct node *n = sv->node;
	char addresses[READY_SIZE];
	int ret;

	ready_init(&sv->ready, -1, n->options->nps);
	sv->ready.n = sv->ready.wanted;
	adopt_crew(&sv->crew, n->earlier);
	ret = keep_take_over(&sv->crew);
	if (!ret)
		ret = peers_attach(n->peers, &n->sockets, sv->crew.sockets, sv->crew.nps);
	if (ret)
		return ret;
	sv->is_behind = n->config->is_behind;
	sv->settle_until = clock_deadline(SETTLE_MS);
	format_addresses(find_sockets(&sv->crew), addresses);
	log_info("clients are accepted at%s", addresses);
	if (n->is_same_process)
		replace_others(&sv->crew);
	else if (!ready_say(addresses))
		return -EIO;
	return 0;
}

static enum arenad_exit leave(struct node *n)
{
	log_error("the processes serve on without an arenad; mend what the lines before name, and "
		  "start another one, which adopts them");
	n->is_left = true;
	return ARENAD_EXIT_ERROR;
}

static enum arenad_exit stop(struct supervisor *sv, enum arenad_exit status)
{
	struct log_catch error;

	log_catch(&error);
	status = stop_all(sv, status);
	log_catch(NULL);
	if (status != ARENAD_EXIT_OK && !error.text[0])
		snprintf(error.text, sizeof(error.text),
			 "a process had died before, or had to be killed");
	service_answer(sv->service, SERVICE_STOP, &error, NULL);
	service_close(sv->service);
	keep_end(sv->node->keep);
	crew_close(&sv->crew);
	ready_close(&sv->ready);
	outcome_free(&sv->last.outcome);
	return status;
}

enum arenad_exit arenad_supervise(struct node *n)
{
	static struct supervisor sv;

	sv.node = n;
	sv.crew = (struct crew){
		.options = n->options, .cpus = n->cpus, .reload = n->reload, .keep = n->keep,
		.peers = n->peers, .last = &sv.last,
	};
	outcome_begin(&sv.last);
	sv.ready.fd = -1;
	if (n->earlier && adopt(&sv))
		return leave(n);
	if (!n->earlier && start(&sv))
		return stop(&sv, ARENAD_EXIT_ERROR);
	sv.service = service_open(&sv.crew, n->keep->runtime);
	return stop(&sv, watch(&sv));
}
