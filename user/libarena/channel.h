/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel: two mailbox rings, one each way, between two processes.
 *
 * A mailbox is an io_uring that only receives messages from one peer. It is
 * SINGLE_ISSUER | NO_MMAP with its memory private to the owner, restricted to
 * nothing and enabled before it is published, so that whoever holds its fd can
 * post messages and do nothing else. It is never the ring that does I/O, so a
 * peer cannot forge an I/O completion, and which mailbox a message lies in says
 * who sent it. It is not DEFER_TASKRUN, so a message is posted at once, in
 * order. Posting to a dead peer succeeds silently: watch its pidfd.
 *
 * Everything the sender wrote before the submit that carries a message is
 * visible to the receiver after arena_channel_next() returned it.
 *
 * Single-threaded: the thread that opened a channel uses it.
 */
#ifndef ARENA_CHANNEL_H
#define ARENA_CHANNEL_H

#include <liburing.h>
#include <mshare.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "message.h"

struct arena_channel;

/**
 * arena_channel_open() - make, publish and connect a channel
 * @m: attached region
 * @self: own role, see ARENA_ROLE_*
 * @peer: the peer's role
 * @peer_pid: the peer's process id, 0 if any process of the region will do
 * @entries: messages that may be waiting at once; the protocol above must not
 *	let the peer send more
 * @timeout_ms: how long to wait for the peer to come
 * @out: the channel, to be closed with arena_channel_close()
 *
 * Return: 0, -ETIMEDOUT if the peer did not come, -EOPNOTSUPP if the kernel
 * lacks what a mailbox needs, or another -errno.
 */
int arena_channel_open(struct mshare *m, unsigned int self, unsigned int peer,
		       pid_t peer_pid, unsigned int entries, int timeout_ms,
		       struct arena_channel **out);

/** arena_channel_close() - NULL is allowed */
void arena_channel_close(struct arena_channel *ch);

/**
 * arena_channel_prep() - queue a message on the caller's own ring
 * @ch: channel
 * @ring: the ring that will carry it at its next submit
 * @msg: what to send, copied
 * @user_data: of the completion; there is one only if sending failed
 *	(IOSQE_CQE_SKIP_SUCCESS)
 *
 * Return: 0, or -EAGAIN if the submission queue is full: submit, try again.
 */
int arena_channel_prep(struct arena_channel *ch, struct io_uring *ring,
		       const struct arena_msg *msg, uint64_t user_data);

/**
 * arena_channel_next() - the next message that has arrived, if any
 *
 * Does not block and makes no system call unless the mailbox overflowed.
 *
 * Return: 1 with @msg filled, 0 if there is none, or -EOVERFLOW if the peer
 * sent more than was agreed: close the channel.
 */
int arena_channel_next(struct arena_channel *ch, struct arena_msg *msg);

/**
 * arena_channel_fd() - the mailbox, to be polled for POLLIN
 *
 * Poll it one shot, drain with arena_channel_next(), poll again: a ring
 * polled by a ring ends multishot polls.
 */
int arena_channel_fd(const struct arena_channel *ch);

/** arena_channel_sent() - messages queued by arena_channel_prep() */
uint64_t arena_channel_sent(const struct arena_channel *ch);
/** arena_channel_received() - messages given out by arena_channel_next() */
uint64_t arena_channel_received(const struct arena_channel *ch);

#endif /* ARENA_CHANNEL_H */
