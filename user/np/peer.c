// SPDX-License-Identifier: MIT
#include "peer.h"

#include <common/clock.h>
#include <common/log.h>
#include <proto/record.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "np.h"
#include "reply.h"

static const char *peer_name(const struct peer *peer)
{
	return peer->np->options->sp[peer->id].name;
}

/* The first message, before the ring is there to wait for it. */
static int wait_for_message(struct peer *peer, struct arena_msg *msg)
{
	int64_t deadline = clock_deadline(HELLO_SECONDS * 1000LL);
	int ret;

	do
		ret = arena_channel_next(peer->channel, msg, clock_left_ms(deadline));
	while (ret == -EINTR);
	if (ret < 0)
		return ret;
	return ret ? 0 : -ETIMEDOUT;
}

/* What a message of the SP points to, or NULL if it is not one of the SP's extents for records. */
static const void *record_at(const struct peer *peer, const struct arena_ref *ref)
{
	const struct np *np = peer->np;

	if (ref->group != peer->records || !ref->generation ||
	    !arena_layout_has(&np->layout, ref->group, ref->index, ref->count))
		return NULL;
	return arena_layout_buffer(np->base, &np->layout, ref->group, ref->index);
}

/* Of the channel; negative if there is none. */
static int agree_on_version(const struct peer *peer, uint16_t offer)
{
	int version = proto_version(PROTO_HELLO, offer);

	if (version < 0)
		log_error("storage process of '%s': it speaks versions %u to %u of the protocol, "
			  "and arena-np %u to %u", peer_name(peer), proto_hello_oldest(offer),
			  proto_hello_newest(offer), PROTO_VERSION_OLDEST, PROTO_VERSION_NEWEST);
	return version;
}

static void fill_export(struct peer *peer, const struct proto_disk *disk)
{
	struct np *np = peer->np;
	struct export *e = &np->exports.export[peer->id];

	memcpy(e->name, peer_name(peer), sizeof(e->name));
	e->bytes = disk->bytes;
	e->is_readonly = disk->flags & PROTO_DISK_READONLY;
	e->is_served = true;
	np->exports.n = peer->id + 1;
}

static int take_hello(struct peer *peer, const struct arena_msg *msg)
{
	const void *shared = record_at(peer, &msg->ref);
	struct proto_disk disk;
	int version;

	if (msg->type != PROTO_MESSAGE_HELLO)
		return -EPROTO;
	/* Of another version, the rest of the HELLO may be another, too. */
	version = agree_on_version(peer, msg->value);
	if (version < 0)
		return version;
	if (!shared || proto_disk_receive(&disk, shared))
		return -EPROTO;
	peer_return(peer, &msg->ref);
	fill_export(peer, &disk);
	log_info("export '%s': %llu bytes%s, protocol version %d", peer_name(peer),
		 (unsigned long long)disk.bytes,
		 disk.flags & PROTO_DISK_READONLY ? ", read-only" : "", version);
	return 0;
}

static int connect_channel(struct peer *peer)
{
	struct np *np = peer->np;
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = ARENA_CHANNEL_MSG_RING,
		.entries = proto_window(proto_requests(&np->layout)),
		.peer_pid = np->options->sp[peer->id].pid,
		.timeout_ms = HELLO_SECONDS * 1000,
		.tx_ring = &np->ring.uring,
		.tx_user_data = (uintptr_t)&peer->send,
	};
	struct arena_msg hello;
	int ret;

	ret = arena_channel_open(np->arena, PROTO_ROLE_SP(peer->id), &options, &peer->channel);
	if (ret)
		return ret;
	peer_send(peer, &(struct arena_msg){ .type = PROTO_MESSAGE_HELLO, .value = PROTO_HELLO });
	ret = wait_for_message(peer, &hello);
	if (ret)
		return ret;
	return take_hello(peer, &hello);
}

struct arena_channel_counters peer_counters(const struct peer *peer)
{
	struct arena_channel_counters c = peer->counters;

	c.size = sizeof(c);
	if (peer->channel)
		arena_channel_counters(peer->channel, &c);
	return c;
}

/* The poll's completion may be on its way still: close only after it. */
static void close_channel(struct peer *peer)
{
	if (!peer->channel || peer->is_polling)
		return;
	/* A queued message names the peer's fd, which is closed here. */
	ring_submit(&peer->np->ring);
	peer->counters = peer_counters(peer);
	arena_channel_close(peer->channel);
	peer->channel = NULL;
}

static void fail(struct peer *peer, const char *why)
{
	struct np *np = peer->np;

	if (peer->has_failed)
		return;
	log_error("export '%s' is out of service: %s", peer_name(peer), why);
	peer->has_failed = true;
	np->exports.export[peer->id].is_served = false;
	reply_fail_peer(np, peer);
	if (peer->is_polling) {
		struct io_uring_sqe *sqe = ring_sqe(&np->ring);

		io_uring_prep_cancel(sqe, &peer->poll, 0);
		io_uring_sqe_set_data(sqe, &peer->cancel);
	}
	close_channel(peer);
}

/* Each is as good or bad as it is itself. */
static bool take_replies(struct peer *peer, const struct arena_msg *msg)
{
	const void *shared = record_at(peer, &msg->ref);
	struct np *np = peer->np;
	struct proto_reply reply;

	if (!shared ||
	    !proto_records_fit(msg, (size_t)msg->ref.count * PROTO_RECORD_BUFFER,
			       sizeof(reply)))
		return false;
	for (size_t i = 0; i < msg->value; i++)
		if (proto_reply_receive(&reply, shared, i) || !reply_take(np, peer, &reply))
			np->counters.bad_messages++;
	peer_return(peer, &msg->ref);
	return true;
}

