// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: when the peer dies or closes, this side receives the last messages and then an error,
 * whether it sleeps, polls, only receives or has no credit.
 * Method: the child sends three messages and is killed a little later, or closes.
 *
 * valgrind: no, when a child ends it searches the address range of the region for leaks
 */
#include "channel.h"

#define ENTRIES		16

/* It dies a little after it sent, or after the parent has found that it has no credit. */
static void child(struct pair *p, bool awaits_stall)
{
	struct arena_msg m = { .type = 1 };
	struct arena_channel *ch;

	if (pair_open(p, &ch))
		_exit(1);
	for (m.ref.index = 0; m.ref.index < 3; m.ref.index++)
		arena_channel_send(ch, &m);
	arena_channel_flush(ch);
	if (awaits_stall)
		wait_for_word(&shared->is_stalled);
	usleep(20000);
	raise(SIGKILL);
}

static struct arena_channel *start(struct pair *p, bool awaits_stall)
{
	struct arena_channel *ch;
	int ret;

	if (!pair_fork(p))
		child(p, awaits_stall);
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
	struct arena_channel *ch = start(&p, false);
	struct arena_msg m;
	uint32_t n = 0;
	int ret;

	while ((ret = receive(ch, &m)) == 1 && m.ref.index == n)
		n++;
	ok(n == 3 && ret == -EOWNERDEAD && end(&p, ch) == -SIGKILL,
	   "%s, %s: three messages arrive, and then the peer's death", way_name(way),
	   wait_name(wait));
}

/* Without arena_channel_wait(). */
static void test_only_receiving(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_POLL, ENTRIES);
	struct arena_channel *ch = start(&p, false);
	struct arena_msg m;
	uint32_t n = 0;
	int ret;

	while ((ret = arena_channel_recv(ch, &m)) >= 0)
		n += (uint32_t)ret;
	ok(n == 3 && ret == -EOWNERDEAD && end(&p, ch) == -SIGKILL,
	   "%s: a side that only calls arena_channel_recv() sees the peer's death",
	   way_name(way));
}

static void test_without_credit(struct way way, bool waits)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch = start(&p, true);
	struct arena_msg m = { .type = 2 }, got;
	uint32_t n = 0, received = 0;
	int ret;

	do {
		ret = arena_channel_send(ch, &m);
		n += !ret;
		if (ret != -EAGAIN)
			continue;
		arena_channel_flush(ch);
		/* Receive what is there, for otherwise a wait returns at once. */
		while (arena_channel_recv(ch, &got) == 1)
			received++;
		set_word(&shared->is_stalled, received == 3);
		if (waits)
			arena_channel_wait(ch, PATIENCE_MS);
	} while (!ret || ret == -EAGAIN);
	ok(n == ENTRIES && ret == -EOWNERDEAD && received == 3,
	   "%s: a sender without credit that %s gets the peer's death from its send",
	   way_name(way), waits ? "waits" : "tries again");
	is(arena_channel_recv(ch, &got), -EOWNERDEAD,
	   "%s: a sender without credit that %s gets the peer's death from a receive, too",
	   way_name(way), waits ? "waits" : "tries again");
	is(end(&p, ch), -SIGKILL, "%s: the peer lived until it was killed", way_name(way));
}

/* The peer closes and lives on; a side that only sends must get an error, too. */
static void test_closing(struct way way, enum arena_wait wait)
{
	struct pair p = pair_of(way, wait, ENTRIES);
	struct arena_msg m = { .type = 2 };
	struct arena_channel *ch;
	int ret;

	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch))
			_exit(1);
		wait_for_word(&shared->is_stalled);
		usleep(1000);
		arena_channel_close(ch);
		pause();
	}
	if (pair_open(&p, &ch))
		bail("open");
	while (!(ret = arena_channel_send(ch, &m)))
		;
	set_word(&shared->is_stalled, 1);
	ok(ret == -EAGAIN && send_message(ch, &m) == -EPIPE,
	   "%s, %s: a sender without credit gets -EPIPE when the peer closes", way_name(way),
	   wait_name(wait));
	kill(p.child, SIGKILL);
	end(&p, ch);
}

/* The application's own loop sleeps in poll(), without the control socket. */
static void test_closing_foreign_loop(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	struct arena_msg m;
	int polled = 1, ret;

	if (!pair_fork(&p)) {
		if (pair_open(&p, &ch))
			_exit(1);
		wait_for_word(&shared->is_ready);
		arena_channel_close(ch);
		pause();
	}
	if (pair_open(&p, &ch))
		bail("open");
	while (!(ret = arena_channel_recv(ch, &m)) && polled) {
		struct pollfd fds[] = { { .fd = arena_channel_fd(ch), .events = POLLIN },
					{ .fd = arena_channel_pidfd(ch), .events = POLLIN } };

		if (arena_channel_arm(ch)) {
			set_word(&shared->is_ready, 1);
			polled = poll(fds, 2, PATIENCE_MS);
		}
		arena_channel_disarm(ch);
	}
	ok(polled && ret == -EPIPE,
	   "%s: a loop that polls the descriptors gets -EPIPE when the peer closes",
	   way_name(way));
	kill(p.child, SIGKILL);
	end(&p, ch);
}

/* The peer dies before it has opened its end. */
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
	ok(ret == -EOWNERDEAD || ret == -ESRCH,
	   "%s: opening a channel fails when the peer dies before it opens its end",
	   way_name(way));
	pair_join(&p);
}

/* As test_early(), while another process, here the parent, holds the peer's end of the socket. */
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
	is(ret, -EOWNERDEAD,
	   "%s: opening a channel fails when the named peer dies and others hold its socket",
	   transport_name(way.transport));
	close(p.fds[1]);
	pair_join(&p);
}

/* A child of the peer that has inherited the socket does not keep the channel alive. */
static void test_grandchild(struct way way)
{
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	struct arena_channel *ch;
	struct arena_msg m;
	int ret, done[2];
	char byte;

	/* So that this process can wait for the grandchild. */
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
	ok(!ret && receive(ch, &m) == -EOWNERDEAD,
	   "%s: the peer's death is seen although its child has inherited all descriptors",
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
		test_only_receiving(ways[w]);
		test_without_credit(ways[w], true);
		test_without_credit(ways[w], false);
		test_early(ways[w]);
		if (ways[w].by_socket)
			test_early_held(ways[w]);
		test_grandchild(ways[w]);
	}
	return channel_test_end();
}
