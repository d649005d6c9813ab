// SPDX-License-Identifier: MIT
/* vm: native */
/*
 * Goal: when a peer breaks the rules of an open channel, the channel fails with an error.
 * Nothing hangs, and no message is received that was not sent.
 * Method: the child opens its end as it should, and then breaks a rule with the library's
 * internal functions.
 */
#include <libarena/channel/channel.h>
#include <sys/socket.h>

#include "channel.h"

#define ENTRIES	16

static const struct way ring = { .transport = ARENA_CHANNEL_MSG_RING };
static const struct way hybrid = { .transport = ARENA_CHANNEL_HYBRID };
static const struct way sock = { .transport = ARENA_CHANNEL_SOCKET, .by_socket = true };

/* ---- lies of the child ---- */

static void post(struct arena_channel *ch, struct arena_msg m)
{
	channel_tx_post(&ch->tx, &m);
	channel_tx_submit(&ch->tx);
}

static void post_many(struct arena_channel *ch, uint32_t count)
{
	const struct arena_msg m = { .type = 1 };

	for (uint32_t i = 0; i < count; i++)
		channel_tx_post(&ch->tx, &m);
	channel_tx_submit(&ch->tx);
}

/* The mailbox has CHANNEL_SPARE entries for credits, which messages can fill as well. */
static void ring_one_more(struct arena_channel *ch)
{
	post_many(ch, ENTRIES + CHANNEL_SPARE + 1);
}

static void ring_message(struct arena_channel *ch)
{
	post_many(ch, 1);
}

static void ring_flood(struct arena_channel *ch)
{
	post_many(ch, 5000);
}

static void ring_no_type(struct arena_channel *ch)
{
	post(ch, (struct arena_msg){ 0 });
}

static void ring_credit(struct arena_channel *ch)
{
	post(ch, channel_msg(CHANNEL_MSG_CREDIT, 1));
}

static void ring_credit_back(struct arena_channel *ch)
{
	post(ch, channel_msg(CHANNEL_MSG_CREDIT, (uint32_t)-1));
}

/* Each of them is valid and acknowledges no message. */
static void ring_credits(struct arena_channel *ch)
{
	const struct arena_msg m = channel_msg(CHANNEL_MSG_CREDIT, 0);

	for (uint32_t i = 0; i <= CHANNEL_SPARE; i++)
		channel_tx_post(&ch->tx, &m);
	channel_tx_submit(&ch->tx);
}

static void ring_open_again(struct arena_channel *ch)
{
	post(ch, channel_msg(CHANNEL_MSG_OPEN, ENTRIES));
}

static void ring_unknown(struct arena_channel *ch)
{
	post(ch, (struct arena_msg){ .type = 255 });
}

static void memory_tail(struct arena_channel *ch)
{
	__atomic_store_n(&ch->hybrid.producer.out->tail, ENTRIES + 1, __ATOMIC_RELEASE);
}

static void memory_tail_back(struct arena_channel *ch)
{
	__atomic_store_n(&ch->hybrid.producer.out->tail, (uint32_t)-1, __ATOMIC_RELEASE);
}

static void memory_own_type(struct arena_channel *ch)
{
	const struct arena_msg m = channel_msg(CHANNEL_MSG_CREDIT, 3);

	arena_spsc_put(&ch->hybrid.producer, &m);
}

static void memory_head(struct arena_channel *ch)
{
	__atomic_store_n(&ch->hybrid.consumer.in->head, 12345, __ATOMIC_RELEASE);
	post(ch, channel_msg(CHANNEL_MSG_WAKE, 0));
}

static void packet(struct arena_channel *ch, const void *data, size_t size)
{
	send(ch->control, data, size, MSG_NOSIGNAL);
}

static void packet_message(struct arena_channel *ch, struct arena_msg m, uint32_t reserved)
{
	struct channel_wire wire = channel_wire(&m);

	wire.reserved = reserved;
	packet(ch, &wire, sizeof(wire));
}

