// SPDX-License-Identifier: MIT
#include "peer.h"

#include <arena/source.h>
#include <assert.h>
#include <common/log.h>
#include <control/socket.h>
#include <errno.h>
#include <proto/layout.h>
#include <proto/record.h>
#include <string.h>
#include <unistd.h>

#include "late.h"
#include "loop.h"
#include "replay.h"
#include "replies.h"
#include "sp.h"

/* Messages taken in a turn, so that a peer that floods does not keep the SP from other work. */
#define MESSAGES_A_TURN		1024

/*
 * The end
 */

struct arena_channel_counters sp_peer_counters(const struct sp_peer *peer)
{
	struct arena_channel_counters c = peer->counters;

	c.size = sizeof(c);
	if (peer->channel)
		arena_channel_counters(peer->channel, &c);
	return c;
}

/*
 * No more messages go to the NP or come from it. Without any NP, and without arenad, which would
 * start another one, there is nothing to serve. The ring watches the channel no more: messages that
 * nobody takes would be an event in each turn until the disk has done the NP's requests.
 */
static void end(struct sp_peer *peer, enum sp_exit status)
{
	struct sp *sp = peer->sp;

	if (peer->has_ended)
		return;
	peer->has_ended = true;
	peer->is_wrong = status == SP_EXIT_ERROR;
	/* The NP may live on, and have requests that would come after newer ones of others. */
	if (peer->is_wrong)
		sp_replay_refuse(peer);
	arena_ring_remove_source(sp->ring, peer->source);
	sp_requests_refuse(peer);
	sp->n_live--;
	sp->parting = status;
	if (!sp->n_live && !sp->has_arenad)
		sp_loop_stop(sp, status);
}

void sp_peer_disconnect(struct sp_peer *peer)
{
	if (!peer->channel)
		return;
	peer->counters = sp_peer_counters(peer);
	arena_channel_close(peer->channel);
	proto_returns_exit(&peer->returns);
	peer->channel = NULL;
}

/*
 * The NP keeps all extents that it had until a successor has its role: the kernel may still send
 * for it from them. They belong to groups that no other NP uses. What the disk still does for the
 * NP goes on, as the disk may hang; the successor is told which payload it reads.
 */
static void bury(struct sp_peer *peer)
{
	sp_late_orphan(peer);
	sp_replies_drop(peer);
	proto_returns_drop(&peer->returns);
	peer->version = 0;
	peer->has_replayed = false;
	peer->n_held = 0;
	peer->n_clients = 0;
	/* An NP that has broken the rules sees its end. Only a successor is heard again. */
	if (peer->is_wrong)
		arena_channel_leave(peer->channel);
	peer->is_wrong = false;
}

/* The channel takes it over. */
static int take_pidfd(struct sp_peer *peer)
{
	int pidfd = peer->process.pidfd;

	peer->process.pidfd = 0;
	return pidfd;
}

static int watch_channel(struct sp_peer *peer)
{
	struct sp *sp = peer->sp;
	int ret = arena_ring_add_channel(sp->ring, peer->channel, peer->id, &peer->source);

	peer->has_ended = ret;
	sp->n_live += !ret;
	return ret;
}

/* Wait for the HELLO of the successor, in the epoch that arenad has told. */
static void reopen(struct sp_peer *peer)
{
	int ret = arena_channel_reopen(peer->channel, peer->process.epoch,
				       peer->process.token, take_pidfd(peer));

	peer->is_replaced = false;
	if (!ret)
		ret = watch_channel(peer);
	if (ret)
		log_error("cannot open the channel to network process %u anew: %s", peer->id,
			  log_reason(-ret));
}

static void ended_turn(struct sp_peer *peer)
{
	if (peer->is_replaced || (peer->is_wrong && !peer->active))
		bury(peer);
	if (peer->is_replaced && peer->channel)
		reopen(peer);
}

/* Has the network process closed its end of the channel, or died? */
static bool is_end(int ret)
{
	return ret == -EPIPE || ret == -EOWNERDEAD;
}

/*
 * Sending
 */

/* Handle an error of sending. The end of the network process is noticed by receiving. */
static void check_sent(struct sp_peer *peer, int ret)
{
	if (!ret || is_end(ret) || peer->has_ended || peer->sp->is_stopping)
		return;
	/* The window has room for all messages of a peer that acknowledges them. */
	log_error("cannot send to network process %u: %s", peer->id, ret == -EAGAIN ?
		  "it does not take its messages; its log may say why" : log_reason(-ret));
	end(peer, SP_EXIT_ERROR);
}

void sp_peer_send(struct sp_peer *peer, const struct arena_msg *msg)
{
	check_sent(peer, arena_channel_send(peer->channel, msg));
}

void sp_peer_hold(struct sp_peer *peer, const struct arena_ref *ref)
{
	check_sent(peer, proto_returns_hold(&peer->returns, ref, PROTO_RETURN_RECORD));
}

void sp_peer_return(struct sp_peer *peer)
{
	check_sent(peer, proto_returns_send(&peer->returns));
}

void sp_peer_turn(struct sp_peer *peer)
{
	if (!peer->has_ended) {
		sp_replies_send(peer);
		if (proto_returns_are_due(&peer->returns, 0))
			sp_peer_return(peer);
	} else if (peer->channel) {
		ended_turn(peer);
	}
}

/*
 * Receiving
 */

/* Tell the NP which of its payload the disk still reads for one that had its role before. */
static uint32_t list_held(struct sp_peer *peer, struct arena_ref *held, uint32_t room)
{
	int64_t n = arena_list_borrowed(peer->sp->arena, peer->role, held, room);

	/* Each request has one extent at most. Records are returned as soon as they are copied. */
	assert(n >= 0 && n <= room);
	return (uint32_t)n;
}

