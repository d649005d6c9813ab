// SPDX-License-Identifier: MIT
/*
 * Goal: what can go wrong with the files of operations does not: numbers that are
 * recycled, moves that are short, multishots that end, sockets that stay open.
 * Method: each twice: with plain liburing, where the damage is seen, and with a
 * ring of ours, where it is not. See docs/hazards.md.
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
	is(plain_result(&ring), 1, "plain: a read of a file that was closed meanwhile");
	is(byte, 'b', "plain: reads another file");
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
	is(rig_next(rig).result, 1, "ours: the same");
	ok(rig_is(rig, b, 1, 'a'), "ours: reads the file it was given");
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
	is(plain_result(&ring), 1, "plain: a read of a slot that was filled anew meanwhile");
	is(byte, 'b', "plain: reads another file");
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
	is(arena_ring_remove_file(rig->r, io.file), 0, "ours: the file is removed meanwhile");
	other = rig_file(rig, b);
	ok(other.index != io.file.index, "ours: its slot is not free yet");
	e = rig_next(rig);
	ok(e.result == 1 ? rig_is(rig, buf, 1, 'a') : e.result == -ECANCELED,
	   "ours: the read was of the file it was given, or was cancelled");
	arena_ring_remove_file(rig->r, other);
	other = rig_file(rig, b);
	is(arena_ring_read(rig->r, &io, NULL), -ESTALE, "ours: the old handle is of no more use");
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

	if (pipe2(pipes, O_CLOEXEC))
		bail("no pipe");
	io_uring_prep_read(io_uring_get_sqe(&ring), pipes[0], in, 8, 0);
	io_uring_submit(&ring);
	if (write(pipes[1], "abcd", 4) != 4)
		bail("cannot write");
	is(plain_result(&ring), 4, "plain: a read of 8 bytes is content with 4");
	ok(in[4] == '?', "plain: the rest is not there");
	io_uring_prep_write(io_uring_get_sqe(&ring), pipes[1], out, sizeof(out), 0);
	is(plain_result(&ring), 65536, "plain: a write of 128 KiB is content with half");
	close(pipes[0]);
	close(pipes[1]);
	io_uring_queue_exit(&ring);
}

static void test_short_read(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, '?');
	struct arena_io io = { .buf = b, .length = 8 };
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC))
		bail("no pipe");
	io.file = rig_file(rig, pipes[0]);
	arena_ring_read(rig->r, &io, NULL);
	for (int i = 0; i < 8; i++) {
		ok(rig_quiet(rig), "ours: %d of 8 bytes are not enough", i);
		if (write(pipes[1], "abcdefgh" + i, 1) != 1)
			bail("cannot write");
	}
	is(rig_next(rig).result, 8, "ours: all are");
	ok(!memcmp(arena_ptr_const(rig->a, b), "abcdefgh", 8), "ours: in their order");
	arena_ring_read(rig->r, &io, NULL);
	if (write(pipes[1], "xy", 2) != 2)
		bail("cannot write");
	close(pipes[1]);
	ok(rig_next(rig).flags & ARENA_EVENT_SHORT, "ours: an end before is told");
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

	if (pipe2(pipes, O_CLOEXEC))
		bail("no pipe");
	io.file = rig_file(rig, pipes[1]);
	arena_ring_write(rig->r, &io, NULL);
	while (!arena_ring_next(rig->r, &e, 0))
		all += (size_t)read(pipes[0], taken, sizeof(taken));
	is(e.result, 1 << 17, "ours: all of 128 KiB is written, as there is room");
	ok(all >= 65536, "ours: after the reader took what was in the way");
	arena_ring_remove_file(rig->r, io.file);
	close(pipes[0]);
	close(pipes[1]);
	arena_put(rig->a, b);
}

/* Make each of these readable @times, so that each time is an event. */
static void ring_bells(const int *fds, int times)
{
	uint64_t one = 1;

	for (int i = 0; i < times; i++)
		for (int j = 0; j < POLLS; j++)
			if (write(fds[j], &one, 8) != 8)
				bail("cannot write to an eventfd");
}

