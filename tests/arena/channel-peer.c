// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: two processes that connect through the region find each other's process without being
 * told its number. So a death is always noticed, while they connect and later.
 * Method: the child is killed at each step, and the parent, which has no time limit, gets to know
 * it. Children that only do some of the steps use what lies beneath.
 */
#include <libarena/channel/channel.h>

#include "channel.h"

#define ENTRIES	16

/* This side's part in the region, and the peer's. */
static struct channel_part *part_of(uint32_t writer, uint32_t reader)
{
	return arena_layout_control(channel_base(), &layout, writer, reader);
}

static const uint32_t us = ARENA_ROLE(0, 0), them = ARENA_ROLE(1, 0);

/* Nobody says which process the peer is, and there is no time limit. */
static struct pair unknown(enum arena_channel_transport transport, bool nonblocking)
{
	struct pair p = pair_of((struct way){ .transport = transport }, ARENA_WAIT_SLEEP, ENTRIES);

	p.options.timeout_ms = -1;
	p.options.nonblocking = nonblocking;
	return p;
}

/* The child's status is not looked at: it is killed or has said what it had to say. */
static void fork_and_run(struct pair *p, void (*run)(struct pair *p))
{
	if (!pair_fork(p)) {
		p->options.peer_pid = 0;
		p->options.nonblocking = false;
		run(p);
		set_word(&shared->is_ready, 1);
		pause();
	}
	p->options.peer_pid = 0;
}

static void kill_child(struct pair *p)
{
	kill(p->child, SIGKILL);
	pair_join(p);
}

static void kill_when_ready(struct pair *p)
{
	wait_for_word(&shared->is_ready);
	kill_child(p);
}

static void run_channel(struct pair *p)
{
	struct arena_channel *ch;

	if (pair_open(p, &ch))
		_exit(1);
}

/* Return: 0 when the channel has connected, or the error that ended it. */
static int open_and_wait(struct pair *p, struct arena_channel **ch)
{
	struct arena_msg m;
	int ret = pair_open(p, ch);

	while (!ret && !arena_channel_is_connected(*ch))
		ret = arena_channel_next(*ch, &m, 100);
	return ret;
}

static void test_death(enum arena_channel_transport transport, bool nonblocking)
{
	struct pair p = unknown(transport, nonblocking);
	const char *how = nonblocking ? "without waiting" : "by waiting";
	struct arena_channel *ch = NULL;
	struct arena_msg m;

	fork_and_run(&p, run_channel);
	is(open_and_wait(&p, &ch), 0, "%s: a side that does not know its peer connects %s",
	   transport_name(transport), how);
	ok(arena_channel_pidfd(ch) >= 0, "%s: a side that connects %s has found its peer's process",
	   transport_name(transport), how);
	kill_when_ready(&p);
	is(receive(ch, &m), -EOWNERDEAD,
	   "%s: the death of the peer is noticed by a side that connected %s",
	   transport_name(transport), how);
	arena_channel_close(ch);
}

static void name_itself(struct pair *p)
{
	(void)p;
	__atomic_store_n(&part_of(them, us)->pid, (uint32_t)getpid(), __ATOMIC_RELEASE);
}

/* It takes the parent's mailbox and publishes none. */
static void take_and_stay(struct pair *p)
{
	name_itself(p);
	if (mshare_take_ring(region, 0, (uint64_t)us << 32 | them, PATIENCE_MS) < 0)
		_exit(1);
}

/* A third process ends the child while the parent is in one call. */
static void kill_later(struct pair *p)
{
	fflush(stdout);
	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	wait_for_word(&shared->is_ready);
	kill(p->child, SIGKILL);
	_exit(0);
}

static void test_taken(bool nonblocking)
{
	struct pair p = unknown(ARENA_CHANNEL_MSG_RING, nonblocking);
	struct arena_channel *ch = NULL;

	fork_and_run(&p, take_and_stay);
	kill_later(&p);
	is(open_and_wait(&p, &ch), -EOWNERDEAD,
	   "a peer that dies when it has taken the mailbox is not waited for%s",
	   nonblocking ? ", without waiting" : "");
	if (nonblocking)
		arena_channel_close(ch);
	waitpid(-1, NULL, 0);
	pair_join(&p);
}

/* The word names a process that ended, and then a child that lives. */
static void test_successor(bool nonblocking)
{
	struct pair dead = unknown(ARENA_CHANNEL_HYBRID, nonblocking), p = dead;
	struct arena_channel *ch = NULL;

	fork_and_run(&dead, name_itself);
	kill_when_ready(&dead);
	fork_and_run(&p, run_channel);
	is(open_and_wait(&p, &ch), 0, "the successor of a process that died is found%s",
	   nonblocking ? ", without waiting" : "");
	arena_channel_close(ch);
	kill_child(&p);
}

static void test_nonsense(uint32_t pid)
{
	struct pair p = unknown(ARENA_CHANNEL_MSG_RING, false);
	struct arena_channel *ch;

	open_own_arena(us);
	part_of(them, us)->pid = pid;
	p.options.timeout_ms = 50;
	is(arena_channel_open(own_arena, them, &p.options, &ch), -ETIMEDOUT,
	   "%#x in the place of the peer's process is waited out", pid);
}

int main(void)
{
	channel_test_begin();
	for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
		test_death(ARENA_CHANNEL_MSG_RING, nonblocking);
		test_death(ARENA_CHANNEL_HYBRID, nonblocking);
		test_taken(nonblocking);
		test_successor(nonblocking);
	}
	test_nonsense(0);
	test_nonsense(1);
	test_nonsense((uint32_t)getpid());
	test_nonsense(0x3fffffff);
	test_nonsense(UINT32_MAX);
	return channel_test_end();
}