/*
 * The NP has its role, so nothing works any more for one that had it before: what that one had is
 * free. The NP does nothing before it has got the HELLO.
 */
static void greet(struct sp_peer *peer)
{
	static struct arena_ref held[PROTO_MAX_NET_COUNT];
	uint32_t n = list_held(peer, held, proto_requests(peer->sp->layout));

	arena_reclaim_from(peer->sp->arena, peer->role);
	sp_replies_hello(peer, n);
	for (uint32_t i = 0; i < n; i++)
		sp_peer_send(peer, &(struct arena_msg){
			.type = PROTO_MESSAGE_HELD,
			.ref = held[i],
		});
}

/* HELLO has to be the first message of the NP, and no later one. */
static void take_hello(struct sp_peer *peer, const struct arena_msg *msg)
{
	int version = proto_version(PROTO_HELLO, msg->value);

	if (peer->version) {
		peer->sp->counters.bad_messages++;
		return;
	}
	greet(peer);
	if (version > 0) {
		peer->version = version;
		log_info("network process %u is there: protocol version %d", peer->id, version);
	} else if (!peer->sp->is_stopping) {
		log_error("network process %u speaks versions %u to %u of the protocol, and "
			  "arena-sp %u to %u: parting; upgrade the older one", peer->id,
			  proto_hello_oldest(msg->value), proto_hello_newest(msg->value),
			  PROTO_VERSION_OLDEST, PROTO_VERSION_NEWEST);
		end(peer, SP_EXIT_ERROR);
	}
}

static void take_message(struct sp_peer *peer, const struct arena_msg *msg)
{
	switch (msg->type) {
	case PROTO_MESSAGE_HELLO:
		take_hello(peer, msg);
		break;
	case PROTO_MESSAGE_REQUESTS:
		sp_requests_accept(peer, msg);
		break;
	case PROTO_MESSAGE_RETURN:
		sp_replies_regain(peer, msg);
		break;
	case PROTO_MESSAGE_HELD:
		peer->sp->counters.bad_messages += !sp_replay_held(peer, msg);
		break;
	case PROTO_MESSAGE_REPLAYED:
		peer->sp->counters.bad_messages += !sp_replay_ended(peer, msg);
		break;
	default:
		peer->sp->counters.bad_messages++;
	}
}

static void channel_ended(struct sp_peer *peer, int ret)
{
	if (is_end(ret)) {
		if (!peer->sp->is_stopping)
			log_info("network process %u has ended", peer->id);
		end(peer, SP_EXIT_PEER);
		return;
	}
	log_error("network process %u sent %s" LOG_REPORT, peer->id,
		  ret == -EOVERFLOW ? "more messages than agreed" : "what makes no sense");
	end(peer, SP_EXIT_ERROR);
}

void sp_peer_happened(struct sp_peer *peer)
{
	struct arena_msg msg;
	int ret = 1;

	for (int i = 0; i < MESSAGES_A_TURN && ret > 0 && !peer->has_ended; i++) {
		ret = arena_channel_recv(peer->channel, &msg);
		if (ret > 0)
			take_message(peer, &msg);
	}
	if (ret < 0)
		channel_ended(peer, ret);
}

/*
 * The start
 */

void sp_peer_init(struct sp *sp, uint32_t id)
{
	const struct arena_layout *l = sp->layout;
	unsigned int own = sp->options.id;

	sp->peer[id] = (struct sp_peer){
		.sp = sp,
		.id = id,
		.role = PROTO_ROLE_NP(id),
		.process.end = sp->options.np[id],
		.request_group = (uint32_t)proto_group_of_np(l, id, PROTO_USE_RECORD),
		.record_group = (uint32_t)proto_group_of_sp(l, own, id, PROTO_USE_RECORD),
		.disk_group = (uint32_t)proto_group_of_sp(l, own, id, PROTO_USE_DISK),
		.n_disk_groups = proto_groups_of_sp(l, own, PROTO_USE_DISK),
	};
}

static struct sp_peer *find(struct sp *sp, uint32_t role)
{
	uint32_t id = ARENA_ROLE_NUMBER(role);

	return ARENA_ROLE_CLASS(role) == PROTO_CLASS_NP && id < sp->n_peers ? &sp->peer[id] : NULL;
}

void sp_peer_told(struct sp *sp, const struct control_message *m, int pidfd)
{
	struct sp_peer *peer = find(sp, m->role);

	/* A process that takes no messages for a while may be told twice. */
	if (!peer || m->epoch <= peer->process.epoch) {
		if (pidfd >= 0)
			close(pidfd);
		return;
	}
	proto_peer_learn(&peer->process, m->epoch, m->token, pidfd);
	peer->is_replaced = peer->channel;
	/* Nobody has come in the epoch before, and nobody will. */
	if (peer->channel && !peer->version)
		end(peer, SP_EXIT_PEER);
}

int sp_peer_connect(struct sp_peer *peer)
{
	struct sp *sp = peer->sp;
	uint32_t records = sp->layout->group[peer->request_group].count;
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = proto_channel_transport(sp->options.transport),
		.entries = proto_window(proto_requests(sp->layout)),
		.end = &peer->process.end,
		.epoch = peer->process.epoch,
		.token = peer->process.token,
		.pidfd = take_pidfd(peer),
		.timeout_ms = -1,
		.nonblocking = true,
	};
	int ret = arena_channel_open(sp->arena, peer->role, &options, &peer->channel);

	if (!ret)
		ret = proto_returns_init(&peer->returns, peer->channel, records, 0,
					 proto_requests(sp->layout));
	if (!ret)
		ret = watch_channel(peer);
	if (ret)
		log_error("cannot open the channel to network process %u: %s", peer->id,
			  log_reason(-ret));
	return ret;
}
