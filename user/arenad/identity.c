// SPDX-License-Identifier: MIT
#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"

/* The text of proc_pid_stat(5) is shorter. */
#define STAT_SIZE	1024

/* The field of the start is the 20th one behind the name, which may have blanks and brackets. */
#define START_FIELD	20

static int read_stat(pid_t pid, char text[STAT_SIZE])
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, STAT_SIZE - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	return 0;
}

static bool parse_start(const char *text, uint64_t *start)
{
	const char *at = strrchr(text, ')');

	for (int i = 0; i < START_FIELD && at; i++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, "%" SCNu64, start) == 1;
}

struct identity identity_of(pid_t pid)
{
	struct identity who = { .pid = pid };
	char text[STAT_SIZE];

	if (pid <= 0 || read_stat(pid, text) || !parse_start(text, &who.start))
		return (struct identity){ 0 };
	return who;
}

static bool has_ended(int pidfd)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

/* The descriptor first: what is read afterwards is of this process, unless it has ended. */
int identity_open(const struct identity *who)
{
	int fd = who->pid > 0 ? child_pidfd(who->pid) : -ESRCH;
	struct identity now;

	if (fd < 0)
		return fd;
	now = identity_of(who->pid);
	if (now.start == who->start && !has_ended(fd))
		return fd;
	close(fd);
	return -ESRCH;
}
