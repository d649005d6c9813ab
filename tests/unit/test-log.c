// SPDX-License-Identifier: MIT
/*
 * Goal: a log line is written whole, limited where it may come often, and never stops or
 * ends the process, whatever has become of standard error.
 * Method: standard error is a pipe, whose other end is read, filled or closed.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static int out;
static char text[1 << 17];

/* Standard error becomes a pipe. */
static void pipe_open(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		exit(1);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	out = ends[0];
	fcntl(out, F_SETFL, O_NONBLOCK);
}

/* What is in the pipe becomes text. */
static const char *written(void)
{
	ssize_t n = read(out, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static unsigned int lines(const char *s)
{
	unsigned int n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void says_program_and_level(void)
{
	log_error("one %d", 1);
	ok(!strcmp(written(), "test: error: one 1\n"), "a line names the program and the level");
	log_debug("two");
	ok(!*written(), "a line above the greatest level is dropped");
}

static void says_level_to_journal(void)
{
	char stream[64];
	struct stat st;

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("test", LOG_LEVEL_INFO);
	log_error("one");
	log_warn("two");
	log_info("three");
	ok(!strcmp(written(), "<3>test: one\n<4>test: two\n<6>test: three\n"),
	   "lines to the journal begin with their level");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_init("test", LOG_LEVEL_INFO);
	log_error("one");
	ok(!strcmp(written(), "test: error: one\n"),
	   "they do not if standard error is something else than the journal");
}

static void cuts_long_lines(void)
{
	char longest[3000];
	const char *line;

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	log_info("%s", longest);
	line = written();
	is(strlen(line), 1024, "a long line is cut to 1024 bytes");
	is(lines(line), 1, "and still ends with a newline");
}

static void limits_lines(void)
{
	static struct log_limit limit;
	const char *all;

	for (int i = 0; i < 1000; i++)
		log_at_limited(&limit, LOG_LEVEL_INFO, "event %d", i);
	is(lines(written()), LOG_LIMIT_LINES, "of 1000 lines of one place %d are written",
	   LOG_LIMIT_LINES);
	log_tick();
	ok(!*written(), "nothing is told of the others while their period lasts");
	limit.until = 0;
	log_tick();
	ok(!strcmp(written(), "test: 990 more, the last: event 999\n"),
	   "afterwards their number is told, and the last one");
	for (int i = 0; i < 12; i++)
		log_at_limited(&limit, LOG_LEVEL_INFO, "event %d", i);
	log_flush();
	all = written();
	ok(lines(all) == LOG_LIMIT_LINES + 1 && strstr(all, "2 more, the last: event 11"),
	   "at exit the number is told without waiting");
	log_flush();
	ok(!*written(), "and it is told once");
}

/* A pipe that nobody empties: an alarm ends the process if it waits. */
static void outlives_full_pipe(void)
{
	unsigned int sent = 0;

	alarm(20);
	for (; sent < 100000; sent++)
		log_info("line %u of many", sent);
	alarm(0);
	ok(lines(written()) < sent, "a full pipe does not stop the process");
	log_info("again");
	ok(strstr(written(), "lines were lost") && strstr(text, "test: again\n"),
	   "when there is room, it is told how many lines were lost");
}

static void outlives_closed_pipe(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		/* As start_program() does. */
		signal(SIGPIPE, SIG_IGN);
		close(out);
		log_info("nobody reads this");
		close(STDERR_FILENO);
		log_info("nor this");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "neither a pipe without a reader nor a closed stream ends the process");
}

int main(void)
{
	pipe_open();
	log_init("test", LOG_LEVEL_INFO);
	says_program_and_level();
	says_level_to_journal();
	cuts_long_lines();
	limits_lines();
	outlives_full_pipe();
	outlives_closed_pipe();
	return done_testing();
}
