// SPDX-License-Identifier: MIT
/*
 * Goal: with a ring of the library the memory of an operation is neither freed, nor moved, nor
 * used for anything else while the kernel works on it.
 * Method: each situation is made twice, with plain liburing, where the damage is shown, and
 * with a ring of libarena, where there must be none. See docs/hazards.md.
 */
#define _GNU_SOURCE
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <time.h>

#include "hazard.h"

#define FRAME	4096
#define BLOCK	65536
#define BLOCKS	16
#define EXITS	100

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void stream_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		bail("no socket pair");
}

static void put_bytes(int fd, const char *bytes)
{
	if (write(fd, bytes, strlen(bytes)) != (ssize_t)strlen(bytes))
		bail("cannot write");
}

/* Number of bytes that are not @fill. */
static size_t changed(const volatile char *p, size_t n, char fill)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += p[i] != fill;
	return count;
}

/*
 * This function is called twice. The first call gives its array to an operation and returns.
 * The array of the second call is at the same place, where that operation writes. The sanitizer
 * would put it elsewhere.
 */
__attribute__((noinline, no_sanitize("address")))
static size_t with_frame(struct io_uring *ring, const int pair[2], const char *bytes)
{
	volatile char frame[FRAME];

	for (size_t i = 0; i < FRAME; i++)
		frame[i] = '.';
	if (bytes) {
		put_bytes(pair[1], bytes);
		plain_result(ring);
		return changed(frame, FRAME, '.');
	}
	io_uring_prep_recv(io_uring_get_sqe(ring), pair[0], (void *)frame, FRAME, 0);
	io_uring_submit(ring);
	return 0;
}

static void plain_stack(void)
{
	struct io_uring ring = plain_ring(8, 0);
	int pair[2];

	stream_pair(pair);
	with_frame(&ring, pair, NULL);
	is(with_frame(&ring, pair, "foreign"), 7,
	   "liburing: a recv into a variable writes to a variable of a later function");
	rig_close_pair(pair);
	io_uring_queue_exit(&ring);
}

static void test_stack(struct rig *rig)
{
	struct arena_buf none = { 0 }, made = { .index = 1, .count = 1, .generation = 77 };
	struct arena_io io = { .length = 1 };
	int pair[2];

	stream_pair(pair);
	io.file = rig_file(rig, pair[0]);
	io.buf = none;
	ring_refused(arena_ring_recv(rig->r, &io, NULL), -EINVAL,
		     "libarena: a recv with a zeroed handle is refused");
	io.buf = made;
	ring_refused(arena_ring_recv(rig->r, &io, NULL), -EINVAL,
		     "libarena: a recv with an invented handle is refused");
	is(arena_ring_pending(rig->r), 0,
	   "libarena: no recv is pending after its handle was refused");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
}

static void plain_heap(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip("liburing: the sanitizer's malloc does not reuse freed memory at once");
#else
	struct io_uring ring = plain_ring(8, 0);
	char *first = malloc(200), *second;
	uintptr_t freed = (uintptr_t)first;
	int pair[2];

	stream_pair(pair);
	io_uring_prep_recv(io_uring_get_sqe(&ring), pair[0], first, 200, 0);
	io_uring_submit(&ring);
	free(first);
	second = malloc(200);
	memset(second, '.', 200);
	put_bytes(pair[1], "foreign");
	plain_result(&ring);
	if (freed == (uintptr_t)second)
		is(changed(second, 200, '.'), 7,
		   "liburing: a recv into freed memory writes to the next owner's memory");
	else
		skip("liburing: malloc did not return the freed block");
	free(second);
	rig_close_pair(pair);
	io_uring_queue_exit(&ring);
#endif
}

static void test_heap(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, '.');
	struct arena_io io = { .buf = b, .length = 200 };
	struct arena_ref ref = { 0 };
	struct arena_op op;
	int pair[2];

	stream_pair(pair);
	io.file = rig_file(rig, pair[0]);
	arena_ring_recv(rig->r, &io, &op);
	refused(arena_put(rig->a, b), -EBUSY,
		"libarena: an extent cannot be freed while a recv is pending");
	refused(arena_lend(rig->a, b, ARENA_ROLE(1, 0), &ref), -EBUSY,
		"libarena: an extent cannot be lent while a recv is pending");
	refused(arena_reset_group(rig->a, b.group), -EBUSY,
		"libarena: a group cannot be reset while a recv into it is pending");
	put_bytes(pair[1], "welcome");
	is(rig_next(rig).result, 7, "libarena: the pending recv gets the bytes that were sent");
	is(arena_put(rig->a, b), 0, "libarena: the extent can be freed when the recv has ended");
	ring_refused(arena_ring_recv(rig->r, &io, &op), -ESTALE,
		     "libarena: a recv into a freed extent is refused");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
}

