// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: a process that has taken a mailbox can post messages to it and nothing else, and its
 * owner cannot register anything with it.
 * Method: take a mailbox and try every other operation.
 */
#include <libarena/channel/mailbox.h>

#include "channel.h"

#define TAG	((uint64_t)ARENA_ROLE(1, 0) << 32)

/* Returns 0, or the number of an operation that should have failed. */
static int hold(pid_t from)
{
	int fd = mshare_take_ring(region, from, TAG, PATIENCE_MS);
	struct iovec iov = { .iov_base = &fd, .iov_len = sizeof(fd) };

	if (fd < 0)
		return 1;
	if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, IORING_OFF_SQ_RING) != MAP_FAILED)
		return 2;
	if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, IORING_OFF_CQ_RING) != MAP_FAILED)
		return 3;
	if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, IORING_OFF_SQES) != MAP_FAILED)
		return 4;
	if (io_uring_enter((unsigned int)fd, 1, 0, 0, NULL) >= 0)
		return 5;
	if (io_uring_register((unsigned int)fd, IORING_REGISTER_BUFFERS, &iov, 1) >= 0)
		return 6;
	if (io_uring_register((unsigned int)fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) >= 0)
		return 7;
	return 0;
}

static void test_holder(struct arena_mailbox *box)
{
	pid_t parent = getpid(), pid = fork();
	int status;

	if (!pid) {
		channel_base();
		_exit(hold(parent));
	}
	if (mshare_publish_ring(region, box->ring.ring_fd, pid, TAG))
		bail("publish");
	waitpid(pid, &status, 0);
	is(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0,
	   "a process that has taken a mailbox can neither map it, nor submit, nor register");
}

static void test_owner_is_restricted(struct arena_mailbox *box)
{
	struct io_uring_probe *probe = calloc(1, sizeof(*probe) + 8 * sizeof(probe->ops[0]));

	is(io_uring_register((unsigned int)box->ring.ring_fd, IORING_REGISTER_PROBE, probe, 8),
	   -EACCES, "the owner of a mailbox cannot register anything with it");
	free(probe);
}

int main(void)
{
	struct arena_mailbox box;
	struct io_uring like;

	channel_test_begin();
	if (io_uring_queue_init(2, &like, 0))
		bail("io_uring");
	is(arena_mailbox_open(&box, 0, &like), -EINVAL,
	   "opening a mailbox for 0 messages is refused");
	is(arena_mailbox_open(&box, 65537, &like), -EINVAL,
	   "opening a mailbox for 65537 messages is refused");
	if (!ok(!arena_mailbox_open(&box, 1, &like),
		"a mailbox for one message can be opened"))
		return channel_test_end();
	test_owner_is_restricted(&box);
	test_holder(&box);
	arena_mailbox_close(&box);
	io_uring_queue_exit(&like);
	return channel_test_end();
}
