// SPDX-License-Identifier: MIT
#include "loop.h"

#include <arena/source.h>
#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <proto/record.h>
#include <signal.h>
#include <string.h>

#include "counters.h"
#include "replies.h"
#include "request.h"
#include "sp.h"
#include "work.h"

/* Messages taken in a turn, so that a peer that floods does not keep the SP from other work. */
#define MESSAGES_A_TURN		1024
#define EVENTS			128
#define CONNECT_TIMEOUT_MS	30000
/* A RETURN is held for so long at most. */
#define HOLD_NS			CLOCK_NS_PER_S
/* After so long a stalled request is tried again, even if no event comes. */
#define STALL_MS		10
/* Entries of the ring beyond one for each request: few requests have several operations. */
#define SPARE_ENTRIES		64U

#define SIGNALS	(ARENA_SIGNAL(SIGTERM) | ARENA_SIGNAL(SIGINT) | ARENA_SIGNAL(SIGUSR1))

const char *const sp_transports[] = { "hybrid", "msg-ring", NULL };

static const enum arena_channel_transport transports[] = {
	ARENA_CHANNEL_HYBRID, ARENA_CHANNEL_MSG_RING,
};

static void ring_error(int ret)
{
	struct arena_features f = { .size = sizeof(f) };
	const char *why = NULL;

	if (ret == -EOPNOTSUPP && arena_probe(&f) == -EOPNOTSUPP)
		why = arena_features_why(&f);
	log_error("cannot make an io_uring: %s", why ? why : strerror(-ret));
}

/* Linux 6.8 cannot pin a region's memory for long, so buffers may have to stay unregistered. */
static void look_at_buffers(struct sp *sp)
{
	int group = proto_group_of_sp(sp->layout, sp->options.id, PROTO_USE_DISK);

	sp->is_fixed = arena_ring_is_registered(sp->ring, (uint32_t)group);
	if (sp->options.fixed_buffers && !sp->is_fixed)
		log_warn("buffers cannot be registered with the kernel: going on without, which "
			 "costs some speed");
}

int sp_loop_open(struct sp *sp)
{
	uint32_t entries = sp->n_requests + SPARE_ENTRIES;
	const struct arena_ring_options options = {
		.size = sizeof(options),
		.entries = entries < ARENA_RING_MAX_ENTRIES ? entries : ARENA_RING_MAX_ENTRIES,
		.files = 1,
		.sources = 4,
		.registered = sp->options.fixed_buffers,
		.register_peers = sp->options.fixed_buffers,
		.nvme = backend_is_nvme(&sp->backend),
		.wait = sp->options.wait,
	};
	int ret = arena_ring_open(sp->arena, &options, &sp->ring);

	if (!ret)
		ret = arena_ring_add_signals(sp->ring, SIGNALS, 0, NULL);
	if (ret) {
		ring_error(ret);
		arena_ring_close(sp->ring);
		return ret;
	}
	ret = backend_attach(&sp->backend, sp->arena, sp->ring);
	if (ret)
		arena_ring_close(sp->ring);
	else
		look_at_buffers(sp);
	return ret;
}

void sp_loop_close(struct sp *sp)
{
	arena_ring_close(sp->ring);
}

/* SIGTERM and SIGINT are blocked and stay pending until the loop takes them. */
static bool stop_is_pending(void)
{
	sigset_t set;

	return !sigpending(&set) && (sigismember(&set, SIGTERM) == 1 ||
				     sigismember(&set, SIGINT) == 1);
}

/* Has the network process closed its end of the channel, or died? */
static bool is_end(int ret)
{
	return ret == -EPIPE || ret == -EOWNERDEAD;
}

static int connect_error(struct sp *sp, int ret)
{
	if (stop_is_pending()) {
		log_info("asked to stop before the network process came");
		sp->status = SP_EXIT_OK;
	} else if (is_end(ret) || ret == -ESRCH) {
		log_info("the network process has ended: stopping");
		sp->status = SP_EXIT_PEER;
	} else {
		log_error("cannot connect to the network process: %s", strerror(-ret));
	}
	return ret;
}

static int watch_channel(struct sp *sp)
{
	uint32_t records = sp->layout->group[sp->request_group].count;
	int ret = proto_returns_init(&sp->returns, sp->channel, records, 0, sp->n_requests);

	if (!ret)
		ret = arena_ring_add_channel(sp->ring, sp->channel, 0, NULL);
	return ret;
}

int sp_loop_connect(struct sp *sp)
{
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = transports[sp->options.transport],
		.entries = proto_window(sp->n_requests),
		.peer_pid = sp->options.np,
		.timeout_ms = CONNECT_TIMEOUT_MS,
	};
	int ret = arena_channel_open(sp->arena, SP_PEER, &options, &sp->channel);

	if (ret)
		return connect_error(sp, ret);
	ret = watch_channel(sp);
	if (ret) {
		log_error("cannot wait for the network process: %s", strerror(-ret));
		sp_loop_disconnect(sp);
	}
	return ret;
}

void sp_loop_disconnect(struct sp *sp)
{
	arena_ring_submit(sp->ring);
	arena_channel_close(sp->channel);
	proto_returns_exit(&sp->returns);
	sp->channel = NULL;
}

