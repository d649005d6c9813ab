// SPDX-License-Identifier: MIT
#include "stop.h"

#include <common/log.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "np.h"

static void begin(struct np *np)
{
	struct stop *s = &np->stop;

	if (s->is_stopping)
		return;
	log_info("stopping, %u connections", np->conns.n);
	s->is_stopping = true;
	s->since = np->ring.now;
	listeners_stop(np);
	conn_finish_all(np);
}

static void start_read(struct np *np)
{
	struct io_uring_sqe *sqe = ring_sqe(&np->ring);
	struct stop *s = &np->stop;

	io_uring_prep_read(sqe, s->signal_fd, &s->info, sizeof(s->info), 0);
	io_uring_sqe_set_data(sqe, &s->signal);
}

static void signal_done(struct ring_op *op, int res)
{
	struct stop *s = container_of(op, struct stop, signal);
	struct np *np = s->np;

	if (res == (int)sizeof(s->info)) {
		if (s->info.ssi_signo == SIGUSR1)
			counters_print(np);
		else
			begin(np);
	} else if (res != -EINTR && res != -EAGAIN) {
		/* Better to end than to be deaf to SIGTERM. */
		log_error("cannot read signals: %s", strerror(-res));
		begin(np);
		return;
	}
	start_read(np);
}

static void start_tick(struct np *np)
{
	struct io_uring_sqe *sqe = ring_sqe(&np->ring);

	io_uring_prep_timeout(sqe, &np->stop.interval, 0, 0);
	io_uring_sqe_set_data(sqe, &np->stop.tick);
}

static void tick_done(struct ring_op *op, int res)
{
	struct np *np = container_of(op, struct stop, tick)->np;

	(void)res;
	conn_table_tick(np);
	log_tick();
	if (np->stop.is_stopping &&
	    np->ring.now - np->stop.since >= STOP_CUT_SECONDS)
		conn_kill_all(np);
	start_tick(np);
}

int stop_init(struct np *np)
{
	struct stop *s = &np->stop;
	sigset_t set;

	*s = (struct stop){
		.np = np,
		.signal.done = signal_done,
		.tick.done = tick_done,
		.interval.tv_sec = 1,
	};
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return s->signal_fd < 0 ? -errno : 0;
}

void stop_exit(struct np *np)
{
	if (np->stop.signal_fd >= 0)
		close(np->stop.signal_fd);
	np->stop.signal_fd = -1;
}

void stop_start(struct np *np)
{
	start_read(np);
	start_tick(np);
}

void stop_turn(struct np *np)
{
	struct stop *s = &np->stop;

	if (!s->is_stopping)
		return;
	if (np->conns.n && np->ring.now - s->since < STOP_SECONDS)
		return;
	if (np->conns.n)
		log_warn("%u connections did not end in time", np->conns.n);
	ring_end(&np->ring);
}
