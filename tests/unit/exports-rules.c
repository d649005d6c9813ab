// SPDX-License-Identifier: MIT
/*
 * Goal: rules that go from one process to another by a memfd are the same there; and a memfd with
 * anything else is refused, and leaves no rules.
 */
#define _GNU_SOURCE
#include <common/sealed.h>
#include <errno.h>
#include <exports/rules.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

#define EXPORTS	3U

static void add(struct export_set *s, unsigned int i, const char *rule)
{
	struct option_error error;

	if (access_add(&s->export[i].access, rule, &error))
		abort();
}

static bool is_same(const struct rules *r, const struct export_set *s)
{
	for (unsigned int i = 0; i < s->n; i++) {
		const struct access *a = &r->access[i], *b = &s->export[i].access;

		if (a->n != b->n)
			return false;
		for (unsigned int k = 0; k < a->n; k++)
			if (strcmp(a->rule[k].text, b->rule[k].text) != 0 ||
			    a->rule[k].kind != b->rule[k].kind ||
			    memcmp(&a->rule[k].network, &b->rule[k].network,
				   sizeof(a->rule[k].network)) != 0)
				return false;
	}
	return true;
}

static int read_text(const char *text, size_t size)
{
	struct iovec part = { .iov_base = (void *)text, .iov_len = size };
	struct rules r;
	int fd = sealed_make("test", &part, 1), ret = rules_read(&r, fd, EXPORTS);

	if (ret && (r.text || r.access[0].n))
		ret = 1;
	rules_free(&r);
	close(fd);
	return ret;
}

static void test_round(void)
{
	struct export_set s = { .n = EXPORTS };
	struct rules r;
	int fd;

	add(&s, 0, "192.0.2.0/24");
	add(&s, 0, "x509:CN=a b,O=c");
	add(&s, 2, "unix");
	fd = rules_make(&s);
	ok(fd >= 0, "rules are written");
	is(rules_read(&r, fd, EXPORTS), 0, "they are read");
	ok(is_same(&r, &s), "they are the same, those with blanks, too");
	rules_free(&r);
	is(rules_read(&r, fd, EXPORTS - 1), -EPROTO,
	   "rules of an export that there is not are refused");
	close(fd);
	is(rules_copy(&r, &s), 0, "they are copied");
	ok(is_same(&r, &s), "the copy is the same");
	rules_free(&r);
	s = (struct export_set){ .n = EXPORTS };
	fd = rules_make(&s);
	is(rules_read(&r, fd, EXPORTS), 0, "no rules at all are rules, too");
	ok(is_same(&r, &s), "there are none then");
	rules_free(&r);
	close(fd);
}

static void test_wrong(void)
{
	static const char many[] = "0 192.0.2.0/24";
	char text[(ACCESS_RULES_MAX + 1) * sizeof(many)];
	struct rules r;
	int fd;

#define IS_WRONG(text, what) is(read_text(text, sizeof(text)), -EPROTO, what)
	IS_WRONG("0", "a line without a rule is refused");
	IS_WRONG("", "an empty line is refused");
	IS_WRONG("0 ", "an empty rule is refused");
	IS_WRONG("3 unix", "an export that there is not is refused");
	IS_WRONG("-1 unix", "a negative number is refused");
	IS_WRONG("x unix", "what is no number is refused");
	IS_WRONG("0 nonsense", "what is no rule is refused");
	is(read_text("0 unix", 6), -EPROTO, "a line without its end is refused");
	for (size_t at = 0; at < sizeof(text); at += sizeof(many))
		memcpy(text + at, many, sizeof(many));
	IS_WRONG(text, "more rules than an export can have are refused");
	is(read_text(text, sizeof(text) - sizeof(many)), 0, "as many as it can have are not");
	fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	is(rules_read(&r, fd, EXPORTS), -EPROTO, "memory that others could change is refused");
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	is(rules_read(&r, fd, EXPORTS), -EPROTO, "what is no memfd is refused");
	close(fd);
}

int main(void)
{
	test_round();
	test_wrong();
	return done_testing();
}
