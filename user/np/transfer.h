/* SPDX-License-Identifier: MIT */
/*
 * A transfer: a known number of bytes moving between a socket and memory. It
 * goes in parts, so that one can tell a slow client from a dead one.
 */
#ifndef NP_TRANSFER_H
#define NP_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "ring.h"

/**
 * struct transfer - one direction of a connection
 * @op: the part under way
 * @ring: the ring
 * @file: the socket
 * @kind: what is moved where
 * @is_busy: the kernel may touch the memory; only the completion ends that
 * @is_cut: end with the next completion
 * @has_moved: some bytes of this transfer have moved
 * @moved_at: ring seconds of the start or of the last part
 * @left: what is still to be moved: a head (only sent) and data
 * @part: what is being sent
 * @message: the argument of sendmsg
 * @done: called once, at the end
 */
struct transfer {
	struct ring_op op;
	struct ring *ring;
	int file;
	enum transfer_kind { TRANSFER_RECEIVE, TRANSFER_DISCARD, TRANSFER_SEND } kind;
	bool is_busy;
	bool is_cut;
	bool has_moved;
	int64_t moved_at;
	struct iovec left[2];
	struct iovec part[2];
	struct msghdr message;
	void (*done)(struct transfer *t, int err);
};

/*
 * @err of a transfer's end: 0 if all was moved, -ENODATA if the peer closed
 * before the first byte, -ECONNRESET if later, -ECANCELED after a cut, or what
 * the socket says. The next transfer may be started in @done.
 */
typedef void (*transfer_done_fn)(struct transfer *t, int err);

void transfer_init(struct transfer *t, struct ring *ring, int file);
void transfer_receive(struct transfer *t, void *data, size_t length,
		      transfer_done_fn done);
/** transfer_discard() - receive and throw away; @length is not 0 */
void transfer_discard(struct transfer *t, size_t length, transfer_done_fn done);
void transfer_send(struct transfer *t, const void *head, size_t head_length,
		   const void *data, size_t data_length, transfer_done_fn done);
/** transfer_cut() - end it soon; the caller shuts the socket down */
void transfer_cut(struct transfer *t);

#endif /* NP_TRANSFER_H */
