// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: a published ring can be taken once, by the right process, and is dropped when its
 * publisher detaches or ends.
 */
#include <liburing.h>

/* Peers of this test execute further commands, see peer_extra(). */
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

	is(PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 1, .c = b.pid), 0,
	   "a process can publish a ring for another one");
	is(PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 1, .c = b.pid), -EEXIST,
	   "publishing under the same tag again gives EEXIST");
	got = PEER(b, .op = PEER_TAKE, .a = a.pid, .b = 1);
	ok(got >= 0, "the other process can take the ring");
	is(PEER(b, .op = PEER_TAKE, .a = a.pid, .b = 1), -EAGAIN,
	   "a ring that was taken cannot be taken again");
	is(PEER(b, .op = PEER_POST, .a = got, .b = 99), 0,
	   "the process that took a ring can post to it");
	is(PEER(a, .op = PEER_NEXT), 99, "the publisher gets the message that was posted");
	is(PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 1, .c = 0), 0,
	   "the tag of a ring that was taken can be used again, for any process");
	ok(PEER(b, .op = PEER_TAKE, .a = 0, .b = 1) >= 0,
	   "TAKE from any publisher gives a ring for any process");
	peer_kill(&a);
	peer_kill(&b);
}

static void test_who(int fd)
{
	struct peer a = attached_peer(), b = attached_peer();
	int ring = PEER(a, .op = PEER_NEW_RING), from = pidfd_of(a.pid);

	PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 5, .c = b.pid);
	is(take(fd, from, 5), -EAGAIN, "a process that was not named cannot take the ring");
	is(take(fd, -1, 5), -EAGAIN,
	   "a process that was not named cannot take the ring with any publisher");
	is(PEER(b, .op = PEER_TAKE, .a = getpid(), .b = 5), -EAGAIN,
	   "the process that was named cannot take it from another publisher");
	is(PEER(b, .op = PEER_TAKE, .a = a.pid, .b = 6), -EAGAIN,
	   "the process that was named cannot take it by another tag");
	ok(PEER(b, .op = PEER_TAKE, .a = a.pid, .b = 5) >= 0,
	   "the process that was named can take the ring from its publisher by its tag");
	close(from);
	peer_kill(&a);
	peer_kill(&b);
}

/* The new descriptor is not inherited by programs that the taker executes. */
static void test_descriptor(int fd)
{
	struct peer a = attached_peer();
	int ring = PEER(a, .op = PEER_NEW_RING), got;

	PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 2, .c = 0);
	got = take(fd, -1, 2);
	is(fcntl(got, F_GETFD), FD_CLOEXEC, "a ring that was taken is close-on-exec");
	close(got);
	peer_kill(&a);
}

static int publish_with(int fd, struct msharearena_publish p)
{
	p.size = p.size ? p.size : sizeof(p);
	return command(fd, MSHAREARENA_PUBLISH, &p);
}

static int take_with(int fd, struct msharearena_take t)
{
	t.size = t.size ? t.size : sizeof(t);
	t.from_pidfd = -1;
	return command(fd, MSHAREARENA_TAKE, &t);
}

