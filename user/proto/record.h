/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The protocol between a network process (NP) and a storage process (SP): messages, and the records
 * that they point to. It does not depend on the protocol of clients: the NP translates their
 * requests into records, and the SP executes records.
 *
 *	HELLO		sent first by both sides: the versions that the sender speaks; the
 *			SP's HELLO names an extent with a struct proto_disk
 *	REQUESTS	sent by the NP: an extent with 1 to PROTO_MAX_RECORDS requests
 *	REPLIES		sent by the SP: an extent with 1 to PROTO_MAX_RECORDS replies, in
 *			any order
 *	RETURN		sent by both sides: the extent that a message or a reply had lent
 *	HELD		sent by both sides: an extent that the sender has from a predecessor of
 *			the receiver
 *	REPLAYED	sent by the NP: all HELD and all requests that the predecessor had are sent
 *
 * Each side writes records in buffers of its own, and does not touch them while they are lent. The
 * other side copies them once, by the functions below, and returns the extent. A RETURN may be held
 * for a while, so that it does not wake the peer by itself; see returns.h. An SP returns requests
 * before it replies to any of them. The payload of a request is lent by its record and returned by
 * the reply to it, or later by RETURN, see PROTO_REPLY_KEPT. The data of a reply is lent by its
 * record and returned by RETURN.
 *
 * A message or record that makes no sense is counted and dropped without an answer. Only a request
 * that makes no sense gets a reply, because its tag has a meaning for the NP alone.
 *
 *	a READ:		NP  REQUESTS -->  SP copies, RETURN -->
 *			SP  REPLIES  -->  NP copies, RETURN -->  sends the data, RETURN -->
 *	a WRITE:	NP  REQUESTS -->  SP copies, RETURN -->  writes the payload
 *			SP  REPLIES  -->  NP copies, RETURN -->  has the payload again
 *
 * A HELLO comes before any other message. A side that has no version in common with the
 * other logs it and closes the channel.
 *
 * An SP may be the successor of one that died. It sends HELLO only when it has the claim to the
 * disk, which means that all I/O of its predecessor has ended; so the NP then takes back all that
 * it had lent. The NP sends HELD for each extent that it still uses, then once more the requests
 * that were not answered, with the same tags, the same times and PROTO_FLAG_REPLAY, in the order of
 * their times, and then REPLAYED, in any case. The SP begins to work when all NPs have done so. It
 * puts their requests in the order of their times, and answers those that the predecessor has
 * completed as its table of results says (flight.h).
 *
 *	successor:	SP  HELLO -->  NP has its payload again
 *			NP  HELD ...  REQUESTS ...  REPLAYED -->
 *
 * An NP may be the successor of one that died, too. An SP that served the dead one answers at once,
 * although the disk may still read payload of the dead NP. The SP's HELLO says how many extents
 * these are, and a HELD follows for each. The successor does not use them before their RETURN. What
 * its predecessor had lent to an SP it does not use before that SP has said what it has.
 *
 * This header knows refs and rules. It must not know a client protocol, a disk or a layout.
 */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include <arena/message.h>
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The versions that this code speaks. */
#define PROTO_VERSION_OLDEST	4U
#define PROTO_VERSION_NEWEST	4U

/*
 * Bounds: extents of one reply and of one request, records of one message, bytes that one request
 * moves, parts of a range that one BLOCK_STATUS describes.
 */
#define PROTO_MAX_REFS		2U
#define PROTO_REQUEST_REFS	1U
#define PROTO_MAX_RECORDS	256U
#define PROTO_MAX_BYTES		(32U << 20)
#define PROTO_MAX_PARTS		255U

