// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The interface of channels: opening and closing, ends and errors, waiting. The
 * rest is its kind's.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arena/channel.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "transport.h"

/* Calls in vain after which somebody who never sleeps looks whether the peer lives. */
#define LOOK_EVERY	16384U

/* How long who waits leaves alone a kernel that had no room for what is queued. */
#define RETRY_MS	1

/* Adaptive waiting tries so many turns at least: for what is just about to come. */
#define SPINS_MIN	64U
/* Now and then the longest is tried: times may have changed. */
#define SPINS_TRY_EVERY	16U

int64_t channel_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

int channel_ms_left(int64_t end)
{
	int64_t left;

	if (end < 0)
		return -1;
	left = end - channel_now_ms();
	return left > 0 ? (int)left : 0;
}

int channel_wait_for(const struct arena_channel *ch, int fd, int64_t end)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = ch->pidfd, .events = POLLIN },
	};
	int ret = poll(fds, 2, channel_ms_left(end));

	if (ret < 0)
		return errno == EINTR ? 0 : -errno;
	if (!ret)
		return -ETIMEDOUT;
	return fds[0].revents ? 0 : -EPIPE;
}

int channel_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

/* ---- credits ---- */

int channel_credit_take(struct channel_credit *c, uint32_t number)
{
	if (number - c->acked <= c->sent - c->acked)
		c->acked = number;
	else if (c->acked - number > c->window)
		return -EPROTO;
	return 0;
}

/* ---- opening ---- */

static bool are_sound(const struct arena_channel_options *o, const struct mshare *m)
{
	if (o->kind > ARENA_CHANNEL_SOCKET || o->wait > ARENA_WAIT_ADAPT || !o->entries ||
	    o->entries > ARENA_CHANNEL_MAX_ENTRIES)
		return false;
	return o->link >= 0 || (m && o->kind != ARENA_CHANNEL_EVENTFD &&
				o->kind != ARENA_CHANNEL_SOCKET);
}

static uint32_t wanted_kinds(const struct arena_channel_options *o)
{
	if (o->kind != ARENA_CHANNEL_AUTO)
		return KIND_BIT(o->kind);
	return o->link < 0 ? KIND_BIT(ARENA_CHANNEL_MSG_RING) : KINDS_ALL;
}

static int eventfd_make(struct arena_channel *ch)
{
	ch->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return ch->event < 0 ? -errno : 0;
}

/*
 * Get ready for every kind that is wanted. What does not work here is not
 * offered to the peer, and is an error if nothing else is left.
 */
static int prepare(struct arena_channel *ch)
{
	static const struct {
		uint32_t kinds;
		int (*make)(struct arena_channel *ch);
	} parts[] = {
		{ KINDS_WITH_MEMORY, channel_shared_find },
		{ KINDS_WITH_MAILBOX, channel_ring_make },
		{ KIND_BIT(ARENA_CHANNEL_EVENTFD), eventfd_make },
		{ KIND_BIT(ARENA_CHANNEL_SOCKET), channel_socket_make },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int ret;

		if (!(ch->kinds & parts[i].kinds))
			continue;
		ret = parts[i].make(ch);
		if (ret)
			ch->kinds &= ~parts[i].kinds;
		if (!ch->kinds)
			return ret;
	}
	return 0;
}

static const struct transport_ops *ops_of(enum arena_channel_transport kind)
{
	switch (kind) {
	case ARENA_CHANNEL_HYBRID:
	case ARENA_CHANNEL_EVENTFD:
		return &channel_shared_ops;
	case ARENA_CHANNEL_SOCKET:
		return &channel_socket_ops;
	default:
		return &channel_ring_ops;
	}
}

static void channel_free(struct arena_channel *ch)
{
	/* Closing does not tell the peer where a child, or the parent, has the link too. */
	if (ch->options.link >= 0)
		shutdown(ch->options.link, SHUT_RDWR);
	if (ch->has_own)
		io_uring_queue_exit(&ch->own);
	if (ch->has_box)
		arena_mailbox_close(&ch->box);
	if (ch->event >= 0)
		close(ch->event);
	if (ch->target >= 0)
		close(ch->target);
	if (ch->pidfd >= 0)
		close(ch->pidfd);
	if (ch->options.link >= 0)
		close(ch->options.link);
	channel_socket_free(ch);
	free(ch);
}

