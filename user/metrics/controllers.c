// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "controllers.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A mapping on a mapping on an array of partitions has three. */
#define DEPTH_MAX	8U

/* Is the name up to a slash or the end @prefix with a number behind? */
static bool is_numbered(const char *name, const char *prefix, uint32_t *number)
{
	size_t n = strlen(prefix), digits;

	if (strncmp(name, prefix, n) != 0)
		return false;
	digits = strspn(name + n, "0123456789");
	if (!digits || digits > 9 || (name[n + digits] && name[n + digits] != '/'))
		return false;
	*number = (uint32_t)strtoul(name + n, NULL, 10);
	return true;
}

static void add(struct controllers *c, uint32_t number)
{
	for (unsigned int i = 0; i < c->n; i++)
		if (c->number[i] == number)
			return;
	if (c->n < CONTROLLERS_MAX)
		c->number[c->n++] = number;
}

/* All controllers of a subsystem are paths to its namespaces. */
static void add_subsystem(struct controllers *c, const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *e;
	uint32_t number;

	while (folder && (e = readdir(folder)))
		if (is_numbered(e->d_name, "nvme", &number))
			add(c, number);
	if (folder)
		closedir(folder);
}

/* Return: whether the device in sysfs is one of a controller or of a subsystem. */
static bool add_of_path(struct controllers *c, char *path)
{
	uint32_t number;

	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		if (is_numbered(slash + 1, "nvme", &number)) {
			add(c, number);
			return true;
		}
		if (is_numbered(slash + 1, "nvme-subsys", &number)) {
			slash[1 + strcspn(slash + 1, "/")] = '\0';
			add_subsystem(c, path);
			return true;
		}
	}
	return false;
}

/* Those below a device of sysfs: a partition has none, and the device that it is of does. */
static void add_device(struct controllers *c, const char *link, unsigned int depth)
{
	char path[PATH_MAX], below[PATH_MAX + NAME_MAX + 16];
	DIR *folder;
	struct dirent *e;

	if (depth > DEPTH_MAX || !realpath(link, path))
		return;
	snprintf(below, sizeof(below), "%s/partition", path);
	if (!access(below, F_OK))
		*strrchr(path, '/') = '\0';
	snprintf(below, sizeof(below), "%s/slaves", path);
	if (add_of_path(c, path))
		return;
	folder = opendir(below);
	while (folder && c->n < CONTROLLERS_MAX && (e = readdir(folder))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/slaves/%s", path, e->d_name);
		add_device(c, below, depth + 1);
	}
	if (folder)
		closedir(folder);
}

/* A disk that is a file may be on a file system that hangs, and only devices are of interest. */
void controllers_find(struct controllers *c, const char *disk)
{
	char link[64];
	struct stat s;

	c->n = 0;
	if (strncmp(disk, "/dev/", 5) != 0 || stat(disk, &s) ||
	    (!S_ISBLK(s.st_mode) && !S_ISCHR(s.st_mode)))
		return;
	snprintf(link, sizeof(link), "/sys/dev/%s/%u:%u", S_ISBLK(s.st_mode) ? "block" : "char",
		 major(s.st_rdev), minor(s.st_rdev));
	add_device(c, link, 0);
}
