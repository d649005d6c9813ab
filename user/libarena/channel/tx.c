// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tx.h"

/* How many messages go with one submit of a ring of the channel's own. */
#define OWN_ENTRIES	128U

/*
 * The ring sends messages and nothing else, whoever gets its descriptor. (7.3 restricts
 * registrations only if one is named.)
 */
static int restrict_own(struct io_uring *ring)
{
	struct io_uring_restriction only[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_MSG_RING },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
		  .sqe_flags = IOSQE_CQE_SKIP_SUCCESS },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
		  .register_op = IORING_UNREGISTER_RING_FDS },
	};
	int ret = io_uring_register_restrictions(ring, only, sizeof(only) / sizeof(only[0]));

	return ret ? ret : io_uring_enable_rings(ring);
}

static int open_own(struct io_uring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_R_DISABLED,
	};
	int ret = io_uring_queue_init_params(OWN_ENTRIES, ring, &params);

	if (ret)
		return ret;
	/* A child of fork(2) does not need it, and could corrupt it. */
	io_uring_ring_dontfork(ring);
	/* This saves a look-up in each system call. Older kernels refuse it. */
	io_uring_register_ring_fd(ring);
	ret = restrict_own(ring);
	if (ret < 0)
		io_uring_queue_exit(ring);
	return ret < 0 ? ret : 0;
}

int channel_tx_open(struct channel_tx *tx, struct io_uring *ring, uint64_t user_data)
{
	int ret;

	tx->user_data = user_data;
	tx->ring = ring;
	if (ring)
		return 0;
	ret = open_own(&tx->own);
	if (ret)
		return ret == -EINVAL ? -EOPNOTSUPP : ret;
	tx->keeps_own = true;
	tx->has_own = true;
	tx->ring = &tx->own;
	return 0;
}

void channel_tx_close(struct channel_tx *tx)
{
	/*
	 * A message may still be queued on the application's ring. If the descriptor were closed,
	 * the message would go to the next file with its number. So it stays open.
	 */
	bool is_named = tx->is_lent || (tx->ring && !tx->has_own && channel_tx_pending(tx));

	if (tx->keeps_own)
		io_uring_queue_exit(&tx->own);
	if (tx->target >= 0 && !is_named)
		close(tx->target);
	tx->keeps_own = false;
	tx->has_own = false;
	tx->ring = NULL;
	tx->target = -1;
}

/* A completion on our own ring means a failure, because messages that were sent have none. */
static int check_own(struct channel_tx *tx)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	if (!tx->has_own)
		return 0;
	io_uring_for_each_cqe(tx->ring, head, cqe) {
		tx->state->error = cqe->res < 0 ? cqe->res : -EIO;
		return tx->state->error;
	}
	return 0;
}

void channel_tx_forget(struct channel_tx *tx)
{
	if (tx->keeps_own)
		io_uring_cq_advance(&tx->own, io_uring_cq_ready(&tx->own));
}

static int submit(struct channel_tx *tx)
{
	while (channel_tx_pending(tx)) {
		int ret = io_uring_submit(tx->ring);

		if (ret < 0 && ret != -EINTR)
			return ret;
	}
	return check_own(tx);
}

void channel_tx_use(struct channel_tx *tx, struct io_uring *ring, uint64_t user_data)
{
	tx->has_own = false;
	tx->is_deferred = true;
	tx->ring = ring;
	tx->user_data = user_data;
}

int channel_tx_return(struct channel_tx *tx)
{
	int ret = submit(tx);

	tx->is_deferred = false;
	tx->has_own = true;
	tx->ring = &tx->own;
	return ret;
}

int channel_tx_submit(struct channel_tx *tx)
{
	return tx->is_deferred ? 0 : submit(tx);
}

int channel_tx_post(struct channel_tx *tx, const struct arena_msg *msg)
{
	return channel_tx_post_to(tx, tx->target, msg);
}

int channel_tx_post_to(struct channel_tx *tx, int mailbox, const struct arena_msg *msg)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(tx->ring);

	while (!sqe) {
		int ret = submit(tx);

		if (ret)
			return ret;
		sqe = io_uring_get_sqe(tx->ring);
	}
	io_uring_prep_msg_ring(sqe, mailbox, arena_msg_len(msg), arena_msg_data(msg), 0);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data64(sqe, tx->user_data);
	return 0;
}

void channel_tx_end(struct channel_tx *tx, const struct arena_msg *msg)
{
	channel_tx_post(tx, msg);
	submit(tx);
}
