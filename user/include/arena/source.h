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
 * A turn of that loop submits everything that was begun, flushes the channels and
 * waits, with one io_uring_enter(2) for all of it, or with none where events are
 * there already and nothing was begun. Within a turn each source gives one event at
 * most, so that no source and no peer can keep the others from their turn.
 *
 * The ring looks at channels and timers in memory, so each turn costs a few loads for
 * every channel and one look at the clock if there is any timer. Asleep a ring
 * uses no processor.
 *
 * This header knows of rings and channels; it does not know what messages mean.
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
 * @cookie: the caller's, comes back in the events
 * @source: the handle; may be NULL
 *
 * From now on the ring is the channel's tx ring: what arena_channel_send() queues goes
 * out with the ring's next turn or arena_ring_submit(), at no system call of its own where
 * the transport is MSG_RING or HYBRID. arena_channel_flush() does not submit the ring. Do not
 * call arena_channel_wait(), arena_channel_next(), arena_channel_arm() or
 * arena_channel_disarm() for as long as it is watched.
 *
 * An event ARENA_EVENT_CHANNEL carries no message. It says that arena_channel_recv() has
 * a message, the end or an error to give, or that there is room again after
 * arena_channel_send() returned -EAGAIN. Take as many messages as suit: to take them costs no
 * system call (with SOCKET, one for each packet of messages), and the event comes again in
 * the next turn while there are more. The end, an error and room are each reported once. An
 * event may be spurious.
 *
 * The channel's own way of waiting (enum arena_wait) does not matter any more: the
 * ring waits as its options say.
 *
 * arena_channel_close() removes the channel from the ring. The ring's close removes all
 * channels; they can still be used, and closed, afterwards. A channel that was opened with
 * nonblocking connects while the ring watches it.
 *
 * Return: 0; -EBUSY if a ring watches @ch already, or it was opened with a tx ring of the
 * application's; -ENOSPC if as many sources as the ring's options allow are there; an error
 * of arena_channel_flush() if what is queued in it could not be sent; -ECHILD for another
 * thread or after fork(2).
 */
int arena_ring_add_channel(struct arena_ring *r, struct arena_channel *ch, uint64_t cookie,
			   struct arena_source *source);

/**
 * arena_ring_add_process() - report the death of a process
 * @r: ring
 * @pidfd: of the process, see pidfd_open(2); afterwards the caller's again
 * @cookie: the caller's
 * @source: the handle; may be NULL
 *
 * One event ARENA_EVENT_PROCESS when the process has ended, or has ended before, and
 * the source is gone with it. A child is not reaped: that remains the caller's to do.
 *
 * Return: 0; -EBADF if @pidfd is no pidfd; -ENOSPC; -ECHILD; or another -errno.
 */
int arena_ring_add_process(struct arena_ring *r, int pidfd, uint64_t cookie,
			   struct arena_source *source);

/**
 * struct arena_timer - when to report
 * @size: sizeof(struct arena_timer)
 * @first_ns: the first event, in nanoseconds from now, or of CLOCK_MONOTONIC if
 *	@absolute; a time that has passed is reported at once
 * @period_ns: nanoseconds between that event and the second, and so on; 0 for one event
 * @cookie: the caller's
 * @absolute: @first_ns is a time and not a distance
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
 * arena_ring_add_timer() - report a time
 * @r: ring
 * @timer: copied
 * @source: the handle; may be NULL
 *
 * An event ARENA_EVENT_TIMER at @first_ns; with a period also at @first_ns + n *
 * @period_ns, whenever the events before were received: a timer does not drift. If several
 * periods have passed, there is one event for all of them; its value says how many. An
 * event without ARENA_EVENT_MORE is the last and the source is gone with it. Timers
 * that are due in one turn are reported in the order of their times. A timer takes no
 * resource of the kernel: the ring sleeps until the first of them.
 *
 * Return: 0; -EINVAL if @timer is malformed, -E2BIG if it uses what this library does not
 * know; -ENOSPC; -ECHILD.
 */
int arena_ring_add_timer(struct arena_ring *r, const struct arena_timer *timer,
			 struct arena_source *source);

/* A signal in a set of them. */
#define ARENA_SIGNAL(number)	(1ULL << ((number) - 1))

/**
 * arena_ring_add_signals() - report signals
 * @r: ring
 * @signals: the set, ARENA_SIGNAL() of each, all of them blocked in this thread; in a process
 *	with several threads they have to be blocked in all, or another thread may take them
 * @cookie: the caller's
 * @source: the handle; may be NULL
 *
 * An event ARENA_EVENT_SIGNAL for each signal; its result is the number, its value the
 * sender's process id where a process has sent it. As always, a standard signal that is
 * pending already is not queued again.
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
 * An event ARENA_EVENT_WAKER after one or more calls of arena_waker_wake().
 *
 * Return: 0; -ENOSPC; -ECHILD; or another -errno.
 */
int arena_ring_add_waker(struct arena_ring *r, uint64_t cookie, struct arena_waker **waker,
			 struct arena_source *source);

/**
 * arena_waker_wake() - wake a ring's thread
 *
 * Any thread may call it, also from a signal handler. What the caller wrote before is
 * visible to the ring's thread when it has the event. Calls before the event is given
 * count as one; only the first of them is a system call.
 */
void arena_waker_wake(struct arena_waker *waker);

/**
 * arena_ring_remove_source() - no events of a source any more
 * @r: ring
 * @source: from one of the calls above
 *
 * A channel sends by a ring of its own again. If the kernel gives it none, that is the
 * channel's error from now on, see arena_channel_recv().
 *
 * Return: 0; -ESTALE if @source is gone already; -ECHILD.
 */
int arena_ring_remove_source(struct arena_ring *r, struct arena_source source);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_SOURCE_H */
