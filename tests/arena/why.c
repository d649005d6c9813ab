// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: a program that gave a wrong option learns from arena_why() which one it was.
 * Method: structures that are right but for one member, and the first word of the reason.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arena/source.h>
#include <pthread.h>

#include "ring-rig.h"

static void explained(int ret, const char *call, const char *member)
{
	const char *reason = arena_why();
	size_t length = strlen(member);

	is(ret, -EINVAL, "%s refuses a wrong %s", call, member);
	if (!ok(reason && !strncmp(reason, member, length) && reason[length] == ':',
		"arena_why() names %s, which %s has refused", member, call))
		diag("it says: %s", reason ? reason : "nothing");
}

static void test_before(void)
{
	ok(!arena_why(), "there is no reason before a call was refused");
}

static void test_layouts(void)
{
	static const struct {
		const char *member;
		struct arena_config config;
	} tests[] = {
		{ "size", { .size = 4 } },
		{ "length", { .size = sizeof(struct arena_config) } },
		{ "align", { .length = 1 << 20, .align = 4097 } },
		{ "longest_extent", { .length = 1 << 20, .group_bytes = 4096,
				      .longest_extent = 8192 } },
		{ "channel_entries", { .length = 1 << 20, .channel_entries = 3 } },
		{ "parts", { .length = 1 << 20, .classes = {
			{ .processes = 1, .parts = 9999 } } } },
		{ "bytes", { .length = 1 << 20, .classes = { { .bytes = 1, .processes = 1 } } } },
		{ "use", { .length = 1 << 20, .classes = {
			{ .processes = 1, .group = { { .use = 16 } } } } } },
		{ "buffer_size", { .length = 1 << 20, .classes = {
			{ .processes = 1, .group = { { .use = 1, .buffer_size = 3 } } } } } },
		{ "processes", { .length = 1 << 20, .classes = { { .processes = 1 } } } },
	};
	struct arena_layout l;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		struct arena_config c = tests[i].config;

		if (!c.size)
			c.size = sizeof(c);
		explained(arena_layout_make(&l, &c), "arena_layout_make()", tests[i].member);
	}
}

static void test_arenas(void)
{
	struct arena_options o = { .size = sizeof(o), .view = "rw" };
	struct arena *a;

	explained(arena_create(NULL, &o, &a), "arena_create()", "view");
	o = (struct arena_options){ .size = sizeof(o), .mode = 0600 };
	explained(arena_create(NULL, &o, &a), "arena_create()", "mode");
	o = (struct arena_options){ .size = sizeof(o), .bytes = 4095 };
	explained(arena_create(NULL, &o, &a), "arena_create()", "bytes");
	o = (struct arena_options){ .size = sizeof(o), .bytes = 4096, .page_size = 5 };
	explained(arena_create(NULL, &o, &a), "arena_create()", "align");
	o = (struct arena_options){ .size = sizeof(o), .bytes = 4096 };
	explained(arena_open("why", &o, &a), "arena_open()", "options");
}

static void test_channels(struct arena *a)
{
	static const struct {
		const char *member;
		struct arena_channel_options options;
	} tests[] = {
		{ "transport", { .transport = (enum arena_channel_transport)9 } },
		{ "wait", { .wait = (enum arena_wait)9 } },
		{ "entries", { .entries = ARENA_CHANNEL_MAX_ENTRIES + 1 } },
		{ "timeout_ms", { .timeout_ms = -2 } },
		{ "peer_pid", { .peer_pid = -1 } },
		{ "socket", { .transport = ARENA_CHANNEL_SOCKET } },
		{ "peer_role", { .transport = ARENA_CHANNEL_MSG_RING } },
	};
	struct arena_channel *ch;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		struct arena_channel_options o = tests[i].options;

		o.size = sizeof(o);
		explained(arena_channel_open(a, arena_role(a), &o, &ch),
			  "arena_channel_open()", tests[i].member);
	}
}

static void test_rings(struct rig *rig)
{
	struct arena_ring_options o = { .size = sizeof(o), .wait = (enum arena_wait)9 };
	struct arena_file file = rig_file(rig, rig_fd(4096, 1));
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .file = file, .buf = b, .length = 1 << 30 };
	struct arena_range range = { .file = file };
	struct arena_ring *r;

	explained(arena_ring_open(rig->a, &o, &r), "arena_ring_open()", "wait");
	explained(arena_ring_read(rig->r, &io, NULL), "arena_ring_read()", "length");
	io.length = 1;
	io.offset = INT64_MAX;
	explained(arena_ring_read(rig->r, &io, NULL), "arena_ring_read()", "offset");
	io.offset = 0;
	io.flags = ARENA_IO_DSYNC;
	explained(arena_ring_read(rig->r, &io, NULL), "arena_ring_read()", "flags");
	io.flags = 0;
	io.n_vecs = 1;
	explained(arena_ring_read(rig->r, &io, NULL), "arena_ring_read()", "vec");
	explained(arena_ring_discard(rig->r, &range, NULL), "arena_ring_discard()", "length");
	explained(arena_ring_skip(rig->r, file, 1, 0, NULL), "arena_ring_skip()", "file");
	explained(arena_ring_shutdown(rig->r, file), "arena_ring_shutdown()", "file");
	explained(arena_ring_add_signals(rig->r, 0, 0, NULL), "arena_ring_add_signals()",
		  "signals");
	arena_put(rig->a, b);
}

static void *reason_of_thread(void *arg)
{
	*(const char **)arg = arena_why();
	return NULL;
}

static void test_threads(void)
{
	const char *other = "unset", *own = arena_why();
	pthread_t thread;

	if (pthread_create(&thread, NULL, reason_of_thread, &other) || pthread_join(thread, NULL))
		bail("pthread_create");
	ok(own && !other, "a thread does not see the reason of another thread");
}

int main(void)
{
	struct rig rig;

	test_before();
	test_layouts();
	test_arenas();
	rig = rig_open("why");
	test_channels(rig.a);
	test_rings(&rig);
	test_threads();
	rig_close(&rig);
	return done_testing();
}
