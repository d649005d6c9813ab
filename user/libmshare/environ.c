// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include "environ.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "region.h"

/* NAME/VIEW with its terminating NUL. */
#define KEY_SIZE	(MSHAREARENA_NAME_SIZE + MSHARE_VIEW_SIZE)

/*
 * Find the entry of @env that begins with @key and the separator. Its length is that
 * up to the next blank.
 */
static const char *entry_find(const char *env, const char *key, char separator,
			      size_t *length)
{
	size_t key_length = strlen(key);

	while (env && *env) {
		*length = strcspn(env, " ");
		if (!strncmp(env, key, key_length) && env[key_length] == separator)
			return env;
		env += *length;
		env += strspn(env, " ");
	}
	return NULL;
}

/* The text after the key, or NULL. */
static const char *entry_value(const char *key)
{
	size_t length;
	const char *text = entry_find(getenv(MSHARE_MEMFD_ENV), key, ':', &length);

	return text ? text + strlen(key) + 1 : NULL;
}

static int entry_add(const char *entry)
{
	const char *old = getenv(MSHARE_MEMFD_ENV);
	char *text;
	int ret;

	if (asprintf(&text, "%s%s%s", old ? old : "", old && *old ? " " : "", entry) < 0)
		return -ENOMEM;
	ret = setenv(MSHARE_MEMFD_ENV, text, 1) ? -errno : 0;
	free(text);
	return ret;
}

static int entry_remove(const char *key, char separator)
{
	const char *env = getenv(MSHARE_MEMFD_ENV);
	size_t length;
	const char *text = entry_find(env, key, separator, &length);
	const char *rest;
	char *left;
	int ret;

	if (!text)
		return -ENOENT;
	rest = text + length;
	rest += strspn(rest, " ");
	if (asprintf(&left, "%.*s%s", (int)(text - env), env, rest) < 0)
		return -ENOMEM;
	ret = *left ? setenv(MSHARE_MEMFD_ENV, left, 1) : unsetenv(MSHARE_MEMFD_ENV);
	free(left);
	return ret ? -errno : 0;
}

bool mshare_memfd_known(const char *name)
{
	return entry_value(name);
}

int mshare_environ_get(const char *name, struct mshare_memfd *e)
{
	const char *value = entry_value(name);

	if (!value)
		return -ENOENT;
	if (sscanf(value, "%d:%d:%" SCNx64 ":%" SCNu64 ":%" SCNu64, &e->fd, &e->rings_fd,
		   &e->addr, &e->length, &e->page_size) != 5)
		return -EINVAL;
	return 0;
}

int mshare_environ_put(const char *name, const struct mshare_memfd *e)
{
	char *entry;
	int ret;

	if (asprintf(&entry, "%s:%d:%d:0x%" PRIx64 ":%" PRIu64 ":%" PRIu64, name, e->fd,
		     e->rings_fd, e->addr, e->length, e->page_size) < 0)
		return -ENOMEM;
	ret = entry_add(entry);
	free(entry);
	return ret;
}

int mshare_environ_remove(const char *name)
{
	int ret = entry_remove(name, ':');

	/* If a view of a region without a name stays, it does no harm. */
	while (!ret && !entry_remove(name, '/'))
		;
	return ret;
}

static void view_key(char key[KEY_SIZE], const char *name, const char *view)
{
	snprintf(key, KEY_SIZE, "%s/%s", name, view);
}

int mshare_environ_get_view(const char *name, const char *view, bool *writable)
{
	char key[KEY_SIZE];
	const char *value;

	view_key(key, name, view);
	value = entry_value(key);
	if (!value)
		return -ENOENT;
	*writable = !strncmp(value, "rw", 2);
	return 0;
}

int mshare_environ_put_view(const char *name, const char *view, bool writable)
{
	char key[KEY_SIZE], entry[KEY_SIZE + sizeof(":rw")];

	view_key(key, name, view);
	snprintf(entry, sizeof(entry), "%s:%s", key, writable ? "rw" : "ro");
	return entry_add(entry);
}