static void *map_at(void *at, int fixed)
{
	void *p = mmap(at, FRAME, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | fixed,
		       -1, 0);

	if (p == MAP_FAILED)
		bail("no memory");
	return p;
}

/* As realloc(3) does with large blocks. */
static void plain_moved(void)
{
	struct io_uring ring = plain_ring(8, 0);
	char *old = map_at(NULL, 0), *place = map_at(NULL, 0), *new;
	int pair[2];

	stream_pair(pair);
	memset(old, '.', FRAME);
	io_uring_prep_recv(io_uring_get_sqe(&ring), pair[0], old, FRAME, 0);
	io_uring_submit(&ring);
	new = mremap(old, FRAME, FRAME, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	if (new != place)
		bail("cannot move memory");
	memset(map_at(old, MAP_FIXED), '.', FRAME);
	put_bytes(pair[1], "gone");
	is(plain_result(&ring), 4, "liburing: a recv into memory that was moved succeeds");
	is(changed(new, FRAME, '.'), 0, "liburing: the recv does not write to the moved memory");
	is(changed(old, FRAME, '.'), 4,
	   "liburing: the recv writes to other memory at the old address");
	munmap(old, FRAME);
	munmap(new, FRAME);
	rig_close_pair(pair);
	io_uring_queue_exit(&ring);
}

static void test_moved(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, '.'), bigger;
	const char *before = arena_ptr_const(rig->a, b);
	struct arena_io io = { .buf = b, .length = 4096 };
	int pair[2];

	stream_pair(pair);
	io.file = rig_file(rig, pair[0]);
	arena_ring_recv(rig->r, &io, NULL);
	/* No call makes an extent longer: a caller gets a second extent and copies. */
	bigger = rig_buf(rig, 2, '.');
	refused(!!arena_ptr_const(rig->a, b), false,
		"libarena: an extent has no pointer to copy from while a recv is pending");
	put_bytes(pair[1], "here");
	is(rig_next(rig).result, 4, "libarena: the recv ends although a larger extent was got");
	ok(arena_ptr_const(rig->a, b) == before && !memcmp(before, "here", 4),
	   "libarena: the recv writes to the extent, which has not moved");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
	arena_put(rig->a, b);
	arena_put(rig->a, bigger);
}

static void plain_cancel(void)
{
	struct io_uring ring = plain_ring(8, 0);
	static char buf[FRAME];
	struct io_uring_sqe *sqe;
	int pair[2];

	stream_pair(pair);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_recv(sqe, pair[0], buf, FRAME, 0);
	io_uring_sqe_set_data64(sqe, 1);
	io_uring_submit(&ring);
	/* The cancellation is only queued, but the program already uses the buffer again. */
	io_uring_prep_cancel64(io_uring_get_sqe(&ring), 1, 0);
	memset(buf, '.', FRAME);
	put_bytes(pair[1], "too late");
	plain_result(&ring);
	plain_result(&ring);
	is(changed(buf, FRAME, '.'), 8,
	   "liburing: a recv writes to its buffer after the program has cancelled it");
	rig_close_pair(pair);
	io_uring_queue_exit(&ring);
}

static void test_cancel(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, '.');
	struct arena_io io = { .buf = b, .length = 4096 };
	struct arena_event e;
	struct arena_op op;
	int pair[2];

	stream_pair(pair);
	io.file = rig_file(rig, pair[0]);
	arena_ring_recv(rig->r, &io, &op);
	arena_ring_submit(rig->r);
	put_bytes(pair[1], "too late");
	is(arena_ring_cancel(rig->r, op), 0, "libarena: a pending recv can be cancelled");
	arena_ring_submit(rig->r);
	is(arena_state(rig->a, b), ARENA_IN_IO,
	   "libarena: the extent of a cancelled recv is IN_IO until its event");
	refused(!!arena_ptr(rig->a, b), false,
		"libarena: the extent of a cancelled recv has no pointer until its event");
	e = rig_next(rig);
	ok(e.result == 8 ?
	   rig_is(rig, b, 0, 0) && !memcmp(arena_ptr_const(rig->a, b), "too late", 8) :
	   e.result == -ECANCELED && rig_is(rig, b, 4096, '.'),
	   "libarena: the event says whether the recv got its bytes (%d)", e.result);
	is(arena_state(rig->a, b), ARENA_OWNED,
	   "libarena: the extent of a cancelled recv is OWNED after its event");
	is(arena_ring_cancel(rig->r, op), -ESTALE,
	   "libarena: an operation that has ended cannot be cancelled");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
	arena_put(rig->a, b);
}

