// SPDX-License-Identifier: MIT
/*
 * Goal: each transport, connected through the region or a control socket, with each way of
 * waiting, delivers all messages in order, in batches of any size. What the sender wrote to
 * memory before a message is visible to its receiver. No more messages are unacknowledged than
 * was agreed, and a sender without credit can wait for it.
 * Method: the child sends and the parent receives; each message has a payload in the region.
 * Half way the parent does not receive until the child has no credit.
 *
 * vm: native
 * valgrind: no, when a child ends it searches the address range of the region for leaks
 */
#include "channel.h"

#define ENTRIES		100
#define MESSAGES	20000
/* Many times the credit of the channel, sent while one message stays unread. */
#define UNREAD		500
/* Enough that a payload has been read before it is written again. */
#define PAYLOADS	(2 * ENTRIES)

static uint64_t *payload(uint32_t i)
{
	int group = arena_layout_find(&layout, ARENA_ROLE(1, 0), USE_SECOND, 0);

	return arena_layout_buffer(channel_base(), &layout, (uint32_t)group, i % PAYLOADS);
}

static uint64_t value(uint32_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL;
}

static struct arena_msg message(uint32_t i)
{
	return (struct arena_msg){
		.type = (uint8_t)(1 + i % 127),
		.value = (uint16_t)i,
		.ref = {
			.index = i,
			.group = (uint16_t)(i * 7),
			.count = (uint16_t)(i * 3),
			.generation = (uint16_t)(i * 5),
		},
	};
}

static bool same(const struct arena_msg *a, const struct arena_msg *b)
{
	return arena_msg_data(a) == arena_msg_data(b) && arena_msg_len(a) == arena_msg_len(b);
}

/* Exit status of the child. */
static int send_all(struct arena_channel *ch, uint32_t batch)
{
	struct arena_msg end = { 0 };

	for (uint32_t i = 0; i < MESSAGES; i++) {
		struct arena_msg m = message(i);
		int ret;

		*payload(i) = value(i);
		while ((ret = arena_channel_send(ch, &m)) == -EAGAIN) {
			set_word(&shared->is_stalled, 1);
			if (arena_channel_wait(ch, PATIENCE_MS) != 1)
				return 2;
		}
		if (ret)
			return 3;
		/* One more than the credit: it was received, but is not yet counted as taken. */
		if (i + 1 - get_word(&shared->taken) > ENTRIES + 1)
			return 4;
		if (i % batch == batch - 1 && arena_channel_flush(ch))
			return 5;
	}
	if (arena_channel_flush(ch))
		return 6;
	/* At the end the parent sends one message. */
	if (receive(ch, &end) != 1 || end.type != 1)
		return 7;
	return counters(ch).stalls ? 0 : 8;
}

static bool receive_all(struct arena_channel *ch)
{
	for (uint32_t i = 0; i < MESSAGES; i++) {
		struct arena_msg got, want = message(i);

		while (i == MESSAGES / 2 && !get_word(&shared->is_stalled))
			usleep(100);
		if (receive(ch, &got) != 1 || !same(&got, &want) || *payload(i) != value(i))
			return false;
		set_word(&shared->taken, i + 1);
		if (i == MESSAGES / 4)
			set_word(&shared->is_stalled, 0);
	}
	return true;
}

static void test_one(struct way way, enum arena_wait wait, uint32_t batch)
{
	struct arena_msg last = { .type = 1 }, none;
	struct pair p = pair_of(way, wait, ENTRIES);
	struct arena_channel *ch;
	struct arena_channel_counters c;
	bool good;
	int ret;

	if (!pair_fork(&p)) {
		ret = pair_open(&p, &ch);
		ret = ret ? 1 : send_all(ch, batch);
		arena_channel_close(ret == 1 ? NULL : ch);
		_exit(ret);
	}
	ret = pair_open(&p, &ch);
	if (ret)
		bail("%s: %s", transport_name(way.transport), strerror(-ret));
	good = receive_all(ch) && !send_message(ch, &last) && !arena_channel_flush(ch) &&
	       receive(ch, &none) == -EPIPE && arena_channel_recv(ch, &none) == -EPIPE &&
	       arena_channel_send(ch, &last) == -EPIPE;
	if (!good)
		kill(p.child, SIGKILL);
	c = counters(ch);
	ok(good && c.received == MESSAGES && c.sent == 1 &&
	   arena_channel_transport(ch) == way.transport,
	   "%s, %s, in batches of %u: %d messages arrive in order, and then -EPIPE",
	   way_name(way), wait_name(wait), batch, MESSAGES);
	arena_channel_close(ch);
	is(pair_join(&p), 0,
	   "%s, %s, in batches of %u: the sender stalls and never exceeds its credit",
	   way_name(way), wait_name(wait), batch);
}

