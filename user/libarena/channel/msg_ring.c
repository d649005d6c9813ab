// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kind MSG_RING: messages and credits through mailboxes. Its post, submit
 * and next also serve whoever only wakes by a mailbox.
 */
#include <errno.h>

#include "transport.h"

/* As many messages as go with one submit of a carrier of the channel's own. */
#define OWN_ENTRIES	128U

static int carrier_make(struct arena_channel *ch)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_SUBMIT_ALL,
	};
	int ret;

	ch->carrier = ch->options.carrier;
	if (ch->carrier)
		return 0;
	ret = io_uring_queue_init_params(OWN_ENTRIES, &ch->own, &params);
	if (ret)
		return ret == -EINVAL ? -EOPNOTSUPP : ret;
	/* A system call less to look up; older kernels do without. */
	io_uring_register_ring_fd(&ch->own);
	ch->has_own = true;
	ch->carrier = &ch->own;
	return 0;
}

int channel_ring_make(struct arena_channel *ch)
{
	uint32_t entries = CHANNEL_WAKES;
	int ret;

	if (ch->kinds & KIND_BIT(ARENA_CHANNEL_MSG_RING))
		entries = ch->options.entries;
	ret = arena_mailbox_open(&ch->box, entries + CHANNEL_SPARE);
	if (ret)
		return ret;
	ch->has_box = true;
	return carrier_make(ch);
}

int channel_ring_submit(struct arena_channel *ch)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	while (io_uring_sq_ready(ch->carrier)) {
		int ret = io_uring_submit(ch->carrier);

		if (ret < 0 && ret != -EINTR)
			return ret;
	}
	if (!ch->has_own)
		return 0;
	/* A message that was sent leaves no completion. */
	io_uring_for_each_cqe(ch->carrier, head, cqe) {
		ch->error = cqe->res < 0 ? cqe->res : -EIO;
		return ch->error;
	}
	return 0;
}

int channel_ring_post(struct arena_channel *ch, const struct arena_msg *msg)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ch->carrier);

	while (!sqe) {
		int ret = channel_ring_submit(ch);

		if (ret)
			return ret;
		sqe = io_uring_get_sqe(ch->carrier);
	}
	io_uring_prep_msg_ring(sqe, ch->target, arena_msg_len(msg), arena_msg_data(msg), 0);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data64(sqe, ch->options.user_data);
	return 0;
}

int channel_ring_next(struct arena_channel *ch, struct arena_msg *msg)
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
		return 1;
	}
	return 0;
}

/* Acknowledge; on a carrier of our own at once, lest the peer stall. */
static int send_credit(struct arena_channel *ch)
{
	struct channel_credit *c = &ch->credit;
	struct arena_msg msg = channel_msg(CHANNEL_MSG_CREDIT, c->received);
	int ret;

	if (!channel_credit_is_due(c))
		return 0;
	ret = channel_ring_post(ch, &msg);
	if (ret)
		return ret;
	c->told = c->received;
	return ch->has_own ? channel_ring_submit(ch) : 0;
}

static int take_own(struct arena_channel *ch, const struct arena_msg *msg)
{
	switch (msg->type) {
	case CHANNEL_MSG_CREDIT:
		return channel_credit_take(&ch->credit, channel_msg_number(msg));
	case CHANNEL_MSG_BYE:
		ch->has_ended = true;
		return 0;
	default:
		return -EPROTO;
	}
}

static int ring_recv(struct arena_channel *ch, struct arena_msg *msg)
{
	struct channel_credit *c = &ch->credit;
	uint32_t own = 0;
	int ret;

	/* What we have taken and not acknowledged is still the peer's to count. */
	if (io_uring_cq_ready(&ch->box.ring) + (c->received - c->told) >
	    c->window + CHANNEL_SPARE)
		return -EOVERFLOW;
	while ((ret = channel_ring_next(ch, msg)) > 0) {
		if (msg->type < ARENA_MSG_CHANNEL) {
			c->received++;
			break;
		}
		ret = own++ < CHANNEL_SPARE ? take_own(ch, msg) : -EOVERFLOW;
		if (ret)
			return ret;
	}
	/* If the kernel has no room for it now, the next call tries again. */
	if (ret >= 0)
		send_credit(ch);
	return ret;
}

/*
 * Credits lie behind messages that nobody has received yet: look at all, and
 * leave those. To take a credit twice does no harm.
 */
static bool ring_has_room(struct arena_channel *ch)
{
	struct io_uring *ring = &ch->box.ring;
	struct io_uring_cqe *cqe;
	bool is_first = true;
	unsigned int head;

	if (channel_credit_has_room(&ch->credit))
		return true;
	io_uring_for_each_cqe(ring, head, cqe) {
		struct arena_msg msg = arena_msg_unpack(cqe->user_data, (uint32_t)cqe->res);

		if (msg.type == CHANNEL_MSG_CREDIT &&
		    channel_credit_take(&ch->credit, channel_msg_number(&msg)))
			ch->error = -EPROTO;
		ch->has_ended |= msg.type == CHANNEL_MSG_BYE;
		is_first &= msg.type == CHANNEL_MSG_CREDIT;
		if (is_first)
			io_uring_cqe_seen(ring, cqe);
	}
	return ch->error || channel_credit_has_room(&ch->credit);
}

static int ring_send(struct arena_channel *ch, const struct arena_msg *msg)
{
	int ret = send_credit(ch);

	if (ret)
		return ret;
	if (!ring_has_room(ch))
		return -EAGAIN;
	if (ch->error)
		return ch->error;
	ret = channel_ring_post(ch, msg);
	if (!ret)
		ch->credit.sent++;
	return ret;
}

static int ring_flush(struct arena_channel *ch)
{
	int ret = send_credit(ch);

	return ret ? ret : channel_ring_submit(ch);
}

static bool ring_has_message(struct arena_channel *ch)
{
	return io_uring_cq_ready(&ch->box.ring);
}

static bool ring_arm(struct arena_channel *ch)
{
	return !ring_has_message(ch);
}

static int ring_disarm(struct arena_channel *ch)
{
	(void)ch;
	return 0;
}

void channel_ring_leave(struct arena_channel *ch)
{
	/* A message that is queued still would go to whatever gets the number next. */
	if (!ch->has_own && io_uring_sq_ready(ch->carrier))
		ch->target = -1;
}

void channel_ring_bye(struct arena_channel *ch)
{
	struct arena_msg msg = channel_msg(CHANNEL_MSG_BYE, 0);

	channel_ring_post(ch, &msg);
	channel_ring_submit(ch);
	channel_ring_leave(ch);
}

static int ring_fd(const struct arena_channel *ch)
{
	return ch->box.ring.ring_fd;
}

const struct transport_ops channel_ring_ops = {
	.send = ring_send,
	.flush = ring_flush,
	.recv = ring_recv,
	.has_message = ring_has_message,
	.has_room = ring_has_room,
	.arm = ring_arm,
	.disarm = ring_disarm,
	.bye = channel_ring_bye,
	.fd = ring_fd,
	.spins_max = SPINS_IN_MEMORY,
};
