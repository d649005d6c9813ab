// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The interface of channels: options, opening and closing, ends and errors, and waiting. How both
 * sides connect is below in connect.c, how messages travel in the transports.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "channel.h"
#include "../why.h"

#include <common/clock.h>
#include <common/copy_struct.h>
#include <stdlib.h>

/* Calls that find nothing between two checks whether the peer is alive. */
#define LOOK_EVERY	16384U

/* Back-off after -EAGAIN or -EBUSY from the kernel. */
#define RETRY_MS	1

/* ---- opening and closing ---- */

static int check_options(const struct arena_channel *ch)
{
	const struct arena_channel_options *o = &ch->options;

	const struct why_rule rules[] = {
		{ o->transport > ARENA_CHANNEL_SOCKET,
		  "transport: is not one of enum arena_channel_transport" },
		{ o->wait > ARENA_WAIT_ADAPT, "wait: is not one of enum arena_wait" },
		{ o->entries > ARENA_CHANNEL_MAX_ENTRIES,
		  "entries: is greater than ARENA_CHANNEL_MAX_ENTRIES" },
		{ o->timeout_ms < -1, "timeout_ms: is less than -1" },
		{ o->peer_pid < 0, "peer_pid: is negative" },
		{ o->end && (o->socket || o->peer_pid || !o->epoch),
		  "end: comes with a socket or peer_pid, or without epoch" },
		{ o->end && o->transport == ARENA_CHANNEL_SOCKET,
		  "end: is a pair of mailboxes, and the transport is SOCKET" },
		{ !o->end && (o->epoch || o->token || o->pidfd),
		  "epoch, token or pidfd: is set without end" },
		{ o->pidfd < 0, "pidfd: is negative" },
		{ o->socket && ch->control < 0, "socket: is not a descriptor" },
		{ !o->socket && o->transport == ARENA_CHANNEL_SOCKET,
		  "socket: is missing, and the transport is SOCKET" },
		{ !o->socket && !o->end && !ch->a,
		  "a: is missing, and so are a control socket and end" },
	};

	return WHY_FIRST(rules);
}

static void fill_in(struct arena_channel_options *o)
{
	if (!o->entries)
		o->entries = ARENA_CHANNEL_ENTRIES;
	if (!o->timeout_ms)
		o->timeout_ms = ARENA_CHANNEL_TIMEOUT_MS;
}

static void init(struct arena_channel *ch, struct arena *a, uint32_t peer_role)
{
	int *socket = ch->options.socket;

	ch->a = a;
	ch->self = a ? arena_role(a) : ARENA_NO_ROLE;
	ch->peer = a ? peer_role : ARENA_NO_ROLE;
	ch->control = socket ? *socket : -1;
	if (socket)
		*socket = -1;
	ch->pidfd = ch->options.pidfd > 0 ? ch->options.pidfd : -1;
	if (ch->options.end) {
		ch->end = *ch->options.end;
		ch->options.end = &ch->end;
		ch->state.has_epochs = true;
	}
	ch->tx.target = -1;
	ch->tx.state = &ch->state;
	ch->connect.events = -1;
	ch->connect.timer = -1;
}

/* Connect, unless the caller asked not to wait. */
static int channel_open(struct arena_channel *ch)
{
	int ret = check_options(ch);

	if (!ret) {
		fill_in(&ch->options);
		ret = connect_begin(ch);
	}
	if (ret) {
		connect_give_up(ch);
		return ret;
	}
	if (ch->options.nonblocking)
		return 0;
	do
		ret = connect_run(ch, CLOCK_NEVER);
	while (!ret || ret == -EINTR);
	return ret < 0 ? ret : 0;
}

int arena_channel_open(struct arena *a, uint32_t peer_role,
		       const struct arena_channel_options *options, struct arena_channel **out)
{
	struct arena_channel *ch = calloc(1, sizeof(*ch));
	int ret;

	if (!ch)
		return -ENOMEM;
	ret = why_copy_struct(&ch->options, sizeof(ch->options), options);
	if (!ret)
		ret = owner_begin(&ch->owner);
	if (ret) {
		free(ch);
		return ret;
	}
	init(ch, a, peer_role);
	ret = channel_open(ch);
	if (ret) {
		connect_free(ch);
		free(ch);
		return ret;
	}
	*out = ch;
	return 0;
}

