// SPDX-License-Identifier: MIT
/*
 * Goal: arenas and channels are used by the thread that opened them and by nobody else, as rings
 * are (hazard-process.c).
 * Method: another thread, a child of fork(2), a thread of that child and a grandchild call
 * everything, then the parent goes on. Both ends of the channel are in this process.
 */
#include <pthread.h>

#include "channel.h"

#define ENTRIES	16

/**
 * struct owned - what this process has
 * @a: for each end, its arena
 * @ch: the ends of a channel
 * @b: an extent of a[0], OWNED
 * @ref: names an extent that @a[1] has lent to @a[0]
 */
struct owned {
	struct arena *a[2];
	struct arena_channel *ch[2];
	struct arena_buf b;
	struct arena_ref ref;
};

static const uint32_t roles[] = { ARENA_ROLE(0, 0), ARENA_ROLE(1, 0) };

static void connect_both(struct owned *o, enum arena_channel_transport transport)
{
	struct arena_channel_options options = { .size = sizeof(options), .nonblocking = true,
						 .transport = transport, .entries = ENTRIES };
	int fds[2];

	if (arena_channel_socketpair(fds))
		bail("control sockets");
	for (int i = 0; i < 2; i++) {
		options.socket = &fds[i];
		if (arena_channel_open(o->a[i], roles[!i], &options, &o->ch[i]))
			bail("opening");
	}
	for (int i = 0; i < 4; i++)
		arena_channel_wait(o->ch[i % 2], 0);
	if (!arena_channel_is_connected(o->ch[0]) || !arena_channel_is_connected(o->ch[1]))
		bail("connecting");
}

static struct owned begin(enum arena_channel_transport transport)
{
	struct owned o;
	struct arena_buf b;

	for (int i = 0; i < 2; i++)
		if (arena_open_region(region, roles[i], &o.a[i]))
			bail("arenas");
	if (arena_get_for(o.a[0], USE_FIRST, 1, &o.b) ||
	    arena_get_for(o.a[1], USE_SECOND, 1, &b) ||
	    arena_lend(o.a[1], b, roles[0], &o.ref))
		bail("buffers");
	connect_both(&o, transport);
	return o;
}

/* The number of a call that is not refused, or 0. */
static int use_arena(const struct owned *o)
{
	struct arena_usage usage = { .size = sizeof(usage) };
	struct arena *a = o->a[0];
	struct arena_ref ref = o->ref;
	struct arena_buf b;

	const int64_t refused[] = {
		arena_get(a, o->b.group, 1, &b),
		arena_get_for(a, USE_FIRST, 1, &b), arena_put(a, o->b),
		arena_io_begin(a, o->b, true), arena_io_end(a, o->b),
		arena_lend(a, o->b, roles[1], &ref), arena_unlend(a, o->b),
		arena_borrow(a, roles[1], &o->ref, &b), arena_regain(a, roles[1], &o->ref, &b),
		arena_peer_died(a, roles[1]), arena_reclaim(a, 0),
		arena_reclaim_from(a, roles[1]), arena_list_borrowed(a, roles[1], NULL, 0),
		arena_lend_held(a, roles[1], &ref), arena_skip_lives(a, 1),
		arena_reset_group(a, o->b.group), arena_usage(a, o->b.group, &usage),
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i] != -ECHILD)
			return 1 + (int)i;
	if (arena_ptr(a, o->b) || arena_ptr_const(a, o->b) || arena_size(a, o->b) ||
	    arena_state(a, o->b) != ARENA_STALE)
		return 50;
	return 0;
}

static int use_channel(const struct owned *o)
{
	struct arena_channel *ch = o->ch[0];
	struct arena_msg m = { .type = 1 };

	const int refused[] = {
		arena_channel_send(ch, &m), arena_channel_flush(ch), arena_channel_recv(ch, &m),
		arena_channel_next(ch, &m, 0), arena_channel_wait(ch, 0),
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i] != -ECHILD)
			return 100 + (int)i;
	if (arena_channel_arm(ch))
		return 150;
	arena_channel_disarm(ch);
	return 0;
}

static void *use(void *arg)
{
	const struct owned *o = arg;
	int failed = use_arena(o);

	return (void *)(intptr_t)(failed ? failed : use_channel(o));
}

static int in_thread(void *(*function)(void *), struct owned *o)
{
	pthread_t thread;
	void *ret;

	if (pthread_create(&thread, NULL, function, o) || pthread_join(thread, &ret))
		bail("threads");
	return (int)(intptr_t)ret;
}

static void *close_in_thread(void *arg)
{
	const struct owned *o = arg;

	return (void *)(intptr_t)(arena_channel_close(o->ch[0]) != -ECHILD ||
				  arena_close(o->a[0]) != -ECHILD);
}

static int in_child(int (*function)(struct owned *), struct owned *o)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(function(o));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bail("fork");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int use_here(struct owned *o)
{
	return (int)(intptr_t)use(o);
}

/* The thread comes first: the one that called fork(2) must not take its number for good. */
static int use_by_thread_first(struct owned *o)
{
	int failed = in_thread(use, o);

	return failed ? failed : use_here(o);
}

static int use_in_grandchild(struct owned *o)
{
	return in_child(use_here, o);
}

/* A child has its own arenas, while those of its parent are refused. */
static int open_own(struct owned *o)
{
	struct arena_buf b;
	struct arena *a;

	if (arena_open_region(region, ARENA_ROLE(1, 1), &a) ||
	    arena_get_for(a, USE_SECOND, 1, &b) ||
	    arena_put(a, b) || arena_close(a))
		return 1;
	return use_here(o);
}

static int close_all(struct owned *o)
{
	for (int i = 0; i < 2; i++)
		if (arena_channel_close(o->ch[i]) || arena_close(o->a[i]))
			return 1;
	return 0;
}

static bool one_message(struct owned *o, int from)
{
	struct arena_msg m = { .type = 1, .value = 77 };

	if (arena_channel_send(o->ch[from], &m) || arena_channel_flush(o->ch[from]))
		return false;
	m.value = 0;
	return receive(o->ch[!from], &m) == 1 && m.value == 77;
}

static bool goes_on(struct owned *o)
{
	struct arena_buf b;
	bool good = one_message(o, 0) && one_message(o, 1) && arena_ptr(o->a[0], o->b) &&
		    !arena_borrow(o->a[0], roles[1], &o->ref, &b);

	return good && !arena_return(o->a[0], b, &o->ref);
}

static void test(enum arena_channel_transport transport)
{
	struct owned o = begin(transport);
	const char *name = transport_name(transport);

	is(in_thread(use, &o), 0, "%s: calls in another thread are refused", name);
	is(in_thread(close_in_thread, &o), 0, "%s: another thread cannot close anything", name);
	is(in_child(use_here, &o), 0, "%s: calls in a child are refused", name);
	is(in_child(use_by_thread_first, &o), 0, "%s: calls in a child with threads are refused",
	   name);
	is(in_child(use_in_grandchild, &o), 0, "%s: calls in a grandchild are refused", name);
	is(in_child(open_own, &o), 0, "%s: a child can use an arena of its own", name);
	is(in_child(close_all, &o), 0, "%s: a child can give its copies up", name);
	ok(goes_on(&o), "%s: the process that opened them can still use them", name);
	is(close_all(&o), 0, "%s: the process that opened them can close them", name);
}

int main(void)
{
	channel_test_begin();
	test(ARENA_CHANNEL_MSG_RING);
	test(ARENA_CHANNEL_HYBRID);
	test(ARENA_CHANNEL_SOCKET);
	return channel_test_end();
}
