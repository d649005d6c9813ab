// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: every operation of a ring does what arena/ring.h says and has the events that it says,
 * also on a kernel that lacks features.
 * Method: every operation on files, pipes and sockets. All of it is repeated with features
 * masked, each alone and all together, and with registered buffers.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <poll.h>
#include <pthread.h>

#include "ring-rig.h"

static void test_options(struct rig *rig)
{
	struct arena_features none = { .size = sizeof(none) };
	struct {
		struct arena_ring_options o;
		uint32_t later;
	} newer = { .o.size = sizeof(newer) };
	struct arena_ring_options o = { .entries = 1 };
	struct arena_ring *r;

	is(arena_ring_open(rig->a, &o, &r), -EINVAL, "options without their size are refused");
	o.size = sizeof(o);
	o.entries = ARENA_RING_MAX_ENTRIES + 1;
	is(arena_ring_open(rig->a, &o, &r), -EINVAL,
	   "more entries than ARENA_RING_MAX_ENTRIES are refused");
	o = (struct arena_ring_options){ .size = sizeof(o), .files = ARENA_RING_MAX_FILES + 1 };
	is(arena_ring_open(rig->a, &o, &r), -EINVAL,
	   "more files than ARENA_RING_MAX_FILES are refused");
	o = (struct arena_ring_options){ .size = sizeof(o), .sources = ARENA_RING_MAX_SOURCES + 1 };
	is(arena_ring_open(rig->a, &o, &r), -EINVAL,
	   "more sources than ARENA_RING_MAX_SOURCES are refused");
	o = (struct arena_ring_options){ .size = sizeof(o), .features = &none };
	is(arena_ring_open(rig->a, &o, &r), -EOPNOTSUPP,
	   "a ring on a kernel without any feature is refused");
	is(arena_ring_open(rig->a, &newer.o, &r), 0,
	   "options that are larger than the library knows are accepted if the rest is zero");
	arena_ring_close(r);
	newer.later = 1;
	is(arena_ring_open(rig->a, &newer.o, &r), -E2BIG,
	   "options that are larger than the library knows are refused if the rest is not zero");
	is(arena_ring_close(NULL), 0, "arena_ring_close() of NULL succeeds");
}

/* Without options a ring has as many entries and files as the header says. */
static void test_defaults(struct rig *rig)
{
	struct rig one = *rig;
	uint32_t begun = 0;
	struct arena_file f, none;

	one.r = rig_ring(rig->a, NULL);
	for (uint32_t i = 0; i < ARENA_RING_FILES; i++)
		f = rig_eventfd(&one, 0);
	is(arena_ring_add_file(one.r, 0, &none), -ENFILE,
	   "a ring without options has room for ARENA_RING_FILES files");
	while (!arena_ring_poll(one.r, f, POLLIN, false, begun, NULL))
		begun++;
	is(begun, ARENA_RING_ENTRIES,
	   "a ring without options has room for ARENA_RING_ENTRIES operations");
	is(arena_ring_close(one.r), 0, "a ring without options can be closed");
}