static void test_errors(int fd)
{
	int ro = view_open(NAME, "ro", O_RDONLY), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct io_uring ring;

	if (io_uring_queue_init(8, &ring, 0))
		bail("io_uring_queue_init");
	is(publish_with(fd, (struct msharearena_publish){ .flags = 1 }), -EINVAL,
	   "PUBLISH refuses a flag");
	is(publish_with(fd, (struct msharearena_publish){ .size = 8 }), -EINVAL,
	   "PUBLISH refuses a size that is short");
	is(take_with(fd, (struct msharearena_take){ .flags = 1 }), -EINVAL,
	   "TAKE refuses a flag");
	is(take_with(fd, (struct msharearena_take){ .reserved = 1 }), -EINVAL,
	   "TAKE refuses a reserved bit");
	is(take_with(fd, (struct msharearena_take){ .size = 8 }), -EINVAL,
	   "TAKE refuses a size that is short");
	is(command(fd, MSHAREARENA_TAKE, NULL), -EFAULT, "TAKE with a bad pointer gives EFAULT");
	is(publish(fd, -1, 1, -1), -EBADF, "publishing the descriptor -1 gives EBADF");
	is(publish(fd, fd, 1, -1), -EINVAL, "publishing a region's file gives EINVAL");
	is(publish(fd, null, 1, -1), -EINVAL, "publishing /dev/null gives EINVAL");
	is(publish(fd, ring.ring_fd, 1, -1), -ENOTCONN,
	   "publishing from a process that is not attached gives ENOTCONN");
	is(publish(ro, ring.ring_fd, 1, -1), -EACCES,
	   "publishing through the view ro gives EACCES");
	is(take(ro, -1, 1), -EACCES, "taking through the view ro gives EACCES");
	is(take(fd, -1, 1), -EAGAIN, "taking a ring that is not published gives EAGAIN");
	close(null);
	close(ro);
	io_uring_queue_exit(&ring);
}

/* TAKE does not wait; poll(2) does. */
static void test_waiting(int fd)
{
	struct peer a = attached_peer(), b = attached_peer();
	int ring = PEER(a, .op = PEER_NEW_RING), from = pidfd_of(a.pid);

	is(take_within(fd, from, 9, 200), -EAGAIN,
	   "waiting for a ring that nobody publishes ends with EAGAIN");
	peer_send(&b, (struct peer_msg){ .op = PEER_TAKE, .a = a.pid, .b = 9, .c = 60000 });
	usleep(100000);
	is(PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 9, .c = b.pid), 0,
	   "a ring is published for a process that waits");
	ok(peer_wait(&b) >= 0, "a process that waits can take the ring when it is published");
	close(from);
	peer_kill(&a);
	peer_kill(&b);
}

/* The rings of a publisher are dropped in whichever way it detaches. */
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
		is(take(fd, -1, 11), -EAGAIN,
		   "a ring cannot be taken after its publisher's %s", how[i]);
		if (i != 1)
			peer_kill(&a);
	}
}

/* A ring must not be lost if no descriptor is free. */
static void test_emfile(int fd)
{
	struct peer a = attached_peer();
	int ring = PEER(a, .op = PEER_NEW_RING), from = pidfd_of(a.pid);
	int fds[2048], n = 0, ret;

	PEER(a, .op = PEER_PUBLISH, .a = ring, .b = 3, .c = 0);
	while (n < 2048 && (fds[n] = dup(0)) >= 0)
		n++;
	is(take(fd, from, 3), -EMFILE, "taking a ring when no descriptor is free gives EMFILE");
	while (n)
		close(fds[--n]);
	ret = take(fd, from, 3);
	ok(ret >= 0, "the ring can be taken after EMFILE");
	close(ret);
	close(from);
	peer_kill(&a);
}

/*
 * A ring that has the region's file in its table of fixed files is published through that
 * file. It is dropped with the attachment, so that the two do not keep each other.
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
		    publish(mine, ring.ring_fd, 1, -1) || region_unlink("test-loop"))
			_exit(1);
		_exit(0);
	}
	is(({ int s; waitpid(pid, &s, 0); s; }), 0,
	   "a ring with the region as a fixed file is published");
	for (int ms = 0; ms < 10000 && hugepages(SZ_2M, "free_hugepages") != before; ms++)
		usleep(1000);
	is(hugepages(SZ_2M, "free_hugepages"), before,
	   "a published ring with the region as a fixed file does not keep the region");
}

int main(int argc, char **argv)
{
	int fd;

	peer_main(argc, argv);
	reserve_2m(16);
	fd = region_with(NAME, SZ_2M, SZ_2M);
	test_hand_over();
	test_who(fd);
	test_descriptor(fd);
	test_errors(fd);
	test_waiting(fd);
	test_publisher_goes(fd);
	test_emfile(fd);
	test_no_loop(fd);
	region_unlink(NAME);
	close(fd);
	return done_testing();
}
