// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: an operation on a list of extents transfers exactly these bytes, in order, wherever the
 * kernel stops in between, and all its extents are IN_IO until it ends.
 * Method: lists on files, pipes and sockets, with a peer that sends and receives a few bytes at
 * a time. All of it is repeated without the features that lists use.
 */
#define _GNU_SOURCE
#include "ring-rig.h"

#define EXTENTS		5
#define SMALL		700U

/**
 * struct list - extents that are filled with different bytes
 * @buf: the extents
 * @vec: a part of each
 * @bytes: the bytes of all parts, in order
 * @length: number of bytes of all parts
 */
struct list {
	struct arena_buf buf[EXTENTS];
	struct arena_vec vec[EXTENTS];
	unsigned char bytes[EXTENTS * 8192];
	uint32_t length;
};

static struct list list_new(struct rig *rig, uint32_t step)
{
	struct list l = { .length = 0 };

	for (uint32_t i = 0; i < EXTENTS; i++) {
		uint32_t length = SMALL + i * step;

		l.buf[i] = rig_buf(rig, 2, 'a' + (int)i);
		l.vec[i] = (struct arena_vec){ l.buf[i], 13 * i, length };
		memset(l.bytes + l.length, 'a' + (int)i, length);
		l.length += length;
	}
	return l;
}

static void list_end(struct rig *rig, struct list *l)
{
	for (int i = 0; i < EXTENTS; i++)
		arena_put(rig->a, l->buf[i]);
}

static void list_clear(struct rig *rig, struct list *l)
{
	for (int i = 0; i < EXTENTS; i++)
		memset(arena_ptr(rig->a, l->buf[i]), 0, 8192);
}

/* Number of extents of the list that are in this state. */
static int list_in(struct rig *rig, const struct list *l, enum arena_state state)
{
	int n = 0;

	for (int i = 0; i < EXTENTS; i++)
		n += arena_state(rig->a, l->buf[i]) == state;
	return n;
}

/* True if each extent has its own byte in its part, and zeroes elsewhere. */
static bool list_is_whole(struct rig *rig, const struct list *l)
{
	for (int i = 0; i < EXTENTS; i++) {
		const unsigned char *p = arena_ptr_const(rig->a, l->buf[i]);
		const struct arena_vec *v = &l->vec[i];

		for (uint32_t at = 0; at < 8192; at++) {
			bool inside = at >= v->from && at < v->from + v->length;

			if (p[at] != (inside ? 'a' + i : 0))
				return false;
		}
	}
	return true;
}

static void test_file(struct rig *rig)
{
	struct list l = list_new(rig, 1111);
	int fd = rig_fd(0, 0);
	struct arena_io io = { .file = rig_file(rig, fd), .vec = l.vec, .n_vecs = EXTENTS,
			       .offset = 3 };
	unsigned char *back = calloc(1, l.length);
	struct arena_event e;

	is(arena_ring_write(rig->r, &io, NULL), 0, "a write of a list begins");
	is(list_in(rig, &l, ARENA_IN_IO), EXTENTS, "all extents of the list are IN_IO");
	e = rig_next(rig);
	is(e.result, l.length, "all bytes of the list are written");
	is(e.buf.index, l.buf[0].index, "the event of a write names the first extent of its list");
	is(list_in(rig, &l, ARENA_OWNED), EXTENTS,
	   "all extents of the list are OWNED after the write");
	is(pread(fd, back, l.length, 3), l.length, "the file has as many bytes as the list");
	ok(!memcmp(back, l.bytes, l.length), "the file has the bytes in the list's order");
	list_clear(rig, &l);
	is(arena_ring_read(rig->r, &io, NULL), 0, "a read into a list begins");
	is(rig_next(rig).result, l.length, "all bytes of the list are read");
	ok(list_is_whole(rig, &l), "each extent of a read has its bytes and no others");
	io.offset = 3 + l.length - SMALL;
	arena_ring_read(rig->r, &io, NULL);
	e = rig_next(rig);
	ok(e.result == SMALL && e.flags == ARENA_EVENT_SHORT,
	   "a read into a list that ends with its file is SHORT");
	arena_ring_remove_file(rig->r, io.file);
	close(fd);
	free(back);
	list_end(rig, &l);
}

