/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels: messages in both directions between two processes. They arrive in order, none is
 * lost, and never more are unacknowledged than was agreed. One of three transports carries them:
 *
 *	MSG_RING	each side has a mailbox, an io_uring that only receives messages, and
 *			the other side posts to it by IORING_OP_MSG_RING
 *	HYBRID		rings in shared memory carry the messages; MSG_RING wakes a side that
 *			sleeps
 *	SOCKET		the control socket, a UNIX socket, carries the messages
 *
 * Everything that the sender wrote before arena_channel_send() is visible to the receiver when
 * arena_channel_recv() has returned the message; docs/memory-model.md says why.
 *
 * A channel checks everything that the peer sends. A hostile peer can end the channel and do no
 * more.
 *
 * One thread uses a channel: the thread that opened it. In other threads, and in a child after
 * fork(2), calls return -ECHILD; that check costs no system call. This header must not know what
 * messages mean to the application, nor buffers.
 */
#ifndef ARENA_CHANNEL_H
#define ARENA_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <arena/message.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct arena;
struct arena_channel;
struct io_uring;

/* The largest window of a channel; a mailbox has no room for more. */
#define ARENA_CHANNEL_MAX_ENTRIES	(65536U - 8)
/* The window if the options do not give one. */
#define ARENA_CHANNEL_ENTRIES		64U
/* How long a side waits for its peer to connect if the options do not say, in milliseconds. */
#define ARENA_CHANNEL_TIMEOUT_MS	10000

/**
 * enum arena_channel_transport - the transport that carries the messages
 * @ARENA_CHANNEL_AUTO: the first of the following that works on both sides
 * @ARENA_CHANNEL_MSG_RING: mailboxes
 * @ARENA_CHANNEL_HYBRID: shared memory and mailboxes
 * @ARENA_CHANNEL_SOCKET: the control socket, which takes no io_uring
 *
 * Without a control socket AUTO is MSG_RING.
 */
enum arena_channel_transport {
	ARENA_CHANNEL_AUTO,
	ARENA_CHANNEL_MSG_RING,
	ARENA_CHANNEL_HYBRID,
	ARENA_CHANNEL_SOCKET,
};

/**
 * enum arena_wait - how arena_channel_wait() and arena_channel_next() wait
 * @ARENA_WAIT_SLEEP: they sleep
 * @ARENA_WAIT_POLL: they poll memory all the time, which takes a processor
 * @ARENA_WAIT_ADAPT: they poll memory for as long as that has lately paid, then they sleep
 */
enum arena_wait {
	ARENA_WAIT_SLEEP,
	ARENA_WAIT_POLL,
	ARENA_WAIT_ADAPT,
};

/**
 * struct arena_channel_mailbox - a mailbox that a common parent has made
 * @ring: the io_uring. A process that has it can post messages, and do nothing else with it
 * @memory: its memory, a memfd, which only the process that receives the messages may have
 *
 * Both are close-on-exec. The mailbox lives as long as anybody has @ring open, so it outlives the
 * processes that use it.
 */
struct arena_channel_mailbox {
	int ring;
	int memory;
};

/**
 * struct arena_channel_end - what a process inherits of a channel from the common parent
 * @own: its own mailbox
 * @peer: the ring of the peer's mailbox
 */
struct arena_channel_end {
	struct arena_channel_mailbox own;
	int peer;
};

/**
 * struct arena_channel_options - how to open a channel
 * @size: sizeof(struct arena_channel_options)
 * @transport: the transport; the two sides have to agree on it
 * @wait: how this side waits; the peer may wait in another way
 * @entries: the window: how many messages one side may have sent before the other has
 *	acknowledged any of them, up to ARENA_CHANNEL_MAX_ENTRIES; the same on both sides; with
 *	shared memory at most the layout's channel_entries. 0 means ARENA_CHANNEL_ENTRIES
 * @peer_pid: the process that alone can be the peer, or 0. The library finds the peer's process
 *	by itself, by the control socket or through the region, and watches it: both processes are
 *	in one pid namespace
 * @timeout_ms: how long to wait for the peer to connect, -1 for ever, 0 means
 *	ARENA_CHANNEL_TIMEOUT_MS. A peer that dies while it connects is not waited for
 * @nonblocking: arena_channel_open() does not wait: see there
 * @socket: this side's end of arena_channel_socketpair(), the control socket. The channel takes
 *	it over, also if it cannot be opened, and sets *@socket to -1. NULL: the two processes
 *	connect through the region, or by @end
 * @end: descriptors that this process has inherited from a common parent, which made them by
 *	arena_channel_make_mailbox(). They stay the caller's, and have to stay open until the
 *	channel is closed. NULL: the two processes connect in another way. MSG_RING and HYBRID
 *	use it, and AUTO is MSG_RING
 * @epoch: with @end: the number of this pairing of the two processes, at least 1, the same on both
 *	sides. The program that starts a successor of either process gives both a greater one
 * @token: with @end: a random number of this epoch, the same on both sides, which no process that
 *	had either end in an earlier epoch can know: so none can act as its successor
 * @pidfd: with @end: pidfd of the peer, which the channel takes over, also if it cannot be opened;
 *	0 for none: then the death of the peer is not noticed
 * @tx_ring: an io_uring of the application's that carries the messages, so that they go with
 *	the application's next submit; it must outlive the channel. NULL for one of the
 *	channel's own. MSG_RING and HYBRID use it
 * @tx_user_data: user_data of completions on @tx_ring. There is one only if a message could not
 *	be sent, and then the channel is to be closed
 *
 * Options in which only @size is not zero are valid.
 */
