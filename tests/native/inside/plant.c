// SPDX-License-Identifier: MIT
/*
 * Faults that are planted into arena-np and arena-sp: a library that is loaded by LD_PRELOAD and
 * changes what they submit to their rings. The variable PLANT names the fault, which happens to one
 * operation of 150:
 *
 *	error	an operation on the disk does not happen, and fails
 *	lose	a write to the disk does not happen
 *	swap	a write to the disk goes to another place
 *	early	a write to the disk ends for the SP before it happens
 *	old	a write to the disk happens, and then once more, later
 *	cut	the file PLANT_FILE is cut short, once, just before a write to it: to half of
 *		where the write begins
 *	twice	the header of a reply is sent twice
 *	unflushed	not one of 150, but all: the cache of the disk is not flushed, and writes
 *		are not durable at once
 *	poll	the kernel has no memory for the first two polls of arenad's control socket
 *	stopped	as "lose", but only in a process that has been stopped and goes on
 *	where	no fault: at its end the process says how many bytes it has written to sockets from
 *		each part of its memory, by the upper bits of their addresses
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <endian.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EACH		150
#define MAX_BYTES	(128U << 10)
#define LATE_NS		30000000
#define MAX_PIECES	64
#define MAX_SENT	64
#define MAX_POLLS	2
#define REPLY_BYTES	16
#define REPLY_MAGIC	0x67446698U
/* A region of the module begins at a multiple of 512 GiB. */
#define PART_SHIFT	39
#define MAX_PARTS	16

/* The write that happens later: there is one at a time. */
static struct io_uring_sqe late;
static uint64_t late_ns;
static __attribute__((aligned(4096))) uint8_t late_data[MAX_BYTES];

/* Messages with a header twice; the kernel may need each for some time. */
static struct sent {
	struct msghdr msg;
	struct iovec iov[MAX_PIECES + 1];
} sent[MAX_SENT];

/* Where written bytes lay. */
static struct part {
	uint64_t number;
	uint64_t bytes;
} parts[MAX_PARTS];

static unsigned int seen, n_sent;
static volatile sig_atomic_t was_stopped;

static void go_on(int number)
{
	(void)number;
	was_stopped = 1;
}