/**
 * enum proto_message - types of messages
 * @PROTO_MESSAGE_HELLO: value: proto_hello_value(); the SP's ref: a struct proto_disk
 * @PROTO_MESSAGE_REQUESTS: value: number of struct proto_request in the extent
 * @PROTO_MESSAGE_REPLIES: value: number of struct proto_reply in the extent
 * @PROTO_MESSAGE_RETURN: value 0; the sender does not use the extent any more
 * @PROTO_MESSAGE_HELD: value 0; the sender still has the extent, and will return it. Those of an SP
 *	follow its HELLO, and there are as many as that says
 * @PROTO_MESSAGE_REPLAYED: value: how many of the NP's clients use the disk; no extent
 */
enum proto_message {
	PROTO_MESSAGE_HELLO = 1,
	PROTO_MESSAGE_REQUESTS,
	PROTO_MESSAGE_REPLIES,
	PROTO_MESSAGE_RETURN,
	PROTO_MESSAGE_HELD,
	PROTO_MESSAGE_REPLAYED,
};

/**
 * enum proto_operation - what a request asks for
 * @PROTO_READ: bytes of the disk; the reply's refs hold them
 * @PROTO_WRITE: write the payload
 * @PROTO_FLUSH: make durable all writes that were replied to; offset and length are 0
 * @PROTO_DISCARD: the contents of the range do not matter any more
 * @PROTO_WRITE_ZEROES: the range reads as zeroes afterwards
 * @PROTO_CACHE: the range will be read soon
 * @PROTO_BLOCK_STATUS: which parts of the range are allocated; the reply's ref holds an array of
 *	struct proto_part
 * @PROTO_OPEN: a client begins to use the disk; the reply tells how large the disk is now, or is
 *	PROTO_ENOSPC if as many clients use it as may. Offset and length are 0. The SP answers it,
 *	and PROTO_CLOSE, without the disk
 * @PROTO_CLOSE: a client that was granted PROTO_OPEN uses the disk no more; offset and length are 0
 */
enum proto_operation {
	PROTO_READ,
	PROTO_WRITE,
	PROTO_FLUSH,
	PROTO_DISCARD,
	PROTO_WRITE_ZEROES,
	PROTO_CACHE,
	PROTO_BLOCK_STATUS,
	PROTO_OPEN,
	PROTO_CLOSE,
};

/*
 * Flags of a request. FUA, with WRITE, WRITE_ZEROES and DISCARD: the effect is durable before the
 * reply. NO_HOLE, with WRITE_ZEROES: the range stays allocated. FAST, with WRITE_ZEROES: the
 * request fails if it would be as slow as writing. HOLES, with READ: the reply may say that bytes
 * are zeroes instead of having them. ONE, with BLOCK_STATUS: only the first part is wanted. LOOK,
 * with OPEN: only the size is wanted; there is no client that uses the disk. REPLAY, with all: the
 * SP's predecessor got the request, and may have carried it out.
 */
#define PROTO_FLAG_FUA		(1U << 0)
#define PROTO_FLAG_NO_HOLE	(1U << 1)
#define PROTO_FLAG_FAST		(1U << 2)
#define PROTO_FLAG_HOLES	(1U << 3)
#define PROTO_FLAG_ONE		(1U << 4)
#define PROTO_FLAG_LOOK		(1U << 5)
#define PROTO_FLAG_REPLAY	(1U << 6)

/**
 * struct proto_request - a request
 * @tag: chosen by the NP; the reply has the same. See proto_tag()
 * @offset: first byte on the disk
 * @length: bytes
 * @received_ns: CLOCK_BOOTTIME when the request was complete, so that requests of several
 *	NPs have an order
 * @alive_ns: CLOCK_BOOTTIME when the client had not ended its connection, as far as this machine
 *	knew, or when the request had not come yet; see PROTO_ESTALE
 * @operation: enum proto_operation
 * @flags: PROTO_FLAG_*
 * @n_refs: extents of the payload, in order; 0 unless @operation is PROTO_WRITE
 * @client: a number of the NP's choice for the client that asks. The SP lets the clients of an NP
 *	take turns where requests wait for each other
 * @ref: the extents; the rest is zero
 * @reserved: zero
 *
 * The first byte of a payload lies (@offset modulo buffer size) bytes into its first
 * extent, so that memory and disk are aligned alike.
 */