static int channel_open(struct arena_channel *ch)
{
	int ret;

	if (!are_sound(&ch->options, ch->m))
		return -EINVAL;
	ch->kinds = wanted_kinds(&ch->options);
	ch->credit.window = ch->options.entries;
	ch->credit.quantum = (ch->options.entries + 3) / 4;
	ret = prepare(ch);
	if (ret)
		return ret;
	ret = ch->options.link < 0 ? channel_meet_region(ch) : channel_meet_link(ch);
	if (ret)
		return ret;
	ch->ops = ops_of(ch->options.kind);
	ch->spins = ch->ops->spins_max;
	return 0;
}

int arena_channel_open(struct mshare *m, const struct arena_layout *layout, uint32_t self,
		       uint32_t peer, const struct arena_channel_options *options,
		       struct arena_channel **out)
{
	struct arena_channel *ch = calloc(1, sizeof(*ch));
	int ret;

	if (!ch) {
		if (options->link >= 0)
			close(options->link);
		return -ENOMEM;
	}
	ch->options = *options;
	ch->m = m;
	ch->layout = layout;
	ch->self = self;
	ch->peer = peer;
	ch->pidfd = -1;
	ch->target = -1;
	ch->event = -1;
	ret = channel_open(ch);
	if (ret) {
		channel_free(ch);
		return ret;
	}
	*out = ch;
	return 0;
}

void arena_channel_close(struct arena_channel *ch)
{
	if (!ch)
		return;
	ch->ops->bye(ch);
	channel_free(ch);
}

/* ---- messages, ends and errors ---- */

/* What arena_channel_wait() sleeps on. */
static int poll_all(struct arena_channel *ch, int timeout_ms)
{
	short events = ch->socket.is_full ? POLLIN | POLLOUT : POLLIN;
	struct pollfd fds[] = {
		{ .fd = ch->ops->fd(ch), .events = events },
		{ .fd = ch->pidfd, .events = POLLIN },
		{ .fd = ch->options.link, .events = POLLRDHUP },
	};
	int ret = poll(fds, 3, timeout_ms);

	if (ret < 0)
		return -errno;
	if (fds[1].revents || fds[2].revents)
		ch->has_ended = true;
	return ret > 0;
}

/* For those who never sleep: not at every call, as it is a system call. */
static void look_for_end(struct arena_channel *ch)
{
	if (ch->has_ended || ++ch->fruitless < LOOK_EVERY)
		return;
	ch->fruitless = 0;
	poll_all(ch, 0);
}

int arena_channel_send(struct arena_channel *ch, const struct arena_msg *msg)
{
	int ret;

	if (msg->type >= ARENA_MSG_CHANNEL)
		return -EINVAL;
	if (ch->error)
		return ch->error;
	if (ch->has_ended)
		return -EPIPE;
	ret = ch->ops->send(ch, msg);
	if (!ret) {
		ch->counters.sent++;
		ch->is_stalled = false;
	} else if (ret == -EAGAIN) {
		ch->counters.stalls += !ch->is_stalled;
		ch->is_stalled = true;
		look_for_end(ch);
	} else if (ret == -EPROTO) {
		ch->error = ret;
	}
	return ret;
}

int arena_channel_flush(struct arena_channel *ch)
{
	return ch->error ? ch->error : ch->ops->flush(ch);
}

int arena_channel_recv(struct arena_channel *ch, struct arena_msg *msg)
{
	int ret;

	if (ch->error)
		return ch->error;
	ret = ch->ops->recv(ch, msg);
	if (!ret) {
		look_for_end(ch);
		/* What it sent before its end came before we saw that. */
		if (ch->has_ended)
			ret = ch->ops->recv(ch, msg);
		if (ch->has_ended && !ret)
			ret = -EPIPE;
	}
	if (ret < 0)
		ch->error = ret;
	else if (ret)
		ch->counters.received++;
	return ret;
}

/* ---- waiting ---- */

static inline void relax(void)
{
#if __has_builtin(__builtin_ia32_pause)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" : : : "memory");
#endif
}

static bool is_ready(struct arena_channel *ch)
{
	return ch->ops->has_message(ch) || ch->has_ended || ch->error ||
	       (ch->is_stalled && ch->ops->has_room(ch));
}

