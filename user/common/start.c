// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/*
 * open() takes the lowest number that is free, so that every number below three is in
 * use when it returns a greater one. A descriptor that was opened with O_PATH, which
 * needs no /dev, can be neither read nor written.
 */
static void open_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			fd = open("/", O_PATH | O_DIRECTORY);
		/* Nothing can be logged, because there may be no standard error. */
		if (fd < 0)
			_exit(EXIT_FAILURE);
	} while (fd <= STDERR_FILENO);
	close(fd);
}

static bool is_tool;

/* A write that has failed earlier has left no errno, so the pipe itself is asked. */
static bool has_lost_reader(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLERR | POLLHUP);
}

static void check_stdout(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return;
	if (is_tool && has_lost_reader(STDOUT_FILENO)) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	log_error("cannot write to standard output: %s", log_reason(errno));
	_exit(EXIT_FAILURE);
}

void start_program(const char *name)
{
	open_standard_streams();
	log_init(name, LOG_LEVEL_INFO);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || atexit(check_stdout)) {
		log_error("cannot start: %s", log_reason(errno));
		_exit(EXIT_FAILURE);
	}
}

void start_tool(const char *name)
{
	is_tool = true;
	start_program(name);
}

bool start_stop_is_pending(void)
{
	sigset_t set;

	return !sigpending(&set) && (sigismember(&set, SIGTERM) == 1 ||
				     sigismember(&set, SIGINT) == 1);
}
