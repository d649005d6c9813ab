// SPDX-License-Identifier: MIT
/*
 * Goal: with a ring of the library no operation reaches a file that got the number of another
 * one, no transfer ends short unnoticed, no multishot operation ends for ever, and no removed
 * socket stays open.
 * Method: each situation is made twice, with plain liburing, where the damage is shown, and
 * with a ring of libarena, where there must be none. See docs/hazards.md.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>

#include "hazard.h"

#define ROUNDS	64
#define POLLS	8

/* Put another file behind the number of one that is open. */
static void recycle(int fd, int fill)
{
	int other = rig_fd(4096, fill);

	close(fd);
	if (dup2(other, fd) != fd)
		bail("cannot recycle an fd");
	close(other);
}

static void plain_recycled_fd(void)
{
	struct io_uring ring = plain_ring(8, 0);
	int fd = rig_fd(4096, 'a');
	char byte = 0;

	io_uring_prep_read(io_uring_get_sqe(&ring), fd, &byte, 1, 0);
	recycle(fd, 'b');
	is(plain_result(&ring), 1,
	   "liburing: a read succeeds although its file was closed before the submit");
	is(byte, 'b', "liburing: the read gets a byte of the file that has the number now");
	close(fd);
	io_uring_queue_exit(&ring);
}

static void test_recycled_fd(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	int fd = rig_fd(4096, 'a');
	struct arena_io io = { .file = rig_file(rig, fd), .buf = b, .length = 1 };

	arena_ring_read(rig->r, &io, NULL);
	recycle(fd, 'b');
	is(rig_next(rig).result, 1,
	   "libarena: a read succeeds although its file was closed before the submit");
	ok(rig_is(rig, b, 1, 'a'), "libarena: the read gets a byte of the file that was added");
	arena_ring_remove_file(rig->r, io.file);
	arena_put(rig->a, b);
	close(fd);
}

/* The numbers of direct descriptors are recycled as well. */
static void plain_recycled_slot(void)
{
	struct io_uring ring = plain_ring(8, 0);
	int a = rig_fd(4096, 'a'), b = rig_fd(4096, 'b');
	struct io_uring_sqe *sqe;
	char byte = 0;

	io_uring_register_files(&ring, &a, 1);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, 0, &byte, 1, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_register_files_update(&ring, 0, &b, 1);
	is(plain_result(&ring), 1,
	   "liburing: a read succeeds although its direct descriptor got another file");
	is(byte, 'b', "liburing: the read gets a byte of the file that the entry has now");
	close(a);
	close(b);
	io_uring_queue_exit(&ring);
}

static void test_recycled_slot(struct rig *rig)
{
	struct arena_buf buf = rig_buf(rig, 1, 0);
	int a = rig_fd(4096, 'a'), b = rig_fd(4096, 'b');
	struct arena_io io = { .file = rig_file(rig, a), .buf = buf, .length = 1 };
	struct arena_file other;
	struct arena_event e;

	arena_ring_read(rig->r, &io, NULL);
	is(arena_ring_remove_file(rig->r, io.file), 0,
	   "libarena: a file can be removed while a read is pending");
	other = rig_file(rig, b);
	ok(other.index != io.file.index,
	   "libarena: the entry of a removed file is not reused while a read is pending");
	e = rig_next(rig);
	ok(e.result == 1 ? rig_is(rig, buf, 1, 'a') : e.result == -ECANCELED,
	   "libarena: the pending read reads the removed file or is cancelled");
	arena_ring_remove_file(rig->r, other);
	other = rig_file(rig, b);
	is(arena_ring_read(rig->r, &io, NULL), -ESTALE,
	   "libarena: the handle of a removed file is stale although its entry is reused");
	arena_ring_remove_file(rig->r, other);
	arena_put(rig->a, buf);
	close(a);
	close(b);
}

static void plain_short(void)
{
	struct io_uring ring = plain_ring(8, 0);
	char in[8] = "????????", out[1 << 17] = "";
	int pipes[2];

	rig_pipe(pipes, 0);
	io_uring_prep_read(io_uring_get_sqe(&ring), pipes[0], in, 8, 0);
	io_uring_submit(&ring);
	if (write(pipes[1], "abcd", 4) != 4)
		bail("cannot write");
	is(plain_result(&ring), 4, "liburing: a read of 8 bytes from a pipe ends after 4");
	ok(in[4] == '?', "liburing: the rest of a short read's buffer has its old bytes");
	io_uring_prep_write(io_uring_get_sqe(&ring), pipes[1], out, sizeof(out), 0);
	is(plain_result(&ring), 65536, "liburing: a write of 128 KiB to a pipe ends after 64 KiB");
	rig_close_pair(pipes);
	io_uring_queue_exit(&ring);
}