static void test_file(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 3, 'x');
	int fd = rig_fd(0, 0);
	struct arena_file f = rig_file(rig, fd);
	struct arena_io io = { .file = f, .buf = b, .from = 96, .length = 8000, .offset = 5,
			       .cookie = 7 };
	struct arena_event e;
	struct arena_op op;
	char bytes[8100];

	is(arena_ring_write(rig->r, &io, &op), 0, "a write begins");
	is(arena_state(rig->a, b), ARENA_IN_IO, "the buffer of a write is IN_IO at once");
	refused(arena_put(rig->a, b), -EBUSY, "a buffer that is written to a file cannot be freed");
	refused(!!arena_ptr(rig->a, b), false, "a buffer that is written to a file has no pointer");
	e = rig_next(rig);
	ok(e.cookie == 7 && e.op.index == op.index && e.op.generation == op.generation &&
	   e.buf.index == b.index && e.file.index == f.index,
	   "the event names operation, buffer, file and cookie");
	is(e.result, 8000, "the whole buffer is written");
	is(e.flags, 0, "the event of a complete write has no flags");
	is(arena_state(rig->a, b), ARENA_OWNED, "the buffer is OWNED after the write");
	is(pread(fd, bytes, sizeof(bytes), 0), 8005, "the file has the length that was written");
	ok(bytes[4] == 0 && bytes[5] == 'x' && bytes[8004] == 'x',
	   "the bytes are at their offset in the file");

	is(arena_ring_fsync(rig->r, f, true, 8, NULL), 0, "an fsync begins");
	is(rig_next(rig).result, 0, "the fsync succeeds");
	memset(arena_ptr(rig->a, b), 0, 12288);
	io = (struct arena_io){ .file = f, .buf = b, .length = 12288 };
	arena_ring_read(rig->r, &io, NULL);
	e = rig_next(rig);
	is(e.result, 8005, "a read goes up to the end of the file");
	is(e.flags, ARENA_EVENT_SHORT, "the event of a read that ends with the file is SHORT");
	is(arena_ring_remove_file(rig->r, f), 0, "the file is removed");
	is(arena_ring_read(rig->r, &io, NULL), -ESTALE, "a read of a removed file is refused");
	is(arena_ring_remove_file(rig->r, f), -ESTALE, "a removed file cannot be removed again");
	arena_put(rig->a, b);
	close(fd);
}

static void test_misuse(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 'x');
	int fd = rig_fd(4096, 'f');
	struct arena_file f = rig_file(rig, fd);
	struct arena_io io = { .file = f, .buf = b, .from = 1, .length = 4096 };
	struct arena_op none = { 0 };

	is(arena_ring_read(rig->r, &io, NULL), -EINVAL,
	   "a read beyond the end of its buffer is refused");
	io.from = 4097;
	io.length = 1;
	is(arena_ring_read(rig->r, &io, NULL), -EINVAL, "a read behind its buffer is refused");
	io.from = 0;
	io.length = 0;
	is(arena_ring_read(rig->r, &io, NULL), -EINVAL, "a read of no bytes is refused");
	io.length = 4096;
	io.offset = UINT64_MAX;
	is(arena_ring_read(rig->r, &io, NULL), -EINVAL, "a read at the offset -1 is refused");
	io.offset = 0;
	io.file = (struct arena_file){ 0 };
	is(arena_ring_read(rig->r, &io, NULL), -ESTALE,
	   "a read of a zeroed file handle is refused");
	io.file = (struct arena_file){ 1000, 1 };
	is(arena_ring_read(rig->r, &io, NULL), -ESTALE,
	   "a read of a file handle beyond the table is refused");
	is(arena_ring_add_file(rig->r, -1, &f), -EBADF,
	   "adding a descriptor that is not open is refused");
	is(arena_ring_cancel(rig->r, none), -ESTALE,
	   "cancelling a zeroed operation handle is refused");
	is(arena_state(rig->a, b), ARENA_OWNED, "the buffer of refused reads is OWNED");
	is(arena_ring_pending(rig->r), 0, "no refused read is pending");
	io.file = rig_file(rig, fd);
	arena_put(rig->a, b);
	ring_refused(arena_ring_read(rig->r, &io, NULL), -ESTALE,
		     "a read into a freed buffer is refused");
	is(arena_ring_pending(rig->r), 0, "a read into a freed buffer is not pending");
	arena_ring_remove_file(rig->r, io.file);
	arena_ring_remove_file(rig->r, f);
	close(fd);
}

