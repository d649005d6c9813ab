// SPDX-License-Identifier: MIT
/*
 * Measures what it costs to hand a buffer to another process: by messages of
 * io_uring to a ring, by our ring in shared memory that wakes sleepers so (hybrid), and
 * by what the kernel has had for long; with a bare ring in shared memory as the
 * floor. Two processes, each on a processor of its own. Writes CSV to stdout and
 * says on stderr what it is at.
 *
 *   round   one message there and one back, the next when that is here
 *   flood   as many as go through, 64 at most on their way
 *   load    one way, at a share of what flood got through, at even intervals
 *
 * Times are in ns, rate in messages a second. Every message has a number, and each
 * process checks that none is missing, doubled or out of order.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <liburing.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arena/arena.h>
#include <arena/channel.h>

#define WINDOW		64	/* messages on their way */
#define ACK		32	/* the other side says so for this many */
#define BUFFER		4096
#define RING		256	/* entries of every ring: no kind has to wait for room */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "handoff: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* What is 0 or the negative number of an error. */
static void check(int ret, const char *what)
{
	if (!ret)
		return;
	errno = -ret;
	die(what);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline void relax(void)
{
	__builtin_ia32_pause();
}

/* ---- what the two share; side s writes to dir[s] alone ---- */

/* Two cache lines: what a processor fetches may be a pair. */
struct apart {
	uint32_t v;
	char rest[124];
};

struct direction {
	struct apart tail, head;	/* bare */
	struct apart word, waiting;	/* futex */
	uint64_t bare[RING];
	uint64_t sent_at[RING];
	char buffer[WINDOW * 2][BUFFER] __attribute__((aligned(4096)));
};

struct shared {
	struct direction dir[2];
	uint32_t ready;
	bool wrong;
};

static struct shared *shared;

static int side;		/* 0 measures, 1 answers */
static pid_t peer;
static struct direction *to, *from;

/* ---- the kinds ---- */

/**
 * struct kind - a way to hand over
 * @name: in the CSV
 * @batch: messages a submit, where there is one
 * @channel: of ours: what carries the messages
 * @wait: of ours: how to wait for them
 * @init: before the two processes part
 * @start: in each of them
 * @send: one message
 * @flush: what @send has kept back
 * @recv: the next one; waits for it
 * @end: afterwards, in the process that goes on
 */
struct kind {
	const char *name;
	unsigned int batch;
	enum arena_channel_transport channel;
	enum arena_wait wait;
	void (*init)(void);
	void (*start)(void);
	void (*send)(uint64_t v);
	void (*flush)(void);
	uint64_t (*recv)(void);
	void (*end)(void);
};

static const struct kind *kind;

static int fds[2][2];		/* of side, for: reading, writing */
static mqd_t queues[2];
static uint32_t counted, taken;

/* Ours, through the library: a region, and what is opened anew for each run. */
static struct mshare *region;
static struct arena_layout layout;
static struct arena *arena;
static struct arena_channel *channel;
static int links[2];
static unsigned int queued;

static void channel_init(void)
{
	links[0] = -1;
	links[1] = -1;
	if (kind->channel == ARENA_CHANNEL_EVENTFD || kind->channel == ARENA_CHANNEL_SOCKET)
		check(arena_channel_socketpair(links), "arena_channel_socketpair");
}

static void channel_start(void)
{
	const struct arena_channel_options o = {
		.size = sizeof(o),
		.transport = kind->channel,
		.wait = kind->wait,
		.entries = RING,
		.peer_pid = peer,
		.socket = links[side] >= 0 ? &links[side] : NULL,
	};
	const uint32_t roles[] = { ARENA_ROLE(0, 0), ARENA_ROLE(1, 0) };

	if (links[!side] >= 0)
		close(links[!side]);
	check(arena_open_region(region, roles[side], &arena), "arena_open");
	check(arena_channel_open(arena, roles[!side], &o, &channel),
	      "arena_channel_open");
	queued = 0;
}

static void channel_flush(void)
{
	if (queued)
		check(arena_channel_flush(channel), "arena_channel_flush");
	queued = 0;
}

static void channel_send(uint64_t v)
{
	const struct arena_msg m = { .type = 1, .ref.index = (uint32_t)v };
	int ret;

	while ((ret = arena_channel_send(channel, &m)) == -EAGAIN)
		arena_channel_wait(channel, -1);
	check(ret, "arena_channel_send");
	if (++queued >= kind->batch)
		channel_flush();
}

static uint64_t channel_recv(void)
{
	struct arena_msg m;
	int ret = arena_channel_next(channel, &m, -1);

	check(ret < 0 ? ret : 0, "arena_channel_next");
	return m.ref.index;
}

static void channel_end(void)
{
	arena_channel_close(channel);
	arena_close(arena);
	channel = NULL;
}

/*
 * What the library does not do: rings that take messages when their owner enters the
 * kernel only.
 */
static struct io_uring inbox[2], outbox;

static void deferred_init(void)
{
	for (int s = 0; s < 2; s++) {
		struct io_uring_params p = {
			.flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
				 IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
			.cq_entries = 4 * RING,
		};

		check(io_uring_queue_init_params(8, &inbox[s], &p), "io_uring_setup");
	}
}

/* Whoever enables a ring is its issuer. */
static void deferred_start(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER };

	check(io_uring_enable_rings(&inbox[side]), "io_uring_enable_rings");
	check(io_uring_queue_init_params(WINDOW, &outbox, &p), "io_uring_setup");
	queued = 0;
}