static void test_short_read(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, '?');
	struct arena_io io = { .buf = b, .length = 8 };
	int pipes[2];

	rig_pipe(pipes, 0);
	io.file = rig_file(rig, pipes[0]);
	arena_ring_read(rig->r, &io, NULL);
	for (int i = 0; i < 8; i++) {
		ok(rig_quiet(rig), "libarena: a read of 8 bytes does not end after %d", i);
		if (write(pipes[1], "abcdefgh" + i, 1) != 1)
			bail("cannot write");
	}
	is(rig_next(rig).result, 8, "libarena: a read of 8 bytes ends when all have come");
	ok(!memcmp(arena_ptr_const(rig->a, b), "abcdefgh", 8),
	   "libarena: a read that was continued has its bytes in order");
	arena_ring_read(rig->r, &io, NULL);
	if (write(pipes[1], "xy", 2) != 2)
		bail("cannot write");
	close(pipes[1]);
	ok(rig_next(rig).flags & ARENA_EVENT_SHORT,
	   "libarena: a read that ends with its pipe is SHORT");
	arena_ring_remove_file(rig->r, io.file);
	close(pipes[0]);
	arena_put(rig->a, b);
}

static void test_short_write(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 32, 'w');
	struct arena_io io = { .buf = b, .length = 1 << 17 };
	struct arena_event e;
	char taken[4096];
	size_t all = 0;
	int pipes[2];

	rig_pipe(pipes, 0);
	io.file = rig_file(rig, pipes[1]);
	arena_ring_write(rig->r, &io, NULL);
	while (!arena_ring_next(rig->r, &e, 0))
		all += (size_t)read(pipes[0], taken, sizeof(taken));
	is(e.result, 1 << 17, "libarena: a write of 128 KiB to a pipe ends when all is written");
	ok(all >= 65536, "libarena: the write was continued after the reader had made room");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pipes);
	arena_put(rig->a, b);
}

/* Write @times to each eventfd, so that each time is an event. */
static void write_eventfds(const int *fds, int times)
{
	uint64_t one = 1;

	for (int i = 0; i < times; i++)
		for (int j = 0; j < POLLS; j++)
			if (write(fds[j], &one, 8) != 8)
				bail("cannot write to an eventfd");
}