struct proto_request {
	uint64_t tag;
	uint64_t offset;
	uint64_t length;
	uint64_t received_ns;
	uint64_t alive_ns;
	uint16_t operation;
	uint16_t flags;
	uint16_t n_refs;
	uint16_t client;
	struct arena_ref ref[PROTO_REQUEST_REFS];
	uint32_t reserved;
};

static_assert(sizeof(struct proto_request) == 64, "a record takes one cache line");

/*
 * The low bits of a tag are the slot of a request: a number below proto_requests(), which no other
 * request in flight has.
 */
#define PROTO_SLOT_BITS		16U

/**
 * proto_tag() - make a tag
 * @slot: of the request
 * @use: number of the use of the slot
 *
 * An NP never uses a tag twice, nor one that an NP with its role had before: the uses of a slot
 * are counted from proto_first_use() on.
 */
static inline uint64_t proto_tag(uint32_t slot, uint64_t use)
{
	return slot | use << PROTO_SLOT_BITS;
}

/** proto_slot() - the slot of a request with this tag; not checked */
static inline uint32_t proto_slot(uint64_t tag)
{
	return (uint32_t)tag & ((1U << PROTO_SLOT_BITS) - 1);
}

/**
 * proto_first_use() - number of the first use of each slot
 * @boot_ns: CLOCK_BOOTTIME when the NP starts
 *
 * It counts microseconds. No slot is used that often, so a later NP has greater numbers, for nine
 * years.
 */
static inline uint64_t proto_first_use(uint64_t boot_ns)
{
	return (boot_ns >> 10) + 1;
}

/**
 * enum proto_status - how a request ended: numbers of errno.h, and no others
 * @PROTO_OK: done
 * @PROTO_EPERM: the disk is read-only
 * @PROTO_EIO: the disk failed
 * @PROTO_ENOMEM: no memory or no buffers
 * @PROTO_EINVAL: the request makes no sense
 * @PROTO_ENOSPC: outside the disk, or the disk is full
 * @PROTO_EOVERFLOW: the reply would be too long
 * @PROTO_ENOTSUP: the disk cannot do this, or not as fast as asked
 * @PROTO_ESHUTDOWN: the SP ends
 * @PROTO_ESTALE: the request would change the disk, and was not carried out: since its @alive_ns
 *	another NP has changed the same bytes. If its client has not ended the connection the NP
 *	sends the request again, with the time at which it has looked
 */
enum proto_status {
	PROTO_OK = 0,
	PROTO_EPERM = 1,
	PROTO_EIO = 5,
	PROTO_ENOMEM = 12,
	PROTO_EINVAL = 22,
	PROTO_ENOSPC = 28,
	PROTO_EOVERFLOW = 75,
	PROTO_ENOTSUP = 95,
	PROTO_ESHUTDOWN = 108,
	PROTO_ESTALE = 116,
};

/** proto_is_status() - is a number one of enum proto_status? */
bool proto_is_status(uint32_t status);

/**
 * struct proto_reply - the reply to a request
 * @tag: tag of the request
 * @status: enum proto_status
 * @n_refs: extents of the data, in order; 0 unless @status is PROTO_OK
 * @flags: PROTO_REPLY_*
 * @ref: the extents; the rest is zero
 * @zeroes_before: READ with PROTO_FLAG_HOLES: as many bytes at the beginning of the range are
 *	zeroes, and the extent need not have them
 * @zeroes_after: the same at the end of the range. If the whole range is zeroes, there is no extent
 * @n_parts: BLOCK_STATUS: entries of the array in the extent, 1 to PROTO_MAX_PARTS
 * @spent_us: microseconds from the moment at which the SP took the request until the disk had ended
 *	it, for the NP's statistics; 0 if the disk was not to do it
 * @bytes: OPEN: size of the disk, 1 to INT64_MAX
 *
 * What a reply says besides its status and @spent_us is 0 unless the status is PROTO_OK.
 */
