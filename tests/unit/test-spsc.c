// SPDX-License-Identifier: MIT
/*
 * Goal: the ring in shared memory that carries the messages of the transport HYBRID loses
 * no message, doubles none, and finds a peer that lies.
 * Method: the ring is filled and emptied, also where its positions wrap; positions that a
 * peer could not have are stored; and two processes, which sleep on a pipe, exchange
 * messages that each have a payload, for several sizes of the ring.
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

/* More than a producer can be ahead, so that each is read before it is written again. */
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
		bail("cannot initialise a ring of %u entries", entries);
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
	is(arena_spsc_producer_init(&p, &s->out, &s->in, 0), -EINVAL,
	   "a ring of no entries is refused");
	is(arena_spsc_producer_init(&p, &s->out, &s->in, 3), -EINVAL,
	   "a size that is no power of two is refused");
	is(arena_spsc_consumer_init(&c, &s->in, &s->out, 131072), -EINVAL,
	   "too many entries are refused");
	is(arena_spsc_consumer_init(&c, (void *)((char *)s + 8), &s->out, 4), -EINVAL,
	   "memory that is not aligned is refused");
}

static void test_order(uint32_t entries, uint32_t number)
{
	struct arena_msg m;
	bool good = true;

	begin(entries, number);
	is(arena_spsc_get(&c, &m), 0,
	   "a ring of %u entries at position %u is empty at first", entries, number);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < entries; i++)
			good &= put(round * entries + i) == 0;
		good &= put(9) == -EAGAIN;
		for (uint32_t i = 0; i < entries; i++)
			good &= got(round * entries + i);
		good &= arena_spsc_get(&c, &m) == 0;
	}
	ok(good, "a ring of %u entries keeps the order while it is filled and emptied three times",
	   entries);
}

static void test_sleep(void)
{
	begin(4, 0);
	put(1);
	ok(!arena_spsc_must_wake(&p), "a producer does not wake a consumer that is awake");
	ok(!arena_spsc_sleep(&c), "a consumer with a message does not sleep");
	put(2);
	ok(arena_spsc_must_wake(&p), "a consumer that announced its sleep is woken");
	put(3);
	ok(!arena_spsc_must_wake(&p), "a consumer is woken once in one sleep");
	arena_spsc_awake(&c);
	ok(!arena_spsc_must_wake(&p), "a consumer that was woken is not woken again");
	ok(got(1) && got(2) && got(3),
	   "messages that were put while the consumer slept are received");
	ok(arena_spsc_sleep(&c), "a consumer without a message sleeps");
	put(4);
	ok(arena_spsc_must_wake(&p), "a consumer is woken again in its next sleep");
	arena_spsc_awake(&c);
}

static void test_lies(void)
{
	struct arena_msg m;

	begin(4, 0);
	s->out.tail = 5;
	is(arena_spsc_get(&c, &m), -EPROTO, "a tail beyond the ring's entries gives -EPROTO");
	s->out.tail = (uint32_t)-1;
	is(arena_spsc_get(&c, &m), -EPROTO, "a tail that goes back gives -EPROTO");
	ok(!arena_spsc_sleep(&c), "a consumer does not sleep on an impossible tail");
	begin(4, 0);
	for (uint32_t i = 0; i < 4; i++)
		put(i);
	s->in.head = 5;
	is(put(4), -EPROTO, "a head beyond the tail gives -EPROTO");
	s->in.head = (uint32_t)-1;
	is(put(4), -EPROTO, "a head that goes back gives -EPROTO");
	s->in.head = 1;
	is(put(4), 0, "a valid head is accepted after an invalid one");
}

static void test_stall(void)
{
	struct arena_msg m;

	begin(4, (uint32_t)-2);
	put(0);
	ok(!arena_spsc_stall(&p), "a producer with room does not sleep");
	ok(arena_spsc_must_resume(&c), "a producer that announced its sleep is woken");
	ok(!arena_spsc_must_resume(&c), "a producer is woken once in one sleep");
	arena_spsc_resume(&p);
	for (uint32_t i = 1; i < 4; i++)
		put(i);
	ok(!arena_spsc_has_room(&p) && put(4) == -EAGAIN, "a full ring accepts no message");
	ok(!arena_spsc_must_resume(&c), "a consumer does not wake a producer that is awake");
	ok(arena_spsc_stall(&p), "a producer without room sleeps");
	ok(arena_spsc_has_message(&c) && got(0) && arena_spsc_must_resume(&c),
	   "a consumer that makes room must wake the producer");
	arena_spsc_resume(&p);
	ok(arena_spsc_has_room(&p) && !put(4), "the woken producer has room");
	for (uint32_t i = 1; i < 5; i++)
		ok(got(i), "message %u is received", i);
	ok(!arena_spsc_has_message(&c) && !arena_spsc_get(&c, &m),
	   "the ring is empty after all messages were received");
}

static void test_limit(void)
{
	struct arena_msg m;

	begin(8, (uint32_t)-1);
	arena_spsc_limit(&p, &c, 3);
	ok(!put(0) && !put(1) && !put(2), "a window of 3 in a ring of 8 takes 3 messages");
	is(put(3), -EAGAIN, "a window of 3 takes no fourth message");
	ok(got(0) && !put(3) && got(1) && got(2) && got(3),
	   "messages in a window of 3 come in order");
	s->out.tail += 4;
	is(arena_spsc_get(&c, &m), -EPROTO,
	   "a tail beyond the window gives -EPROTO, though the ring has more entries");
	begin(8, 0);
	arena_spsc_limit(&p, &c, 3);
	s->in.head = 1;
	put(0);
	put(1);
	put(2);
	s->in.head = 4;
	is(put(3), -EPROTO, "a head beyond the tail gives -EPROTO with a window, too");
	ok(arena_spsc_has_room(&p), "a producer does not wait for a peer that has lied");
}

/* ---- two processes ---- */

static void produce(int wake, uint32_t count)
{
	uint32_t seed = 1;

	for (uint32_t n = 0; n < count; n++) {
		/* The message's payload is written with plain stores. */
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
	ok(good && !status,
	   "a ring of %u entries carries %u messages between processes, none lost or doubled",
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