static void socket_odd(struct arena_channel *ch)
{
	packet(ch, "half a message", 14);
}

static void socket_long(struct arena_channel *ch)
{
	static const char zero[4096];

	packet(ch, zero, sizeof(zero));
}

static void socket_reserved(struct arena_channel *ch)
{
	packet_message(ch, (struct arena_msg){ .type = 1 }, 1);
}

static void socket_own_type(struct arena_channel *ch)
{
	packet_message(ch, channel_msg(CHANNEL_MSG_OPEN, 0), 0);
}

static void socket_credit(struct arena_channel *ch)
{
	packet_message(ch, channel_msg(CHANNEL_MSG_CREDIT, 99), 0);
}

static void socket_one_more(struct arena_channel *ch)
{
	const struct arena_msg m = { .type = 1 };
	struct channel_wire wire[ENTRIES + 1];

	for (uint32_t i = 0; i <= ENTRIES; i++)
		wire[i] = channel_wire(&m);
	packet(ch, wire, sizeof(wire));
}

static void wake_much(struct arena_channel *ch)
{
	for (uint32_t i = 0; i < 1000; i++)
		post(ch, channel_msg(CHANNEL_MSG_WAKE, 0));
}

/* ---- the parent ---- */

static struct arena_channel *start(struct pair *p, void (*lie)(struct arena_channel *ch))
{
	struct arena_channel *ch;

	if (!pair_fork(p)) {
		if (pair_open(p, &ch))
			_exit(1);
		wait_for_word(&shared->is_ready);
		lie(ch);
		set_word(&shared->taken, 1);
		pause();
	}
	if (pair_open(p, &ch))
		bail("%s: cannot open", transport_name(p->way.transport));
	return ch;
}

static void end(struct pair *p, struct arena_channel *ch, const char *what)
{
	arena_channel_close(ch);
	kill(p->child, SIGKILL);
	is(pair_join(p), -SIGKILL, "%s: a peer that %s survives that",
	   transport_name(p->way.transport), what);
}

/* The parent receives until there is an error. */
static void receives(struct way way, void (*lie)(struct arena_channel *ch), int error,
		     const char *what)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch = start(&p, lie);
	struct arena_msg m = { .type = 1 };
	uint32_t n = 0;
	int ret;

	set_word(&shared->is_ready, 1);
	/* Receive after the lie is complete, since receiving gives credit. */
	wait_for_word(&shared->taken);
	while ((ret = receive(ch, &m)) == 1)
		n++;
	is(ret, error, "%s: receiving from a peer that %s fails",
	   transport_name(way.transport), what);
	m.type = 1;
	ok(n <= ENTRIES && arena_channel_recv(ch, &m) == error && arena_channel_wait(ch, 0) &&
	   arena_channel_send(ch, &m) == error,
	   "%s: after %u messages from a peer that %s every call fails",
	   transport_name(way.transport), n, what);
	end(&p, ch, what);
}

/* The parent only sends. */
static void sends(struct way way, void (*lie)(struct arena_channel *ch), int error,
		  const char *what)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch = start(&p, lie);
	struct arena_msg m = { .type = 1 };
	uint32_t n = 0;
	int ret;

	while (!(ret = arena_channel_send(ch, &m)))
		n++;
	is(ret, -EAGAIN, "%s: a sender has no credit after %u messages",
	   transport_name(way.transport), n);
	set_word(&shared->is_ready, 1);
	ret = send_message(ch, &m);
	is(ret, error, "%s: sending to a peer that %s fails", transport_name(way.transport), what);
	end(&p, ch, what);
}

/* ---- an endless stream of valid packets ---- */

/* The socket into which recv() puts another packet before it reads; -1 for none. */
static int flooder = -1;