static void make_eventfds(int *fds)
{
	for (int i = 0; i < POLLS; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void close_eventfds(const int *fds)
{
	for (int i = 0; i < POLLS; i++)
		close(fds[i]);
}

/* A multishot poll ends when the CQ is full. A program that does not notice gets no more events. */
static void plain_multishot(void)
{
	struct io_uring ring = plain_ring(POLLS, 0);
	struct io_uring_cqe *cqe;
	int fds[POLLS], events = 0;

	make_eventfds(fds);
	for (int i = 0; i < POLLS; i++)
		io_uring_prep_poll_multishot(io_uring_get_sqe(&ring), fds[i], POLLIN);
	io_uring_submit(&ring);
	write_eventfds(fds, ROUNDS);
	while (!io_uring_peek_cqe(&ring, &cqe))
		io_uring_cqe_seen(&ring, cqe);
	write_eventfds(fds, 1);
	while (!io_uring_peek_cqe(&ring, &cqe)) {
		events++;
		io_uring_cqe_seen(&ring, cqe);
	}
	ok(events < POLLS, "liburing: only %d of %d multishot polls have not ended", events, POLLS);
	io_uring_queue_exit(&ring);
	close_eventfds(fds);
}

/* Take all events; note which operations were started again, had an event, or ended. */
static void take(struct rig *rig, int *rearmed, uint32_t *seen, uint32_t *over)
{
	struct arena_event e;

	while (arena_ring_next(rig->r, &e, 0) == 1) {
		*rearmed += !!(e.flags & ARENA_EVENT_REARMED);
		*seen |= 1U << e.cookie;
		if (!(e.flags & ARENA_EVENT_MORE))
			*over |= 1U << e.cookie;
	}
}

static void test_multishot(struct rig *rig)
{
	struct arena_ring_options o = { .size = sizeof(o), .entries = POLLS,
					.files = POLLS, .sources = 1 };
	struct arena_features f = { .size = sizeof(f) };
	struct arena_ring *usual = rig->r;
	uint32_t seen = 0, over = 0;
	int fds[POLLS], rearmed = 0;

	arena_probe(&f);
	/* With DEFER_TASKRUN nothing is posted unless the ring waits, so the CQ would not fill. */
	rig->r = rig_ring_without(rig->a, o, "defer_taskrun");
	make_eventfds(fds);
	for (uint32_t i = 0; i < POLLS; i++)
		arena_ring_poll(rig->r, rig_file(rig, fds[i]), POLLIN, true, i, NULL);
	arena_ring_submit(rig->r);
	write_eventfds(fds, ROUNDS);
	take(rig, &rearmed, &seen, &over);
	if (arena_has(&f, ARENA_HAS_POLL_MULTISHOT))
		ok(rearmed > 0, "libarena: the ring starts ended multishot polls again, %d times",
		   rearmed);
	else
		skip("multishot polls are not in this kernel");
	seen = 0;
	write_eventfds(fds, 1);
	take(rig, &rearmed, &seen, &over);
	is(seen, (1U << POLLS) - 1, "libarena: each multishot poll has an event after a full CQ");
	is(over, 0, "libarena: no multishot poll has its last event after a full CQ");
	is(arena_ring_close(rig->r), 0, "libarena: a ring with pending multishot polls is closed");
	rig->r = usual;
	close_eventfds(fds);
}

/*
 * Before 6.13 the kernel releases direct descriptors in the order in which they were removed or
 * used, so a pending recv keeps open every file that is removed after it began.
 */
static void plain_held(void)
{
	struct io_uring ring = plain_ring(8, 0);
	struct utsname name;
	struct pollfd end;
	int a[2], b[2], files[2], none = -1;
	struct io_uring_sqe *sqe;
	char byte;

	rig_tcp(a);
	rig_tcp(b);
	files[0] = a[0];
	files[1] = b[0];
	io_uring_register_files(&ring, files, 2);
	close(a[0]);
	close(b[0]);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_recv(sqe, 0, &byte, 1, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_submit(&ring);
	io_uring_register_files_update(&ring, 1, &none, 1);
	end = (struct pollfd){ .fd = b[1], .events = POLLIN };
	uname(&name);
	diag("liburing: Linux %s: while a recv waits, the peer of another, removed socket %s",
	     name.release, poll(&end, 1, 1000) == 1 ? "sees its end" : "sees nothing");
	close(a[1]);
	close(b[1]);
	io_uring_queue_exit(&ring);
}

static void test_held(struct rig *rig)
{
	struct arena_buf buf = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = buf, .length = 1 };
	struct arena_file f;
	int a[2], b[2];
	char byte;

	rig_tcp(a);
	rig_tcp(b);
	io.file = rig_file(rig, a[0]);
	f = rig_file(rig, b[0]);
	close(a[0]);
	close(b[0]);
	arena_ring_recv(rig->r, &io, NULL);
	ok(rig_quiet(rig), "libarena: a recv of an idle socket waits");
	is(arena_ring_remove_file(rig->r, f), 0,
	   "libarena: a socket can be removed while a recv waits for another one");
	is(recv(b[1], &byte, 1, 0), 0,
	   "libarena: the peer of a removed socket sees the end while that recv waits");
	arena_ring_remove_file(rig->r, io.file);
	ok(rig_next(rig).flags & ARENA_EVENT_CANCELED,
	   "libarena: the recv is cancelled when its own socket is removed");
	close(a[1]);
	close(b[1]);
	arena_put(rig->a, buf);
}

static void test_all(struct rig *rig)
{
	test_recycled_fd(rig);
	test_recycled_slot(rig);
	test_short_read(rig);
	test_short_write(rig);
	test_multishot(rig);
	test_held(rig);
}

/* Number of open descriptors of this process. */
static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* As count_fds(), after the kernel had time to close removed files or @wanted are left. */
static int settled(struct rig *rig, int wanted)
{
	struct arena_event e;

	for (int i = 0; i < (wanted ? 2000 : 50) && count_fds() != wanted; i++)
		arena_ring_next(rig->r, &e, 1);
	return count_fds();
}

/* A ring must close a removed file as soon as its last operation has ended. */
static void test_closed(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = b, .length = 1 };
	struct arena_event e;
	int before, pair[2];

	before = settled(rig, 0);
	for (int i = 0; i < 100; i++) {
		rig_tcp(pair);
		/* A worker shuts earlier sockets down; their entries become free soon. */
		while (arena_ring_add_file(rig->r, pair[0], &io.file) == -ENFILE)
			arena_ring_next(rig->r, &e, 1);
		close(pair[0]);
		arena_ring_recv(rig->r, &io, NULL);
		arena_ring_remove_file(rig->r, io.file);
		rig_next(rig);
		close(pair[1]);
	}
	is(settled(rig, before), before,
	   "libarena: 100 files that were added and removed leave no descriptor open");
	arena_put(rig->a, b);
}

/* As on a kernel before 6.13, where the ring uses no direct descriptors. */
static void use_fds(struct rig *rig)
{
	arena_ring_close(rig->r);
	rig->r = rig_ring_without(rig->a, rig_options, "direct_close");
	diag("without direct descriptors");
}

int main(void)
{
	struct rig rig = rig_open("hazard-files");
	int before;

	plain_recycled_fd();
	plain_recycled_slot();
	plain_short();
	plain_multishot();
	plain_held();
	test_all(&rig);
	test_closed(&rig);
	before = count_fds();
	use_fds(&rig);
	test_all(&rig);
	test_closed(&rig);
	arena_ring_close(rig.r);
	rig.r = rig_ring(rig.a, &rig_options);
	is(count_fds(), before, "libarena: a closed ring leaves no descriptor open");
	rig_close(&rig);
	return done_testing();
}
