// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: an operation whose deadline passes ends with -ETIME, which differs from the end of a
 * cancelled one. A deadline has no effect on an operation that ends before it.
 * Method: deadlines that have passed, are far away, are moved or removed, on operations of
 * every kind; and as many deadlines as the ring can have, set in any order.
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
	is(arena_ring_set_deadline(rig->r, op, start + 20 * MS), 0,
	   "a pending recv gets a deadline in 20 ms");
	is(write(pair[1], "abc", 3), 3, "the peer sends 3 of 100 bytes");
	e = rig_next(rig);
	ok(expired(&e), "a recv with ARENA_IO_ALL ends with -ETIME at its deadline");
	is(e.bytes, 3, "the event of an expired recv has the number of bytes that came");
	ok(now() >= start + 20 * MS, "a recv does not expire before its deadline");
	is(arena_state(rig->a, b), ARENA_OWNED, "the extent of an expired recv is OWNED");
	is(arena_ring_set_deadline(rig->r, op, 1), -ESTALE,
	   "setting a deadline of an operation that has ended is refused");

	arena_ring_recv(rig->r, &io, &op);
	arena_ring_set_deadline(rig->r, op, now() + 20 * MS);
	arena_ring_cancel(rig->r, op);
	e = rig_next(rig);
	ok(e.result == -ECANCELED && e.flags == ARENA_EVENT_CANCELED,
	   "a recv that is cancelled before its deadline ends with -ECANCELED");

	arena_ring_recv(rig->r, &io, &op);
	arena_ring_set_deadline(rig->r, op, 1);
	arena_ring_set_deadline(rig->r, op, NEVER);
	ok(rig_quiet(rig), "a recv whose past deadline was removed at once does not end");
	arena_ring_set_deadline(rig->r, op, now() + 3600000 * MS);
	arena_ring_set_deadline(rig->r, op, 1);
	e = rig_next(rig);
	ok(expired(&e), "a recv whose deadline was moved into the past expires");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
	arena_put(rig->a, b);
}

/* An operation ends before its deadline, and another one gets its entry in the table. */
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
	ok(e.result == 4096 && !e.flags, "a read that ends before its deadline is not EXPIRED");
	arena_ring_remove_file(rig->r, io.file);
	rig_tcp(pair);
	io.file = rig_file(rig, pair[0]);
	arena_ring_recv(rig->r, &io, NULL);
	is(arena_ring_next(rig->r, &e, 5), 0,
	   "an operation does not inherit the deadline of one that had its entry before");
	arena_ring_remove_file(rig->r, io.file);
	is(rig_next(rig).result, -ECANCELED,
	   "an operation without a deadline is cancelled when its file is removed");
	rig_close_pair(pair);
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
	ok(expired(&e), "a poll expires at its deadline");
	arena_ring_poll(rig->r, f, POLLIN, true, 1, &op);
	arena_ring_set_deadline(rig->r, op, now() + 5 * MS);
	e = rig_next(rig);
	ok(expired(&e), "a multishot poll expires at its deadline");
	arena_ring_recv_any(rig->r, f, b.group, 2, &op);
	for (int i = 0; i < 3; i++) {
		arena_ring_set_deadline(rig->r, op, now() + 60000 * MS);
		if (write(pair[1], "x", 1) != 1)
			bail("cannot write");
		e = rig_next(rig);
		ok(e.result == 1, "a recv into any buffer has byte %d, which came in time", i + 1);
		arena_put(rig->a, e.buf);
	}
	arena_ring_set_deadline(rig->r, op, now() + 5 * MS);
	e = rig_next(rig);
	ok(expired(&e), "a recv into any buffer expires when no byte comes before its deadline");
	arena_ring_remove_file(rig->r, f);
	rig_close_pair(pair);
	arena_put(rig->a, b);
}

/* As many deadlines as the ring can have, set in another order than that of their times. */
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
	/* Move some behind all others, which leaves holes in the heap. */
	for (uint32_t i = 0; i < 16; i += 5)
		arena_ring_set_deadline(rig->r, op[i], start + (50 + i) * MS);
	for (int n = 0; n < 12; n++) {
		struct arena_event e = rig_next(rig);

		ordered += expired(&e) && e.cookie % 5;
	}
	is(ordered, 12, "the 12 operations with the earliest deadlines end first");
	for (int n = 0; n < 4; n++) {
		struct arena_event e = rig_next(rig);

		ordered += expired(&e) && e.cookie == 5U * (uint32_t)n;
	}
	is(ordered, 16, "the 4 operations whose deadlines were moved end last, in their order");
	arena_ring_remove_file(rig->r, f);
}

int main(void)
{
	struct rig rig = rig_open("ring-deadlines");

	test_recv(&rig);
	test_in_time(&rig);
	test_kinds(&rig);
	test_order(&rig);
	is(arena_ring_pending(rig.r), 0, "no operation is pending at the end");
	rig_close(&rig);
	return done_testing();
}
