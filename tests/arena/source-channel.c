// SPDX-License-Identifier: MIT
/*
 * Goal: a ring drives channels of every transport beside its operations. No message is lost, a
 * peer that floods delays no other, the end of a channel is reported once, and a channel can be
 * removed at any time.
 * Method: the parent has a ring with a channel to each of several children, which echo each
 * message. Then one of them floods, stalls, dies or breaks the rules.
 *
 * vm: native
 * valgrind: no, when a child ends it searches the address range of the region for leaks
 */
#define _GNU_SOURCE
#include <arena/source.h>
#include <fcntl.h>
#include <libarena/channel/channel.h>
#include <poll.h>

#include "channel.h"
#include "ring-rig.h"

#define WINDOW		32U
#define MESSAGES	4000U
#define LAST		100
#define ANSWER		101

static struct arena *arena;

/**
 * struct link - the parent's end of a channel
 * @pair: the two processes
 * @ch: the channel
 * @source: the channel as a source of the ring
 * @sent: messages that were sent
 * @received: messages that were received in order
 * @events: events of the source
 * @end: error with which the channel ended, or 0
 */
struct link {
	struct pair pair;
	struct arena_channel *ch;
	struct arena_source source;
	uint32_t sent;
	uint32_t received;
	uint32_t events;
	int end;
};

/* Echo messages until one of type LAST comes. */
static int echo(struct arena_channel *ch)
{
	struct arena_msg m;
	int ret;

	while ((ret = receive(ch, &m)) == 1) {
		if (m.type == LAST)
			return 0;
		if (send_message(ch, &m))
			return 2;
	}
	return 3;
}

/* Receive nothing until the parent has stalled, and then everything. */
static int stall(struct arena_channel *ch)
{
	struct arena_msg m;

	wait_for_word(&shared->is_stalled);
	while (receive(ch, &m) == 1)
		if (m.type == LAST)
			return 0;
	return 4;
}

/* Send as fast as the parent receives, without an end. */
static int flood(struct arena_channel *ch)
{
	const struct arena_msg m = { .type = 1 };

	for (unsigned int sent = 1; !send_message(ch, &m); sent++)
		if (!(sent % 8))
			arena_channel_flush(ch);
	return 0;
}

/* Send more messages than the channel has credit. */
static int lie(struct arena_channel *ch)
{
	const struct arena_msg m = { .type = 1 };

	/* The parent must have opened its end before. */
	wait_for_word(&shared->is_stalled);
	ch->msg_ring.credit.window = UINT32_MAX;
	for (uint32_t i = 0; i < 4 * WINDOW; i++)
		if (arena_channel_send(ch, &m))
			break;
	arena_channel_flush(ch);
	set_word(&shared->is_ready, 1);
	pause();
	return 0;
}

/* Set is_ready when a message has come. */
static int report_one(struct arena_channel *ch)
{
	struct arena_msg m;

	set_word(&shared->is_ready, receive(ch, &m) == 1);
	return 0;
}

static int wait_for_end(struct arena_channel *ch)
{
	(void)ch;
	pause();
	return 0;
}

static void link_open(struct link *l, uint32_t sp, struct way way,
		      int (*child)(struct arena_channel *ch))
{
	struct arena_channel *ch;
	int ret;

	*l = (struct link){ .pair = pair_of(way, ARENA_WAIT_SLEEP, WINDOW) };
	l->pair.sp = sp;
	if (!pair_fork(&l->pair)) {
		ret = pair_open(&l->pair, &ch);
		ret = ret ? 1 : child(ch);
		arena_channel_close(ret == 1 ? NULL : ch);
		_exit(ret);
	}
	/* pair_open() would open another arena; all links share one. */
	ret = arena_channel_open(arena, ARENA_ROLE(1, sp), &l->pair.options, &l->ch);
	if (ret)
		bail("%s: cannot open a channel: %s", way_name(way), strerror(-ret));
}

static void link_add(struct rig *rig, struct link *l, uint64_t cookie)
{
	int ret = arena_ring_add_channel(rig->r, l->ch, cookie, &l->source);

	if (ret)
		bail("cannot add a channel: %d", ret);
}

static void link_kill(struct link *l)
{
	kill(l->pair.child, SIGKILL);
	pair_join(&l->pair);
}

/* Send while there is credit; true if all are sent. */
static bool send_some(struct link *l, uint32_t all)
{
	while (l->sent < all) {
		struct arena_msg m = { .type = 1 + l->sent % 99, .ref.index = l->sent };
		int ret = arena_channel_send(l->ch, &m);

		if (ret == -EAGAIN)
			return false;
		if (ret)
			bail("cannot send: %d", ret);
		l->sent++;
	}
	return true;
}

