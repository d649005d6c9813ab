// SPDX-License-Identifier: MIT
/*
 * Measures what libarena adds to an operation, to an extent of a list, to a message and to a
 * turn, beside the same with liburing alone or with the least that would do. Both sides run in
 * turn, in one thread. Writes CSV to stdout: nanoseconds of the thread's processor time for one
 * operation.
 *
 * With -s and -n it only makes some turns of one side, to be counted by strace and callgrind.
 */
#include "ring.h"

#include <getopt.h>
#include <time.h>

/* Turns between two looks at the clock. */
#define TURNS	64

static struct arena_event events[64];

/* ---- the library ---- */

static struct arena_buf blocks[BATCH];
static struct arena_vec vecs[ARENA_RING_MAX_VECS], whole[BATCH];
static struct arena_file plain_file, registered_file, socket_file;
static struct arena_file direct_file, registered_direct_file;

static void prepare_library(void)
{
	for (uint32_t i = 0; i < BATCH; i++)
		check(arena_get_for(np.a, USE_PAYLOAD, 1, &blocks[i]), "arena_get_for");
	for (uint32_t i = 0; i < BATCH; i++)
		whole[i] = (struct arena_vec){ blocks[i], 0, BLOCK };
	for (uint32_t i = 0; i < ARENA_RING_MAX_VECS; i++)
		vecs[i] = (struct arena_vec){ blocks[i % BATCH], 0, PIECE };
	check(arena_ring_add_file(np.ring, file_fd, &plain_file), "arena_ring_add_file");
	check(arena_ring_add_file(np.registered, file_fd, &registered_file),
	      "arena_ring_add_file");
	check(arena_ring_add_file(np.ring, direct_fd, &direct_file), "arena_ring_add_file");
	check(arena_ring_add_file(np.registered, direct_fd, &registered_direct_file),
	      "arena_ring_add_file");
	check(arena_ring_add_file(np.ring, tcp[0], &socket_file), "arena_ring_add_file");
}

static void take(struct arena_ring *r, uint32_t n, uint32_t bytes)
{
	while (n) {
		int got = check(arena_ring_next_many(r, events, 64, -1), "arena_ring_next_many");

		for (int i = 0; i < got; i++)
			if (events[i].result != (int32_t)bytes)
				die("an operation", events[i].result);
		n -= (uint32_t)got;
	}
}

static void read_blocks(struct arena_ring *r, struct arena_file file)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		const struct arena_io io = {
			.file = file, .buf = blocks[i], .length = BLOCK,
			.offset = i * BLOCK, .cookie = i,
		};

		check(arena_ring_read(r, &io, NULL), "arena_ring_read");
	}
	take(r, BATCH, BLOCK);
}

static void arena_read(void)
{
	read_blocks(np.ring, plain_file);
}

static void arena_read_fixed(void)
{
	read_blocks(np.registered, registered_file);
}

static void read_list(struct arena_ring *r, struct arena_file file)
{
	const struct arena_io io = { .file = file, .vec = whole, .n_vecs = BATCH };

	check(arena_ring_read(r, &io, NULL), "arena_ring_read");
	take(r, 1, BATCH * BLOCK);
}

static void arena_read_list(void)
{
	read_list(np.ring, direct_file);
}

static void arena_read_list_fixed(void)
{
	read_list(np.registered, registered_direct_file);
}

static void send_list(uint32_t n)
{
	const struct arena_io io = { .file = socket_file, .vec = vecs, .n_vecs = n };

	check(arena_ring_send(np.ring, &io, NULL), "arena_ring_send");
	take(np.ring, 1, n * PIECE);
	drop_received(n * PIECE);
}

static void arena_send_one(void)
{
	send_list(1);
}

static void arena_send_list(void)
{
	send_list(ARENA_RING_MAX_VECS);
}

/* The way of a block: disk to SP, to NP, and back. */
static void pass_block(void)
{
	struct arena_buf mine, theirs;
	struct arena_ref ref;

	check(arena_get_for(sp.a, USE_DISK, 1, &mine), "arena_get_for");
	check(arena_lend(sp.a, mine, np_role, &ref), "arena_lend");
	check(arena_borrow(np.a, sp_role, &ref, &theirs), "arena_borrow");
	if (!arena_ptr_const(np.a, theirs))
		die("arena_ptr_const", EINVAL);
	check(arena_return(np.a, theirs, &ref), "arena_return");
	check(arena_regain(sp.a, np_role, &ref, &mine), "arena_regain");
	check(arena_put(sp.a, mine), "arena_put");
}