static void test_socket(struct rig *rig)
{
	struct arena_buf in = rig_buf(rig, 1, 0), out = rig_buf(rig, 1, 'o');
	struct arena_event e;
	struct arena_io io;
	struct arena_op op;
	int pair[2];

	rig_tcp(pair);
	io = (struct arena_io){ .file = rig_file(rig, pair[0]), .buf = in, .length = 4096,
				.cookie = 1 };
	is(arena_ring_recv(rig->r, &io, &op), 0, "a recv begins");
	is(arena_ring_recv(rig->r, &io, NULL), -EBUSY,
	   "a second recv of the same socket is refused");
	ok(rig_quiet(rig), "a recv of an empty socket waits");
	is(write(pair[1], "hello", 5), 5, "the peer sends 5 bytes");
	e = rig_next(rig);
	is(e.result, 5, "the recv ends with the 5 bytes");
	ok(!memcmp(arena_ptr_const(rig->a, in), "hello", 5),
	   "the recv has the bytes that were sent");

	io.buf = out;
	is(arena_ring_send(rig->r, &io, NULL), 0, "a send begins");
	is(arena_ring_send(rig->r, &io, NULL), -EBUSY,
	   "a second send on the same socket is refused");
	is(rig_next(rig).result, 4096, "the whole buffer is sent");
	is(arena_ring_send_zc(rig->r, &io, NULL), 0, "a send without a copy begins");
	e = rig_next(rig);
	is(e.result, 4096, "the send without a copy sends all");
	if (e.flags & ARENA_EVENT_MORE) {
		char taken[8192];

		is(arena_state(rig->a, out), ARENA_IN_IO,
		   "the buffer is IN_IO until the notification");
		rig_recv_all(pair[1], taken, sizeof(taken));
		e = rig_next(rig);
		is(e.flags, ARENA_EVENT_COPIED,
		   "the notification is the last event, and says that loopback copies");
		is(e.result, 4096, "the notification has the result of the send");
	}
	is(arena_state(rig->a, out), ARENA_OWNED, "the buffer is OWNED after the sends");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
	arena_put(rig->a, in);
	arena_put(rig->a, out);
}

static void test_remove_pending(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = b, .length = 4096 };
	struct arena_event e;
	char byte;
	int pair[2];

	rig_tcp(pair);
	io.file = rig_file(rig, pair[0]);
	close(pair[0]);
	arena_ring_recv(rig->r, &io, NULL);
	ok(rig_quiet(rig), "a recv waits");
	is(arena_ring_remove_file(rig->r, io.file), 0, "the socket of a pending recv is removed");
	e = rig_next(rig);
	ok(e.flags & ARENA_EVENT_CANCELED, "removing its socket cancels the recv");
	is(e.result, -ECANCELED, "the cancelled recv has the result -ECANCELED");
	is(arena_state(rig->a, b), ARENA_OWNED, "the buffer of the cancelled recv is OWNED");
	is(recv(pair[1], &byte, 1, 0), 0, "the peer of the removed socket reads its end");
	close(pair[1]);
	arena_put(rig->a, b);
}

/* The kernel cancels by file, but removing one of two handles must not cancel the other's read. */
static void test_remove_other(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = b, .length = 1, .cookie = 1 };
	struct arena_file other;
	struct arena_event e;
	int pipes[2];

	rig_pipe(pipes, 0);
	io.file = rig_file(rig, pipes[0]);
	other = rig_file(rig, pipes[0]);
	is(arena_ring_read(rig->r, &io, NULL), 0, "a read of a file that has two handles begins");
	is(arena_ring_poll(rig->r, other, POLLIN, false, 2, NULL), 0,
	   "a poll by the other handle of the file begins");
	ok(rig_quiet(rig), "the read and the poll wait");
	is(arena_ring_remove_file(rig->r, other), 0, "the other handle is removed");
	e = rig_next(rig);
	ok(e.cookie == 2 && (e.flags & ARENA_EVENT_CANCELED), "removing a handle cancels its poll");
	ok(rig_quiet(rig), "the read by the remaining handle still waits");
	is(write(pipes[1], "t", 1), 1, "a byte is written for the waiting read");
	e = rig_next(rig);
	ok(e.cookie == 1 && e.result == 1, "the read by the remaining handle ends with the byte");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pipes);
	arena_put(rig->a, b);
}

