/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: packets with credentials and a descriptor, and the last word. It knows
 * what they look like. What they mean in connecting is for handshake.c.
 */
#ifndef ARENA_CHANNEL_CONTROL_H
#define ARENA_CHANNEL_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "own.h"
#include "state.h"

#define CHANNEL_HELLO_MAGIC	0x6f6c6c6568616e65ULL
#define CHANNEL_READY_MAGIC	0x7964616572616e65ULL

/**
 * struct channel_hello - what a side can do and expects
 * @magic: CHANNEL_HELLO_MAGIC
 * @version: CHANNEL_VERSION
 * @transports: what it can do, TRANSPORT_BIT(); with EVENTFD comes a descriptor
 * @entries: the window
 * @self: its role, or CHANNEL_NO_ROLE
 * @peer: the role that it looks for, or CHANNEL_NO_ROLE
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
 * struct channel_ready - what is left
 * @magic: CHANNEL_READY_MAGIC
 * @transports: of those that both sides can do, what works
 * @reserved: zero
 */
struct channel_ready {
	uint64_t magic;
	uint32_t transports;
	uint32_t reserved;
};

/**
 * struct control_packet - received
 * @body: what it says
 * @size: bytes of @body
 * @pid: process id of the sender, 0 if the kernel does not say
 * @fd: the descriptor that came with it, or -1; the receiver's
 */
struct control_packet {
	union {
		struct channel_hello hello;
		struct channel_ready ready;
		struct channel_wire wire;
	} body;
	size_t size;
	pid_t pid;
	int fd;
};

/** control_prepare() - from now on packets come with credentials; 0 or -errno */
int control_prepare(int socket);

/**
 * control_send() - send a packet
 * @socket: control socket
 * @body: what it says
 * @size: bytes of @body
 * @fd: a descriptor to go with it, or -1
 *
 * Return: 0; -EPIPE if the peer has said its last word; -EOWNERDEAD if it has left without one; or
 * another -errno.
 */
int control_send(int socket, const void *body, size_t size, int fd);

/**
 * control_receive() - receive a packet, if there is one
 * @socket: control socket
 * @p: filled; @p->fd is the caller's, whatever is returned
 *
 * Return: 0; -EAGAIN if there is none; -EPIPE if it is the last word; -EOWNERDEAD if the peer
 * left without one; -EPROTO if something is in it that is in no packet; or another -errno.
 */
int control_receive(int socket, struct control_packet *p);

/** control_why_left() - the peer has left: -EPIPE if it has said its last word, or -EOWNERDEAD */
int control_why_left(int socket);

/** control_bye() - say the last word and shut the socket down */
void control_bye(int socket);

/** control_find_bye() - note it in @state if the last word has come; 0 or -errno */
int control_find_bye(int socket, struct channel_state *state);

#endif /* ARENA_CHANNEL_CONTROL_H */
