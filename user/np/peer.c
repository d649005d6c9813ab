// SPDX-License-Identifier: MIT
#include "peer.h"

#include <arena/source.h>
#include <assert.h>
#include <common/clock.h>
#include <common/log.h>
#include <common/probe.h>
#include <control/socket.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alive.h"
#include "hold.h"
#include "np.h"
#include "reply.h"
#include "send.h"
#include "use.h"

static const char *peer_name(const struct peer *peer)
{
	const struct export_options *e = &peer->np->offered.set.export[peer->id];

	return export_is_vacant(e) ? "(removed)" : e->label;
}

/*
 * The end
 */

struct arena_channel_counters peer_counters(const struct peer *peer)
{
	struct arena_channel_counters c = peer->counters;

	c.size = sizeof(c);
	if (peer->channel)
		arena_channel_counters(peer->channel, &c);
	return c;
}

static void close_channel(struct peer *peer)
{
	if (!peer->channel)
		return;
	peer->counters = peer_counters(peer);
	proto_returns_exit(&peer->returns);
	free(peer->kept);
	peer->kept = NULL;
	peer->n_kept = 0;
	arena_channel_close(peer->channel);
	peer->channel = NULL;
}

static void unwatch(struct peer *peer)
{
	if (peer->is_watched)
		arena_ring_remove_source(peer->np->ring, peer->source);
	peer->is_watched = false;
}

/*
 * Extents that the SP has lent stay BORROWED, so that replies which have come are sent. Extents
 * that it was lent stay LENT, as its disk may still read them, until a successor says that it does
 * not.
 */
static void fail(struct peer *peer, const char *why)
{
	struct np *np = peer->np;

	if (peer->state == PEER_FAILED)
		return;
	if (!export_is_vacant(&np->offered.set.export[peer->id]))
		log_error("export '%s' is out of service: %s; look at the log of its storage "
			  "process", peer_name(peer), why);
	peer->state = PEER_FAILED;
	np->exports.export[peer->id].is_served = false;
	TAILQ_INIT(&peer->queue);
	peer->n_queue = 0;
	reply_fail_peer(np, peer);
}

/* Has the SP closed its end of the channel, or died? */
static bool is_end(int err)
{
	return err == -EPIPE || err == -EOWNERDEAD;
}

static const char *channel_error(int err)
{
	switch (err) {
	case -EPIPE:
	case -EOWNERDEAD:
		return "its storage process has ended";
	case -ETIMEDOUT:
		return "it did not come";
	case -EOVERFLOW:
		return "it sent more messages than it may";
	case -EAGAIN:
		return "it does not take its messages";
	default:
		return strerror(-err);
	}
}

/*
 * An SP is not there, and clients are not served yet. If this process or the SP had a predecessor,
 * the export comes up when the SP does; else this process can do without, or not begin.
 */
static void miss(struct peer *peer, int err)
{
	struct np *np = peer->np;
	const struct export_options *e = &np->offered.set.export[peer->id];

	if (peer->is_settled || np->begin.error || peer->process.epoch > 1)
		return;
	if (export_is_vacant(e)) {
		peer->is_settled = true;
		return;
	}
	log_error("storage process of '%s': %s; its own lines say why", peer_name(peer),
		  channel_error(err));
	if (e->no_disk == EXPORT_STOP) {
		begin_fail(np, err);
		return;
	}
	log_warn("export '%s' has no disk: going on without; look at the log of its storage "
		 "process", peer_name(peer));
	peer->is_settled = true;
}

/*
 * Sending. The window has room for all messages that there can be, so an SP for which it has no
 * room does not acknowledge its messages. The end of an SP is noticed by receiving.
 */

static void sent(struct peer *peer, int ret)
{
	peer->has_moved = true;
	if (ret && !is_end(ret))
		fail(peer, channel_error(ret));
}

static void hold_return(struct peer *peer, const struct arena_ref *ref, enum proto_returned what)
{
	if (!peer->returns.n)
		peer->held_since = peer->np->now;
	sent(peer, proto_returns_hold(&peer->returns, ref, what));
}

void peer_return(struct peer *peer, struct arena_buf buf)
{
	struct arena_ref ref;

	/* A dead SP is told nothing; a successor is told only what is still borrowed. */
	if (!arena_return(peer->np->arena, buf, &ref) && peer->state == PEER_OPEN)
		hold_return(peer, &ref, PROTO_RETURN_DATA);
}