/* Receive everything that has come. */
static void receive_some(struct link *l)
{
	struct arena_msg m;
	int ret;

	while ((ret = arena_channel_recv(l->ch, &m)) == 1) {
		if (m.type == 1 + l->received % 99 && m.ref.index == l->received)
			l->received++;
	}
	if (ret)
		l->end = ret;
}

static void read_again(struct rig *rig, struct arena_io *io)
{
	if (arena_ring_read(rig->r, io, NULL))
		bail("cannot read");
}

/* A channel of each transport in one ring, beside reads of a file. */
static void test_all(struct rig *rig, enum arena_wait wait)
{
	struct arena_ring_options o = rig_options;
	struct link links[N_WAYS];
	struct arena_event events[16];
	struct rig one = *rig;
	struct arena_io io;
	uint32_t open = N_WAYS, reads = 0;
	int fd = rig_fd(4096, 'r');

	o.wait = wait;
	one.r = rig_ring(rig->a, &o);
	io = (struct arena_io){ .file = rig_file(&one, fd), .buf = rig_buf(&one, 1, 0),
				.length = 4096, .cookie = N_WAYS };
	for (uint32_t i = 0; i < N_WAYS; i++) {
		link_open(&links[i], i, ways[i], echo);
		link_add(&one, &links[i], i);
		send_some(&links[i], MESSAGES);
	}
	read_again(&one, &io);
	/* On a busy machine the channels can be faster than the first read. */
	while (open || !reads) {
		int n = arena_ring_next_many(one.r, events, 16, RIG_PATIENCE_MS);

		if (n <= 0)
			bail("next_many: %d, %u channels open", n, open);
		for (int i = 0; i < n; i++) {
			struct link *l = &links[events[i].cookie % N_WAYS];

			if (events[i].type == ARENA_EVENT_OPERATION) {
				reads += events[i].result == 4096;
				read_again(&one, &io);
				continue;
			}
			l->events++;
			receive_some(l);
			if (send_some(l, MESSAGES) && l->received == MESSAGES && !l->end) {
				struct arena_msg last = { .type = LAST };

				arena_channel_send(l->ch, &last);
				l->received++;
			}
			open -= l->end != 0;
		}
	}
	for (uint32_t i = 0; i < N_WAYS; i++) {
		ok(links[i].received == MESSAGES + 1 && links[i].end == -EPIPE,
		   "%s, ring %s: %u echoes come in order, and then -EPIPE", way_name(ways[i]),
		   wait_name(wait), MESSAGES);
		if (links[i].end != -EPIPE)
			diag("end %d, received %u, sent %u, in %u events", links[i].end,
			     links[i].received, links[i].sent, links[i].events);
		arena_channel_close(links[i].ch);
		is(pair_join(&links[i].pair), 0, "%s, ring %s: the child has received all messages",
		   way_name(ways[i]), wait_name(wait));
	}
	ok(reads > 0, "ring %s: reads of a file end beside channels",
	   wait_name(wait));
	is(arena_ring_close(one.r), 0, "ring %s: the ring can be closed after its channels",
	   wait_name(wait));
	arena_put(rig->a, io.buf);
	close(fd);
}

static void test_stall(struct rig *rig, struct way way)
{
	const struct arena_msg last = { .type = LAST };
	struct link l;

	link_open(&l, 0, way, stall);
	link_add(rig, &l, 1);
	while (send_some(&l, 4 * WINDOW))
		l.sent = 0;
	rig_quiet(rig);
	set_word(&shared->is_stalled, 1);
	is(rig_next(rig).cookie, 1, "%s: an event reports credit after a stall", way_name(way));
	while (!send_some(&l, 4 * WINDOW))
		rig_next(rig);
	while (arena_channel_send(l.ch, &last) == -EAGAIN)
		rig_next(rig);
	for (receive_some(&l); !l.end; receive_some(&l))
		rig_next(rig);
	is(l.end, -EPIPE, "%s: the peer's close is reported after a stall", way_name(way));
	arena_channel_close(l.ch);
	is(pair_join(&l.pair), 0, "%s: the child has received all messages after a stall",
	   way_name(way));
}

