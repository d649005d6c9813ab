// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "holder.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Read the first line of a file. Return: false if there is none. */
static bool first_line(const char *path, char *line, size_t size)
{
	FILE *from = fopen(path, "re");
	bool good = from && fgets(line, (int)size, from);

	if (from)
		fclose(from);
	if (good)
		line[strcspn(line, "\n")] = '\0';
	return good;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) || S_ISCHR(a->st_mode))
		return (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * Loop devices
 */

static bool loop_has(const char *name, const struct stat *st, bool readonly)
{
	char path[PATH_MAX], line[PATH_MAX];
	struct stat backing;

	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", name);
	if (!first_line(path, line, sizeof(line)) || stat(line, &backing) ||
	    !is_same(st, &backing))
		return false;
	snprintf(path, sizeof(path), "/sys/block/%s/ro", name);
	return !readonly || !first_line(path, line, sizeof(line)) || line[0] != '1';
}

/* Find the loop device over a file. Return: false if there is none. */
static bool find_loop(const struct stat *st, bool readonly, char *text, size_t size)
{
	DIR *all = S_ISREG(st->st_mode) ? opendir("/sys/block") : NULL;
	const struct dirent *d;
	bool found = false;

	while (all && !found && (d = readdir(all))) {
		found = !strncmp(d->d_name, "loop", 4) && loop_has(d->d_name, st, readonly);
		if (found)
			snprintf(text, size, "loop device /dev/%s", d->d_name);
	}
	if (all)
		closedir(all);
	return found;
}

bool holder_is_loop(const struct stat *st, bool readonly)
{
	char text[64];

	return find_loop(st, readonly, text, sizeof(text));
}

/*
 * Block devices
 */

/* A device that is made of this one, such as a volume of LVM or an array of MD. */
static bool find_device(const struct stat *st, char *text, size_t size)
{
	const struct dirent *d;
	bool found = false;
	char path[64];
	DIR *all;

	if (!S_ISBLK(st->st_mode))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(st->st_rdev),
		 minor(st->st_rdev));
	all = opendir(path);
	while (all && !found && (d = readdir(all))) {
		found = d->d_name[0] != '.';
		if (found)
			snprintf(text, size, "device /dev/%s", d->d_name);
	}
	if (all)
		closedir(all);
	return found;
}

static bool find_mount(const struct stat *st, char *text, size_t size)
{
	FILE *from = S_ISBLK(st->st_mode) ? fopen("/proc/self/mountinfo", "re") : NULL;
	char line[2 * PATH_MAX], where[256];
	unsigned int major, minor;
	bool found = false;

	while (from && !found && fgets(line, sizeof(line), from)) {
		found = sscanf(line, "%*d %*d %u:%u %*s %255s", &major, &minor, where) == 3 &&
			makedev(major, minor) == st->st_rdev;
		if (found)
			snprintf(text, size, "the file system mounted at %s", where);
	}
	if (from)
		fclose(from);
	return found;
}

/*
 * Processes
 */

/* Does the process hold a lock by this descriptor? Others only have the file open. */
static bool has_lock(const char *pid, const char *fd)
{
	char path[64], line[256];
	bool found = false;
	FILE *from;

	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, fd);
	from = fopen(path, "re");
	while (from && !found && fgets(line, sizeof(line), from))
		found = !strncmp(line, "lock:", 5);
	if (from)
		fclose(from);
	return found;
}

/* Has the process the device open, or a lock of the file? */
static bool uses(const char *pid, const struct stat *st)
{
	const struct dirent *d;
	bool found = false;
	char path[64];
	struct stat s;
	DIR *all;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	all = opendir(path);
	while (all && !found && (d = readdir(all))) {
		snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, d->d_name);
		found = isdigit((unsigned char)d->d_name[0]) && !stat(path, &s) &&
			is_same(st, &s) && (S_ISBLK(st->st_mode) || has_lock(pid, d->d_name));
	}
	if (all)
		closedir(all);
	return found;
}

static bool find_process(const struct stat *st, char *text, size_t size)
{
	char path[64], name[32] = "";
	const struct dirent *d;
	bool found = false;
	DIR *all = opendir("/proc");

	while (all && !found && (d = readdir(all))) {
		found = isdigit((unsigned char)d->d_name[0]) && atoi(d->d_name) != getpid() &&
			uses(d->d_name, st);
		if (!found)
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/comm", d->d_name);
		first_line(path, name, sizeof(name));
		snprintf(text, size, "process %.16s (%s)", d->d_name, name);
	}
	if (all)
		closedir(all);
	return found;
}

void holder_find(const struct stat *st, char *text, size_t size)
{
	text[0] = '\0';
	if (find_mount(st, text, size) || find_device(st, text, size) ||
	    find_loop(st, false, text, size))
		return;
	find_process(st, text, size);
}