struct arena_channel_options {
	size_t size;
	enum arena_channel_transport transport;
	enum arena_wait wait;
	uint32_t entries;
	pid_t peer_pid;
	int timeout_ms;
	bool nonblocking;
	int *socket;
	const struct arena_channel_end *end;
	uint32_t epoch;
	uint64_t token;
	int pidfd;
	struct io_uring *tx_ring;
	uint64_t tx_user_data;
};

/**
 * struct arena_channel_counters - counts of events on a channel
 * @size: sizeof(struct arena_channel_counters), set by the caller
 * @sent: messages sent
 * @received: messages given out by arena_channel_recv()
 * @wakeups: number of times that the peer had to be woken; only with shared memory
 * @sleeps: number of times that a call that waits went to sleep
 * @stalls: number of times that the window was full when a message was to be sent
 */
struct arena_channel_counters {
	size_t size;
	uint64_t sent;
	uint64_t received;
	uint64_t wakeups;
	uint64_t sleeps;
	uint64_t stalls;
};

/**
 * arena_channel_socketpair() - make a pair of control sockets
 * @fds: filled with both ends, close-on-exec
 *
 * A common parent calls it before it forks. Each of the two processes keeps one end and closes
 * the other.
 *
 * Return: 0 or -errno.
 */
int arena_channel_socketpair(int fds[2]);

/**
 * arena_channel_make_mailbox() - make a mailbox for processes that will inherit it
 * @transport: MSG_RING or HYBRID, as both ends of the channel will say it
 * @entries: the window, as both ends will say it; 0 means ARENA_CHANNEL_ENTRIES
 * @out: filled with descriptors that belong to the caller
 *
 * A common parent calls it twice for each pair of processes, before it forks. Each of the two
 * inherits one mailbox with its memory, and of the other one the ring alone; see
 * struct arena_channel_end. A process that dies leaves its mailbox to its successor, who opens its
 * end with the next epoch. There is room for two windows: what the dead process has left, and what
 * comes after.
 *
 * Return: 0; -EINVAL if @transport or @entries is not valid; -EOPNOTSUPP if the kernel lacks what
 * a mailbox needs; or another -errno.
 */
int arena_channel_make_mailbox(enum arena_channel_transport transport, uint32_t entries,
			       struct arena_channel_mailbox *out);

/**
 * arena_channel_open() - open a channel to a peer, which opens its end
 * @a: this process's part in the region. With a control socket it may be NULL: the channel has
 *	no shared memory then, and this side has no role
 * @peer_role: the peer's role; of another class than this side's. There is one channel of two
 *	roles at a time. Not looked at if @a is NULL
 * @options: how; copied; NULL for all defaults
 * @out: the channel, to be closed with arena_channel_close()
 *
 * It returns when the two have connected. With @options->nonblocking it returns at once, and the
 * channel connects while it is used: until then arena_channel_send() returns -EAGAIN,
 * arena_channel_recv() returns 0, and arena_channel_wait(), arena_channel_next() and the file
 * descriptor arena_channel_fd() wait for the connection. If the connection fails,
 * arena_channel_recv() and the others return the error that arena_channel_open() would have
 * returned. arena_channel_is_connected() tells how far it is.
 *
 * After a failure it may be tried again, through the region, with another control socket, or with
 * a greater epoch.
 *
 * With @options->end nothing wakes a nonblocking caller when its time is over: the next call
 * notices it. If the peer is replaced while the two connect, this side is not told: it has to be
 * reopened with the epoch of the new pairing.
 *
 * Return: 0, or
 * -E2BIG: @options has members that this version of the library does not know;
 * -EINVAL: a role or an option is not valid, or @a or a socket is missing that the transport needs;
 * -EOPNOTSUPP: the kernel lacks a feature that the transport needs;
 * -EPERM: the kernel forbids it: io_uring, or to fetch the peer's mailbox by pidfd_getfd(2),
 *	which takes the rights of ptrace(2);
 * -ESRCH: there is no process @options->peer_pid, or the peer is in another pid namespace;
 * -ETIMEDOUT: the peer did not connect in time;
 * -EPIPE: the peer gave up: its arena_channel_open() failed;
 * -EOWNERDEAD: the peer died;
 * -EPROTO: the two sides do not agree, or the peer broke the rules of connecting;
 * or another -errno.
 */
