/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The channel's own messages, which it sends beside the application's, and the format in which a
 * socket carries both. This header must not know of transports.
 */
#ifndef ARENA_CHANNEL_OWN_H
#define ARENA_CHANNEL_OWN_H

#include <arena/channel.h>
#include <arena/message.h>

#define CHANNEL_VERSION	6U

/**
 * enum channel_msg - types of the channel's own messages
 * @CHANNEL_MSG_OPEN: the first message in a mailbox: channel_msg_terms(), or between ends of a
 *	common parent channel_msg_token()
 * @CHANNEL_MSG_CREDIT: number: messages received since the beginning, modulo 2^32
 * @CHANNEL_MSG_WAKE: look into shared memory
 * @CHANNEL_MSG_BYE: the last message: its sender has closed the channel, or does not open it;
 *	number: the epoch, of a sender that does not open it
 * @CHANNEL_MSG_READY: its sender has got the OPEN of its peer; channel_msg_terms()
 * @CHANNEL_MSG_MARK: to the own mailbox: all that lies before it is old; channel_msg_token()
 */
enum channel_msg {
	CHANNEL_MSG_OPEN = ARENA_MSG_CHANNEL,
	CHANNEL_MSG_CREDIT,
	CHANNEL_MSG_WAKE,
	CHANNEL_MSG_BYE,
	CHANNEL_MSG_READY,
	CHANNEL_MSG_MARK,
};

/* Own messages besides wake-ups that can be unread: OPEN, READY, MARK, BYE, and 4 credits. */
#define CHANNEL_SPARE	8U
/* Wake-ups that can be unread: the last one, and a late one for each side. */
#define CHANNEL_WAKES	8U

/** channel_msg() - a message of the channel's own, with a number of 32 bits */
static inline struct arena_msg channel_msg(enum channel_msg type, uint32_t number)
{
	return (struct arena_msg){
		.type = (uint8_t)type,
		.ref.count = (uint16_t)number,
		.ref.generation = (uint16_t)(number >> 16),
	};
}

/** channel_msg_number() - the number in a message of the channel's own */
static inline uint32_t channel_msg_number(const struct arena_msg *msg)
{
	return msg->ref.count | (uint32_t)msg->ref.generation << 16;
}

/**
 * channel_msg_token() - a message that only a process of one epoch can send
 * @type: CHANNEL_MSG_OPEN or CHANNEL_MSG_MARK
 * @epoch: the epoch, of which 8 bits travel
 * @token: of the epoch
 */
static inline struct arena_msg channel_msg_token(enum channel_msg type, uint32_t epoch,
						 uint64_t token)
{
	struct arena_msg msg = channel_msg(type, (uint32_t)token);

	msg.ref.group = CHANNEL_VERSION;
	msg.ref.index = (uint16_t)(token >> 32) | (epoch & 0xff) << 16;
	msg.value = (uint16_t)(token >> 48);
	return msg;
}

/**
 * channel_msg_terms() - a message that says what its sender expects the channel to be
 * @type: CHANNEL_MSG_OPEN or CHANNEL_MSG_READY
 * @transport: what carries its messages
 * @window: up to ARENA_CHANNEL_MAX_ENTRIES
 * @epoch: number of the pairing, 0 for a channel that has no epochs
 */
static inline struct arena_msg channel_msg_terms(enum channel_msg type,
						 enum arena_channel_transport transport,
						 uint32_t window, uint32_t epoch)
{
	struct arena_msg msg = channel_msg(type, epoch);

	msg.ref.group = CHANNEL_VERSION;
	msg.ref.index = window;
	msg.value = (uint16_t)transport;
	return msg;
}

/** channel_msg_is_same() - true if two messages travel as the same bits */
static inline bool channel_msg_is_same(const struct arena_msg *a, const struct arena_msg *b)
{
	return arena_msg_data(a) == arena_msg_data(b) && arena_msg_len(a) == arena_msg_len(b);
}

/**
 * struct channel_wire - a message as a socket carries it
 * @data: arena_msg_data()
 * @len: arena_msg_len()
 * @reserved: zero
 */
struct channel_wire {
	uint64_t data;
	uint32_t len;
	uint32_t reserved;
};

static inline struct channel_wire channel_wire(const struct arena_msg *msg)
{
	return (struct channel_wire){ .data = arena_msg_data(msg), .len = arena_msg_len(msg) };
}

#endif /* ARENA_CHANNEL_OWN_H */