/* One of two peers is killed. */
static void test_death(struct rig *rig, struct way way)
{
	struct link l, other;
	struct arena_event e;

	link_open(&l, 0, way, wait_for_end);
	link_open(&other, 1, way, echo);
	link_add(rig, &l, 1);
	link_add(rig, &other, 2);
	rig_quiet(rig);
	kill(l.pair.child, SIGKILL);
	e = rig_next(rig);
	ok(e.cookie == 1 && e.type == ARENA_EVENT_CHANNEL, "%s: a peer's death is an event",
	   way_name(way));
	receive_some(&l);
	ok(l.end < 0, "%s: arena_channel_recv() returns an error after the peer's death",
	   way_name(way));
	send_some(&other, 1);
	while (!other.received) {
		e = rig_next(rig);
		if (e.cookie == 2)
			receive_some(&other);
	}
	ok(rig_quiet(rig), "%s: the peer's death is reported once", way_name(way));
	arena_channel_close(l.ch);
	is(arena_ring_remove_source(rig->r, l.source), -ESTALE,
	   "%s: closing a channel removes it from its ring", way_name(way));
	arena_channel_close(other.ch);
	waitpid(l.pair.child, NULL, 0);
	link_kill(&other);
}

/* A peer that never stops sending, beside a timer, operations and a peer that echoes. */
static void test_flood(struct rig *rig, struct way way)
{
	struct arena_timer t = { .size = sizeof(t), .period_ns = 1000000, .cookie = 3 };
	uint32_t floods = 0, ticks = 0, ops = 0, turns = 0;
	struct arena_file ready = rig_eventfd(rig, 1);
	struct arena_source timer;
	struct link l, other;

	link_open(&l, 0, way, flood);
	link_open(&other, 1, way, echo);
	link_add(rig, &l, 1);
	link_add(rig, &other, 2);
	arena_ring_add_timer(rig->r, &t, &timer);
	arena_ring_poll(rig->r, ready, POLLIN, false, 4, NULL);
	while ((floods < 1000 || ticks < 10 || ops < 100 || other.received < 100) &&
	       turns++ < 1000000) {
		struct arena_event e = rig_next(rig);
		struct arena_msg m;

		if (e.cookie == 1) {
			/* Receive one message only, for there are always more. */
			floods += arena_channel_recv(l.ch, &m) == 1;
		} else if (e.cookie == 2) {
			receive_some(&other);
		} else if (e.cookie == 3) {
			ticks++;
		} else {
			ops++;
			arena_ring_poll(rig->r, ready, POLLIN, false, 4, NULL);
		}
		if (other.sent == other.received)
			send_some(&other, other.sent + 1);
	}
	ok(floods >= 1000 && ticks >= 10 && ops >= 100 && other.received >= 100,
	   "%s: a flood delays neither the timer nor operations nor the other channel",
	   way_name(way));
	is(arena_ring_remove_source(rig->r, timer), 0, "%s: a timer can be removed in a flood",
	   way_name(way));
	while (rig_next(rig).cookie != 4)
		;
	arena_ring_remove_file(rig->r, ready);
	arena_channel_close(l.ch);
	arena_channel_close(other.ch);
	link_kill(&l);
	link_kill(&other);
	while (!rig_quiet(rig))
		;
}

static void test_liar(struct rig *rig)
{
	struct link l;

	link_open(&l, 0, ways[0], lie);
	link_add(rig, &l, 1);
	set_word(&shared->is_stalled, 1);
	wait_for_word(&shared->is_ready);
	is(rig_next(rig).cookie, 1, "a channel whose peer sends without credit has an event");
	receive_some(&l);
	is(l.end, -EOVERFLOW, "a channel whose peer sends without credit ends with -EOVERFLOW");
	/* Messages that are still in the mailbox must not cause further events. */
	while (!rig_quiet(rig))
		l.events++;
	ok(l.events <= 1, "a channel that ended with -EOVERFLOW has at most one further event");
	arena_channel_close(l.ch);
	link_kill(&l);
}

/* arena_ring_submit() must also send the messages that channels have queued. */
static void test_submit(struct rig *rig, struct way way)
{
	struct link l;

	set_word(&shared->is_ready, 0);
	link_open(&l, 0, way, report_one);
	link_add(rig, &l, 1);
	send_some(&l, 1);
	ok(arena_ring_submit(rig->r) >= 0, "%s: a ring with a queued message is submitted",
	   way_name(way));
	for (int ms = 0; ms < PATIENCE_MS && !get_word(&shared->is_ready); ms++)
		usleep(1000);
	ok(get_word(&shared->is_ready), "%s: the peer receives a message after arena_ring_submit()",
	   way_name(way));
	arena_channel_close(l.ch);
	is(pair_join(&l.pair), 0, "%s: the peer ends after it received the message",
	   way_name(way));
	while (!rig_quiet(rig))
		;
}

