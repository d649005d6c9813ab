// SPDX-License-Identifier: MIT
#include "loop.h"

#include <arena/source.h>
#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "control.h"
#include "counters.h"
#include "late.h"
#include "order.h"
#include "peer.h"
#include "replay.h"
#include "request.h"
#include "sp.h"
#include "work.h"

#define EVENTS			128
/* A RETURN is held for so long at most. */
#define HOLD_NS			CLOCK_NS_PER_S
/* After so long what had no room in the ring is tried again, even if no event comes. */
#define STALL_MS		10
/* Entries of the ring beyond one for each request: few requests have several operations. */
#define SPARE_ENTRIES		64U
/*
 * The signals, the four timers and the waker are sources, too, and at the end a fifth timer: that
 * of late.c is set anew then.
 */
#define OTHER_SOURCES		7U

#define SIGNALS	(ARENA_SIGNAL(SIGTERM) | ARENA_SIGNAL(SIGINT) | ARENA_SIGNAL(SIGUSR1))

static void ring_error(int ret)
{
	struct arena_features f = { .size = sizeof(f) };
	const char *why = NULL;

	if (ret == -EOPNOTSUPP && arena_probe(&f) == -EOPNOTSUPP)
		why = arena_features_why(&f);
	if (why)
		log_error("cannot make an io_uring: %s; allow it, or use Linux 6.8 or later", why);
	else
		log_error("cannot make an io_uring: %s", log_reason(-ret));
}

/* Linux 6.8 cannot pin a region's memory for long, so buffers may have to stay unregistered. */
static void look_at_buffers(struct sp *sp)
{
	sp->is_fixed = arena_ring_is_registered(sp->polled ? sp->polled : sp->ring,
						sp->peer[0].disk_group);
	if (sp->options.fixed_buffers && !sp->is_fixed)
		log_warn("buffers cannot be registered with the kernel: going on without, which "
			 "costs some speed; Linux 6.8 cannot do it, and elsewhere LimitMEMLOCK= "
			 "may be too low");
}

/* Only the ring of reads and writes has the buffers registered. */
static struct arena_ring_options ring_options(const struct sp *sp, bool polled)
{
	bool registered = sp->options.fixed_buffers && polled == sp->options.iopoll;
	uint32_t entries = sp->n_requests / 2 + SPARE_ENTRIES;

	return (struct arena_ring_options){
		.size = sizeof(struct arena_ring_options),
		.entries = entries < ARENA_RING_MAX_ENTRIES ? entries : ARENA_RING_MAX_ENTRIES,
		.files = BACKEND_FILES + 1,
		/* A channel that is opened anew has a second one while the first is cancelled. */
		.sources = polled ? 0 : OTHER_SOURCES + 2 * sp->n_peers,
		.registered = registered,
		.register_peers = registered,
		.nvme = backend_is_nvme(&sp->backend),
		.wait = sp->options.wait,
		.polled = polled,
		.uses = backend_is_nvme(&sp->backend) ? ARENA_USES_NVME : ARENA_USES_DISK,
	};
}

static int open_rings(struct sp *sp)
{
	struct arena_ring_options options = ring_options(sp, false);
	int ret = arena_ring_open(sp->arena, &options, &sp->ring);

	if (!ret && sp->options.iopoll) {
		options = ring_options(sp, true);
		ret = arena_ring_open(sp->arena, &options, &sp->polled);
	}
	if (!ret)
		ret = arena_ring_add_signals(sp->ring, SIGNALS, 0, NULL);
	if (ret)
		ring_error(ret);
	return ret;
}

int sp_loop_open(struct sp *sp)
{
	int ret = sp->options.iopoll ? backend_check_polling(&sp->backend) : 0;

	if (!ret)
		ret = open_rings(sp);
	if (!ret)
		ret = backend_attach(&sp->backend, sp->arena, sp->ring, sp->polled);
	if (ret)
		sp_loop_close(sp);
	else
		look_at_buffers(sp);
	return ret;
}

void sp_loop_close(struct sp *sp)
{
	arena_ring_close(sp->polled);
	arena_ring_close(sp->ring);
}

int sp_loop_connect(struct sp *sp)
{
	int ret = sp_control_peers(sp);

	if (ret == -ECANCELED)
		sp->status = SP_EXIT_OK;
	if (!ret)
		sp_replay_begin(sp);
	for (unsigned int i = 0; i < sp->n_peers && !ret; i++)
		ret = sp_peer_connect(&sp->peer[i]);
	if (!ret)
		ret = sp_control_watch(sp);
	if (ret)
		sp_loop_disconnect(sp);
	else
		sp_replay_watch(sp);
	return ret;
}

void sp_loop_disconnect(struct sp *sp)
{
	arena_ring_submit(sp->ring);
	for (unsigned int i = 0; i < sp->n_peers; i++)
		sp_peer_disconnect(&sp->peer[i]);
}

void sp_loop_stop(struct sp *sp, enum sp_exit status)
{
	if (!sp->is_stopping)
		sp->status = status;
	sp->is_stopping = true;
	sp_replay_end(sp);
	for (unsigned int i = 0; i < sp->n_peers; i++)
		sp_requests_refuse(&sp->peer[i]);
}