static void stop(struct sp *sp, enum sp_exit status)
{
	if (!sp->is_stopping)
		sp->status = status;
	sp->is_stopping = true;
	sp_requests_refuse(sp);
}

/* Handle an error of sending. The end of the network process is noticed by receiving. */
static void check_sent(struct sp *sp, int ret)
{
	if (!ret || is_end(ret) || sp->is_stopping)
		return;
	/* The window has room for all messages of a peer that acknowledges them. */
	log_error("cannot send to the network process: %s", ret == -EAGAIN ?
		  "it does not take its messages" : strerror(-ret));
	stop(sp, SP_EXIT_ERROR);
}

void sp_loop_send(struct sp *sp, const struct arena_msg *msg)
{
	check_sent(sp, arena_channel_send(sp->channel, msg));
}

void sp_loop_hold(struct sp *sp, const struct arena_ref *ref)
{
	check_sent(sp, proto_returns_hold(&sp->returns, ref, PROTO_RETURN_RECORD));
}

void sp_loop_return(struct sp *sp)
{
	check_sent(sp, proto_returns_send(&sp->returns));
}

/* HELLO has to be the first message of the NP, and no later one. */
static void take_hello(struct sp *sp, const struct arena_msg *msg)
{
	int version = proto_version(PROTO_HELLO, msg->value);

	if (sp->version) {
		sp->counters.bad_messages++;
	} else if (version > 0) {
		sp->version = version;
		log_info("the network process is there: protocol version %d", version);
	} else if (!sp->is_stopping) {
		log_error("the network process speaks versions %u to %u of the protocol, "
			  "and arena-sp %u to %u: stopping", proto_hello_oldest(msg->value),
			  proto_hello_newest(msg->value), PROTO_VERSION_OLDEST,
			  PROTO_VERSION_NEWEST);
		stop(sp, SP_EXIT_ERROR);
	}
}

static void take_message(struct sp *sp, const struct arena_msg *msg)
{
	switch (msg->type) {
	case PROTO_MESSAGE_HELLO:
		take_hello(sp, msg);
		break;
	case PROTO_MESSAGE_REQUESTS:
		sp_requests_accept(sp, msg);
		break;
	case PROTO_MESSAGE_RETURN:
		sp_replies_regain(sp, msg);
		break;
	default:
		sp->counters.bad_messages++;
	}
}

static void peer_ended(struct sp *sp)
{
	if (!sp->is_stopping)
		log_info("the network process has ended: stopping");
	stop(sp, SP_EXIT_PEER);
}

static void take_messages(struct sp *sp)
{
	struct arena_msg msg;
	int ret = 1;

	for (int i = 0; i < MESSAGES_A_TURN && ret > 0; i++) {
		ret = arena_channel_recv(sp->channel, &msg);
		if (ret > 0)
			take_message(sp, &msg);
	}
	if (ret >= 0 || sp->is_stopping)
		return;
	if (is_end(ret)) {
		peer_ended(sp);
		return;
	}
	log_error("the network process sent %s", ret == -EOVERFLOW ?
		  "more messages than agreed" : "what makes no sense");
	stop(sp, SP_EXIT_ERROR);
}

static void take_signal(struct sp *sp, int number)
{
	if (number == SIGUSR1) {
		sp_counters_log(sp);
		return;
	}
	log_info("%s: stopping", strsignal(number));
	stop(sp, SP_EXIT_OK);
}

static void take_event(struct sp *sp, const struct arena_event *e)
{
	switch (e->type) {
	case ARENA_EVENT_OPERATION:
		sp_work_ended(sp, e);
		break;
	case ARENA_EVENT_CHANNEL:
		take_messages(sp);
		break;
	case ARENA_EVENT_SIGNAL:
		take_signal(sp, e->result);
		break;
	case ARENA_EVENT_TIMER:
		sp->is_ticking = false;
		sp_loop_return(sp);
		break;
	default:
		break;
	}
}

/* RETURNs that are held are sent after a second, even if there is no other message. */
static void tick(struct sp *sp)
{
	const struct arena_timer timer = { .size = sizeof(timer), .first_ns = HOLD_NS };

	if (!sp->returns.n || sp->is_ticking)
		return;
	if (arena_ring_add_timer(sp->ring, &timer, NULL))
		sp_loop_return(sp);
	else
		sp->is_ticking = true;
}

static void turn(struct sp *sp, const struct arena_event *events, int n)
{
	for (int i = 0; i < n; i++)
		take_event(sp, &events[i]);
	sp_requests_run(sp);
	sp_replies_send(sp);
	if (proto_returns_are_due(&sp->returns, 0))
		sp_loop_return(sp);
	tick(sp);
}

void sp_loop_run(struct sp *sp)
{
	static struct arena_event events[EVENTS];

	while (!sp->is_stopping || sp->active) {
		int n = arena_ring_next_many(sp->ring, events, EVENTS,
					     sp->stalled.first ? STALL_MS : -1);

		if (n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY) {
			log_error("io_uring: %s", strerror(-n));
			sp->status = SP_EXIT_ERROR;
			return;
		}
		turn(sp, events, n);
	}
}
