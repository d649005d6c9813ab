// SPDX-License-Identifier: MIT
/*
 * Goal: when the kernel has no memory for what is submitted, nothing is lost: neither a
 * wake-up nor a message, nobody sleeps on what was not sent, and nothing goes to
 * whom it was not for. The same when the peer goes just when something is sent.
 * Method: io_uring_submit() is ours, and fails as often as it is told; so is send(),
 * which waits for the peer to go.
 *
 * valgrind: no, at a child's end it looks for leaks where the region is not, fault by fault
 */
#include <limits.h>
#include <sys/socket.h>

#include "channel.h"

#define ENTRIES		16
#define SOON_MS		5000

/* Calls of io_uring_submit() that fail from now on. */
static int failures;

int io_uring_submit(struct io_uring *ring)
{
	if (!failures)
		return io_uring_submit_and_wait(ring, 0);
	failures--;
	return -EAGAIN;
}

static bool send_waits;

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	if (send_waits) {
		say(&shared->is_ready, 1);
		while (!look(&shared->taken))
			usleep(100);
	}
	return sendto(fd, data, size, flags, NULL, 0);
}

/* Until the peer wakes us, and not its death. */
static bool sleep_well(struct arena_channel *ch)
{
	struct pollfd fd = { .fd = arena_channel_fd(ch), .events = POLLIN };
	bool is_idle = arena_channel_arm(ch);
	int woken;

	say(&shared->is_ready, 1);
	woken = poll(&fd, 1, SOON_MS);
	arena_channel_disarm(ch);
	return is_idle && woken == 1;
}

static void wait_for_sleeper(void)
{
	while (!look(&shared->is_ready))
		usleep(100);
}

static struct arena_channel *open_or_bail(struct pair *p)
{
	struct arena_channel *ch;
	int ret = pair_open(p, &ch);

	if (ret)
		bail("open: %s", strerror(-ret));
	return ch;
}

static void end(struct pair *p, struct arena_channel *ch)
{
	kill(p->child, SIGKILL);
	arena_channel_close(ch);
	pair_join(p);
}

static void test_consumer_sleeps(void)
{
	struct pair p = pair_of((struct way){ ARENA_CHANNEL_HYBRID, false }, ARENA_WAIT_SLEEP,
				ENTRIES);
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	bool is_child = !pair_fork(&p);

	ch = open_or_bail(&p);
	if (is_child) {
		wait_for_sleeper();
		failures = 2;
		if (arena_channel_send(ch, &m) || arena_channel_flush(ch) != -EAGAIN ||
		    arena_channel_flush(ch) != -EAGAIN || arena_channel_flush(ch))
			_exit(1);
		pause();
	}
	ok(sleep_well(ch) && arena_channel_recv(ch, &m) == 1,
	   "HYBRID: who sleeps is woken by the flush that succeeds");
	end(&p, ch);
}

static void test_producer_sleeps(void)
{
	struct pair p = pair_of((struct way){ ARENA_CHANNEL_HYBRID, false }, ARENA_WAIT_SLEEP,
				ENTRIES);
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	bool is_child = !pair_fork(&p);

	ch = open_or_bail(&p);
	if (is_child) {
		wait_for_sleeper();
		failures = 2;
		while (receive(ch, &m) == 1)
			;
		_exit(1);
	}
	while (!arena_channel_send(ch, &m))
		;
	ok(sleep_well(ch) && !arena_channel_send(ch, &m),
	   "HYBRID: who has no room is woken when the receiver waits");
	end(&p, ch);
}

static void test_waiting(struct way way, enum arena_wait wait)
{
	struct pair p = pair_of(way, wait, ENTRIES);
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	bool is_child = !pair_fork(&p);

	ch = open_or_bail(&p);
	if (is_child) {
		failures = 3;
		arena_channel_send(ch, &m);
		receive(ch, &m);
		pause();
	}
	while (!arena_channel_recv(ch, &m) && arena_channel_wait(ch, SOON_MS) == 1)
		;
	is(counters(ch).received, 1, "%s, %s: who waits sends what is queued",
	   transport_name(way.transport), wait_name(wait));
	end(&p, ch);
}

/* Our ring keeps a message to a peer with whom there is no channel. */
static void test_open_fails(void)
{
	struct pair p = pair_of((struct way){ ARENA_CHANNEL_MSG_RING, false }, ARENA_WAIT_SLEEP,
				ENTRIES);
	struct io_uring tx, others[8];
	struct arena_channel *ch;
	struct io_uring_cqe *cqe;
	uint32_t strays = 0;
	int ret;

	if (!pair_fork(&p)) {
		pair_open(&p, &ch);
		pause();
	}
	if (io_uring_queue_init(8, &tx, 0))
		bail("io_uring");
	p.options.tx_ring = &tx;
	p.options.timeout_ms = 300;
	failures = INT_MAX;
	ret = pair_open(&p, &ch);
	failures = 0;
	for (int i = 0; i < 8; i++)
		if (io_uring_queue_init(8, &others[i], 0))
			bail("io_uring");
	io_uring_submit(&tx);
	for (int i = 0; i < 8; i++) {
		strays += !io_uring_peek_cqe(&others[i], &cqe);
		io_uring_queue_exit(&others[i]);
	}
	ok(ret == -ETIMEDOUT && !strays,
	   "what is left queued when opening fails goes to nobody else");
	io_uring_queue_exit(&tx);
	kill(p.child, SIGKILL);
	pair_join(&p);
}

static void test_last_words(void)
{
	struct pair p = pair_of((struct way){ ARENA_CHANNEL_SOCKET, true }, ARENA_WAIT_SLEEP,
				ENTRIES);
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	bool is_child = !pair_fork(&p);

	ch = open_or_bail(&p);
	if (is_child) {
		wait_for_sleeper();
		arena_channel_send(ch, &m);
		arena_channel_close(ch);
		say(&shared->taken, 1);
		pause();
	}
	arena_channel_send(ch, &m);
	send_waits = true;
	is(arena_channel_wait(ch, SOON_MS), 1, "SOCKET: an end that sending meets ends a wait");
	send_waits = false;
	is(arena_channel_recv(ch, &m), 1, "and there is what came before it");
	is(arena_channel_recv(ch, &m), -EPIPE, "and then the end, an orderly one");
	end(&p, ch);
}

int main(void)
{
	channel_test_begin();
	test_consumer_sleeps();
	test_producer_sleeps();
	for (enum arena_wait wait = 0; wait <= ARENA_WAIT_ADAPT; wait++)
		test_waiting((struct way){ ARENA_CHANNEL_MSG_RING, true }, wait);
	test_open_fails();
	test_last_words();
	return channel_test_end();
}