/* A process's requests have different times, so that they have an order. */
static uint64_t time_of_turn(struct np *np)
{
	uint64_t now_ns = np_turn_ns(np);

	np->received_ns = now_ns > np->received_ns ? now_ns : np->received_ns + 1;
	return np->received_ns;
}

bool peer_queue(struct peer *peer, struct request *r)
{
	r->received_ns = time_of_turn(peer->np);
	if (!alive_vouch(r))
		return false;
	peer_requeue(peer, r);
	return true;
}

void peer_requeue(struct peer *peer, struct request *r)
{
	r->state = REQUEST_QUEUED;
	TAILQ_INSERT_TAIL(&peer->queue, r, link);
	peer->n_queue++;
}

void peer_unqueue(struct peer *peer, struct request *r)
{
	if (r->state != REQUEST_QUEUED)
		return;
	TAILQ_REMOVE(&peer->queue, r, link);
	peer->n_queue--;
}

static void count(struct np_counters *c, const struct request *r)
{
	switch (r->command.operation) {
	case PROTO_READ:
		c->reads++;
		break;
	case PROTO_WRITE:
		c->writes++;
		break;
	case PROTO_FLUSH:
		c->flushes++;
		break;
	case PROTO_DISCARD:
		c->trims++;
		break;
	case PROTO_WRITE_ZEROES:
		c->zeroes++;
		break;
	case PROTO_CACHE:
		c->caches++;
		break;
	case PROTO_BLOCK_STATUS:
		c->statuses++;
		break;
	default:
		break;
	}
}

/* Lend an extent to the SP. Return: the ref that names it to the SP. */
static struct arena_ref lend(struct peer *peer, struct arena_buf buf)
{
	struct arena_ref ref = { 0 };
	int ret = arena_lend(peer->np->arena, buf, peer->role, &ref);

	/* The NP owns the extent, and every operation on it has ended. */
	assert(!ret);
	(void)ret;
	return ref;
}

/* Write the record of a request, and lend its payload to the SP. */
static void write_record(struct peer *peer, struct request *r, struct proto_request *record)
{
	struct np *np = peer->np;

	*record = (struct proto_request){
		.tag = request_tag(&np->requests, r),
		.offset = r->command.offset,
		.length = r->command.length,
		.received_ns = r->received_ns,
		.alive_ns = r->alive_ns,
		.operation = r->command.operation,
		.flags = r->command.flags | (peer->owes_replayed ? PROTO_FLAG_REPLAY : 0),
		.n_refs = r->command.operation == PROTO_WRITE,
		.client = (uint16_t)r->conn->number,
	};
	if (record->n_refs) {
		lent_note(np, peer, r->buf);
		r->ref = lend(peer, r->buf);
		record->ref[0] = r->ref;
	}
	r->state = REQUEST_AT_SP;
	r->handed_ns = np_noted_ns(np);
	probe_np_handed(np->options->id, record->tag, peer->id);
	if (!peer->owes_replayed)
		count(&np->counters, r);
}

/* Get records for @n requests, or for fewer if there are not so many side by side. */
static uint32_t get_records(struct np *np, uint32_t n, struct arena_buf *buf)
{
	if (n > PROTO_MAX_RECORDS)
		n = PROTO_MAX_RECORDS;
	while (n && arena_get_for(np->arena, PROTO_USE_RECORD, n, buf))
		n /= 2;
	return n;
}

/* Return: false if the rest has to wait until the SP returns records. */
static bool send_requests(struct peer *peer)
{
	struct arena_msg msg = { .type = PROTO_MESSAGE_REQUESTS };
	struct np *np = peer->np;
	struct proto_request *record;
	struct arena_buf buf;
	uint32_t n = get_records(np, peer->n_queue, &buf);

	if (!n)
		return false;
	record = arena_ptr(np->arena, buf);
	for (uint32_t i = 0; i < n; i++) {
		struct request *r = TAILQ_FIRST(&peer->queue);

		TAILQ_REMOVE(&peer->queue, r, link);
		write_record(peer, r, &record[i]);
	}
	peer->n_queue -= n;
	msg.value = (uint16_t)n;
	msg.ref = lend(peer, buf);
	sent(peer, arena_channel_send(peer->channel, &msg));
	return true;
}

