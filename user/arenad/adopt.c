// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "adopt.h"

#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crew.h"
#include "identity.h"
#include "keep.h"
#include "keeper.h"
#include "options.h"
#include "own_fd.h"
#include "peers.h"
#include "reload.h"
#include "state.h"

/* The kernel's greatest number of a descriptor by default. */
#define NUMBERS_MAX	(1 << 20)

/**
 * struct takeover - descriptors on their way
 * @keeper: pidfd of the keeper
 * @room: entries of @own
 * @own: by a descriptor's number in the keeper: 1 more than that here, or 0
 * @ret: the first error
 */
struct takeover {
	int keeper;
	int room;
	int *own;
	int ret;
};

static void find_room(int *fd, void *context)
{
	struct takeover *t = context;

	if (*fd >= t->room && *fd < NUMBERS_MAX)
		t->room = *fd + 1;
}

static int take_one(const struct takeover *t, int fd)
{
	int own = (int)syscall(SYS_pidfd_getfd, t->keeper, fd, 0);

	return own < 0 ? -errno : own;
}

/* One that several members have is taken once. */
static void take(int *fd, void *context)
{
	struct takeover *t = context;
	int own;

	if (*fd < 0 || t->ret)
		return;
	if (*fd >= t->room) {
		t->ret = -EBADF;
		return;
	}
	if (!t->own[*fd]) {
		own = take_one(t, *fd);
		if (own < 0) {
			t->ret = own;
			return;
		}
		t->own[*fd] = own + 1;
	}
	*fd = t->own[*fd] - 1;
}

static int log_take_error(const struct state *s, int err)
{
	log_error("cannot take the descriptors of the keeper (process %d): %s",
		  (int)s->head.keeper[0].pid, err == -EPERM ?
		  "the kernel forbids it; CAP_SYS_PTRACE is needed here" : log_reason(-err));
	log_error("the processes of the earlier arenad serve on; --replace ends them, which "
		  "cuts off all clients, and starts anew");
	return err;
}

/*
 * The environment names the descriptors of a memfd by their numbers, which they keep. What else has
 * such a number here was inherited, and has no use.
 */
static int place_memfds(const int wanted[STATE_MEMFDS], int memfd[STATE_MEMFDS])
{
	for (unsigned int i = 0; i < STATE_MEMFDS; i++) {
		if (wanted[i] < 0 || memfd[i] == wanted[i])
			continue;
		if (dup2(memfd[i], wanted[i]) < 0)
			return -errno;
		close(memfd[i]);
		memfd[i] = wanted[i];
	}
	for (unsigned int i = 0; i < STATE_MEMFDS; i++)
		if (memfd[i] >= 0 && fcntl(memfd[i], F_SETFD, 0))
			return -errno;
	return 0;
}

/* Those that have to have their numbers come first, before others get these. */
static int take_memfds(struct state *s, const struct takeover *t)
{
	int wanted[STATE_MEMFDS];

	memcpy(wanted, s->memfd, sizeof(wanted));
	for (unsigned int i = 0; i < STATE_MEMFDS; i++) {
		if (wanted[i] < 0)
			continue;
		/* Out of the way of the other one's number. */
		s->memfd[i] = own_fd(take_one(t, wanted[i]));
		if (s->memfd[i] < 0)
			return s->memfd[i];
	}
	return place_memfds(wanted, s->memfd);
}

static int take_all(struct state *s, struct takeover *t)
{
	int memfd[STATE_MEMFDS], ret;

	state_each_fd(s, find_room, t);
	t->own = calloc((size_t)t->room + 1, sizeof(*t->own));
	if (!t->own)
		return -ENOMEM;
	ret = take_memfds(s, t);
	if (!ret) {
		memcpy(memfd, s->memfd, sizeof(memfd));
		memset(s->memfd, -1, sizeof(s->memfd));
		state_each_fd(s, take, t);
		memcpy(s->memfd, memfd, sizeof(memfd));
		ret = t->ret;
	}
	free(t->own);
	return ret;
}

int adopt_descriptors(struct state *s)
{
	struct takeover t = { .keeper = own_fd(identity_open(&s->head.keeper[0])) };
	int ret = t.keeper;

	pairs_raise_limit(s->pairs.nps * s->pairs.sps);
	if (ret >= 0) {
		ret = keeper_ask(t.keeper);
		if (!ret)
			ret = take_all(s, &t);
		close(t.keeper);
	}
	return ret ? log_take_error(s, ret) : 0;
}

