/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inbox: messages of the application that a transport has fetched, because acknowledgments
 * lie behind them, and that the application has not received yet. It knows messages and their
 * order, and no transport.
 */
#ifndef ARENA_CHANNEL_INBOX_H
#define ARENA_CHANNEL_INBOX_H

#include <arena/message.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * struct channel_inbox - a ring in private memory; the transport counts, so that it never overflows
 * @msg: messages
 * @mask: size of the ring less 1; a power of two not less than the window
 * @head: messages that were taken, modulo 2^32
 * @tail: messages that were added, modulo 2^32
 */
struct channel_inbox {
	struct arena_msg *msg;
	uint32_t mask;
	uint32_t head;
	uint32_t tail;
};

/** channel_inbox_init() - with room for a window; 0 or -ENOMEM */
static inline int channel_inbox_init(struct channel_inbox *i, uint32_t window)
{
	uint32_t size = 1;

	while (size < window)
		size *= 2;
	*i = (struct channel_inbox){ .msg = calloc(size, sizeof(*i->msg)), .mask = size - 1 };
	return i->msg ? 0 : -ENOMEM;
}

static inline void channel_inbox_free(struct channel_inbox *i)
{
	free(i->msg);
	i->msg = NULL;
}

/** channel_inbox_count() - number of messages in it */
static inline uint32_t channel_inbox_count(const struct channel_inbox *i)
{
	return i->tail - i->head;
}

static inline void channel_inbox_add(struct channel_inbox *i, const struct arena_msg *msg)
{
	i->msg[i->tail++ & i->mask] = *msg;
}

/** channel_inbox_take() - the first message, if there is one */
static inline bool channel_inbox_take(struct channel_inbox *i, struct arena_msg *msg)
{
	if (i->head == i->tail)
		return false;
	*msg = i->msg[i->head++ & i->mask];
	return true;
}

#endif /* ARENA_CHANNEL_INBOX_H */