/* The requests that a predecessor had, and all that wait with them, come before the mark. */
static void end_replay(struct peer *peer)
{
	const struct arena_msg msg = {
		.type = PROTO_MESSAGE_REPLAYED,
		.value = (uint16_t)peer->n_clients,
	};

	if (!peer->owes_replayed || peer->n_queue || peer->state != PEER_OPEN)
		return;
	peer->owes_replayed = false;
	sent(peer, arena_channel_send(peer->channel, &msg));
}

void peer_turn(struct peer *peer)
{
	if (peer->state != PEER_OPEN ||
	    (!peer->n_queue && !peer->owes_replayed &&
	     !proto_returns_are_due(&peer->returns, peer->data.used)))
		return;
	sent(peer, proto_returns_send(&peer->returns));
	while (peer->n_queue && peer->state == PEER_OPEN && send_requests(peer))
		;
	end_replay(peer);
}

void peer_tick(struct peer *peer)
{
	if (hold_is_over(peer))
		fail(peer, "no storage process has taken the place of the last one in time");
	if (!peer->is_settled && begin_is_late(peer->np))
		miss(peer, -ETIMEDOUT);
	if (peer->state == PEER_OPEN && peer->returns.n && peer->np->now > peer->held_since)
		sent(peer, proto_returns_send(&peer->returns));
}

bool peer_needs_tick(const struct peer *peer)
{
	return peer->state == PEER_HELD || (peer->state == PEER_OPEN && peer->returns.n);
}

void peer_abandon(struct conn *c)
{
	struct peer *peer = &c->np->peer[c->sp];
	struct request *r, *next;

	if (!c->n_requests)
		return;
	for (r = TAILQ_FIRST(&peer->queue); r; r = next) {
		next = TAILQ_NEXT(r, link);
		if (r->conn != c)
			continue;
		peer_unqueue(peer, r);
		use_forget(r);
		request_drop_payload(r);
		request_put(r);
	}
	hold_abandon(c);
}

/*
 * Receiving
 */

static bool has_use(const struct np *np, const struct arena_ref *ref, enum proto_use use)
{
	const struct arena_layout *l = arena_layout(np->arena);

	return ref->group < l->n_groups && l->group[ref->group].use == use;
}

/* Borrow records of the SP until return_records(); NULL if the SP has not lent them. */
static const void *borrow_records(struct peer *peer, const struct arena_msg *msg,
				  struct arena_buf *buf)
{
	struct np *np = peer->np;

	if (!has_use(np, &msg->ref, PROTO_USE_RECORD) ||
	    arena_borrow(np->arena, peer->role, &msg->ref, buf))
		return NULL;
	return arena_ptr_const(np->arena, *buf);
}

static void return_records(struct peer *peer, struct arena_buf buf, bool is_good)
{
	struct arena_ref ref;

	if (!arena_return(peer->np->arena, buf, &ref) && is_good && peer->state == PEER_OPEN)
		hold_return(peer, &ref, PROTO_RETURN_RECORD);
}

/* Take each reply by itself: a bad one does not make the others bad. */
static void take_each(struct peer *peer, const void *shared, uint32_t n)
{
	struct np *np = peer->np;
	struct proto_reply reply;

	for (uint32_t i = 0; i < n; i++)
		if (proto_reply_receive(&reply, shared, i) || !reply_take(np, peer, &reply))
			np->counters.bad_messages++;
}

static bool take_replies(struct peer *peer, const struct arena_msg *msg)
{
	struct arena_buf buf;
	const void *shared = borrow_records(peer, msg, &buf);
	bool is_good;

	if (!shared)
		return false;
	is_good = proto_records_fit(msg, (size_t)msg->ref.count * PROTO_RECORD_BUFFER,
				    sizeof(struct proto_reply));
	if (is_good)
		take_each(peer, shared, msg->value);
	return_records(peer, buf, is_good);
	return is_good;
}

/* Tell the SP what this process has of its predecessor's. */
static int tell_held(struct peer *peer)
{
	struct arena_msg msg = { .type = PROTO_MESSAGE_HELD };
	struct np *np = peer->np;
	struct arena_ref *ref = calloc(np->requests.n, sizeof(*ref));
	int64_t n;

	if (!ref)
		return -ENOMEM;
	/* Each request has one extent at most. */
	n = arena_list_borrowed(np->arena, peer->role, ref, np->requests.n);
	assert(n <= np->requests.n);
	for (int64_t i = 0; i < n; i++) {
		msg.ref = ref[i];
		sent(peer, arena_channel_send(peer->channel, &msg));
	}
	free(ref);
	return 0;
}