static void test_refused(struct rig *rig)
{
	struct list l = list_new(rig, 10);
	int fd = rig_fd(4096, 'f');
	struct arena_io io = { .file = rig_file(rig, fd), .vec = l.vec };
	struct arena_vec many[ARENA_RING_MAX_VECS + 1], good = l.vec[2];

	is(arena_ring_read(rig->r, &io, NULL), -EINVAL, "a list of no extents is refused");
	for (uint32_t i = 0; i <= ARENA_RING_MAX_VECS; i++)
		many[i] = good;
	io.vec = many;
	io.n_vecs = ARENA_RING_MAX_VECS + 1;
	is(arena_ring_read(rig->r, &io, NULL), -EINVAL,
	   "a list of more than ARENA_RING_MAX_VECS parts is refused");
	io.n_vecs = ARENA_RING_MAX_VECS;
	is(arena_ring_write(rig->r, &io, NULL), 0,
	   "a write of ARENA_RING_MAX_VECS parts, all of one extent, begins");
	is(rig_next(rig).result, good.length * ARENA_RING_MAX_VECS,
	   "an extent is written as often as the list names it");
	is(arena_state(rig->a, good.buf), ARENA_OWNED,
	   "an extent that a list named many times is OWNED after the write");
	io.vec = l.vec;
	io.n_vecs = EXTENTS;
	io.buf = l.buf[0];
	is(arena_ring_read(rig->r, &io, NULL), -EINVAL,
	   "a read with both an extent and a list is refused");
	io.buf = (struct arena_buf){ 0 };
	l.vec[2].length = 8192;
	is(arena_ring_read(rig->r, &io, NULL), -EINVAL,
	   "a list with a part that exceeds its extent is refused");
	l.vec[2].length = 0;
	is(arena_ring_read(rig->r, &io, NULL), -EINVAL, "a list with an empty part is refused");
	l.vec[2] = good;
	arena_put(rig->a, l.buf[4]);
	ring_refused(arena_ring_read(rig->r, &io, NULL), -ESTALE,
		     "a list with a freed extent is refused");
	l.buf[4] = rig_buf(rig, 2, 0);
	l.vec[4].buf = l.buf[4];
	io.flags = ARENA_IO_DSYNC;
	is(arena_ring_read(rig->r, &io, NULL), -EINVAL, "a read with ARENA_IO_DSYNC is refused");
	io.flags = 1U << 31;
	is(arena_ring_write(rig->r, &io, NULL), -EINVAL, "a write with an unknown flag is refused");
	is(list_in(rig, &l, ARENA_OWNED), EXTENTS, "all extents of refused lists are OWNED");
	is(arena_ring_pending(rig->r), 0, "no refused operation is pending");
	arena_ring_remove_file(rig->r, io.file);
	close(fd);
	list_end(rig, &l);
}

/* The other end of the pipe writes a few bytes at a time. */
static void test_pieces(struct rig *rig)
{
	struct list l = list_new(rig, 60);
	struct arena_io io = { .vec = l.vec, .n_vecs = EXTENTS };
	uint32_t given = 0;
	int pipes[2];

	rig_pipe(pipes, 0);
	io.file = rig_file(rig, pipes[0]);
	list_clear(rig, &l);
	is(arena_ring_read(rig->r, &io, NULL), 0, "a read of a pipe into a list begins");
	while (given < l.length) {
		uint32_t some = l.length - given < 333 ? l.length - given : 333;

		if (!rig_quiet(rig) || write(pipes[1], l.bytes + given, some) != some)
			break;
		given += some;
	}
	is(given, l.length, "a read of a pipe is continued within its list until all bytes came");
	is(rig_next(rig).result, l.length, "a read of a pipe ends with all bytes of its list");
	ok(list_is_whole(rig, &l), "each extent of a continued read has its bytes and no others");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pipes);
	list_end(rig, &l);
}

