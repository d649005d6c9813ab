// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "rules.h"

#include <common/parse.h>
#include <common/sealed.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rules_refer(struct rules *r, const struct export_set *s)
{
	*r = (struct rules){ .text = NULL };
	for (unsigned int i = 0; i < s->n; i++)
		r->access[i] = s->export[i].access;
}

/* All rules, each as "EXPORT RULE" with a NUL behind it. Return: bytes, or -errno. */
static ssize_t print(const struct export_set *s, char **text)
{
	size_t size;
	FILE *f = open_memstream(text, &size);

	if (!f)
		return -ENOMEM;
	for (unsigned int i = 0; i < s->n; i++)
		for (unsigned int k = 0; k < s->export[i].access.n; k++)
			fprintf(f, "%u %s%c", i, s->export[i].access.rule[k].text, '\0');
	if (!fclose(f) && size <= RULES_TEXT_MAX)
		return (ssize_t)size;
	free(*text);
	*text = NULL;
	return size > RULES_TEXT_MAX ? -E2BIG : -ENOMEM;
}

static int add(struct rules *r, char *line, unsigned int n)
{
	char *rule = strchr(line, ' ');
	struct option_error error;
	uint32_t i;

	if (!rule)
		return -EPROTO;
	*rule++ = '\0';
	return parse_u32(line, n, &i) || i >= n || access_add(&r->access[i], rule, &error) ?
	       -EPROTO : 0;
}

/* @r->text belongs to @r also if that fails. */
static int parse(struct rules *r, size_t size, unsigned int n)
{
	char *at = r->text;
	int ret = size && at[size - 1] ? -EPROTO : 0;

	while (!ret && at < r->text + size) {
		size_t length = strlen(at) + 1;

		ret = add(r, at, n);
		at += length;
	}
	if (ret)
		rules_free(r);
	return ret;
}

int rules_copy(struct rules *r, const struct export_set *s)
{
	ssize_t size;

	*r = (struct rules){ .text = NULL };
	size = print(s, &r->text);
	return size < 0 ? (int)size : parse(r, (size_t)size, s->n);
}

int rules_make(const struct export_set *s)
{
	struct iovec part;
	char *text;
	ssize_t size = print(s, &text);
	int fd;

	if (size < 0)
		return (int)size;
	part = (struct iovec){ .iov_base = text, .iov_len = (size_t)size };
	fd = sealed_make("rules", &part, 1);
	free(text);
	return fd;
}

int rules_read(struct rules *r, int fd, unsigned int n)
{
	size_t size;
	int ret;

	*r = (struct rules){ .text = NULL };
	ret = sealed_read(fd, RULES_TEXT_MAX, &r->text, &size);
	return ret ? ret : parse(r, size, n);
}

void rules_free(struct rules *r)
{
	free(r->text);
	*r = (struct rules){ .text = NULL };
}
