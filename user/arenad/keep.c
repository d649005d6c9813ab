// SPDX-License-Identifier: MIT
#include "keep.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <mshare.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crew.h"
#include "options.h"
#include "own_fd.h"
#include "peers.h"
#include "reload.h"
#include "runtime.h"
#include "state.h"

/**
 * struct numbers - descriptors
 * @n: used entries of @fd
 * @room: entries of @fd
 * @fd: the descriptors
 */
struct numbers {
	size_t n;
	size_t room;
	int *fd;
};

/* The descriptors that a region which is a memfd has in the environment, NAME:FD:FD:... */
static void find_memfds(struct state *s, const char *region, const char *environment)
{
	size_t length = strlen(region);

	for (const char *at = environment; at; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (!strncmp(at, region, length) && at[length] == ':' &&
		    sscanf(at + length, ":%d:%d:", &s->memfd[0], &s->memfd[1]) == 2)
			return;
	}
}

static void note_processes(struct state *s, const struct crew *c)
{
	s->head.nps = c->nps;
	s->head.n = c->n;
	memcpy(s->identity, c->identity, sizeof(s->identity));
	for (unsigned int i = 0; i < c->n; i++) {
		s->restart[i] = c->restart[i];
		if (i >= c->started || c->child[i].pidfd < 0)
			continue;
		s->head.who[i] = identity_of(c->child[i].pid);
		s->pidfd[i] = c->child[i].pidfd;
	}
}

static void note_descriptors(struct state *s, const struct crew *c)
{
	int fd = mshare_fd(c->keep->region);

	s->region_fd = fd < 0 ? -1 : fd;
	s->layout_fd = c->layout_fd;
	s->bundle = c->reload->bundle;
	s->peers = c->peers->filter;
	for (unsigned int i = 0; i < c->keep->listening->n; i++)
		s->listening.socket[i] = c->keep->listening->socket[i];
	s->listening.n = c->keep->listening->n;
	for (unsigned int np = 0; np < c->nps; np++) {
		for (unsigned int i = 0; i < c->sockets[np].n; i++)
			s->sockets[np].socket[i] = c->sockets[np].socket[i];
		s->sockets[np].n = c->sockets[np].n;
	}
	s->pairs.nps = c->pairs.nps;
	s->pairs.sps = c->pairs.sps;
	for (unsigned int np = 0; np < c->pairs.nps; np++)
		for (unsigned int sp = 0; sp < c->pairs.sps; sp++)
			s->pairs.pair[np][sp] = c->pairs.pair[np][sp];
	s->lines.n = c->lines.n;
	for (unsigned int i = 0; i < c->lines.n; i++) {
		s->lines.fd[i] = c->lines.fd[i];
		s->stats[i] = c->stats_fd[i];
	}
}

static struct state *take_state(const struct crew *c)
{
	const char *environment = getenv(MSHARE_MEMFD_ENV);
	const char *const texts[STATE_TEXTS] = {
		[STATE_SHAPE] = c->keep->shape,
		[STATE_OPTIONS] = c->keep->given,
		[STATE_ENVIRONMENT] = environment ? environment : "",
	};
	struct state *s = state_new(texts);

	if (!s)
		return NULL;
	s->is_ready = c->keep->is_ready;
	s->drained = c->reload->drained;
	note_processes(s, c);
	note_descriptors(s, c);
	find_memfds(s, c->options->region, environment);
	return s;
}

static void count_fd(int *fd, void *context)
{
	struct numbers *all = context;

	all->room += *fd >= 0;
}

static void add_fd(int *fd, void *context)
{
	struct numbers *all = context;

	if (*fd >= 0)
		all->fd[all->n++] = *fd;
}

