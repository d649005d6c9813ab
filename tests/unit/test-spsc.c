// SPDX-License-Identifier: MIT
/*
 * The ring of hybrid mode: full and empty, numbers that wrap, peers that lie,
 * and two processes with a pipe to sleep on that exchange messages with a
 * payload each, at every size of the ring, and lose or double none.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libarena/channel/spsc.h>
#include "tap.h"

/* More than a producer can be ahead: each is read before it is written again. */
#define PAYLOADS 16384
#define payload_of(n) ((n) * 0x9e3779b97f4a7c15ULL)

struct shared {
	struct arena_spsc_in in;
	union {
		struct arena_spsc_out out;
		char room[65536 * sizeof(struct arena_spsc_entry) + 1024];
	};
	uint64_t payload[PAYLOADS];
};

static struct shared *s;
static struct arena_spsc_producer p;
static struct arena_spsc_consumer c;

static void begin(uint32_t entries, uint32_t number)
{
	memset(s, 0, sizeof(*s));
	if (arena_spsc_producer_init(&p, &s->out, &s->in, entries) ||
	    arena_spsc_consumer_init(&c, &s->in, &s->out, entries))
		bail("init");
	p.tail = number;
	p.head = number;
	c.tail = number;
	c.head = number;
	s->out.tail = number;
	s->in.head = number;
}

static struct arena_msg message(uint32_t n)
{
	return (struct arena_msg){ .type = 3, .ref.group = 3, .value = 7,
				   .ref.index = n, .ref.count = 2, .ref.generation = (uint16_t)n };
}

static int put(uint32_t n)
{
	struct arena_msg m = message(n);

	return arena_spsc_put(&p, &m);
}

static bool got(uint32_t n)
{
	struct arena_msg m, want = message(n);

	return arena_spsc_get(&c, &m) == 1 && arena_msg_data(&m) == arena_msg_data(&want) &&
	       arena_msg_len(&m) == arena_msg_len(&want);
}

static void test_init(void)
{
	is(arena_spsc_producer_init(&p, &s->out, &s->in, 0), -EINVAL, "no entries");
	is(arena_spsc_producer_init(&p, &s->out, &s->in, 3), -EINVAL, "no power of two");
	is(arena_spsc_consumer_init(&c, &s->in, &s->out, 131072), -EINVAL, "too many");
	is(arena_spsc_consumer_init(&c, (void *)((char *)s + 8), &s->out, 4), -EINVAL,
	   "not aligned");
}

static void test_order(uint32_t entries, uint32_t number)
{
	struct arena_msg m;
	bool good = true;

	begin(entries, number);
	is(arena_spsc_get(&c, &m), 0, "%u entries from %u on: empty", entries, number);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < entries; i++)
			good &= put(round * entries + i) == 0;
		good &= put(9) == -EAGAIN;
		for (uint32_t i = 0; i < entries; i++)
			good &= got(round * entries + i);
		good &= arena_spsc_get(&c, &m) == 0;
	}
	ok(good, "filled and emptied three times, in order");
}

static void test_sleep(void)
{
	begin(4, 0);
	put(1);
	ok(!arena_spsc_must_wake(&p), "nobody sleeps");
	ok(!arena_spsc_sleep(&c), "who has something to do does not sleep");
	put(2);
	ok(arena_spsc_must_wake(&p), "but says so first, and is woken");
	put(3);
	ok(!arena_spsc_must_wake(&p), "once");
	arena_spsc_awake(&c);
	ok(!arena_spsc_must_wake(&p), "awake");
	ok(got(1) && got(2) && got(3), "the messages are there");
	ok(arena_spsc_sleep(&c), "nothing to do: sleep");
	put(4);
	ok(arena_spsc_must_wake(&p), "the next sleep is another one");
	arena_spsc_awake(&c);
}

static void test_lies(void)
{
	struct arena_msg m;

	begin(4, 0);
	s->out.tail = 5;
	is(arena_spsc_get(&c, &m), -EPROTO, "more than there is room for");
	s->out.tail = (uint32_t)-1;
	is(arena_spsc_get(&c, &m), -EPROTO, "less than before");
	ok(!arena_spsc_sleep(&c), "nobody sleeps on a lie");
	begin(4, 0);
	for (uint32_t i = 0; i < 4; i++)
		put(i);
	s->in.head = 5;
	is(put(4), -EPROTO, "got more than was put");
	s->in.head = (uint32_t)-1;
	is(put(4), -EPROTO, "gave back what it had");
	s->in.head = 1;
	is(put(4), 0, "the truth again");
}

