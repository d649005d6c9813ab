/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel: messages both ways between two processes, in order, none lost, and
 * never more on their way than was agreed. Four kinds behind one interface:
 *
 *	MSG_RING	two mailbox rings (mailbox.h), messages by IORING_OP_MSG_RING
 *	HYBRID		rings in shared memory (spsc.h), MSG_RING to wake who sleeps
 *	EVENTFD		the same, an eventfd to wake who sleeps
 *	SOCKET		a UNIX socket carries the messages
 *
 * Everything the sender wrote before arena_channel_send() is visible to the
 * receiver after arena_channel_recv() returned the message: docs/memory-model.md.
 *
 * What the peer says is checked: it can end the channel, and no more. One
 * exception: an EVENTFD's peer decides whether a write to its eventfd blocks, and if it
 * fills that at the right moment arena_channel_flush(), arena_channel_recv() and
 * arena_channel_close() hang.
 *
 * Single-threaded: the thread that opened a channel uses it.
 */
#ifndef ARENA_CHANNEL_H
#define ARENA_CHANNEL_H

#include <mshare.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <arena/layout.h>
#include <arena/message.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct arena_channel;
struct io_uring;

/* Messages that can be on their way at once: what a mailbox has room for. */
#define ARENA_CHANNEL_MAX_ENTRIES	(65536U - 8)

/**
 * enum arena_channel_transport - what carries the messages
 * @ARENA_CHANNEL_AUTO: the first of these that both sides can do
 * @ARENA_CHANNEL_MSG_RING: mailbox rings
 * @ARENA_CHANNEL_HYBRID: shared memory and mailbox rings
 * @ARENA_CHANNEL_EVENTFD: shared memory and eventfds; needs a link
 * @ARENA_CHANNEL_SOCKET: the link itself
 */
enum arena_channel_transport {
	ARENA_CHANNEL_AUTO,
	ARENA_CHANNEL_MSG_RING,
	ARENA_CHANNEL_HYBRID,
	ARENA_CHANNEL_EVENTFD,
	ARENA_CHANNEL_SOCKET,
};

/**
 * enum arena_wait - how arena_channel_wait() passes the time
 * @ARENA_WAIT_SLEEP: asleep
 * @ARENA_WAIT_POLL: looking, which takes a processor
 * @ARENA_WAIT_ADAPT: looking for as long as that paid lately, then asleep
 */
enum arena_wait {
	ARENA_WAIT_SLEEP,
	ARENA_WAIT_POLL,
	ARENA_WAIT_ADAPT,
};

/**
 * struct arena_channel_options - how to make a channel
 * @kind: what carries the messages; not all kinds are the same to both sides: they
 *	agree, or none has a channel
 * @wait: how arena_channel_wait() waits, a matter of this side alone
 * @entries: messages that one side may have sent and the other not yet
 *	acknowledged, 1 to ARENA_CHANNEL_MAX_ENTRIES, the same on both sides; for kinds
 *	with shared memory at most the layout's channel_entries
 * @peer: the peer's process id, 0 if it is not known: its death is then seen
 *	only over a link
 * @link: own end of arena_channel_socketpair(), or -1 to meet in the region. The channel takes
 *	it over, also if it cannot be opened
 * @timeout_ms: how long to wait for the peer to come, -1 for ever
 * @carrier: the application's ring that carries the messages, must outlive the
 *	channel; NULL for one of the channel's own
 * @user_data: of completions on @carrier; there is one only where sending
 *	failed, and then the channel is to be closed
 */
struct arena_channel_options {
	enum arena_channel_transport kind;
	enum arena_wait wait;
	uint32_t entries;
	pid_t peer;
	int link;
	int timeout_ms;
	struct io_uring *carrier;
	uint64_t user_data;
};

/**
 * struct arena_channel_counters - what happened
 * @sent: messages sent
 * @received: messages given out
 * @wakeups: how often the peer had to be woken; kinds with shared memory only
 * @sleeps: how often arena_channel_wait() slept
 * @stalls: how often a message found no room
 */
struct arena_channel_counters {
	uint64_t sent;
	uint64_t received;
	uint64_t wakeups;
	uint64_t sleeps;
	uint64_t stalls;
};

/**
 * arena_channel_socketpair() - a pair of sockets by which two processes find each other
 * @fds: filled with both ends, close-on-exec
 *
 * For a common parent, before it forks: each child takes one end and closes the
 * other.
 *
 * Return: 0 or -errno.
 */
int arena_channel_socketpair(int fds[2]);

