// SPDX-License-Identifier: MIT
/*
 * Goal: exports that go from one process to another by a memfd are the same there, also vacant
 * entries; and a memfd with anything else is refused, and leaves no exports.
 */
#define _GNU_SOURCE
#include <common/sealed.h>
#include <errno.h>
#include <exports/copy.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

#define EXPORTS	3U

static void must(int ret)
{
	if (ret)
		abort();
}

static void add_rule(struct export_set *s, unsigned int i, const char *rule)
{
	struct option_error error;

	must(access_add(&s->export[i].access, rule, &error));
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool has_same_rules(const struct access *a, const struct access *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned int k = 0; k < a->n; k++)
		if (strcmp(a->rule[k].text, b->rule[k].text) != 0 ||
		    a->rule[k].kind != b->rule[k].kind ||
		    memcmp(&a->rule[k].network, &b->rule[k].network,
			   sizeof(a->rule[k].network)) != 0)
			return false;
	return true;
}

static bool is_same(const struct export_set *a, const struct export_set *b)
{
	bool same = a->n == b->n && is_same_text(a->chosen, b->chosen);

	for (unsigned int i = 0; i < a->n && same; i++) {
		const struct export_options *x = &a->export[i], *y = &b->export[i];

		same = !strcmp(x->name, y->name) && !strcmp(x->label, y->label) &&
		       is_same_text(x->description, y->description) &&
		       x->no_disk == y->no_disk && x->is_drained == y->is_drained &&
		       has_same_rules(&x->access, &y->access);
	}
	return same;
}

/* An export with everything, a vacant entry, and one with nothing. */
static void make(struct export_set *s)
{
	struct option_error error;

	*s = (struct export_set){ .n = 0 };
	must(export_set_add(s, "a=\n", &error));
	must(export_describe(&s->export[0], "a text, with blanks", &error));
	must(export_take_no_disk(&s->export[0], "refuse", &error));
	s->export[0].is_drained = true;
	add_rule(s, 0, "192.0.2.0/24");
	add_rule(s, 0, "x509:CN=a b,O=c");
	must(export_set_add_vacant(s));
	must(export_set_add(s, "c", &error));
	add_rule(s, 2, "unix");
}

static int read_text(const char *text, size_t size)
{
	struct iovec part = { .iov_base = (void *)text, .iov_len = size };
	struct export_copy c;
	int fd = sealed_make("test", &part, 1), ret = export_copy_read(&c, fd, EXPORTS);

	if (ret && (c.text || c.set.n))
		ret = 1;
	export_copy_free(&c);
	close(fd);
	return ret;
}

static void test_round(void)
{
	struct export_set s;
	struct export_copy c;
	int fd;

	make(&s);
	fd = export_copy_make(&s);
	ok(fd >= 0, "exports are written");
	is(export_copy_read(&c, fd, EXPORTS), 0, "they are read");
	ok(is_same(&c.set, &s), "they are the same");
	export_copy_free(&c);
	is(export_copy_read(&c, fd, EXPORTS - 1), -EPROTO, "more exports than are due are refused");
	is(export_copy_read(&c, fd, EXPORTS + 1), -EPROTO, "and so are fewer ones");
	close(fd);
	s.chosen = "c";
	is(export_copy(&c, &s), 0, "they are copied");
	ok(is_same(&c.set, &s), "the copy is the same, with a default export");
	export_copy_free(&c);
	s.chosen = "b";
	is(export_copy(&c, &s), -EPROTO, "a default export that there is not is refused");
}

static void test_default(void)
{
	struct export_set s;

	make(&s);
	is(export_set_count(&s), 2, "vacant entries are no exports");
	is(export_set_default(&s), -1, "of several exports none is the default one");
	s.export[0] = s.export[1];
	is(export_set_default(&s), 2, "a single one is, wherever it stands");
	s.chosen = "";
	is(export_set_default(&s), -1, "a vacant entry is not found by its empty name");
}

static void test_wrong(void)
{
	static const char many[] = "aunix";
	char text[sizeof("na") + (ACCESS_RULES_MAX + 1) * sizeof(many) + sizeof("n\0n")];
	size_t size = sizeof("na");
	struct export_copy c;
	int fd;

#define IS_WRONG(text, what) is(read_text(text, sizeof(text)), -EPROTO, what)
	is(read_text("na\0n\0n", 7), 0, "three entries are right");
	IS_WRONG("na\0n", "two entries are refused");
	IS_WRONG("na\0na\0n", "two exports of one name are refused");
	IS_WRONG("aunix\0n\0n\0n", "a rule without an export is refused");
	IS_WRONG("na\0n\0n\0anonsense", "what is no rule is refused");
	IS_WRONG("na\0n\0n\0wnever", "what is no word of --no-disk is refused");
	IS_WRONG("na\0n\0n\0xyes", "a drained export with a text is refused");
	IS_WRONG("na\0n\0n\0z", "an unknown kind is refused");
	IS_WRONG("na\0n\0n\0", "an empty line is refused");
	is(read_text("na\0n\0nc", 7), -EPROTO, "a line without its end is refused");
	memcpy(text, "na", sizeof("na"));
	for (unsigned int i = 0; i < ACCESS_RULES_MAX; i++, size += sizeof(many))
		memcpy(text + size, many, sizeof(many));
	memcpy(text + size, "n\0n", sizeof("n\0n"));
	is(read_text(text, size + sizeof("n\0n")), 0, "an export has as many rules as it can have");
	memcpy(text + size, many, sizeof(many));
	memcpy(text + size + sizeof(many), "n\0n", sizeof("n\0n"));
	IS_WRONG(text, "and one more is refused");
	fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	is(export_copy_read(&c, fd, EXPORTS), -EPROTO, "memory that others could change is refused");
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	is(export_copy_read(&c, fd, EXPORTS), -EPROTO, "what is no memfd is refused");
	close(fd);
}

int main(void)
{
	test_round();
	test_default();
	test_wrong();
	return done_testing();
}
