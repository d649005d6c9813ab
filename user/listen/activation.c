// SPDX-License-Identifier: MIT
#include "activation.h"

#include <common/parse.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD	3

/* Copy the name at the front of a list with colons. Return: the rest of the list. */
static const char *take_name(const char *list, char *name)
{
	size_t length = strcspn(list, ":");
	size_t n = length < ACTIVATION_NAME ? length : ACTIVATION_NAME - 1;

	memcpy(name, list, n);
	name[n] = '\0';
	return list[length] ? list + length + 1 : list + length;
}

static int fill(struct activation *a, unsigned int n, const char *names)
{
	for (unsigned int i = 0; i < n; i++) {
		int fd = FIRST_FD + (int)i;

		if (fcntl(fd, F_SETFD, FD_CLOEXEC))
			return -errno;
		a->entry[i].fd = fd;
		a->entry[i].is_used = false;
		names = take_name(names, a->entry[i].name);
	}
	a->n = n;
	return 0;
}

/* How many there are for this process. */
static int count(uint32_t *n)
{
	const char *pid_text = getenv("LISTEN_PID");
	const char *n_text = getenv("LISTEN_FDS");
	uint32_t pid;
	int ret;

	*n = 0;
	if (!pid_text || !n_text)
		return 0;
	if (parse_u32(pid_text, INT_MAX, &pid))
		return -EINVAL;
	if ((pid_t)pid != getpid())
		return 0;
	ret = parse_u32(n_text, ACTIVATION_MAX, n);
	return ret == -ERANGE ? -E2BIG : ret;
}

static int take(struct activation *a)
{
	const char *names = getenv("LISTEN_FDNAMES");
	uint32_t n;
	int ret = count(&n);

	a->n = 0;
	return ret ? ret : fill(a, n, names ? names : "");
}

unsigned int activation_peek(int fd[ACTIVATION_MAX])
{
	uint32_t n;

	if (count(&n))
		return 0;
	for (uint32_t i = 0; i < n; i++)
		fd[i] = FIRST_FD + (int)i;
	return n;
}

int activation_take(struct activation *a)
{
	int ret = take(a);

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return ret;
}