struct proto_reply {
	uint64_t tag;
	uint32_t status;
	uint16_t n_refs;
	uint16_t flags;
	struct arena_ref ref[PROTO_MAX_REFS];
	uint32_t zeroes_before;
	uint32_t zeroes_after;
	uint32_t n_parts;
	uint32_t spent_us;
	uint64_t bytes;
};

static_assert(sizeof(struct proto_reply) == 64, "a record takes one cache line");

/*
 * Flags of a reply. KEPT: a WRITE failed, and the disk may still read its payload, which the SP
 * returns by RETURN when it has it back.
 */
#define PROTO_REPLY_KEPT	(1U << 0)

/* Flags of a part. HOLE: it is not allocated on the disk. ZERO: it reads as zeroes. */
#define PROTO_PART_HOLE		(1U << 0)
#define PROTO_PART_ZERO		(1U << 1)
#define PROTO_PART_ALL		((1U << 2) - 1)

/**
 * struct proto_part - a part of the range of a BLOCK_STATUS
 * @length: bytes, at least 1
 * @flags: PROTO_PART_*
 * @reserved: zero
 *
 * The parts lie side by side from the offset of the request on. Together they may be shorter than
 * its range, but not longer.
 */
struct proto_part {
	uint64_t length;
	uint32_t flags;
	uint32_t reserved;
};

static_assert(sizeof(struct proto_part) == 16, "an array of parts has no gaps");

/**
 * struct proto_disk - an SP's description of its disk
 * @magic: PROTO_DISK_MAGIC
 * @bytes: size when the SP started, which need not be a multiple of @block_size; see PROTO_OPEN
 * @block_size: logical block size, a power of two, 512 to 4096
 * @flags: PROTO_DISK_*
 * @max_bytes: bytes that the disk moves in one command, a multiple of @block_size. Requests
 *	may be longer, up to PROTO_MAX_BYTES: the SP splits them
 * @atomic_bytes: a write of up to as many bytes that does not cross a multiple of them is
 *	done completely or not at all, also if the power fails; at least @block_size
 * @discard_granularity: bytes of the units in which the disk forgets what it holds; 0
 *	without PROTO_DISK_DISCARD
 * @n_held: how many HELD follow, at most as many as requests may be in flight
 * @losses: a number that is another one after the disk has lost changes that were acknowledged,
 *	because it went away before a FLUSH. The NP tells its clients: each connection that was
 *	there before has one FLUSH fail
 * @reserved: zero
 */
struct proto_disk {
	uint64_t magic;
	uint64_t bytes;
	uint32_t block_size;
	uint32_t flags;
	uint32_t max_bytes;
	uint32_t atomic_bytes;
	uint32_t discard_granularity;
	uint32_t n_held;
	uint32_t losses;
	uint32_t reserved[5];
};

static_assert(sizeof(struct proto_disk) == 64, "a record takes one cache line");

#define PROTO_DISK_MAGIC	0x6b7369646e657261ULL	/* "arendisk" */

/*
 * Flags of a disk. READONLY: it must not be written. FUA: it can make one write durable without a
 * flush of all writes; an SP without this flag serves PROTO_FLAG_FUA, too. DISCARD and
 * WRITE_ZEROES: it serves these operations. ROTATIONAL: it has a seek time. VOLATILE_CACHE: if the
 * power fails, it can lose bytes that were written and not flushed. LIMITED: requests may have to
 * wait because there are many of them, so that they should not have more than their share of the
 * NP's buffers.
 */