static void deferred_end(void)
{
	io_uring_queue_exit(&inbox[0]);
	io_uring_queue_exit(&inbox[1]);
	io_uring_queue_exit(&outbox);
}

static void deferred_flush(void)
{
	if (queued && io_uring_submit(&outbox) != (int)queued)
		die("io_uring_submit");
	queued = 0;
}

static void deferred_send(uint64_t v)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&outbox);

	io_uring_prep_msg_ring(sqe, inbox[!side].ring_fd, 0, v, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	if (++queued >= kind->batch)
		deferred_flush();
}

static uint64_t deferred_recv(void)
{
	struct io_uring_cqe *cqe;
	uint64_t v;
	int ret;

	while ((ret = io_uring_wait_cqe(&inbox[side], &cqe)) == -EINTR)
		;
	check(ret, "io_uring_wait_cqe");
	v = cqe->user_data;
	io_uring_cqe_seen(&inbox[side], cqe);
	return v;
}

/* The floor: no checks, no wake-ups. It looks at the head only if it has to. */
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

/* An eventfd counts; what is handed over is a number by itself. */
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

static void nothing(void)
{
}

#define OURS(text, n, transport, how) {					\
	.name = text, .batch = n,					\
	.channel = ARENA_CHANNEL_##transport, .wait = ARENA_WAIT_##how,	\
	.init = channel_init, .start = channel_start, .send = channel_send, \
	.flush = channel_flush, .recv = channel_recv, .end = channel_end, \
}

#define DEFERRED(text, n) {						\
	.name = text, .batch = n, .init = deferred_init, .start = deferred_start, \
	.send = deferred_send, .flush = deferred_flush, .recv = deferred_recv, \
	.end = deferred_end,						\
}

#define OTHER(text, before, begin, put, get, after) {			\
	.name = text, .batch = 1, .init = before, .start = begin, .send = put, \
	.flush = nothing, .recv = get, .end = after,			\
}

