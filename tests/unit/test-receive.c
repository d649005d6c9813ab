// SPDX-License-Identifier: MIT
/*
 * Goal: a structure that a peer has written is accepted only if every rule holds, and
 * the caller gets the bytes that were checked, whatever the peer writes meanwhile.
 * Method: one rule after the other is broken in a sound structure, at its bounds; tables
 * of rules that make no sense are used; copies of every size and alignment are compared.
 * Then one thread changes a structure all the time while another receives it. The other
 * one also checks the structure in place and copies it afterwards, which must go wrong:
 * this shows that the race was run.
 */
#include <errno.h>
#include <arena/receive.h>
#include <arena/snapshot.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "tap.h"

#define LIMIT	4096

/* It has members of every size, and a rule of every kind. */
struct thing {
	uint64_t magic;
	uint64_t size;
	uint32_t from;
	uint32_t length;
	uint32_t flags;
	uint16_t kind;
	uint8_t is_open;
	uint8_t step;
	uint8_t reserved[7];
	uint8_t last;
};

enum {
	MAGIC, SIZE, FROM, LENGTH, STEP_OF_LENGTH, FLAGS, KIND, IS_OPEN, STEP, RESERVED, LAST,
	N_RULES
};

static const struct arena_rule rules[N_RULES] = {
	[MAGIC] = ARENA_EXACTLY(struct thing, magic, 0x1122334455667788),
	[SIZE] = ARENA_POWER_OF_TWO(struct thing, size, 512, 1ULL << 40),
	[FROM] = ARENA_WITHIN(struct thing, from, length, LIMIT),
	[LENGTH] = ARENA_RANGE(struct thing, length, 16, 2048),
	[STEP_OF_LENGTH] = ARENA_MULTIPLE(struct thing, length, 16),
	[FLAGS] = ARENA_MASK(struct thing, flags, 0x80000003),
	[KIND] = ARENA_ONE_OF(struct thing, kind, 1ULL << 1 | 1ULL << 5 | 1ULL << 63),
	[IS_OPEN] = ARENA_BOOL(struct thing, is_open),
	[STEP] = ARENA_MULTIPLE(struct thing, step, 3),
	[RESERVED] = ARENA_ZERO(struct thing, reserved),
	[LAST] = ARENA_RANGE(struct thing, last, 1, 255),
};

static const struct thing sound = {
	.magic = 0x1122334455667788, .size = 4096, .from = 2048, .length = 2048,
	.flags = 0x80000001, .kind = 5, .is_open = 1, .step = 255, .last = 255,
};

/*
 * The first broken rule, -1 if there is none, or -2 if arena_receive() and arena_check()
 * disagree.
 */
static int first_broken(const struct thing *t)
{
	size_t broken = 99;
	struct thing copy;
	int ret = arena_receive(&copy, t, sizeof(*t), rules, N_RULES);

	if (memcmp(&copy, t, sizeof(copy)) ||
	    ret != arena_check(&copy, sizeof(copy), rules, N_RULES, &broken) ||
	    (ret && ret != -EPROTO))
		return -2;
	return ret ? (int)broken : -1;
}

/* One member of a sound structure is changed; @want is the rule that this breaks, or -1. */
#define CHANGED(member, value, want) do {				\
	struct thing t_ = sound;					\
									\
	t_.member = (value);						\
	is(first_broken(&t_), want, (want) < 0 ?			\
	   "a structure with " #member " = " #value " breaks no rule" :	\
	   "a structure with " #member " = " #value " breaks the rule " #want);	\
} while (0)

static void test_rules(void)
{
	is(first_broken(&sound), -1, "a sound structure breaks no rule");
	CHANGED(magic, 0x1122334455667789, MAGIC);
	CHANGED(magic, 0x0122334455667788, MAGIC);
	CHANGED(size, 0, SIZE);
	CHANGED(size, 256, SIZE);
	CHANGED(size, 512, -1);
	CHANGED(size, 513, SIZE);
	CHANGED(size, 1ULL << 40, -1);
	CHANGED(size, 1ULL << 41, SIZE);
	CHANGED(size, 1ULL << 63, SIZE);
	CHANGED(from, 2049, FROM);
	CHANGED(from, 4096, FROM);
	CHANGED(from, 4097, FROM);
	CHANGED(from, UINT32_MAX, FROM);
	CHANGED(from, UINT32_MAX - 2047, FROM);
	CHANGED(length, UINT32_MAX - 2047, FROM);
	CHANGED(length, 0, LENGTH);
	CHANGED(length, 15, LENGTH);
	CHANGED(length, 16, -1);
	CHANGED(length, 17, STEP_OF_LENGTH);
	CHANGED(length, 2047, STEP_OF_LENGTH);
	CHANGED(flags, 0, -1);
	CHANGED(flags, 4, FLAGS);
	CHANGED(flags, 0x40000000, FLAGS);
	CHANGED(kind, 0, KIND);
	CHANGED(kind, 1, -1);
	CHANGED(kind, 2, KIND);
	CHANGED(kind, 63, -1);
	CHANGED(kind, 64, KIND);
	CHANGED(kind, 65, KIND);
	CHANGED(kind, 65535, KIND);
	CHANGED(is_open, 0, -1);
	CHANGED(is_open, 2, IS_OPEN);
	CHANGED(is_open, 255, IS_OPEN);
	CHANGED(step, 0, -1);
	CHANGED(step, 254, STEP);
	CHANGED(reserved[0], 1, RESERVED);
	CHANGED(reserved[6], 0x80, RESERVED);
	CHANGED(last, 0, LAST);
}

