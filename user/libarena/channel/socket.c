// SPDX-License-Identifier: LGPL-2.1-or-later
#include "socket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Messages in a packet, which one system call sends. */
#define PACKET	64U
/* Limit for one call: a peer that acknowledges without end must not hold the caller up. */
#define PACKETS_A_CALL	64U

static struct socket_transport *socket_of(struct transport *t)
{
	return (struct socket_transport *)t;
}

static void queue(struct socket_transport *s, const struct arena_msg *msg)
{
	s->out[s->n_out++] = channel_wire(msg);
}

static int read_packet(struct socket_transport *s);

/* Read everything that the peer has sent; 0 or -errno. A packet has at least one message. */
static int read_all(struct socket_transport *s)
{
	int ret = 1;

	for (uint32_t i = 0; ret == 1; i++)
		ret = i < s->credit.window + CHANNEL_SPARE ? read_packet(s) : -EOVERFLOW;
	return ret;
}

/* The peer has left and reads no more, but what it sent before is still to be received. */
static int peer_left(struct socket_transport *s)
{
	struct channel_state *state = s->base.state;
	int ret;

	s->n_out = 0;
	ret = read_all(s);
	if (ret < 0)
		state->error = ret;
	else if (!state->end)
		state->end = CHANNEL_DIED;
	return ret < 0 ? ret : channel_end_error(state->end);
}

static int flush(struct socket_transport *s)
{
	uint32_t done = 0;
	int ret = 0;

	while (!ret && done < s->n_out) {
		uint32_t n = s->n_out - done < PACKET ? s->n_out - done : PACKET;

		if (send(s->fd, s->out + done, n * sizeof(*s->out),
			 MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			done += n;
		else if (errno != EINTR)
			ret = -errno;
	}
	s->n_out -= done;
	memmove(s->out, s->out + done, s->n_out * sizeof(*s->out));
	s->base.is_full = ret == -EAGAIN;
	if (ret == -ENOBUFS || ret == -ENOMEM)
		return -EAGAIN;
	return ret == -ECONNRESET || ret == -EPIPE ? peer_left(s) : ret;
}

static int socket_flush(struct transport *t)
{
	return flush(socket_of(t));
}

/* Queue no acknowledgment before the last one is sent: a later one says more. */
static void send_credit(struct socket_transport *s)
{
	struct channel_credit *c = &s->credit;
	struct arena_msg msg = channel_msg(CHANNEL_MSG_CREDIT, c->received);

	if (!channel_credit_is_due(c) || s->n_out > c->window)
		return;
	queue(s, &msg);
	c->received_acked = c->received;
	flush(s);
}

static int take(struct socket_transport *s, const struct channel_wire *wire)
{
	struct arena_msg msg = arena_msg_unpack(wire->data, wire->len);

	if (wire->reserved)
		return -EPROTO;
	switch (msg.type) {
	case CHANNEL_MSG_CREDIT:
		return channel_credit_take(&s->credit, channel_msg_number(&msg));
	case CHANNEL_MSG_BYE:
		s->base.state->end = CHANNEL_CLOSED;
		return 0;
	default:
		break;
	}
	if (msg.type >= ARENA_MSG_CHANNEL)
		return -EPROTO;
	if (channel_credit_unacknowledged(&s->credit, channel_inbox_count(&s->inbox)) >=
	    s->credit.window)
		return -EOVERFLOW;
	channel_inbox_add(&s->inbox, &msg);
	return 0;
}

/* Return: 1 if a packet came, 0 if not, or -errno. */
static int read_packet(struct socket_transport *s)
{
	struct channel_wire packet[PACKET];
	ssize_t got = recv(s->fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);

	if (got < 0) {
		/* The peer left with unread messages of ours. Its own can be read after this. */
		if (errno == ECONNRESET || errno == EINTR)
			return 1;
		return errno == EAGAIN ? 0 : -errno;
	}
	if (!got) {
		if (!s->base.state->end)
			s->base.state->end = CHANNEL_DIED;
		return 0;
	}
	if ((size_t)got > sizeof(packet) || got % sizeof(packet[0]))
		return -EPROTO;
	for (size_t i = 0; i < (size_t)got / sizeof(packet[0]); i++) {
		int ret = take(s, &packet[i]);

		if (ret)
			return ret;
	}
	return 1;
}

static bool socket_has_message(struct transport *t)
{
	struct socket_transport *s = socket_of(t);
	int ret = 1;

	for (uint32_t i = 0; !channel_inbox_count(&s->inbox) && ret == 1 && i < PACKETS_A_CALL; i++)
		ret = read_packet(s);
	if (ret < 0)
		t->state->error = ret;
	return ret < 0 || channel_inbox_count(&s->inbox) || t->state->end;
}

static int socket_recv(struct transport *t, struct arena_msg *msg)
{
	struct socket_transport *s = socket_of(t);

	socket_has_message(t);
	if (t->state->error)
		return t->state->error;
	if (!channel_inbox_take(&s->inbox, msg))
		return 0;
	s->credit.received++;
	send_credit(s);
	return 1;
}

/* The queue is full only if the peer makes us acknowledge and does not read that. */
static bool socket_has_room(struct transport *t)
{
	struct socket_transport *s = socket_of(t);
	int ret = 1;

	if (s->n_out > s->credit.window)
		return false;
	for (uint32_t i = 0; ret == 1 && i < PACKETS_A_CALL; i++) {
		if (channel_credit_has_room(&s->credit))
			break;
		ret = read_packet(s);
	}
	if (ret < 0)
		t->state->error = ret;
	return ret < 0 || channel_credit_has_room(&s->credit);
}

static int socket_send(struct transport *t, const struct arena_msg *msg)
{
	struct socket_transport *s = socket_of(t);

	send_credit(s);
	if (!socket_has_room(t))
		return t->state->end ? channel_end_error(t->state->end) : -EAGAIN;
	if (t->state->error)
		return t->state->error;
	queue(s, msg);
	s->credit.sent++;
	return 0;
}

static bool socket_arm(struct transport *t)
{
	(void)t;
	return true;
}

static int socket_disarm(struct transport *t)
{
	(void)t;
	return 0;
}

static int socket_fd(const struct transport *t)
{
	return ((const struct socket_transport *)t)->fd;
}

static int socket_find_bye(struct transport *t)
{
	return read_all(socket_of(t));
}

/* Send BYE on the control socket, unless messages are lost: that is no orderly end. */
static void socket_bye(struct transport *t)
{
	if (socket_flush(t))
		shutdown(socket_of(t)->fd, SHUT_RDWR);
}

static void socket_free(struct transport *t)
{
	struct socket_transport *s = socket_of(t);

	free(s->out);
	channel_inbox_free(&s->inbox);
}

static const struct transport_ops socket_ops = {
	.send = socket_send,
	.flush = socket_flush,
	.recv = socket_recv,
	.has_message = socket_has_message,
	.has_room = socket_has_room,
	.arm = socket_arm,
	.disarm = socket_disarm,
	.fd = socket_fd,
	.find_bye = socket_find_bye,
	.bye = socket_bye,
	.free = socket_free,
	.spins = SPINS_IN_KERNEL,
};

int socket_transport_init(struct socket_transport *s, struct channel_state *state, int fd,
			  uint32_t window)
{
	*s = (struct socket_transport){
		.base = { .ops = &socket_ops, .state = state },
		.fd = fd,
		/* One more than the window, for an acknowledgment. */
		.out = calloc(window + 1, sizeof(*s->out)),
	};
	channel_credit_init(&s->credit, window);
	return s->out ? channel_inbox_init(&s->inbox, window) : -ENOMEM;
}