static int compare(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorted, each one once. */
static int list_numbers(struct state *s, struct numbers *all)
{
	size_t n = 0;

	state_each_fd(s, count_fd, all);
	all->fd = calloc(all->room + 1, sizeof(*all->fd));
	if (!all->fd)
		return -ENOMEM;
	state_each_fd(s, add_fd, all);
	qsort(all->fd, all->n, sizeof(*all->fd), compare);
	for (size_t i = 0; i < all->n; i++)
		if (!n || all->fd[n - 1] != all->fd[i])
			all->fd[n++] = all->fd[i];
	all->n = n;
	return 0;
}

static int fork_keeper(struct keeper *next, struct state *s, unsigned int sandbox)
{
	struct numbers all = { 0 };
	int ret = list_numbers(s, &all);

	if (!ret)
		ret = keeper_fork(next, all.fd, all.n, sandbox);
	free(all.fd);
	return ret;
}

/*
 * From the moment on at which the next keeper does not end by itself any more, a state has to name
 * it. This one still has the processes of before, and the keeper that fits them.
 */
static int announce(const struct keep *k, struct state *s, const struct keeper *next)
{
	struct state *before = k->last ? k->last : s;

	before->head.keeper[1] = identity_of(next->pid);
	return state_write(k->runtime, before);
}

static int change_keepers(struct keep *k, struct state *s, unsigned int sandbox)
{
	struct keeper next = KEEPER_NONE;
	int ret = fork_keeper(&next, s, sandbox);

	if (!ret)
		ret = announce(k, s, &next);
	if (!ret)
		ret = keeper_begin(&next);
	if (!ret) {
		s->head.keeper[0] = identity_of(next.pid);
		s->head.keeper[1] = identity_of(k->keeper.pid);
		ret = state_write(k->runtime, s);
	}
	if (ret) {
		keeper_end(&next);
		return ret;
	}
	keeper_end(&k->keeper);
	k->keeper = next;
	return 0;
}

/* There is no time at which it would be better to have none. */
static void plan_another(struct keep *k)
{
	restart_lost(&k->restart, clock_ns(), KEEP_LONGEST_MS);
}

/* The processes are named at least, so that the next arenad can say that they are there. */
static void go_without(struct keep *k, struct state *s, int err)
{
	if (!k->is_lacking)
		log_error("cannot start a keeper, or write a state to %s, so no other arenad can "
			  "adopt the processes if this one dies, until that is tried with success: "
			  "%s", k->runtime->path, log_reason(-err));
	k->is_lacking = true;
	s->head.keeper[0] = (struct identity){ 0 };
	s->head.keeper[1] = identity_of(k->keeper.pid);
	state_write(k->runtime, s);
	keeper_end(&k->keeper);
	plan_another(k);
}

static void log_kept(struct keep *k)
{
	if (k->is_lacking)
		log_info("there is a keeper again (process %d), and a state",
			 (int)k->keeper.pid);
	k->is_lacking = false;
}

static struct keeper find_keeper(const struct identity *who)
{
	struct keeper found = {
		.pid = who->pid, .pidfd = own_fd(identity_open(who)), .line = -1,
	};

	return found.pidfd < 0 ? KEEPER_NONE : found;
}

void keep_adopt(struct keep *k)
{
	struct keeper other = find_keeper(&k->last->head.keeper[1]);

	keeper_end(&other);
	k->keeper = find_keeper(&k->last->head.keeper[0]);
}

/* Return: 0 or -errno; @out is the state then, too, but NULL if there is no memory. */
static int renew(struct crew *c, struct state **out)
{
	struct keep *k = c->keep;
	int ret;

	*out = take_state(c);
	if (!*out)
		return -ENOMEM;
	restart_begun(&k->restart, clock_ns());
	ret = change_keepers(k, *out, c->options->sandbox);
	if (!ret)
		log_kept(k);
	return ret;
}

static void remember(struct keep *k, struct state *s)
{
	free(k->last);
	k->last = s;
}

void keep_renew(struct crew *c)
{
	struct state *s;
	int ret = renew(c, &s);

	if (!s) {
		log_error("there is no memory for the state of the processes; free memory");
		return;
	}
	if (ret)
		go_without(c->keep, s, ret);
	remember(c->keep, s);
}

int keep_take_over(struct crew *c)
{
	struct state *s;
	int ret = renew(c, &s);

	if (!ret) {
		remember(c->keep, s);
		return 0;
	}
	free(s);
	log_error("cannot start a keeper, or write a state to %s: %s", c->keep->runtime->path,
		  log_reason(-ret));
	return ret;
}

void keep_reap(struct keep *k)
{
	struct pollfd fd = { .fd = k->keeper.pidfd, .events = POLLIN };

	if (k->keeper.pidfd < 0 || poll(&fd, 1, 0) <= 0)
		return;
	log_warn("the keeper (process %d) has ended: another one is started" LOG_NO_ACTION,
		 (int)k->keeper.pid);
	keeper_end(&k->keeper);
	plan_another(k);
}

void keep_turn(struct crew *c)
{
	const struct restart *r = &c->keep->restart;

	if (r->is_due && !clock_left_ms(r->due_at))
		keep_renew(c);
}

void keep_end(struct keep *k)
{
	keeper_end(&k->keeper);
	state_remove(k->runtime);
	free(k->last);
	k->last = NULL;
}
