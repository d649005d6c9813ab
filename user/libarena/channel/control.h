/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: packets with credentials, and BYE, the last of them. This header knows
 * the format of packets. It must not know what they mean for connecting; handshake.c does.
 */
#ifndef ARENA_CHANNEL_CONTROL_H
#define ARENA_CHANNEL_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "own.h"
#include "state.h"

#define CHANNEL_HELLO_MAGIC	0x6f6c6c6568616e65ULL
#define CHANNEL_ALLOW_MAGIC	0x776f6c6c61616e65ULL
#define CHANNEL_READY_MAGIC	0x7964616572616e65ULL

/**
 * struct channel_hello - the transports that a side offers, and the channel that it expects
 * @magic: CHANNEL_HELLO_MAGIC
 * @version: CHANNEL_VERSION
 * @transports: what it offers, TRANSPORT_BIT()
 * @entries: the window
 * @self: its role, or ARENA_NO_ROLE
 * @peer: the role that it looks for, or ARENA_NO_ROLE
 * @mailbox: number of its mailbox's descriptor, -1 for none
 */
struct channel_hello {
	uint64_t magic;
	uint32_t version;
	uint32_t transports;
	uint32_t entries;
	uint32_t self;
	uint32_t peer;
	int32_t mailbox;
};

/**
 * struct channel_ready - the transports that can be tried, or that work
 * @magic: CHANNEL_ALLOW_MAGIC: the peer may fetch the mailbox now; CHANNEL_READY_MAGIC: what can
 *	be tried was tried
 * @transports: the transports that both sides offer and, of CHANNEL_READY_MAGIC, that work on this
 *	side
 * @reserved: zero
 */
struct channel_ready {
	uint64_t magic;
	uint32_t transports;
	uint32_t reserved;
};

/**
 * struct control_packet - a packet that was received
 * @body: its content
 * @size: bytes of @body
 * @pid: process id of the sender, 0 if the kernel does not say
 */
struct control_packet {
	union {
		struct channel_hello hello;
		struct channel_ready ready;
		struct channel_wire wire;
	} body;
	size_t size;
	pid_t pid;
};

/** control_prepare() - have the kernel add credentials to packets; 0 or -errno */
int control_prepare(int socket);

/**
 * control_send() - send a packet
 * @socket: control socket
 * @body: its content
 * @size: bytes of @body
 *
 * Return: 0; -EPIPE if the peer has sent BYE; -EOWNERDEAD if it has left without BYE; or another
 * -errno.
 */
int control_send(int socket, const void *body, size_t size);

/**
 * control_receive() - receive a packet, if there is one
 * @socket: control socket
 * @p: filled
 *
 * Return: 0; -EAGAIN if there is none; -EPIPE if it is BYE; -EOWNERDEAD if the peer left without
 * BYE; -EPROTO if the packet has a descriptor or a wrong size; or another -errno.
 */
int control_receive(int socket, struct control_packet *p);

/** control_why_left() - why the peer has left: -EPIPE if it has sent BYE, else -EOWNERDEAD */
int control_why_left(int socket);

/** control_bye() - send BYE and shut the socket down */
void control_bye(int socket);

/** control_find_bye() - if BYE has come, set the end in @state; 0 or -errno */
int control_find_bye(int socket, struct channel_state *state);

#endif /* ARENA_CHANNEL_CONTROL_H */
