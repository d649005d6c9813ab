/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a channel, for channel.c, which implements its interface, and for connect.c and
 * the files below that: handshake.c connects it over a control socket, rendezvous.c through the
 * region, inherited.c by descriptors of a common parent. Transports must not know it.
 */
#ifndef ARENA_CHANNEL_CHANNEL_H
#define ARENA_CHANNEL_CHANNEL_H

#include <arena/arena.h>
#include <arena/channel.h>

#include "../owner.h"
#include "control.h"
#include "hybrid.h"
#include "msg_ring.h"
#include "socket.h"
#include "source.h"
#include "wait.h"

#define TRANSPORT_BIT(t)	(1U << (t))
#define WITH_MAILBOX		(TRANSPORT_BIT(ARENA_CHANNEL_MSG_RING) | \
				 TRANSPORT_BIT(ARENA_CHANNEL_HYBRID))
#define WITH_ANYTHING		(WITH_MAILBOX | TRANSPORT_BIT(ARENA_CHANNEL_SOCKET))

struct arena_channel;

/**
 * typedef connect_step - a step of connecting
 * @ch: channel
 * @until: how long it may wait, see clock_deadline(); 0 not at all
 *
 * Return: 0 if it is done, and the next step is set or the channel's transport known; -EAGAIN if
 * the peer has not done its part by @until; -EINTR; or the error that ends the attempt.
 */
typedef int connect_step(struct arena_channel *ch, int64_t until);

/**
 * struct channel_connect - connecting
 * @step: the next step; NULL when both sides have connected
 * @transports: the transports that this side can still use, TRANSPORT_BIT()
 * @deadline: when the attempt ends
 * @events: an epoll instance for callers that do not wait, or -1. When the channel has connected
 *	it stays, and stays ready, for a caller that still polls it
 * @timer: a timer that makes @events ready, or -1
 * @tick_ms: interval until the next look for a change that causes no event
 * @is_offered: the own mailbox was published in the region
 * @pid: the process whose mailbox is to be taken, or 0
 * @gone: a process that has ended and did not take the own mailbox, or 0
 * @is_retry: the kernel had no memory and has to be asked again
 * @mailbox: number of the peer's mailbox in the peer, from its HELLO
 * @allows: the peer was allowed to fetch descriptors of this process
 * @n_dropped: messages behind MARK that were taken
 * @has_opened: the peer has sent its OPEN of this epoch
 */
struct channel_connect {
	connect_step *step;
	uint32_t transports;
	int64_t deadline;
	int events;
	int timer;
	uint32_t tick_ms;
	pid_t pid;
	pid_t gone;
	bool is_offered;
	bool is_retry;
	int32_t mailbox;
	bool allows;
	uint32_t n_dropped;
	bool has_opened;
};

/**
 * struct arena_channel - an end of a channel
 * @transport: what carries the messages, one of those below; NULL until it is connected
 * @owner: the thread that opened it
 * @state: errors and the end of the channel
 * @a: this side's arena, or NULL
 * @self: own role, or ARENA_NO_ROLE
 * @peer: the peer's role, or ARENA_NO_ROLE
 * @own: what this side writes of the channel in the region; NULL if it has no arena
 * @peers: what the peer writes there, or NULL
 * @options: as given, with defaults filled in; when connected, with the transport chosen
 * @end: as given, if @options.end is not NULL
 * @control: the control socket, or -1
 * @pidfd: pidfd of the peer, or -1
 * @box: own mailbox, if @has_box
 * @has_box: the channel has a mailbox
 * @tx: the way to the peer's mailbox
 * @msg_ring: transport of MSG_RING
 * @hybrid: transport of HYBRID
 * @socket: transport of SOCKET
 * @connect: the state of connecting
 * @has_left: this side has sent its BYE of this epoch, or its peer needs none
 * @has_reported_end: arena_channel_recv() has returned an error, which stays
 * @watcher: the ring that drives it, if there is one
 * @spin: how long it has lately paid to spin
 * @fruitless: calls that found nothing to do since the last check whether the peer is alive
 * @counters: counters of the caller; the transport counts wake-ups in @state
 */
