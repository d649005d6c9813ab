// SPDX-License-Identifier: MIT
#include "log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

/* A longer line is cut. A pipe that has room takes this much in one piece. */
#define LINE_SIZE	1024

static const char *log_program = "msharearena";
static enum log_level log_max = LOG_LEVEL_INFO;
static bool log_has_prefix;
static unsigned long log_lost;
static struct log_limit *log_limits;
static struct log_catch *log_caught;

static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(fd, &st) && st.st_dev == device && st.st_ino == inode;
}

void log_init(const char *program, enum log_level max)
{
	static bool is_registered;

	log_program = program;
	log_max = max;
	log_has_prefix = is_journal(STDERR_FILENO);
	if (!is_registered && !atexit(log_flush))
		is_registered = true;
}

/* The characters that snprintf() has put into @room bytes, of which one is the NUL. */
static size_t printed(int ret, size_t room)
{
	if (ret < 0)
		return 0;
	return (size_t)ret < room ? (size_t)ret : room - 1;
}

/* Do not wait for the reader: a pipe without an active reader stays full. */
static bool write_line(const char *line, size_t length)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&fd, 1, 0) != 1 || !(fd.revents & POLLOUT))
		return false;
	/* One system call, so that lines of several processes do not mix. */
	return write(STDERR_FILENO, line, length) == (ssize_t)length;
}

__attribute__((format(printf, 2, 0)))
static bool log_line(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const word[] = { "error: ", "warning: ", "", "debug: " };
	static const char *const prefix[] = { "<3>", "<4>", "<6>", "<7>" };
	/* The newline takes the place of the NUL. */
	char line[LINE_SIZE];
	size_t room = sizeof(line), length;

	length = printed(snprintf(line, room, "%s%s: %s", log_has_prefix ? prefix[level] : "",
				  log_program, log_has_prefix ? "" : word[level]), room);
	room -= length;
	length += printed(vsnprintf(line + length, room, fmt, ap), room);
	line[length++] = '\n';
	return write_line(line, length);
}

__attribute__((format(printf, 2, 3)))
static bool log_line_of(enum log_level level, const char *fmt, ...)
{
	bool is_written;
	va_list ap;

	va_start(ap, fmt);
	is_written = log_line(level, fmt, ap);
	va_end(ap);
	return is_written;
}

__attribute__((format(printf, 2, 0)))
static void catch_first(struct log_catch *c, const char *fmt, va_list ap)
{
	va_list copy;

	if (c->text[0])
		return;
	va_copy(copy, ap);
	if (vsnprintf(c->text, sizeof(c->text), fmt, copy) < 0)
		c->text[0] = '\0';
	va_end(copy);
}

void log_catch(struct log_catch *c)
{
	log_caught = c;
	if (c)
		c->text[0] = '\0';
}

/* Report first how many lines were lost before. */
__attribute__((format(printf, 2, 0)))
static void log_va(enum log_level level, const char *fmt, va_list ap)
{
	if (level > log_max)
		return;
	if (level == LOG_LEVEL_ERROR && log_caught)
		catch_first(log_caught, fmt, ap);
	if (log_lost && log_line_of(LOG_LEVEL_WARN,
				    "%lu lines were lost: standard error took no more",
				    log_lost))
		log_lost = 0;
	if (log_lost || !log_line(level, fmt, ap))
		log_lost++;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_va(level, fmt, ap);
	va_end(ap);
}

static void report_held(struct log_limit *limit)
{
	if (limit->held)
		log_at(limit->level, "%lu more, the last: %s", limit->held, limit->last);
	limit->held = 0;
}

__attribute__((format(printf, 3, 0)))
static void hold(struct log_limit *limit, enum log_level level, const char *fmt, va_list ap)
{
	if (!limit->is_listed) {
		limit->is_listed = true;
		limit->next = log_limits;
		log_limits = limit;
	}
	limit->level = level;
	limit->held++;
	if (vsnprintf(limit->last, sizeof(limit->last), fmt, ap) < 0)
		limit->last[0] = '\0';
}

void log_at_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
{
	int64_t now = clock_ns();
	va_list ap;

	if (level > log_max)
		return;
	if (now >= limit->until) {
		report_held(limit);
		limit->until = now + LOG_LIMIT_MS * CLOCK_NS_PER_MS;
		limit->written = 0;
	}
	va_start(ap, fmt);
	if (limit->written < LOG_LIMIT_LINES) {
		limit->written++;
		log_va(level, fmt, ap);
	} else {
		hold(limit, level, fmt, ap);
	}
	va_end(ap);
}

void log_tick(void)
{
	int64_t now = clock_ns();

	for (struct log_limit *limit = log_limits; limit; limit = limit->next)
		if (now >= limit->until)
			report_held(limit);
}

bool log_is_holding(void)
{
	for (const struct log_limit *limit = log_limits; limit; limit = limit->next)
		if (limit->held)
			return true;
	return false;
}

void log_flush(void)
{
	for (struct log_limit *limit = log_limits; limit; limit = limit->next)
		report_held(limit);
}
