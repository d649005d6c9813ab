// SPDX-License-Identifier: MIT
#include "runtime_path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USER_FOLDER	"msharearena"

/* Several folders of systemd are separated by colons; the first one counts. */
static int copy_first(const char *text, char *path)
{
	size_t length = strcspn(text, ":");

	if (!length || length >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, text, length);
	path[length] = '\0';
	return 0;
}

int runtime_path(const char *wanted, char *path)
{
	const char *systemd = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
	int n;

	if (wanted)
		n = snprintf(path, PATH_MAX, "%s", wanted);
	else if (systemd)
		return copy_first(systemd, path);
	else if (geteuid() && user)
		n = snprintf(path, PATH_MAX, "%s/%s", user, USER_FOLDER);
	else
		n = snprintf(path, PATH_MAX, "%s", RUNTIME_PATH_SYSTEM);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}