int adopt_region(const struct arenad_options *o, const struct state *s, struct arena_layout *l,
		 struct mshare **out)
{
	int ret = arena_layout_load(s->layout_fd, l);

	if (!ret && s->region_fd >= 0)
		ret = mshare_open_fd(s->region_fd, out);
	else if (!ret && setenv(MSHARE_MEMFD_ENV, state_text(s, STATE_ENVIRONMENT), 1))
		ret = -errno;
	else if (!ret)
		ret = mshare_open(o->region, false, out);
	if (ret)
		log_error("cannot open region %s of the earlier arenad: %s; use its version, or "
			  "end the processes by --replace", o->region, strerror(-ret));
	return ret;
}

static int check_listening(const struct listen_set *set)
{
	for (unsigned int i = 0; i < set->n; i++) {
		int is_listening = 0, fd = set->socket[i].fd;
		socklen_t size = sizeof(is_listening);

		if (fd < 0)
			continue;
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size))
			return -errno;
		if (!is_listening)
			return -ENOTCONN;
	}
	return 0;
}

/* Every arenad watches them, and has to be able to end them. */
static int check_process(int pidfd, unsigned int *alive)
{
	if (pidfd < 0)
		return 0;
	if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0))
		return errno == ESRCH ? 0 : -errno;
	(*alive)++;
	return 0;
}

static int check_taken(const struct state *s, unsigned int *alive)
{
	int ret = check_listening(&s->listening);

	for (unsigned int i = 0; i < s->head.nps && !ret; i++)
		ret = check_listening(&s->sockets[i]);
	if (ret)
		log_error("what the keeper has in place of a listening socket is none: %s"
			  LOG_REPORT, strerror(-ret));
	for (unsigned int i = 0; i < s->head.n && !ret; i++) {
		ret = check_process(s->pidfd[i], alive);
		if (ret)
			log_error("cannot watch process %d of the earlier arenad: %s",
				  (int)s->head.who[i].pid, log_reason(-ret));
	}
	return ret;
}

int adopt_try(const struct arenad_options *o, struct state *s, struct arena_layout *l)
{
	struct mshare *region = NULL;
	unsigned int alive = 0;
	int ret = adopt_descriptors(s);

	if (!ret)
		ret = check_taken(s, &alive);
	if (!ret)
		ret = peers_try(o, &s->peers);
	if (!ret)
		ret = adopt_region(o, s, l, &region);
	if (ret)
		return ret;
	mshare_close(region);
	log_info("arenad %s could adopt region %s and %u processes", MSHAREARENA_VERSION,
		 o->region, alive);
	return 0;
}

static unsigned int adopt_process(struct crew *c, const struct state *s, unsigned int i)
{
	c->restart[i] = s->restart[i];
	c->stats_fd[i] = s->stats[i];
	c->child[i] = (struct child){
		.name = c->name[i], .pid = s->head.who[i].pid, .pidfd = s->pidfd[i], .gate = -1,
	};
	return s->pidfd[i] >= 0;
}

void adopt_crew(struct crew *c, const struct state *s)
{
	unsigned int alive = 0;

	crew_init(c);
	c->layout_fd = s->layout_fd;
	c->pairs = s->pairs;
	c->lines = s->lines;
	c->started = c->n;
	/* Not those of what lies at the paths now, which may be other disks. */
	memcpy(c->identity, s->identity, sizeof(c->identity));
	for (unsigned int i = 0; i < c->nps; i++)
		c->sockets[i] = s->sockets[i];
	for (unsigned int i = 0; i < c->n; i++)
		alive += adopt_process(c, s, i);
	/* An export that was removed since may still be named there. */
	for (unsigned int sp = 0; sp < c->n - c->nps; sp++)
		if (crew_has_export(c, sp))
			c->reload->drained |= s->drained & 1U << sp;
	crew_go_on(c);
	reload_owe_exports(c->reload);
	/* The earlier arenad may have died before it said so, and who hears it twice ignores it. */
	for (unsigned int np = 0; np < c->nps; np++) {
		c->reload->is_owed[np] = c->reload->bundle >= 0;
		for (unsigned int sp = 0; sp < c->n - c->nps; sp++)
			c->is_owed[np][sp] = true;
	}
	log_info("arenad %s has adopted region %s and %u processes, which the arenad before it "
		 "(process %d) has left", MSHAREARENA_VERSION, c->options->region, alive,
		 (int)s->head.arenad.pid);
}
