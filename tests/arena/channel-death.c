// SPDX-License-Identifier: MIT
/*
 * Goal: the death of the peer ends a channel, after the last of its messages, whatever
 * this side does then: it sleeps, spins, looks by itself or has no room.
 * Method: the child sends three messages and is killed a little later.
 *
 * valgrind: no, at a child's end it looks for leaks where the region is not, fault by fault
 */
#include "channel.h"

#define ENTRIES		16

static void child(struct pair *p)
{
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;

	if (pair_open(p, &ch))
		_exit(1);
	for (m.ref.index = 0; m.ref.index < 3; m.ref.index++)
		arena_channel_send(ch, &m);
	arena_channel_flush(ch);
	usleep(20000);
	raise(SIGKILL);
}

static struct arena_channel *start(struct pair *p)
{
	struct arena_channel *ch;
	int ret;

	if (!pair_fork(p))
		child(p);
	ret = pair_open(p, &ch);
	if (ret)
		bail("%s: %s", transport_name(p->way.transport), strerror(-ret));
	return ch;
}

static int end(struct pair *p, struct arena_channel *ch)
{
	arena_channel_close(ch);
	return pair_join(p);
}

static void test_waiting(struct way way, enum arena_wait wait)
{
	struct pair p = pair_of(way, wait, ENTRIES);
	struct arena_channel *ch = start(&p);
	struct arena_msg m;
	uint32_t n = 0;
	int ret;

	while ((ret = receive(ch, &m)) == 1 && m.ref.index == n)
		n++;
	ok(n == 3 && ret == -EOWNERDEAD && end(&p, ch) == -SIGKILL,
	   "%s, %s: three messages, then the end", way_name(way), wait_name(wait));
}

/* Without arena_channel_wait(). */
static void test_looking(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_POLL, ENTRIES);
	struct arena_channel *ch = start(&p);
	struct arena_msg m;
	uint32_t n = 0;
	int ret;

	while ((ret = arena_channel_recv(ch, &m)) >= 0)
		n += (uint32_t)ret;
	ok(n == 3 && ret == -EOWNERDEAD && end(&p, ch) == -SIGKILL,
	   "%s: who only receives sees it", way_name(way));
}

static void test_without_room(struct way way, bool waits)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch = start(&p);
	struct arena_msg m = { .type = 2 }, got;
	uint32_t n = 0, received = 0;
	int ret;

	do {
		ret = arena_channel_send(ch, &m);
		n += !ret;
		if (ret != -EAGAIN)
			continue;
		arena_channel_flush(ch);
		/* What is here to be received is no reason to wait. */
		while (arena_channel_recv(ch, &got) == 1)
			received++;
		if (waits)
			arena_channel_wait(ch, PATIENCE_MS);
	} while (!ret || ret == -EAGAIN);
	ok(n == ENTRIES && ret == -EOWNERDEAD && received == 3,
	   "%s: who has no room and %s sees it", way_name(way), waits ? "waits" : "tries again");
	is(arena_channel_recv(ch, &got), -EOWNERDEAD, "also when receiving");
	is(end(&p, ch), -SIGKILL, "killed");
}

/* It closes and lives on. Who only sends is told so by that, too. */
static void test_closing(struct way way, enum arena_wait wait)
{
	struct pair p = pair_of(way, wait, ENTRIES);
	struct arena_msg m = { .type = 2 };
	struct arena_channel *ch;
	int ret;

	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch))
			_exit(1);
		while (!look(&shared->is_stalled))
			usleep(100);
		usleep(1000);
		arena_channel_close(ch);
		pause();
	}
	if (pair_open(&p, &ch))
		bail("open");
	while (!(ret = arena_channel_send(ch, &m)))
		;
	say(&shared->is_stalled, 1);
	ok(ret == -EAGAIN && send_message(ch, &m) == -EPIPE,
	   "%s, %s: who has no room sees that the peer closes", way_name(way), wait_name(wait));
	kill(p.child, SIGKILL);
	end(&p, ch);
}

/* The same for a side that sleeps in a loop of its own, which polls no control socket. */
static void test_closing_foreign_loop(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	struct arena_msg m;
	int polled = 1, ret;

	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch))
			_exit(1);
		while (!look(&shared->is_ready))
			usleep(100);
		arena_channel_close(ch);
		pause();
	}
	if (pair_open(&p, &ch))
		bail("open");
	while (!(ret = arena_channel_recv(ch, &m)) && polled) {
		struct pollfd fds[] = { { .fd = arena_channel_fd(ch), .events = POLLIN },
					{ .fd = arena_channel_pidfd(ch), .events = POLLIN } };

		if (arena_channel_arm(ch)) {
			say(&shared->is_ready, 1);
			polled = poll(fds, 2, PATIENCE_MS);
		}
		arena_channel_disarm(ch);
	}
	ok(polled && ret == -EPIPE, "%s: a loop of one's own sees that the peer closes",
	   way_name(way));
	kill(p.child, SIGKILL);
	end(&p, ch);
}

/* It dies before it has opened its end. */
static void test_early(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	int ret;

	if (!pair_fork(&p)) {
		usleep(5000);
		raise(SIGKILL);
	}
	ret = pair_open(&p, &ch);
	ok(ret == -EOWNERDEAD || ret == -ESRCH, "%s: a peer that dies before it comes",
	   way_name(way));
	pair_join(&p);
}

/* The same where somebody else, here the parent itself, has the peer's end of the socket. */
static void test_early_held(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	int ret;

	if (arena_channel_socketpair(p.fds))
		bail("control sockets");
	p.child = fork();
	if (!p.child)
		_exit(0);
	p.options.socket = &p.fds[0];
	p.options.peer_pid = p.child;
	p.options.timeout_ms = 2000;
	ret = pair_open(&p, &ch);
	is(ret, -EOWNERDEAD, "%s: a named peer that dies, its end held by others",
	   transport_name(way.transport));
	close(p.fds[1]);
	pair_join(&p);
}

/* Others that have the socket, too, do not keep the channel alive. */
static void test_grandchild(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	struct arena_msg m;
	int ret, done[2];
	char byte;

	/* Its end is ours to wait for. */
	if (pipe(done) || prctl(PR_SET_CHILD_SUBREAPER, 1))
		bail("pipe");
	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch))
			_exit(1);
		close(done[1]);
		if (!fork()) {
			/* Until the test is over. */
			if (read(done[0], &byte, 1))
				_exit(1);
			_exit(0);
		}
		raise(SIGKILL);
	}
	close(done[0]);
	ret = pair_open(&p, &ch);
	ok(!ret && receive(ch, &m) == -EOWNERDEAD, "%s: its child has all of it, but is not it",
	   way_name(way));
	end(&p, ch);
	close(done[1]);
	waitpid(-1, NULL, 0);
}

int main(void)
{
	channel_test_begin();
	for (size_t w = 0; w < N_WAYS; w++) {
		for (enum arena_wait wait = 0; wait <= ARENA_WAIT_ADAPT; wait++)
			test_waiting(ways[w], wait);
		for (enum arena_wait wait = 0; wait <= ARENA_WAIT_ADAPT; wait++)
			test_closing(ways[w], wait);
		test_closing_foreign_loop(ways[w]);
		test_looking(ways[w]);
		test_without_room(ways[w], true);
		test_without_room(ways[w], false);
		test_early(ways[w]);
		if (ways[w].by_socket)
			test_early_held(ways[w]);
		test_grandchild(ways[w]);
	}
	return channel_test_end();
}
