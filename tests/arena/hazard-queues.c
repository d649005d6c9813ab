// SPDX-License-Identifier: MIT
/*
 * Goal: with a ring of the library no completion is lost because the CQ is full, no submission
 * is lost because the SQ is full or an entry fails, and no chain breaks.
 * Method: each situation is made twice, with plain liburing, where the damage is shown, and
 * with a ring of libarena, where there must be none. See docs/hazards.md.
 */
#define _GNU_SOURCE
#include <libarena/ring/core.h>
#include <poll.h>

#include "hazard.h"

#define MANY	64

static void prep_nop(struct io_uring *ring, uint64_t data, unsigned int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, data);
	sqe->flags |= flags;
}

/* Completions that a loop sees which polls the ring and never enters the kernel. */
static int drain_polling(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	unsigned int head;
	int n = 0;

	io_uring_for_each_cqe(ring, head, cqe)
		n++;
	io_uring_cq_advance(ring, (unsigned int)n);
	return n;
}

static void plain_overflow(void)
{
	struct io_uring ring = plain_ring(4, 0);
	int seen = 0;

	for (int i = 0; i < MANY; i++) {
		prep_nop(&ring, 1, 0);
		io_uring_submit(&ring);
	}
	for (int i = 0; i < MANY; i++)
		seen += drain_polling(&ring);
	is(seen, 8, "liburing: polling shows 8 of %d completions, as many as the CQ holds", MANY);
	ok(io_uring_cq_has_overflow(&ring),
	   "liburing: completions that found the CQ full wait in the kernel");
	io_uring_queue_exit(&ring);
}

/* As many zero-copy sends as the ring accepts; each has all completions that it can have. */
static void test_overflow(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 'o');
	struct arena_ring_options o = { .size = sizeof(o), .entries = MANY, .files = MANY };
	struct rig one = *rig;
	struct arena_io io = { .buf = b, .length = 4096 };
	struct arena_op ops[MANY];
	int pairs[MANY][2], ended = 0;

	one.r = rig_ring(rig->a, &o);
	for (int i = 0; i < MANY; i++) {
		rig_tcp(pairs[i]);
		io.file = rig_file(&one, pairs[i][0]);
		is(arena_ring_send_zc(one.r, &io, &ops[i]), 0,
		   "libarena: send %d of %d begins in a ring of %d entries", i + 1, MANY, MANY);
	}
	is(arena_ring_poll(one.r, io.file, POLLIN, false, 0, NULL), -EAGAIN,
	   "libarena: one operation more than the ring has entries is refused");
	for (int i = 0; i < MANY; i++)
		arena_ring_cancel(one.r, ops[i]);
	arena_ring_submit(one.r);
	ok(!io_uring_cq_has_overflow(&one.r->uring),
	   "libarena: the CQ holds the completions of all operations");
	while (ended < MANY)
		ended += !(rig_next(&one).flags & ARENA_EVENT_MORE);
	ok(rig_quiet(&one), "libarena: each of %d cancelled sends ends once", ended);
	is(arena_ring_poll(one.r, io.file, POLLIN, false, 0, NULL), 0,
	   "libarena: an operation begins after others have ended");
	arena_ring_close(one.r);
	for (int i = 0; i < MANY; i++)
		rig_close_pair(pairs[i]);
	is(arena_put(rig->a, b), 0, "libarena: the extent of all sends can be freed afterwards");
}

static void plain_full_sq(void)
{
	struct io_uring ring = plain_ring(4, 0);
	int got = 0;

	for (int i = 0; i < MANY; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

		if (sqe)
			io_uring_prep_nop(sqe);
		got += !!sqe;
	}
	is(got, 4, "liburing: only 4 of %d operations get an entry of the SQ", MANY);
	io_uring_queue_exit(&ring);
}

static void test_full_sq(struct rig *rig)
{
	struct arena_ring_options o = { .size = sizeof(o), .entries = 2048, .files = 1 };
	struct rig one = *rig;
	struct arena_file ready;
	int begun = 0, events = 0;

	/* Twice as many operations as the submission queue has entries. */
	one.r = rig_ring(rig->a, &o);
	ready = rig_eventfd(&one, 1);
	for (uint32_t i = 0; i < o.entries; i++)
		begun += !arena_ring_poll(one.r, ready, POLLIN, false, i, NULL);
	is(begun, 2048, "libarena: 2048 operations begin without a submit between them");
	ok((uint32_t)begun > one.r->uring.sq.ring_entries,
	   "libarena: 2048 operations are more than the SQ has entries");
	for (; events < begun && rig_next(&one).result == POLLIN; events++)
		;
	is(events, begun, "libarena: each of 2048 operations has its event");
	arena_ring_close(one.r);
}

/* The kernel refuses the second of four entries. */
static void plain_failing(void)
{
	struct io_uring ring = plain_ring(8, 0);

	prep_nop(&ring, 1, 0);
	io_uring_get_sqe(&ring)->opcode = 255;
	prep_nop(&ring, 3, 0);
	prep_nop(&ring, 4, 0);
	is(io_uring_submit(&ring), 2, "liburing: no entry behind one that fails is submitted");
	is(io_uring_sq_ready(&ring), 2, "liburing: entries behind one that fails stay in the SQ");
	io_uring_queue_exit(&ring);
}

