// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kind SOCKET: the link carries packets of messages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "transport.h"

/* Messages in a packet: one system call carries so many. */
#define PACKET	64U

int channel_socket_make(struct arena_channel *ch)
{
	struct channel_socket *s = &ch->socket;
	uint32_t size = 1;

	while (size < ch->options.entries)
		size *= 2;
	s->mask = size - 1;
	/* One more for a credit. */
	s->out = calloc(ch->options.entries + 1, sizeof(*s->out));
	s->in = calloc(size, sizeof(*s->in));
	return s->out && s->in ? 0 : -ENOMEM;
}

void channel_socket_free(struct arena_channel *ch)
{
	free(ch->socket.out);
	free(ch->socket.in);
}

static void queue(struct arena_channel *ch, const struct arena_msg *msg)
{
	struct channel_socket *s = &ch->socket;

	s->out[s->n_out++] = (struct channel_wire){
		.data = arena_msg_data(msg),
		.len = arena_msg_len(msg),
	};
}

static int socket_flush(struct arena_channel *ch)
{
	struct channel_socket *s = &ch->socket;
	uint32_t done = 0;
	int ret = 0;

	while (!ret && done < s->n_out) {
		uint32_t n = s->n_out - done < PACKET ? s->n_out - done : PACKET;

		if (send(ch->options.link, s->out + done, n * sizeof(*s->out),
			 MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			done += n;
		else if (errno != EINTR)
			ret = -errno;
	}
	s->n_out -= done;
	memmove(s->out, s->out + done, s->n_out * sizeof(*s->out));
	s->is_full = ret == -EAGAIN;
	if (ret == -ENOBUFS || ret == -ENOMEM)
		return -EAGAIN;
	/* What it sent before it left is still to be read. */
	if (ret == -ECONNRESET || ret == -EPIPE) {
		ch->has_ended = true;
		s->n_out = 0;
		return -EPIPE;
	}
	return ret;
}

/* Not before the last one is out; it would say less than the next. */
static void send_credit(struct arena_channel *ch)
{
	struct channel_credit *c = &ch->credit;
	struct arena_msg msg = channel_msg(CHANNEL_MSG_CREDIT, c->received);

	if (!channel_credit_is_due(c) || ch->socket.n_out > ch->options.entries)
		return;
	queue(ch, &msg);
	c->told = c->received;
	socket_flush(ch);
}

static int take(struct arena_channel *ch, const struct channel_wire *wire)
{
	struct arena_msg msg = arena_msg_unpack(wire->data, wire->len);
	struct channel_socket *s = &ch->socket;

	if (wire->reserved)
		return -EPROTO;
	if (msg.type == CHANNEL_MSG_CREDIT)
		return channel_credit_take(&ch->credit, channel_msg_number(&msg));
	if (msg.type >= ARENA_MSG_CHANNEL)
		return -EPROTO;
	/* All that are not acknowledged, given out or not. */
	if (s->tail - ch->credit.told >= ch->credit.window)
		return -EOVERFLOW;
	s->in[s->tail++ & s->mask] = msg;
	return 0;
}

/* Return: 1 if a packet came, 0 if not, or -errno. */
static int read_packet(struct arena_channel *ch)
{
	struct channel_wire packet[PACKET];
	ssize_t got = recv(ch->options.link, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);

	if (got < 0) {
		/* The peer left with unread messages; ours come after that. */
		if (errno == ECONNRESET || errno == EINTR)
			return 1;
		return errno == EAGAIN ? 0 : -errno;
	}
	if (!got) {
		ch->has_ended = true;
		return 0;
	}
	if ((size_t)got > sizeof(packet) || got % sizeof(packet[0]))
		return -EPROTO;
	for (size_t i = 0; i < (size_t)got / sizeof(packet[0]); i++) {
		int ret = take(ch, &packet[i]);

		if (ret)
			return ret;
	}
	return 1;
}

static bool socket_has_message(struct arena_channel *ch)
{
	struct channel_socket *s = &ch->socket;
	int ret = 1;

	while (s->head == s->tail && ret == 1)
		ret = read_packet(ch);
	if (ret < 0)
		ch->error = ret;
	return ret < 0 || s->head != s->tail || ch->has_ended;
}

static int socket_recv(struct arena_channel *ch, struct arena_msg *msg)
{
	struct channel_socket *s = &ch->socket;

	socket_has_message(ch);
	if (ch->error)
		return ch->error;
	if (s->head == s->tail)
		return 0;
	*msg = s->in[s->head++ & s->mask];
	ch->credit.received++;
	send_credit(ch);
	return 1;
}

/* The queue has room but where a peer lets us acknowledge and never reads it. */
static bool socket_has_room(struct arena_channel *ch)
{
	int ret = 1;

	if (ch->socket.n_out > ch->options.entries)
		return false;
	while (!channel_credit_has_room(&ch->credit) && ret == 1)
		ret = read_packet(ch);
	if (ret < 0)
		ch->error = ret;
	return ret < 0 || channel_credit_has_room(&ch->credit);
}

static int socket_send(struct arena_channel *ch, const struct arena_msg *msg)
{
	send_credit(ch);
	if (!socket_has_room(ch))
		return -EAGAIN;
	if (ch->error)
		return ch->error;
	queue(ch, msg);
	ch->credit.sent++;
	return 0;
}

static bool socket_arm(struct arena_channel *ch)
{
	return !socket_has_message(ch);
}

static int socket_disarm(struct arena_channel *ch)
{
	(void)ch;
	return 0;
}

/* Closing says it. */
static void socket_bye(struct arena_channel *ch)
{
	socket_flush(ch);
}

static int socket_fd(const struct arena_channel *ch)
{
	return ch->options.link;
}

const struct transport_ops channel_socket_ops = {
	.send = socket_send,
	.flush = socket_flush,
	.recv = socket_recv,
	.has_message = socket_has_message,
	.has_room = socket_has_room,
	.arm = socket_arm,
	.disarm = socket_disarm,
	.bye = socket_bye,
	.fd = socket_fd,
	.spins_max = SPINS_IN_KERNEL,
};
