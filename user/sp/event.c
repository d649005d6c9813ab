// SPDX-License-Identifier: MIT
#include "event.h"

#include <common/log.h>
#include <common/uring.h>
#include <proto/record.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "counters.h"
#include "request.h"
#include "sp.h"

#define SQ_ENTRIES	256U
/* Completions other than steps that may be waiting at once. */
#define CQ_SPARE	64U
/* So that a peer that floods does not keep us from the rest. */
#define MESSAGES_A_TURN	1024

static int ring_init(struct sp *sp, unsigned int extra)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_SINGLE_ISSUER | extra,
		/* A request has one step under way. */
		.cq_entries = sp->n_requests + CQ_SPARE,
	};

	if (params.cq_entries < 2 * SQ_ENTRIES)
		params.cq_entries = 2 * SQ_ENTRIES;
	return io_uring_queue_init_params(SQ_ENTRIES, &sp->ring, &params);
}

static void buffer_vec(const struct sp *sp, uint32_t group, struct iovec *iov)
{
	const struct arena_group *g = &sp->layout.group[group];

	iov->iov_base = arena_layout_buffer(sp->base, &sp->layout, group, 0);
	iov->iov_len = (size_t)g->buffer_size * g->count;
}

/*
 * The kernel registers only what this process may write, and a view of its own shows it the
 * NP's group read-only: plain addresses do as well. Linux 6.8 cannot pin memory of a region
 * for long at all.
 */
static void register_buffers(struct sp *sp)
{
	struct iovec iov[2];
	int ret;

	if (!sp->options.fixed_buffers)
		return;
	buffer_vec(sp, sp->own, &iov[SP_BUFFER_OWN]);
	buffer_vec(sp, PROTO_GROUP_PAYLOAD, &iov[SP_BUFFER_PAYLOAD]);
	for (sp->n_fixed = 2; sp->n_fixed; sp->n_fixed--) {
		ret = io_uring_register_buffers(&sp->ring, iov, sp->n_fixed);
		if (!ret)
			return;
	}
	log_warn("buffers cannot be registered with the kernel (%s): going on without, "
		 "which costs some speed", strerror(-ret));
}

int sp_event_open(struct sp *sp)
{
	int ret = ring_init(sp, IORING_SETUP_DEFER_TASKRUN);

	if (ret == -EINVAL)
		ret = ring_init(sp, IORING_SETUP_COOP_TASKRUN);
	if (ret) {
		uring_log_error(ret);
		return ret;
	}
	ret = io_uring_register_files(&sp->ring, &sp->disk.fd, 1);
	if (ret) {
		log_error("cannot register the disk with io_uring: %s", strerror(-ret));
		io_uring_queue_exit(&sp->ring);
		return ret;
	}
	register_buffers(sp);
	return 0;
}

void sp_event_close(struct sp *sp)
{
	/* Now, and not when the kernel gets round to it. */
	io_uring_unregister_files(&sp->ring);
	io_uring_queue_exit(&sp->ring);
}

struct io_uring_sqe *sp_event_sqe(struct sp *sp)
{
	return uring_sqe(&sp->ring);
}

static void arm(struct sp *sp, int fd, enum sp_event event)
{
	struct io_uring_sqe *sqe = sp_event_sqe(sp);

	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data64(sqe, sp_event_data(event, 0));
}

static void stop(struct sp *sp, enum sp_exit status)
{
	if (!sp->stopping)
		sp->status = status;
	sp->stopping = true;
	sp_request_refuse_waiting(sp);
}

/* Has the network process closed its end of the channel, or died? */
static bool is_end(int ret)
{
	return ret == -EPIPE || ret == -EOWNERDEAD;
}

void sp_event_send(struct sp *sp, const struct arena_msg *msg)
{
	int ret;

	/* For the message and the acknowledgment of others. */
	if (io_uring_sq_space_left(&sp->ring) < 2)
		uring_submit(&sp->ring);
	ret = arena_channel_send(sp->channel, msg);
	/* Of the end of the network process, receiving tells. */
	if (!ret || is_end(ret) || sp->stopping)
		return;
	/* The window has room for all messages that there can be. */
	log_error("cannot send to the network process: %s", ret == -EAGAIN ?
		  "it does not take its messages" : strerror(-ret));
	stop(sp, SP_EXIT_ERROR);
}

