/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mailbox: an io_uring that only receives messages. It knows messages and their order, and must
 * not know what they mean or how they are counted.
 *
 * The memory of the ring is a memfd, so that the process that makes a mailbox need not be the one
 * that receives. Each process that receives maps it in turn, and the next one may trust the kernel
 * but not what the one before has written there.
 */
#ifndef ARENA_MAILBOX_H
#define ARENA_MAILBOX_H

#include <arena/channel.h>
#include <arena/message.h>
#include <errno.h>
#include <stddef.h>

#include "../uring.h"

#define MAILBOX_MAX_ENTRIES	65536U

/**
 * struct arena_mailbox - a receiving ring and its memory
 * @ring: the ring; only its descriptor and the part for completions are filled in
 * @memory: of the ring, mapped
 * @size: bytes of @memory
 * @is_lent: the descriptor of the ring is not the mailbox's, and stays open
 */
struct arena_mailbox {
	struct io_uring ring;
	void *memory;
	size_t size;
	bool is_lent;
};

/**
 * arena_mailbox_make() - make a mailbox that other processes can inherit
 * @entries: messages that may be waiting at once
 * @out: filled
 *
 * Return: 0, -EINVAL for 0 or more than MAILBOX_MAX_ENTRIES, -EOPNOTSUPP if the kernel lacks what a
 * mailbox needs, or another -errno.
 */
int arena_mailbox_make(unsigned int entries, struct arena_channel_mailbox *out);

/**
 * arena_mailbox_attach() - receive from a mailbox that was made before
 * @box: filled
 * @made: the mailbox; its descriptors stay the caller's
 * @entries: as of arena_mailbox_make()
 * @like: any ring of this process. The kernel says of it where things lie in the memory of a ring,
 *	which @made->memory, that others had, cannot be asked
 *
 * Return: 0; -EINVAL if @made->memory is not that of a mailbox of so many entries; or another
 * -errno.
 */
int arena_mailbox_attach(struct arena_mailbox *box, const struct arena_channel_mailbox *made,
			 unsigned int entries, const struct io_uring *like);

/** arena_mailbox_open() - make a mailbox and receive from it; as the two calls above */
int arena_mailbox_open(struct arena_mailbox *box, unsigned int entries,
		       const struct io_uring *like);

/** arena_mailbox_close() - end a mailbox that was opened or attached */
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

/**
 * arena_mailbox_fetch() - look at the first message, behind more than the mailbox holds, too
 * @box: mailbox
 * @msg: filled
 *
 * It is for what others have left in the mailbox: it asks the kernel for messages that have
 * overflowed, and recovers if the place of the first message is not possible.
 *
 * Return: 1; 0 if there is none; or -errno.
 */
int arena_mailbox_fetch(struct arena_mailbox *box, struct arena_msg *msg);

/**
 * arena_mailbox_take_overflow() - take messages that have overflowed, as many as there is room for
 *
 * It asks the kernel in any case, because the flag that says so may be wrong, too.
 *
 * Return: 0 or -errno.
 */
int arena_mailbox_take_overflow(struct arena_mailbox *box);

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
