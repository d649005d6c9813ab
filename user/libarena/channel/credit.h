/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Credit: how many messages each side has sent and acknowledged, for transports that acknowledge
 * by messages. This header must not know of anything but numbers: not of channels, of transports,
 * or of memory that the peer can write.
 */
#ifndef ARENA_CHANNEL_CREDIT_H
#define ARENA_CHANNEL_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct channel_credit - counts of messages, modulo 2^32
 * @window: how many messages may be unacknowledged
 * @quantum: how many messages are acknowledged together: a quarter of the window, rounded up,
 *	so that no more than 4 acknowledgments can be unread
 * @sent: messages that this side has sent
 * @acked: how many of them the peer has acknowledged
 * @received: messages that this side has received
 * @received_acked: how many of them this side has acknowledged
 */
struct channel_credit {
	uint32_t window;
	uint32_t quantum;
	uint32_t sent;
	uint32_t acked;
	uint32_t received;
	uint32_t received_acked;
};

/** channel_credit_quantum() - how many messages are acknowledged together */
static inline uint32_t channel_credit_quantum(uint32_t window)
{
	return (window + 3) / 4;
}

/** channel_credit_init() - begin with full credit */
static inline void channel_credit_init(struct channel_credit *c, uint32_t window)
{
	*c = (struct channel_credit){
		.window = window,
		.quantum = channel_credit_quantum(window),
	};
}

/** channel_credit_has_room() - true if another message may be sent */
static inline bool channel_credit_has_room(const struct channel_credit *c)
{
	return c->sent - c->acked < c->window;
}

/** channel_credit_is_due() - true if received messages must be acknowledged now */
static inline bool channel_credit_is_due(const struct channel_credit *c)
{
	return c->received - c->received_acked >= c->quantum;
}

/** channel_credit_unacknowledged() - unacknowledged messages of the peer, with the @unread */
static inline uint32_t channel_credit_unacknowledged(const struct channel_credit *c,
						     uint32_t unread)
{
	return c->received - c->received_acked + unread;
}

/**
 * channel_credit_take() - process an acknowledgment of the peer
 * @c: credit
 * @number: the number of messages that the peer claims to have received
 *
 * Acknowledgments have to be taken in the order in which they came. A repeated one changes
 * nothing.
 *
 * Return: 0, or -EPROTO if the number is not possible.
 */
int channel_credit_take(struct channel_credit *c, uint32_t number);

#endif /* ARENA_CHANNEL_CREDIT_H */