/* The ring is closed right after the socket was removed. */
static void test_remove_close(struct rig *rig)
{
	struct pollfd peer = { .events = POLLIN };
	int ends = 0, pair[2];

	for (int i = 0; i < 20; i++) {
		struct rig other = *rig;

		other.r = rig_ring(rig->a, &rig_options);
		/* Keep it open here, for its last close would also shut it down. */
		rig_tcp(pair);
		arena_ring_remove_file(other.r, rig_file(&other, pair[0]));
		arena_ring_close(other.r);
		peer.fd = pair[1];
		ends += poll(&peer, 1, 1000);
		rig_close_pair(pair);
	}
	is(ends, 20, "a removed socket is shut down although its ring is closed at once");
}

static void test_abort(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 'z');
	struct arena_io io = { .buf = b, .length = 4096 };
	int pair[2];
	char byte;

	rig_tcp(pair);
	io.file = rig_file(rig, pair[0]);
	close(pair[0]);
	arena_ring_recv(rig->r, &io, NULL);
	ok(rig_quiet(rig), "a recv waits");
	is(arena_ring_abort_file(rig->r, io.file), 0, "the socket of a pending recv is aborted");
	is(arena_ring_abort_file(rig->r, io.file), -ESTALE, "a socket cannot be aborted again");
	ok(rig_next(rig).flags & ARENA_EVENT_CANCELED, "aborting its socket cancels the recv");
	is(recv(pair[1], &byte, 1, 0), -1, "the peer's read of the aborted socket fails");
	is(errno, ECONNRESET, "the peer sees a reset");
	close(pair[1]);
	arena_put(rig->a, b);
}

/* The peer has sent bytes that nobody reads, which a close would answer with a reset. */
static void test_shutdown(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 'q');
	struct arena_io io = { .buf = b, .length = 4096 };
	struct arena_file f;
	char got[4097];
	int pair[2];

	rig_tcp(pair);
	f = rig_file(rig, pair[0]);
	io.file = f;
	close(pair[0]);
	arena_ring_send(rig->r, &io, NULL);
	is(rig_next(rig).result, 4096, "the reply is sent");
	if (write(pair[1], "unread", 6) != 6)
		bail("write");
	is(arena_ring_shutdown(rig->r, f), 0, "the sending side is shut down");
	is(recv(pair[1], got, sizeof(got), MSG_WAITALL), 4096,
	   "the peer gets the whole reply and then the end");
	is(write(pair[1], "more", 4), 4, "the peer can still send");
	shutdown(pair[1], SHUT_WR);
	arena_ring_skip(rig->r, f, 1 << 20, 0, NULL);
	is(rig_next(rig).flags, ARENA_EVENT_SHORT, "what the peer has sent is skipped to its end");
	is(arena_ring_remove_file(rig->r, f), 0, "the socket is removed");
	is(arena_ring_shutdown(rig->r, f), -ESTALE, "a removed socket cannot be shut down");
	is(recv(pair[1], got, 1, 0), 0, "the peer sees no reset");
	close(pair[1]);
	arena_put(rig->a, b);
}

/* A ring with one entry must still have room for what removing a file submits. */
static void test_smallest(struct rig *rig)
{
	const struct arena_ring_options o = { .size = sizeof(o), .entries = 1, .files = 2 };
	struct rig one = *rig;

	one.r = rig_ring(rig->a, &o);
	test_remove_pending(&one);
	test_abort(&one);
	test_shutdown(&one);
	arena_ring_close(one.r);
}

