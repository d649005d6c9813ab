// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "hear.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE	"\"message\":\""

/* Reads after the end of the program, which are enough for all that a pipe has room for. */
#define LAST_READS	64

int hear_begin(struct hear *h)
{
	int ends[2];

	*h = (struct hear){ .fd = -1, .other = -1 };
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	h->fd = ends[0];
	h->other = ends[1];
	/* The program may wait for room, and this one never for a line. */
	return fcntl(h->fd, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

void hear_as_program(const struct hear *h)
{
	dup2(h->other, STDERR_FILENO);
}

void hear_as_parent(struct hear *h)
{
	close(h->other);
	h->other = -1;
}

/* The text behind a word, if it begins with that. */
static bool skip(char **text, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*text, word, n) != 0)
		return false;
	*text += n;
	return true;
}

/* The level of a line of common/log.h. @text is moved to its message. */
static enum log_level take_level(char **text)
{
	/* Lines that do not come from the log, as those on wrong options, have none. */
	skip(text, "arenad: ");
	if (skip(text, "error: "))
		return LOG_LEVEL_ERROR;
	if (skip(text, "warning: "))
		return LOG_LEVEL_WARN;
	return skip(text, "debug: ") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

/* Take the backslashes out of a string of JSON, up to its end. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text && *text != '"'; text++) {
		if (*text == '\\' && text[1])
			text++;
		*to++ = *text;
	}
	*to = '\0';
}

/* The same of a line that is an object of JSON. */
static enum log_level take_json(char **text)
{
	const char *level = strstr(*text, "\"level\":\"");

	*text = strstr(*text, MESSAGE) + strlen(MESSAGE);
	unescape(*text);
	if (level && strstr(level, "\"error\"") == level + strlen("\"level\":"))
		return LOG_LEVEL_ERROR;
	return LOG_LEVEL_INFO;
}

static void take_line(struct hear *h, char *text)
{
	bool is_json = *text == '{' && strstr(text, MESSAGE);
	enum log_level level = is_json ? take_json(&text) : take_level(&text);
	bool is_first_error = level == LOG_LEVEL_ERROR && !h->errors++;

	if (!*text)
		return;
	if (is_first_error || (!h->reason[0] && level <= LOG_LEVEL_INFO))
		snprintf(h->reason, sizeof(h->reason), "%s", text);
	log_pass_on(level, text);
}

/* Take the lines that are complete, and one that has no room for its end. */
static void take_lines(struct hear *h)
{
	char *at = h->line, *end;

	h->line[h->n] = '\0';
	while ((end = strchr(at, '\n'))) {
		*end = '\0';
		take_line(h, at);
		at = end + 1;
	}
	h->n = strlen(at);
	memmove(h->line, at, h->n);
	if (h->n < sizeof(h->line) - 1)
		return;
	take_line(h, h->line);
	h->n = 0;
}

/* Return: bytes that were read, 0 at the end, or -errno. */
static ssize_t take_some(struct hear *h)
{
	ssize_t n = read(h->fd, h->line + h->n, sizeof(h->line) - 1 - h->n);

	if (n <= 0)
		return n ? -errno : 0;
	h->n += (size_t)n;
	take_lines(h);
	return n;
}

bool hear_take(struct hear *h)
{
	ssize_t n = take_some(h);

	return n > 0 || n == -EAGAIN;
}

void hear_end(struct hear *h)
{
	if (h->fd >= 0) {
		/* Programs that it has started may go on writing. */
		for (unsigned int i = 0; i < LAST_READS && take_some(h) > 0; i++)
			;
		h->line[h->n] = '\0';
		take_line(h, h->line);
		close(h->fd);
	}
	if (h->other >= 0)
		close(h->other);
}