bool sp_loop_leaves(const struct sp *sp)
{
	return sp->options.ends_when_gone && sp->backend.is_gone;
}

static void leave(struct sp *sp)
{
	if (sp->is_stopping)
		return;
	log_error("disk %s is gone: ending, so that a successor can open it when it is back; "
		  "attach it again", sp->options.disk);
	sp_loop_stop(sp, SP_EXIT_GONE);
}

static void take_signal(struct sp *sp, int number)
{
	if (number == SIGUSR1) {
		sp_counters_log(sp);
		return;
	}
	log_info("%s: stopping", strsignal(number));
	sp_loop_stop(sp, SP_EXIT_OK);
}

static void return_all(struct sp *sp)
{
	for (unsigned int i = 0; i < sp->n_peers; i++)
		if (!sp->peer[i].has_ended)
			sp_peer_return(&sp->peer[i]);
}

static void take_timer(struct sp *sp, uint64_t which)
{
	/* Requests that can go are taken when the turn ends. */
	if (which == SP_TIMER_LIMITS) {
		sp->throttle.is_ticking = false;
		return;
	}
	if (which == SP_TIMER_LATE) {
		sp_late_look(sp);
		return;
	}
	if (which == SP_TIMER_REPLAY) {
		sp_replay_end(sp);
		return;
	}
	sp->is_ticking = false;
	return_all(sp);
	sp_control_tick(sp);
}

static void take_event(struct sp *sp, const struct arena_event *e)
{
	switch (e->type) {
	case ARENA_EVENT_OPERATION:
		if (e->cookie == SP_CONTROL_COOKIE)
			sp_control_happened(sp, e);
		else
			sp_work_ended(sp, e);
		break;
	case ARENA_EVENT_CHANNEL:
		sp_peer_happened(&sp->peer[e->cookie]);
		break;
	case ARENA_EVENT_WAKER:
		sp_survey_take(sp);
		break;
	case ARENA_EVENT_SIGNAL:
		take_signal(sp, e->result);
		break;
	case ARENA_EVENT_TIMER:
		take_timer(sp, e->cookie);
		break;
	default:
		break;
	}
}

static bool is_holding(const struct sp *sp)
{
	for (unsigned int i = 0; i < sp->n_peers; i++)
		if (!sp->peer[i].has_ended && sp->peer[i].returns.n)
			return true;
	return false;
}

/*
 * RETURNs that are held are sent after a second, even if there is no other message. A timer that
 * cannot be set is tried again in the next turn.
 */
static void tick(struct sp *sp)
{
	const struct arena_timer timer = {
		.size = sizeof(timer),
		.first_ns = HOLD_NS,
		.cookie = SP_TIMER_RETURNS,
	};

	if (sp->is_ticking || (!is_holding(sp) && !sp->owes_control))
		return;
	sp->is_ticking = !arena_ring_add_timer(sp->ring, &timer, NULL);
	if (!sp->is_ticking)
		return_all(sp);
}

/* Set the timers without which the process could wait for ever. */
static int set_timers(struct sp *sp)
{
	int ret = sp_late_watch(sp);

	if (!ret)
		ret = sp_throttle_turn(sp);
	if (ret)
		log_error("cannot set a timer: %s", log_reason(-ret));
	return ret;
}

static int turn(struct sp *sp, const struct arena_event *events, int n)
{
	for (int i = 0; i < n; i++)
		take_event(sp, &events[i]);
	if (sp_loop_leaves(sp))
		leave(sp);
	sp_replay_turn(sp);
	sp_order_turn(sp);
	sp_requests_run(sp);
	sp_counters_turn(sp);
	for (unsigned int i = 0; i < sp->n_peers; i++)
		sp_peer_turn(&sp->peer[i]);
	tick(sp);
	return set_timers(sp);
}

/* Take what has come on a ring. Return: false if that is not possible any more. */
static bool take_turn(struct sp *sp, struct arena_ring *ring, int timeout_ms)
{
	static struct arena_event events[EVENTS];
	int n = arena_ring_next_many(ring, events, EVENTS, timeout_ms);

	if (n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY) {
		log_error("io_uring: %s", log_reason(-n));
		sp->status = SP_EXIT_ERROR;
		return false;
	}
	sp->turn_ns = 0;
	if (!turn(sp, events, n))
		return true;
	sp->status = SP_EXIT_ERROR;
	return false;
}

static bool is_polling(const struct sp *sp)
{
	return sp->polled && arena_ring_pending(sp->polled);
}

/* While the disk has to be asked for completions, the process does not sleep on the other ring. */
static int wait_ms(const struct sp *sp)
{
	if (is_polling(sp) || (sp->replay.is_over && sp->order.n))
		return 0;
	return sp->stalled.first || (sp->owes_control && !sp->is_ticking) ? STALL_MS : -1;
}

void sp_loop_run(struct sp *sp)
{
	bool good = true;

	while (good && (!sp->is_stopping || sp->active > sp->late.n)) {
		good = take_turn(sp, sp->ring, wait_ms(sp));
		if (good && is_polling(sp))
			good = take_turn(sp, sp->polled, 0);
	}
}