static void test_failing(struct rig *rig, const char *without)
{
	struct rig one = *rig;
	struct io_uring_sqe *sqe;
	struct arena_file ready;
	int polls = 0;

	one.r = rig_ring_without(rig->a, rig_options, without);
	ready = rig_eventfd(&one, 1);
	arena_ring_poll(one.r, ready, POLLIN, false, 1, NULL);
	sqe = io_uring_get_sqe(&one.r->uring);
	sqe->opcode = 255;
	/* It belongs to a source that does not exist, so the library makes no event of it. */
	io_uring_sqe_set_data64(sqe, user_data(TAG_SOURCE, 1, 0));
	arena_ring_poll(one.r, ready, POLLIN, false, 3, NULL);
	arena_ring_poll(one.r, ready, POLLIN, false, 4, NULL);
	is(arena_ring_submit(one.r), 4,
	   "libarena, without %s: entries behind one that fails are submitted", without);
	is(io_uring_sq_ready(&one.r->uring), 0,
	   "libarena, without %s: no entry stays in the SQ behind one that fails", without);
	for (int i = 0; i < 3; i++)
		polls += rig_next(&one).result == POLLIN;
	is(polls, 3, "libarena, without %s: the other three operations have their events", without);
	arena_ring_close(one.r);
}

/* A short read breaks the chain, so the kernel cancels the operation that is linked to it. */
static void plain_short_chain(void)
{
	struct io_uring ring = plain_ring(8, 0);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	int fd = rig_fd(4, 'f');
	char in[8];

	io_uring_prep_read(sqe, fd, in, sizeof(in), 0);
	sqe->flags |= IOSQE_IO_LINK;
	prep_nop(&ring, 2, 0);
	is(plain_result(&ring), 4, "liburing: the first operation of a chain is a short read");
	is(plain_result(&ring), -ECANCELED,
	   "liburing: the operation behind a short read in a chain is cancelled");
	close(fd);
	io_uring_queue_exit(&ring);
}

/* A submit between the two makes two chains of one. */
static void plain_split_chain(void)
{
	struct io_uring ring = plain_ring(8, 0);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct io_uring_cqe *cqe;
	int pipes[2];
	char in;

	rig_pipe(pipes, 0);
	io_uring_prep_read(sqe, pipes[0], &in, 1, 0);
	io_uring_sqe_set_data64(sqe, 1);
	sqe->flags |= IOSQE_IO_LINK;
	io_uring_submit(&ring);
	prep_nop(&ring, 2, 0);
	io_uring_submit_and_wait(&ring, 1);
	io_uring_peek_cqe(&ring, &cqe);
	is(cqe->user_data, 2,
	   "liburing: the second operation of a chain that a submit splits is done first");
	io_uring_cqe_seen(&ring, cqe);
	/*
	 * The first operation must have ended before the pipe is closed. A worker executes half
	 * a chain and looks up the file only then, so it would take a byte from whatever file
	 * has the number by that time.
	 */
	is(write(pipes[1], "x", 1), 1, "liburing: a byte is written for the first operation");
	is(plain_result(&ring), 1, "liburing: the first operation of the split chain ends last");
	rig_close_pair(pipes);
	io_uring_queue_exit(&ring);
}

/* A read and then a send, without a link: the send begins at the event of the read. */
static void test_chain(struct rig *rig)
{
	struct arena_buf b = rig_buf(rig, 1, 0);
	struct arena_io in = { .buf = b, .length = 4096, .cookie = 1 };
	struct arena_io out = { .buf = b, .length = 4096, .cookie = 2 };
	struct arena_event e;
	int from[2], to[2];
	char half[2048], all[4096];

	rig_tcp(from);
	rig_tcp(to);
	in.file = rig_file(rig, from[0]);
	out.file = rig_file(rig, to[0]);
	memset(half, 'h', sizeof(half));
	arena_ring_read(rig->r, &in, NULL);
	for (int i = 0; i < 2; i++) {
		ok(rig_quiet(rig), "libarena: a read of 4096 bytes does not end after %d",
		   2048 * i);
		if (write(from[1], half, sizeof(half)) != sizeof(half))
			bail("cannot write");
	}
	e = rig_next(rig);
	is(e.result, 4096, "libarena: the read ends with all 4096 bytes");
	is(arena_ring_send(rig->r, &out, NULL), 0, "libarena: a send begins at the read's event");
	is(rig_next(rig).result, 4096, "libarena: the send that follows the read sends all bytes");
	rig_recv_all(to[1], all, sizeof(all));
	ok(all[0] == 'h' && all[4095] == 'h', "libarena: the send has the bytes of the read");
	arena_ring_remove_file(rig->r, in.file);
	arena_ring_remove_file(rig->r, out.file);
	for (int i = 0; i < 2; i++) {
		close(from[i]);
		close(to[i]);
	}
	arena_put(rig->a, b);
}

int main(void)
{
	struct rig rig = rig_open("hazard-queues");

	plain_overflow();
	test_overflow(&rig);
	plain_full_sq();
	test_full_sq(&rig);
	plain_failing();
	test_failing(&rig, "no_mmap");
	test_failing(&rig, "submit_all");
	plain_short_chain();
	plain_split_chain();
	test_chain(&rig);
	rig_close(&rig);
	return done_testing();
}
