// SPDX-License-Identifier: MIT
/*
 * Goal: a line of the log is written whole, lines that may come often are limited, and
 * no line stops or ends the process, whatever has happened to standard error.
 * Method: standard error is a pipe that the test reads, fills or closes.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <errno.h>
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

/* Make standard error a pipe that the test reads. */
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

/* Read what was logged into @text. */
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
	ok(!*written(), "a debug message is dropped at level info");
}

static void catches_first_error(void)
{
	struct log_catch caught;

	log_catch(&caught);
	log_warn("zero");
	ok(!caught.text[0], "a warning is not caught as an error");
	log_error("one %d", 1);
	log_error("two");
	log_catch(NULL);
	log_error("three");
	ok(!strcmp(caught.text, "one 1"), "the first error is caught");
	is(lines(written()), 4, "errors are logged whether they are caught or not");
}

static void says_what_to_do(void)
{
	unsigned int silent = 0;

	ok(!strcmp(log_reason(ENOENT), "No such file or directory; check the name"),
	   "what to do follows why a call has failed");
	ok(!strcmp(log_reason(EBADF), "Bad file descriptor; please report this, with the lines "
		   "before it"), "a fault of the program itself is to be reported");
	/* The kernel has no greater ones. */
	for (int err = 1; err <= 4095; err++)
		silent += !strstr(log_reason(err), "; ");
	is(silent, 0, "no error is without what to do");
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
	   "lines begin with their level if standard error is the journal");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_init("test", LOG_LEVEL_INFO);
	log_error("one");
	ok(!strcmp(written(), "test: error: one\n"),
	   "lines name their level in words if standard error is not the journal");
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
	is(lines(line), 1, "a line that was cut still ends with a newline");
}

static void limits_lines(void)
{
	static struct log_limit limit;
	const char *all;

	for (int i = 0; i < 1000; i++)
		log_at_limited(&limit, LOG_LEVEL_INFO, "event %d", i);
	is(lines(written()), LOG_LIMIT_LINES, "of 1000 limited lines at once %d are written",
	   LOG_LIMIT_LINES);
	log_tick();
	ok(!*written(), "the lines left out are not mentioned before their period ends");
	limit.until = 0;
	log_tick();
	ok(!strcmp(written(), "test: 990 more, the last: event 999\n"),
	   "after the period one line has the number of the lines left out and the last of them");
	for (int i = 0; i < 12; i++)
		log_at_limited(&limit, LOG_LEVEL_INFO, "event %d", i);
	log_flush();
	all = written();
	ok(lines(all) == LOG_LIMIT_LINES + 1 && strstr(all, "2 more, the last: event 11"),
	   "log_flush() reports the lines left out before the period ends");
	log_flush();
	ok(!*written(), "the lines left out are reported once");
}

/* Nobody empties the pipe; an alarm ends the process if logging waits for that. */
static void outlives_full_pipe(void)
{
	unsigned int sent = 0;

	alarm(20);
	for (; sent < 100000; sent++)
		log_info("line %u of many", sent);
	alarm(0);
	ok(lines(written()) < sent, "logging to a full pipe drops lines and does not wait");
	log_info("again");
	ok(strstr(written(), "lines were lost") && strstr(text, "test: again\n"),
	   "once the pipe has room again, the number of lost lines is reported");
}

static void outlives_closed_pipe(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		/* start_program() ignores this signal in the daemons. */
		signal(SIGPIPE, SIG_IGN);
		close(out);
		log_info("nobody reads this");
		close(STDERR_FILENO);
		log_info("nor this");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	is(status, 0,
	   "logging to a pipe without a reader or to a closed descriptor does not end the process");
}

int main(void)
{
	pipe_open();
	log_init("test", LOG_LEVEL_INFO);
	says_program_and_level();
	catches_first_error();
	says_what_to_do();
	says_level_to_journal();
	cuts_long_lines();
	limits_lines();
	outlives_full_pipe();
	outlives_closed_pipe();
	return done_testing();
}