static void take_message(struct peer *peer, const struct arena_msg *msg)
{
	struct np *np = peer->np;

	if (msg->type == PROTO_MESSAGE_REPLIES && take_replies(peer, msg))
		return;
	if (msg->type == PROTO_MESSAGE_RETURN && slot_regain(np, peer->id, &msg->ref))
		return;
	np->counters.bad_messages++;
	log_debug("export '%s': dropped message type %u value %u group %u index %u count %u "
		  "generation %u", peer_name(peer), msg->type, msg->value, msg->ref.group,
		  msg->ref.index, msg->ref.count, msg->ref.generation);
}

static void arm_poll(struct peer *peer)
{
	struct io_uring_sqe *sqe = ring_sqe(&peer->np->ring);

	io_uring_prep_poll_add(sqe, arena_channel_fd(peer->channel), POLLIN);
	io_uring_sqe_set_data(sqe, &peer->poll);
	peer->is_polling = true;
}

static const char *channel_error(int err)
{
	switch (err) {
	case -EPIPE:
	case -EOWNERDEAD:
		return "its storage process has ended";
	case -EOVERFLOW:
		return "it sent more messages than it may";
	default:
		return strerror(-err);
	}
}

static void poll_done(struct ring_op *op, int res)
{
	struct peer *peer = container_of(op, struct peer, poll);
	struct arena_msg msg;
	int ret = 1;

	peer->is_polling = false;
	if (peer->has_failed) {
		close_channel(peer);
		return;
	}
	if (res < 0 && res != -EINTR && res != -EAGAIN) {
		fail(peer, strerror(-res));
		return;
	}
	for (int i = 0; i < NP_MESSAGES_A_TURN && ret > 0; i++) {
		ret = arena_channel_recv(peer->channel, &msg);
		if (ret > 0)
			take_message(peer, &msg);
	}
	if (ret < 0)
		fail(peer, channel_error(ret));
	else
		arm_poll(peer);
}

static void death_done(struct ring_op *op, int res)
{
	(void)res;
	fail(container_of(op, struct peer, death), channel_error(-EPIPE));
}

static void send_done(struct ring_op *op, int res)
{
	fail(container_of(op, struct peer, send),
	     res < 0 ? strerror(-res) : "it does not take its messages");
}

static void cancel_done(struct ring_op *op, int res)
{
	(void)op;
	(void)res;
}

void peer_start(struct peer *peer)
{
	arm_poll(peer);
	if (arena_channel_pidfd(peer->channel) >= 0) {
		struct io_uring_sqe *sqe = ring_sqe(&peer->np->ring);

		io_uring_prep_poll_add(sqe, arena_channel_pidfd(peer->channel), POLLIN);
		io_uring_sqe_set_data(sqe, &peer->death);
	}
}

static const char *connect_error(int err)
{
	if (err == -ETIMEDOUT)
		return "it did not come";
	return err == -ESRCH ? channel_error(-EPIPE) : channel_error(err);
}

int peer_connect(struct np *np, unsigned int id)
{
	struct peer *peer = &np->peer[id];
	int ret;

	*peer = (struct peer){
		.np = np,
		.id = id,
		.group = (uint32_t)proto_group_of_sp(&np->layout, id, PROTO_USE_DISK),
		.records = (uint32_t)proto_group_of_sp(&np->layout, id, PROTO_USE_RECORD),
		.poll.done = poll_done,
		.death.done = death_done,
		.send.done = send_done,
		.cancel.done = cancel_done,
	};
	np->n_peers = id + 1;
	ret = connect_channel(peer);
	if (ret)
		log_error("storage process of '%s': %s", peer_name(peer), connect_error(ret));
	return ret;
}

void peer_disconnect(struct peer *peer)
{
	peer->is_polling = false;
	if (peer->channel)
		close_channel(peer);
}

void peer_send(struct peer *peer, const struct arena_msg *msg)
{
	struct io_uring_sqe *sqe;
	struct ring *ring = &peer->np->ring;
	int ret;

	if (peer->has_failed || peer->is_deaf)
		return;
	/* For the message and the acknowledgment of others. */
	if (io_uring_sq_space_left(&ring->uring) < 2)
		ring_submit(ring);
	ret = arena_channel_send(peer->channel, msg);
	/* Of its end, receiving tells. */
	if (!ret || ret == -EPIPE || ret == -EOWNERDEAD)
		return;
	/*
	 * The window has room for all messages that there can be, so the peer
	 * acknowledges none. A completion fails it, as the caller still works with it.
	 */
	peer->is_deaf = true;
	sqe = ring_sqe(ring);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, &peer->send);
}

void peer_return(struct peer *peer, const struct arena_ref *ref)
{
	peer_send(peer, &(struct arena_msg){ .type = PROTO_MESSAGE_RETURN, .ref = *ref });
}

uint64_t peer_free_bytes(const struct peer *peer)
{
	uint32_t all = peer->np->layout.group[peer->group].count;

	/* More may be asked for than there is: the SP lets it wait. */
	return peer->lent < all ?
	       (uint64_t)(all - peer->lent) * PROTO_DISK_BUFFER : 0;
}