/* Messages that are queued on an application's own tx ring go out when it submits the ring. */
static void test_tx_ring(void)
{
	struct pair p = pair_of(ways[0], ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	struct io_uring ring;

	if (io_uring_queue_init(64, &ring, IORING_SETUP_SINGLE_ISSUER |
				IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED))
		bail("io_uring");
	if (!pair_fork(&p)) {
		io_uring_enable_rings(&ring);
		p.options.tx_ring = &ring;
		_exit(pair_open(&p, &ch) ? 1 : send_all(ch, 8));
	}
	if (pair_open(&p, &ch))
		bail("open");
	ok(receive_all(ch), "messages that go over an application's own tx ring arrive in order");
	send_message(ch, &(struct arena_msg){ .type = 1 });
	io_uring_submit(&ring);
	arena_channel_flush(ch);
	is(pair_join(&p), 0, "a message that the application submits on its tx ring arrives");
	arena_channel_close(ch);
	io_uring_queue_exit(&ring);
}

/* The application's own loop sleeps in poll(). */
static void test_foreign_loop(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	struct arena_msg msg;
	uint32_t n = 0;
	int ret;

	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch))
			_exit(1);
		for (uint32_t i = 0; i < 20; i++) {
			msg = message(i);
			usleep(i % 3 * 1000);
			send_message(ch, &msg);
			arena_channel_flush(ch);
		}
		raise(SIGKILL);
	}
	if (pair_open(&p, &ch))
		bail("open");
	while ((ret = arena_channel_recv(ch, &msg)) >= 0) {
		struct pollfd fds[] = { { .fd = arena_channel_fd(ch), .events = POLLIN },
					{ .fd = arena_channel_pidfd(ch), .events = POLLIN } };

		n += (uint32_t)ret;
		if (ret)
			continue;
		if (arena_channel_arm(ch) && poll(fds, 2, PATIENCE_MS) != 1)
			/* Both descriptors may be ready at once. */
			if (!fds[0].revents || !fds[1].revents)
				break;
		arena_channel_disarm(ch);
	}
	ok(n == 20 && ret == -EOWNERDEAD,
	   "%s: a loop that polls the descriptors gets 20 messages and then the peer's death",
	   way_name(way));
	arena_channel_close(ch);
	pair_join(&p);
}

/* The peer opens the next channel before this side has received everything from the first. */
static void test_again(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	struct arena_msg msg;
	struct pollfd socket;
	int fds[2], ret;
	uint32_t n = 0;

	if (arena_channel_socketpair(fds))
		bail("arena_channel_socketpair");
	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch))
			_exit(1);
		for (uint32_t i = 0; i < 3; i++) {
			msg = message(i);
			send_message(ch, &msg);
		}
		arena_channel_close(ch);
		p.options.socket = &fds[1];
		_exit(pair_open(&p, &ch) || send_message(ch, &msg) || arena_channel_flush(ch) ||
		      receive(ch, &msg) != -EPIPE);
	}
	if (pair_open(&p, &ch))
		bail("open");
	/* Wait for the peer's hello on the next channel. */
	socket = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	poll(&socket, 1, PATIENCE_MS);
	while ((ret = receive(ch, &msg)) == 1 && msg.ref.index == n)
		n++;
	ok(n == 3 && ret == -EPIPE,
	   "%s: all messages arrive after the peer has closed and begun to open another channel",
	   transport_name(way.transport));
	arena_channel_close(ch);
	close(fds[1]);
	p.options.socket = &fds[0];
	ok(!pair_open(&p, &ch) && receive(ch, &msg) == 1 && msg.ref.index == 2,
	   "%s: a second channel between the same processes carries a message",
	   transport_name(way.transport));
	arena_channel_close(ch);
	is(pair_join(&p), 0, "%s: the peer sees the second channel end with -EPIPE",
	   transport_name(way.transport));
}

/* A side that leaves a message unread still sees the credit that its peer gives back. */
static void test_unread(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, 16);
	struct arena_msg msg = message(0);
	struct arena_channel *ch;
	uint32_t n = 0;
	int ret = 0;

	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch) || send_message(ch, &msg) || arena_channel_flush(ch))
			_exit(1);
		while (n < UNREAD && receive(ch, &msg) == 1 && msg.ref.index == n)
			n++;
		msg = message(1);
		ret = n != UNREAD || send_message(ch, &msg) || arena_channel_flush(ch);
		arena_channel_close(ch);
		_exit(ret);
	}
	if (pair_open(&p, &ch) || arena_channel_wait(ch, PATIENCE_MS) != 1)
		bail("open");
	for (; n < UNREAD && !ret; n++) {
		msg = message(n);
		ret = send_message(ch, &msg);
	}
	if (!ret)
		ret = arena_channel_flush(ch);
	is(ret, 0, "%s: %u messages are sent while one is unread", way_name(way), n);
	for (n = 0; n < 2 && receive(ch, &msg) == 1 && msg.ref.index == n; n++)
		;
	ok(n == 2 && receive(ch, &msg) == -EPIPE,
	   "%s: the unread message is received first, then the next one, then -EPIPE",
	   way_name(way));
	arena_channel_close(ch);
	is(pair_join(&p), 0, "%s: the peer has received all %u messages", way_name(way), UNREAD);
}

/* The options of a later version of the library have one more member. */
struct grown_options {
	struct arena_channel_options known;
	uint64_t news;
};