/**
 * arena_channel_open() - make a channel, together with the peer
 * @m: attached region; may be NULL over a link, for kinds that do without
 * @layout: the region's; may be NULL for kinds without shared memory
 * @self: own role
 * @peer: the peer's role; of the other kind, NP or SP, for shared memory, and then
 *	there is one channel of the two at a time: they have one pair of rings
 * @options: how
 * @out: the channel, to be closed with arena_channel_close()
 *
 * Return: 0; -ETIMEDOUT if the peer did not come; -ESRCH if there is no such
 * process, -EPIPE if it went away meanwhile; -EPROTO if the two cannot agree, or
 * what the peer says makes no sense; -EOPNOTSUPP if the kernel lacks what the
 * kind needs; -EPERM if it forbids it: io_uring, or to fetch the peer's mailbox
 * by pidfd_getfd(2), which takes the rights of ptrace(2); -EEXIST after a meeting in
 * the region that failed, as long as the caller stays attached; -EINVAL; or another
 * -errno.
 */
int arena_channel_open(struct mshare *m, const struct arena_layout *layout, uint32_t self,
		       uint32_t peer, const struct arena_channel_options *options,
		       struct arena_channel **out);

/**
 * arena_channel_close() - tell the peer and end it; NULL is allowed
 *
 * Submits @carrier: queued messages name what is closed here. Close a channel
 * before its carrier.
 */
void arena_channel_close(struct arena_channel *ch);

/**
 * arena_channel_send() - queue a message
 * @ch: channel
 * @msg: copied; its type is less than ARENA_MSG_CHANNEL
 *
 * With shared memory a peer that looks may see it at once, else after
 * arena_channel_flush(), as well as one that sleeps. A carrier that is full is
 * submitted.
 *
 * Return: 0; -EAGAIN if there is no room: receive, or wait; -EPIPE if the peer
 * is gone; -EINVAL for the type; or what was wrong with the peer, see
 * arena_channel_recv().
 */
int arena_channel_send(struct arena_channel *ch, const struct arena_msg *msg);

/**
 * arena_channel_flush() - send all that is queued
 *
 * One system call for all of it, or none. With MSG_RING, a submit of @carrier
 * does the same.
 *
 * Return: 0; -EAGAIN or -EBUSY if something remains queued, as the kernel or
 * the socket had no room; -EPIPE if the peer is gone; or another -errno.
 */
int arena_channel_flush(struct arena_channel *ch);

/**
 * arena_channel_recv() - the next message, if there is one
 * @ch: channel
 * @msg: filled
 *
 * Never waits. Each message given out is acknowledged to the peer some time
 * later; on an application's @carrier that goes with its next submit.
 *
 * Return: 1; 0 if there is none; -EPIPE if there will be none, as the peer has closed or
 * died; -EOVERFLOW if it sent more than was agreed; -EPROTO if it broke the
 * rules otherwise. Whatever is negative stays: close the channel.
 */
int arena_channel_recv(struct arena_channel *ch, struct arena_msg *msg);

/**
 * arena_channel_wait() - wait until there is something to do
 * @ch: channel
 * @timeout_ms: at most so long, -1 for ever
 *
 * That is a message; an end or an error, which arena_channel_recv() tells; or
 * room, which is told once, if the last message that was to be sent found none. What is
 * queued is flushed before it waits.
 *
 * Return: 1, which does not promise a message; 0 if the time is over; -EINTR
 * for a signal; or another -errno.
 */
int arena_channel_wait(struct arena_channel *ch, int timeout_ms);

/**
 * arena_channel_fd() - what to poll for POLLIN in a loop of one's own
 *
 * First arena_channel_arm(), and if it says so poll this and, for the peer's death,
 * arena_channel_pidfd(); then arena_channel_disarm(), and arena_channel_recv() until it
 * gives no more. With MSG_RING and SOCKET it may do without arming. Poll a mailbox one
 * shot: a ring polled by a ring ends multishot polls.
 */
int arena_channel_fd(const struct arena_channel *ch);

/** arena_channel_pidfd() - readable when the peer has died; -1 if not known */
int arena_channel_pidfd(const struct arena_channel *ch);

/**
 * arena_channel_arm() - say that one is going to sleep on arena_channel_fd()
 *
 * Flush before. Return: true if there is nothing to do. Call arena_channel_disarm() in
 * any case, and nothing else between the two.
 */
bool arena_channel_arm(struct arena_channel *ch);

/** arena_channel_disarm() - say that one no longer sleeps, look who woke us and why */
void arena_channel_disarm(struct arena_channel *ch);

/** arena_channel_transport() - what carries the messages: never ARENA_CHANNEL_AUTO */
enum arena_channel_transport arena_channel_transport(const struct arena_channel *ch);

/** arena_channel_counters() - what happened so far */
struct arena_channel_counters arena_channel_counters(const struct arena_channel *ch);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_CHANNEL_H */
