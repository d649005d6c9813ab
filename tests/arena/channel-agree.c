// SPDX-License-Identifier: MIT
/*
 * Goal: two sides that want different things have no channel, and both know it; AUTO
 * becomes the best that both can do.
 * Method: pairs with different options; one side without io_uring, by seccomp; one
 * without memory; one that may not be traced.
 *
 * valgrind: no, at a child's end it looks for leaks where the region is not, fault by fault
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

/* What became of it in a side: a transport, or -errno. */
static int outcome(struct pair *p, enum hindrance what)
{
	struct arena_msg m = { .type = 1 }, got;
	struct arena_channel *ch;
	int ret;

	hinder(what);
	ret = pair_open(p, &ch);
	if (ret)
		return ret;
	/* Does it work? */
	ret = send_message(ch, &m) || arena_channel_flush(ch) || receive(ch, &got) != 1;
	ret = ret ? -EIO : (int)arena_channel_transport(ch);
	/* The other side has all it needs before this one goes. */
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

/* Both sides' options, what hinders the child, and what becomes of it in each. */
struct meeting {
	const char *name;
	enum arena_channel_transport transports[2];
	uint32_t entries[2];
	bool by_socket;
	bool is_without_memory;
	enum hindrance hindrance;
	int outcome[2];
};

static void test_meeting(const struct meeting *t)
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

static const struct meeting meetings[] = {
	{ .name = "in the region: MSG_RING and HYBRID",
	  .transports = TWO(MSG_RING, HYBRID),
	  .outcome = REFUSED },
	{ .name = "in the region: another window",
	  .transports = BOTH(MSG_RING), .entries = { 0, 17 },
	  .outcome = REFUSED },
	{ .name = "in the region: AUTO is MSG_RING", .transports = BOTH(AUTO),
	  .outcome = BOTH(MSG_RING) },
	{ .name = "in the region: AUTO and MSG_RING", .transports = TWO(AUTO, MSG_RING),
	  .outcome = BOTH(MSG_RING) },
	{ .name = "socket: MSG_RING and SOCKET", .by_socket = true,
	  .transports = TWO(MSG_RING, SOCKET),
	  .outcome = REFUSED },
	{ .name = "socket: HYBRID and SOCKET", .by_socket = true,
	  .transports = TWO(HYBRID, SOCKET),
	  .outcome = REFUSED },
	{ .name = "socket: another window", .by_socket = true,
	  .transports = BOTH(SOCKET),
	  .entries = { 15, 0 }, .outcome = REFUSED },
	{ .name = "socket: AUTO is MSG_RING", .by_socket = true,
	  .transports = BOTH(AUTO),
	  .outcome = BOTH(MSG_RING) },
	{ .name = "socket: AUTO and HYBRID", .by_socket = true,
	  .transports = TWO(AUTO, HYBRID),
	  .outcome = BOTH(HYBRID) },
	{ .name = "socket: AUTO and SOCKET", .by_socket = true,
	  .transports = TWO(AUTO, SOCKET),
	  .outcome = BOTH(SOCKET) },
	{ .name = "socket: AUTO without io_uring in one is SOCKET", .by_socket = true,
	  .transports = BOTH(AUTO), .hindrance = NO_URING, .outcome = BOTH(SOCKET) },
	{ .name = "socket: AUTO without io_uring and memory in one is SOCKET",
	  .by_socket = true,
	  .transports = BOTH(AUTO),
	  .hindrance = NO_URING, .is_without_memory = true, .outcome = BOTH(SOCKET) },
	{ .name = "socket: AUTO where one may not fetch the mailbox is SOCKET",
	  .by_socket = true,
	  .transports = BOTH(AUTO), .hindrance = NO_TRACING, .outcome = BOTH(SOCKET) },
	{ .name = "socket: MSG_RING where one may not fetch the mailbox is EPERM",
	  .by_socket = true,
	  .transports = BOTH(MSG_RING), .hindrance = NO_TRACING, .outcome = { -EPIPE, -EPERM } },
	{ .name = "socket: MSG_RING without io_uring in one is EPERM", .by_socket = true,
	  .transports = BOTH(MSG_RING), .hindrance = NO_URING, .outcome = { -EPIPE, -EPERM } },
};

static void test_without_region(void)
{
	struct pair p = pair_of((struct way){ ARENA_CHANNEL_SOCKET, true }, ARENA_WAIT_SLEEP,
				ENTRIES);

	if (!pair_fork(&p)) {
		p.has_no_arena = true;
		_exit(outcome(&p, NO_URING) != ARENA_CHANNEL_SOCKET);
	}
	ok(outcome(&p, NOTHING) == ARENA_CHANNEL_SOCKET && !pair_join(&p),
	   "SOCKET needs no arena");
}

int main(void)
{
	channel_test_begin();
	for (size_t i = 0; i < sizeof(meetings) / sizeof(meetings[0]); i++)
		test_meeting(&meetings[i]);
	test_without_region();
	return channel_test_end();
}