static const struct kind kinds[] = {
	OTHER("bare ring", nothing, bare_start, bare_send, bare_recv, nothing),
	OURS("hybrid, polling", 1, HYBRID, POLL),
	OURS("hybrid, adaptive", 1, HYBRID, ADAPT),
	OURS("hybrid, sleeping", 1, HYBRID, SLEEP),
	OURS("msg_ring, polling", 1, MSG_RING, POLL),
	OURS("msg_ring, polling, 8", 8, MSG_RING, POLL),
	OURS("msg_ring, polling, 32", 32, MSG_RING, POLL),
	OURS("msg_ring, adaptive", 1, MSG_RING, ADAPT),
	OURS("msg_ring, sleeping", 1, MSG_RING, SLEEP),
	OURS("msg_ring, sleeping, 32", 32, MSG_RING, SLEEP),
	OURS("channel, eventfd", 1, EVENTFD, SLEEP),
	OURS("channel, socket", 1, SOCKET, SLEEP),
	DEFERRED("msg_ring, deferred", 1),
	DEFERRED("msg_ring, deferred, 32", 32),
	OTHER("eventfd", eventfd_init, count_start, eventfd_send, eventfd_recv, pair_end),
	OTHER("futex", nothing, count_start, futex_send, futex_recv, nothing),
	OTHER("UNIX socket", socket_init, nothing, fd_send, fd_recv, pair_end),
	OTHER("pipe", pipe_init, nothing, fd_send, fd_recv, pair_end),
	OTHER("POSIX mq", mq_init, nothing, mq_put, mq_get, mq_end),
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- the buffer that is handed over ---- */

static bool touch;
static volatile uint64_t sink;

static void fill(uint64_t n)
{
	if (touch)
		memset(to->buffer[n % (2 * WINDOW)], (int)n, BUFFER);
}

static void use(uint64_t n)
{
	const uint64_t *word = (const uint64_t *)from->buffer[n % (2 * WINDOW)];
	uint64_t sum = 0;

	if (!touch)
		return;
	for (int i = 0; i < BUFFER / 8; i++)
		sum += word[i];
	if (sum != (uint64_t)(BUFFER / 8) * (0x0101010101010101ULL * (n & 255)))
		shared->wrong = true;
	sink = sum;
}

/* ---- the three measurements ---- */

static uint64_t *sample;

static uint64_t expect(uint64_t n)
{
	uint64_t v = kind->recv();

	if (v != n)
		shared->wrong = true;
	return v;
}

static void send_one(uint64_t n)
{
	fill(n);
	kind->send(n);
}

static void round_trips(uint64_t count)
{
	for (uint64_t n = 1; n <= count; n++) {
		uint64_t began = now();

		send_one(n);
		kind->flush();
		expect(n);
		use(n);
		sample[n - 1] = now() - began;
	}
}

static void round_trips_answer(uint64_t count)
{
	for (uint64_t n = 1; n <= count; n++) {
		expect(n);
		use(n);
		send_one(n);
		kind->flush();
	}
}

/* ns for all; @interval between two, 0 for none. */
static uint64_t one_way(uint64_t count, uint64_t interval)
{
	uint64_t began = now(), acked = 0, due = began;

	for (uint64_t n = 1; n <= count; n++) {
		while (n - acked > WINDOW) {
			kind->flush();
			acked += ACK;
			expect(acked);
		}
		if (interval) {
			due += interval;
			while (now() < due)
				relax();
			to->sent_at[n % RING] = now();
		}
		send_one(n);
		if (interval)
			kind->flush();
	}
	kind->flush();
	for (; acked < count; acked += ACK)
		expect(acked + ACK);
	return now() - began;
}

static void one_way_answer(uint64_t count, bool timed)
{
	for (uint64_t n = 1; n <= count; n++) {
		expect(n);
		if (timed)
			sample[n - 1] = now() - from->sent_at[n % RING];
		use(n);
		if (!(n % ACK)) {
			kind->send(n);
			kind->flush();
		}
	}
}

/* ---- running one ---- */

static int cpus[2] = { 0, 1 };

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void begin(int s)
{
	side = s;
	to = &shared->dir[s];
	from = &shared->dir[!s];
	pin(cpus[s]);
	kind->start();
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < 2)
		sched_yield();
}

enum test { ROUND, FLOOD, LOAD };

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void report(enum test test, int load, int rep, uint64_t count, double rate)
{
	static const char *const names[] = { "round", "flood", "load" };

	if (test != FLOOD)
		qsort(sample, count, sizeof(sample[0]), compare);
	printf("\"%s\",%d,%s,%d,%d,%lu", kind->name, touch, names[test], load, rep,
	       (unsigned long)count);
	if (test == FLOOD)
		printf(",,,,%.0f\n", rate);
	else
		printf(",%lu,%lu,%lu,%.0f\n", (unsigned long)sample[count / 2],
		       (unsigned long)sample[count * 99 / 100],
		       (unsigned long)sample[count * 999 / 1000], rate);
	fflush(stdout);
}

