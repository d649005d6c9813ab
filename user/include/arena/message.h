/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A message: 96 bits that one process of a channel sends to the other. It has a type
 * and a value that belong to the application, and it names one extent.
 *
 * An extent goes from its owner to a peer and back. The owner sends the ref that
 * arena_lend() fills in, and the peer sends it back when it has called arena_return():
 *
 *	owner:	FREE --get--> OWNED --lend--> LENT --regain--> OWNED --put--> FREE
 *			      OWNED <-unlend- LENT	the message was not sent
 *					      LENT --peer_died--> LOST --reclaim--> FREE
 *
 *	peer:	(nothing) --borrow--> BORROWED --return--> (nothing)
 *
 * Both may let the kernel work on the extent: OWNED or BORROWED becomes IN_IO
 * until the last operation has ended, and an extent that is IN_IO can be neither lent
 * nor returned nor freed. Between owner and peer, in the order of time:
 *
 *	owner			message			peer
 *	arena_get()
 *	writes
 *	arena_lend()		--- ref -->
 *	(LENT)						arena_borrow()
 *							reads
 *				<-- ref ---		arena_return()
 *	arena_regain()
 *
 * The peer sends back the ref that it received. The application chooses the types of the
 * two messages and the meaning of everything else in them.
 *
 * A receiver trusts no message, because a hostile peer can send any bits. This header must
 * not know how messages travel, nor any protocol that uses them.
 */
#ifndef ARENA_MESSAGE_H
#define ARENA_MESSAGE_H

#include <stdint.h>

#include <arena/ref.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Types from 1 to 127 are the application's. 0 is no type, so that a zeroed message is
 * refused. Types from ARENA_MSG_CHANNEL on are the channel's own: it neither
 * accepts them from the application nor hands them to it.
 */
#define ARENA_MSG_CHANNEL	128

/* Bits of an index in a message. They suffice for ARENA_MAX_GROUP_BUFFERS. */
#define ARENA_MSG_INDEX_BITS	24

/**
 * struct arena_msg - a message, unpacked
 * @type: 1 to ARENA_MSG_CHANNEL - 1
 * @value: number of the application
 * @ref: an extent; all zero if the message names none. Its @reserved does not travel,
 *	and of its @index only the low ARENA_MSG_INDEX_BITS do
 */
struct arena_msg {
	uint8_t type;
	uint16_t value;
	struct arena_ref ref;
};

/**
 * arena_msg_data() - the first 64 of the 96 bits
 * @m: message
 *
 * They travel as the user_data of an io_uring completion, or as a word.
 *
 * Return: type in bits 0 to 7, value in 8 to 23, group in 24 to 39, index in 40 to 63.
 */
static inline uint64_t arena_msg_data(const struct arena_msg *m)
{
	return (uint64_t)m->type | (uint64_t)m->value << 8 |
	       (uint64_t)m->ref.group << 24 | (uint64_t)m->ref.index << 40;
}

/**
 * arena_msg_len() - the other 32 bits
 * @m: message
 *
 * They travel as the length of an IORING_OP_MSG_RING, which is the res of the
 * completion.
 *
 * Return: count in bits 0 to 15, generation in 16 to 31.
 */
static inline uint32_t arena_msg_len(const struct arena_msg *m)
{
	return (uint32_t)m->ref.count | (uint32_t)m->ref.generation << 16;
}

/**
 * arena_msg_unpack() - the message that arena_msg_data() and arena_msg_len() packed
 * @data: the 64 bits
 * @len: the 32 bits
 *
 * All values are possible, and nothing is checked here.
 */
static inline struct arena_msg arena_msg_unpack(uint64_t data, uint32_t len)
{
	struct arena_msg m;

	m.type = (uint8_t)data;
	m.value = (uint16_t)(data >> 8);
	m.ref.group = (uint16_t)(data >> 24);
	m.ref.index = (uint32_t)(data >> 40);
	m.ref.count = (uint16_t)len;
	m.ref.generation = (uint16_t)(len >> 16);
	m.ref.reserved = 0;
	return m;
}

#ifdef __cplusplus
}
#endif
#endif /* ARENA_MESSAGE_H */