/* Send more than the window of a peer that does not read; returns the number of bytes. */
static size_t fill_window(int fd)
{
	static const char zeroes[192 << 10];
	int size = 200 << 10, unsent = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)))
		bail("cannot size the socket's buffer");
	if (send(fd, zeroes, sizeof(zeroes), MSG_DONTWAIT) != sizeof(zeroes))
		bail("the socket takes too little");
	ok(!ioctl(fd, SIOCOUTQNSD, &unsent) && unsent > 0,
	   "a socket whose peer does not read has bytes that it cannot send");
	return sizeof(zeroes);
}

/* Receive everything; returns how many of the last 4096 bytes are @fill. */
static size_t take_last(int fd, size_t skipped, char fill)
{
	char last[4096];
	size_t n;

	for (; skipped; skipped -= n) {
		n = skipped < sizeof(last) ? skipped : sizeof(last);
		rig_recv_all(fd, last, n);
	}
	rig_recv_all(fd, last, sizeof(last));
	return sizeof(last) - changed(last, sizeof(last), fill);
}

static void plain_send_zc(void)
{
	struct io_uring ring = plain_ring(8, 0);
	char *buf = map_at(NULL, 0);
	size_t before;
	int pair[2];

	rig_tcp(pair);
	before = fill_window(pair[0]);
	memset(buf, 'a', FRAME);
	io_uring_prep_send_zc(io_uring_get_sqe(&ring), pair[0], buf, FRAME, 0, 0);
	is(plain_result(&ring), FRAME, "liburing: a zero-copy send has its first completion");
	memset(buf, 'b', FRAME);
	is(take_last(pair[1], before, 'b'), FRAME,
	   "liburing: the peer gets bytes that were written after the first completion");
	plain_result(&ring);
	munmap(buf, FRAME);
	rig_close_pair(pair);
	io_uring_queue_exit(&ring);
}

static void test_send_zc(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 'a');
	struct arena_io io = { .buf = b, .length = 4096 };
	struct arena_event e;
	size_t before;
	int pair[2];

	rig_tcp(pair);
	before = fill_window(pair[0]);
	io.file = rig_file(rig, pair[0]);
	arena_ring_send_zc(rig->r, &io, NULL);
	e = rig_next(rig);
	is(e.result, 4096, "libarena: a zero-copy send has its first event");
	ok(e.flags & ARENA_EVENT_MORE, "libarena: the first event of a zero-copy send has MORE");
	refused(!!arena_ptr(rig->a, b), false,
		"libarena: the extent has no pointer after the first event of a zero-copy send");
	refused(arena_put(rig->a, b), -EBUSY,
		"libarena: the extent cannot be freed after the first event of a zero-copy send");
	ok(rig_quiet(rig), "libarena: the second event does not come while the peer reads nothing");
	is(take_last(pair[1], before, 'a'), 4096, "libarena: the peer gets the bytes of the send");
	e = rig_next(rig);
	ok(!(e.flags & ARENA_EVENT_MORE) && arena_ptr(rig->a, b),
	   "libarena: the extent is OWNED after the second event of a zero-copy send");
	arena_ring_remove_file(rig->r, io.file);
	rig_close_pair(pair);
	arena_put(rig->a, b);
}

/* How often a byte that is sent after the ring's end is still read into the buffer. */
static int late_recvs(int (*pair_of)(int pair[2]), unsigned int sqe_flags)
{
	static char buf[EXITS];
	int late = 0, pair[2];

	for (int i = 0; i < EXITS; i++) {
		struct io_uring ring = plain_ring(4, 0);
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

		pair_of(pair);
		/* A direct descriptor: a worker could find another file under its number. */
		io_uring_register_files(&ring, pair, 1);
		io_uring_prep_read(sqe, 0, &buf[i], 1, 0);
		sqe->flags |= sqe_flags | IOSQE_FIXED_FILE;
		io_uring_submit(&ring);
		io_uring_queue_exit(&ring);
		put_bytes(pair[1], "x");
		sleep_ms(1);
		late += buf[i] == 'x';
		buf[i] = 0;
		rig_close_pair(pair);
	}
	return late;
}