static int check_end(const struct arena_channel *ch)
{
	if (!ch->options.end)
		return why("ch: was opened without end");
	return ch->watcher.closing ? -EBUSY : owner_check(ch->owner);
}

static int check_again(const struct arena_channel *ch, uint32_t epoch)
{
	if (ch->options.end && (int32_t)(epoch - ch->options.epoch) <= 0)
		return why("epoch: is not greater than the one before");
	return check_end(ch);
}

int arena_channel_reopen(struct arena_channel *ch, uint32_t epoch, uint64_t token, int pidfd)
{
	int ret = check_again(ch, epoch);

	if (!ret)
		return connect_again(ch, epoch, token, pidfd);
	if (pidfd > 0)
		close(pidfd);
	return ret;
}

int arena_channel_make_mailbox(enum arena_channel_transport transport, uint32_t entries,
			       struct arena_channel_mailbox *out)
{
	const struct why_rule rules[] = {
		{ transport != ARENA_CHANNEL_MSG_RING && transport != ARENA_CHANNEL_HYBRID,
		  "transport: has no mailboxes" },
		{ entries > ARENA_CHANNEL_MAX_ENTRIES,
		  "entries: is greater than ARENA_CHANNEL_MAX_ENTRIES" },
	};
	int ret = WHY_FIRST(rules);

	if (ret)
		return ret;
	return arena_mailbox_make(inherited_entries(transport, entries ? entries :
						    ARENA_CHANNEL_ENTRIES), out);
}

bool arena_channel_is_connected(const struct arena_channel *ch)
{
	return ch->transport;
}

static void say_bye(struct arena_channel *ch)
{
	if (ch->has_left)
		return;
	ch->has_left = true;
	if (!ch->transport) {
		if (!ch->state.error)
			connect_give_up(ch);
		return;
	}
	ch->transport->ops->bye(ch->transport);
	if (ch->control >= 0)
		control_bye(ch->control);
}

static void end(struct arena_channel *ch)
{
	say_bye(ch);
	if (ch->watcher.closing)
		ch->watcher.closing(ch->watcher.owner, ch->watcher.index);
	connect_free(ch);
}

int arena_channel_leave(struct arena_channel *ch)
{
	int ret = check_end(ch);

	if (ret)
		return ret;
	say_bye(ch);
	if (!ch->state.error)
		ch->state.error = -EPIPE;
	return 0;
}

int arena_channel_close(struct arena_channel *ch)
{
	if (!ch)
		return 0;
	/* Neither the peer nor the parent may notice that a child has no use for it. */
	if (owner_is_parent(ch->owner)) {
		connect_leave(ch);
	} else {
		if (owner_check(ch->owner))
			return -ECHILD;
		end(ch);
	}
	free(ch);
	return 0;
}

/* ---- ends ---- */

static int find_bye(struct arena_channel *ch)
{
	int ret = ch->transport->ops->find_bye(ch->transport);

	if (ret < 0 || ch->state.end || ch->control < 0 ||
	    ch->options.transport == ARENA_CHANNEL_SOCKET)
		return ret;
	return control_find_bye(ch->control, &ch->state);
}

/* The peer is gone. If it has not sent BYE, it has died. */
static void peer_is_gone(struct arena_channel *ch)
{
	int ret;

	if (ch->state.end)
		return;
	ret = find_bye(ch);
	if (ret < 0)
		ch->state.error = ret;
	else if (!ch->state.end)
		ch->state.end = CHANNEL_DIED;
}

/* Wait for everything that ends a wait; 1, 0 if the time is over, or -errno. */
static int poll_all(struct arena_channel *ch, int timeout_ms)
{
	struct transport *t = ch->transport;
	struct pollfd fds[] = {
		{ .fd = t->ops->fd(t), .events = t->is_full ? POLLIN | POLLOUT : POLLIN },
		{ .fd = ch->pidfd, .events = POLLIN },
		{ .fd = ch->control, .events = POLLRDHUP },
	};
	int ret = wait_poll(fds, 3, timeout_ms);

	if (ret > 0 && (fds[1].revents || fds[2].revents))
		peer_is_gone(ch);
	return ret < 0 ? ret : ret > 0;
}

/* Notice a dead peer although the caller never sleeps. Rarely, because it is a system call. */
static void look_at_peer(struct arena_channel *ch)
{
	if (ch->state.end || ++ch->fruitless < LOOK_EVERY)
		return;
	ch->fruitless = 0;
	poll_all(ch, 0);
}