static void test_grown_options(void)
{
	struct grown_options g = { .known = { .size = sizeof(g), .peer_pid = 0x3ffffff } };
	struct arena_channel *ch;

	is(arena_channel_open(own_arena, ARENA_ROLE(1, 0), &g.known, &ch), -ESRCH,
	   "options that are larger than the library knows are accepted if the rest is zero");
	g.news = 1;
	is(arena_channel_open(own_arena, ARENA_ROLE(1, 0), &g.known, &ch), -E2BIG,
	   "options that are larger than the library knows are refused if the rest is not zero");
	g.known.size = 0;
	is(arena_channel_open(own_arena, ARENA_ROLE(1, 0), &g.known, &ch), -EINVAL,
	   "options with a size of 0 are refused");
	g.known.size = offsetof(struct arena_channel_options, nonblocking);
	is(arena_channel_open(own_arena, ARENA_ROLE(1, 0), &g.known, &ch), -ESRCH,
	   "options with the size of an earlier version are accepted");
}

static void test_options(void)
{
	struct arena_channel_options o = { .size = sizeof(o), .transport = ARENA_CHANNEL_MSG_RING,
					   .entries = 8, .timeout_ms = 100 };
	struct arena_channel *ch;
	int closed = -1;

#define REFUSED(what, error, ...) do {							\
	struct arena_channel_options saved = o;						\
											\
	__VA_ARGS__;									\
	is(arena_channel_open(own_arena, ARENA_ROLE(1, 0), &o, &ch), error,			\
	   "arena_channel_open() fails: %s", what);					\
	o = saved;									\
} while (0)
	open_own_arena(ARENA_ROLE(0, 0));
	REFUSED("more entries than ARENA_CHANNEL_MAX_ENTRIES", -EINVAL,
		o.entries = ARENA_CHANNEL_MAX_ENTRIES + 1);
	REFUSED("HYBRID with more entries than the layout has", -EINVAL,
		o.transport = ARENA_CHANNEL_HYBRID; o.entries = layout.channel_entries + 1);
	REFUSED("a transport that does not exist", -EINVAL, o.transport = 99);
	REFUSED("a way to wait that does not exist", -EINVAL, o.wait = 99);
	REFUSED("SOCKET without a control socket", -EINVAL, o.transport = ARENA_CHANNEL_SOCKET);
	REFUSED("a control socket that is closed", -EINVAL, o.socket = &closed);
	REFUSED("a time limit of -2", -EINVAL, o.timeout_ms = -2);
	REFUSED("a process id of -1", -EINVAL, o.peer_pid = -1);
	REFUSED("a process id that nobody has", -ESRCH, o.peer_pid = 0x3ffffff);
	REFUSED("the peer does not connect", -ETIMEDOUT, (void)0);
	REFUSED("the peer does not connect at a second attempt", -ETIMEDOUT, (void)0);
#undef REFUSED
	o.transport = ARENA_CHANNEL_HYBRID;
	is(arena_channel_open(own_arena, ARENA_ROLE(0, 0), &o, &ch), -EINVAL,
	   "HYBRID between two roles of one class is refused");
	o.transport = ARENA_CHANNEL_MSG_RING;
	is(arena_channel_open(NULL, 0, &o, &ch), -EINVAL,
	   "opening a channel with neither an arena nor a control socket is refused");
	test_grown_options();
	arena_channel_close(NULL);
}

static void test_types(void)
{
	struct arena_channel_options o = { .size = sizeof(o) };
	struct arena_channel *ch;
	int fds[2];

	o.nonblocking = true;
	o.socket = &fds[0];
	if (arena_channel_socketpair(fds) ||
	    arena_channel_open(own_arena, ARENA_ROLE(1, 0), &o, &ch))
		bail("open");
	is(fds[0], -1, "arena_channel_open() takes the control socket over and stores -1");
	is(arena_channel_send(ch, &(struct arena_msg){ .type = 0 }), -EINVAL,
	   "sending a message of type 0 is refused");
	is(arena_channel_send(ch, &(struct arena_msg){ .type = ARENA_MSG_CHANNEL }), -EINVAL,
	   "sending a message with a type that the channel itself uses is refused");
	is(arena_channel_send(ch, &(struct arena_msg){ .type = ARENA_MSG_CHANNEL - 1 }), -EAGAIN,
	   "sending a message of type 127 before the channel is connected is -EAGAIN");
	arena_channel_close(ch);
	close(fds[1]);
}

int main(void)
{
	channel_test_begin();
	for (size_t w = 0; w < N_WAYS; w++) {
		for (enum arena_wait wait = 0; wait <= ARENA_WAIT_ADAPT; wait++) {
			test_one(ways[w], wait, 1);
			test_one(ways[w], wait, 8);
			test_one(ways[w], wait, 32);
		}
		test_foreign_loop(ways[w]);
		test_unread(ways[w]);
		if (ways[w].by_socket)
			test_again(ways[w]);
	}
	test_tx_ring();
	test_options();
	test_types();
	return channel_test_end();
}
