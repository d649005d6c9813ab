// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connecting: what each side prepares, and the steps until both sides know what carries their
 * messages. A caller that waits and one that does not take the same steps.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <common/clock.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "channel.h"
#include "../why.h"

/* Intervals between looks for a change that causes no event, in ms: the first, the longest. */
#define TICK_MIN_MS	1U
#define TICK_MAX_MS	32U
/* Back-off if the kernel has no memory for a message. */
#define RETRY_MS	1

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- preparing ---- */

static void find_parts(struct arena_channel *ch)
{
	const struct arena_layout *l = arena_layout(ch->a);
	void *base = arena_base(ch->a);

	ch->own = arena_layout_control(base, l, ch->self, ch->peer);
	ch->peers = arena_layout_control(base, l, ch->peer, ch->self);
}

static int make_hybrid(struct arena_channel *ch)
{
	uint32_t window = ch->options.entries;

	if (!ch->own || !ch->peers)
		return why("peer_role: the layout has no channel of the two roles");
	if (window > arena_layout(ch->a)->channel_entries)
		return why("entries: is greater than the layout's channel_entries");
	return hybrid_transport_find(&ch->hybrid, ch->own, ch->peers, window);
}

static int attach_mailbox(struct arena_channel *ch)
{
	enum arena_channel_transport transport = ARENA_CHANNEL_MSG_RING;

	if (ch->connect.transports & TRANSPORT_BIT(ARENA_CHANNEL_HYBRID))
		transport = ARENA_CHANNEL_HYBRID;
	ch->tx.target = ch->end.peer;
	ch->tx.is_lent = true;
	return arena_mailbox_attach(&ch->box, &ch->end.own,
				    inherited_entries(transport, ch->options.entries),
				    ch->tx.ring);
}

static int own_mailbox(struct arena_channel *ch)
{
	uint32_t entries = CHANNEL_WAKES;

	if (ch->connect.transports & TRANSPORT_BIT(ARENA_CHANNEL_MSG_RING))
		entries = ch->options.entries;
	return arena_mailbox_open(&ch->box, entries + CHANNEL_SPARE, ch->tx.ring);
}

/* A channel that is opened again has both. */
static int make_mailbox(struct arena_channel *ch)
{
	int ret;

	if (ch->has_box)
		return 0;
	ret = channel_tx_open(&ch->tx, ch->options.tx_ring, ch->options.tx_user_data);
	if (!ret)
		ret = ch->options.end ? attach_mailbox(ch) : own_mailbox(ch);
	ch->has_box = !ret;
	return ret;
}

static int make_msg_ring(struct arena_channel *ch)
{
	return msg_ring_transport_init(&ch->msg_ring, &ch->state, &ch->box, &ch->tx,
				       ch->options.entries);
}

static int make_socket(struct arena_channel *ch)
{
	return socket_transport_init(&ch->socket, &ch->state, ch->control, ch->options.entries);
}

/*
 * Prepare every transport that is wanted. A transport that does not work here is not offered to
 * the peer. If none is left, the last error is returned.
 */
static int prepare(struct arena_channel *ch)
{
	static const struct {
		uint32_t transports;
		int (*make)(struct arena_channel *ch);
	} parts[] = {
		{ TRANSPORT_BIT(ARENA_CHANNEL_HYBRID), make_hybrid },
		{ WITH_MAILBOX, make_mailbox },
		{ TRANSPORT_BIT(ARENA_CHANNEL_MSG_RING), make_msg_ring },
		{ TRANSPORT_BIT(ARENA_CHANNEL_SOCKET), make_socket },
	};
	struct channel_connect *c = &ch->connect;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int ret;

		if (!(c->transports & parts[i].transports))
			continue;
		ret = parts[i].make(ch);
		if (ret)
			c->transports &= ~parts[i].transports;
		if (!c->transports)
			return ret;
	}
	return 0;
}

static uint32_t wanted(const struct arena_channel *ch)
{
	enum arena_channel_transport transport = ch->options.transport;

	if (transport != ARENA_CHANNEL_AUTO)
		return TRANSPORT_BIT(transport);
	return ch->control < 0 ? TRANSPORT_BIT(ARENA_CHANNEL_MSG_RING) : WITH_ANYTHING;
}

/* ---- the peer ---- */

static void watch(struct arena_channel *ch, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	/* If it fails, the timer wakes the caller. */
	if (fd >= 0)
		epoll_ctl(ch->connect.events, EPOLL_CTL_ADD, fd, &event);
}