static int socket_pair_of(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int pipe_of(int pair[2])
{
	return pipe2(pair, O_CLOEXEC);
}

/*
 * The disk that may be overwritten, if there is one, or else a file, if the folder is on a disk.
 * Returns -1 if there is neither.
 */
static int direct_fd(void)
{
	const char *disk = getenv("VM_DISK0");
	int fd = disk ? open(disk, O_RDWR | O_DIRECT | O_CLOEXEC) :
			open(".", O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	char *block = map_at(NULL, 0);

	memset(block, 'd', FRAME);
	for (off_t at = 0; fd >= 0 && at < BLOCK * BLOCKS; at += FRAME)
		if (pwrite(fd, block, FRAME, at) != FRAME) {
			close(fd);
			fd = -1;
		}
	munmap(block, FRAME);
	return fd;
}

/* Number of blocks that have been read to their end. */
static int blocks_read(const volatile char *all)
{
	int n = 0;

	for (int i = 0; i < BLOCKS; i++)
		n += all[(i + 1) * BLOCK - 1] == 'd';
	return n;
}

static char *begin_reads(struct io_uring *ring, int fd)
{
	char *all = mmap(NULL, BLOCK * BLOCKS, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	for (int i = 0; i < BLOCKS; i++)
		io_uring_prep_read(io_uring_get_sqe(ring), fd, all + i * BLOCK, BLOCK,
				   (__u64)i * BLOCK);
	io_uring_submit(ring);
	return all;
}

static void plain_exit_disk(int fd)
{
	struct io_uring ring = plain_ring(BLOCKS, 0);
	char *all = begin_reads(&ring, fd);
	int at_exit;

	io_uring_queue_exit(&ring);
	at_exit = blocks_read(all);
	sleep_ms(300);
	diag("liburing: of %d direct reads %d had ended when the ring was closed, %d ended later",
	     BLOCKS, at_exit, blocks_read(all) - at_exit);
	munmap(all, BLOCK * BLOCKS);
}

static void plain_cancel_disk(int fd)
{
	struct io_uring ring = plain_ring(BLOCKS, 0);
	char *all = begin_reads(&ring, fd);
	int at_cancel, canceled = 0;

	io_uring_register_sync_cancel(&ring, &(struct io_uring_sync_cancel_reg){
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
	});
	at_cancel = blocks_read(all);
	for (int i = 0; i < BLOCKS; i++)
		canceled += plain_result(&ring) == -ECANCELED;
	diag("liburing: of %d direct reads %d had ended when all were cancelled, %d ended later",
	     BLOCKS, at_cancel, blocks_read(all) - at_cancel);
	diag("liburing: %d of %d direct reads completed with -ECANCELED", canceled, BLOCKS);
	io_uring_queue_exit(&ring);
	munmap(all, BLOCK * BLOCKS);
}

/*
 * How often the kernel writes to a ring that lies in the caller's memory after its end; -1 if
 * this kernel has no such rings.
 */
static int late_ring_writes(void)
{
	struct io_uring_params params = { .flags = IORING_SETUP_NO_MMAP };
	size_t size = 2UL * FRAME;
	struct io_uring ring;
	int late = 0;

	for (int i = 0; i < EXITS; i++) {
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED ||
		    io_uring_queue_init_mem(2, &ring, &params, memory, size) < 0)
			return -1;
		/* Up to liburing 2.6 io_uring_queue_exit() would unmap the memory. */
		close(ring.ring_fd);
		memset(memory, '.', size);
		sleep_ms(1);
		late += changed(memory, size, '.') > 0;
		munmap(memory, size);
	}
	return late;
}

/* Whether the kernel ends an operation or finishes it depends on timing, so nothing is checked. */
static void plain_exit(void)
{
	int fd = direct_fd();

	diag("liburing: of %d bytes that came after the ring's end, these were still read:", EXITS);
	diag("liburing: %d by a recv, %d by a read of a pipe, %d by such a read in a worker",
	     late_recvs(socket_pair_of, 0), late_recvs(pipe_of, 0),
	     late_recvs(pipe_of, IOSQE_ASYNC));
	diag("liburing: %d of %d rings in the caller's memory wrote to it after their end",
	     late_ring_writes(), EXITS);
	if (fd < 0) {
		diag("liburing: no disk here can be read without the page cache");
		return;
	}
	plain_cancel_disk(fd);
	plain_exit_disk(fd);
	close(fd);
}

static void test_exit(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, '.');
	struct arena_io io = { .buf = b, .length = 4096 };
	struct arena_ring_options o = rig_options;
	struct arena_features f = { .size = sizeof(f) };
	size_t late = 0;
	bool owned = true;
	int pair[2];

	/* Probe once for all rings. */
	arena_probe(&f);
	o.features = &f;
	for (int i = 0; i < EXITS; i++) {
		struct rig one = *rig;

		one.r = rig_ring(rig->a, &o);
		stream_pair(pair);
		io.file = rig_file(&one, pair[0]);
		arena_ring_recv(one.r, &io, NULL);
		arena_ring_submit(one.r);
		arena_ring_close(one.r);
		owned &= arena_state(rig->a, b) == ARENA_OWNED;
		put_bytes(pair[1], "x");
		sleep_ms(1);
		late += changed(arena_ptr_const(rig->a, b), 4096, '.');
		rig_close_pair(pair);
	}
	ok(owned, "libarena: closing a ring makes the extent of a pending recv OWNED");
	is(late, 0, "libarena: nothing is received after the close of a ring, in %d tries", EXITS);
	arena_put(rig->a, b);
}

static void test_exit_disk(struct rig *rig)
{
	struct rig one = *rig;
	struct arena_buf b = rig_buf(rig, BLOCKS * BLOCK / 4096, '.');
	int fd = direct_fd(), at_close;
	struct arena_io io = { .buf = b, .length = BLOCK };

	if (fd < 0) {
		skip("libarena: no disk here can be read without the page cache");
		arena_put(rig->a, b);
		return;
	}
	one.r = rig_ring(rig->a, &rig_options);
	io.file = rig_file(&one, fd);
	for (int i = 0; i < BLOCKS; i++) {
		io.from = (uint32_t)i * BLOCK;
		io.offset = io.from;
		arena_ring_read(one.r, &io, NULL);
	}
	arena_ring_submit(one.r);
	is(arena_ring_close(one.r), 0, "libarena: a ring is closed while a disk reads");
	at_close = blocks_read(arena_ptr_const(rig->a, b));
	sleep_ms(300);
	is(blocks_read(arena_ptr_const(rig->a, b)), at_close,
	   "libarena: no block is read after the close of the ring (%d of %d were)",
	   at_close, BLOCKS);
	close(fd);
	arena_put(rig->a, b);
}

/* A zero-copy send holds its extent until the peer reads; closing must not wait for that. */
static void test_exit_send_zc(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 'a');
	struct arena_io io = { .buf = b, .length = 4096 };
	struct rig one = *rig;
	int pair[2];

	one.r = rig_ring(rig->a, &rig_options);
	rig_tcp(pair);
	fill_window(pair[0]);
	io.file = rig_file(&one, pair[0]);
	close(pair[0]);
	arena_ring_send_zc(one.r, &io, NULL);
	is(rig_next(&one).result, 4096,
	   "libarena: a zero-copy send to a peer that does not read has its first event");
	is(arena_ring_close(one.r), 0,
	   "libarena: a ring with a zero-copy send to a peer that does not read is closed");
	is(arena_state(rig->a, b), ARENA_OWNED,
	   "libarena: closing makes the extent of that zero-copy send OWNED");
	close(pair[1]);
	arena_put(rig->a, b);
}

int main(void)
{
	struct rig rig = rig_open("hazard-memory");
	struct arena_features f = { .size = sizeof(f) };

	arena_probe(&f);
	plain_stack();
	test_stack(&rig);
	plain_heap();
	test_heap(&rig);
	plain_moved();
	test_moved(&rig);
	plain_cancel();
	test_cancel(&rig);
	if (arena_has(&f, ARENA_HAS_SEND_ZC)) {
		plain_send_zc();
		test_send_zc(&rig);
		test_exit_send_zc(&rig);
	} else {
		skip("zero-copy sends are not in this kernel");
	}
	plain_exit();
	test_exit(&rig);
	test_exit_disk(&rig);
	rig_close(&rig);
	return done_testing();
}
