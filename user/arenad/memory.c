// SPDX-License-Identifier: MIT
#include "memory.h"

#include <common/log.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_PATH	"/sys/fs/cgroup"

/* Read the number after @name in the first line that begins with it, or return @otherwise. */
static uint64_t read_named(const char *path, const char *name, uint64_t otherwise)
{
	size_t length = strlen(name);
	uint64_t value = otherwise;
	char line[256];
	FILE *f = fopen(path, "re");

	if (!f)
		return otherwise;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, length) &&
		    sscanf(line + length, " %" SCNu64, &value) == 1)
			break;
	fclose(f);
	return value;
}

/* Return the bytes that a control group may still use. Inactive file cache can be dropped. */
static uint64_t left_in_group(const char *group)
{
	uint64_t limit, used, cached;
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/memory.max", group);
	limit = read_named(path, "", UINT64_MAX);
	if (limit == UINT64_MAX)
		return limit;
	snprintf(path, sizeof(path), "%s/memory.current", group);
	used = read_named(path, "", 0);
	snprintf(path, sizeof(path), "%s/memory.stat", group);
	cached = read_named(path, "inactive_file", 0);
	used -= cached < used ? cached : used;
	return limit > used ? limit - used : 0;
}

/* Find the folder of this process's control group of version 2. */
static bool own_group(char *path, size_t size)
{
	char line[PATH_MAX];
	bool is_found = false;
	FILE *f = fopen("/proc/self/cgroup", "re");

	if (!f)
		return false;
	while (!is_found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		is_found = !strncmp(line, "0::/", 4);
	}
	fclose(f);
	return is_found && snprintf(path, size, GROUPS_PATH "%s", line + 3) < (int)size;
}

static int refuse(const char *region, uint64_t size, uint64_t left, const char *where)
{
	log_error("region %s needs %" PRIu64 " MiB of memory, and %s has %" PRIu64 " MiB left; "
		  "choose a smaller --size", region, size >> 20, where, left >> 20);
	return -ENOMEM;
}

int memory_check(const char *region, uint64_t size)
{
	uint64_t left = read_named("/proc/meminfo", "MemAvailable:", UINT64_MAX / 1024);
	char path[PATH_MAX], where[PATH_MAX + 32];

	if (size / 1024 > left)
		return refuse(region, size, left * 1024, "this machine");
	if (!own_group(path, sizeof(path)))
		return 0;
	/* Each group up to the root may have a limit. */
	while (strlen(path) >= strlen(GROUPS_PATH)) {
		left = left_in_group(path);
		if (size > left) {
			snprintf(where, sizeof(where), "control group %s", path);
			return refuse(region, size, left, where);
		}
		*strrchr(path, '/') = '\0';
	}
	return 0;
}
