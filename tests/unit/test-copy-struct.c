// SPDX-License-Identifier: MIT
/*
 * Goal: a caller that was built with an older or a newer header is understood, and is
 * refused if it asks for something that the library does not know.
 * Method: the library's structure has three members; callers have structures of fewer,
 * as many, and more members. Memory behind a caller's structure holds other values, so
 * that reading it shows.
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

	is(copy_struct(&k, sizeof(k), &given), 0, "a structure of the library's size is copied");
	ok(k.a == 1 && k.b == 2 && k.c == 3, "all members of a structure of that size are copied");
}

static void test_older(void)
{
	/* On the heap, so that the sanitizers see a read behind its end. */
	struct older *given = malloc(sizeof(*given));
	struct known k = DIRTY;

	if (!given)
		bail("no memory");
	given->size = sizeof(*given);
	given->a = 1;
	is(copy_struct(&k, sizeof(k), given), 0, "a structure of an older caller is copied");
	is(k.a, 1, "the member that an older caller knows is copied");
	ok(!k.b && !k.c, "members that an older caller does not know are 0");
	is(k.size, sizeof(k), "the copy of an older caller's structure has the library's size");
	free(given);
}

static void test_newer(void)
{
	struct newer given = { .known = { .size = sizeof(given), .a = 1, .c = 3 } };
	struct known k = DIRTY;

	is(copy_struct(&k, sizeof(k), &given), 0,
	   "a structure of a newer caller is copied if its new members are 0");
	ok(k.a == 1 && !k.b && k.c == 3, "the members that the library knows are copied");
	is(k.size, sizeof(k), "the copy of a newer caller's structure has the library's size");
	given.last = 1;
	is(copy_struct(&k, sizeof(k), &given), -E2BIG,
	   "a structure whose last unknown byte is not 0 is refused");
	given.last = 0;
	given.first = 1;
	is(copy_struct(&k, sizeof(k), &given), -E2BIG,
	   "a structure whose first unknown byte is not 0 is refused");
	given.known.size = sizeof(given.known);
	is(copy_struct(&k, sizeof(k), &given), 0, "bytes behind a structure's size are ignored");
}

static void test_sizes(void)
{
	struct known given = { .size = 0, .a = 1 }, k = DIRTY;

	is(copy_struct(&k, sizeof(k), &given), -EINVAL, "a structure of size 0 is refused");
	given.size = sizeof(given.size) - 1;
	is(copy_struct(&k, sizeof(k), &given), -EINVAL,
	   "a size that is too small for the member size is refused");
	given.size = sizeof(given.size);
	is(copy_struct(&k, sizeof(k), &given), 0, "a structure of the member size alone is copied");
	is(k.a, 0, "a member behind the structure's size is 0 in the copy");
	given.size = SIZE_MAX;
	is(copy_struct(&k, sizeof(k), &given), -E2BIG, "a size of SIZE_MAX is refused");
}

static void test_limit(void)
{
	size_t *given = calloc(1, COPY_STRUCT_MAX + 1);
	struct known k = DIRTY;

	if (!given)
		bail("no memory");
	*given = COPY_STRUCT_MAX;
	is(copy_struct(&k, sizeof(k), given), 0, "a structure of the greatest size is copied");
	++*given;
	is(copy_struct(&k, sizeof(k), given), -E2BIG,
	   "a structure of one byte more than the greatest size is refused");
	free(given);
}

static void test_none(void)
{
	struct known k = DIRTY;

	is(copy_struct(&k, sizeof(k), NULL), 0,
	   "a null pointer is accepted in place of a structure");
	ok(k.size == sizeof(k) && !k.a && !k.b && !k.c,
	   "the copy of a null pointer has a size and zeroed members");
}

static void test_fill(void)
{
	const struct known k = { .size = sizeof(k), .a = 1, .b = 2, .c = 3 };
	struct older old[2] = { { .size = sizeof(old[0]) }, { .size = 77, .a = 78 } };
	struct newer new;
	struct known same = DIRTY;

	same.size = sizeof(same);
	is(fill_struct(&same, &k, sizeof(k)), 0, "a structure of the library's size is filled");
	ok(!memcmp(&same, &k, sizeof(k)),
	   "all members of that structure have the library's values");
	is(fill_struct(&old[0], &k, sizeof(k)), 0, "an older caller's structure is filled");
	ok(old[0].size == sizeof(old[0]) && old[0].a == 1 && old[1].size == 77 && old[1].a == 78,
	   "nothing is written behind an older caller's structure");
	memset(&new, 7, sizeof(new));
	new.known.size = sizeof(new);
	is(fill_struct(&new, &k, sizeof(k)), 0, "a newer caller's structure is filled");
	ok(new.known.size == sizeof(new) && new.known.c == 3 && !new.first && !new.last,
	   "members of a newer caller's structure that the library does not know are 0");
	same.size = 0;
	is(fill_struct(&same, &k, sizeof(k)), -EINVAL, "filling a structure of size 0 is refused");
	same.size = SIZE_MAX;
	is(fill_struct(&same, &k, sizeof(k)), -E2BIG,
	   "filling a structure of SIZE_MAX bytes is refused");
	ok(same.a == 1, "a structure that is refused is not written to");
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
