/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mailbox: an io_uring that only receives messages.
 */
#ifndef ARENA_MAILBOX_H
#define ARENA_MAILBOX_H

#include <liburing.h>
#include <stddef.h>

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
 * Return: 0, -EINVAL for 0 or more than 65536 entries, -EOPNOTSUPP if the
 * kernel lacks what a mailbox needs, or another -errno.
 */
int arena_mailbox_open(struct arena_mailbox *box, unsigned int entries);

/** arena_mailbox_close() - end a mailbox that was opened */
void arena_mailbox_close(struct arena_mailbox *box);

#endif /* ARENA_MAILBOX_H */
