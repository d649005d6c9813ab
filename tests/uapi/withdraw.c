// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: a published ring can be withdrawn by its publisher, the result says whether it was
 * taken before, and the module does not hold the ring afterwards.
 */
#include "util.h"

#include <liburing.h>
#include <pthread.h>

#define NAME "test-withdraw"

static int region;
static char *base;

static struct io_uring new_ring(void)
{
	struct io_uring ring;

	if (io_uring_queue_init(8, &ring, 0))
		bail("io_uring_queue_init");
	return ring;
}

static void test_answers(void)
{
	struct io_uring ring = new_ring();

	is(withdraw(region, 1), -ENOENT, "withdrawing a tag that was never published gives ENOENT");
	is(publish(region, ring.ring_fd, 1, -1), 0, "a ring is published");
	is(withdraw(region, 2), -ENOENT, "withdrawing another tag gives ENOENT");
	is(withdraw(region, 1), 0, "the published ring can be withdrawn");
	is(take(region, -1, 1), -EAGAIN, "a withdrawn ring cannot be taken");
	is(withdraw(region, 1), -ENOENT, "withdrawing a ring twice gives ENOENT");
	is(publish(region, ring.ring_fd, 1, -1), 0,
	   "the tag of a withdrawn ring can be used again");
	is(publish(region, ring.ring_fd, 2, -1), 0, "the ring is published under another tag, too");
	is(closed(take(region, -1, 1)), 0, "the ring is taken by its first tag");
	is(withdraw(region, 1), -ENOENT, "withdrawing a ring that was taken gives ENOENT");
	is(withdraw(region, 2), 0, "the ring can be withdrawn by its other tag");
	io_uring_queue_exit(&ring);
}

static int withdraw_with(int fd, struct msharearena_withdraw w)
{
	w.size = w.size ? w.size : sizeof(w);
	return command(fd, MSHAREARENA_WITHDRAW, &w);
}

static void test_arguments(void)
{
	int ro = view_open(NAME, "ro", O_RDONLY), rd = view_open(NAME, "rw", O_RDONLY);

	is(withdraw_with(region, (struct msharearena_withdraw){ .flags = 1 }), -EINVAL,
	   "WITHDRAW refuses a flag");
	is(withdraw_with(region, (struct msharearena_withdraw){ .size = 12 }), -EINVAL,
	   "WITHDRAW refuses a size that is short");
	is(command(region, MSHAREARENA_WITHDRAW, NULL), -EFAULT,
	   "WITHDRAW with a bad pointer gives EFAULT");
	is(withdraw(ro, 1), -EACCES, "withdrawing through the view ro gives EACCES");
	is(withdraw(rd, 1), -EACCES, "withdrawing through rw opened for reading gives EACCES");
	close(ro);
	close(rd);
}

/* A process can withdraw only rings that it has published itself. */
static void test_others(void)
{
	struct io_uring ring = new_ring();
	int status;
	pid_t pid;

	is(publish(region, ring.ring_fd, 5, -1), 0,
	   "a ring is published that others try to withdraw");
	pid = fork();
	if (!pid) {
		int fd = view_open(NAME, "rw", O_RDWR);

		if (withdraw(fd, 5) != -ENOTCONN)
			_exit(1);
		if (!attach(fd, PROT_READ | PROT_WRITE))
			_exit(2);
		_exit(withdraw(fd, 5) == -ENOENT ? 0 : 3);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "WITHDRAW by another process gives ENOTCONN, and ENOENT when it is attached");
	is(withdraw(region, 5), 0, "the publisher can withdraw the ring after others tried");
	io_uring_queue_exit(&ring);
}

static void test_detached(void)
{
	struct io_uring ring = new_ring();

	is(publish(region, ring.ring_fd, 6, -1), 0, "a ring is published before munmap");
	munmap(base, WINDOW);
	is(withdraw(region, 6), -ENOTCONN, "withdrawing after munmap gives ENOTCONN");
	base = attach(region, PROT_READ | PROT_WRITE);
	is(withdraw(region, 6), -ENOENT,
	   "withdrawing after attaching again gives ENOENT, as munmap dropped the ring");
	io_uring_queue_exit(&ring);
}

/* ---- the module drops the ring ---- */

static bool gone(long tables)
{
	for (int ms = 0; ms < 30000; ms++) {
		if (hugepages(SZ_2M, "free_hugepages") == tables)
			return true;
		usleep(1000);
	}
	return false;
}

/*
 * A ring has a huge page registered, which becomes free when the last reference to the ring
 * is dropped, and not before.
 */
static void test_released(void)
{
	long before = hugepages(SZ_2M, "free_hugepages");
	struct iovec iov = { .iov_base = donor(SZ_2M, SZ_2M), .iov_len = SZ_2M };
	struct io_uring ring = new_ring();

	memset(iov.iov_base, 1, 4096);
	if (io_uring_register_buffers(&ring, &iov, 1))
		bail("a ring with a registered buffer");
	munmap(iov.iov_base, SZ_2M);
	is(publish(region, ring.ring_fd, 7, -1), 0, "a ring that holds a huge page is published");
	io_uring_queue_exit(&ring);
	usleep(300000);
	is(hugepages(SZ_2M, "free_hugepages"), before - 1,
	   "the module holds a published ring that its owner has closed");
	is(withdraw(region, 7), 0, "the ring that holds a huge page is withdrawn");
	ok(gone(before), "the huge page of a withdrawn ring becomes free");
}

/* ---- WITHDRAW races with TAKE ---- */

#define ROUNDS 400

static volatile int round_of[2];	/* the rounds of publisher and taker */
static int taken;

static void *takes(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int fd;

		while (round_of[0] <= i)
			sched_yield();
		fd = take(region, -1, i);
		if (fd >= 0) {
			taken++;
			close(fd);
		}
		round_of[1] = i + 1;
	}
	return arg;
}

/* Each ring is either taken or withdrawn, never both and never neither. */
static void test_race(void)
{
	struct io_uring ring = new_ring();
	int withdrawn = 0, other = 0;
	pthread_t t;

	pthread_create(&t, NULL, takes, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		int ret;

		other += publish(region, ring.ring_fd, i, -1) != 0;
		round_of[0] = i + 1;
		for (int spin = i % 64; spin; spin--)
			sched_yield();
		/* WITHDRAW gives EAGAIN while the thread is taking the ring. */
		do {
			ret = withdraw(region, i);
		} while (ret == -EAGAIN);
		withdrawn += !ret;
		other += ret && ret != -ENOENT;
		while (round_of[1] <= i)
			sched_yield();
	}
	pthread_join(t, NULL);
	is(other, 0, "WITHDRAW of %d rings gives no unexpected error while a thread takes them",
	   ROUNDS);
	is(taken + withdrawn, ROUNDS, "each ring is either taken or withdrawn (%d taken)", taken);
	io_uring_queue_exit(&ring);
}

int main(void)
{
	reserve_2m(16);
	region = region_with(NAME, SZ_2M, SZ_2M);
	base = attach(region, PROT_READ | PROT_WRITE);
	test_answers();
	test_arguments();
	test_others();
	test_detached();
	test_released();
	test_race();
	munmap(base, WINDOW);
	view_unlink(region);
	close(region);
	return done_testing();
}
