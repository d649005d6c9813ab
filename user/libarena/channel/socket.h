/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport SOCKET: the control socket carries packets of messages. It must not know of
 * mailboxes or shared memory.
 */
#ifndef ARENA_CHANNEL_SOCKET_H
#define ARENA_CHANNEL_SOCKET_H

#include "credit.h"
#include "inbox.h"
#include "own.h"
#include "transport.h"

/**
 * struct socket_transport - messages through a socket, and queues on both sides of it
 * @base: for the channel
 * @fd: the socket, which stays the channel's
 * @out: messages to be sent, from the first on
 * @n_out: number of messages in @out
 * @inbox: messages that came and were not received yet
 * @credit: counts of sent and acknowledged messages
 */
struct socket_transport {
	struct transport base;
	int fd;
	struct channel_wire *out;
	uint32_t n_out;
	struct channel_inbox inbox;
	struct channel_credit credit;
};

/**
 * socket_transport_init() - make the queues
 * @s: filled
 * @state: errors and the end of the channel
 * @fd: connected socket of packets
 * @window: how many messages may be unacknowledged
 *
 * Return: 0, or -ENOMEM. Free it by its ops in both cases.
 */
int socket_transport_init(struct socket_transport *s, struct channel_state *state, int fd,
			  uint32_t window);

#endif /* ARENA_CHANNEL_SOCKET_H */
