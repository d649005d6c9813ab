// SPDX-License-Identifier: MIT
/*
 * Goal: messages between two processes arrive in order, with what was written
 * before them; too many are noticed; whoever holds a mailbox can do nothing
 * with it but post.
 * Method: fork; the child is the NP, the parent SP 0.
 */
#include <errno.h>
#include <libarena/channel.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region.h"

#define NAME		"unit"
#define LENGTH		(16UL << 20)
#define ENTRIES		1000
#define MESSAGES	200000
#define TAG_OF_CHILD	((uint64_t)ARENA_ROLE_NP(0) << 32 | ARENA_ROLE_SP(0))

/* Where message @i of a window has its payload. */
static volatile uint64_t *payload(void *region, uint32_t i)
{
	return (volatile uint64_t *)region + 512 + i % ENTRIES;
}

static int ring_open(struct io_uring *ring)
{
	return io_uring_queue_init(256, ring, IORING_SETUP_SINGLE_ISSUER |
				   IORING_SETUP_DEFER_TASKRUN);
}

static void send_message(struct arena_channel *ch, struct io_uring *ring, uint32_t i)
{
	struct arena_msg m = {
		.type = ARENA_MSG_REQUEST,
		.slot = (uint16_t)i,
		.index = i,
		.generation = (uint16_t)(i >> 16),
	};

	while (arena_channel_prep(ch, ring, &m, 1) == -EAGAIN)
		io_uring_submit(ring);
}

/* The NP: at most ENTRIES messages ahead of the peer's acknowledgements. */
static int sender(struct mshare *m, void *region, pid_t peer)
{
	struct arena_channel *ch;
	struct io_uring ring;
	uint32_t acked = 0;
	struct arena_msg ack;

	if (mshare_attach(m, &region) || ring_open(&ring) ||
	    arena_channel_open(m, ARENA_ROLE_NP(0), ARENA_ROLE_SP(0), peer, 64, 5000, &ch))
		return 1;
	for (uint32_t i = 0; i < MESSAGES; i++) {
		while (i - acked >= ENTRIES) {
			io_uring_submit(&ring);
			if (arena_channel_next(ch, &ack) == 1)
				acked = ack.index;
		}
		*payload(region, i) = i * 2654435761ULL;
		send_message(ch, &ring, i);
	}
	io_uring_submit(&ring);
	while (acked < MESSAGES)
		if (arena_channel_next(ch, &ack) == 1)
			acked = ack.index;
	/* Now, without regard to what was agreed, until the peer hangs up. */
	for (uint32_t i = 0; i < 2048; i++)
		send_message(ch, &ring, i);
	io_uring_submit(&ring);
	if (arena_channel_sent(ch) != MESSAGES + 2048)
		return 2;
	arena_channel_close(ch);
	io_uring_queue_exit(&ring);
	return 0;
}

static int next_message(struct arena_channel *ch, struct arena_msg *msg)
{
	struct pollfd fd = { .fd = arena_channel_fd(ch), .events = POLLIN };
	int ret;

	while (!(ret = arena_channel_next(ch, msg)))
		if (poll(&fd, 1, 10000) != 1)
			return 0;
	return ret;
}

static void receive_all(struct arena_channel *ch, struct io_uring *ring, void *region)
{
	bool order = true, content = true;
	struct arena_msg msg, ack = { .type = ARENA_MSG_REPLY };
	uint32_t i;

	for (i = 0; i < MESSAGES && next_message(ch, &msg) == 1; i++) {
		order &= msg.index == i && msg.slot == (uint16_t)i &&
			 msg.generation == i >> 16;
		content &= *payload(region, i) == i * 2654435761ULL;
		/* Often enough, and never more than the sender has room for. */
		if (i % 100 == 99) {
			ack.index = i + 1;
			arena_channel_prep(ch, ring, &ack, 1);
			io_uring_submit(ring);
		}
	}
	is(i, MESSAGES, "all messages arrive");
	ok(order, "in order");
	ok(content, "with what was written before them");
	is(arena_channel_received(ch), MESSAGES, "and were counted");
	ok(!io_uring_cq_ready(ring), "a message that was sent leaves no completion");
}

static void test_traffic(struct mshare *m, void *region)
{
	struct arena_channel *ch;
	struct arena_msg msg;
	struct io_uring ring;
	pid_t parent = getpid(), pid = fork();
	int status, ret;

	if (!pid)
		_exit(sender(m, region, parent));
	ret = arena_channel_open(m, ARENA_ROLE_SP(0), ARENA_ROLE_NP(0), pid, ENTRIES, 5000, &ch);
	if (!ok(!ret && !ring_open(&ring), "open"))
		exit(done_testing());
	receive_all(ch, &ring, region);
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && !WEXITSTATUS(status), "the sender was content");
	is(arena_channel_next(ch, &msg), -EOVERFLOW, "too many messages are noticed");
	is(arena_channel_next(ch, &msg), -EOVERFLOW, "and not forgotten");
	is(arena_channel_received(ch), MESSAGES, "none of them was given out");
	arena_channel_close(ch);
	io_uring_queue_exit(&ring);
}

/* The holder of a mailbox: 0, or the number of what it should not be able to. */
static int hold(struct mshare *m, pid_t from)
{
	int fd = mshare_take_ring(m, from, (uint64_t)ARENA_ROLE_SP(0) << 32, 5000);
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

static void test_holder(struct mshare *m)
{
	struct arena_channel *ch;
	pid_t parent = getpid(), pid = fork();
	int status;

	if (!pid)
		_exit(hold(m, parent));
	/* The holder never publishes, so this waits and fails, meanwhile it tries. */
	is(arena_channel_open(m, ARENA_ROLE_SP(0), ARENA_ROLE_NP(0), 0, ENTRIES, 500, &ch),
	   -ETIMEDOUT, "a peer that does not come");
	waitpid(pid, &status, 0);
	is(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0,
	   "a holder can neither map, nor submit, nor register");
}

static void test_owner_is_bound(struct mshare *m)
{
	struct arena_channel *a, *b;
	struct io_uring_probe *probe = calloc(1, sizeof(*probe) + 8 * sizeof(probe->ops[0]));
	pid_t pid = fork();
	int fd, status;
	void *region;

	if (!pid) {
		if (mshare_attach(m, &region) ||
		    arena_channel_open(m, ARENA_ROLE_SP(1), ARENA_ROLE_NP(0), getppid(), 8, 5000,
				       &b))
			_exit(1);
		pause();
	}
	if (!ok(!arena_channel_open(m, ARENA_ROLE_NP(0), ARENA_ROLE_SP(1), pid, 1, 5000, &a),
		"a mailbox of one"))
		return;
	fd = arena_channel_fd(a);
	is(io_uring_register((unsigned int)fd, IORING_REGISTER_PROBE, probe, 8), -EACCES,
	   "the owner cannot register anything either");
	free(probe);
	arena_channel_close(a);
	arena_channel_close(NULL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

int main(void)
{
	struct io_uring ring;
	struct mshare *m;
	void *region;

	if (io_uring_queue_init(8, &ring, 0)) {
		printf("1..0 # SKIP no io_uring\n");
		return EXIT_SUCCESS;
	}
	io_uring_queue_exit(&ring);
	m = arena_test_region(NAME, LENGTH);
	if (mshare_attach(m, &region))
		return EXIT_FAILURE;
	test_traffic(m, region);
	test_holder(m);
	test_owner_is_bound(m);
	arena_test_end(NAME, m);
	return done_testing();
}