static void arena_blocks(void)
{
	for (uint32_t i = 0; i < BATCH; i++)
		pass_block();
}

static void arena_messages(void)
{
	struct arena_msg m = { .type = 1 };
	uint32_t n = 0;

	for (uint32_t i = 0; i < BATCH; i++)
		check(arena_channel_send(np.ch, &m), "arena_channel_send");
	check(arena_ring_next_many(np.channels, events, 64, 0), "arena_ring_next_many");
	check(arena_ring_next_many(sp.channels, events, 64, 0), "arena_ring_next_many");
	while (check(arena_channel_recv(sp.ch, &m), "arena_channel_recv"))
		n++;
	if (n != BATCH)
		die("messages", ENOMSG);
}

static void arena_turn(void)
{
	check(arena_ring_next_many(np.ring, events, 64, 0), "arena_ring_next_many");
}

static void arena_turn_channel(void)
{
	check(arena_ring_next_many(np.channels, events, 64, 0), "arena_ring_next_many");
}

/* ---- without it ---- */

static void bare_take(struct io_uring *ring, uint32_t n, uint32_t bytes)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	while (n) {
		uint32_t got = 0;

		check(io_uring_submit_and_wait(ring, 1), "io_uring_submit_and_wait");
		io_uring_for_each_cqe(ring, head, cqe) {
			if (cqe->res != (int32_t)bytes)
				die("an operation", cqe->res);
			got++;
		}
		io_uring_cq_advance(ring, got);
		n -= got;
	}
}

static void finish_sqe(struct io_uring_sqe *sqe, uint64_t data)
{
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(sqe, data);
}

static void bare_read(void)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&bare.ring);

		io_uring_prep_read(sqe, 0, bare.memory + i * BLOCK, BLOCK, i * BLOCK);
		finish_sqe(sqe, i);
	}
	bare_take(&bare.ring, BATCH, BLOCK);
}

static void bare_read_fixed(void)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&bare.registered);

		io_uring_prep_read_fixed(sqe, 0, bare.memory + i * BLOCK, BLOCK, i * BLOCK, 0);
		finish_sqe(sqe, i);
	}
	bare_take(&bare.registered, BATCH, BLOCK);
}

static void bare_read_list(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&bare.ring);
	struct iovec iov[BATCH];

	for (uint32_t i = 0; i < BATCH; i++)
		iov[i] = (struct iovec){ bare.memory + i * BLOCK, BLOCK };
	io_uring_prep_readv(sqe, 2, iov, BATCH, 0);
	finish_sqe(sqe, 0);
	bare_take(&bare.ring, 1, BATCH * BLOCK);
}

static void bare_send(uint32_t n)
{
	struct iovec iov[ARENA_RING_MAX_VECS];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	struct io_uring_sqe *sqe = io_uring_get_sqe(&bare.ring);

	for (uint32_t i = 0; i < n; i++)
		iov[i] = (struct iovec){ bare.memory + i % BATCH * BLOCK, PIECE };
	if (n == 1)
		io_uring_prep_send(sqe, 1, iov->iov_base, PIECE, MSG_NOSIGNAL | MSG_WAITALL);
	else
		io_uring_prep_sendmsg(sqe, 1, &msg, MSG_NOSIGNAL | MSG_WAITALL);
	finish_sqe(sqe, 0);
	bare_take(&bare.ring, 1, n * PIECE);
	drop_received(n * PIECE);
}

static void bare_send_one(void)
{
	bare_send(1);
}

static void bare_send_list(void)
{
	bare_send(ARENA_RING_MAX_VECS);
}

/* A list of free buffers. */
static void bare_blocks(void)
{
	static uint32_t next[BATCH], first;

	for (uint32_t i = 0; i < BATCH; i++) {
		uint32_t index = first;

		first = *(volatile uint32_t *)&next[index];
		*(volatile uint32_t *)&next[index] = first;
		first = index;
	}
}

/* A ring in memory with one writer and one reader. */
static void bare_messages(void)
{
	static struct arena_msg ring[256];
	static uint32_t head, tail;
	struct arena_msg m;
	uint32_t n = 0;

	memset(&m, 1, sizeof(m));
	for (uint32_t i = 0; i < BATCH; i++)
		ring[(tail + i) % 256] = m;
	__atomic_store_n(&tail, tail + BATCH, __ATOMIC_RELEASE);
	while (head != __atomic_load_n(&tail, __ATOMIC_ACQUIRE)) {
		m = *(volatile struct arena_msg *)&ring[head % 256];
		__atomic_store_n(&head, head + 1, __ATOMIC_RELEASE);
		n++;
	}
	if (n != BATCH)
		die("messages", ENOMSG);
}

