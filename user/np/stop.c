// SPDX-License-Identifier: MIT
#include "stop.h"

#include <arena/source.h>
#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "counters.h"
#include "np.h"

static void begin(struct np *np)
{
	struct stop *s = &np->stop;

	if (s->is_stopping || handoff_is_over(np))
		return;
	handoff_give_up(np, "the process is asked to end");
	log_info("stopping, %u connections", np->conns.n);
	s->is_stopping = true;
	s->since = np->now;
	listeners_stop(np);
	/* Requests do not wait any more for SPs that have ended. */
	for (unsigned int i = 0; i < np->n_peers; i++)
		peer_tick(&np->peer[i]);
	conn_finish_all(np);
}

static void signal_came(struct handler *h, const struct arena_event *e)
{
	struct np *np = container_of(h, struct stop, signal)->np;

	if (e->result == SIGUSR1) {
		counters_print(np);
		return;
	}
	/* A process that cannot receive SIGTERM any more has to end, too. */
	if (e->result < 0)
		log_error("cannot read signals: %s", log_reason(-e->result));
	begin(np);
}

static void ticked(struct handler *h, const struct arena_event *e)
{
	struct np *np = container_of(h, struct stop, tick)->np;

	(void)e;
	np->stop.is_ticking = false;
	conn_table_tick(np);
	for (unsigned int i = 0; i < np->n_peers; i++)
		peer_tick(&np->peer[i]);
	reload_tick(np);
	log_tick();
	if (np->stop.is_stopping && np->now - np->stop.since >= STOP_CUT_SECONDS)
		conn_kill_all(np);
}

int stop_init(struct np *np)
{
	struct stop *s = &np->stop;
	sigset_t set;
	int ret;

	*s = (struct stop){
		.np = np,
		.signal.happened = signal_came,
		.tick.happened = ticked,
	};
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	ret = arena_ring_add_signals(np->ring, ARENA_SIGNAL(SIGTERM) | ARENA_SIGNAL(SIGINT) |
				     ARENA_SIGNAL(SIGUSR1), handler_cookie(&s->signal), NULL);
	if (ret)
		log_error("cannot receive signals: %s", log_reason(-ret));
	return ret;
}

/* An idle process needs no tick, so that the clock does not wake it. */
static bool needs_tick(const struct np *np)
{
	if (!np->begin.is_over || np->stop.is_stopping || conn_table_needs_tick(np) ||
	    listeners_need_tick(np) || np->reload.is_owed || handoff_is_on(&np->handoff) ||
	    log_is_holding())
		return true;
	for (unsigned int i = 0; i < np->n_peers; i++)
		if (peer_needs_tick(&np->peer[i]))
			return true;
	return false;
}

static int start_tick(struct np *np)
{
	const struct arena_timer timer = {
		.size = sizeof(timer),
		.first_ns = CLOCK_NS_PER_S,
		.cookie = handler_cookie(&np->stop.tick),
	};
	int ret = arena_ring_add_timer(np->ring, &timer, NULL);

	if (ret)
		log_error("cannot set the timer of the time limits: %s", log_reason(-ret));
	np->stop.is_ticking = !ret;
	return ret;
}

int stop_turn(struct np *np)
{
	struct stop *s = &np->stop;
	int ret = !s->is_ticking && needs_tick(np) ? start_tick(np) : 0;

	if (ret || !s->is_stopping || (np->conns.n && np->now - s->since < STOP_SECONDS))
		return ret;
	if (np->conns.n)
		log_warn("%u connections did not end in time; their clients can connect again",
			 np->conns.n);
	np->is_ending = true;
	return 0;
}