int arena_channel_open(struct arena *a, uint32_t peer_role,
		       const struct arena_channel_options *options, struct arena_channel **out);

/**
 * arena_channel_reopen() - connect again to a peer that was replaced
 * @ch: channel that was opened with @end, in any state, and that no ring watches
 * @epoch: the epoch of the new pairing, greater than the one before
 * @token: of the epoch, see struct arena_channel_options
 * @pidfd: of the peer, see struct arena_channel_options; taken over also if the call fails
 *
 * A process whose peer has died first receives what the peer has left, until
 * arena_channel_recv() returns an error. Nothing that was sent in an earlier epoch is received in a
 * later one. As after an open with @nonblocking the channel connects while it is used, within the
 * time of its options. What else is in the mailbox is dropped then, some of it each time, however
 * much there is; if the memory of the mailbox was changed, the error is -EPROTO. The call makes no
 * descriptor and maps no memory, so that a process in a sandbox can do it. Counters go on.
 *
 * Return: 0; -EINVAL if the channel has no @end or the epoch is not greater; -EBUSY if a ring
 * watches the channel: nothing has changed then; -ECHILD; or another -errno, which the channel
 * keeps until it is reopened or closed.
 */
int arena_channel_reopen(struct arena_channel *ch, uint32_t epoch, uint64_t token, int pidfd);

/**
 * arena_channel_leave() - send queued messages, and inform the peer that nothing follows
 * @ch: channel that was opened with @end, in any state, and that no ring watches
 *
 * It does what arena_channel_close() does for the peer, and keeps the channel: it can be reopened
 * when the peer was replaced. Until then arena_channel_send(), arena_channel_recv() and the others
 * return -EPIPE. A second call does nothing.
 *
 * Return: 0; -EINVAL if the channel has no @end; -EBUSY if a ring watches the channel; -ECHILD.
 */
int arena_channel_leave(struct arena_channel *ch);

/**
 * arena_channel_is_connected() - whether the peer has connected
 * @ch: channel
 *
 * Always true of a channel that was opened without @nonblocking. It stays true after the end of
 * the channel.
 */
bool arena_channel_is_connected(const struct arena_channel *ch);

/**
 * arena_channel_close() - send queued messages, inform the peer, and free the channel
 * @ch: channel, or NULL
 *
 * It does not wait: messages for which the kernel or the socket has no room are lost. If
 * arena_channel_flush() returned 0 before, there are none.
 *
 * It submits the application's @tx_ring, because queued messages name a descriptor that is closed
 * here. Close a channel before its @tx_ring.
 *
 * A child of fork(2) releases its copy of the channel, which the peer does not notice.
 *
 * Return: 0, or -ECHILD for another thread than the one that opened it: nothing has changed then.
 */
int arena_channel_close(struct arena_channel *ch);

/**
 * arena_channel_send() - queue a message
 * @ch: channel
 * @msg: copied; its type is 1 to 127
 *
 * It goes out with the next arena_channel_flush(). With shared memory a peer that looks may see
 * it at once. If the tx ring is full it is submitted.
 *
 * Return: 0, or
 * -EAGAIN: the window is full, or the channel is not connected yet: receive, or wait;
 * -EINVAL: the type is not one of the application's;
 * -ECHILD: another thread opened the channel;
 * or an error of arena_channel_recv(), which stays.
 */
int arena_channel_send(struct arena_channel *ch, const struct arena_msg *msg);

