// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned int count(char **argv)
{
	unsigned int n = 0;

	while (argv[n])
		n++;
	return n;
}

/* With the folder in which arenad is, because it might change to another one. */
static int name_path(char *path, const char *name)
{
	char folder[PATH_MAX];
	int n;

	if (*name == '/')
		n = snprintf(path, PATH_MAX, "%s", name);
	else if (getcwd(folder, sizeof(folder)))
		n = snprintf(path, PATH_MAX, "%s/%s", folder, name);
	else
		return -errno;
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool is_this_program(const char *path)
{
	struct stat own, named;

	return !stat("/proc/self/exe", &own) && !stat(path, &named) &&
	       own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

/*
 * A name that leads to this program is kept, also if it is a link, which may lead to another
 * version later. Without such a name, as after fexecve(3), the file itself is named.
 */
static int find_path(char *path)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	ssize_t n;

	if (name && !name_path(path, name) && is_this_program(path))
		return 0;
	n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	return 0;
}

int command_keep(struct command *c, char **argv)
{
	unsigned int n = count(argv);

	*c = (struct command){ .path = "" };
	if (!n)
		return -EINVAL;
	/* One more for command_exec(), and the NULL. */
	c->argv = (char **)calloc(n + 2, sizeof(*c->argv));
	if (!c->argv)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		c->argv[i] = strdup(argv[i]);
		if (!c->argv[i])
			return -ENOMEM;
	}
	return find_path(c->path);
}

int command_exec(const struct command *c, const char *more)
{
	unsigned int n = count(c->argv);
	int ret;

	/* execv() promises not to write to it. */
	c->argv[n] = (char *)(uintptr_t)more;
	execv(c->path, c->argv);
	ret = -errno;
	c->argv[n] = NULL;
	return ret;
}

void command_free(struct command *c)
{
	for (unsigned int i = 0; c->argv && c->argv[i]; i++)
		free(c->argv[i]);
	free((void *)c->argv);
}