/* The first message of the NP's, and none of the later ones. */
static void take_hello(struct sp *sp, const struct arena_msg *msg)
{
	int version = proto_version(PROTO_HELLO, msg->value);

	if (sp->version) {
		sp->counters.bad_messages++;
	} else if (version > 0) {
		sp->version = version;
		log_info("the network process is there: protocol version %d", version);
	} else if (!sp->stopping) {
		log_error("the network process speaks versions %u to %u of the protocol, "
			  "and arena-sp %u to %u: stopping", proto_hello_oldest(msg->value),
			  proto_hello_newest(msg->value), PROTO_VERSION_OLDEST,
			  PROTO_VERSION_NEWEST);
		stop(sp, SP_EXIT_ERROR);
	}
}

static void handle_message(struct sp *sp, const struct arena_msg *msg)
{
	switch (msg->type) {
	case PROTO_MESSAGE_HELLO:
		take_hello(sp, msg);
		break;
	case PROTO_MESSAGE_REQUESTS:
		sp_request_accept(sp, msg);
		break;
	case PROTO_MESSAGE_RETURN:
		sp_request_regain(sp, msg);
		break;
	default:
		sp->counters.bad_messages++;
	}
}

static void peer_ended(struct sp *sp)
{
	if (!sp->stopping)
		log_info("the network process has ended: stopping");
	stop(sp, SP_EXIT_PEER);
}

static void drain_channel(struct sp *sp)
{
	struct arena_msg msg;
	int ret = 1;

	for (int i = 0; i < MESSAGES_A_TURN && ret > 0; i++) {
		ret = arena_channel_recv(sp->channel, &msg);
		if (ret > 0)
			handle_message(sp, &msg);
	}
	if (ret >= 0 || sp->stopping)
		return;
	if (is_end(ret)) {
		peer_ended(sp);
		return;
	}
	log_error("the network process sent %s", ret == -EOVERFLOW ?
		  "more messages than agreed" : "what makes no sense");
	stop(sp, SP_EXIT_ERROR);
}

static void handle_signals(struct sp *sp)
{
	struct signalfd_siginfo info;

	while (read(sp->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1) {
			sp_counters_log(sp);
			continue;
		}
		log_info("%s: stopping", strsignal((int)info.ssi_signo));
		stop(sp, SP_EXIT_OK);
	}
	arm(sp, sp->signal_fd, SP_EVENT_SIGNAL);
}

static void handle(struct sp *sp, const struct io_uring_cqe *cqe)
{
	uint64_t data = io_uring_cqe_get_data64(cqe);

	switch ((enum sp_event)(data & 0xff)) {
	case SP_EVENT_STEP:
		sp_request_completed(sp, (uint32_t)(data >> 8), cqe->res);
		break;
	case SP_EVENT_CHANNEL:
		/* Armed first, drained by the loop after: nothing is missed. */
		arm(sp, arena_channel_fd(sp->channel), SP_EVENT_CHANNEL);
		break;
	case SP_EVENT_PEER:
		peer_ended(sp);
		break;
	case SP_EVENT_SIGNAL:
		handle_signals(sp);
		break;
	case SP_EVENT_SEND:
		log_error("cannot send to the network process: %s", strerror(-cqe->res));
		stop(sp, SP_EXIT_ERROR);
		break;
	}
}

void sp_event_loop(struct sp *sp)
{
	arm(sp, arena_channel_fd(sp->channel), SP_EVENT_CHANNEL);
	arm(sp, sp->signal_fd, SP_EVENT_SIGNAL);
	if (arena_channel_pidfd(sp->channel) >= 0)
		arm(sp, arena_channel_pidfd(sp->channel), SP_EVENT_PEER);

	while (!sp->stopping || sp->active) {
		struct io_uring_cqe *cqe;
		int ret = io_uring_submit_and_wait(&sp->ring, 1);

		if (ret < 0 && !uring_is_transient(ret)) {
			log_error("io_uring: %s", strerror(-ret));
			sp->status = SP_EXIT_ERROR;
			return;
		}
		/* One by one: a handler may submit, and so add completions. */
		while (!io_uring_peek_cqe(&sp->ring, &cqe)) {
			handle(sp, cqe);
			io_uring_cqe_seen(&sp->ring, cqe);
		}
		drain_channel(sp);
		sp_request_reply(sp);
	}
	/* The last replies. */
	uring_submit(&sp->ring);
}