/*
 * It is known what the SP has: what was set aside for it comes back, but for that. It has the claim
 * to the disk, so nothing works any more for one that was there before.
 */
static int settle(struct peer *peer)
{
	uint32_t n = peer->is_settled ? 0 : peer->n_kept;
	int ret = hold_end(peer);

	if (ret)
		return ret;
	/* One that overlaps another one is a lie. */
	for (uint32_t i = 0; i < n; i++)
		reply_keep_held(peer->np, peer, &peer->kept[i]);
	peer->is_settled = true;
	peer->owes_replayed = true;
	peer->state = PEER_OPEN;
	peer->use_moved_at = peer->np->now;
	return tell_held(peer);
}

static bool take_return(struct peer *peer, const struct arena_msg *msg)
{
	struct np *np = peer->np;
	struct arena_buf buf;

	if (has_use(np, &msg->ref, PROTO_USE_PAYLOAD))
		return reply_take_kept(np, peer, &msg->ref);
	return has_use(np, &msg->ref, PROTO_USE_RECORD) &&
	       !arena_regain(np->arena, peer->role, &msg->ref, &buf) &&
	       !arena_put(np->arena, buf);
}

/* The SP can have only what a predecessor of this process has lent it. */
static bool take_held(struct peer *peer, const struct arena_msg *msg)
{
	if (peer->is_settled || peer->n_kept >= peer->n_expected ||
	    !lent_has(peer->np, peer, &msg->ref))
		return false;
	peer->kept[peer->n_kept++] = msg->ref;
	return peer->n_kept < peer->n_expected || !settle(peer);
}

static void take_message(struct peer *peer, const struct arena_msg *msg)
{
	struct np *np = peer->np;

	if (msg->type == PROTO_MESSAGE_REPLIES && take_replies(peer, msg))
		return;
	if (msg->type == PROTO_MESSAGE_RETURN && take_return(peer, msg))
		return;
	if (msg->type == PROTO_MESSAGE_HELD && take_held(peer, msg))
		return;
	np->counters.bad_messages++;
	log_debug("export '%s': dropped message type %u value %u group %u index %u count %u "
		  "generation %u", peer_name(peer), msg->type, msg->value, msg->ref.group,
		  msg->ref.index, msg->ref.count, msg->ref.generation);
}

/*
 * The start
 */

/* Return: the version that the channel speaks; negative if there is none. */
static int agree_on_version(const struct peer *peer, uint16_t offer)
{
	int version = proto_version(PROTO_HELLO, offer);

	if (version < 0)
		log_error("storage process of '%s': it speaks versions %u to %u of the protocol, "
			  "and arena-np %u to %u; upgrade the older one", peer_name(peer),
			  proto_hello_oldest(offer), proto_hello_newest(offer),
			  PROTO_VERSION_OLDEST, PROTO_VERSION_NEWEST);
	return version;
}

/* An export is in the table from the start, and is served when its SP has described the disk. */
static void add_export(struct peer *peer)
{
	struct np *np = peer->np;

	export_show_as(&np->exports.export[peer->id], &np->offered.set.export[peer->id]);
	np->exports.n = peer->id + 1;
}

static void fill_export(struct peer *peer, const struct proto_disk *disk)
{
	struct export *e = &peer->np->exports.export[peer->id];

	e->is_readonly = disk->flags & PROTO_DISK_READONLY;
	e->is_rotational = disk->flags & PROTO_DISK_ROTATIONAL;
	e->can_discard = disk->flags & PROTO_DISK_DISCARD && !e->is_readonly;
	e->can_zero = disk->flags & PROTO_DISK_WRITE_ZEROES && !e->is_readonly;
	e->is_served = true;
	if (disk->flags & PROTO_DISK_LIMITED)
		share_bound(peer->np, peer->id);
}

static uint32_t max_held(const struct peer *peer)
{
	return proto_requests(arena_layout(peer->np->arena));
}

/*
 * An SP that serves this NP's predecessor still has payload of that one at its disk. The record is
 * returned when the SP can be sent messages.
 */
