/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mailbox: an io_uring that only receives messages. It knows messages and their order, and must
 * not know what they mean or how they are counted.
 */
#ifndef ARENA_MAILBOX_H
#define ARENA_MAILBOX_H

#include <arena/message.h>
#include <errno.h>
#include <stddef.h>

#include "../uring.h"

/**
 * struct arena_mailbox - a receiving ring and its private memory
 * @ring: the ring
 * @memory: of the ring, page aligned
 * @size: bytes of @memory
 */
struct arena_mailbox {
	struct io_uring ring;
	void *memory;
	size_t size;
};

/**
 * arena_mailbox_open() - make a mailbox that can be published
 * @box: filled
 * @entries: messages that may be waiting at once
 *
 * Return: 0, -EINVAL for 0 or more than 65536 entries, -EOPNOTSUPP if the kernel lacks what a
 * mailbox needs, or another -errno.
 */
int arena_mailbox_open(struct arena_mailbox *box, unsigned int entries);

/** arena_mailbox_close() - end a mailbox that was opened */
void arena_mailbox_close(struct arena_mailbox *box);

/** arena_mailbox_count() - number of messages that have come and were not dropped yet */
static inline uint32_t arena_mailbox_count(const struct arena_mailbox *box)
{
	return io_uring_cq_ready(&box->ring);
}

/**
 * arena_mailbox_peek() - look at the first message
 * @box: mailbox
 * @msg: filled
 *
 * Return: 1; 0 if there is none; -EOVERFLOW if more came than the mailbox holds.
 */
static inline int arena_mailbox_peek(struct arena_mailbox *box, struct arena_msg *msg)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	/*
	 * Once one message has overflowed, the kernel queues all later ones in memory of its
	 * own, without bound. The loop below does not fetch them, as io_uring_peek_cqe() would.
	 */
	if (io_uring_cq_has_overflow(&box->ring))
		return -EOVERFLOW;
	/* Loads the tail with acquire: pairs with the kernel's release. */
	io_uring_for_each_cqe(&box->ring, head, cqe) {
		*msg = arena_msg_unpack(cqe->user_data, (uint32_t)cqe->res);
		return 1;
	}
	return 0;
}

/** arena_mailbox_type() - the type of the first message; -1 if there is none */
static inline int arena_mailbox_type(const struct arena_mailbox *box)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	io_uring_for_each_cqe(&box->ring, head, cqe)
		return (uint8_t)cqe->user_data;
	return -1;
}

/** arena_mailbox_drop() - drop the first message */
static inline void arena_mailbox_drop(struct arena_mailbox *box)
{
	io_uring_cq_advance(&box->ring, 1);
}

#endif /* ARENA_MAILBOX_H */
