/* SPDX-License-Identifier: MIT */
/*
 * What a network process and its successor say to each other while the one is replaced by the
 * other, over a SOCK_SEQPACKET socket that arenad has given to both:
 *
 *	successor	READY
 *	old process	for each connection CONN, with its socket, and BYTES; then END, or REFUSED
 *	successor	TAKEN
 *	old process	GIVEN, or REFUSED, and its end, from which on the connections are the
 *			successor's
 *
 * Without GIVEN the connections are never the successor's: an old process that goes on and cannot
 * say so is not to be mistaken for one that has ended.
 *
 * The two may be of different versions: a message begins with its size, members are only added at
 * the end, and what a shorter message does not have is zero. No call waits but handoff_await().
 * Neither process believes the other one. This header must not know of connections or requests.
 */
#ifndef CONTROL_HANDOFF_H
#define CONTROL_HANDOFF_H

#include <stddef.h>
#include <stdint.h>

/* The versions of this exchange that the code speaks. */
#define HANDOFF_VERSION_OLDEST	3U
#define HANDOFF_VERSION_NEWEST	3U

/* Bytes of a name of an export, and of an identity. */
#define HANDOFF_TEXT_MAX	4096U
/* Bytes of one message BYTES, and of all of a connection. */
#define HANDOFF_PART_MAX	32768U
#define HANDOFF_LEFT_MAX	(34U << 20)

/**
 * enum handoff_type - kinds of messages
 * @HANDOFF_READY: the successor could take connections; struct handoff_ready
 * @HANDOFF_CONN: a connection, with its socket; struct handoff_conn, and behind it the name of the
 *	export and the identity of the client
 * @HANDOFF_BYTES: bytes that the last connection's client has sent, and that were not served;
 *	struct handoff_head, and behind it the bytes
 * @HANDOFF_END: these were all; struct handoff_count
 * @HANDOFF_REFUSED: the old process goes on; struct handoff_head
 * @HANDOFF_TAKEN: the successor has got so many; struct handoff_count
 * @HANDOFF_GIVEN: the old process does nothing with them any more; struct handoff_head
 */
enum handoff_type {
	HANDOFF_READY = 1,
	HANDOFF_CONN,
	HANDOFF_BYTES,
	HANDOFF_END,
	HANDOFF_REFUSED,
	HANDOFF_TAKEN,
	HANDOFF_GIVEN,
};

/**
 * struct handoff_head - what each message begins with
 * @size: bytes of the structure that the message is
 * @type: enum handoff_type
 */
struct handoff_head {
	uint32_t size;
	uint32_t type;
};

/**
 * struct handoff_ready - the successor could take connections
 * @head: HANDOFF_READY
 * @oldest: oldest version of this exchange that it speaks
 * @newest: newest one
 * @hello: value of the HELLO that it will say to storage processes
 * @reserved: 0
 */
struct handoff_ready {
	struct handoff_head head;
	uint32_t oldest;
	uint32_t newest;
	uint16_t hello;
	uint16_t reserved[3];
};

/**
 * enum handoff_tls - how a connection is encrypted
 * @HANDOFF_PLAIN: it is not
 * @HANDOFF_KERNEL: by the kernel, which has the keys with the socket
 */
enum handoff_tls { HANDOFF_PLAIN, HANDOFF_KERNEL };

/**
 * struct handoff_conn - a connection between two requests, or within one that was not served
 * @head: HANDOFF_CONN
 * @number: by which the old process has called it in its log
 * @style: form of requests and replies, as the session of a client has it
 * @has_allocation: the client has chosen the metadata context base:allocation
 * @tls: enum handoff_tls
 * @reserved: 0
 * @bytes: size of the disk that the client was told
 * @sealed: HANDOFF_KERNEL: what the key for sending has sealed
 * @left: bytes of all messages BYTES that follow
 * @name_length: bytes of the export's name, behind the structure
 * @identity_length: bytes of the client's identity, behind the name
 * @losses: losses of the disk of which the client needs not be told any more
 * @reserved2: 0
 */
struct handoff_conn {
	struct handoff_head head;
	uint32_t number;
	uint8_t style;
	uint8_t has_allocation;
	uint8_t tls;
	uint8_t reserved;
	uint64_t bytes;
	uint64_t sealed;
	uint32_t left;
	uint16_t name_length;
	uint16_t identity_length;
	uint32_t losses;
	uint32_t reserved2;
};

/**
 * struct handoff_count - a number of connections
 * @head: HANDOFF_END or HANDOFF_TAKEN
 * @n: how many
 * @reserved: 0
 */
struct handoff_count {
	struct handoff_head head;
	uint32_t n;
	uint32_t reserved;
};

/**
 * union handoff_any - any message
 * @head: what it is
 * @ready: HANDOFF_READY
 * @conn: HANDOFF_CONN
 * @count: HANDOFF_END and HANDOFF_TAKEN
 */
union handoff_any {
	struct handoff_head head;
	struct handoff_ready ready;
	struct handoff_conn conn;
	struct handoff_count count;
};

/**
 * struct handoff_message - a message that has come
 * @any: the structure, checked as far as its size goes
 * @more: bytes behind it
 * @n_more: how many
 * @passed: its descriptor, which belongs to the receiver; or -1
 */
struct handoff_message {
	union handoff_any any;
	uint8_t more[HANDOFF_PART_MAX];
	size_t n_more;
	int passed;
};

/**
 * handoff_open() - make a pair of sockets
 * @ends: filled with the old process's end and the successor's; both are closed by an exec
 *
 * Return: 0 or -errno.
 */
int handoff_open(int ends[2]);

/**
 * handoff_send() - send a message
 * @fd: own end
 * @any: message; the size in its head is filled in
 * @more: bytes that go behind the structure; may be NULL if there are none
 * @n_more: how many, at most HANDOFF_PART_MAX
 * @passed: descriptor that the other process gets a copy of, or -1
 *
 * Return: 0; -EAGAIN if the other process has left too much unread, or if the kernel is short of
 * memory; -EPIPE if it has ended; another -errno.
 */
int handoff_send(int fd, union handoff_any *any, const void *more, size_t n_more, int passed);

/**
 * handoff_receive() - receive a message
 * @fd: own end
 * @m: filled
 *
 * Return: 0; -EAGAIN if there is none; -EPIPE if the other end is closed and all was received;
 * -EPROTO for a message that makes no sense, whose descriptor was closed; another -errno.
 */
int handoff_receive(int fd, struct handoff_message *m);

/** handoff_await() - wait @timeout_ms for a message; as handoff_receive(), or -ETIMEDOUT, -EINTR */
int handoff_await(int fd, struct handoff_message *m, int timeout_ms);

#endif /* CONTROL_HANDOFF_H */