/* The peer sends bytes that count up; each must come in a buffer of its own. */
static void test_recv_any(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_usage before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
	struct arena_file f;
	struct arena_event e;
	struct arena_op op;
	unsigned char next = 0;
	int pair[2];

	arena_usage(rig->a, b.group, &before);
	rig_tcp(pair);
	f = rig_file(rig, pair[0]);
	is(arena_ring_recv_any(rig->r, f, 9999, 0, &op), -EINVAL,
	   "a recv into a group that does not exist is refused");
	is(arena_ring_recv_any(rig->r, f, b.group, 4, &op), 0, "a recv into any buffer begins");
	is(arena_ring_recv_any(rig->r, f, b.group, 4, NULL), -EBUSY,
	   "a second recv into any buffer is refused");
	for (int i = 0; i < 100; i++) {
		if (write(pair[1], &next, 1) != 1)
			bail("cannot write");
		e = rig_next(rig);
		if (e.result != 1 || !(e.flags & ARENA_EVENT_MORE) || !rig_is(rig, e.buf, 1, next))
			break;
		arena_put(rig->a, e.buf);
		next++;
	}
	is(next, 100, "a recv into any buffer has all bytes, each in an OWNED buffer");
	shutdown(pair[1], SHUT_WR);
	e = rig_next(rig);
	ok(!e.result && !e.flags,
	   "a recv into any buffer ends with 0 bytes when the peer shuts down");
	is(arena_ring_recv_any(rig->r, f, b.group, 4, &op), 0,
	   "a recv into any buffer after the end begins");
	is(rig_next(rig).result, 0, "a recv into any buffer after the end ends at once");
	arena_ring_remove_file(rig->r, f);
	rig_close_pair(pair);
	arena_usage(rig->a, b.group, &after);
	is(after.owned, before.owned, "no buffer is in use after the recv into any buffer");
	arena_put(rig->a, b);
}

/* All buffers of the group are taken. */
static void test_recv_any_starved(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0), all[2048];
	struct arena_file f;
	struct arena_event e;
	int n = 0, pair[2];
	char byte = 's';

	rig_tcp(pair);
	f = rig_file(rig, pair[0]);
	while (n < 2048 && !arena_get(rig->a, b.group, 1, &all[n]))
		n++;
	/* The kernel may still have buffers of the group from an earlier recv. */
	if (!arena_ring_recv_any(rig->r, f, b.group, 5, NULL)) {
		int taken = 0;

		do {
			if (write(pair[1], &byte, 1) != 1)
				bail("cannot write");
			e = rig_next(rig);
			taken += e.result == 1;
			if (e.buf.count)
				all[n++] = e.buf;
		} while (e.flags & ARENA_EVENT_MORE);
		is(e.result, -ENOBUFS,
		   "a recv into any buffer fills %d buffers and no more", taken);
	}
	is(arena_ring_recv_any(rig->r, f, b.group, 5, NULL), -ENOSPC,
	   "a recv without a free buffer is refused");
	while (n)
		arena_put(rig->a, all[--n]);
	is(arena_ring_recv_any(rig->r, f, b.group, 5, NULL), 0,
	   "a recv begins again when buffers are free");
	if (write(pair[1], &byte, 1) != 1)
		bail("cannot write");
	e = rig_next(rig);
	ok(e.result > 0 && rig_is(rig, e.buf, 1, 's'),
	   "the recv receives into a buffer that became free");
	arena_put(rig->a, e.buf);
	arena_ring_remove_file(rig->r, f);
	do
		e = rig_next(rig);
	while (e.flags & ARENA_EVENT_MORE);
	is(e.flags, ARENA_EVENT_CANCELED, "removing its socket cancels the recv into any buffer");
	rig_close_pair(pair);
	arena_put(rig->a, b);
}

/* The ring is closed when a byte was received but its event was not taken. */
static void test_recv_any_closed(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_usage before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
	struct rig other = *rig;
	int pair[2];

	arena_usage(rig->a, b.group, &before);
	other.r = rig_ring(rig->a, &rig_options);
	rig_tcp(pair);
	is(write(pair[1], "c", 1), 1, "a byte has come before the recv");
	is(arena_ring_recv_any(other.r, rig_file(&other, pair[0]), b.group, 6, NULL), 0,
	   "a recv into any buffer begins on a ring to be closed");
	is(arena_ring_submit(other.r), 1, "the recv on the ring to be closed is submitted");
	arena_ring_close(other.r);
	arena_usage(rig->a, b.group, &after);
	is(after.owned, before.owned, "closing the ring leaves no buffer OWNED");
	is(after.free, before.free, "all buffers are free after the ring was closed");
	rig_close_pair(pair);
	arena_put(rig->a, b);
}

