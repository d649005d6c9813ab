// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "disk_identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The file of sysfs for which the kernel has no number says this. */
#define NO_NUMBER	"none"

/* Read a line of a file below a device's folder. Return: false if there is none. */
static bool read_line(const char *folder, const char *name, char *line, size_t size)
{
	char path[128];
	bool good;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	good = fgets(line, (int)size, f);
	fclose(f);
	if (!good)
		return false;
	line[strcspn(line, "\n")] = '\0';
	return line[strspn(line, " ")] && strcmp(line, NO_NUMBER) != 0;
}

/* The best that a device's folder, or that of the whole disk, has to say. */
static int identify(const char *folder, char text[DISK_IDENTITY_SIZE])
{
	static const char *const names[] = {
		"wwid", "device/wwid", "dm/uuid", "dm/name", "device/serial", "serial",
		"loop/backing_file", "size",
	};
	char line[DISK_IDENTITY_SIZE - 32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!read_line(folder, names[i], line, sizeof(line)))
			continue;
		snprintf(text, DISK_IDENTITY_SIZE, "%s %s", names[i], line);
		return 0;
	}
	return -ENODATA;
}

/* A partition has its number, and the identity of its disk. */
static int identify_device(const char *folder, char text[DISK_IDENTITY_SIZE])
{
	char disk[128], number[16];
	size_t n;
	int ret;

	if (!read_line(folder, "partition", number, sizeof(number)))
		return identify(folder, text);
	snprintf(disk, sizeof(disk), "%s/..", folder);
	ret = identify(disk, text);
	n = strlen(text);
	if (!ret)
		snprintf(text + n, DISK_IDENTITY_SIZE - n, ", part %s", number);
	return ret;
}

int disk_identity(const char *path, char text[DISK_IDENTITY_SIZE])
{
	char folder[64];
	struct stat st;

	text[0] = '\0';
	if (stat(path, &st))
		return -errno;
	if (S_ISREG(st.st_mode)) {
		snprintf(text, DISK_IDENTITY_SIZE, "file");
		return 0;
	}
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return -ENOTBLK;
	snprintf(folder, sizeof(folder), "/sys/dev/%s/%u:%u",
		 S_ISBLK(st.st_mode) ? "block" : "char", major(st.st_rdev), minor(st.st_rdev));
	return identify_device(folder, text);
}

/* The size that an identity consists of; 0 if it is more than a size. */
static unsigned long long size_of(const char *identity)
{
	return strncmp(identity, "size ", 5) ? 0 : strtoull(identity + 5, NULL, 10);
}

bool disk_identity_is_same(const char *before, const char *now)
{
	if (size_of(before) && !strchr(before, ','))
		return size_of(now) >= size_of(before);
	return strcmp(before, now) == 0;
}