static int take_disk(struct peer *peer, const struct arena_msg *msg, struct proto_disk *disk)
{
	struct arena_buf buf;
	const void *shared = borrow_records(peer, msg, &buf);
	struct arena_ref ref;
	int ret;

	if (!shared)
		return -EPROTO;
	ret = proto_disk_receive(disk, shared);
	if (!ret && disk->n_held > max_held(peer))
		ret = -EPROTO;
	peer->n_expected = disk->n_held;
	/* Those of an SP that died before it had named all. */
	if (!peer->is_settled)
		peer->n_kept = 0;
	arena_return(peer->np->arena, buf, &ref);
	return ret;
}

static int take_hello(struct peer *peer, const struct arena_msg *msg)
{
	struct proto_disk disk;
	int version;

	if (msg->type != PROTO_MESSAGE_HELLO)
		return -EPROTO;
	/* In another version the rest of the HELLO may have another form. */
	peer->hello = msg->value;
	version = agree_on_version(peer, msg->value);
	if (version < 0)
		return version;
	if (take_disk(peer, msg, &disk))
		return -EPROTO;
	fill_export(peer, &disk);
	peer->losses = disk.losses;
	log_info("export '%s': %llu bytes%s, protocol version %d", peer_name(peer),
		 (unsigned long long)disk.bytes,
		 disk.flags & PROTO_DISK_READONLY ? ", read-only" : "", version);
	return 0;
}

static int say_hello(struct peer *peer)
{
	const struct arena_msg hello = { .type = PROTO_MESSAGE_HELLO, .value = PROTO_HELLO };

	return arena_channel_send(peer->channel, &hello);
}

/*
 * The SP answers the HELLO, which can be sent when the channel has connected: then there is an
 * event.
 */
static int try_hello(struct peer *peer)
{
	int ret = say_hello(peer);

	peer->owes_hello = ret == -EAGAIN;
	return ret == -EAGAIN ? 0 : ret;
}

static int greet(struct peer *peer, const struct arena_msg *msg)
{
	int ret = take_hello(peer, msg);

	/* It has nothing of a predecessor if this process has served already. */
	if (!ret && peer->is_settled && peer->n_expected)
		ret = -EPROTO;
	if (!ret)
		peer->is_greeted = true;
	if (!ret && !peer->n_expected)
		ret = settle(peer);
	if (!ret)
		hold_return(peer, &msg->ref, PROTO_RETURN_RECORD);
	return ret;
}

/* An SP that makes no sense is not heard any more; there may be another one. */
static void greet_or_part(struct peer *peer, const struct arena_msg *msg)
{
	int ret = greet(peer, msg);

	if (!ret)
		return;
	unwatch(peer);
	if (peer->is_settled)
		log_error("storage process of '%s': %s; look at the log of that process",
			  peer_name(peer), channel_error(ret));
	else
		miss(peer, ret);
}

static int watch(struct peer *peer)
{
	int ret = arena_ring_add_channel(peer->np->ring, peer->channel,
					 handler_cookie(&peer->handler), &peer->source);

	peer->is_watched = !ret;
	return ret;
}

/* The SP answers the HELLO. */
static int begin_channel(struct peer *peer)
{
	int ret = try_hello(peer);

	return ret ? ret : watch(peer);
}

/*
 * Open the channel anew, in which nothing of an earlier epoch is left then. An SP that is dead
 * already is not waited for.
 */
static void reopen(struct peer *peer)
{
	int pidfd = peer->process.pidfd, ret;

	peer->process.pidfd = 0;
	peer->is_succeeded = false;
	peer->is_greeted = false;
	proto_returns_drop(&peer->returns);
	if (!pidfd)
		return;
	ret = arena_channel_reopen(peer->channel, peer->process.epoch,
				   peer->process.token, pidfd);
	if (!ret)
		ret = begin_channel(peer);
	if (ret && !is_end(ret))
		log_error("storage process of '%s': cannot open the channel anew: %s",
			  peer_name(peer), log_reason(-ret));
}

/* Nothing works for the dead SP, and nobody takes its place: what it had is free. */
static void let_go(struct peer *peer)
{
	peer->is_gone = false;
	fail(peer, "its storage process has ended, and none follows");
	hold_regain(peer);
	peer->is_settled = true;
}

/* All that the SP has sent was taken. */
static void lost(struct peer *peer, int err)
{
	unwatch(peer);
	if (is_end(err) && hold_is_wanted(peer))
		hold_begin(peer);
	else if (peer->state == PEER_OPEN)
		fail(peer, channel_error(err));
	miss(peer, err);
	if (peer->is_gone)
		let_go(peer);
	if (peer->is_succeeded)
		reopen(peer);
}