static void test_long_range(void)
{
	static const struct arena_rule within = ARENA_WITHIN(struct thing, magic, size, 100);
	struct thing t = { .magic = UINT64_MAX, .size = 2 };

	is(arena_check(&t, sizeof(t), &within, 1, NULL), -EPROTO,
	   "an offset and a length whose sum overflows are refused");
	t.magic = 98;
	is(arena_check(&t, sizeof(t), &within, 1, NULL), 0,
	   "an offset and a length that just fit are accepted");
	is(arena_check(&t, sizeof(t), NULL, 0, NULL), 0, "a structure without rules is accepted");
}

static void test_senseless(void)
{
	static const struct arena_rule senseless[] = {
		{ .kind = ARENA_RULE_RANGE, .member = { 0, 3 }, .b = UINT64_MAX },
		{ .kind = ARENA_RULE_RANGE, .member = { 0, 16 }, .b = UINT64_MAX },
		{ .kind = ARENA_RULE_RANGE, .member = { 0, 0 }, .b = UINT64_MAX },
		{ .kind = ARENA_RULE_MASK, .member = { sizeof(struct thing) - 4, 8 }, .a = ~0ULL },
		{ .kind = ARENA_RULE_MASK, .member = { sizeof(struct thing), 1 }, .a = ~0ULL },
		{ .kind = ARENA_RULE_ZERO, .member = { 0, sizeof(struct thing) + 1 } },
		{ .kind = ARENA_RULE_ZERO, .member = { UINT32_MAX, 1 } },
		{ .kind = ARENA_RULE_MULTIPLE, .member = { 0, 8 }, .a = 0 },
		{ .kind = ARENA_RULE_WITHIN, .member = { 0, 8 }, .other = { 40, 8 }, .a = ~0ULL },
	};
	const struct thing zero = { 0 };

	for (size_t i = 0; i < ARENA_N_RULES(senseless); i++)
		is(arena_check(&zero, sizeof(zero), &senseless[i], 1, NULL), -EINVAL,
		   "arena_check() gives -EINVAL for senseless rule %zu", i);
}

static void test_snapshot(void)
{
	uint64_t words[17];
	unsigned char *from = (unsigned char *)words, to[sizeof(words) + 1];
	bool good = true;

	for (size_t i = 0; i < sizeof(words); i++)
		from[i] = (unsigned char)(i * 37 + 1);
	for (size_t at = 0; at < 9; at++)
		for (size_t size = 0; size <= sizeof(words) - at; size++) {
			memset(to, 0xee, sizeof(to));
			arena_snapshot(to, from + at, size);
			good &= !memcmp(to, from + at, size) && to[size] == 0xee;
		}
	ok(good, "arena_snapshot() copies exactly, for every size and alignment");
}

/*
 * A peer that writes while the structure is received
 */

static struct thing shared;
static bool stop;

/* Make the structure sound and unsound in turn. Atomic stores are no data race in C. */
static void *flip(void *arg)
{
	uint32_t lengths[] = { 2048, UINT32_MAX };
	uint8_t opens[] = { 1, 77 };

	(void)arg;
	for (unsigned int i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		__atomic_store_n(&shared.length, lengths[i % 2], __ATOMIC_RELAXED);
		__atomic_store_n(&shared.is_open, opens[i / 3 % 2], __ATOMIC_RELAXED);
		__atomic_store_n(&shared.reserved[3], i / 7 % 2, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The test's own rules, independent of the code under test. */
static bool is_sound(const struct thing *t)
{
	return t->length == 2048 && t->is_open == 1 && !t->reserved[3];
}

static bool looks_sound_in_place(void)
{
	return __atomic_load_n(&shared.length, __ATOMIC_RELAXED) == 2048 &&
	       __atomic_load_n(&shared.is_open, __ATOMIC_RELAXED) == 1 &&
	       !__atomic_load_n(&shared.reserved[3], __ATOMIC_RELAXED);
}

/**
 * struct tally - results of one way of receiving
 * @accepted: how often the structure was accepted
 * @refused: how often it was refused
 * @unsound: how often an accepted copy was unsound
 */
struct tally {
	unsigned int accepted, refused, unsound;
};

static void count(struct tally *t, bool accepted, const struct thing *copy)
{
	t->accepted += accepted;
	t->refused += !accepted;
	t->unsound += accepted && !is_sound(copy);
}

/* Run until both ways have shown what is expected of them, or until 20 seconds are over. */
static void test_race(void)
{
	struct tally once = { 0 }, twice = { 0 };
	time_t end = time(NULL) + 20;
	struct thing copy;
	pthread_t thread;

	shared = sound;
	if (pthread_create(&thread, NULL, flip, NULL))
		bail("no thread");
	for (int i = 0; time(NULL) < end; i++) {
		if (i > 100000 && once.accepted > 1000 && once.refused > 1000 && twice.unsound)
			break;
		/* Let the other thread run, as there may be only one processor. */
		if (i % 256 == 0)
			sched_yield();
		count(&once, !arena_receive(&copy, &shared, sizeof(copy), rules, N_RULES), &copy);
		/* The wrong way, for comparison: check in place, then copy. */
		if (!looks_sound_in_place())
			continue;
		if (i % 16 == 0)
			sched_yield();
		arena_snapshot(&copy, &shared, sizeof(copy));
		count(&twice, true, &copy);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	diag("received: %u accepted, %u refused; checked in place: %u accepted, %u unsound",
	     once.accepted, once.refused, twice.accepted, twice.unsound);
	ok(once.accepted && once.refused,
	   "some structures are accepted and some refused while a peer writes");
	is(once.unsound, 0, "no structure that arena_receive() accepted is unsound");
	ok(twice.unsound, "checking in place before copying accepts unsound structures");
}

int main(void)
{
	test_rules();
	test_long_range();
	test_senseless();
	test_snapshot();
	test_race();
	return done_testing();
}