int connect_watch_peer(struct arena_channel *ch, pid_t pid)
{
	if (ch->pidfd >= 0)
		return 0;
	ch->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (ch->pidfd < 0)
		return -errno;
	if (ch->connect.events >= 0)
		watch(ch, ch->pidfd, EPOLLIN | EPOLLET);
	return 0;
}

void connect_forget_peer(struct arena_channel *ch)
{
	close_fd(ch->pidfd);
	ch->pidfd = -1;
}

int connect_poll(const struct arena_channel *ch, int fd, int64_t until)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = ch->pidfd, .events = POLLIN },
	};
	int ret = wait_poll(fds, 2, clock_left_ms(until));

	if (ret <= 0)
		return ret ? ret : -EAGAIN;
	return fds[0].revents ? 0 : -EOWNERDEAD;
}

/* ---- callers that do not wait ---- */

/*
 * All descriptors are edge triggered, so that a peer cannot keep the epoll instance ready. Events
 * need not be read, because each step looks at everything.
 */
static int make_events(struct arena_channel *ch)
{
	struct channel_connect *c = &ch->connect;

	c->events = epoll_create1(EPOLL_CLOEXEC);
	if (c->events < 0)
		return -errno;
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->timer < 0)
		return -errno;
	watch(ch, c->timer, EPOLLIN);
	watch(ch, ch->control, EPOLLIN | EPOLLET);
	if (ch->has_box)
		watch(ch, ch->box.ring.ring_fd, EPOLLIN | EPOLLET);
	if (ch->control < 0)
		watch(ch, mshare_fd(arena_region(ch->a)), EPOLLIN | EPOLLET);
	return 0;
}

/* A process in a sandbox makes no descriptors. The mailbox of an end reports all events. */
static bool needs_events(const struct arena_channel *ch)
{
	return ch->options.nonblocking && !ch->options.end;
}

static void forget_events(const struct channel_connect *c)
{
	struct epoll_event dropped[8];

	if (c->events >= 0)
		epoll_wait(c->events, dropped, 8, 0);
}