struct arena_channel {
	struct transport *transport;
	uint64_t owner;
	struct channel_state state;
	struct arena *a;
	uint32_t self;
	uint32_t peer;
	struct channel_part *own;
	struct channel_part *peers;
	struct arena_channel_options options;
	struct arena_channel_end end;
	int control;
	int pidfd;
	struct arena_mailbox box;
	bool has_box;
	struct channel_tx tx;
	struct msg_ring_transport msg_ring;
	struct hybrid_transport hybrid;
	struct socket_transport socket;
	struct channel_connect connect;
	bool has_left;
	bool has_reported_end;
	struct channel_watcher watcher;
	struct wait_spin spin;
	uint32_t fruitless;
	struct arena_channel_counters counters;
};

/* ---- connect.c ---- */

/** connect_begin() - prepare the transports and begin to connect; 0 or -errno */
int connect_begin(struct arena_channel *ch);

/**
 * connect_run() - connect
 * @ch: channel that is not connected, without an error
 * @until: how long to wait, see clock_deadline(); 0 not at all
 *
 * Return: 1 if it is connected; 0 if not yet; -EINTR; or an error, which has been put into the
 * channel's state, and after which the attempt has been given up.
 */
int connect_run(struct arena_channel *ch, int64_t until);

/** connect_again() - forget the connection, and begin to connect in another epoch; 0 or -errno */
int connect_again(struct arena_channel *ch, uint32_t epoch, uint64_t token, int pidfd);

/** connect_give_up() - let the peer know that there will be no channel */
void connect_give_up(struct arena_channel *ch);

/** connect_free() - free all that the channel has */
void connect_free(struct arena_channel *ch);

/** connect_leave() - free a child's copy of it, in which the rings' memory is not mapped */
void connect_leave(struct arena_channel *ch);

/**
 * connect_poll() - wait until @fd is readable or the peer is dead
 *
 * Return: 0 to look at @fd; -EAGAIN if @until has come; -EOWNERDEAD; -EINTR; or -errno.
 */
int connect_poll(const struct arena_channel *ch, int fd, int64_t until);

/**
 * connect_check_sent() - a message was queued or sent: what to do next
 * @ch: channel
 * @error: result of channel_tx_post() or channel_tx_submit()
 * @next: the step after it
 * @until: how long the step may wait
 *
 * Return: as a step.
 */
int connect_check_sent(struct arena_channel *ch, int error, connect_step *next, int64_t until);

/** connect_watch_peer() - get the peer's pidfd; 0 or -errno */
int connect_watch_peer(struct arena_channel *ch, pid_t pid);

/** connect_forget_peer() - close the pidfd again: it is not the peer's, or the peer is dead */
void connect_forget_peer(struct arena_channel *ch);

/** connect_tick() - when to look again for a change that causes no event */
int64_t connect_tick(struct arena_channel *ch);

/* ---- handshake.c ---- */

/** handshake_begin() - send HELLO over the control socket; 0 or -errno */
int handshake_begin(struct arena_channel *ch);

/** handshake_end() - let the peer fetch no descriptor any more; always allowed */
void handshake_end(struct arena_channel *ch);

/* ---- inherited.c ---- */

/** inherited_entries() - messages for which a mailbox of an end has room */
uint32_t inherited_entries(enum arena_channel_transport transport, uint32_t window);

/** inherited_begin() - mark the end of what lies in the mailbox; 0 or -errno */
int inherited_begin(struct arena_channel *ch);

/** inherited_give_up() - let the peer know that there will be no channel in this epoch */
void inherited_give_up(struct arena_channel *ch);

/* ---- rendezvous.c ---- */

/** rendezvous_begin() - publish the mailbox in the region; 0 or -errno */
int rendezvous_begin(struct arena_channel *ch);

/** rendezvous_give_up() - withdraw the mailbox; if the peer has it, send it a BYE */
void rendezvous_give_up(struct arena_channel *ch);

#endif /* ARENA_CHANNEL_CHANNEL_H */