/* That there is room is told once: who does not want it shall sleep the next time. */
static void forget_stall(struct arena_channel *ch)
{
	if (ch->is_stalled && ch->ops->has_room(ch))
		ch->is_stalled = false;
}

bool arena_channel_arm(struct arena_channel *ch)
{
	bool is_idle = ch->ops->arm(ch) && !is_ready(ch);

	forget_stall(ch);
	return is_idle;
}

void arena_channel_disarm(struct arena_channel *ch)
{
	int ret = ch->ops->disarm(ch);

	if (ret < 0)
		ch->error = ret;
	if (!ch->ops->has_message(ch))
		poll_all(ch, 0);
}

/* Return: the turn after which there was something, or @turns. */
static uint32_t spin(struct arena_channel *ch, uint32_t turns)
{
	uint32_t i;

	for (i = 0; i < turns; i++) {
		relax();
		if (is_ready(ch))
			break;
	}
	return i;
}

static int wait_polling(struct arena_channel *ch, int timeout_ms)
{
	int64_t end = -1;

	if (!timeout_ms)
		return poll_all(ch, 0);
	while (spin(ch, LOOK_EVERY) == LOOK_EVERY) {
		int ret = poll_all(ch, 0);

		if (ret < 0)
			return ret;
		/* The clock is read only where nothing comes for long. */
		if (timeout_ms > 0 && end < 0)
			end = channel_now_ms() + timeout_ms;
		if (!is_ready(ch) && !channel_ms_left(end))
			return 0;
	}
	return 1;
}

static int wait_asleep(struct arena_channel *ch, int timeout_ms)
{
	int ret = 1, woken;

	if (ch->ops->arm(ch) && !is_ready(ch)) {
		ch->counters.sleeps++;
		ret = poll_all(ch, timeout_ms);
	}
	woken = ch->ops->disarm(ch);
	if (woken < 0)
		ch->error = woken;
	return ret;
}

/*
 * Several times as long as it took lately until spinning paid: a message that is
 * somewhat late is no reason to pay for sleep. Where it did not pay counts as
 * nothing, so that it is short while messages are rare. Turns are counted: to read the
 * clock costs as much as several.
 */
static int wait_adapting(struct arena_channel *ch, int timeout_ms)
{
	uint32_t turns = 4 * ch->spins + SPINS_MIN, took;

	if (turns > ch->ops->spins_max || !(++ch->waits % SPINS_TRY_EVERY))
		turns = ch->ops->spins_max;
	took = spin(ch, turns);
	if (took < turns) {
		ch->spins += took / 8 - ch->spins / 8;
		return 1;
	}
	ch->spins -= ch->spins / 8;
	return wait_asleep(ch, timeout_ms);
}

static int wait_somehow(struct arena_channel *ch, int timeout_ms)
{
	int ret = arena_channel_flush(ch);

	/* The kernel is short of memory, and tells nobody when it has some. */
	if ((ret == -EAGAIN || ret == -EBUSY) && !ch->socket.is_full) {
		ret = poll_all(ch, timeout_ms ? RETRY_MS : 0);
		return ret < 0 || !timeout_ms ? ret : 1;
	}
	/* After an end there may be messages still: arena_channel_recv() tells. */
	if (ret && ret != -EAGAIN)
		return ch->error || ch->has_ended ? 1 : ret;
	switch (ch->options.wait) {
	case ARENA_WAIT_POLL:
		return wait_polling(ch, timeout_ms);
	case ARENA_WAIT_ADAPT:
		return wait_adapting(ch, timeout_ms);
	default:
		return wait_asleep(ch, timeout_ms);
	}
}

int arena_channel_wait(struct arena_channel *ch, int timeout_ms)
{
	int ret = is_ready(ch) ? 1 : wait_somehow(ch, timeout_ms);

	forget_stall(ch);
	return ret;
}

int arena_channel_fd(const struct arena_channel *ch)
{
	return ch->ops->fd(ch);
}

int arena_channel_pidfd(const struct arena_channel *ch)
{
	return ch->pidfd;
}

enum arena_channel_transport arena_channel_transport(const struct arena_channel *ch)
{
	return ch->options.kind;
}

struct arena_channel_counters arena_channel_counters(const struct arena_channel *ch)
{
	return ch->counters;
}
