// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: a channel that is opened with nonblocking connects in every way, whether its descriptor
 * or a wait drives it. It ends with an error if the peer does not connect, gives up or dies.
 * After a failure the next attempt works.
 * Method: one side or both open with nonblocking, for each transport and way to connect.
 *
 * valgrind: no, when a child ends it searches the address range of the region for leaks
 */
#include "channel.h"

#define ENTRIES	16

/* Poll the channel's descriptor until it has connected; 0 or an error. */
static int drive(struct arena_channel *ch, bool is_end)
{
	struct arena_msg none;
	int ret = 0;

	while (!ret && !arena_channel_is_connected(ch)) {
		struct pollfd fds[] = { { .fd = arena_channel_fd(ch), .events = POLLIN },
					{ .fd = is_end ? arena_channel_pidfd(ch) : -1,
					  .events = POLLIN } };

		if (arena_channel_arm(ch) &&
		    poll(fds, 2, is_end ? 10 : PATIENCE_MS) < !is_end)
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

/*
 * The child exchanges a message, sets is_ready, and waits to be killed. If it has a delay, this
 * begins when the parent has set is_stalled.
 */
static void child(struct pair *p, bool nonblocking, int delay_ms)
{
	struct arena_channel *ch;

	if (delay_ms)
		wait_for_word(&shared->is_stalled);
	usleep(delay_ms * 1000);
	p->options.nonblocking = nonblocking;
	if (pair_open(p, &ch) || exchange(ch) != 1)
		_exit(1);
	set_word(&shared->is_ready, 1);
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
	/* The child has not begun. */
	if (delay_ms)
		was_early = !arena_channel_is_connected(ch) &&
			    arena_channel_send(ch, &m) == -EAGAIN &&
			    !arena_channel_recv(ch, &none) && !arena_channel_flush(ch) &&
			    !arena_channel_wait(ch, 1);
	set_word(&shared->is_stalled, 1);
	ret = by_fd ? drive(ch, way.by_end) : 0;
	if (!ret)
		ret = exchange(ch);
	ok(was_early && ret == 1 && arena_channel_is_connected(ch) &&
	   arena_channel_transport(ch) == way.transport,
	   "%s: a side that %s connects to a peer that %s after %d ms", way_name(way),
	   by_fd ? "polls its descriptor" : "waits",
	   both ? "does not block" : "blocks", delay_ms);
	arena_channel_close(ch);
	end(&p);
}

/* Call only arena_channel_recv() until it fails. */
static int recv_until_error(struct arena_channel *ch)
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
			wait_for_word(&shared->is_stalled);
			usleep(20000);
			raise(SIGKILL);
		}
		pause();
	}
	p.options.nonblocking = true;
	p.options.timeout_ms = want == -ETIMEDOUT ? 100 : PATIENCE_MS;
	if (pair_open(&p, &ch))
		bail("open");
	set_word(&shared->is_stalled, 1);
	ret = drive(ch, way.by_end);
	is(ret, want, "%s: a side that polls its descriptor gets an error if %s",
	   way_name(way), what);
	ok(!arena_channel_is_connected(ch) && arena_channel_send(ch, &m) == want &&
	   arena_channel_wait(ch, -1) == 1 && arena_channel_next(ch, &m, -1) == want,
	   "%s: every later call has the same error and does not wait if %s",
	   way_name(way), what);
	arena_channel_close(ch);
	end(&p);
}

static void test_fails_by_recv(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;

	if (!pair_fork(&p))
		pause();
	p.options.nonblocking = true;
	p.options.timeout_ms = 50;
	if (pair_open(&p, &ch))
		bail("open");
	is(recv_until_error(ch), -ETIMEDOUT,
	   "%s: a side that only calls arena_channel_recv() gets -ETIMEDOUT", way_name(way));
	arena_channel_close(ch);
	end(&p);
}

/* Through the region, where the first attempt could leave an offer behind. */
static void test_again(enum arena_channel_transport transport, bool nonblocking)
{
	struct way way = { .transport = transport };
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	int ret;

	if (!pair_fork(&p)) {
		wait_for_word(&shared->is_stalled);
		child(&p, false, 0);
	}
	p.options.timeout_ms = 20;
	p.options.nonblocking = nonblocking;
	ret = pair_open(&p, &ch);
	if (!ret) {
		ret = recv_until_error(ch);
		arena_channel_close(ch);
	}
	is(ret, -ETIMEDOUT, "%s: a first attempt to which no peer comes is -ETIMEDOUT",
	   way_name(way));
	set_word(&shared->is_stalled, 1);
	p.options.timeout_ms = PATIENCE_MS;
	ret = pair_open(&p, &ch);
	ok(!ret && exchange(ch) == 1, "%s: a second attempt connects", way_name(way));
	if (!ret)
		arena_channel_close(ch);
	end(&p);
}

/* A side that closes while it connects withdraws its offer, and informs a peer that took it. */
static void test_closed_early(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	int ret;

	p.options.nonblocking = true;
	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch))
			_exit(1);
		set_word(&shared->is_ready, 1);
		wait_for_word(&shared->is_stalled);
		arena_channel_close(ch);
		set_word(&shared->taken, 1);
		pause();
	}
	wait_for_word(&shared->is_ready);
	ret = pair_open(&p, &ch);
	if (ret)
		bail("open: %s", strerror(-ret));
	arena_channel_wait(ch, 10);
	set_word(&shared->is_stalled, 1);
	wait_for_word(&shared->taken);
	is(arena_channel_next(ch, &(struct arena_msg){ 0 }, PATIENCE_MS), -EPIPE,
	   "%s: -EPIPE comes from a peer that closes while it connects", way_name(way));
	arena_channel_close(ch);
	end(&p);
}

int main(void)
{
	channel_test_begin();
	for (size_t w = 0; w < N_WAYS; w++) {
		for (int i = 0; i < 8; i++)
			test_connects(ways[w], i & 1, i & 2, i & 4 ? 30 : 0);
		test_fails(ways[w], "the peer does not come", -ETIMEDOUT);
		test_fails(ways[w], "the peer dies before it comes", -EOWNERDEAD);
		test_fails_by_recv(ways[w]);
		test_closed_early(ways[w]);
	}
	for (int i = 0; i < 4; i++)
		test_again(i & 1 ? ARENA_CHANNEL_HYBRID : ARENA_CHANNEL_MSG_RING, i & 2);
	return channel_test_end();
}