/**
 * arena_channel_flush() - send all queued messages
 * @ch: channel
 *
 * It takes one system call or none. With MSG_RING a submit of the application's @tx_ring does
 * the same.
 *
 * Return: 0, or
 * -EAGAIN or -EBUSY: some messages are still queued, because the kernel or the socket has no
 *	room;
 * -ECHILD: another thread opened the channel;
 * or an error of arena_channel_recv(), if it is noticed. If nothing is queued, the end of the
 *	channel is not an error.
 */
int arena_channel_flush(struct arena_channel *ch);

/**
 * arena_channel_recv() - receive the next message, if there is one
 * @ch: channel
 * @msg: filled
 *
 * It never waits. Messages that were received are acknowledged to the peer some time later, on
 * an application's @tx_ring with its next submit.
 *
 * Return: 1; 0 if there is no message; -ECHILD if another thread opened the channel; or, when there
 * is no message any more and never will be,
 * -EPIPE: the peer has closed the channel, and everything that it sent has been received;
 * -EOWNERDEAD: the peer has died, or it left without closing the channel, or its last messages
 *	were lost because it had no memory;
 * -EOVERFLOW: the peer sent more than was agreed;
 * -EPROTO: the peer broke the rules otherwise;
 * an error of arena_channel_open(), if it failed to connect.
 * An error stays: close the channel.
 */
int arena_channel_recv(struct arena_channel *ch, struct arena_msg *msg);

/**
 * arena_channel_next() - receive the next message, and wait for it if there is none
 * @ch: channel
 * @msg: filled
 * @timeout_ms: how long to wait, 0 not at all, -1 without limit
 *
 * Before it waits it sends everything that is queued, so a loop that calls arena_channel_next()
 * and arena_channel_send() needs no arena_channel_flush().
 *
 * Return: 1; 0 if no message came in time; -EINTR if a signal came; -ECHILD; or an error of
 * arena_channel_recv(), which stays.
 */
int arena_channel_next(struct arena_channel *ch, struct arena_msg *msg, int timeout_ms);

/**
 * arena_channel_wait() - wait until the channel can be used
 * @ch: channel
 * @timeout_ms: how long to wait, 0 not at all, -1 without limit
 *
 * For a side that waits for room in the window; arena_channel_next() is for a side that waits for
 * messages. Before it waits it sends everything that is queued.
 *
 * Return: 1 if
 * - arena_channel_recv() would return a message or an error, or
 * - the last arena_channel_send() returned -EAGAIN, and the next one would not. This is reported
 *   once: if nothing is sent then, the next call waits for a message.
 * 0 if none of it happened in time; -EINTR if a signal came; -ECHILD; or another -errno.
 */
int arena_channel_wait(struct arena_channel *ch, int timeout_ms);

/**
 * arena_channel_fd() - the file descriptor to poll for POLLIN in a loop of the caller's own
 * @ch: channel
 *
 * Call arena_channel_flush(), then arena_channel_arm(). If that returns true, poll this and, for
 * the peer's death, arena_channel_pidfd(). Afterwards call arena_channel_disarm() in any case,
 * and then arena_channel_recv() until it returns no message. MSG_RING and SOCKET may be polled
 * without arming.
 *
 * Ask for the descriptor again after each arena_channel_disarm(): it is another one when the
 * channel has connected. Poll it one shot: an io_uring that polls an io_uring ends multishot
 * polls.
 */
int arena_channel_fd(const struct arena_channel *ch);

/** arena_channel_pidfd() - readable when the peer has died; -1 before it is known who that is */
int arena_channel_pidfd(const struct arena_channel *ch);

/**
 * arena_channel_arm() - announce that this side is going to sleep on arena_channel_fd()
 * @ch: channel
 *
 * Return: true if there is nothing to do, so that this side may sleep; false in another thread.
 * Call arena_channel_disarm() in any case, and no other function of the channel between the two.
 */
bool arena_channel_arm(struct arena_channel *ch);

/** arena_channel_disarm() - announce that this side is awake, and clear the wake-up */
void arena_channel_disarm(struct arena_channel *ch);

/**
 * arena_channel_transport() - the transport that carries the messages
 * @ch: channel
 *
 * ARENA_CHANNEL_AUTO only while a nonblocking channel has not connected.
 */
enum arena_channel_transport arena_channel_transport(const struct arena_channel *ch);

/**
 * arena_channel_counters() - count the events so far
 * @ch: channel
 * @out: filled; its size is set
 *
 * Return: 0; -EINVAL or -E2BIG if the size is not that of such a structure.
 */
int arena_channel_counters(const struct arena_channel *ch, struct arena_channel_counters *out);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_CHANNEL_H */