static void bells(int *fds)
{
	for (int i = 0; i < POLLS; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void close_bells(const int *fds)
{
	for (int i = 0; i < POLLS; i++)
		close(fds[i]);
}

/* A multishot poll ends when the CQ is full; whoever does not look hears no more. */
static void plain_multishot(void)
{
	struct io_uring ring = plain_ring(POLLS, 0);
	struct io_uring_cqe *cqe;
	int fds[POLLS], events = 0;

	bells(fds);
	for (int i = 0; i < POLLS; i++)
		io_uring_prep_poll_multishot(io_uring_get_sqe(&ring), fds[i], POLLIN);
	io_uring_submit(&ring);
	ring_bells(fds, ROUNDS);
	while (!io_uring_peek_cqe(&ring, &cqe))
		io_uring_cqe_seen(&ring, cqe);
	ring_bells(fds, 1);
	while (!io_uring_peek_cqe(&ring, &cqe)) {
		events++;
		io_uring_cqe_seen(&ring, cqe);
	}
	ok(events < POLLS, "plain: of %d polls that go on %d still do", POLLS, events);
	io_uring_queue_exit(&ring);
	close_bells(fds);
}

/* Take all events; how many operations said that they were begun anew, and the rest. */
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

	/* With it, nothing is posted while nobody asks: the CQ would not fill. */
	arena_probe(&f);
	arena_probe_without(&f, "defer_taskrun");
	o.features = &f;
	rig->r = rig_ring(rig->a, &o);
	bells(fds);
	for (uint32_t i = 0; i < POLLS; i++)
		arena_ring_poll(rig->r, rig_file(rig, fds[i]), POLLIN, true, i, NULL);
	arena_ring_submit(rig->r);
	ring_bells(fds, ROUNDS);
	take(rig, &rearmed, &seen, &over);
	if (arena_has(&f, ARENA_HAS_POLL_MULTISHOT))
		ok(rearmed > 0, "ours: %d times one that had ended was begun anew", rearmed);
	else
		skip("no multishot polls on this kernel");
	seen = 0;
	ring_bells(fds, 1);
	take(rig, &rearmed, &seen, &over);
	is(seen, (1U << POLLS) - 1, "ours: all go on");
	is(over, 0, "ours: none has ended");
	is(arena_ring_close(rig->r), 0, "ours: closed with all of them pending");
	rig->r = usual;
	close_bells(fds);
}

/*
 * Before 6.13 the kernel lets go of direct descriptors in the order in which they
 * were removed or used: a recv that is pending holds what is removed after it.
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
	diag("plain: Linux %s: while another waits, the peer of a removed socket %s",
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
	ok(rig_quiet(rig), "ours: a recv waits");
	is(arena_ring_remove_file(rig->r, f), 0, "ours: another socket is removed");
	is(recv(b[1], &byte, 1, 0), 0, "ours: its peer sees the end");
	arena_ring_remove_file(rig->r, io.file);
	ok(rig_next(rig).flags & ARENA_EVENT_CANCELED, "ours: the recv ends with its own");
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

/* How many descriptors this process has. */
static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The same when all removed files are closed: soon, or when @wanted are left. */
static int settled(struct rig *rig, int wanted)
{
	struct arena_event e;

	for (int i = 0; i < (wanted ? 2000 : 50) && count_fds() != wanted; i++)
		arena_ring_next(rig->r, &e, 1);
	return count_fds();
}

/* A file is the ring's until its last operation has ended, and not a moment longer. */
static void test_closed(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io io = { .buf = b, .length = 1 };
	struct arena_event e;
	int before, pair[2];

	before = settled(rig, 0);
	for (int i = 0; i < 100; i++) {
		rig_tcp(pair);
		/* A worker shuts those before down: their entries are free soon. */
		while (arena_ring_add_file(rig->r, pair[0], &io.file) == -ENFILE)
			arena_ring_next(rig->r, &e, 1);
		close(pair[0]);
		arena_ring_recv(rig->r, &io, NULL);
		arena_ring_remove_file(rig->r, io.file);
		rig_next(rig);
		close(pair[1]);
	}
	is(settled(rig, before), before, "ours: 100 files came and went and left no descriptor");
	arena_put(rig->a, b);
}

/* The same as on kernels whose direct descriptors are of no use. */
static void use_fds(struct rig *rig)
{
	struct arena_ring_options o = rig_options;
	struct arena_features f = { .size = sizeof(f) };

	arena_probe(&f);
	arena_probe_without(&f, "direct_close");
	o.features = &f;
	arena_ring_close(rig->r);
	rig->r = rig_ring(rig->a, &o);
	diag("with file descriptors of the ring's own");
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
	is(count_fds(), before, "ours: a closed ring leaves no descriptor");
	rig_close(&rig);
	return done_testing();
}