static void set_timer(const struct channel_connect *c, int64_t when)
{
	const struct itimerspec spec = {
		.it_value = when == CLOCK_NEVER ? (struct timespec){ 0 } :
						  clock_to_timespec(when),
	};

	timerfd_settime(c->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* When a peer offers its mailbox, an event comes only if the region is the module's. */
static bool needs_tick(const struct arena_channel *ch)
{
	return ch->connect.is_retry ||
	       (ch->control < 0 && ch->tx.target < 0 && mshare_fd(arena_region(ch->a)) < 0);
}

int64_t connect_tick(struct arena_channel *ch)
{
	uint32_t *ms = &ch->connect.tick_ms;
	int64_t tick = clock_deadline((int)*ms);

	*ms = *ms < TICK_MAX_MS ? 2 * *ms : TICK_MAX_MS;
	return tick;
}

static void set_wakeup(struct arena_channel *ch)
{
	struct channel_connect *c = &ch->connect;
	int64_t when = c->deadline;

	if (c->events < 0)
		return;
	if (needs_tick(ch)) {
		int64_t tick = connect_tick(ch);

		when = tick < when ? tick : when;
	}
	set_timer(c, when);
}

/* ---- the steps ---- */

int connect_begin(struct arena_channel *ch)
{
	struct channel_connect *c = &ch->connect;
	int ret = 0;

	if (ch->a)
		find_parts(ch);
	c->transports = wanted(ch);
	c->deadline = clock_deadline(ch->options.timeout_ms);
	c->tick_ms = TICK_MIN_MS;
	ret = prepare(ch);
	if (!ret && needs_events(ch))
		ret = make_events(ch);
	if (!ret && ch->options.peer_pid)
		ret = connect_watch_peer(ch, ch->options.peer_pid);
	if (ret)
		return ret;
	if (ch->options.end)
		return inherited_begin(ch);
	return ch->control < 0 ? rendezvous_begin(ch) : handshake_begin(ch);
}

int connect_check_sent(struct arena_channel *ch, int error, connect_step *next, int64_t until)
{
	int64_t again = clock_deadline(RETRY_MS);
	int ret;

	ch->connect.is_retry = error == -EAGAIN || error == -EBUSY;
	if (!ch->connect.is_retry) {
		ch->connect.step = next;
		return error;
	}
	ret = connect_poll(ch, -1, again < until ? again : until);
	return ret == -EAGAIN && again < until ? 0 : ret;
}

/* A transport that was never initialized, or was freed, is left alone. */
static void transport_free(struct transport *t)
{
	if (t->ops)
		t->ops->free(t);
	t->ops = NULL;
}

/* Free the resources of the transports that were not chosen. */
static void release_others(struct arena_channel *ch)
{
	uint32_t chosen = TRANSPORT_BIT(ch->options.transport);

	if (!(chosen & WITH_MAILBOX)) {
		channel_tx_close(&ch->tx);
		if (ch->has_box)
			arena_mailbox_close(&ch->box);
		ch->has_box = false;
	}
	if (ch->transport != &ch->socket.base)
		transport_free(&ch->socket.base);
	if (ch->transport != &ch->msg_ring.base)
		transport_free(&ch->msg_ring.base);
}

static void choose(struct arena_channel *ch)
{
	ch->options.transport = (enum arena_channel_transport)
				__builtin_ctz(ch->connect.transports);
	switch (ch->options.transport) {
	case ARENA_CHANNEL_HYBRID:
		hybrid_transport_init(&ch->hybrid, &ch->state, &ch->box, &ch->tx);
		ch->transport = &ch->hybrid.base;
		break;
	case ARENA_CHANNEL_SOCKET:
		ch->transport = &ch->socket.base;
		break;
	default:
		ch->transport = &ch->msg_ring.base;
		break;
	}
	wait_spin_init(&ch->spin, ch->transport->ops->spins);
	release_others(ch);
}

static int failed(struct arena_channel *ch, int error)
{
	connect_give_up(ch);
	ch->state.error = error;
	return error;
}

/* Wake a caller that waits for the channel's events, so that it looks again. */
static void wake_waiter(const struct channel_connect *c)
{
	if (c->events >= 0)
		set_timer(c, 1);
}

int connect_run(struct arena_channel *ch, int64_t until)
{
	struct channel_connect *c = &ch->connect;
	int ret;

	if (until > c->deadline)
		until = c->deadline;
	forget_events(c);
	do
		ret = c->step(ch, until);
	while (!ret && c->step);
	if (ret == -EINTR)
		return ret;
	if (ret == -EAGAIN && clock_ns() < c->deadline) {
		set_wakeup(ch);
		return 0;
	}
	wake_waiter(c);
	handshake_end(ch);
	if (ret)
		return failed(ch, ret == -EAGAIN ? -ETIMEDOUT : ret);
	choose(ch);
	return 1;
}

int connect_again(struct arena_channel *ch, uint32_t epoch, uint64_t token, int pidfd)
{
	int ret;

	ch->transport = NULL;
	transport_free(&ch->msg_ring.base);
	connect_forget_peer(ch);
	ch->pidfd = pidfd ? pidfd : -1;
	ch->options.epoch = epoch;
	ch->options.token = token;
	ch->state.error = 0;
	ch->state.end = CHANNEL_OPEN;
	ch->state.is_stalled = false;
	ch->has_left = false;
	ch->has_reported_end = false;
	channel_tx_forget(&ch->tx);
	ret = connect_begin(ch);
	if (ret)
		ch->state.error = ret;
	return ret;
}

void connect_give_up(struct arena_channel *ch)
{
	handshake_end(ch);
	if (ch->options.end)
		inherited_give_up(ch);
	else if (ch->control >= 0)
		control_bye(ch->control);
	else
		rendezvous_give_up(ch);
	ch->connect.step = NULL;
}

static void free_private(struct arena_channel *ch)
{
	close_fd(ch->connect.events);
	close_fd(ch->connect.timer);
	close_fd(ch->pidfd);
	close_fd(ch->control);
	transport_free(&ch->socket.base);
	transport_free(&ch->msg_ring.base);
}

void connect_free(struct arena_channel *ch)
{
	channel_tx_close(&ch->tx);
	if (ch->has_box)
		arena_mailbox_close(&ch->box);
	free_private(ch);
}

void connect_leave(struct arena_channel *ch)
{
	close_fd(ch->tx.keeps_own ? ch->tx.own.ring_fd : -1);
	close_fd(ch->tx.is_lent ? -1 : ch->tx.target);
	close_fd(ch->has_box && !ch->box.is_lent ? ch->box.ring.ring_fd : -1);
	free_private(ch);
}