static void test_stall(void)
{
	struct arena_msg m;

	begin(4, (uint32_t)-2);
	put(0);
	ok(!arena_spsc_stall(&p), "who has room does not sleep");
	ok(arena_spsc_must_resume(&c), "but says so first, and is woken");
	ok(!arena_spsc_must_resume(&c), "once");
	arena_spsc_resume(&p);
	for (uint32_t i = 1; i < 4; i++)
		put(i);
	ok(!arena_spsc_has_room(&p) && put(4) == -EAGAIN, "full");
	ok(!arena_spsc_must_resume(&c), "nobody sleeps");
	ok(arena_spsc_stall(&p), "no room: sleep");
	ok(arena_spsc_has_message(&c) && got(0) && arena_spsc_must_resume(&c),
	   "who makes room wakes");
	arena_spsc_resume(&p);
	ok(arena_spsc_has_room(&p) && !put(4), "there it is");
	for (uint32_t i = 1; i < 5; i++)
		ok(got(i), "message %u is there", i);
	ok(!arena_spsc_has_message(&c) && !arena_spsc_get(&c, &m), "and none else");
}

static void test_limit(void)
{
	struct arena_msg m;

	begin(8, (uint32_t)-1);
	arena_spsc_limit(&p, &c, 3);
	ok(!put(0) && !put(1) && !put(2), "3 of 8 entries");
	is(put(3), -EAGAIN, "and no more");
	ok(got(0) && !put(3) && got(1) && got(2) && got(3), "in order");
	s->out.tail += 4;
	is(arena_spsc_get(&c, &m), -EPROTO, "more than agreed, though there is room");
	begin(8, 0);
	arena_spsc_limit(&p, &c, 3);
	s->in.head = 1;
	put(0);
	put(1);
	put(2);
	s->in.head = 4;
	is(put(3), -EPROTO, "got more than was put");
	ok(arena_spsc_has_room(&p), "nobody waits for a liar");
}

/* ---- two processes ---- */

static void produce(int wake, uint32_t count)
{
	uint32_t seed = 1;

	for (uint32_t n = 0; n < count; n++) {
		/* The buffer that goes with it: plain stores. */
		s->payload[n % PAYLOADS] = payload_of(n);
		while (put(n) == -EAGAIN)
			;
		if (arena_spsc_must_wake(&p) && write(wake, "", 1) != 1)
			_exit(1);
		seed = seed * 1664525 + 1013904223;
		if (!(seed >> 20))
			usleep(100);
	}
	_exit(0);
}

static bool consume(int wake, uint32_t count, uint32_t *slept)
{
	char byte;

	*slept = 0;
	for (uint32_t n = 0; n < count;) {
		struct arena_msg m;
		int ret = arena_spsc_get(&c, &m);

		if (ret < 0)
			return false;
		if (ret) {
			if (m.ref.index != n || s->payload[n % PAYLOADS] != payload_of(n))
				return false;
			n++;
			continue;
		}
		if (arena_spsc_sleep(&c)) {
			++*slept;
			if (read(wake, &byte, 1) != 1)
				return false;
		}
		arena_spsc_awake(&c);
	}
	return true;
}

static void test_processes(uint32_t entries, uint32_t count)
{
	uint32_t slept;
	int wake[2], status;
	bool good;
	pid_t pid;

	begin(entries, 0);
	if (pipe(wake))
		bail("pipe");
	pid = fork();
	if (!pid)
		produce(wake[1], count);
	close(wake[1]);
	good = consume(wake[0], count, &slept);
	if (!good)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(wake[0]);
	ok(good && !status, "%u entries: %u messages between two processes, none lost or doubled",
	   entries, count);
	diag("slept %u times", slept);
}

int main(void)
{
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		bail("mmap");
	alarm(100);
	test_init();
	test_order(1, 0);
	test_order(4, 0);
	test_order(64, (uint32_t)-70);
	test_order(65536, (uint32_t)-3);
	test_sleep();
	test_lies();
	test_stall();
	test_limit();
	for (uint32_t entries = 1; entries <= 4096; entries *= 8)
		test_processes(entries, entries == 1 ? 50000 : 400000);
	return done_testing();
}