static __attribute__((cold, noinline)) int check_closely(struct arena_channel *ch)
{
	int ret = owner_check(ch->owner);

	if (ret)
		return ret;
	if (ch->state.error)
		return ch->state.error;
	ret = connect_run(ch, 0);
	if (ret < 0)
		return ret == -EINTR ? -EAGAIN : ret;
	return ret ? 0 : -EAGAIN;
}

/* 0 if the channel can be used; -EAGAIN if it is not connected yet; -ECHILD; or its error. */
static inline int check(struct arena_channel *ch)
{
	bool is_usable = ch->transport && !ch->state.error && !owner_check(ch->owner);

	return __builtin_expect(is_usable, true) ? 0 : check_closely(ch);
}

/* ---- messages ---- */

int arena_channel_send(struct arena_channel *ch, const struct arena_msg *msg)
{
	int ret;

	if (!msg->type || msg->type >= ARENA_MSG_CHANNEL)
		return -EINVAL;
	ret = check(ch);
	if (!ret)
		ret = channel_end_error(ch->state.end);
	if (!ret)
		ret = ch->transport->ops->send(ch->transport, msg);
	if (!ret) {
		ch->counters.sent++;
		ch->state.is_stalled = false;
	} else if (ret == -EAGAIN) {
		ch->counters.stalls += !ch->state.is_stalled && ch->transport;
		ch->state.is_stalled = true;
		if (ch->transport)
			look_at_peer(ch);
	} else if (ret == -EPROTO) {
		ch->state.error = ret;
	}
	return ret;
}

/* For callers that have checked the channel, which is connected. */
static inline int flush(struct arena_channel *ch)
{
	return ch->state.error ? ch->state.error : ch->transport->ops->flush(ch->transport);
}

int arena_channel_flush(struct arena_channel *ch)
{
	int ret = check(ch);

	/* Before the channel has connected only its OPEN can wait for the kernel's memory. */
	if (ret == -EAGAIN)
		return ch->options.end && ch->connect.is_retry ? ret : 0;
	if (ret)
		return ret;
	return ch->transport->ops->flush(ch->transport);
}

static int recv_last(struct arena_channel *ch, struct arena_msg *msg)
{
	int ret = ch->transport->ops->recv(ch->transport, msg);

	return ret ? ret : channel_end_error(ch->state.end);
}

static inline int receive(struct arena_channel *ch, struct arena_msg *msg)
{
	int ret = check(ch);

	if (ret == -EAGAIN)
		return 0;
	if (ret) {
		ch->has_reported_end |= ret != -ECHILD;
		return ret;
	}
	ret = ch->transport->ops->recv(ch->transport, msg);
	if (!ret) {
		look_at_peer(ch);
		/* Messages that the peer sent before its end arrived before the end was noticed. */
		if (ch->state.end)
			ret = recv_last(ch, msg);
	}
	if (ret > 0 && !msg->type)
		ret = -EPROTO;
	ch->has_reported_end = ret < 0;
	if (ret < 0)
		ch->state.error = ret;
	else
		ch->counters.received += (uint32_t)ret;
	return ret;
}

int arena_channel_recv(struct arena_channel *ch, struct arena_msg *msg)
{
	return receive(ch, msg);
}

/* ---- waiting ---- */

static bool has_message(struct arena_channel *ch)
{
	return ch->transport->ops->has_message(ch->transport) || ch->state.end ||
	       ch->state.error;
}

static bool is_ready(void *arg)
{
	struct arena_channel *ch = arg;

	return has_message(ch) ||
	       (ch->state.is_stalled && ch->transport->ops->has_room(ch->transport));
}

/* Report room once per stall: a caller that does not use it sleeps the next time. */
static bool forget_stall(struct arena_channel *ch)
{
	if (!ch->state.is_stalled || !ch->transport->ops->has_room(ch->transport))
		return false;
	ch->state.is_stalled = false;
	return true;
}

/*
 * The following return READY, LOOK if the caller has to look whether the channel is ready, 0 if
 * the time is over, or -errno.
 */
enum { LOOK = 1, READY };

static int wait_polling(struct arena_channel *ch, struct wait_time *time)
{
	if (!time->timeout_ms)
		return poll_all(ch, 0);
	while (wait_spin_turns(is_ready, ch, LOOK_EVERY) == LOOK_EVERY) {
		int ret = poll_all(ch, 0);

		if (ret < 0)
			return ret;
		/* The clock is read only if nothing comes for long. */
		if (!is_ready(ch) && !wait_left_ms(time))
			return 0;
	}
	return READY;
}

