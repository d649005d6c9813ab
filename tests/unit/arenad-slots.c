// SPDX-License-Identifier: MIT
/*
 * Goal: exports keep their places when others are added and removed, whatever order the files have,
 * also in the next arenad; and what does not fit is refused as a whole.
 */
#include <arenad/shape.h>
#include <arenad/slots.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define ALL	0xffffffffU

static struct arenad_options running, wanted;
static struct slots_change change;

/* Options with exports of these names, of which "" is a vacant one, and of a disk that exists. */
static void make(struct arenad_options *o, const char *const *names, unsigned int max)
{
	struct option_error error;

	arenad_options_init(o);
	o->region = "test";
	o->exports_max = max;
	for (; *names; names++) {
		if (!**names ? export_set_add_vacant(&o->exports) :
		    export_set_add(&o->exports, *names, &error))
			bail("cannot add an export");
		o->disk[o->exports.n - 1].path = **names ? "/proc/self/exe" : NULL;
		o->disk[o->exports.n - 1].is_readonly = true;
	}
	slots_fill(o);
}

#define MAKE(o, max, ...) make(o, (const char *const []){ __VA_ARGS__, NULL }, max)

/* Are these the names, with a comma between them? */
static bool has(const struct export_set *s, const char *names)
{
	char text[256] = "";

	for (unsigned int i = 0; i < s->n; i++) {
		strcat(text, i ? "," : "");
		strcat(text, s->export[i].name);
	}
	if (!strcmp(text, names))
		return true;
	printf("# got: %s\n", text);
	return false;
}

static void follow(void)
{
	char *shape = shape_text(&running);

	slots_follow(&wanted, shape);
	free(shape);
}

static void test_follow(void)
{
	MAKE(&running, 0, "a", "", "c");
	MAKE(&wanted, 0, "c", "a");
	follow();
	ok(has(&wanted.exports, "a,,c"), "exports come to their places, with what is vacant");
	MAKE(&wanted, 0, "new", "c", "a");
	follow();
	ok(has(&wanted.exports, "a,new,c"), "another one comes where it is vacant");
	MAKE(&wanted, 0, "c", "b");
	follow();
	ok(has(&wanted.exports, "b,,c"), "or where another one was");
	MAKE(&wanted, 4, "c", "a");
	follow();
	ok(has(&wanted.exports, "a,,c,"), "--exports-max counts");
	MAKE(&running, 0, "disk", "disk-memory", "d");
	running.disk[1].memory = 1 << 20;
	MAKE(&wanted, 0, "d", "disk-memory", "disk");
	follow();
	ok(has(&wanted.exports, "disk,disk-memory,d"),
	       "names that begin alike, or like options, are not mixed up");
	is(wanted.disk[1].memory, 1 << 20, "a disk has the memory that it had");
	is(wanted.disk[2].memory, 0, "others have not");
}

static void test_change(void)
{
	MAKE(&running, 3, "a", "b");
	MAKE(&wanted, 3, "x", "b");
	is(slots_change(&running, &wanted, 1U << 2, &change), 0, "one is added, one removed");
	ok(has(&change.exports, ",b,x"), "the place of the one that leaves is not taken yet");
	is(change.added, 1U << 2, "it says which one is new");
	is(change.removed, 1U << 0, "and which one is gone");
	ok(!change.disk[0].path, "what is gone has no disk");
	ok(change.disk[2].is_late, "what was added is known as such");
	is(slots_change(&running, &wanted, 0, &change), -ENOSPC, "without room nothing is added");
	MAKE(&wanted, 3, "a", "b", "x");
	wanted.disk[2].path = "/nonexistent";
	is(slots_change(&running, &wanted, ALL, &change), -ENOENT, "nor without its disk");
}

static void test_memory(void)
{
	MAKE(&running, 3, "a", "", "");
	running.disk[2].memory = 1 << 20;
	MAKE(&wanted, 3, "a", "x");
	wanted.disk[1].memory = 1 << 20;
	is(slots_change(&running, &wanted, 6, &change), 0, "memory of a size that there is is taken");
	ok(has(&change.exports, "a,,x"), "where it is");
	wanted.disk[1].memory = 2 << 20;
	is(slots_change(&running, &wanted, 6, &change), -ENOSPC, "another size is refused");
	wanted.disk[1].memory = 0;
	is(slots_change(&running, &wanted, 4, &change), 0, "any will do where none was asked for");
	is(change.disk[2].memory, 1 << 20, "the place keeps its memory");
}

int main(void)
{
	test_follow();
	test_change();
	test_memory();
	return done_testing();
}
