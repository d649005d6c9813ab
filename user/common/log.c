// SPDX-License-Identifier: MIT
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Of a line; what is longer is cut. */
#define LINE_SIZE	1024

static const char *log_program = "msharearena";
static enum log_level log_max = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level max)
{
	log_program = program;
	log_max = max;
}

/* What snprintf() has put into  bytes, of which one is the NUL. */
static size_t printed(int ret, size_t room)
{
	if (ret < 0)
		return 0;
	return (size_t)ret < room ? (size_t)ret : room - 1;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	static const char *const word[] = { "error: ", "warning: ", "", "debug: " };
	/* The newline takes the place of the NUL. */
	char line[LINE_SIZE];
	size_t room = sizeof(line), length;
	va_list ap;

	if (level > log_max)
		return;
	length = printed(snprintf(line, room, "%s: %s", log_program, word[level]), room);
	room -= length;
	va_start(ap, fmt);
	length += printed(vsnprintf(line + length, room, fmt, ap), room);
	va_end(ap);
	line[length++] = '\n';
	/*
	 * One system call, so that lines of several processes do not mix: stdio
	 * writes a long one in pieces. Nobody is left to tell if it fails.
	 */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}