static int wait_asleep(struct arena_channel *ch, struct wait_time *time)
{
	struct transport *t = ch->transport;
	int ret = LOOK, woken;

	if (t->ops->arm(t) && !is_ready(ch)) {
		ch->counters.sleeps++;
		ret = poll_all(ch, wait_left_ms(time));
	}
	woken = t->ops->disarm(t);
	if (woken < 0)
		ch->state.error = woken;
	return ret;
}

/* The kernel is short of memory, and no event comes when it has some again. */
static int wait_for_kernel(struct arena_channel *ch, struct wait_time *time)
{
	int left = wait_left_ms(time);
	int ret = poll_all(ch, left ? RETRY_MS : 0);

	return ret < 0 ? ret : left != 0;
}

static bool spin_adapt(struct arena_channel *ch)
{
	uint32_t turns = wait_spin_choose(&ch->spin);

	return wait_spin_learn(&ch->spin, wait_spin_turns(is_ready, ch, turns), turns);
}

static int wait_somehow(struct arena_channel *ch, struct wait_time *time)
{
	int ret = flush(ch);

	if ((ret == -EAGAIN || ret == -EBUSY) && !ch->transport->is_full)
		return wait_for_kernel(ch, time);
	/* After the end messages may remain: only arena_channel_recv() finds out. */
	if (ret && ret != -EAGAIN)
		return ch->state.error || ch->state.end ? READY : ret;
	switch (ch->options.wait) {
	case ARENA_WAIT_POLL:
		return wait_polling(ch, time);
	case ARENA_WAIT_ADAPT:
		return spin_adapt(ch) ? READY : wait_asleep(ch, time);
	default:
		return wait_asleep(ch, time);
	}
}

/* 1 if it has connected or failed, 0 if the time is over, or -EINTR. */
static int wait_connected(struct arena_channel *ch, struct wait_time *time)
{
	int left, ret;

	if (ch->state.error || ch->transport)
		return 1;
	do {
		left = wait_left_ms(time);
		ret = connect_run(ch, clock_deadline(left));
	} while (!ret && left);
	if (ret == -EINTR)
		return ret;
	return ret != 0;
}

/* 1, 0 if the time is over, or -errno. For callers that have checked the owner. */
static int wait_ready(struct arena_channel *ch, struct wait_time *time)
{
	int ret = wait_connected(ch, time);

	if (ret <= 0 || !ch->transport)
		return ret;
	if (is_ready(ch)) {
		/* The peer needs what is queued, also if this side has a message to receive. */
		flush(ch);
		return 1;
	}
	do {
		ret = wait_somehow(ch, time);
		if (ret < 0)
			return ret;
		if (ret == READY || is_ready(ch))
			return 1;
		/* A peer that wakes us for nothing, again and again, must not hold us up. */
	} while (ret && wait_left_ms(time));
	return 0;
}

int arena_channel_wait(struct arena_channel *ch, int timeout_ms)
{
	struct wait_time time = { .timeout_ms = timeout_ms };
	int ret = owner_check(ch->owner);

	if (!ret)
		ret = wait_ready(ch, &time);
	if (ret > 0 && ch->transport)
		forget_stall(ch);
	return ret;
}

int arena_channel_next(struct arena_channel *ch, struct arena_msg *msg, int timeout_ms)
{
	struct wait_time time = { .timeout_ms = timeout_ms };
	int ret;

	while (!(ret = receive(ch, msg))) {
		ret = wait_ready(ch, &time);
		if (ret <= 0)
			return ret;
		/* This call does not wait for room. */
		if (ch->transport)
			forget_stall(ch);
	}
	return ret;
}

/* ---- loops of the caller's own ---- */

bool arena_channel_arm(struct arena_channel *ch)
{
	struct transport *t;
	bool is_idle;
	int ret = check(ch);

	if (ret)
		return ret == -EAGAIN;
	t = ch->transport;
	is_idle = t->ops->arm(t) && !is_ready(ch);
	forget_stall(ch);
	return is_idle;
}

void arena_channel_disarm(struct arena_channel *ch)
{
	struct transport *t = ch->transport;

	if (owner_check(ch->owner))
		return;
	if (!t) {
		check(ch);
		return;
	}
	channel_source_disarm(ch);
	if (!t->ops->has_message(t))
		poll_all(ch, 0);
}

