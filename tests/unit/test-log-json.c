// SPDX-License-Identifier: MIT
/*
 * Goal: each line of a log of JSON is one write of one object with the members that it should
 * have, whatever bytes are in the message and however long it is.
 * Method: standard error is a socket that keeps writes apart. A message that was read is decoded
 * and compared with what was logged: tables of characters, all kinds of characters at the place
 * where a long message is cut, and random bytes.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <common/utf8.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

/* As the log has it. */
#define LINE_SIZE	1024

#define REPLACEMENT	"\xef\xbf\xbd"

static int out;
static char text[1 << 16];

/* Make standard error a socket of which each read is one write. */
static void socket_open(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		bail("no socket");
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	out = ends[0];
}

/* Return: what one write has written; "" if there was none. */
static const char *written(void)
{
	ssize_t n = recv(out, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/**
 * struct line - a line, decoded
 * @time: when it was logged, in seconds
 * @level: its level
 * @program: who has logged it
 * @pid: its process
 * @message: the message in UTF-8
 */
struct line {
	time_t time;
	char level[16];
	char program[64];
	int pid;
	char message[4 * LINE_SIZE];
};

/* Decode one escape behind a backslash. Return: bytes of it; 0 if it is none that is expected. */
static size_t decode_escape(const char *from, char **to)
{
	unsigned int code;

	if (*from == '"' || *from == '\\') {
		*(*to)++ = *from;
		return 1;
	}
	if (sscanf(from, "u%4x", &code) != 1 || strspn(from + 1, "0123456789abcdef") < 4)
		return 0;
	if (code == 0xfffd) {
		*to = stpcpy(*to, REPLACEMENT);
	} else if (code < 0x80) {
		*(*to)++ = (char)code;
	} else if (code < 0xa0) {
		*(*to)++ = (char)0xc2;
		*(*to)++ = (char)code;
	} else {
		return 0;
	}
	return 5;
}

/* Decode a string up to its closing quote. Return: what follows; NULL if it is no good string. */
static const char *decode(const char *from, char *to)
{
	while (*from && *from != '"') {
		if ((unsigned char)*from < 0x20 || *from == 0x7f)
			return NULL;
		if (*from != '\\') {
			*to++ = *from++;
		} else {
			size_t n = decode_escape(++from, &to);

			if (!n)
				return NULL;
			from += n;
		}
	}
	*to = '\0';
	return *from ? from + 1 : NULL;
}

/* Return: is it a whole line, with nothing before, behind or beside what is expected? */
static bool parse(const char *from, struct line *l)
{
	struct tm tm = { .tm_sec = 0 };
	int n = 0, micros = -1, got;

	got = sscanf(from, "{\"time\":\"%4d-%2d-%2dT%2d:%2d:%2d.%6dZ\",\"level\":\"%15[a-z]\","
		     "\"program\":\"%63[^\"\\]\",\"pid\":%d,\"message\":\"%n",
		     &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
		     &micros, l->level, l->program, &l->pid, &n);
	if (got != 10 || !n || from[35] != 'Z')
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	l->time = timegm(&tm);
	if (!utf8_is_valid(from) || strlen(from) > LINE_SIZE)
		return false;
	from = decode(from + n, l->message);
	return from && !strcmp(from, "}\n");
}

static void has_all_members(void)
{
	static const char *const level[] = { "error", "warning", "info", "debug" };
	time_t before = time(NULL);
	struct line l;

	for (unsigned int i = 0; i < sizeof(level) / sizeof(*level); i++) {
		log_at(i, "event %u", i);
		ok(parse(written(), &l) && !strcmp(l.level, level[i]) && !strcmp(l.program, "test 7"),
		   "a line of level %s names the level and the program", level[i]);
		ok(l.pid == getpid() && l.message[6] == (char)('0' + i) && !l.message[7],
		   "it has the process and the message");
		ok(l.time >= before && l.time <= time(NULL), "its time is now, in UTC");
	}
	log_init("test 7", LOG_LEVEL_INFO);
	log_debug("two");
	ok(!*written(), "a debug message is dropped at level info");
}

static void says_who_it_is(void)
{
	struct line l;
	pid_t pid = fork();

	if (!pid) {
		log_info("child");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	ok(parse(written(), &l) && l.pid == pid, "a process that was forked names itself");
	log_init("a\"b\\c\nd", LOG_LEVEL_INFO);
	log_info("one");
	ok(strstr(written(), "\"program\":\"a\\\"b\\\\c\\u000ad\",\"pid\""),
	   "the name of a program is escaped, too");
	log_init("test 7", LOG_LEVEL_INFO);
}

static void escapes_characters(void)
{
	static const struct { const char *from, *to; } cases[] = {
		{ "", "" },
		{ "export 'a/b' 100%", "export 'a/b' 100%" },
		{ "a\"b\\c", "a\\\"b\\\\c" },
		{ "\\u0041", "\\\\u0041" },
		{ "a\nb\tc\rd", "a\\u000ab\\u0009c\\u000dd" },
		{ "\x01\x1b[1m\x1f\x7f", "\\u0001\\u001b[1m\\u001f\\u007f" },
		{ "\xc2\x80\xc2\x9f\xc2\xa0", "\\u0080\\u009f\xc2\xa0" },
		{ "gr\xc3\xbc\xc3\x9f" "e", "gr\xc3\xbc\xc3\x9f" "e" },
		{ "\xe2\x82\xac\xf0\x9f\x92\xbe", "\xe2\x82\xac\xf0\x9f\x92\xbe" },
		{ "\xff", "\\ufffd" },
		{ "a\x80z", "a\\ufffdz" },
		{ "\xc3(", "\\ufffd(" },
		{ "\xe2\x82", "\\ufffd\\ufffd" },
		{ "\xe2\x82\"", "\\ufffd\\ufffd\\\"" },
		{ "\xc0\xaf", "\\ufffd\\ufffd" },
		{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" },
		{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char end[128];
		const char *line;
		struct line l;

		log_info("%s", cases[i].from);
		snprintf(end, sizeof(end), "\"message\":\"%s\"}\n", cases[i].to);
		line = written();
		ok(parse(line, &l) && strlen(line) > strlen(end) &&
		   !strcmp(line + strlen(line) - strlen(end), end),
		   "message %zu is escaped as it should be", i);
	}
}

/* The text that a reader finds for a message: each byte that is no UTF-8 is replaced. */
static void replace(const char *from, char *to)
{
	while (*from) {
		size_t n = 1, left = strlen(from);
		char one[5];

		for (; n <= 4 && n <= left; n++) {
			memcpy(one, from, n);
			one[n] = '\0';
			if (utf8_is_valid(one))
				break;
		}
		if (n > 4 || n > left) {
			to = stpcpy(to, REPLACEMENT);
			from++;
		} else {
			to = stpcpy(to, one);
			from += n;
		}
	}
	*to = '\0';
}

/* Log a message. Return: is the line good, and the message the whole one or its beginning? */
static bool is_kept(const char *message, size_t *length)
{
	static char want[3 * 3000 + 1];
	const char *line;
	struct line l;

	replace(message, want);
	log_info("%s", message);
	line = written();
	*length = strlen(line);
	return parse(line, &l) && !strncmp(want, l.message, strlen(l.message)) &&
	       (*length > LINE_SIZE - 6 || strlen(want) == strlen(l.message));
}

/* A character needs up to six bytes in the line, so this much of it may be empty. */
static void cuts_long_lines(void)
{
	static const char *const pattern[] = {
		"x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x92\xbe", "\"", "\\", "\n", "\xff",
		"\xe2\x82", "\xc2\x85", "a\"\xc3\xbc\x01\xff",
	};

	for (size_t i = 0; i < sizeof(pattern) / sizeof(*pattern); i++) {
		bool is_good = true, is_full = true;
		size_t length;

		for (size_t shift = 0; shift < 12; shift++) {
			char message[3000] = { 0 };

			memset(message, '.', shift);
			while (strlen(message) + 8 < sizeof(message))
				strcat(message, pattern[i]);
			is_good &= is_kept(message, &length);
			is_full &= length > LINE_SIZE - 6 && length <= LINE_SIZE;
		}
		ok(is_good, "a long message of pattern %zu is cut at a whole character", i);
		ok(is_full, "its lines have all of the room that there is");
	}
}

static void takes_random_bytes(void)
{
	static const char often[] = "\"\\\n\x01\x7f\x80\xbf\xc2\xc3\xe2\x82\xed\xa0\xf0\x9f\xf4\x90";
	unsigned int bad = 0, seed = 1;

	for (unsigned int i = 0; i < 20000; i++) {
		size_t n = (size_t)rand_r(&seed) % (i % 2 ? 40 : 2900), length;
		char message[3000];

		for (size_t k = 0; k < n; k++)
			message[k] = (char)(rand_r(&seed) % 2 ?
					    often[(size_t)rand_r(&seed) % (sizeof(often) - 1)] :
					    1 + rand_r(&seed) % 255);
		message[n] = '\0';
		bad += !is_kept(message, &length);
	}
	is(bad, 0, "of 20000 messages of random bytes all are kept, or cut at a whole character");
}

/* Whatever it is that logs, it does so in the same way. */
static void has_no_other_lines(void)
{
	static struct log_limit limit;
	struct log_catch caught;
	struct line l;

	log_catch(&caught);
	log_error("a \"b\"");
	log_catch(NULL);
	ok(!strcmp(caught.text, "a \"b\""), "an error that is caught is plain text");
	ok(parse(written(), &l) && !strcmp(l.message, "a \"b\""), "and the line is not");
	for (int i = 0; i < 12; i++)
		log_at_limited(&limit, LOG_LEVEL_WARN, "event %d", i);
	for (int i = 0; i < LOG_LIMIT_LINES; i++)
		written();
	log_flush();
	ok(parse(written(), &l) && !strcmp(l.message, "2 more, the last: event 11") &&
	   !strcmp(l.level, "warning"), "a line that counts others is an object");
	alarm(20);
	for (int i = 0; i < 100000; i++)
		log_info("line %d of many", i);
	alarm(0);
	while (*written())
		;
	log_info("again");
	ok(parse(written(), &l) && strstr(l.message, "lines were lost"),
	   "a line that says that others were lost is an object");
	ok(parse(written(), &l) && !strcmp(l.message, "again"), "and so is the next one");
}

static void says_level_to_journal(void)
{
	static const char *const prefix[] = { "<3>", "<4>", "<6>", "<7>" };
	char stream[64], longest[3000];
	const char *line;
	struct line l;
	struct stat st;

	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("test 7", LOG_LEVEL_DEBUG);
	for (unsigned int i = 0; i < sizeof(prefix) / sizeof(*prefix); i++) {
		log_at(i, "one");
		line = written();
		ok(!strncmp(line, prefix[i], 3) && parse(line + 3, &l) && !strcmp(l.message, "one"),
		   "in the journal %s is in front of the object", prefix[i]);
	}
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	log_info("%s", longest);
	line = written();
	ok(strlen(line) == LINE_SIZE && parse(line + 3, &l), "a long line with it is cut, too");
}

int main(void)
{
	/* Its time is never that of UTC. */
	setenv("TZ", "ZONE-5:45", 1);
	socket_open();
	log_init("test 7", LOG_LEVEL_DEBUG);
	log_set_format(LOG_FORMAT_JSON);
	has_all_members();
	says_who_it_is();
	escapes_characters();
	cuts_long_lines();
	takes_random_bytes();
	has_no_other_lines();
	says_level_to_journal();
	return done_testing();
}
