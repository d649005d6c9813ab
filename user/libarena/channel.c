// SPDX-License-Identifier: LGPL-2.1-or-later
#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "mailbox.h"

/**
 * struct arena_channel - own mailbox and the way to the peer's
 * @box: where the peer's messages arrive
 * @peer: the peer's mailbox
 * @sent: messages queued
 * @received: messages given out
 */
struct arena_channel {
	struct arena_mailbox box;
	int peer;
	uint64_t sent;
	uint64_t received;
};

/* A mailbox is named by who reads it and who writes to it. */
static uint64_t mailbox_tag(unsigned int reader, unsigned int writer)
{
	return (uint64_t)reader << 32 | writer;
}

int arena_channel_open(struct mshare *m, unsigned int self, unsigned int peer,
		       pid_t peer_pid, unsigned int entries, int timeout_ms,
		       struct arena_channel **out)
{
	struct arena_channel *ch = calloc(1, sizeof(*ch));
	int ret;

	if (!ch)
		return -ENOMEM;
	ret = arena_mailbox_open(&ch->box, entries);
	if (ret)
		goto free_channel;
	ret = mshare_publish_ring(m, ch->box.ring.ring_fd, peer_pid,
				  mailbox_tag(self, peer));
	if (ret)
		goto close_mailbox;
	ret = mshare_take_ring(m, peer_pid, mailbox_tag(peer, self), timeout_ms);
	if (ret < 0)
		goto close_mailbox;
	ch->peer = ret;
	*out = ch;
	return 0;

close_mailbox:
	arena_mailbox_close(&ch->box);
free_channel:
	free(ch);
	return ret;
}

void arena_channel_close(struct arena_channel *ch)
{
	if (!ch)
		return;
	close(ch->peer);
	arena_mailbox_close(&ch->box);
	free(ch);
}

int arena_channel_prep(struct arena_channel *ch, struct io_uring *ring,
		       const struct arena_msg *msg, uint64_t user_data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_msg_ring(sqe, ch->peer, arena_msg_len(msg),
			       arena_msg_data(msg), 0);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data64(sqe, user_data);
	ch->sent++;
	return 0;
}

int arena_channel_next(struct arena_channel *ch, struct arena_msg *msg)
{
	struct io_uring *ring = &ch->box.ring;
	struct io_uring_cqe *cqe;
	unsigned int head;

	/*
	 * Once one message has overflowed, the kernel queues all later ones in
	 * memory of its own, without bound. The loop below does not fetch them,
	 * as io_uring_peek_cqe() would.
	 */
	if (io_uring_cq_has_overflow(ring))
		return -EOVERFLOW;
	/* Loads the tail with acquire: pairs with the kernel's release. */
	io_uring_for_each_cqe(ring, head, cqe) {
		*msg = arena_msg_unpack(cqe->user_data, (uint32_t)cqe->res);
		io_uring_cqe_seen(ring, cqe);
		ch->received++;
		return 1;
	}
	return 0;
}

int arena_channel_fd(const struct arena_channel *ch)
{
	return ch->box.ring.ring_fd;
}

uint64_t arena_channel_sent(const struct arena_channel *ch)
{
	return ch->sent;
}

uint64_t arena_channel_received(const struct arena_channel *ch)
{
	return ch->received;
}
