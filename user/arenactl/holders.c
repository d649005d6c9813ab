// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "holders.h"

#include <common/parse.h>
#include <common/utf8.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A path is followed by a line break, and a longer line is no mapping of a region. */
#define LINE_SIZE	512

static int add(struct holders *h, const struct holder *one)
{
	struct holder *all = reallocarray(h->holder, h->n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all[h->n++] = *one;
	h->holder = all;
	return 0;
}

static FILE *open_of(const char *proc, const char *pid, const char *name)
{
	char path[256];

	if (snprintf(path, sizeof(path), "%s/%s/%s", proc, pid, name) >= (int)sizeof(path))
		return NULL;
	return fopen(path, "re");
}

static void name_it(const char *proc, const char *pid, struct holder *one)
{
	FILE *f = open_of(proc, pid, "comm");
	char text[HOLDER_NAME_SIZE] = "";

	if (f && fgets(text, sizeof(text), f))
		text[strcspn(text, "\n")] = '\0';
	if (f)
		fclose(f);
	utf8_show(one->name, sizeof(one->name), text, strlen(text));
}

/* A region is mapped as a whole, by a file of the device's own folder or by one without a path. */
static bool is_region(const char *line, uint64_t *address)
{
	const char *path = strchr(line, '/');

	if (sscanf(line, "%" SCNx64 "-", address) != 1)
		return false;
	return path ? !strncmp(path, "/dev/mshare/", strlen("/dev/mshare/")) :
		      !!strstr(line, " anon_inode:[mshare]");
}

/* Processes may end meanwhile, and those of others may not be looked into. */
static int look_into(const char *proc, const char *pid, struct holders *h)
{
	FILE *f = open_of(proc, pid, "maps");
	struct holder one = { .pid = (pid_t)atoi(pid) };
	char line[LINE_SIZE];
	int ret = 0;

	while (f && !ret && fgets(line, sizeof(line), f)) {
		if (!is_region(line, &one.address))
			continue;
		name_it(proc, pid, &one);
		ret = add(h, &one);
	}
	if (f)
		fclose(f);
	return ret;
}

int holders_find(const char *proc, struct holders *h)
{
	DIR *folder = opendir(proc);
	struct dirent *entry;
	uint32_t pid;
	int ret = 0;

	*h = (struct holders){ 0 };
	if (!folder)
		return -errno;
	while (!ret && (entry = readdir(folder)))
		if (!parse_u32(entry->d_name, INT32_MAX, &pid))
			ret = look_into(proc, entry->d_name, h);
	closedir(folder);
	return ret;
}
