// SPDX-License-Identifier: MIT
/*
 * Publishing and taking of rings: who gets which, once, and what becomes of
 * them when the publisher goes.
 */
#include <liburing.h>

/* What a peer does here beyond the common: see peer_extra(). */
#define PEER_EXTRA(m, fd) peer_extra(m, fd)
struct peer_msg;
static long peer_extra(struct peer_msg *m, int fd);

#include "util.h"

#define NAME "test-ring"

enum {
	PEER_NEW_RING = PEER_OPS,	/* returns its fd */
	PEER_POST,			/* a: ring fd, b: data; returns res */
	PEER_NEXT,			/* returns the oldest message's data, 0 if none */
};

static struct io_uring peer_ring;
static struct io_uring peer_io;

static long peer_new_ring(void)
{
	int ret = io_uring_queue_init(8, &peer_ring, IORING_SETUP_SINGLE_ISSUER);

	return ret ? ret : peer_ring.ring_fd;
}

static long peer_post(int target, uint64_t data)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	int res;

	if (!peer_io.ring_fd)
		io_uring_queue_init(8, &peer_io, 0);
	sqe = io_uring_get_sqe(&peer_io);
	io_uring_prep_msg_ring(sqe, target, 7, data, 0);
	io_uring_submit_and_wait(&peer_io, 1);
	if (io_uring_peek_cqe(&peer_io, &cqe))
		return -EIO;
	res = cqe->res;
	io_uring_cqe_seen(&peer_io, cqe);
	return res;
}

static long peer_extra(struct peer_msg *m, int fd)
{
	struct io_uring_cqe *cqe;
	uint64_t data;

	(void)fd;
	switch (m->op) {
	case PEER_NEW_RING:
		return peer_new_ring();
	case PEER_POST:
		return peer_post(m->a, m->b);
	case PEER_NEXT:
		if (io_uring_peek_cqe(&peer_ring, &cqe))
			return 0;
		data = cqe->user_data;
		io_uring_cqe_seen(&peer_ring, cqe);
		return data;
	default:
		return -ENOSYS;
	}
}

static int take(int fd, int from, uint64_t tag, uint32_t timeout_ms)
{
	struct msharearena_take t = {
		.size = sizeof(t), .from = from, .tag = tag, .timeout_ms = timeout_ms,
	};

	return ioctl(fd, MSHAREARENA_TAKE, &t) ? -errno : t.ring_fd;
}

static int publish(int fd, int ring, uint64_t tag, int to)
{
	struct msharearena_publish p = {
		.size = sizeof(p), .ring_fd = ring, .tag = tag, .to = to,
	};

	return ioctl(fd, MSHAREARENA_PUBLISH, &p) ? -errno : 0;
}

static struct peer attached_peer(void)
{
	struct peer p = peer_start();

	if (peer_attach(&p, NAME, false) <= 0)
		bail("a peer could not attach");
	return p;
}

static void test_hand_over(void)
{
	struct peer a = attached_peer(), b = attached_peer();
	int ring = PEER(a, .op = PEER_NEW_RING);
	int got;

	is(PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 1, .c = b.pid), 0, "publish");
	is(PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 1, .c = b.pid), -EEXIST,
	   "the same tag again is EEXIST");
	got = PEER(b, .op = PEER_TAKE, .a = a.pid, .b = 1);
	ok(got >= 0, "the other takes it");
	is(PEER(b, .op = PEER_TAKE, .a = a.pid, .b = 1), -EAGAIN, "once");
	is(PEER(b, .op = PEER_POST, .a = got, .b = 99), 0, "and posts to it");
	is(PEER(a, .op = PEER_NEXT), 99, "the publisher sees the message");
	is(PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 1, .c = 0), 0,
	   "the tag is free again, now for anybody");
	ok(PEER(b, .op = PEER_TAKE, .a = 0, .b = 1) >= 0, "who takes it from anybody");
	peer_kill(&a);
	peer_kill(&b);
}

static void test_who(int fd)
{
	struct peer a = attached_peer(), b = attached_peer();
	int ring = PEER(a, .op = PEER_NEW_RING);

	PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 5, .c = b.pid);
	is(take(fd, a.pid, 5, 0), -EAGAIN, "not mine: I cannot take it");
	is(take(fd, 0, 5, 0), -EAGAIN, "nor from anybody");
	is(PEER(b, .op = PEER_TAKE, .a = getpid(), .b = 5), -EAGAIN, "not from another publisher");
	is(PEER(b, .op = PEER_TAKE, .a = a.pid, .b = 6), -EAGAIN, "not by another tag");
	ok(PEER(b, .op = PEER_TAKE, .a = a.pid, .b = 5) >= 0, "but by him it was for");
	peer_kill(&a);
	peer_kill(&b);
}

