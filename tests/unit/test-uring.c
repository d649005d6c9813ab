// SPDX-License-Identifier: MIT
/*
 * Goal: a process ends if entries cannot be submitted, and does not try it for ever.
 * Method: the ring's descriptor becomes /dev/null, so that each submission fails.
 */
#include <common/log.h>
#include <common/uring.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define ENTRIES	4U

static void fill(struct io_uring *ring)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		io_uring_prep_nop(io_uring_get_sqe(ring));
}

static void break_ring(struct io_uring *ring)
{
	int fd = open("/dev/null", O_RDWR);

	dup2(fd, ring->ring_fd);
	close(fd);
}

static void submit(struct io_uring *ring)
{
	uring_submit(ring);
}

static void get_entry(struct io_uring *ring)
{
	uring_sqe(ring);
}

/* The status of a process with a full ring that is broken; -1 if it does not end. */
static int status_with_broken_ring(void (*f)(struct io_uring *ring))
{
	static struct io_uring ring;
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		if (!freopen("/dev/null", "w", stderr) ||
		    io_uring_queue_init(ENTRIES, &ring, 0))
			_exit(98);
		fill(&ring);
		break_ring(&ring);
		alarm(10);
		f(&ring);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void submits(void)
{
	struct io_uring ring;

	if (io_uring_queue_init(ENTRIES, &ring, 0)) {
		skip("this machine allows no io_uring");
		return;
	}
	fill(&ring);
	ok(uring_sqe(&ring), "uring_sqe() gives an entry although the ring was full");
	uring_submit(&ring);
	is(io_uring_sq_ready(&ring), 0, "nothing is left to submit after uring_submit()");
	is(io_uring_cq_ready(&ring), ENTRIES + 1, "every entry has been submitted");
	io_uring_queue_exit(&ring);
	is(status_with_broken_ring(submit), 1,
	   "a submission that always fails ends the process with status 1");
	is(status_with_broken_ring(get_entry), 1,
	   "nobody waits for an entry that never comes free");
}

int main(void)
{
	log_init("test", LOG_LEVEL_INFO);
	submits();
	return done_testing();
}