/* Messages a second, of FLOOD. */
static double run(enum test test, int load, int rep, uint64_t count, double full)
{
	uint64_t interval = test == LOAD ? (uint64_t)(1e11 / (full * load)) : 0, took = 0;
	int status;
	pid_t pid;

	memset(shared, 0, offsetof(struct shared, wrong) + sizeof(shared->wrong));
	kind->init();
	pid = fork();
	peer = pid;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		peer = getppid();
		begin(1);
		if (test == ROUND)
			round_trips_answer(count);
		else
			one_way_answer(count, test == LOAD);
		_exit(0);
	}
	begin(0);
	if (test == ROUND)
		round_trips(count);
	else
		took = one_way(count, interval);
	waitpid(pid, &status, 0);
	kind->end();
	if (status || shared->wrong) {
		fprintf(stderr, "handoff: %s: a message was lost, doubled or changed\n",
			kind->name);
		exit(1);
	}
	report(test, load, rep, count, took ? count * 1e9 / took : 0);
	return took ? count * 1e9 / took : 0;
}

/* About @ms of it, by a short run before. */
static uint64_t enough(double rate, uint64_t ms, uint64_t most)
{
	uint64_t count = (uint64_t)(rate * ms / 1000);

	count = count < 1024 ? 1024 : count > most ? most : count;
	return count / ACK * ACK;
}

static void measure(int rep, uint64_t ms, uint64_t most)
{
	double full;

	fprintf(stderr, "repetition %d: %s%s\n", rep, kind->name, touch ? ", touched" : "");
	run(ROUND, 0, rep, enough(100000, ms, most), 0);
	full = run(FLOOD, 100, rep, enough(500000, ms, most), 0);
	for (int load = 1; load <= 50; load += 49)
		run(LOAD, load, rep, enough(full * load / 100, ms, most), full);
}

static _Noreturn void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"Usage: handoff [-r REPETITIONS] [-t MS] [-c CPU,CPU] [-k KIND]\n"
		"  -r  how often each kind is measured, in turn with the others (5)\n"
		"  -t  milliseconds for each measurement, about (300)\n"
		"  -c  processors of the two processes (0,1)\n"
		"  -k  only kinds whose names begin like this\n");
	exit(status);
}

/* A region for our channels, of a memfd: what is measured needs no module. */
static void make_region(const char *name)
{
	const struct mshare_options o = {
		.backend = MSHARE_BACKEND_MEMFD,
		.length = 4 << 20,
		.page_size = 4096,
		.size = sizeof(o),
		.mode = 0600,
	};
	const struct arena_config c = {
		.size = sizeof(c), .length = o.length, .channel_entries = RING,
	};
	void *base;

	check(arena_layout_make(&layout, &c), "arena_layout_make");
	check(mshare_create(name, &o, &region), "mshare_create");
	check(mshare_populate(region, 0, o.length), "mshare_populate");
	check(mshare_attach(region, &base), "mshare_attach");
	arena_layout_write(base, &layout);
}

int main(int argc, char **argv)
{
	const char *only = "";
	uint64_t ms = 300, most = 4000000;
	int reps = 5, option;
	char name[32];

	while ((option = getopt(argc, argv, "r:t:c:k:h")) != -1) {
		switch (option) {
		case 'r':
			reps = atoi(optarg);
			break;
		case 't':
			ms = strtoul(optarg, NULL, 10);
			break;
		case 'c':
			if (sscanf(optarg, "%d,%d", &cpus[0], &cpus[1]) != 2)
				usage(2);
			break;
		case 'k':
			only = optarg;
			break;
		case 'h':
			usage(0);
		default:
			usage(2);
		}
	}
	if (optind != argc || reps < 1 || !ms)
		usage(2);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	sample = mmap(NULL, most * sizeof(*sample), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || sample == MAP_FAILED)
		die("mmap");
	snprintf(name, sizeof(name), "handoff-%d", getpid());
	make_region(name);
	printf("kind,touched,test,load,rep,count,p50,p99,p999,rate\n");
	for (int rep = 1; rep <= reps; rep++)
		for (int t = 0; t < 2; t++)
			for (size_t k = 0; k < KINDS; k++) {
				kind = &kinds[k];
				touch = t;
				if (!strncmp(kind->name, only, strlen(only)))
					measure(rep, ms, most);
			}
	mshare_close(region);
	mshare_unlink(name);
	return 0;
}
