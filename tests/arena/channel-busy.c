// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: when the kernel has no memory for a submission, no wake-up and no message is lost, no
 * side sleeps while its messages are still queued, and no message goes to a stranger. When the
 * peer closes during a send, what it had sent before is still received.
 * Method: the test has its own io_uring_submit(), which fails as often as a counter says, and
 * its own send(), which waits until the peer has closed. The linker wraps the former, so that the
 * test can be linked with liburing as an archive, too.
 *
 * valgrind: no, when a child ends it searches the address range of the region for leaks
 */
#include <limits.h>
#include <sys/socket.h>

#include "channel.h"
#include "wrap.h"

#define ENTRIES		16
#define SOON_MS		5000

static const struct way hybrid = { .transport = ARENA_CHANNEL_HYBRID };
static const struct way ring = { .transport = ARENA_CHANNEL_MSG_RING, .by_socket = true };
static const struct way sock = { .transport = ARENA_CHANNEL_SOCKET, .by_socket = true };

/* Calls of io_uring_submit() that fail from now on. */
static int failures;

int __wrap_io_uring_submit(struct io_uring *ring)
{
	if (!failures)
		return __real_io_uring_submit(ring);
	failures--;
	return -EAGAIN;
}

static bool send_waits;

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	if (send_waits) {
		set_word(&shared->is_ready, 1);
		wait_for_word(&shared->taken);
	}
	return sendto(fd, data, size, flags, NULL, 0);
}

/* True if the peer ends the sleep by a message; its death would not, as its pidfd is not polled. */
static bool sleep_until_woken(struct arena_channel *ch)
{
	struct pollfd fd = { .fd = arena_channel_fd(ch), .events = POLLIN };
	bool is_idle = arena_channel_arm(ch);
	int woken;

	set_word(&shared->is_ready, 1);
	woken = poll(&fd, 1, SOON_MS);
	arena_channel_disarm(ch);
	return is_idle && woken == 1;
}

static void wait_for_sleeper(void)
{
	wait_for_word(&shared->is_ready);
}

/* Both processes open their end of a channel; true in the child. */
static bool start(struct pair *p, struct way by, enum arena_wait wait, struct arena_channel **ch)
{
	bool is_child;
	int ret;

	*p = pair_of(by, wait, ENTRIES);
	is_child = !pair_fork(p);
	ret = pair_open(p, ch);
	if (ret)
		bail("open: %s", strerror(-ret));
	return is_child;
}

static void end(struct pair *p, struct arena_channel *ch)
{
	kill(p->child, SIGKILL);
	arena_channel_close(ch);
	pair_join(p);
}

static void test_consumer_sleeps(void)
{
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	struct pair p;

	if (start(&p, hybrid, ARENA_WAIT_SLEEP, &ch)) {
		wait_for_sleeper();
		failures = 2;
		if (arena_channel_send(ch, &m) || arena_channel_flush(ch) != -EAGAIN ||
		    arena_channel_flush(ch) != -EAGAIN || arena_channel_flush(ch))
			_exit(1);
		pause();
	}
	ok(sleep_until_woken(ch) && arena_channel_recv(ch, &m) == 1,
	   "HYBRID: a flush that succeeds after two failures wakes the receiver");
	end(&p, ch);
}

static void test_producer_sleeps(void)
{
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	struct pair p;

	if (start(&p, hybrid, ARENA_WAIT_SLEEP, &ch)) {
		wait_for_sleeper();
		failures = 2;
		while (receive(ch, &m) == 1)
			;
		_exit(1);
	}
	while (!arena_channel_send(ch, &m))
		;
	ok(sleep_until_woken(ch) && !arena_channel_send(ch, &m),
	   "HYBRID: a sender without credit is woken, although the first submissions fail");
	end(&p, ch);
}

static void test_waiting(struct way way, enum arena_wait wait)
{
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	struct pair p;

	if (start(&p, way, wait, &ch)) {
		failures = 3;
		arena_channel_send(ch, &m);
		receive(ch, &m);
		pause();
	}
	while (!arena_channel_recv(ch, &m) && arena_channel_wait(ch, SOON_MS) == 1)
		;
	is(counters(ch).received, 1,
	   "%s, %s: a side that waits sends the message that it could not submit before",
	   transport_name(way.transport), wait_name(wait));
	end(&p, ch);
}

/* Connect again in the second epoch, and send a message. */
__attribute__((noreturn))
static void reopen_and_send(struct arena_channel *ch)
{
	struct arena_msg m = { .type = 1 };

	arena_channel_reopen(ch, 2, 0, pidfd_of(getppid()));
	while (arena_channel_send(ch, &m) == -EAGAIN)
		arena_channel_wait(ch, 10);
	arena_channel_flush(ch);
	pause();
	_exit(0);
}

/* The first submission is that of the MARK. */
static void test_reopen(struct way way)
{
	struct arena_channel *ch;
	struct arena_msg m;
	struct pair p;

	if (start(&p, way, ARENA_WAIT_SLEEP, &ch))
		reopen_and_send(ch);
	failures = 2;
	is(arena_channel_reopen(ch, 2, 0, pidfd_of(p.child)), 0,
	   "%s: a channel is reopened although the first submissions fail", way_name(way));
	is(receive(ch, &m), 1, "%s: it connects when submissions succeed again", way_name(way));
	is(failures, 0, "%s: the failed submissions were tried again", way_name(way));
	failures = 0;
	end(&p, ch);
}

/* Opening fails while a message to the peer is queued on the application's tx ring. */
static void test_open_fails(void)
{
	const struct way way = { .transport = ARENA_CHANNEL_MSG_RING };
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
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
	   "a message that is queued when opening fails goes to no other ring");
	io_uring_queue_exit(&tx);
	kill(p.child, SIGKILL);
	pair_join(&p);
}

static void test_close_during_send(void)
{
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;
	struct pair p;

	if (start(&p, sock, ARENA_WAIT_SLEEP, &ch)) {
		wait_for_sleeper();
		arena_channel_send(ch, &m);
		arena_channel_close(ch);
		set_word(&shared->taken, 1);
		pause();
	}
	arena_channel_send(ch, &m);
	send_waits = true;
	is(arena_channel_wait(ch, SOON_MS), 1,
	   "SOCKET: a wait ends if the peer closes during a send");
	send_waits = false;
	is(arena_channel_recv(ch, &m), 1,
	   "SOCKET: the message that the peer sent before it closed is received");
	is(arena_channel_recv(ch, &m), -EPIPE,
	   "SOCKET: after the last message of a peer that closed comes -EPIPE");
	end(&p, ch);
}

int main(void)
{
	channel_test_begin();
	test_consumer_sleeps();
	test_producer_sleeps();
	for (enum arena_wait wait = 0; wait <= ARENA_WAIT_ADAPT; wait++)
		test_waiting(ring, wait);
	test_reopen((struct way){ .transport = ARENA_CHANNEL_HYBRID, .by_end = true });
	test_reopen((struct way){ .transport = ARENA_CHANNEL_MSG_RING, .by_end = true });
	test_open_fails();
	test_close_during_send();
	return channel_test_end();
}
