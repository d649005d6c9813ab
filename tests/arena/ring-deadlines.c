// SPDX-License-Identifier: MIT
/*
 * Goal: an operation whose deadline passes ends, says so, and is told apart from one that
 * was cancelled; one that is over in time does not hear of its deadline.
 * Method: deadlines that have passed, that are far away, that are moved and taken back, on
 * operations of every kind; and as many as there can be, in any order.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <time.h>

#include "ring-rig.h"

#define NEVER	INT64_MAX
#define MS	1000000LL

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static bool expired(const struct arena_event *e)
{
	return e->result == -ETIME && e->flags == ARENA_EVENT_EXPIRED;
}

static void test_recv(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = b, .length = 100, .flags = ARENA_IO_ALL };
	struct arena_event e;
	struct arena_op op;
	int64_t start;
	int pair[2];

	rig_tcp(pair);
	io.file = rig_file(rig, pair[0]);
	arena_ring_recv(rig->r, &io, &op);
	start = now();
	is(arena_ring_set_deadline(rig->r, op, start + 20 * MS), 0, "a recv has 20 ms");
	is(write(pair[1], "abc", 3), 3, "3 of 100 bytes come");
	e = rig_next(rig);
	ok(expired(&e), "the recv is ended for its deadline");
	is(e.bytes, 3, "and says what had come");
	ok(now() >= start + 20 * MS, "but not before the deadline");
	is(arena_state(rig->a, b), ARENA_OWNED, "its buffer is OWNED");
	is(arena_ring_set_deadline(rig->r, op, 1), -ESTALE, "what is over has no deadline");

	arena_ring_recv(rig->r, &io, &op);
	arena_ring_set_deadline(rig->r, op, now() + 20 * MS);
	arena_ring_cancel(rig->r, op);
	e = rig_next(rig);
	ok(e.result == -ECANCELED && e.flags == ARENA_EVENT_CANCELED,
	   "one that is cancelled before its deadline says that it was cancelled");

	arena_ring_recv(rig->r, &io, &op);
	arena_ring_set_deadline(rig->r, op, 1);
	arena_ring_set_deadline(rig->r, op, NEVER);
	ok(rig_quiet(rig), "a deadline that was taken back ends nothing");
	arena_ring_set_deadline(rig->r, op, now() + 3600000 * MS);
	arena_ring_set_deadline(rig->r, op, 1);
	e = rig_next(rig);
	ok(expired(&e), "a deadline that was moved into the past does");
	arena_ring_remove_file(rig->r, io.file);
	close(pair[0]);
	close(pair[1]);
	arena_put(rig->a, b);
}

/* An operation that is over in time, and then another in the same entry of the table. */
static void test_in_time(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	int fd = rig_fd(4096, 'f'), pair[2];
	struct arena_io io = { .file = rig_file(rig, fd), .buf = b, .length = 4096 };
	struct arena_event e;
	struct arena_op op;

	arena_ring_read(rig->r, &io, &op);
	arena_ring_set_deadline(rig->r, op, now() + 60000 * MS);
	e = rig_next(rig);
	ok(e.result == 4096 && !e.flags, "a read that is over in time knows of no deadline");
	arena_ring_remove_file(rig->r, io.file);
	rig_tcp(pair);
	io.file = rig_file(rig, pair[0]);
	arena_ring_recv(rig->r, &io, NULL);
	is(arena_ring_next(rig->r, &e, 5), 0, "the next operation has not inherited it");
	arena_ring_remove_file(rig->r, io.file);
	is(rig_next(rig).result, -ECANCELED, "and ends with its file");
	close(pair[0]);
	close(pair[1]);
	close(fd);
	arena_put(rig->a, b);
}

static void test_kinds(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_event e;
	struct arena_file f;
	struct arena_op op;
	int pair[2];

	rig_tcp(pair);
	f = rig_file(rig, pair[0]);
	arena_ring_poll(rig->r, f, POLLIN, false, 1, &op);
	arena_ring_set_deadline(rig->r, op, 1);
	e = rig_next(rig);
	ok(expired(&e), "a poll expires");
	arena_ring_poll(rig->r, f, POLLIN, true, 1, &op);
	arena_ring_set_deadline(rig->r, op, now() + 5 * MS);
	e = rig_next(rig);
	ok(expired(&e), "a poll that continues expires");
	arena_ring_recv_any(rig->r, f, b.group, 2, &op);
	for (int i = 0; i < 3; i++) {
		arena_ring_set_deadline(rig->r, op, now() + 60000 * MS);
		if (write(pair[1], "x", 1) != 1)
			bail("cannot write");
		e = rig_next(rig);
		ok(e.result == 1, "a recv into any buffer has what comes in time");
		arena_put(rig->a, e.buf);
	}
	arena_ring_set_deadline(rig->r, op, now() + 5 * MS);
	e = rig_next(rig);
	ok(expired(&e), "and expires when nothing has come for a while");
	arena_ring_remove_file(rig->r, f);
	close(pair[0]);
	close(pair[1]);
	arena_put(rig->a, b);
}

/* As many as there can be, set in a disorder, end in the order of their deadlines. */
static void test_order(struct rig *rig)
{
	struct arena_file f = rig_eventfd(rig, 0);
	struct arena_op op[16];
	int64_t start = now();
	int ordered = 0;

	for (uint32_t i = 0; i < 16; i++)
		arena_ring_poll(rig->r, f, POLLIN, false, i, &op[i]);
	for (uint32_t i = 0; i < 16; i++)
		arena_ring_set_deadline(rig->r, op[i], start + (i * 7 % 16 + 1) * 2 * MS);
	/* Some are moved behind all others, which leaves holes. */
	for (uint32_t i = 0; i < 16; i += 5)
		arena_ring_set_deadline(rig->r, op[i], start + (50 + i) * MS);
	for (int n = 0; n < 12; n++) {
		struct arena_event e = rig_next(rig);

		ordered += expired(&e) && e.cookie % 5;
	}
	is(ordered, 12, "the 12 that are due first end first");
	for (int n = 0; n < 4; n++) {
		struct arena_event e = rig_next(rig);

		ordered += expired(&e) && e.cookie == 5U * (uint32_t)n;
	}
	is(ordered, 16, "and then the 4 that were moved, in order");
	arena_ring_remove_file(rig->r, f);
}

int main(void)
{
	struct rig rig = rig_open("ring-deadlines");

	test_recv(&rig);
	test_in_time(&rig);
	test_kinds(&rig);
	test_order(&rig);
	is(arena_ring_pending(rig.r), 0, "nothing is left pending");
	rig_close(&rig);
	return done_testing();
}
