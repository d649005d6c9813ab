// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "copy.h"

#include <common/sealed.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Each text has its kind in front of it and a NUL behind it. The name of an export comes before all
 * else that is about it.
 */
enum kind {
	NAME = 'n',
	DESCRIPTION = 'd',
	NO_DISK = 'w',
	RULE = 'a',
	DRAINED = 'x',
	CHOSEN = 'c',
};

static void print_one(FILE *f, const struct export_options *e)
{
	fprintf(f, "%c%s%c", NAME, e->name, '\0');
	if (e->description)
		fprintf(f, "%c%s%c", DESCRIPTION, e->description, '\0');
	if (e->no_disk != EXPORT_STOP)
		fprintf(f, "%c%s%c", NO_DISK, export_no_disk_words[e->no_disk], '\0');
	for (unsigned int i = 0; i < e->access.n; i++)
		fprintf(f, "%c%s%c", RULE, e->access.rule[i].text, '\0');
	if (e->is_drained)
		fprintf(f, "%c%c", DRAINED, '\0');
}

/* Return: bytes, or -errno. */
static ssize_t print(const struct export_set *s, char **text)
{
	size_t size;
	FILE *f = open_memstream(text, &size);

	if (!f)
		return -ENOMEM;
	for (unsigned int i = 0; i < s->n; i++)
		print_one(f, &s->export[i]);
	if (s->chosen)
		fprintf(f, "%c%s%c", CHOSEN, s->chosen, '\0');
	if (!fclose(f) && size <= EXPORT_COPY_TEXT_MAX)
		return (ssize_t)size;
	free(*text);
	*text = NULL;
	return size > EXPORT_COPY_TEXT_MAX ? -E2BIG : -ENOMEM;
}

static int take_name(struct export_set *s, const char *name, struct option_error *error)
{
	return *name ? export_set_add(s, name, error) : export_set_add_vacant(s);
}

static int take(struct export_set *s, char kind, const char *text)
{
	struct export_options *last = s->n ? &s->export[s->n - 1] : NULL;
	struct option_error error;

	if (kind == NAME)
		return take_name(s, text, &error);
	if (!last)
		return -EPROTO;
	switch (kind) {
	case DESCRIPTION:
		return export_describe(last, text, &error);
	case NO_DISK:
		return export_take_no_disk(last, text, &error);
	case RULE:
		return access_add(&last->access, text, &error);
	case DRAINED:
		last->is_drained = true;
		return *text ? -EPROTO : 0;
	case CHOSEN:
		s->chosen = text;
		return export_set_find(s, text, &error) < 0 ? -EPROTO : 0;
	default:
		return -EPROTO;
	}
}

/* @c->text belongs to @c also if that fails. */
static int parse(struct export_copy *c, size_t size, unsigned int n)
{
	const char *at = c->text;
	int ret = size && at[size - 1] ? -EPROTO : 0;

	while (!ret && at < c->text + size) {
		size_t length = strlen(at) + 1;

		ret = take(&c->set, *at, at + (length > 1));
		at += length;
	}
	if (!ret && c->set.n == n)
		return 0;
	export_copy_free(c);
	return -EPROTO;
}

int export_copy(struct export_copy *c, const struct export_set *s)
{
	ssize_t size;

	*c = (struct export_copy){ .text = NULL };
	size = print(s, &c->text);
	return size < 0 ? (int)size : parse(c, (size_t)size, s->n);
}

int export_copy_make(const struct export_set *s)
{
	struct iovec part;
	char *text;
	ssize_t size = print(s, &text);
	int fd;

	if (size < 0)
		return (int)size;
	part = (struct iovec){ .iov_base = text, .iov_len = (size_t)size };
	fd = sealed_make("exports", &part, 1);
	free(text);
	return fd;
}

int export_copy_read(struct export_copy *c, int fd, unsigned int n)
{
	size_t size;
	int ret;

	*c = (struct export_copy){ .text = NULL };
	ret = sealed_read(fd, EXPORT_COPY_TEXT_MAX, &c->text, &size);
	return ret ? ret : parse(c, size, n);
}

void export_copy_free(struct export_copy *c)
{
	free(c->text);
	*c = (struct export_copy){ .text = NULL };
}