/* The dead SP's messages are taken first; they end when its death is noticed. */
static void succeed(struct peer *peer)
{
	peer->is_succeeded = true;
	if (!peer->is_watched)
		reopen(peer);
}

static void channel_happened(struct handler *h, const struct arena_event *e)
{
	struct peer *peer = container_of(h, struct peer, handler);
	struct arena_msg msg;
	int ret = 1;

	(void)e;
	peer->has_moved = true;
	/* An error of sending is found again by receiving. */
	if (peer->owes_hello)
		try_hello(peer);
	for (int i = 0; i < NP_MESSAGES_A_TURN && ret > 0 && peer->is_watched; i++) {
		ret = arena_channel_recv(peer->channel, &msg);
		if (ret > 0 && !peer->is_greeted)
			greet_or_part(peer, &msg);
		else if (ret > 0)
			take_message(peer, &msg);
	}
	if (ret < 0)
		lost(peer, ret);
}

static int open_channel(struct peer *peer)
{
	struct np *np = peer->np;
	const struct arena_layout *l = arena_layout(np->arena);
	uint32_t requests = proto_requests(l);
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = proto_channel_transport(np->options->transport),
		.entries = proto_window(requests),
		.end = &peer->process.end,
		.epoch = peer->process.epoch,
		.token = peer->process.token,
		.pidfd = peer->process.pidfd,
		.timeout_ms = -1,
		.nonblocking = true,
	};
	int ret = arena_channel_open(np->arena, peer->role, &options, &peer->channel);

	peer->process.pidfd = 0;
	if (ret)
		return ret;
	peer->kept = calloc(requests, sizeof(*peer->kept));
	if (!peer->kept)
		return -ENOMEM;
	return proto_returns_init(&peer->returns, peer->channel,
				  proto_buffers_of_sp(l, peer->id, PROTO_USE_RECORD),
				  proto_buffers_of_sp(l, peer->id, PROTO_USE_DISK), requests);
}

void peer_init(struct np *np, unsigned int id)
{
	struct peer *peer = &np->peer[id];

	*peer = (struct peer){
		.np = np,
		.id = id,
		.role = PROTO_ROLE_SP(id),
		.process.end = np->options->sp[id],
		.handler.happened = channel_happened,
	};
	TAILQ_INIT(&peer->queue);
	share_data(np, peer);
	np->n_peers = id + 1;
	add_export(peer);
}

static struct peer *find(struct np *np, uint32_t role)
{
	uint32_t id = ARENA_ROLE_NUMBER(role);

	return ARENA_ROLE_CLASS(role) == PROTO_CLASS_SP && id < np->n_peers ? &np->peer[id] : NULL;
}

void peer_told(struct np *np, const struct control_message *m, int pidfd)
{
	struct peer *peer = find(np, m->role);

	if (!peer || m->epoch <= peer->process.epoch) {
		if (pidfd >= 0)
			close(pidfd);
		return;
	}
	proto_peer_learn(&peer->process, m->epoch, m->token, pidfd);
	if (peer->channel)
		succeed(peer);
}

void peer_gone(struct np *np, uint32_t role, uint32_t epoch)
{
	struct peer *peer = find(np, role);

	/* By now there may be a successor all the same. */
	if (!peer || epoch != peer->process.epoch)
		return;
	peer->is_gone = true;
	/* What it has sent is taken first. */
	if (peer->channel && !peer->is_watched)
		let_go(peer);
}

int peer_open(struct np *np, unsigned int id)
{
	struct peer *peer = &np->peer[id];
	bool is_alive = peer->process.pidfd && !peer->is_gone;
	int ret = open_channel(peer);

	/* The channel is opened anew for the successor of an SP that is dead already. */
	if (!ret)
		ret = is_alive ? begin_channel(peer) : -EOWNERDEAD;
	if (ret && !is_end(ret)) {
		log_error("storage process of '%s': cannot open the channel: %s", peer_name(peer),
			  log_reason(-ret));
		return ret;
	}
	if (peer->process.epoch > 1 && hold_is_wanted(peer))
		hold_from_start(peer);
	if (peer->is_gone)
		let_go(peer);
	else if (ret)
		miss(peer, ret);
	return 0;
}

void peer_disconnect(struct peer *peer)
{
	close_channel(peer);
}