static void test_accept(struct rig *rig)
{
	struct sockaddr_in at;
	int listener = rig_listen(&at);
	struct arena_buf b = rig_buf(rig, 1, 'a');
	struct arena_io io = { .buf = b, .length = 1 };
	struct arena_file f;
	struct arena_event e;
	struct arena_op op;

	f = rig_file(rig, listener);
	is(arena_ring_accept(rig->r, f, 3, &op), 0, "an accept begins");
	for (int i = 0; i < 3; i++) {
		int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		char byte = 0;

		is(connect(sock, (struct sockaddr *)&at, sizeof(at)), 0, "client %d connects", i);
		e = rig_next(rig);
		ok(!e.result && e.cookie == 3 && (e.flags & ARENA_EVENT_MORE),
		   "the accept has an event with MORE for client %d", i);
		io.file = e.file;
		arena_ring_send(rig->r, &io, NULL);
		is(rig_next(rig).result, 1, "the ring sends a byte to client %d", i);
		ok(recv(sock, &byte, 1, 0) == 1 && byte == 'a', "client %d gets that byte", i);
		is(arena_ring_remove_file(rig->r, e.file), 0, "the socket of client %d is removed",
		   i);
		is(recv(sock, &byte, 1, 0), 0, "client %d sees the end of its connection", i);
		close(sock);
	}
	is(arena_ring_cancel(rig->r, op), 0, "a pending accept can be cancelled");
	e = rig_next(rig);
	ok(e.flags == ARENA_EVENT_CANCELED && e.result == -ECANCELED,
	   "a cancelled accept ends with -ECANCELED");
	is(arena_ring_cancel(rig->r, op), -ESTALE, "an accept that has ended cannot be cancelled");
	arena_ring_remove_file(rig->r, f);
	close(listener);
	arena_put(rig->a, b);
}

