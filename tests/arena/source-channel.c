// SPDX-License-Identifier: MIT
/*
 * Goal: a ring carries and watches channels of every transport beside its operations:
 * nothing is lost, nobody is kept waiting by a peer that floods, ends and errors are
 * reported once, and a channel can be taken away at any time.
 * Method: the parent has a ring with a channel to each of several children that echo what
 * they receive; one of them then floods, stalls, dies or breaks the rules.
 *
 * vm: once
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
 * struct link - the parent's end
 * @pair: the channel and its child
 * @ch: the channel
 * @source: of the ring
 * @sent: messages
 * @received: messages, in order
 * @events: events
 * @end: the error at its end
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

/* Echo all, until the last one. */
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

/* Receive nothing until the parent has stalled, then all. */
static int stall(struct arena_channel *ch)
{
	struct arena_msg m;

	wait_for_word(&shared->is_stalled);
	while (receive(ch, &m) == 1)
		if (m.type == LAST)
			return 0;
	return 4;
}

/* Send for ever, as fast as the parent takes it. */
static int flood(struct arena_channel *ch)
{
	const struct arena_msg m = { .type = 1 };

	for (unsigned int sent = 1; !send_message(ch, &m); sent++)
		if (!(sent % 8))
			arena_channel_flush(ch);
	return 0;
}

/* Send more than was agreed. */
static int lie(struct arena_channel *ch)
{
	const struct arena_msg m = { .type = 1 };

	/* Not while the parent is still opening its end. */
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

/* Say that a message has come. */
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
	/* Not by pair_open(): there is one arena for all of them. */
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

/* As many as fit into the window; true if all are sent. */
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

/* All that is there. */
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

/* Every transport at once, and reads of a file between. */
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
	while (open) {
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
		   "%s, ring %s: %u echoes in order in %s events, then the end",
		   way_name(ways[i]),
		   wait_name(wait), MESSAGES, links[i].events < MESSAGES ? "fewer" : "more");
		if (links[i].end != -EPIPE)
			diag("end %d, received %u, sent %u", links[i].end, links[i].received,
			     links[i].sent);
		arena_channel_close(links[i].ch);
		is(pair_join(&links[i].pair), 0, "its child has received all");
	}
	ok(reads > 0, "reads went on between");
	is(arena_ring_close(one.r), 0, "the ring is closed");
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
	is(rig_next(rig).cookie, 1, "%s: an event says that there is room", way_name(way));
	while (!send_some(&l, 4 * WINDOW))
		rig_next(rig);
	while (arena_channel_send(l.ch, &last) == -EAGAIN)
		rig_next(rig);
	for (receive_some(&l); !l.end; receive_some(&l))
		rig_next(rig);
	is(l.end, -EPIPE, "%s: after that its end is reported", way_name(way));
	arena_channel_close(l.ch);
	is(pair_join(&l.pair), 0, "%s: the child has received all", way_name(way));
}

/* The peer is killed; the others are not concerned. */
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
	ok(l.end < 0, "%s: arena_channel_recv() says so", way_name(way));
	send_some(&other, 1);
	while (!other.received) {
		e = rig_next(rig);
		if (e.cookie == 2)
			receive_some(&other);
	}
	ok(rig_quiet(rig), "%s: an end is reported once", way_name(way));
	arena_channel_close(l.ch);
	is(arena_ring_remove_source(rig->r, l.source), -ESTALE,
	   "%s: closing a channel removes it from its ring", way_name(way));
	arena_channel_close(other.ch);
	waitpid(l.pair.child, NULL, 0);
	link_kill(&other);
}

/* A peer that never stops, beside a timer, operations and a peer that wants an answer. */
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
			/* One only: there are always more. */
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
	   "%s: a flood keeps nobody from his turn", way_name(way));
	is(arena_ring_remove_source(rig->r, timer), 0, "the timer is removed");
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
	is(rig_next(rig).cookie, 1, "a peer that sends too much is an event");
	receive_some(&l);
	is(l.end, -EOVERFLOW, "it has ended its channel");
	/* What is in the mailbox is no reason to come again. */
	while (!rig_quiet(rig))
		l.events++;
	ok(l.events <= 1, "and no more than that");
	arena_channel_close(l.ch);
	link_kill(&l);
}

/* What a channel has queued goes out with arena_ring_submit(): nobody waits for events. */
static void test_submit(struct rig *rig, struct way way)
{
	struct link l;

	set_word(&shared->is_ready, 0);
	link_open(&l, 0, way, report_one);
	link_add(rig, &l, 1);
	send_some(&l, 1);
	ok(arena_ring_submit(rig->r) >= 0, "%s: the ring is submitted", way_name(way));
	for (int ms = 0; ms < PATIENCE_MS && !get_word(&shared->is_ready); ms++)
		usleep(1000);
	ok(get_word(&shared->is_ready), "%s: a message is sent by arena_ring_submit()",
	   way_name(way));
	arena_channel_close(l.ch);
	is(pair_join(&l.pair), 0, "%s: the receiver has ended", way_name(way));
	while (!rig_quiet(rig))
		;
}

/* A message that the kernel refuses ends its channel, and nothing else. */
static void test_failed_message(struct rig *rig)
{
	struct link l;
	int target, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	link_open(&l, 0, ways[0], wait_for_end);
	link_add(rig, &l, 1);
	target = l.ch->tx.target;
	l.ch->tx.target = null;
	send_some(&l, 1);
	is(rig_next(rig).cookie, 1, "a message that cannot be sent is an event of its channel");
	receive_some(&l);
	ok(l.end < 0, "whose error says why: %d", l.end);
	ok(rig_quiet(rig), "it is reported once");
	l.ch->tx.target = target;
	arena_channel_close(l.ch);
	close(null);
	link_kill(&l);
}

/* Away from the ring and back, with messages under way. */
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
	is(i, 20, "%s: %u times added and removed, nothing is lost", way_name(way), i);
	while (!rig_quiet(rig))
		l.events++;
	is(l.events, 0, "%s: no event after it was removed", way_name(way));
	m = (struct arena_msg){ .type = LAST };
	send_message(l.ch, &m);
	arena_channel_close(l.ch);
	is(pair_join(&l.pair), 0, "%s: the last message has come, too", way_name(way));
}

static void test_ring_close(struct rig *rig, struct way way)
{
	struct rig one = *rig;
	struct link l;

	link_open(&l, 0, way, echo);
	one.r = rig_ring(rig->a, &rig_options);
	link_add(&one, &l, 1);
	send_some(&l, 3);
	is(arena_ring_close(one.r), 0, "%s: a ring is closed before its channel", way_name(way));
	send_some(&l, 6);
	while (l.received < 6 && arena_channel_wait(l.ch, PATIENCE_MS) == 1)
		receive_some(&l);
	is(l.received, 6, "%s: the channel goes on without it", way_name(way));
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
	}
	test_liar(&rig);
	test_failed_message(&rig);
	is(arena_ring_close(rig.r), 0, "the ring is closed");
	is(arena_close(arena), 0, "no buffer is in use");
	return channel_test_end();
}
