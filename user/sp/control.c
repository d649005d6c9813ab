// SPDX-License-Identifier: MIT
#include "control.h"

#include <common/clock.h>
#include <common/log.h>
#include <common/start.h>
#include <control/socket.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"
#include "peer.h"
#include "sp.h"

/* arenad sends it as soon as all processes run. */
#define PATIENCE_MS	30000
/* The signal that asks the process to stop is blocked, so it ends no wait. */
#define PAUSE_MS	100

static void take_limit(struct sp *sp, const struct control_message *m)
{
	const struct limit l = {
		.iops = m->iops, .bytes = m->bytes, .connections = m->connections,
	};

	if (limit_is_same(&l, &sp->options.limit))
		return;
	sp->options.limit = l;
	sp_throttle_init(sp);
}

static void obey(struct sp *sp, const struct control_message *m, int fd)
{
	if (m->type == CONTROL_PEER) {
		sp_peer_told(sp, m, fd);
		return;
	}
	if (m->type == CONTROL_LIMIT && fd < 0) {
		take_limit(sp, m);
		return;
	}
	log_warn("arenad sent a message of an unknown type: %u; 'arenactl upgrade' makes them one "
		 "version", m->type);
	if (fd >= 0)
		close(fd);
}

/* Return: 0 if there may be more messages, or -errno. */
static int take_one(struct sp *sp, int timeout_ms)
{
	struct control_message m;
	int fd, ret = control_socket_await(sp->options.control_fd, &m, &fd, timeout_ms);

	if (!ret)
		obey(sp, &m, fd);
	else if (ret == -EPROTO)
		log_warn("arenad sent a message that this process does not understand; 'arenactl "
			 "upgrade' makes them one version");
	return ret == -EAGAIN || ret == -EINTR || ret == -EPROTO || ret == -ETIMEDOUT ? 0 : ret;
}

static bool knows_all(const struct sp *sp)
{
	for (unsigned int i = 0; i < sp->n_peers; i++)
		if (!sp->peer[i].process.epoch)
			return false;
	return true;
}

int sp_control_peers(struct sp *sp)
{
	int64_t deadline = clock_deadline(PATIENCE_MS);
	int ret = 0;

	while (!ret && !knows_all(sp)) {
		ret = take_one(sp, PAUSE_MS);
		if (start_stop_is_pending())
			ret = -ECANCELED;
		else if (!ret && !clock_left_ms(deadline))
			ret = -ETIMEDOUT;
	}
	if (ret == -ECANCELED)
		log_info("asked to stop before the network processes were known");
	else if (ret)
		log_error("arenad does not say who the network processes are: %s",
			  log_reason(-ret));
	return ret;
}

static int wait_for_message(struct sp *sp)
{
	return arena_ring_poll(sp->ring, sp->control, POLLIN, false, SP_CONTROL_COOKIE, NULL);
}

int sp_control_watch(struct sp *sp)
{
	int ret = arena_ring_add_file(sp->ring, sp->options.control_fd, &sp->control);

	if (!ret)
		ret = wait_for_message(sp);
	sp->has_arenad = !ret;
	if (ret)
		log_error("cannot use the control socket: %s", log_reason(-ret));
	return ret;
}

/* Go on after an error, or 0. */
static void go_on(struct sp *sp, int ret)
{
	if (!ret)
		ret = wait_for_message(sp);
	sp->owes_control = control_socket_passes(ret);
	if (!ret || sp->owes_control)
		return;
	/* arenad's end ends this process anyway, where arenad has started it. */
	if (ret != -EPIPE)
		log_error("the control socket is of no use any more: %s", log_reason(-ret));
	sp->has_arenad = false;
	if (!sp->n_live)
		sp_loop_stop(sp, sp->parting);
}

void sp_control_happened(struct sp *sp, const struct arena_event *e)
{
	go_on(sp, e->result < 0 ? e->result : take_one(sp, 0));
}

void sp_control_tick(struct sp *sp)
{
	if (sp->owes_control)
		go_on(sp, 0);
}
