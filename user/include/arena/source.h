/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sources of a ring: channels, processes, timers, signals and other threads, whose
 * events come in one stream with those of operations. A loop waits in one place:
 *
 *	arena_ring_add_channel(r, ch, 1, NULL);
 *	arena_ring_add_timer(r, &(struct arena_timer){ .size = sizeof(struct arena_timer),
 *		.first_ns = 1000000000, .period_ns = 1000000000, .cookie = 2 }, NULL);
 *	while ((n = arena_ring_next_many(r, events, 64, -1)) >= 0)
 *		for (int i = 0; i < n; i++)
 *			...
 *
 * A turn of that loop submits all operations that were begun, flushes the channels and
 * waits, with one io_uring_enter(2) for all of it, or with none if events have come
 * already and nothing was begun. Within a turn each source gives one event at
 * most, so that no source and no peer can delay the others.
 *
 * The ring looks at channels and timers in memory, so each turn costs a few loads for
 * every channel and one reading of the clock if there is any timer. A ring that sleeps
 * uses no processor.
 *
 * This header knows rings and channels; it must not know what messages mean.
 */
#ifndef ARENA_SOURCE_H
#define ARENA_SOURCE_H

#include <arena/channel.h>
#include <arena/ring.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/**
 * arena_ring_add_channel() - let a ring watch a channel and carry its messages
 * @r: ring
 * @ch: channel of the same thread, watched by no ring
 * @cookie: number of the caller, which comes back in the events
 * @source: the handle; may be NULL
 *
 * From now on the ring is the channel's tx ring: messages of arena_channel_send() go
 * out with the ring's next turn or arena_ring_submit(), without a system call of their own if
 * the transport is MSG_RING or HYBRID. arena_channel_flush() does not submit the ring. Do not
 * call arena_channel_wait(), arena_channel_next(), arena_channel_arm() or
 * arena_channel_disarm() for as long as it is watched.
 *
 * An event ARENA_EVENT_CHANNEL carries no message. It says that arena_channel_recv() will
 * return a message, the end or an error, or that there is credit again after
 * arena_channel_send() returned -EAGAIN. The program may receive any number of messages: that
 * costs no system call (with SOCKET, one for each packet of messages), and the event comes again
 * in the next turn while there are more. The end, an error and credit are each reported once. An
 * event may be spurious.
 *
 * The channel's own way of waiting (enum arena_wait) has no effect: the ring waits as its
 * options say.
 *
 * arena_channel_close() removes the channel from the ring. The ring's close removes all
 * channels; they can still be used, and closed, afterwards. A channel that was opened with
 * nonblocking connects while the ring watches it.
 *
 * Return: 0; -EBUSY if a ring watches @ch already, or it was opened with a tx ring of the
 * application's; -ENOSPC if as many sources as the ring's options allow are there; an error
 * of arena_channel_flush() if messages that it has queued could not be sent; -ECHILD for another
 * thread or after fork(2).
 */
int arena_ring_add_channel(struct arena_ring *r, struct arena_channel *ch, uint64_t cookie,
			   struct arena_source *source);

/**
 * arena_ring_add_process() - report the death of a process
 * @r: ring
 * @pidfd: pidfd of the process, see pidfd_open(2); the caller may close it afterwards
 * @cookie: the caller's
 * @source: the handle; may be NULL
 *
 * There is one event ARENA_EVENT_PROCESS when the process has ended, or has ended before, and
 * the source is gone with it. The ring does not reap a child; the caller has to.
 *
 * Return: 0; -EBADF if @pidfd is no pidfd; -ENOSPC; -ECHILD; or another -errno.
 */
int arena_ring_add_process(struct arena_ring *r, int pidfd, uint64_t cookie,
			   struct arena_source *source);

/**
 * struct arena_timer - the times of a timer
 * @size: sizeof(struct arena_timer)
 * @first_ns: the first event, in nanoseconds from now, or of CLOCK_MONOTONIC if
 *	@absolute; a time that has passed is reported at once
 * @period_ns: nanoseconds between that event and the second, and so on; 0 for one event
 * @cookie: the caller's
 * @absolute: @first_ns is a point in time and not a span
 * @reserved: zero
 */
struct arena_timer {
	size_t size;
	uint64_t first_ns;
	uint64_t period_ns;
	uint64_t cookie;
	bool absolute;
	uint8_t reserved[7];
};

/**
 * arena_ring_add_timer() - report when a time has come
 * @r: ring
 * @timer: copied
 * @source: the handle; may be NULL
 *
 * There is an event ARENA_EVENT_TIMER at @first_ns, and with a period also at @first_ns + n *
 * @period_ns. A timer does not drift: these times do not depend on when earlier events were
 * received. If several periods have passed, there is one event for all of them; its value is
 * their number. An event without ARENA_EVENT_MORE is the last, and the source is gone with it.
 * Timers that are due in one turn are reported in the order of their times. A timer takes no
 * resource of the kernel: the ring sleeps until the first of them.
 *
 * Return: 0; -EINVAL if @timer is malformed; -E2BIG if it has members that this library does not
 * know; -ENOSPC; -ECHILD.
 */
int arena_ring_add_timer(struct arena_ring *r, const struct arena_timer *timer,
			 struct arena_source *source);

/* A set of one signal. */
#define ARENA_SIGNAL(number)	(1ULL << ((number) - 1))

/**
 * arena_ring_add_signals() - report signals
 * @r: ring
 * @signals: the set, ARENA_SIGNAL() of each, all of them blocked in this thread; in a process
 *	with several threads they have to be blocked in all, or another thread may take them
 * @cookie: the caller's
 * @source: the handle; may be NULL
 *
 * There is an event ARENA_EVENT_SIGNAL for each signal; its result is the number, its value the
 * sender's process id if a process has sent it. As always, a standard signal that is
 * pending already is not queued again. If several are pending, they are reported in turn, so that
 * one that comes without end does not hide the others.
 *
 * Return: 0; -EINVAL if @signals is empty or has a signal that is not blocked; -ENOSPC;
 * -ECHILD; or another -errno.
 */
int arena_ring_add_signals(struct arena_ring *r, uint64_t signals, uint64_t cookie,
			   struct arena_source *source);

struct arena_waker;

/**
 * arena_ring_add_waker() - let other threads wake a ring
 * @r: ring
 * @cookie: the caller's
 * @waker: for arena_waker_wake(); valid until the source is removed or the ring closed
 * @source: the handle; may be NULL
 *
 * There is an event ARENA_EVENT_WAKER after one or more calls of arena_waker_wake().
 *
 * Return: 0; -ENOSPC; -ECHILD; or another -errno.
 */
int arena_ring_add_waker(struct arena_ring *r, uint64_t cookie, struct arena_waker **waker,
			 struct arena_source *source);

/**
 * arena_waker_wake() - wake a ring's thread
 *
 * Any thread may call it, also from a signal handler. Everything that the caller wrote before is
 * visible to the ring's thread when it has the event. Calls before the event is given
 * count as one; only the first of them is a system call.
 */
void arena_waker_wake(struct arena_waker *waker);

/**
 * arena_ring_remove_source() - end a source, which then has no more events
 * @r: ring
 * @source: from one of the calls above
 *
 * A channel sends by its own ring again. What it had queued is submitted; if that fails, the
 * channel has that error from now on, see arena_channel_recv().
 *
 * Return: 0; -ESTALE if @source is gone already; -ECHILD.
 */
int arena_ring_remove_source(struct arena_ring *r, struct arena_source source);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_SOURCE_H */
