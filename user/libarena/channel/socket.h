/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport SOCKET: the control socket carries packets of messages.
 */
#ifndef ARENA_CHANNEL_SOCKET_H
#define ARENA_CHANNEL_SOCKET_H

#include "credit.h"
#include "own.h"
#include "transport.h"

/**
 * struct socket_transport - messages through a socket, and queues on both sides of it
 * @base: for the channel
 * @fd: the socket, which stays the channel's
 * @out: messages to be sent, from the first on
 * @n_out: how many
 * @in: messages that came, a ring
 * @mask: its size less 1, a power of two not less than the window
 * @head: how many of them were received, modulo 2^32
 * @tail: how many came
 * @credit: who has sent and acknowledged how many
 */
struct socket_transport {
	struct transport base;
	int fd;
	struct channel_wire *out;
	uint32_t n_out;
	struct arena_msg *in;
	uint32_t mask;
	uint32_t head;
	uint32_t tail;
	struct channel_credit credit;
};

/**
 * socket_transport_init() - make the queues
 * @s: filled
 * @state: how the channel fares
 * @fd: connected socket of packets
 * @window: how many messages may be unacknowledged
 *
 * Return: 0, or -ENOMEM. To be freed by its ops in any case.
 */
int socket_transport_init(struct socket_transport *s, struct channel_state *state, int fd,
			  uint32_t window);

#endif /* ARENA_CHANNEL_SOCKET_H */