int arena_channel_fd(const struct arena_channel *ch)
{
	if (ch->options.end)
		return ch->end.own.ring;
	return ch->transport ? ch->transport->ops->fd(ch->transport) : ch->connect.events;
}

/* ---- loops of a ring ---- */

int channel_source_attach(struct arena_channel *ch, const struct channel_watcher *watcher,
			  struct io_uring *ring, uint64_t user_data)
{
	int ret = owner_check(ch->owner);

	if (ret)
		return ret;
	if (ch->watcher.closing || (ch->tx.ring && !ch->tx.has_own))
		return -EBUSY;
	if (ch->tx.ring) {
		ret = channel_tx_submit(&ch->tx);
		if (ret)
			return ret;
		channel_tx_use(&ch->tx, ring, user_data);
	}
	ch->watcher = *watcher;
	return 0;
}

void channel_source_detach(struct arena_channel *ch)
{
	int ret = ch->tx.ring ? channel_tx_return(&ch->tx) : 0;

	if (ret && !ch->state.error)
		ch->state.error = ret;
	ch->watcher = (struct channel_watcher){ 0 };
}

void channel_source_failed(struct arena_channel *ch, int result)
{
	if (!ch->state.error)
		ch->state.error = result < 0 ? result : -EIO;
}

static bool is_socket(const struct arena_channel *ch)
{
	return ch->transport == &ch->socket.base;
}

bool channel_source_in_kernel(const struct arena_channel *ch)
{
	return !ch->transport || is_socket(ch);
}

bool channel_source_is_full(const struct arena_channel *ch)
{
	return ch->transport && ch->transport->is_full;
}

int channel_source_control(const struct arena_channel *ch)
{
	return ch->control;
}

/* What can be said about a socket without a system call. */
static bool is_queued(const struct socket_transport *s)
{
	return channel_inbox_count(&s->inbox);
}

static bool may_have_room(struct arena_channel *ch, bool fired)
{
	if (is_socket(ch) && !fired && !channel_credit_has_room(&ch->socket.credit))
		return false;
	return ch->transport->ops->has_room(ch->transport);
}

static uint32_t transport_state(struct arena_channel *ch, bool fired)
{
	uint32_t state = 0;

	if (!is_socket(ch) || fired || is_queued(&ch->socket))
		if (ch->transport->ops->has_message(ch->transport))
			state |= CHANNEL_HAS_MESSAGE;
	if (ch->state.is_stalled && may_have_room(ch, fired))
		state |= CHANNEL_HAS_ROOM;
	return state;
}

uint32_t channel_source_state(struct arena_channel *ch, bool fired)
{
	uint32_t state = 0;

	if (!ch->transport && fired)
		check(ch);
	if (ch->transport && !ch->state.error)
		state = transport_state(ch, fired);
	/* After an error there is nothing else to report. */
	if (ch->state.error)
		state = 0;
	if ((ch->state.error || ch->state.end) && !ch->has_reported_end)
		state |= CHANNEL_HAS_END;
	return state;
}

void channel_source_reported_room(struct arena_channel *ch)
{
	ch->state.is_stalled = false;
}

bool channel_source_arm(struct arena_channel *ch)
{
	struct transport *t = ch->transport;

	if (channel_source_in_kernel(ch))
		return !ch->state.error;
	return t->ops->arm(t) && !is_ready(ch);
}

void channel_source_disarm(struct arena_channel *ch)
{
	int ret = ch->transport ? ch->transport->ops->disarm(ch->transport) : 0;

	if (ret < 0)
		ch->state.error = ret;
}

void channel_source_gone(struct arena_channel *ch)
{
	if (ch->transport)
		peer_is_gone(ch);
	else
		check(ch);
}

/* ---- information ---- */

int arena_channel_pidfd(const struct arena_channel *ch)
{
	return ch->pidfd;
}

enum arena_channel_transport arena_channel_transport(const struct arena_channel *ch)
{
	return ch->transport ? ch->options.transport : ARENA_CHANNEL_AUTO;
}

int arena_channel_counters(const struct arena_channel *ch, struct arena_channel_counters *out)
{
	struct arena_channel_counters c = ch->counters;

	c.wakeups = ch->state.wakeups;
	return fill_struct(out, &c, sizeof(c));
}