__attribute__((constructor))
static void watch(void)
{
	struct sigaction act = { .sa_handler = go_on, .sa_flags = SA_RESTART };

	sigaction(SIGCONT, &act, NULL);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool is_planted(const char *fault)
{
	const char *plant = getenv("PLANT");

	return plant && !strcmp(plant, fault);
}

/* The SP reads into the buffer instead, which has the same result. */
static void lose(struct io_uring_sqe *sqe)
{
	sqe->opcode = sqe->opcode == IORING_OP_WRITE ? IORING_OP_READ : IORING_OP_READ_FIXED;
}

static bool keep_for_later(const struct io_uring_sqe *sqe)
{
	if (late_ns || sqe->len > MAX_BYTES)
		return false;
	late = *sqe;
	memcpy(late_data, (const void *)(uintptr_t)sqe->addr, sqe->len);
	late.opcode = IORING_OP_WRITE;
	late.addr = (uintptr_t)late_data;
	late.buf_index = 0;
	late.flags |= IOSQE_CQE_SKIP_SUCCESS;
	late_ns = now_ns() + LATE_NS;
	return true;
}

/* The kernel is given memory that nobody has. */
static void fail(struct io_uring_sqe *sqe)
{
	sqe->addr = 4096;
}

static void cut(const struct io_uring_sqe *sqe)
{
	static bool is_done;
	const char *path = getenv("PLANT_FILE");

	if (is_done || !path)
		return;
	is_done = true;
	if (!truncate(path, (off_t)sqe->off / 2))
		fprintf(stderr, "%s is cut short before a write\n", path);
}

static void spoil_write(struct io_uring_sqe *sqe)
{
	if (is_planted("lose") || (is_planted("stopped") && was_stopped))
		lose(sqe);
	else if (is_planted("swap"))
		sqe->off ^= 8192;
	else if (is_planted("early") && keep_for_later(sqe))
		lose(sqe);
	else if (is_planted("old"))
		keep_for_later(sqe);
	else if (is_planted("cut"))
		cut(sqe);
}

static void spoil_reply(struct io_uring_sqe *sqe)
{
	const struct msghdr *msg = (const void *)(uintptr_t)sqe->addr;
	struct sent *s = &sent[n_sent++ % MAX_SENT];
	uint32_t magic;

	if (!msg->msg_iovlen || msg->msg_iovlen > MAX_PIECES ||
	    msg->msg_iov[0].iov_len < REPLY_BYTES)
		return;
	memcpy(&magic, msg->msg_iov[0].iov_base, sizeof(magic));
	if (magic != htobe32(REPLY_MAGIC))
		return;
	s->msg = *msg;
	s->iov[0] = (struct iovec){ msg->msg_iov[0].iov_base, REPLY_BYTES };
	memcpy(&s->iov[1], msg->msg_iov, msg->msg_iovlen * sizeof(*msg->msg_iov));
	s->msg.msg_iov = s->iov;
	s->msg.msg_iovlen++;
	sqe->addr = (uintptr_t)&s->msg;
}

/* The poll that fails, and how many have failed. */
static uint64_t polled;
static unsigned int n_polled;

/* Of the files of its ring, an SP polls only the control socket. */
static bool is_control(const struct io_uring_sqe *sqe)
{
	socklen_t size = sizeof(int);
	int type = 0;

	if (sqe->flags & IOSQE_FIXED_FILE)
		return true;
	getsockopt(sqe->fd, SOL_SOCKET, SO_TYPE, &type, &size);
	return type == SOCK_SEQPACKET;
}

static void look_at_poll(const struct io_uring_sqe *sqe)
{
	if (sqe->opcode == IORING_OP_POLL_ADD && sqe->poll32_events == POLLIN &&
	    n_polled < MAX_POLLS && is_control(sqe))
		polled = sqe->user_data;
}

static void fail_poll(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	if (!polled)
		return;
	io_uring_for_each_cqe(ring, head, cqe) {
		if (cqe->user_data != polled)
			continue;
		cqe->res = -ENOMEM;
		polled = 0;
		n_polled++;
		fprintf(stderr, "a poll of the control socket fails\n");
		return;
	}
}

static bool is_write(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_WRITE || sqe->opcode == IORING_OP_WRITE_FIXED;
}

static bool is_read(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_READ || sqe->opcode == IORING_OP_READ_FIXED;
}

/* A read of no bytes ends as a flush does. */
static void do_not_flush(struct io_uring_sqe *sqe)
{
	if (is_write(sqe))
		sqe->rw_flags &= ~RWF_DSYNC;
	if (sqe->opcode != IORING_OP_FSYNC)
		return;
	sqe->opcode = IORING_OP_READ;
	sqe->rw_flags = 0;
	sqe->off = 0;
	sqe->addr = (uintptr_t)late_data;
	sqe->len = 0;
}

static bool is_reply(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_SENDMSG || sqe->opcode == IORING_OP_SENDMSG_ZC;
}

static void note(const void *p, uint64_t bytes)
{
	uint64_t number = (uintptr_t)p >> PART_SHIFT;

	for (unsigned int i = 0; i < MAX_PARTS; i++) {
		if (parts[i].bytes && parts[i].number != number)
			continue;
		parts[i].number = number;
		parts[i].bytes += bytes;
		return;
	}
}

static void note_write(const struct io_uring_sqe *sqe)
{
	const struct iovec *iov = (const void *)(uintptr_t)sqe->addr;

	if (sqe->opcode == IORING_OP_WRITE || sqe->opcode == IORING_OP_WRITE_FIXED)
		note(iov, sqe->len);
	for (uint32_t i = 0; sqe->opcode == IORING_OP_WRITEV && i < sqe->len; i++)
		note(iov[i].iov_base, iov[i].iov_len);
}

__attribute__((destructor))
static void say_where(void)
{
	for (unsigned int i = 0; i < MAX_PARTS && parts[i].bytes; i++)
		fprintf(stderr, "written from part %llu: %llu bytes\n",
			(unsigned long long)parts[i].number, (unsigned long long)parts[i].bytes);
}

static void look(struct io_uring_sqe *sqe)
{
	if (is_planted("poll")) {
		look_at_poll(sqe);
		return;
	}
	if (is_planted("unflushed")) {
		do_not_flush(sqe);
		return;
	}
	if (is_planted("where")) {
		note_write(sqe);
		return;
	}
	if (is_planted("twice") ? !is_reply(sqe) :
	    !is_write(sqe) && !(is_read(sqe) && is_planted("error")))
		return;
	/* An old write does harm only if a client has written there meanwhile. */
	if (++seen % (is_planted("old") ? EACH / 15 : EACH))
		return;
	if (is_reply(sqe))
		spoil_reply(sqe);
	else if (is_planted("error"))
		fail(sqe);
	else
		spoil_write(sqe);
}

static void write_late(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;

	if (!late_ns || now_ns() < late_ns)
		return;
	sqe = io_uring_get_sqe(ring);
	if (!sqe)
		return;
	*sqe = late;
	late_ns = 0;
}

static void look_at_all(struct io_uring *ring)
{
	unsigned int shift = ring->flags & IORING_SETUP_SQE128 ? 1 : 0;

	for (unsigned int i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++)
		look(&ring->sq.sqes[(i & ring->sq.ring_mask) << shift]);
	write_late(ring);
}

int io_uring_submit(struct io_uring *ring)
{
	int (*real)(struct io_uring *ring) = dlsym(RTLD_NEXT, "io_uring_submit");
	int ret;

	look_at_all(ring);
	ret = real(ring);
	fail_poll(ring);
	return ret;
}

int io_uring_submit_and_get_events(struct io_uring *ring)
{
	int (*real)(struct io_uring *ring) = dlsym(RTLD_NEXT, "io_uring_submit_and_get_events");
	int ret;

	look_at_all(ring);
	ret = real(ring);
	fail_poll(ring);
	return ret;
}

int io_uring_submit_and_wait(struct io_uring *ring, unsigned int n)
{
	int (*real)(struct io_uring *ring, unsigned int n) =
		dlsym(RTLD_NEXT, "io_uring_submit_and_wait");
	int ret;

	look_at_all(ring);
	ret = real(ring, n);
	fail_poll(ring);
	return ret;
}

int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
				     unsigned int n, struct __kernel_timespec *ts, sigset_t *mask)
{
	int (*real)(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned int n,
		    struct __kernel_timespec *ts, sigset_t *mask) =
		dlsym(RTLD_NEXT, "io_uring_submit_and_wait_timeout");
	int ret;

	look_at_all(ring);
	ret = real(ring, cqe, n, ts, mask);
	fail_poll(ring);
	return ret;
}

int io_uring_submit_and_wait_min_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
					 unsigned int n, struct __kernel_timespec *ts,
					 unsigned int min_us, sigset_t *mask)
{
	int (*real)(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned int n,
		    struct __kernel_timespec *ts, unsigned int min_us, sigset_t *mask) =
		dlsym(RTLD_NEXT, "io_uring_submit_and_wait_min_timeout");
	int ret;

	look_at_all(ring);
	ret = real(ring, cqe, n, ts, min_us, mask);
	fail_poll(ring);
	return ret;
}
