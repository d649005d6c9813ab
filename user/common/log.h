/* SPDX-License-Identifier: MIT */
/*
 * The log of a daemon: one line to standard error for each event, "PROGRAM: message", or an object
 * of JSON. It must not know what the messages are about.
 *
 * Logging never ends or stops a process: a line that cannot be written is dropped and
 * counted, and the next line that can be written says how many were lost. Only one thread
 * may log.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * An error and a warning say what happens and why, and what to do, behind a semicolon: "WHAT: WHY;
 * DO". tests/style/test-messages.sh looks at each. These are for many of them:
 */
#define LOG_NO_ACTION	"; nothing is to be done"
#define LOG_REPORT	"; please report this, with the lines before it"
#define LOG_SEE_ABOVE	"; the line before says why"
#define LOG_SEE_BELOW	"; the next lines say what to do"

/**
 * log_reason() - why a system call has failed, and what to do about it
 * @err: an error of errno, positive
 *
 * Return: a text such as "No such file or directory; check the name", valid until the next call.
 */
const char *log_reason(int err);

/* Lines of one log_limited() that are written in LOG_LIMIT_MS. */
#define LOG_LIMIT_LINES	10
#define LOG_LIMIT_MS	5000

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/**
 * enum log_format - what a line is
 * @LOG_FORMAT_TEXT: text for people
 * @LOG_FORMAT_JSON: an object of JSON with the members time, level, program, pid and message
 */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/**
 * struct log_limit - the lines that one place in the code has logged lately
 * @next: the next place that has ever held lines back
 * @is_listed: @next is valid
 * @level: the level of the lines that were held back
 * @until: end of the current period, on clock_ns()
 * @written: lines written in this period
 * @held: lines held back since the last one that was written
 * @last: the latest line that was held back
 */
struct log_limit {
	struct log_limit *next;
	bool is_listed;
	enum log_level level;
	int64_t until;
	unsigned int written;
	unsigned long held;
	char last[256];
};

/**
 * log_init() - set the name of the program and the greatest level that it logs
 * @program: the name, not copied
 * @max: lines above this level are dropped
 *
 * If standard error is the stream of the systemd journal, as JOURNAL_STREAM in the
 * environment says, lines begin with the level as in sd-daemon(3), "<3>".
 */
void log_init(const char *program, enum log_level max);

/**
 * log_set_format() - what lines are from now on; text until then
 *
 * A program calls it before it enters its sandbox.
 */
void log_set_format(enum log_format format);

/** log_at() - log one line, without a newline at its end */
void log_at(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** log_pass_on() - log a line of another program, which log_catch() does not have */
void log_pass_on(enum log_level level, const char *line);

/** log_at_limited() - log_at(), unless @limit has had its share; see log_limited() */
void log_at_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define LOG_CATCH_SIZE	512U

/**
 * struct log_catch - an error that is not only logged
 * @n: how many errors there were
 * @text: the first one, without the name of the program; "" if there was none
 */
struct log_catch {
	unsigned int n;
	char text[LOG_CATCH_SIZE];
};

/**
 * log_catch() - have the first error that is logged from now on, for somebody who waits for it
 * @c: gets the error; NULL for nobody
 */
void log_catch(struct log_catch *c);

/**
 * log_tick() - log how many lines were held back in periods that are over
 *
 * Programs with a timer call it. Otherwise the next log_limited() of the same place does it.
 */
void log_tick(void);

/** log_is_holding() - are lines held back, so that log_tick() is to be called in time? */
bool log_is_holding(void);

/** log_flush() - log at once how many lines were held back; also called at exit */
void log_flush(void);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * log_limited() is for events that a client or a broken disk can cause any number of times.
 * Of each place that calls it, LOG_LIMIT_LINES lines are written in LOG_LIMIT_MS. One line
 * afterwards says how many more there were, and repeats the last of them.
 */
#define log_limited(level, ...) do {					\
	static struct log_limit limit_;					\
									\
	log_at_limited(&limit_, (level), __VA_ARGS__);			\
} while (0)

#endif /* COMMON_LOG_H */
