/* SPDX-License-Identifier: MIT */
/*
 * Handoffs by older means of the kernel: eventfd, futex, socket, pipe, message queue. And by
 * the fastest possible means, a bare ring in shared memory.
 */
#ifndef BENCH_HANDOFF_KERNEL_H
#define BENCH_HANDOFF_KERNEL_H

#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handoff.h"

static int fds[2][2];		/* fds[side]: one to read from, one to write to */
static mqd_t queues[2];
static uint32_t counted, taken;

/* A bare ring without checks and wake-ups, which reads the head only if the ring seems full. */
static void bare_start(void)
{
	counted = 0;
}

static void bare_send(uint64_t v)
{
	uint32_t tail = to->tail.v;

	while (counted + RING == tail) {
		counted = __atomic_load_n(&from->head.v, __ATOMIC_ACQUIRE);
		relax();
	}
	to->bare[tail % RING] = v;
	__atomic_store_n(&to->tail.v, tail + 1, __ATOMIC_RELEASE);
}

static uint64_t bare_recv(void)
{
	uint32_t head = to->head.v;
	uint64_t v;

	while (__atomic_load_n(&from->tail.v, __ATOMIC_ACQUIRE) == head)
		relax();
	v = from->bare[head % RING];
	__atomic_store_n(&to->head.v, head + 1, __ATOMIC_RELEASE);
	return v;
}

static int eventfd_make(int p[2])
{
	p[0] = eventfd(0, EFD_SEMAPHORE);
	p[1] = dup(p[0]);
	return p[0] < 0 || p[1] < 0;
}

static int socket_make(int p[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p);
}

static void pair_init(int (*make)(int p[2]))
{
	for (int s = 0; s < 2; s++) {
		int p[2];

		if (make(p))
			die("descriptors");
		/* Side s writes to the second one, the other reads the first. */
		fds[s][1] = p[1];
		fds[!s][0] = p[0];
	}
}

static void socket_init(void)
{
	pair_init(socket_make);
}

static void pipe_init(void)
{
	pair_init(pipe);
}

static void eventfd_init(void)
{
	pair_init(eventfd_make);
}

static void pair_end(void)
{
	for (int s = 0; s < 2; s++) {
		close(fds[s][0]);
		close(fds[s][1]);
	}
}

static void fd_send(uint64_t v)
{
	if (write(fds[side][1], &v, sizeof(v)) != sizeof(v))
		die("write");
}

static uint64_t fd_recv(void)
{
	uint64_t v;

	if (read(fds[side][0], &v, sizeof(v)) != sizeof(v))
		die("read");
	return v;
}

/* An eventfd only counts, so the values lie in shared memory. */
static void count_start(void)
{
	counted = 0;
	taken = 0;
}

static void eventfd_send(uint64_t v)
{
	to->bare[counted++ % RING] = v;
	fd_send(1);
}

static uint64_t eventfd_recv(void)
{
	fd_recv();
	return from->bare[taken++ % RING];
}

static void futex_send(uint64_t v)
{
	to->bare[counted++ % RING] = v;
	__atomic_store_n(&to->word.v, counted, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&from->waiting.v, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &to->word.v, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static uint64_t futex_recv(void)
{
	while (__atomic_load_n(&from->word.v, __ATOMIC_ACQUIRE) == taken) {
		__atomic_store_n(&to->waiting.v, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &from->word.v, FUTEX_WAIT, taken, NULL, NULL, 0);
		__atomic_store_n(&to->waiting.v, 0, __ATOMIC_SEQ_CST);
	}
	return from->bare[taken++ % RING];
}

static void mq_init(void)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = sizeof(uint64_t) };

	for (int s = 0; s < 2; s++) {
		char name[40];

		snprintf(name, sizeof(name), "/msharearena-bench-%d-%d", getpid(), s);
		queues[s] = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
		if (queues[s] == (mqd_t)-1)
			die("mq_open");
		mq_unlink(name);
	}
}

static void mq_end(void)
{
	mq_close(queues[0]);
	mq_close(queues[1]);
}

static void mq_put(uint64_t v)
{
	if (mq_send(queues[side], (char *)&v, sizeof(v), 0))
		die("mq_send");
}

static uint64_t mq_get(void)
{
	uint64_t v;

	if (mq_receive(queues[!side], (char *)&v, sizeof(v), NULL) != sizeof(v))
		die("mq_receive");
	return v;
}

#endif /* BENCH_HANDOFF_KERNEL_H */