/* Nothing else ends while messages come, so each of them has to end a wait that gathers. */
static void test_gather(struct rig *rig, struct way way)
{
	struct arena_file never = rig_eventfd(rig, 0);
	uint32_t events = 0;
	struct link l;

	link_open(&l, 0, way, echo);
	link_add(rig, &l, 1);
	for (uint32_t i = 0; i < 8; i++)
		arena_ring_poll(rig->r, never, POLLIN, false, 2, NULL);
	arena_ring_set_gather(rig->r, 8, 1000);
	for (; l.received < 20 && events < 1000; events++) {
		if (l.sent == l.received)
			send_some(&l, l.sent + 1);
		rig_next(rig);
		receive_some(&l);
	}
	is(l.received, 20, "%s: messages come while the ring gathers other completions",
	   way_name(way));
	arena_ring_set_gather(rig->r, 0, 0);
	arena_ring_remove_file(rig->r, never);
	arena_channel_close(l.ch);
	link_kill(&l);
	while (arena_ring_pending(rig->r))
		rig_next(rig);
}

/* A message that the kernel refuses must end its channel and nothing else. */
static void test_failed_message(struct rig *rig)
{
	struct link l;
	int target, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	link_open(&l, 0, ways[0], wait_for_end);
	link_add(rig, &l, 1);
	target = l.ch->tx.target;
	l.ch->tx.target = null;
	send_some(&l, 1);
	is(rig_next(rig).cookie, 1, "a message that the kernel refuses is an event of its channel");
	receive_some(&l);
	ok(l.end < 0, "a channel whose message the kernel refused ends with an error (%d)", l.end);
	ok(rig_quiet(rig), "a message that the kernel refuses is reported once");
	l.ch->tx.target = target;
	arena_channel_close(l.ch);
	close(null);
	link_kill(&l);
}

/* The channel is added to the ring and removed again while messages are under way. */
static void test_remove(struct rig *rig, struct way way)
{
	struct link l;
	struct arena_msg m;
	uint32_t i;

	link_open(&l, 0, way, echo);
	for (i = 0; i < 20; i++) {
		send_some(&l, 2 * i + 1);
		link_add(rig, &l, i);
		if (arena_ring_add_channel(rig->r, l.ch, 0, NULL) != -EBUSY)
			break;
		send_some(&l, 2 * i + 2);
		if (i % 3 == 0)
			rig_quiet(rig);
		if (arena_ring_remove_source(rig->r, l.source))
			break;
		while (l.received < l.sent && arena_channel_wait(l.ch, PATIENCE_MS) == 1)
			receive_some(&l);
		if (l.received != l.sent)
			break;
	}
	is(i, 20, "%s: no message is lost when a channel is added and removed 20 times",
	   way_name(way));
	while (!rig_quiet(rig))
		l.events++;
	is(l.events, 0, "%s: a channel has no event after it was removed", way_name(way));
	m = (struct arena_msg){ .type = LAST };
	send_message(l.ch, &m);
	arena_channel_close(l.ch);
	is(pair_join(&l.pair), 0, "%s: the peer receives a message after the channel was removed",
	   way_name(way));
}

static void test_ring_close(struct rig *rig, struct way way)
{
	struct rig one = *rig;
	struct link l;

	link_open(&l, 0, way, echo);
	one.r = rig_ring(rig->a, &rig_options);
	link_add(&one, &l, 1);
	send_some(&l, 3);
	is(arena_ring_close(one.r), 0, "%s: a ring can be closed before its channel",
	   way_name(way));
	send_some(&l, 6);
	while (l.received < 6 && arena_channel_wait(l.ch, PATIENCE_MS) == 1)
		receive_some(&l);
	is(l.received, 6, "%s: a channel works after its ring was closed", way_name(way));
	arena_channel_close(l.ch);
	link_kill(&l);
}

int main(void)
{
	struct rig rig = { .name = CHANNEL_REGION };

	channel_test_begin();
	rig.m = region;
	if (arena_open_region(region, ARENA_ROLE(0, 0), &arena))
		bail("cannot open the arena");
	rig.a = arena;
	rig.r = rig_ring(arena, &rig_options);
	test_all(&rig, ARENA_WAIT_SLEEP);
	test_all(&rig, ARENA_WAIT_ADAPT);
	test_all(&rig, ARENA_WAIT_POLL);
	for (size_t i = 0; i < N_WAYS; i++) {
		test_stall(&rig, ways[i]);
		test_death(&rig, ways[i]);
		test_flood(&rig, ways[i]);
		test_remove(&rig, ways[i]);
		test_ring_close(&rig, ways[i]);
		test_submit(&rig, ways[i]);
		test_gather(&rig, ways[i]);
	}
	test_liar(&rig);
	test_failed_message(&rig);
	is(arena_ring_close(rig.r), 0, "the ring of all tests can be closed");
	is(arena_close(arena), 0, "the arena can be closed, since no extent is IN_IO");
	return channel_test_end();
}