static void receive_list(struct rig *rig, struct list *l, int pair[2], uint32_t flags)
{
	struct arena_io io = { .file = rig_file(rig, pair[0]), .vec = l->vec, .n_vecs = EXTENTS,
			       .flags = flags };
	bool all = flags & ARENA_IO_ALL;
	const char *how = all ? "with ARENA_IO_ALL" : "without flags";
	struct arena_event e;

	list_clear(rig, l);
	is(arena_ring_recv(rig->r, &io, NULL), 0, "a recv into a list %s begins", how);
	ok(rig_quiet(rig), "a recv into a list %s waits for bytes", how);
	is(write(pair[1], l->bytes, SMALL + 1), SMALL + 1,
	   "the peer sends one byte more than the first extent of the list holds");
	if (all) {
		ok(rig_quiet(rig), "a recv into a list %s waits for all bytes", how);
		is(write(pair[1], l->bytes + SMALL + 1, l->length - SMALL - 1),
		   l->length - SMALL - 1, "the peer sends the remaining bytes of the list");
	}
	e = rig_next(rig);
	is(e.result, all ? l->length : SMALL + 1, "a recv into a list %s gets %s", how,
	   all ? "all bytes" : "the bytes that have come");
	is(e.flags, 0, "a recv into a list %s has one event", how);
	if (all)
		ok(list_is_whole(rig, l), "each extent of a recv %s has its bytes", how);
	arena_ring_remove_file(rig->r, io.file);
}

static void test_recv(struct rig *rig)
{
	struct list l = list_new(rig, 60);
	int pair[2];

	for (int all = 0; all < 2; all++) {
		rig_tcp(pair);
		receive_list(rig, &l, pair, all ? ARENA_IO_ALL : 0);
		rig_close_pair(pair);
	}
	list_end(rig, &l);
}

/* The socket's buffer is small, so the peer has to read before all of it is sent. */
static void send_list(struct rig *rig, bool copies)
{
	struct list l = list_new(rig, 1800);
	struct arena_io io = { .vec = l.vec, .n_vecs = EXTENTS };
	const char *how = copies ? "send" : "zero-copy send";
	unsigned char *back = calloc(1, l.length);
	int pair[2], size = 4096;
	struct arena_event e;
	uint32_t got = 0;

	rig_tcp(pair);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	io.file = rig_file(rig, pair[0]);
	is(copies ? arena_ring_send(rig->r, &io, NULL) : arena_ring_send_zc(rig->r, &io, NULL), 0,
	   "a %s of a list begins", how);
	is(list_in(rig, &l, ARENA_IN_IO), EXTENTS, "all extents of a %s are IN_IO", how);
	do {
		while (!arena_ring_next(rig->r, &e, 0)) {
			ssize_t n = recv(pair[1], back + got, l.length - got, MSG_DONTWAIT);

			got += n > 0 ? (uint32_t)n : 0;
		}
	} while (e.flags & ARENA_EVENT_MORE);
	is(e.result, l.length, "a %s sends all bytes of its list", how);
	is(list_in(rig, &l, ARENA_OWNED), EXTENTS, "all extents are OWNED after a %s", how);
	rig_recv_all(pair[1], back + got, l.length - got);
	ok(!memcmp(back, l.bytes, l.length), "the peer gets the bytes of a %s in order", how);
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
	free(back);
	list_end(rig, &l);
}

static void test_send(struct rig *rig)
{
	send_list(rig, true);
	send_list(rig, false);
}

/* A recv with ARENA_IO_ALL into one extent. */
static void test_exactly(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = b, .length = 100, .flags = ARENA_IO_ALL };
	struct arena_event e;
	int pair[2];

	rig_tcp(pair);
	io.file = rig_file(rig, pair[0]);
	arena_ring_recv(rig->r, &io, NULL);
	for (int i = 0; i < 10; i++) {
		ok(rig_quiet(rig), "a recv of 100 bytes with ARENA_IO_ALL waits after %d", 10 * i);
		if (write(pair[1], "0123456789", 10) != 10)
			bail("cannot write");
	}
	is(rig_next(rig).result, 100, "a recv of 100 bytes with ARENA_IO_ALL ends after 100");
	arena_ring_recv(rig->r, &io, NULL);
	if (write(pair[1], "01234", 5) != 5)
		bail("cannot write");
	ok(rig_quiet(rig), "a recv of 100 bytes with ARENA_IO_ALL waits after 5");
	close(pair[1]);
	e = rig_next(rig);
	ok(e.result == 5 && e.flags == ARENA_EVENT_SHORT,
	   "a recv with ARENA_IO_ALL ends SHORT when the peer closes early");
	arena_ring_remove_file(rig->r, io.file);
	close(pair[0]);
	arena_put(rig->a, b);
}