/* The ring has one entry for files, so it can accept one connection. */
static void test_accept_full(struct rig *rig, const struct arena_features *features)
{
	const struct arena_ring_options o = {
		.size = sizeof(o), .entries = 2, .files = 1, .features = features,
	};
	struct sockaddr_in at;
	int sock[2], listener = rig_listen(&at);
	struct rig one = *rig;
	struct arena_file f;
	struct arena_event e;
	char byte;

	one.r = rig_ring(rig->a, &o);
	f = rig_file(&one, listener);
	is(arena_ring_add_file(one.r, listener, &f), -ENFILE,
	   "a second file is refused in a ring for one file");
	for (int i = 0; i < 2; i++) {
		sock[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		is(connect(sock[i], (struct sockaddr *)&at, sizeof(at)), 0,
		   "client %d connects to a ring with room for one connection", i);
	}
	arena_ring_accept(one.r, f, 0, NULL);
	is(rig_next(&one).result, 0,
	   "a ring with room for one connection accepts the first client");
	e = rig_next(&one);
	ok(e.result == -ENFILE && !e.flags,
	   "an accept ends with -ENFILE if there is no entry for the second client");
	ok(recv(sock[1], &byte, 1, 0) <= 0,
	   "a client for whom there is no entry sees the end of its connection");
	arena_ring_close(one.r);
	is(recv(sock[0], &byte, 1, 0), 0,
	   "an accepted client sees the end of its connection when the ring is closed");
	rig_close_pair(sock);
	close(listener);
}

static void test_poll(struct rig *rig)
{
	struct arena_file f;
	struct arena_event e;
	struct arena_op op;
	int pipes[2];
	char byte;

	rig_pipe(pipes, 0);
	f = rig_file(rig, pipes[0]);
	is(arena_ring_poll(rig->r, f, POLLIN, false, 1, NULL), 0, "a poll of a pipe begins");
	ok(rig_quiet(rig), "a poll of an empty pipe waits");
	is(write(pipes[1], "a", 1), 1, "a byte is written to the polled pipe");
	e = rig_next(rig);
	ok((e.result & POLLIN) && !e.flags, "a poll ends with POLLIN when a byte comes");
	is(arena_ring_poll(rig->r, f, POLLIN, true, 2, &op), 0, "a multishot poll begins");
	for (int i = 0; i < 3; i++) {
		e = rig_next(rig);
		ok((e.result & POLLIN) && (e.flags & ARENA_EVENT_MORE),
		   "a multishot poll has an event with MORE for byte %d", i + 1);
		is(read(pipes[0], &byte, 1), 1, "byte %d is read from the polled pipe", i + 1);
		/* A ring without multishot may have polled again before the byte was read. */
		while (!rig_quiet(rig))
			;
		is(write(pipes[1], "b", 1), 1, "byte %d is written to the polled pipe", i + 2);
	}
	arena_ring_cancel(rig->r, op);
	do
		e = rig_next(rig);
	while (e.flags & ARENA_EVENT_MORE);
	ok(e.flags & ARENA_EVENT_CANCELED, "a multishot poll ends when it is cancelled");
	arena_ring_remove_file(rig->r, f);
	rig_close_pair(pipes);
}

static void test_cancel(struct rig *rig)
{
	struct arena_file f = rig_eventfd(rig, 0);
	struct arena_event e;
	struct arena_op op;

	arena_ring_poll(rig->r, f, POLLIN, false, 6, &op);
	ok(rig_quiet(rig), "a poll of an eventfd with the count 0 has no event");
	is(arena_ring_cancel(rig->r, op), 0, "a pending poll can be cancelled");
	is(arena_ring_cancel(rig->r, op), -EALREADY,
	   "cancelling an operation again before it has ended is -EALREADY");
	ok(rig_next(rig).flags & ARENA_EVENT_CANCELED, "the event of a cancelled poll is CANCELED");
	is(arena_ring_next(rig->r, &e, 1), 0, "no event comes in a millisecond");
	arena_ring_remove_file(rig->r, f);
}

/* A file that is O_NONBLOCK: the kernel says -EAGAIN where the ring waits. */
static void test_nonblock(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = b, .length = 3 };
	int pipes[2];

	rig_pipe(pipes, O_NONBLOCK);
	io.file = rig_file(rig, pipes[0]);
	is(arena_ring_read(rig->r, &io, NULL), 0, "a read of 3 bytes of an O_NONBLOCK pipe begins");
	ok(rig_quiet(rig), "a read of an empty O_NONBLOCK pipe waits");
	is(write(pipes[1], "ab", 2), 2, "2 bytes are written to the O_NONBLOCK pipe");
	ok(rig_quiet(rig), "a read of 3 bytes of an O_NONBLOCK pipe waits after 2");
	is(write(pipes[1], "c", 1), 1, "the third byte is written to the O_NONBLOCK pipe");
	is(rig_next(rig).result, 3, "a read of an O_NONBLOCK pipe ends with all 3 bytes");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pipes);
	arena_put(rig->a, b);
}

