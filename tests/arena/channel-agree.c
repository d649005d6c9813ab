// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: two sides whose options contradict each other get no channel, and both get an error.
 * With AUTO they get the best transport that both can use.
 * Method: pairs with different options. In some pairs seccomp forbids one side io_uring or
 * pidfd_getfd(), or one side has no arena.
 *
 * valgrind: no, when a child ends it searches the address range of the region for leaks
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "channel.h"

#define ENTRIES	16

enum hindrance { NOTHING, NO_URING, NO_TRACING };

static void hinder(enum hindrance what)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_getfd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 6, .filter = filter };

	if (what == NO_TRACING)
		filter[1].k = SYS_pidfd_getfd;
	else
		filter[3].k = SYS_io_uring_setup;
	if (what != NOTHING && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
				prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)))
		_exit(99);
}

/* The transport that this side has in the end, or an error. */
static int outcome(struct pair *p, enum hindrance what)
{
	struct arena_msg m = { .type = 1 }, got;
	struct arena_channel *ch;
	int ret;

	hinder(what);
	ret = pair_open(p, &ch);
	if (ret)
		return ret;
	/* Exchange a message, to see that the channel works. */
	ret = send_message(ch, &m) || arena_channel_flush(ch) || receive(ch, &got) != 1;
	ret = ret ? -EIO : (int)arena_channel_transport(ch);
	/* The child closes first; otherwise it could miss the parent's message. */
	p->child ? 0 : receive(ch, &got);
	arena_channel_close(ch);
	return ret;
}

static bool is_as(int got, int want, const char *who)
{
	if (got != want)
		diag("%s: %s, want %s", who, got < 0 ? strerror(-got) : transport_name(got),
		     want < 0 ? strerror(-want) : transport_name(want));
	return got == want;
}

/**
 * struct agreement - two sides that open a channel
 * @name: name of the check
 * @transports: transport in the options of parent and child
 * @entries: entries in their options; 0 for the usual number
 * @by_socket: they connect by a control socket
 * @is_without_memory: the child has no arena
 * @hindrance: what seccomp forbids the child
 * @outcome: transport that each must get, or an error
 */
struct agreement {
	const char *name;
	enum arena_channel_transport transports[2];
	uint32_t entries[2];
	bool by_socket;
	bool is_without_memory;
	enum hindrance hindrance;
	int outcome[2];
};

static void test_agreement(const struct agreement *t)
{
	struct pair p = pair_of((struct way){ .by_socket = t->by_socket }, ARENA_WAIT_SLEEP,
				ENTRIES);
	int ret, side;

	side = !pair_fork(&p);
	p.options.transport = t->transports[side];
	if (t->entries[side])
		p.options.entries = t->entries[side];
	p.has_no_arena = t->is_without_memory && side;
	ret = outcome(&p, side ? t->hindrance : NOTHING);
	if (side)
		_exit(!is_as(ret, t->outcome[1], "child"));
	ok(is_as(ret, t->outcome[0], "parent") & !pair_join(&p), "%s", t->name);
}

#define BOTH(t)		{ ARENA_CHANNEL_##t, ARENA_CHANNEL_##t }
#define TWO(a, b)	{ ARENA_CHANNEL_##a, ARENA_CHANNEL_##b }
#define REFUSED		{ -EPROTO, -EPROTO }

static const struct agreement agreements[] = {
	{ .name = "region: MSG_RING and HYBRID are refused",
	  .transports = TWO(MSG_RING, HYBRID),
	  .outcome = REFUSED },
	{ .name = "region: different numbers of entries are refused",
	  .transports = BOTH(MSG_RING), .entries = { 0, 17 },
	  .outcome = REFUSED },
	{ .name = "region: AUTO on both sides becomes MSG_RING", .transports = BOTH(AUTO),
	  .outcome = BOTH(MSG_RING) },
	{ .name = "region: AUTO and MSG_RING become MSG_RING", .transports = TWO(AUTO, MSG_RING),
	  .outcome = BOTH(MSG_RING) },
	{ .name = "socket: MSG_RING and SOCKET are refused", .by_socket = true,
	  .transports = TWO(MSG_RING, SOCKET),
	  .outcome = REFUSED },
	{ .name = "socket: HYBRID and SOCKET are refused", .by_socket = true,
	  .transports = TWO(HYBRID, SOCKET),
	  .outcome = REFUSED },
	{ .name = "socket: different numbers of entries are refused", .by_socket = true,
	  .transports = BOTH(SOCKET),
	  .entries = { 15, 0 }, .outcome = REFUSED },
	{ .name = "socket: AUTO on both sides becomes MSG_RING", .by_socket = true,
	  .transports = BOTH(AUTO),
	  .outcome = BOTH(MSG_RING) },
	{ .name = "socket: AUTO and HYBRID become HYBRID", .by_socket = true,
	  .transports = TWO(AUTO, HYBRID),
	  .outcome = BOTH(HYBRID) },
	{ .name = "socket: AUTO and SOCKET become SOCKET", .by_socket = true,
	  .transports = TWO(AUTO, SOCKET),
	  .outcome = BOTH(SOCKET) },
	{ .name = "socket: AUTO becomes SOCKET if one side has no io_uring", .by_socket = true,
	  .transports = BOTH(AUTO), .hindrance = NO_URING, .outcome = BOTH(SOCKET) },
	{ .name = "socket: AUTO becomes SOCKET if one side has neither io_uring nor an arena",
	  .by_socket = true,
	  .transports = BOTH(AUTO),
	  .hindrance = NO_URING, .is_without_memory = true, .outcome = BOTH(SOCKET) },
	{ .name = "socket: AUTO becomes SOCKET if one side may not fetch the mailbox",
	  .by_socket = true,
	  .transports = BOTH(AUTO), .hindrance = NO_TRACING, .outcome = BOTH(SOCKET) },
	{ .name = "socket: MSG_RING is -EPERM for a side that may not fetch the mailbox",
	  .by_socket = true,
	  .transports = BOTH(MSG_RING), .hindrance = NO_TRACING, .outcome = { -EPIPE, -EPERM } },
	{ .name = "socket: MSG_RING is -EPERM for a side without io_uring", .by_socket = true,
	  .transports = BOTH(MSG_RING), .hindrance = NO_URING, .outcome = { -EPIPE, -EPERM } },
};

static void test_without_region(void)
{
	const struct way way = { .transport = ARENA_CHANNEL_SOCKET, .by_socket = true };
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);

	if (!pair_fork(&p)) {
		p.has_no_arena = true;
		_exit(outcome(&p, NO_URING) != ARENA_CHANNEL_SOCKET);
	}
	ok(outcome(&p, NOTHING) == ARENA_CHANNEL_SOCKET && !pair_join(&p),
	   "socket: a side without an arena and io_uring has a channel with SOCKET");
}

int main(void)
{
	channel_test_begin();
	for (size_t i = 0; i < sizeof(agreements) / sizeof(agreements[0]); i++)
		test_agreement(&agreements[i]);
	test_without_region();
	return channel_test_end();
}
