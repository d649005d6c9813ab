// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sources that are a file descriptor of the ring's own: processes, signals, wakers.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "source.h"
#include "../why.h"

/* The source takes over @fd, which is closed if this fails. */
static int add_fd(struct arena_ring *r, const struct source_kind *kind, int fd, uint64_t cookie,
		  struct ring_source **out)
{
	struct ring_source *s;
	int ret = source_new(r, kind, cookie, &s);

	if (ret) {
		close(fd);
		return ret;
	}
	s->fd = fd;
	ret = source_poll(r, s, PART_IN, fd, POLLIN);
	if (ret)
		source_drop(r, s);
	else
		*out = s;
	return ret;
}

/* Poll again in the next turn. If there is more by then, that poll completes at once. */
static void rearm(struct arena_ring *r, struct ring_source *s)
{
	s->fired = 0;
	r->sources->rearm = true;
}

/* It looks at all sources: they are few, and it is rarely called. */
bool source_fds_stage(struct arena_ring *r)
{
	struct ring_sources *all = r->sources;
	int ret = 0;

	for (uint32_t i = 0; all->rearm && i < all->n && !ret; i++) {
		struct ring_source *s = &all->source[i];

		if (s->kind && s->fd >= 0 && !s->fired)
			ret = source_poll(r, s, PART_IN, s->fd, POLLIN);
	}
	all->rearm = ret != 0;
	return !ret;
}

/* ---- processes ---- */

static bool process_event(struct arena_ring *r, struct ring_source *s, struct arena_event *event)
{
	if (!(s->fired & PART_BIT(PART_IN)))
		return false;
	event->flags = 0;
	source_drop(r, s);
	return true;
}

static const struct source_kind process_kind = {
	.event = process_event,
	.type = ARENA_EVENT_PROCESS,
};

/* It does not matter whether the process lives, or whether we may signal it. */
static bool is_pidfd(int fd)
{
	return !syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) || errno != EBADF;
}

int arena_ring_add_process(struct arena_ring *r, int pidfd, uint64_t cookie,
			   struct arena_source *source)
{
	struct ring_source *s;
	int fd, ret = ring_check(r);

	if (ret)
		return ret;
	if (!is_pidfd(pidfd))
		return -EBADF;
	fd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = add_fd(r, &process_kind, fd, cookie, &s);
	if (!ret)
		source_handle(r, s, source);
	return ret;
}

/* ---- signals ---- */

/* Take one of the signals @from and above. */
static bool take_signal(const struct source_signals *signals, int from, siginfo_t *info)
{
	static const struct timespec no_time;
	sigset_t set;

	sigemptyset(&set);
	for (int sig = from; sig <= 64; sig++)
		if (signals->set & ARENA_SIGNAL(sig))
			sigaddset(&set, sig);
	return sigtimedwait(&set, info, &no_time) > 0;
}

static bool signals_event(struct arena_ring *r, struct ring_source *s, struct arena_event *event)
{
	siginfo_t info;

	if (!(s->fired & PART_BIT(PART_IN)))
		return false;
	rearm(r, s);
	/*
	 * A read of the descriptor gives the lowest number, and a signal that comes without end
	 * would hide those above it. So each has its turn, in the order of their numbers. There is
	 * none at all if another thread has taken it.
	 */
	if (!take_signal(&s->signals, s->signals.last + 1, &info) &&
	    !take_signal(&s->signals, 1, &info))
		return false;
	s->signals.last = info.si_signo;
	event->result = info.si_signo;
	event->value = (uint32_t)info.si_pid;
	return true;
}

static const struct source_kind signals_kind = {
	.event = signals_event,
	.type = ARENA_EVENT_SIGNAL,
};

/* Make a set of the signals; false if one of them is not blocked. */
static bool blocked_set(uint64_t signals, sigset_t *set)
{
	sigset_t blocked;

	sigemptyset(set);
	if (pthread_sigmask(SIG_BLOCK, NULL, &blocked))
		return false;
	for (int sig = 1; sig <= 64; sig++) {
		if (!(signals & ARENA_SIGNAL(sig)))
			continue;
		if (sigaddset(set, sig) || sigismember(&blocked, sig) != 1)
			return false;
	}
	return signals;
}

int arena_ring_add_signals(struct arena_ring *r, uint64_t signals, uint64_t cookie,
			   struct arena_source *source)
{
	struct ring_source *s;
	sigset_t set;
	int fd, ret = ring_check(r);

	if (ret)
		return ret;
	if (!blocked_set(signals, &set))
		return why("signals: is empty, or has one that this thread does not block");
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = add_fd(r, &signals_kind, fd, cookie, &s);
	if (ret)
		return ret;
	s->signals = (struct source_signals){ .set = signals };
	source_handle(r, s, source);
	return 0;
}

/* ---- wakers ---- */

static bool waker_event(struct arena_ring *r, struct ring_source *s, struct arena_event *event)
{
	uint64_t count;

	(void)event;
	if (!(s->fired & PART_BIT(PART_IN)))
		return false;
	rearm(r, s);
	if (read(s->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return false;
	/*
	 * Acquire, so that stores before arena_waker_wake() are visible. It is cleared after
	 * the read, so that a thread that finds it clear writes to an empty eventfd.
	 */
	return __atomic_exchange_n(&s->waker->is_pending, 0, __ATOMIC_ACQ_REL);
}

static void waker_remove(struct arena_ring *r, struct ring_source *s)
{
	(void)r;
	free(s->waker);
	s->waker = NULL;
}

static const struct source_kind waker_kind = {
	.event = waker_event,
	.remove = waker_remove,
	.type = ARENA_EVENT_WAKER,
};

int arena_ring_add_waker(struct arena_ring *r, uint64_t cookie, struct arena_waker **waker,
			 struct arena_source *source)
{
	struct arena_waker *w;
	struct ring_source *s;
	int fd, ret = ring_check(r);

	if (ret)
		return ret;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	w = calloc(1, sizeof(*w));
	if (!w) {
		close(fd);
		return -ENOMEM;
	}
	w->fd = fd;
	ret = add_fd(r, &waker_kind, fd, cookie, &s);
	if (ret) {
		free(w);
		return ret;
	}
	s->waker = w;
	*waker = w;
	source_handle(r, s, source);
	return 0;
}

void arena_waker_wake(struct arena_waker *waker)
{
	const uint64_t one = 1;
	ssize_t ret;
	int error = errno;

	if (__atomic_exchange_n(&waker->is_pending, 1, __ATOMIC_ACQ_REL))
		return;
	/* It cannot be full: the ring reads it before it clears is_pending. */
	ret = write(waker->fd, &one, sizeof(one));
	(void)ret;
	errno = error;
}