/* A borrowed extent is read-only: it can be sent, and nothing can be received into it. */
static void test_borrowed(struct rig *rig)
{
	struct arena_ref ref = { 0 };
	struct arena_io io = { .length = 4096 };
	struct arena_buf theirs;
	struct arena *sp;
	int pair[2];
	char taken[4096];

	if (arena_open_region(rig->m, ARENA_ROLE(1, 0), &sp) ||
	    arena_get_for(sp, USE_SECOND, 1, &theirs))
		bail("cannot open the SP's arena");
	memset(arena_ptr(sp, theirs), 's', 4096);
	arena_lend(sp, theirs, ARENA_ROLE(0, 0), &ref);
	is(arena_borrow(rig->a, ARENA_ROLE(1, 0), &ref, &io.buf), 0,
	   "the NP borrows an extent of the SP");
	rig_tcp(pair);
	io.file = rig_file(rig, pair[0]);
	ring_refused(arena_ring_recv(rig->r, &io, NULL), -EACCES,
		     "a recv into a borrowed extent is refused");
	is(arena_ring_send_zc(rig->r, &io, NULL), 0, "a send of a borrowed extent begins");
	refused(arena_return(rig->a, io.buf, &ref), -EBUSY,
		"a borrowed extent cannot be returned while it is sent");
	rig_next(rig);
	rig_recv_all(pair[1], taken, sizeof(taken));
	ok(taken[0] == 's' && taken[4095] == 's', "a client gets the bytes of the SP's extent");
	if (arena_state(rig->a, io.buf) == ARENA_IN_IO)
		rig_next(rig);
	is(arena_return(rig->a, io.buf, &ref), 0,
	   "a borrowed extent can be returned after it was sent");
	is(arena_regain(sp, ARENA_ROLE(0, 0), &ref, &theirs), 0,
	   "the SP regains the extent that the NP sent");
	arena_put(sp, theirs);
	arena_close(sp);
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
}

static void test_all(struct rig *rig)
{
	test_file(rig);
	test_misuse(rig);
	test_socket(rig);
	test_recv_any(rig);
	test_recv_any_starved(rig);
	test_remove_pending(rig);
	test_remove_other(rig);
	test_abort(rig);
	test_accept(rig);
	test_poll(rig);
	test_cancel(rig);
	test_nonblock(rig);
	test_borrowed(rig);
	is(arena_ring_pending(rig->r), 0, "no operation is pending at the end");
}

/* Repeat all tests on a kernel that seems to have these features only. */
static void test_features(struct rig *rig, const struct arena_features *f, const char *what,
			  bool registered)
{
	struct arena_ring_options o = rig_options;

	diag("repeated %s", what);
	o.features = f;
	o.registered = registered;
	o.register_peers = registered;
	arena_ring_close(rig->r);
	rig->r = rig_ring(rig->a, &o);
	test_all(rig);
}

/* Repeat all tests with SQEs and CQEs of the size of NVMe commands. */
static void test_nvme_ring(struct rig *rig)
{
	struct arena_ring_options o = rig_options;
	struct arena_features f = { .size = sizeof(f) };

	arena_probe(&f);
	if (!arena_has(&f, ARENA_HAS_URING_CMD))
		return skip("NVMe commands are not in this kernel");
	diag("in a ring for NVMe commands");
	o.nvme = true;
	arena_ring_close(rig->r);
	rig->r = rig_ring(rig->a, &o);
	test_all(rig);
}

static void test_fallbacks(struct rig *rig)
{
	struct arena_features all = { .size = sizeof(all) }, least = all, f = all;
	char what[64];

	arena_probe(&all);
	least = all;
	for (int i = 0; i < ARENA_N_FEATURES; i++) {
		const struct arena_feature_info *info = arena_feature_info(i);

		f = all;
		arena_probe_without(&f, info->name);
		if (info->needed || !arena_has(&all, i))
			continue;
		arena_probe_without(&least, info->name);
		if (i > ARENA_HAS_SENDMSG_ZC)
			continue;
		snprintf(what, sizeof(what), "without %s", info->name);
		test_features(rig, &f, what, false);
	}
	f = all;
	arena_probe_without(&f, "direct_close");
	test_accept_full(rig, &f);
	test_accept_full(rig, &least);
	test_features(rig, &least, "with the fewest features", false);
	test_nvme_ring(rig);
	test_features(rig, &least, "with the fewest features and registered groups", true);
	test_features(rig, &all, "with all features and registered groups", true);
}

int main(void)
{
	struct rig rig = rig_open("ring");

	test_options(&rig);
	test_defaults(&rig);
	test_accept_full(&rig, NULL);
	test_smallest(&rig);
	test_recv_any_closed(&rig);
	test_remove_close(&rig);
	test_all(&rig);
	test_fallbacks(&rig);
	rig_close(&rig);
	return done_testing();
}
