// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/**
 * struct entry - a client's key
 * @line: the line it was on
 * @name_size: bytes of @name
 * @key_size: bytes of @key
 * @name: the client's name
 * @key: the key
 */
struct entry {
	unsigned int line;
	size_t name_size;
	size_t key_size;
	char name[TLS_KEY_NAME_MAX];
	uint8_t key[TLS_KEY_MAX];
};

/**
 * struct tls_keys - the keys
 * @max: entries of @entry
 * @n: used entries of @entry
 * @entry: the keys, in the order of their names
 */
struct tls_keys {
	size_t max;
	size_t n;
	struct entry entry[];
};

static int compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
	int ret = memcmp(a, b, a_size < b_size ? a_size : b_size);

	if (ret)
		return ret;
	return a_size < b_size ? -1 : a_size > b_size;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return compare(x->name, x->name_size, y->name, y->name_size);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int parse_key(struct entry *e, const char *hex, size_t size)
{
	if (!size || size % 2 || size / 2 > TLS_KEY_MAX)
		return -EINVAL;
	for (size_t i = 0; i < size / 2; i++) {
		int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		e->key[i] = (uint8_t)(high << 4 | low);
	}
	e->key_size = size / 2;
	return 0;
}

/* GnuTLS writes names that are no text in hexadecimal behind a #; they are refused. */
static int parse_line(struct entry *e, const char *text, size_t size)
{
	const char *colon = memchr(text, ':', size);
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (!length || length > TLS_KEY_NAME_MAX || *text == '#' || memchr(text, '\0', length))
		return -EINVAL;
	memcpy(e->name, text, length);
	e->name_size = length;
	return parse_key(e, colon + 1, size - length - 1);
}

/* A key has a colon before it. */
static size_t count_colons(const char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += text[i] == ':';
	return n;
}

/* Return: 0, also for an empty line; -EINVAL. */
static int take_line(struct tls_keys *keys, const char *text, size_t size, unsigned int line)
{
	struct entry *e = &keys->entry[keys->n];

	if (size && text[size - 1] == '\r')
		size--;
	if (!size)
		return 0;
	if (keys->n == keys->max || parse_line(e, text, size))
		return -EINVAL;
	e->line = line;
	keys->n++;
	return 0;
}

static int parse_lines(struct tls_keys *keys, const char *text, size_t size, unsigned int *line)
{
	const char *end = text + size;

	for (*line = 1; text < end; (*line)++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		if (take_line(keys, text, (size_t)(stop - text), *line))
			return -EINVAL;
		text = stop + 1;
	}
	*line = 0;
	return keys->n ? 0 : -EINVAL;
}

static int sort(struct tls_keys *keys, unsigned int *line)
{
	struct entry *e = keys->entry;

	qsort(e, keys->n, sizeof(*e), compare_entries);
	for (size_t i = 1; i < keys->n; i++) {
		if (compare_entries(&e[i - 1], &e[i]))
			continue;
		*line = e[i].line > e[i - 1].line ? e[i].line : e[i - 1].line;
		return -EINVAL;
	}
	return 0;
}

int tls_keys_parse(const char *text, size_t size, struct tls_keys **out, unsigned int *line)
{
	size_t max = count_colons(text, size);
	struct tls_keys *keys;
	int ret;

	if (max > TLS_KEYS_MAX)
		max = TLS_KEYS_MAX;
	keys = calloc(1, sizeof(*keys) + max * sizeof(keys->entry[0]));
	if (!keys)
		return -ENOMEM;
	keys->max = max;
	ret = parse_lines(keys, text, size, line);
	if (!ret)
		ret = sort(keys, line);
	if (ret) {
		tls_keys_free(keys);
		return ret;
	}
	*out = keys;
	return 0;
}

const uint8_t *tls_keys_find(const struct tls_keys *keys, const void *name, size_t size,
			     size_t *length)
{
	size_t low = 0, high = keys->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct entry *e = &keys->entry[middle];
		int order = compare(name, size, e->name, e->name_size);

		if (!order) {
			*length = e->key_size;
			return e->key;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

void tls_keys_free(struct tls_keys *keys)
{
	if (!keys)
		return;
	explicit_bzero(keys->entry, keys->max * sizeof(keys->entry[0]));
	free(keys);
}