static void bare_turn(void)
{
	if (io_uring_cq_ready(&bare.ring))
		die("a completion", EINVAL);
}

/* ---- measuring ---- */

/**
 * struct kind - what is measured
 * @name: in the CSV
 * @ops: operations, extents or messages of a turn
 * @arena: a turn of the library
 * @bare: a turn without it
 */
struct kind {
	const char *name;
	uint32_t ops;
	void (*arena)(void);
	void (*bare)(void);
};

static const char *const sides[] = { "arena", "bare" };

static const struct kind kinds[] = {
	{ "read of 4 KiB", BATCH, arena_read, bare_read },
	{ "read of 4 KiB; registered", BATCH, arena_read_fixed, bare_read_fixed },
	{ "direct read; each of 32 extents", BATCH, arena_read_list, bare_read_list },
	{ "the same; arena registered", BATCH, arena_read_list_fixed, bare_read_list },
	{ "send; one extent", 1, arena_send_one, bare_send_one },
	{ "send; each of 64 extents", 64, arena_send_list, bare_send_list },
	{ "extent lent and regained", BATCH, arena_blocks, bare_blocks },
	{ "message; hybrid", BATCH, arena_messages, bare_messages },
	{ "turn without work", 1, arena_turn, bare_turn },
	{ "turn without work; a channel", 1, arena_turn_channel, bare_turn },
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void (*turn_of(const struct kind *kind, int side))(void)
{
	return side ? kind->bare : kind->arena;
}

/* Under this name callgrind knows what to count. */
static __attribute__((noinline)) void make_turns(void (*turn)(void), uint64_t n)
{
	while (n--)
		turn();
}

static void measure(const struct kind *kind, int side, int rep, uint64_t ms)
{
	uint64_t began = cpu_ns(), took, turns = 0;

	do {
		make_turns(turn_of(kind, side), TURNS);
		turns += TURNS;
		took = cpu_ns() - began;
	} while (took < ms * 1000000);
	printf("%s,%s,%d,%.2f\n", kind->name, sides[side], rep,
	       (double)took / (double)(turns * kind->ops));
	fflush(stdout);
}

/**
 * struct options - from the command line
 * @reps: how often each is measured
 * @ms: for how long
 * @kind: which, or NULL for all
 * @side: which, with @turns
 * @turns: 0, or how many turns to make instead of measuring
 */
struct options {
	int reps;
	uint64_t ms;
	const char *kind;
	int side;
	uint64_t turns;
};

static _Noreturn void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"Usage: ring [-l] [-r REPETITIONS] [-t MS] [-k KIND] [-s arena|bare -n TURNS]\n"
		"  -l  list the kinds, with the operations of a turn\n"
		"  -r  how often each is measured, in turn with the others (7)\n"
		"  -t  milliseconds for each measurement (100)\n"
		"  -k  this kind only\n"
		"  -s, -n  make so many turns of one side, and measure nothing\n");
	exit(status);
}

static _Noreturn void list(void)
{
	for (size_t i = 0; i < KINDS; i++)
		printf("%s,%u\n", kinds[i].name, kinds[i].ops);
	exit(0);
}

static struct options parse(int argc, char **argv)
{
	struct options o = { .reps = 7, .ms = 100 };
	int c;

	while ((c = getopt(argc, argv, "hlr:t:k:s:n:")) != -1) {
		switch (c) {
		case 'l':
			list();
		case 'r':
			o.reps = atoi(optarg);
			break;
		case 't':
			o.ms = strtoul(optarg, NULL, 10);
			break;
		case 'k':
			o.kind = optarg;
			break;
		case 's':
			o.side = strcmp(optarg, sides[0]) != 0;
			break;
		case 'n':
			o.turns = strtoul(optarg, NULL, 10);
			break;
		default:
			usage(c != 'h');
		}
	}
	return o;
}

static void run(const struct kind *kind, const struct options *o, int rep)
{
	if (o->kind && strcmp(o->kind, kind->name) != 0)
		return;
	if (o->turns) {
		make_turns(turn_of(kind, o->side), o->turns);
		return;
	}
	for (int side = 0; side < 2; side++)
		measure(kind, side, rep, o->ms);
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);

	make_all();
	prepare_library();
	for (int rep = 0; rep < (o.turns ? 1 : o.reps); rep++)
		for (size_t i = 0; i < KINDS; i++)
			run(&kinds[i], &o, rep);
	return 0;
}
