// SPDX-License-Identifier: MIT
#include "log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "utf8.h"

/* A longer line is cut. A pipe that has room takes this much in one piece. */
#define LINE_SIZE	1024

/* Room in an object for the name of the program, which leaves enough for a message. */
#define PROGRAM_SIZE	64

/* Room for a character in a string of JSON, at most \uXXXX. */
#define ESCAPED_SIZE	8

static const char *log_program = "msharearena";
static enum log_level log_max = LOG_LEVEL_INFO;
static enum log_format log_format;
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

void log_set_format(enum log_format format)
{
	const time_t any = 0;
	struct tm tm;

	/*
	 * The first call of gmtime_r() reads the file of the local time zone, although it needs
	 * nothing of it. A sandbox would kill the process for that.
	 */
	if (format == LOG_FORMAT_JSON)
		gmtime_r(&any, &tm);
	log_format = format;
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

static const char *prefix_of(enum log_level level)
{
	static const char *const prefix[] = { "<3>", "<4>", "<6>", "<7>" };

	return log_has_prefix ? prefix[level] : "";
}

__attribute__((format(printf, 3, 0)))
static size_t text_line(char line[LINE_SIZE], enum log_level level, const char *fmt, va_list ap)
{
	static const char *const word[] = { "error: ", "warning: ", "", "debug: " };
	/* The newline takes the place of the NUL. */
	size_t room = LINE_SIZE, length;

	length = printed(snprintf(line, room, "%s%s: %s", prefix_of(level), log_program,
				  log_has_prefix ? "" : word[level]), room);
	room -= length;
	length += printed(vsnprintf(line + length, room, fmt, ap), room);
	line[length++] = '\n';
	return length;
}

/*
 * Write the first character of @text as a string of JSON has it. JSON itself allows the control
 * characters from U+007F on, but a terminal on which somebody reads the log obeys them.
 *
 * Return: bytes of the character.
 */
static size_t escape_first(char to[ESCAPED_SIZE], const char *text, size_t length)
{
	size_t n = utf8_length(text, length);

	if (!n) {
		snprintf(to, ESCAPED_SIZE, "\\ufffd");
		return 1;
	}
	if (*text == '"' || *text == '\\') {
		snprintf(to, ESCAPED_SIZE, "\\%c", *text);
	} else if (utf8_is_control(text, n)) {
		/* The last byte of those that there are is the number of the character. */
		snprintf(to, ESCAPED_SIZE, "\\u%04x", (unsigned char)text[n - 1]);
	} else {
		memcpy(to, text, n);
		to[n] = '\0';
	}
	return n;
}

/*
 * Write a text as a string of JSON has it, up to the first character that has no room.
 *
 * Return: bytes without the NUL.
 */
static size_t escape(char *to, size_t room, const char *text)
{
	size_t left = strlen(text), length = 0;

	to[0] = '\0';
	while (left) {
		char one[ESCAPED_SIZE];
		size_t taken = escape_first(one, text, left), n = strlen(one);

		if (length + n >= room)
			break;
		memcpy(to + length, one, n + 1);
		length += n;
		text += taken;
		left -= taken;
	}
	return length;
}

__attribute__((format(printf, 3, 0)))
static size_t json_line(char line[LINE_SIZE], enum log_level level, const char *fmt, va_list ap)
{
	static const char *const word[] = { "error", "warning", "info", "debug" };
	static const char end[] = { '"', '}', '\n' };
	/*
	 * No text becomes shorter in JSON. So what is cut off here, perhaps within a character,
	 * would have no room in the line either.
	 */
	char program[PROGRAM_SIZE], message[LINE_SIZE];
	struct timespec now;
	struct tm tm;
	size_t length;

	message[printed(vsnprintf(message, sizeof(message), fmt, ap), sizeof(message))] = '\0';
	escape(program, sizeof(program), log_program);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	length = printed(snprintf(line, LINE_SIZE,
				  "%s{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06lldZ\","
				  "\"level\":\"%s\",\"program\":\"%s\",\"pid\":%d,\"message\":\"",
				  prefix_of(level), tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
				  tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / CLOCK_NS_PER_US,
				  word[level], program, getpid()), LINE_SIZE);
	/* The NUL has the room of the first byte of the end. */
	length += escape(line + length, LINE_SIZE - length - sizeof(end) + 1, message);
	memcpy(line + length, end, sizeof(end));
	return length + sizeof(end);
}

__attribute__((format(printf, 2, 0)))
static bool log_line(enum log_level level, const char *fmt, va_list ap)
{
	char line[LINE_SIZE];
	size_t length = log_format == LOG_FORMAT_JSON ? json_line(line, level, fmt, ap) :
							text_line(line, level, fmt, ap);

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

	c->n++;
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
		*c = (struct log_catch){ .n = 0 };
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

void log_pass_on(enum log_level level, const char *line)
{
	struct log_catch *caught = log_caught;

	log_caught = NULL;
	log_at(level, "%s", line);
	log_caught = caught;
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
