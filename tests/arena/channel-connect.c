// SPDX-License-Identifier: MIT
/*
 * Goal: a channel that connects without blocking connects in every way, is driven by its
 * descriptor or by a wait, and ends with an error if the peer does not come, gives up or dies;
 * after a failure the next attempt works.
 * Method: one side or both open with nonblocking, for each transport and way to connect.
 *
 * valgrind: no, at a child's end it looks for leaks where the region is not, fault by fault
 */
#include "channel.h"

#define ENTRIES	16

/* Poll the channel's descriptor until it has connected; 0 or an error. */
static int drive(struct arena_channel *ch)
{
	struct arena_msg none;
	int ret = 0;

	while (!ret && !arena_channel_is_connected(ch)) {
		struct pollfd fd = { .fd = arena_channel_fd(ch), .events = POLLIN };

		if (arena_channel_arm(ch) && poll(&fd, 1, PATIENCE_MS) != 1)
			ret = -ETIMEDOUT;
		arena_channel_disarm(ch);
		if (!ret && !arena_channel_is_connected(ch))
			ret = arena_channel_recv(ch, &none);
	}
	return ret;
}

static int exchange(struct arena_channel *ch)
{
	struct arena_msg m = { .type = 1 };
	int ret = send_message(ch, &m);

	if (!ret)
		ret = arena_channel_flush(ch);
	return ret ? ret : receive(ch, &m);
}

/* The child says that it has exchanged a message, and waits to be killed. */
static void child(struct pair *p, bool nonblocking, int delay_ms)
{
	struct arena_channel *ch;

	usleep(delay_ms * 1000);
	p->options.nonblocking = nonblocking;
	if (pair_open(p, &ch) || exchange(ch) != 1)
		_exit(1);
	say(&shared->is_ready, 1);
	pause();
}

static void end(struct pair *p)
{
	kill(p->child, SIGKILL);
	pair_join(p);
}

static void test_connects(struct way way, bool by_fd, bool both, int delay_ms)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	const struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	struct arena_msg none;
	bool was_early = true;
	int ret;

	if (!pair_fork(&p))
		child(&p, both, delay_ms);
	p.options.nonblocking = true;
	ret = pair_open(&p, &ch);
	if (ret)
		bail("%s: %s", way_name(way), strerror(-ret));
	/* The child sleeps still. */
	if (delay_ms)
		was_early = !arena_channel_is_connected(ch) &&
			    arena_channel_send(ch, &m) == -EAGAIN &&
			    !arena_channel_recv(ch, &none) && !arena_channel_flush(ch) &&
			    !arena_channel_wait(ch, 1);
	ret = by_fd ? drive(ch) : 0;
	if (!ret)
		ret = exchange(ch);
	ok(was_early && ret == 1 && arena_channel_is_connected(ch) &&
	   arena_channel_transport(ch) == way.transport,
	   "%s: connects without blocking, by %s, %s, after %d ms", way_name(way),
	   by_fd ? "its descriptor" : "waiting",
	   both ? "the peer as well" : "the peer blocks", delay_ms);
	arena_channel_close(ch);
	end(&p);
}

/* Without a wait, only by looking again. */
static int look_until_error(struct arena_channel *ch)
{
	struct arena_msg none;
	int ret;

	while (!(ret = arena_channel_recv(ch, &none)))
		usleep(1000);
	return ret;
}

static void test_fails(struct way way, const char *what, int want)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	struct arena_msg m = { .type = 1 };
	int ret;

	if (!pair_fork(&p)) {
		if (want == -EOWNERDEAD) {
			usleep(20000);
			raise(SIGKILL);
		}
		pause();
	}
	p.options.nonblocking = true;
	p.options.timeout_ms = want == -ETIMEDOUT ? 100 : PATIENCE_MS;
	if (pair_open(&p, &ch))
		bail("open");
	ret = drive(ch);
	is(ret, want, "%s: %s, seen by its descriptor", way_name(way), what);
	ok(!arena_channel_is_connected(ch) && arena_channel_send(ch, &m) == want &&
	   arena_channel_wait(ch, -1) == 1 && arena_channel_next(ch, &m, -1) == want,
	   "that stays, and nothing waits any more");
	arena_channel_close(ch);
	end(&p);
}

static void test_fails_looking(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;

	if (!pair_fork(&p))
		pause();
	p.options.nonblocking = true;
	p.options.timeout_ms = 50;
	if (pair_open(&p, &ch))
		bail("open");
	is(look_until_error(ch), -ETIMEDOUT, "%s: a caller that only looks sees the limit",
	   way_name(way));
	arena_channel_close(ch);
	end(&p);
}

/* By the region, where something could be left from the first attempt. */
static void test_again(enum arena_channel_transport transport, bool nonblocking)
{
	struct way way = { transport, false };
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	int ret;

	if (!pair_fork(&p)) {
		while (!look(&shared->is_stalled))
			usleep(100);
		child(&p, false, 0);
	}
	p.options.timeout_ms = 20;
	p.options.nonblocking = nonblocking;
	ret = pair_open(&p, &ch);
	if (!ret) {
		ret = look_until_error(ch);
		arena_channel_close(ch);
	}
	is(ret, -ETIMEDOUT, "%s: the peer does not come", way_name(way));
	say(&shared->is_stalled, 1);
	p.options.timeout_ms = PATIENCE_MS;
	ret = pair_open(&p, &ch);
	ok(!ret && exchange(ch) == 1, "%s: a second attempt works", way_name(way));
	if (!ret)
		arena_channel_close(ch);
	end(&p);
}

/* Closed while it connects: it takes its offer back, and tells a peer that has taken it. */
static void test_closed_early(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	int ret;

	p.options.nonblocking = true;
	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch))
			_exit(1);
		say(&shared->is_ready, 1);
		while (!look(&shared->is_stalled))
			usleep(100);
		arena_channel_close(ch);
		say(&shared->taken, 1);
		pause();
	}
	while (!look(&shared->is_ready))
		usleep(100);
	ret = pair_open(&p, &ch);
	if (ret)
		bail("open: %s", strerror(-ret));
	arena_channel_wait(ch, 10);
	say(&shared->is_stalled, 1);
	while (!look(&shared->taken))
		usleep(100);
	is(arena_channel_next(ch, &(struct arena_msg){ 0 }, PATIENCE_MS), -EPIPE,
	   "%s: a peer that closes while it connects gives up", way_name(way));
	arena_channel_close(ch);
	end(&p);
}

int main(void)
{
	channel_test_begin();
	for (size_t w = 0; w < N_WAYS; w++) {
		for (int i = 0; i < 8; i++)
			test_connects(ways[w], i & 1, i & 2, i & 4 ? 30 : 0);
		test_fails(ways[w], "a peer that does not come", -ETIMEDOUT);
		test_fails(ways[w], "a peer that dies before it comes", -EOWNERDEAD);
		test_fails_looking(ways[w]);
		test_closed_early(ways[w]);
	}
	for (int i = 0; i < 4; i++)
		test_again(i & 1 ? ARENA_CHANNEL_HYBRID : ARENA_CHANNEL_MSG_RING, i & 2);
	return channel_test_end();
}