#define PROTO_DISK_READONLY		(1U << 0)
#define PROTO_DISK_FUA			(1U << 1)
#define PROTO_DISK_DISCARD		(1U << 2)
#define PROTO_DISK_WRITE_ZEROES		(1U << 3)
#define PROTO_DISK_ROTATIONAL		(1U << 4)
#define PROTO_DISK_VOLATILE_CACHE	(1U << 5)
#define PROTO_DISK_LIMITED		(1U << 6)
#define PROTO_DISK_ALL			((1U << 7) - 1)

/** proto_hello_value() - the value of a HELLO that offers versions @oldest to @newest */
static inline uint16_t proto_hello_value(uint8_t oldest, uint8_t newest)
{
	return (uint16_t)(oldest | newest << 8);
}

/** proto_hello_oldest() - the oldest version that a HELLO's value offers */
static inline uint8_t proto_hello_oldest(uint16_t value)
{
	return (uint8_t)value;
}

/** proto_hello_newest() - the newest version that a HELLO's value offers */
static inline uint8_t proto_hello_newest(uint16_t value)
{
	return (uint8_t)(value >> 8);
}

/* The value of this code's HELLO. */
#define PROTO_HELLO	proto_hello_value(PROTO_VERSION_OLDEST, PROTO_VERSION_NEWEST)

/**
 * proto_version() - choose the version that a channel speaks
 * @own: value of the caller's HELLO
 * @peer: value of the peer's HELLO
 *
 * Both sides come to the same result: the newest version that both speak.
 *
 * Return: the version, or -EPROTO if there is none or @peer is no range.
 */
int proto_version(uint16_t own, uint16_t peer);

/**
 * proto_records_fit() - can an extent hold as many records as a message says?
 * @msg: REQUESTS or REPLIES
 * @bytes: size of the extent, as the receiver knows it
 * @record: bytes of a record
 *
 * It is false for 0 records and for more than PROTO_MAX_RECORDS.
 */
static inline int proto_records_fit(const struct arena_msg *msg, size_t bytes, size_t record)
{
	return msg->value && msg->value <= PROTO_MAX_RECORDS && msg->value <= bytes / record;
}

/**
 * proto_request_receive() - copy a request out of an NP's memory, once, and check it
 * @copy: filled in any case; if it is not sound, only its tag may be used, to refuse it
 * @shared: the extent's first record
 * @nth: number of the record in the extent
 *
 * A request that is sound by itself may still not suit the disk, or name extents that the NP does
 * not have. The caller checks the range, and borrows the extents.
 *
 * Return: 0, or -EPROTO.
 */
int proto_request_receive(struct proto_request *copy, const void *shared, size_t nth);

/**
 * proto_reply_receive() - copy a reply out of an SP's memory, once, and check it
 *
 * It is like proto_request_receive(). The caller looks up the tag.
 */
int proto_reply_receive(struct proto_reply *copy, const void *shared, size_t nth);

/**
 * proto_parts_receive() - copy the parts of a BLOCK_STATUS out of an SP's memory, once, and check
 * @copy: filled in any case; PROTO_MAX_PARTS entries
 * @shared: the array
 * @n: entries of the array, at most PROTO_MAX_PARTS
 * @length: bytes of the request's range
 *
 * Return: 0, or -EPROTO.
 */
int proto_parts_receive(struct proto_part *copy, const void *shared, uint32_t n, uint64_t length);

/** proto_disk_receive() - copy a disk's description, once, and check it; 0 or -EPROTO */
int proto_disk_receive(struct proto_disk *copy, const void *shared);

/**
 * proto_status_of() - the status that stands for an error of a disk
 * @error: positive errno, or 0
 * @operation: enum proto_operation of the request that failed
 *
 * The request itself was sound, so the status never says PROTO_EINVAL.
 *
 * Return: enum proto_status; PROTO_EIO for errors that say nothing to a client.
 */
enum proto_status proto_status_of(int error, uint16_t operation);

#ifdef __cplusplus
}
#endif
#endif /* PROTO_RECORD_H */