static void flood(void)
{
	const struct arena_msg m = channel_msg(CHANNEL_MSG_CREDIT, 0);
	const struct channel_wire wire = channel_wire(&m);

	if (sendto(flooder, &wire, sizeof(wire), MSG_NOSIGNAL, NULL, 0) < 0)
		bail("flooding");
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
	if (flooder >= 0)
		flood();
	return recvfrom(fd, data, size, flags, NULL, NULL);
}

/* Both ends are in this process. */
static void open_both(struct arena_channel *ch[2])
{
	int fds[2];
	struct arena_channel_options o = {
		.size = sizeof(o),
		.transport = ARENA_CHANNEL_SOCKET,
		.nonblocking = true,
	};

	if (arena_channel_socketpair(fds))
		bail("socketpair");
	for (int i = 0; i < 2; i++) {
		o.socket = &fds[i];
		if (arena_channel_open(NULL, 0, &o, &ch[i]))
			bail("opening");
	}
	for (int i = 0; i < 4; i++)
		arena_channel_wait(ch[i % 2], 0);
	if (!arena_channel_is_connected(ch[0]) || !arena_channel_is_connected(ch[1]))
		bail("connecting");
}

static void test_endless_packets(enum arena_wait wait)
{
	struct arena_channel *ch[2];
	struct arena_msg msg;

	open_both(ch);
	ch[0]->options.wait = wait;
	flooder = ch[1]->control;
	flood();
	flood();
	ok(!arena_channel_next(ch[0], &msg, 1) && !arena_channel_next(ch[0], &msg, 0) &&
	   !arena_channel_wait(ch[0], 1),
	   "SOCKET, %s: a wait ends at its limit although acknowledgments keep coming",
	   wait_name(wait));
	flooder = -1;
	arena_channel_close(ch[0]);
	arena_channel_close(ch[1]);
}

int main(void)
{
	channel_test_begin();
	receives(ring, ring_one_more, -EOVERFLOW, "sends one message more than agreed");
	receives(ring, ring_flood, -EOVERFLOW, "sends more than the mailbox holds");
	receives(ring, ring_no_type, -EPROTO, "sends a message without a type");
	receives(ring, ring_credit, -EPROTO, "acknowledges a message that was never sent");
	receives(ring, ring_credit_back, -EPROTO, "acknowledges -1 messages");
	receives(ring, ring_credits, -EOVERFLOW, "fills the mailbox with empty acknowledgments");
	receives(ring, ring_open_again, -EPROTO, "opens its end a second time");
	receives(ring, ring_unknown, -EPROTO, "sends an unknown type of the channel's own");
	sends(ring, ring_credit_back, -EPROTO, "acknowledges -1 messages");
	receives(hybrid, memory_tail, -EPROTO, "moves its tail beyond the entries");
	receives(hybrid, memory_tail_back, -EPROTO, "moves its tail back");
	receives(hybrid, memory_own_type, -EPROTO, "sends a type of the channel's own");
	receives(hybrid, ring_message, -EPROTO, "sends a message to the mailbox");
	receives(hybrid, wake_much, -EOVERFLOW, "sends more wake-ups than the mailbox holds");
	sends(hybrid, memory_head, -EPROTO, "moves its head beyond the tail");
	receives(sock, socket_odd, -EPROTO, "sends half a message");
	receives(sock, socket_long, -EPROTO, "sends a packet that is too long");
	receives(sock, socket_reserved, -EPROTO, "sends a reserved member that is not 0");
	receives(sock, socket_own_type, -EPROTO, "sends a type that the channel uses elsewhere");
	receives(sock, socket_credit, -EPROTO, "acknowledges messages that were never sent");
	receives(sock, socket_one_more, -EOVERFLOW, "sends one message more than agreed");
	sends(sock, socket_credit, -EPROTO, "acknowledges messages that were never sent");
	for (enum arena_wait wait = ARENA_WAIT_SLEEP; wait <= ARENA_WAIT_ADAPT; wait++)
		test_endless_packets(wait);
	return channel_test_end();
}