static void test_nowait(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = b, .length = 100, .flags = ARENA_IO_NOWAIT };
	int pair[2], fd = rig_fd(0, 0);

	rig_tcp(pair);
	io.file = rig_file(rig, pair[0]);
	arena_ring_recv(rig->r, &io, NULL);
	is(rig_next(rig).result, -EAGAIN,
	   "a recv of an empty socket with ARENA_IO_NOWAIT ends with -EAGAIN");
	arena_ring_remove_file(rig->r, io.file);
	io.file = rig_file(rig, fd);
	io.flags = ARENA_IO_DSYNC;
	arena_ring_write(rig->r, &io, NULL);
	is(rig_next(rig).result, 100, "a write with ARENA_IO_DSYNC succeeds");
	io.flags = ARENA_IO_SYNC;
	arena_ring_write(rig->r, &io, NULL);
	is(rig_next(rig).result, 100, "a write with ARENA_IO_SYNC succeeds");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
	close(fd);
	arena_put(rig->a, b);
}

static void test_skip(struct rig *rig)
{
	const uint32_t length = 200000;
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = b, .length = 4, .flags = ARENA_IO_ALL };
	char *junk = calloc(1, length);
	struct arena_event e;
	uint32_t sent = 0;
	int pair[2];

	rig_tcp(pair);
	io.file = rig_file(rig, pair[0]);
	is(arena_ring_skip(rig->r, io.file, 0, 0, NULL), -EINVAL, "skipping 0 bytes is refused");
	is(arena_ring_skip(rig->r, io.file, length, 5, NULL), 0,
	   "a skip of %u bytes begins", length);
	is(arena_ring_recv(rig->r, &io, NULL), -EBUSY, "a recv is refused while a skip is pending");
	do {
		ssize_t n = send(pair[1], junk + sent, length - sent, MSG_DONTWAIT);

		sent += n > 0 ? (uint32_t)n : 0;
		if (sent == length && n > 0 && write(pair[1], "next", 4) != 4)
			bail("cannot write");
	} while (!arena_ring_next(rig->r, &e, 0));
	ok(e.cookie == 5 && !e.result && !e.flags, "a skip ends when all %u bytes came", length);
	arena_ring_recv(rig->r, &io, NULL);
	is(rig_next(rig).result, 4, "a recv after a skip gets 4 bytes");
	ok(!memcmp(arena_ptr_const(rig->a, b), "next", 4),
	   "a recv after a skip gets the bytes behind the skipped ones");
	arena_ring_skip(rig->r, io.file, 10, 5, NULL);
	close(pair[1]);
	ok(rig_next(rig).flags & ARENA_EVENT_SHORT,
	   "a skip ends SHORT when the peer closes early");
	arena_ring_remove_file(rig->r, io.file);
	close(pair[0]);
	free(junk);
	arena_put(rig->a, b);
}

static void test_all(struct rig *rig)
{
	test_file(rig);
	test_refused(rig);
	test_pieces(rig);
	test_recv(rig);
	test_send(rig);
	test_exactly(rig);
	test_nowait(rig);
	test_skip(rig);
	is(arena_ring_pending(rig->r), 0, "no operation is pending at the end");
}

static void test_without(struct rig *rig, const char *feature, bool registered)
{
	struct arena_ring_options o = rig_options;

	diag("with%s registered groups, %s%s", registered ? "" : "out",
	     feature ? "without " : "with all features", feature ? feature : "");
	o.registered = registered;
	arena_ring_close(rig->r);
	rig->r = rig_ring_without(rig->a, o, feature);
	test_all(rig);
}

int main(void)
{
	struct rig rig = rig_open("ring-lists");

	test_all(&rig);
	test_without(&rig, NULL, true);
	test_without(&rig, "sendmsg_zc", false);
	test_without(&rig, "send_zc", true);
	test_without(&rig, "defer_taskrun", false);
	rig_close(&rig);
	return done_testing();
}
