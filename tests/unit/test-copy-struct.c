// SPDX-License-Identifier: MIT
/*
 * Goal: a caller that was built with an older or a newer header is understood, or told
 * that it asks for something unknown.
 * Method: the library's structure has three members. Callers have fewer, as many, and
 * more. What lies beyond a caller's structure would be seen if it were read.
 */
#include <common/copy_struct.h>
#include <stdint.h>
#include <stdlib.h>

#include "tap.h"

struct known {
	size_t size;
	uint64_t a;
	uint64_t b;
	uint64_t c;
};

struct older {
	size_t size;
	uint64_t a;
};

struct newer {
	struct known known;
	unsigned char first;
	unsigned char others[14];
	unsigned char last;
};

#define DIRTY	{ .size = 77, .a = 78, .b = 79, .c = 80 }

static void test_same(void)
{
	const struct known given = { .size = sizeof(given), .a = 1, .b = 2, .c = 3 };
	struct known k = DIRTY;

	is(copy_struct(&k, sizeof(k), &given), 0, "the same structure is taken");
	ok(k.a == 1 && k.b == 2 && k.c == 3, "with all its members");
}

static void test_older(void)
{
	/* The sanitizers see a byte that is read behind it. */
	struct older *given = malloc(sizeof(*given));
	struct known k = DIRTY;

	if (!given)
		bail("no memory");
	given->size = sizeof(*given);
	given->a = 1;
	is(copy_struct(&k, sizeof(k), given), 0, "an older structure is taken");
	is(k.a, 1, "with what it has");
	ok(!k.b && !k.c, "and zeroes for the rest");
	is(k.size, sizeof(k), "the copy has the library's size");
	free(given);
}

static void test_newer(void)
{
	struct newer given = { .known = { .size = sizeof(given), .a = 1, .c = 3 } };
	struct known k = DIRTY;

	is(copy_struct(&k, sizeof(k), &given), 0,
	   "a newer structure is taken if it does not use what is new");
	ok(k.a == 1 && !k.b && k.c == 3, "with what the library knows");
	is(k.size, sizeof(k), "the copy has the library's size, not the newer one");
	given.last = 1;
	is(copy_struct(&k, sizeof(k), &given), -E2BIG,
	   "a last byte that the library does not know is refused");
	given.last = 0;
	given.first = 1;
	is(copy_struct(&k, sizeof(k), &given), -E2BIG,
	   "a first byte that the library does not know is refused");
	given.known.size = sizeof(given.known);
	is(copy_struct(&k, sizeof(k), &given), 0, "bytes beyond the size do not count");
}

static void test_sizes(void)
{
	struct known given = { .size = 0, .a = 1 }, k = DIRTY;

	is(copy_struct(&k, sizeof(k), &given), -EINVAL, "a size of 0 is refused");
	given.size = sizeof(given.size) - 1;
	is(copy_struct(&k, sizeof(k), &given), -EINVAL,
	   "a size that does not cover itself is refused");
	given.size = sizeof(given.size);
	is(copy_struct(&k, sizeof(k), &given), 0, "a structure of a size alone is taken");
	is(k.a, 0, "with nothing behind it");
	given.size = SIZE_MAX;
	is(copy_struct(&k, sizeof(k), &given), -E2BIG, "a size that is garbage is refused");
}

static void test_limit(void)
{
	size_t *given = calloc(1, COPY_STRUCT_MAX + 1);
	struct known k = DIRTY;

	if (!given)
		bail("no memory");
	*given = COPY_STRUCT_MAX;
	is(copy_struct(&k, sizeof(k), given), 0, "the greatest size is taken");
	++*given;
	is(copy_struct(&k, sizeof(k), given), -E2BIG, "one more is refused");
	free(given);
}

static void test_none(void)
{
	struct known k = DIRTY;

	is(copy_struct(&k, sizeof(k), NULL), 0, "no structure is one that is zeroed");
	ok(k.size == sizeof(k) && !k.a && !k.b && !k.c, "all its members are 0");
}

static void test_fill(void)
{
	const struct known k = { .size = sizeof(k), .a = 1, .b = 2, .c = 3 };
	struct older old[2] = { { .size = sizeof(old[0]) }, { .size = 77, .a = 78 } };
	struct newer new;
	struct known same = DIRTY;

	same.size = sizeof(same);
	is(fill_struct(&same, &k, sizeof(k)), 0, "the same structure is filled");
	ok(!memcmp(&same, &k, sizeof(k)), "all its members have the library's values");
	is(fill_struct(&old[0], &k, sizeof(k)), 0, "an older structure is filled");
	ok(old[0].size == sizeof(old[0]) && old[0].a == 1 && old[1].size == 77 && old[1].a == 78,
	   "it has the members that it knows, and nothing behind it is written");
	memset(&new, 7, sizeof(new));
	new.known.size = sizeof(new);
	is(fill_struct(&new, &k, sizeof(k)), 0, "a newer structure is filled");
	ok(new.known.size == sizeof(new) && new.known.c == 3 && !new.first && !new.last,
	   "members that the library does not know are 0");
	same.size = 0;
	is(fill_struct(&same, &k, sizeof(k)), -EINVAL, "a structure without a size is refused");
	same.size = SIZE_MAX;
	is(fill_struct(&same, &k, sizeof(k)), -E2BIG, "one with a size of garbage is refused");
	ok(same.a == 1, "nothing is filled in then");
}

int main(void)
{
	test_same();
	test_older();
	test_newer();
	test_sizes();
	test_limit();
	test_none();
	test_fill();
	return done_testing();
}
