/* SPDX-License-Identifier: MIT */
/*
 * The control socket, by which arenad speaks to one of its processes: messages of one kind each,
 * with a descriptor or none. The process says nothing, so that it cannot make arenad do anything.
 * No call waits but control_socket_await(). This header must not know what the descriptors are.
 */
#ifndef CONTROL_SOCKET_H
#define CONTROL_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/* What the messages of this tree begin with. */
#define CONTROL_VERSION	3U

/**
 * enum control_type - kinds of messages
 * @CONTROL_TLS: a descriptor of tls/bundle.h, for clients that come from now on
 * @CONTROL_PEER: the pidfd of a process to which this one has a channel, and the epoch in which the
 *	two are paired, with its token. The first one comes before the process starts to connect,
 *	and another one, with a greater epoch, for each successor of the peer
 * @CONTROL_GONE: that peer has died, no successor is to come for now, and the kernel does nothing
 *	for it any more
 * @CONTROL_HANDOFF: a socket of control/handoff.h, at whose other end a process waits that is to
 *	take the place of this one
 * @CONTROL_LIMIT: the limits of the export of an SP from now on
 * @CONTROL_KILL: an NP is to end the connection of a client, if there is one with that number
 * @CONTROL_EXPORTS: a descriptor of exports/copy.h: the exports of an NP from now on
 */
enum control_type {
	CONTROL_TLS = 1,
	CONTROL_PEER,
	CONTROL_GONE,
	CONTROL_HANDOFF,
	CONTROL_LIMIT,
	CONTROL_KILL,
	CONTROL_EXPORTS,
};

/**
 * struct control_message - a message
 * @version: CONTROL_VERSION
 * @type: enum control_type, which may be one that the receiver does not know
 * @role: CONTROL_PEER, CONTROL_GONE: role of the peer; else 0
 * @epoch: CONTROL_PEER, CONTROL_GONE: epoch of the channel, from 1 on; else 0
 * @token: CONTROL_PEER: token of the epoch, see arena/channel.h; else 0
 * @connections: CONTROL_LIMIT: clients at a time; 0 for no limit, as the next two
 * @iops: CONTROL_LIMIT: requests a second
 * @bytes: CONTROL_LIMIT: bytes a second
 * @connection: CONTROL_KILL: number of the connection
 */
struct control_message {
	uint32_t version;
	uint32_t type;
	union {
		struct {
			uint32_t role;
			uint32_t epoch;
			uint64_t token;
		};
		struct {
			uint32_t connections;
			uint32_t iops;
			uint64_t bytes;
		};
		uint32_t connection;
	};
};

/**
 * control_socket_open() - make a control socket
 * @ends: filled with arenad's end and the process's end; both are closed by an exec
 *
 * Return: 0 or -errno.
 */
int control_socket_open(int ends[2]);

/**
 * control_socket_send() - send a message
 * @fd: arenad's end
 * @m: message; its version is filled in
 * @passed: descriptor that the process gets a copy of, or -1
 *
 * Return: 0; -EAGAIN if the process has left too many messages unread, or if the kernel is short of
 * memory; -EPIPE if it has ended; another -errno.
 */
int control_socket_send(int fd, const struct control_message *m, int passed);

/**
 * control_socket_receive() - receive a message
 * @fd: the process's end
 * @m: filled
 * @passed: filled with its descriptor, which belongs to the caller, or -1
 *
 * Return: 0; -EAGAIN if there is none; -EPIPE if arenad has closed its end; -EPROTO for a message
 * that is none of this version, which is dropped; another -errno.
 */
int control_socket_receive(int fd, struct control_message *m, int *passed);

/**
 * control_socket_passes() - is the kernel only short of something?
 * @error: -errno of a call of this header, or of a wait for the socket
 *
 * Return: true if the message is still there, so that the process asks again later.
 */
bool control_socket_passes(int error);

/**
 * control_socket_await() - receive a message, and wait for it
 * @fd: the process's end
 * @m: filled
 * @passed: filled, see control_socket_receive()
 * @timeout_ms: how long to wait
 *
 * Return: as control_socket_receive(), but -EAGAIN; -ETIMEDOUT if no message came; -EINTR.
 */
int control_socket_await(int fd, struct control_message *m, int *passed, int timeout_ms);

#endif /* CONTROL_SOCKET_H */
