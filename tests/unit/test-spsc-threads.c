// SPDX-License-Identifier: MIT
/*
 * Goal: handing buffers from one thread to another through rings in shared memory is no
 * data race, and ThreadSanitizer would report it if it were.
 *
 * Method: one thread fills buffers with plain stores and hands them over; the other one
 * reads them with plain loads and returns them through a second ring. Nothing else orders
 * the two, no system call either. Built with SAN=thread, a child also breaks the rules in
 * each possible way, which has to be reported: it writes to a buffer after handing it
 * over, reads a buffer before its message, or returns a buffer before reading it.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libarena/channel/spsc.h>
#include "tap.h"

#define ENTRIES	8U
#define BUFFERS	6U
#define WORDS	64U
#ifdef __SANITIZE_THREAD__
#define COUNT	100000U
#else
#define COUNT	1000000U
#endif
/* The status with which TSan ends a process that had a race. */
#define TSAN_STATUS	66

enum rule { KEPT, BROKEN_WRITE, BROKEN_EARLY, BROKEN_BACK };

struct half {
	struct arena_spsc_in in;
	union {
		struct arena_spsc_out out;
		char room[ENTRIES * sizeof(struct arena_spsc_entry) + 256];
	};
};

static struct half there, back;
static uint64_t buffer[BUFFERS][WORDS];
static enum rule rule;
static uint32_t count;

static void must(int ret)
{
	if (ret)
		bail("a ring failed: %s", strerror(-ret));
}

static uint64_t word_of(uint32_t n, uint32_t i)
{
	return (n + 1) * 0x9e3779b97f4a7c15ULL + i;
}

static void put(struct arena_spsc_producer *p, uint32_t number)
{
	const struct arena_msg m = { .type = 1, .ref.index = number, .ref.count = 1 };
	int ret;

	for (;;) {
		ret = arena_spsc_put(p, &m);
		if (ret != -EAGAIN)
			break;
		sched_yield();
	}
	must(ret);
}

static uint32_t get(struct arena_spsc_consumer *c)
{
	struct arena_msg m;
	int ret;

	for (;;) {
		ret = arena_spsc_get(c, &m);
		if (ret)
			break;
		sched_yield();
	}
	must(ret < 0 ? ret : 0);
	return m.ref.index;
}

static void *fill(void *unused)
{
	struct arena_spsc_producer p;
	struct arena_spsc_consumer c;

	must(arena_spsc_producer_init(&p, &there.out, &there.in, ENTRIES));
	must(arena_spsc_consumer_init(&c, &back.in, &back.out, ENTRIES));
	for (uint32_t n = 0; n < count; n++) {
		uint32_t b = n < BUFFERS ? n : get(&c);

		for (uint32_t i = 0; i < WORDS; i++)
			buffer[b][i] = word_of(n, i);
		put(&p, b);
		if (rule == BROKEN_WRITE)
			buffer[b][0]++;
	}
	return unused;
}

static bool is_filled(uint32_t b, uint32_t n)
{
	bool good = true;

	for (uint32_t i = 0; i < WORDS; i++)
		good &= buffer[b][i] == word_of(n, i);
	return good;
}

static bool drain(void)
{
	struct arena_spsc_producer p;
	struct arena_spsc_consumer c;
	bool good = true;

	must(arena_spsc_producer_init(&p, &back.out, &back.in, ENTRIES));
	must(arena_spsc_consumer_init(&c, &there.in, &there.out, ENTRIES));
	for (uint32_t n = 0; n < count; n++) {
		uint32_t b;

		if (rule == BROKEN_EARLY) {
			while (__atomic_load_n(&there.out.tail, __ATOMIC_RELAXED) == n)
				sched_yield();
			good &= is_filled(n % BUFFERS, n);
		}
		b = get(&c);
		if (rule == BROKEN_BACK)
			put(&p, b);
		good &= is_filled(b, n);
		if (rule != BROKEN_BACK)
			put(&p, b);
	}
	return good;
}

static bool exchange(enum rule how, uint32_t how_many)
{
	pthread_t thread;
	bool good;

	memset(&there, 0, sizeof(there));
	memset(&back, 0, sizeof(back));
	rule = how;
	count = how_many;
	if (pthread_create(&thread, NULL, fill, NULL))
		bail("no thread");
	good = drain();
	pthread_join(thread, NULL);
	return good;
}

/* Break the rule in a child, which TSan ends; true if TSan reported a data race there. */
static bool is_reported(enum rule how)
{
	char said[4096] = "";
	size_t size = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(fds))
		bail("pipe");
	pid = fork();
	if (!pid) {
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		exchange(how, 1000);
		exit(0);
	}
	close(fds[1]);
	do {
		char rest[4096];
		bool is_first = size < sizeof(said) - 1;

		n = is_first ? read(fds[0], said + size, sizeof(said) - 1 - size) :
			       read(fds[0], rest, sizeof(rest));
		if (is_first && n > 0)
			size += (size_t)n;
	} while (n > 0);
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == TSAN_STATUS &&
	       strstr(said, "data race");
}

int main(void)
{
#ifdef __SANITIZE_THREAD__
	ok(is_reported(BROKEN_WRITE), "TSan reports a write to a buffer after it was handed over");
	ok(is_reported(BROKEN_EARLY),
	   "TSan reports a read of a buffer before its message was received");
	ok(is_reported(BROKEN_BACK), "TSan reports a read of a buffer after it was returned");
#else
	(void)is_reported;
#endif
	ok(exchange(KEPT, COUNT),
	   "%u buffers that are handed to a thread and back have the right content",
	   COUNT);
	return done_testing();
}