static void test_errors(int fd)
{
	struct msharearena_publish p = { .size = sizeof(p), .flags = 1 };
	struct msharearena_take t = { .size = sizeof(t), .reserved = 1 };
	int ro = view_open(NAME, "ro", O_RDONLY);
	struct io_uring ring;
	int dead;

	if (io_uring_queue_init(8, &ring, 0))
		bail("io_uring_queue_init");
	is(ioctl(fd, MSHAREARENA_PUBLISH, &p), -1, "publish refuses a flag");
	is(errno, EINVAL, "(EINVAL)");
	is(ioctl(fd, MSHAREARENA_TAKE, &t), -1, "take refuses a reserved bit");
	is(publish(fd, -1, 1, 0), -EBADF, "no descriptor: EBADF");
	is(publish(fd, fd, 1, 0), -EINVAL, "not a ring: EINVAL");
	is(publish(fd, 0, 1, 0), -EINVAL, "nor is stdin");
	is(publish(fd, ring.ring_fd, 1, -1), -EINVAL, "a negative pid");
	is(take(fd, -1, 1, 0), -EINVAL, "(in take too)");
	dead = fork();
	if (!dead)
		_exit(0);
	waitpid(dead, NULL, 0);
	is(publish(fd, ring.ring_fd, 1, dead), -ESRCH, "to a dead process: ESRCH");
	is(take(fd, dead, 1, 0), -ESRCH, "from a dead process: ESRCH");
	is(publish(fd, ring.ring_fd, 1, 0), -ENOTCONN, "not attached: ENOTCONN");
	is(publish(ro, ring.ring_fd, 1, 0), -EACCES, "through ro: EACCES");
	is(take(ro, 0, 1, 0), -EACCES, "take through ro: EACCES");
	close(ro);
	io_uring_queue_exit(&ring);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void test_waiting(int fd)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct peer a = attached_peer(), b = attached_peer();
	int ring = PEER(a, .op = PEER_NEW_RING);
	double t = seconds();

	is(take(fd, a.pid, 9, 200), -ETIMEDOUT, "take waits and times out");
	ok(seconds() - t >= 0.19, "not before its time");
	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	is(take(fd, a.pid, 9, -1), -EINTR, "a signal interrupts a take without limit");
	peer_send(&b, (struct peer_msg){ .op = PEER_TAKE, .a = a.pid, .b = 9, .c = -1 });
	usleep(100000);
	is(PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 9, .c = 0), 0, "a waiting take");
	ok(peer_wait(&b) >= 0, "is woken by the publish");
	peer_kill(&a);
	peer_kill(&b);
}

/* Whichever way the publisher goes, what it published goes with it. */
static void test_publisher_goes(int fd)
{
	static const char *const how[] = { "munmap", "kill -9", "exec" };

	for (int i = 0; i < 3; i++) {
		struct peer a = attached_peer();
		int ring = PEER(a, .op = PEER_NEW_RING);

		PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 11, .c = 0);
		if (i == 0)
			PEER(a, .op = PEER_DETACH);
		else if (i == 1)
			peer_kill(&a);
		else
			peer_send(&a, (struct peer_msg){ .op = PEER_EXEC });
		for (int ms = 0; ms < 5000 && view_region(fd).attached; ms++)
			usleep(1000);
		is(take(fd, 0, 11, 0), -EAGAIN, "dropped at the publisher's %s", how[i]);
		if (i != 1)
			peer_kill(&a);
	}
}

static void test_limit(int fd)
{
	struct io_uring ring;
	int n = 0, ret;
	char *at = attach(fd, PROT_READ | PROT_WRITE);

	if (io_uring_queue_init(8, &ring, 0))
		bail("io_uring_queue_init");
	while (!(ret = publish(fd, ring.ring_fd, n, 0)))
		n++;
	is(ret, -ENOSPC, "too many are ENOSPC (after %d)", n);
	ret = take(fd, 0, n - 1, 0);
	ok(ret >= 0, "one taken");
	close(ret);
	is(publish(fd, ring.ring_fd, n, 0), 0, "makes room for one");
	munmap(at, SLOT);
	is(take(fd, 0, 0, 0), -EAGAIN, "and all go with the attachment");
	io_uring_queue_exit(&ring);
}

/* No free descriptor: the ring must not get lost. */
static void test_emfile(int fd)
{
	struct peer a = attached_peer();
	int ring = PEER(a, .op = PEER_NEW_RING);
	int fds[2048], n = 0, ret;

	PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 3, .c = 0);
	while (n < 2048 && (fds[n] = dup(0)) >= 0)
		n++;
	is(take(fd, a.pid, 3, 0), -EMFILE, "no descriptor is free: EMFILE");
	while (n)
		close(fds[--n]);
	is(ioctl(fd, MSHAREARENA_TAKE, NULL), -1, "(a bad pointer)");
	ret = take(fd, a.pid, 3, 0);
	ok(ret >= 0, "and the ring is still there");
	close(ret);
	peer_kill(&a);
}

/*
 * A ring that holds the region's file in its fixed table and is published
 * through it: dropped with the attachment, so nothing keeps itself alive.
 */
static void test_no_loop(int fd)
{
	long before = hugepages(SZ_2M, "free_hugepages");
	pid_t pid = fork();

	(void)fd;
	if (!pid) {
		int mine = region_with("test-loop", SZ_2M, SZ_2M);
		struct io_uring ring;

		if (!attach(mine, PROT_READ | PROT_WRITE) || io_uring_queue_init(8, &ring, 0) ||
		    io_uring_register_files(&ring, &mine, 1) ||
		    publish(mine, ring.ring_fd, 1, 0) || region_unlink("test-loop"))
			_exit(1);
		_exit(0);
	}
	is(({ int s; waitpid(pid, &s, 0); s; }), 0, "a ring with the region as a fixed file");
	for (int ms = 0; ms < 10000 && hugepages(SZ_2M, "free_hugepages") != before; ms++)
		usleep(1000);
	is(hugepages(SZ_2M, "free_hugepages"), before, "does not keep the region for ever");
}

int main(int argc, char **argv)
{
	int fd;

	peer_main(argc, argv);
	reserve_2m(16);
	fd = region_with(NAME, SZ_2M, SZ_2M);
	test_hand_over();
	test_who(fd);
	test_errors(fd);
	test_waiting(fd);
	test_publisher_goes(fd);
	test_limit(fd);
	test_emfile(fd);
	test_no_loop(fd);
	region_unlink(NAME);
	close(fd);
	return done_testing();
}
