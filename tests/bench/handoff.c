// SPDX-License-Identifier: MIT
/*
 * Measures the cost of handing a buffer to another process: by MSG_RING, by a ring in shared
 * memory that wakes a sleeping receiver by MSG_RING (hybrid), and by older means of the kernel.
 * A bare ring in shared memory shows the least possible cost. Two processes run, each on a
 * processor of its own. The program writes CSV to stdout and its progress to stderr.
 *
 *   round   one message there and one back, before the next one is sent
 *   flood   as many messages as possible, with at most 64 under way
 *   load    one way, at even intervals, at a share of the rate of flood
 *
 * Times are in ns, rates in messages a second. Every message has a number, and each process
 * checks that no message is missing, comes twice or is out of order.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "handoff-channel.h"
#include "handoff-deferred.h"
#include "handoff-kernel.h"
#include "handoff-records.h"

#define CHANNEL(text, n, transport, how) {				\
	.name = text, .batch = n,					\
	.channel = ARENA_CHANNEL_##transport, .wait = ARENA_WAIT_##how,	\
	.init = channel_init, .start = channel_start, .send = channel_send, \
	.flush = channel_flush, .recv = channel_recv, .end = channel_end, \
}

#define BATCHES(text, n, transport, how) {				\
	.name = text, .batch = n,					\
	.channel = ARENA_CHANNEL_##transport, .wait = ARENA_WAIT_##how,	\
	.init = channel_init, .start = record_start, .send = record_send, \
	.flush = record_flush, .recv = record_recv, .end = channel_end,	\
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
	CHANNEL("hybrid, polling", 1, HYBRID, POLL),
	CHANNEL("hybrid, adaptive", 1, HYBRID, ADAPT),
	CHANNEL("hybrid, sleeping", 1, HYBRID, SLEEP),
	CHANNEL("msg_ring, polling", 1, MSG_RING, POLL),
	CHANNEL("msg_ring, polling, 8", 8, MSG_RING, POLL),
	CHANNEL("msg_ring, polling, 32", 32, MSG_RING, POLL),
	CHANNEL("msg_ring, adaptive", 1, MSG_RING, ADAPT),
	CHANNEL("msg_ring, sleeping", 1, MSG_RING, SLEEP),
	CHANNEL("msg_ring, sleeping, 32", 32, MSG_RING, SLEEP),
	CHANNEL("channel, socket", 1, SOCKET, SLEEP),
	BATCHES("records, hybrid, polling", 1, HYBRID, POLL),
	BATCHES("records, hybrid, polling, 8", 8, HYBRID, POLL),
	BATCHES("records, hybrid, polling, 32", 32, HYBRID, POLL),
	BATCHES("records, msg_ring, polling", 1, MSG_RING, POLL),
	BATCHES("records, msg_ring, polling, 8", 8, MSG_RING, POLL),
	BATCHES("records, msg_ring, polling, 32", 32, MSG_RING, POLL),
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

/* Returns the time for all in ns; @interval is the time between two messages, or 0. */
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

/* Returns the rate of FLOOD in messages a second. */
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

/* The number of messages that takes about @ms at @rate. */
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
		"  -k  only kinds whose names begin with KIND\n");
	exit(status);
}

/* A region on a memfd, because the measurements do not need the module. */
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
