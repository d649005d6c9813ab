// SPDX-License-Identifier: MIT
/*
 * A live view on a terminal. Nothing blocks it but a connection that arenad does not take, so keys
 * and signals are heard while an answer is awaited. There is a connection for each look, because
 * arenad ends those that are old.
 */
#define _GNU_SOURCE
#include <arenad/service/interface.h>
#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <query/call.h>
#include <query/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "commands.h"
#include "rates.h"

#define DEFAULT_INTERVAL_S	1

/* An arenad that takes longer does not answer. */
#define ANSWER_SECONDS		3

/* How soon it is asked again then, also with a long interval. */
#define RETRY_MS		1000

/* Room for the text of a number. */
#define FIELD_SIZE		16

/* A line of a terminal that is wider is not filled. */
#define LINE_SIZE		512

/* The columns of exports behind the name, for titles and for values: 66 of 80. */
#define EXPORT_FORMAT		"%6s%6s%6s%7s%7s%6s%7s%7s%7s%7s"
#define EXPORT_WIDTH		66
#define NAME_WIDTH_MIN		14
#define NAME_WIDTH_MAX		40

/* 80 of 80. */
#define PROCESS_FORMAT		"%-8s%9s%8s%10s%9s"
#define BUFFERS_FORMAT		"%8s%7s%7s%7s%7s"

/* On a lower terminal the lists get the line that tells the keys. */
#define HINT_ROWS		8

/**
 * struct top - the view
 * @target: the arenad that is asked, with a time that the view may be blocked for
 * @interval_ms: between two looks
 * @signals: signalfd(2) of those that end the view
 * @waiting: the signals that are blocked while it waits
 * @link: the connection of the look that is under way, or NULL
 * @deadline: when that look is given up
 * @next: when the next look begins
 * @n_answers: used entries of @coming
 * @has_failed: a call of this look has failed
 * @coming: the answers to this look
 * @last: the answers to the last look that succeeded
 * @answered_at: when that was
 * @trouble: why there is no newer one; "" if there is one
 * @rates: what is shown
 * @order: of the exports
 * @is_paused: @rates stays as it is
 * @shows_help: the keys are explained
 * @is_over: the view is to end
 * @err: -errno if it ends for an error
 */
struct top {
	struct query_target target;
	int64_t interval_ms;
	int signals;
	sigset_t waiting;
	struct sd_varlink *link;
	int64_t deadline;
	int64_t next;
	unsigned int n_answers;
	bool has_failed;
	struct snapshot coming;
	struct snapshot last;
	time_t answered_at;
	char trouble[128];
	struct rates rates;
	enum rates_order order;
	bool is_paused;
	bool shows_help;
	bool is_over;
	int err;
};

static const char *const order_names[RATES_ORDERS] = {
	[RATES_BY_NAME] = "by name",
	[RATES_BY_THROUGHPUT] = "by throughput",
	[RATES_BY_P99] = "by p99",
};

/*
 * Numbers. One that is not known is a dash.
 */

static int decimals(double n)
{
	return n < 10 ? 2 : n < 100 ? 1 : 0;
}

static const char *format_rate(char text[FIELD_SIZE], double n)
{
	static const char units[] = "\0kMGT";
	unsigned int unit = 0;

	if (n < 0)
		return "-";
	for (; n >= 1000 && unit < 4; unit++)
		n /= 1000;
	snprintf(text, FIELD_SIZE, "%.*f%.1s", n > 0 && n < (unit ? 100 : 10), n, units + unit);
	return text;
}

static const char *format_megabytes(char text[FIELD_SIZE], double bytes)
{
	double n = bytes / 1000000;

	if (bytes < 0)
		return "-";
	snprintf(text, FIELD_SIZE, "%.*f", bytes > 0 ? decimals(n) : 0, n);
	return text;
}

static const char *format_time(char text[FIELD_SIZE], int64_t ns)
{
	double us = (double)ns / CLOCK_NS_PER_US, ms = (double)ns / CLOCK_NS_PER_MS;
	double s = (double)ns / CLOCK_NS_PER_S;

	if (ns < 0)
		return "-";
	if (ns < CLOCK_NS_PER_MS)
		snprintf(text, FIELD_SIZE, "%.0fus", us);
	else if (ns < CLOCK_NS_PER_S)
		snprintf(text, FIELD_SIZE, "%.*fms", decimals(ms), ms);
	else
		snprintf(text, FIELD_SIZE, "%.*fs", decimals(s), s);
	return text;
}

static const char *format_cpus(char text[FIELD_SIZE], double cpus)
{
	if (cpus < 0)
		return "-";
	snprintf(text, FIELD_SIZE, "%.1f%%", cpus * 100);
	return text;
}

/*
 * Drawing
 */

/* Read a character that takes columns of its own; all else becomes a question mark. */
static size_t take_character(const char *text, wchar_t *c, int *columns)
{
	mbstate_t state = { 0 };
	size_t n = mbrtowc(c, text, strnlen(text, MB_LEN_MAX), &state);

	if (n > MB_LEN_MAX) {
		*c = L'?';
		n = 1;
	}
	*columns = wcwidth(*c);
	if (*columns < 1) {
		*c = L'?';
		*columns = 1;
	}
	return n;
}

/* A text that is too long for the columns, or for the terminal, is cut. */
static void put(int y, int x, int columns, const char *text)
{
	int left = getmaxx(stdscr) - x, taken;
	wchar_t wide[LINE_SIZE];
	size_t n = 0;

	if (y >= getmaxy(stdscr))
		return;
	for (left = columns < left ? columns : left; *text && n < LINE_SIZE; left -= taken) {
		text += take_character(text, &wide[n], &taken);
		if (taken > left)
			break;
		n++;
	}
	mvaddnwstr(y, x, wide, (int)n);
}

static void put_line(int y, const char *text)
{
	put(y, 0, LINE_SIZE, text);
}

/* A list that is cut says how many of its lines are missing. */
static void put_more(int y, size_t n)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %zu more", MB_CUR_MAX > 1 ? "\u2026" : "...", n);
	put_line(y, text);
}

static void format_answered(const struct top *t, char text[FIELD_SIZE])
{
	struct tm now;

	if (!localtime_r(&t->answered_at, &now) || !strftime(text, FIELD_SIZE, "%H:%M:%S", &now))
		text[0] = '\0';
}

/* The line may be cut, so it begins with whether arenad answers. */
static void draw_head(const struct top *t)
{
	struct sd_json_variant *status = t->last.part[SNAPSHOT_STATUS];
	char at[FIELD_SIZE], line[LINE_SIZE];
	bool is_replacing = json_true(status, "isReplacing") && !t->trouble[0];

	format_answered(t, at);
	if (status)
		snprintf(line, sizeof(line), "%s%s%s%s arenad %s, process %" PRId64 "%s, region %s",
			 t->trouble, t->trouble[0] ? " since " : "", at,
			 t->trouble[0] ? ":" : "", json_text(status, "version"),
			 json_number(status, "pid"),
			 is_replacing ? ", processes are being replaced" : "",
			 json_text(status, "region"));
	else
		snprintf(line, sizeof(line), "%s", t->trouble[0] ? t->trouble :
			 "arenad has not answered yet");
	attron(A_BOLD);
	put_line(0, line);
	attroff(A_BOLD);
}

static void draw_hint(const struct top *t, int y)
{
	char line[LINE_SIZE];

	snprintf(line, sizeof(line), "%s%s; q quits, s changes the order, space %s, h helps",
		 t->is_paused ? "PAUSED, " : "", order_names[t->order],
		 t->is_paused ? "goes on" : "pauses");
	put_line(y, line);
}

static void draw_title(int y, int x, const char *first, const char *others)
{
	attron(A_REVERSE);
	mvhline(y, 0, ' ', getmaxx(stdscr));
	put(y, 0, LINE_SIZE, first);
	put(y, x, LINE_SIZE, others);
	attroff(A_REVERSE);
}

static void draw_export(const struct export_rates *e, int y, int name_width)
{
	char text[10][FIELD_SIZE], line[LINE_SIZE];

	/* There is a space behind the name. */
	put(y, 0, name_width - 1, e->name);
	snprintf(line, sizeof(line), EXPORT_FORMAT, format_rate(text[0], e->reads),
		 format_rate(text[1], e->writes), format_rate(text[2], e->others),
		 format_megabytes(text[3], e->bytes_in), format_megabytes(text[4], e->bytes_out),
		 format_rate(text[5], e->errors), format_time(text[6], e->np.p50_ns),
		 format_time(text[7], e->np.p99_ns), format_time(text[8], e->sp.p50_ns),
		 format_time(text[9], e->sp.p99_ns));
	put(y, name_width, LINE_SIZE, line);
}

/* Lines for a list with a title. The last one says what is left out. */
static void draw_exports(const struct top *t, int y, size_t room)
{
	size_t n = t->rates.n_exports, shown = n <= room ? n : room ? room - 1 : 0;
	int name_width = getmaxx(stdscr) - EXPORT_WIDTH;
	char titles[LINE_SIZE];

	name_width = name_width < NAME_WIDTH_MIN ? NAME_WIDTH_MIN : name_width;
	name_width = name_width > NAME_WIDTH_MAX ? NAME_WIDTH_MAX : name_width;
	snprintf(titles, sizeof(titles), EXPORT_FORMAT, "R/S", "W/S", "O/S", "MB IN", "MB OUT",
		 "ERR/S", "P50", "P99", "SP P50", "SP P99");
	draw_title(y++, name_width, "EXPORT", titles);
	for (size_t i = 0; i < shown; i++)
		draw_export(&t->rates.export[i], y++, name_width);
	if (shown < n)
		put_more(y, n - shown);
}

static void draw_process(const struct process_rates *p, int y)
{
	char name[24], pid[24] = "-", restarts[24], cpus[FIELD_SIZE], operations[FIELD_SIZE];
	char text[RATES_STATES][FIELD_SIZE], line[LINE_SIZE];

	snprintf(name, sizeof(name), "%s %" PRId64, p->is_np ? "np" : "sp", p->number);
	if (p->pid)
		snprintf(pid, sizeof(pid), "%" PRId64, p->pid);
	snprintf(restarts, sizeof(restarts), "%" PRId64, p->restarts);
	snprintf(line, sizeof(line), PROCESS_FORMAT BUFFERS_FORMAT, name, pid,
		 format_cpus(cpus, p->cpus), restarts, format_rate(operations, p->operations),
		 format_rate(text[RATES_FREE], p->buffers[RATES_FREE]),
		 format_rate(text[RATES_OWNED], p->buffers[RATES_OWNED]),
		 format_rate(text[RATES_IN_IO], p->buffers[RATES_IN_IO]),
		 format_rate(text[RATES_LENT], p->buffers[RATES_LENT]),
		 format_rate(text[RATES_LOST], p->buffers[RATES_LOST]));
	put_line(y, line);
}

static void draw_processes(const struct top *t, int y, size_t room)
{
	size_t n = t->rates.n_processes, shown = n <= room ? n : room ? room - 1 : 0;
	char titles[LINE_SIZE];

	snprintf(titles, sizeof(titles), PROCESS_FORMAT BUFFERS_FORMAT, "PROCESS", "PID", "CPU",
		 "RESTARTS", "OPS/S", "FREE", "OWNED", "IN IO", "LENT", "LOST");
	draw_title(y++, 0, titles, "");
	for (size_t i = 0; i < shown; i++)
		draw_process(&t->rates.process[i], y++);
	if (shown < n)
		put_more(y, n - shown);
}

/* Of a terminal that is too low for all, each list gets what the other one does not need. */
static void draw_lists(const struct top *t, int y)
{
	size_t n_exports = t->rates.n_exports, n_processes = t->rates.n_processes;
	int rows = getmaxy(stdscr) - y - 2;
	size_t room = rows > 0 ? (size_t)rows : 0, for_exports = (room + 1) / 2;
	bool has_space = room > n_exports + n_processes;

	if (n_processes < room - for_exports)
		for_exports = room - n_processes;
	if (n_exports < for_exports)
		for_exports = n_exports;
	draw_exports(t, y, for_exports);
	draw_processes(t, y + 1 + (int)for_exports + has_space, room - for_exports);
}

static void draw_help(int y)
{
	static const char *const lines[] = {
		"q      quit",
		"s      change the order of the exports: name, throughput, p99",
		"space  pause, and go on",
		"h      show this, and go back",
		"",
		"R/S, W/S, O/S  reads, writes and other requests in a second",
		"MB IN, MB OUT  written and read in a second",
		"ERR/S          requests that have failed in a second",
		"P50, P99       time that 50% and 99% of them took at most, for clients",
		"SP P50, P99    the part of the storage process and its disk",
		"OPS/S          requests of an NP, operations on the disk of an SP",
		"CPU            of one CPU",
		"FREE to LOST   buffers for data of clients, by state, see arenactl(8)",
		"-              not known, or there was no request",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		put_line(y + (int)i, lines[i]);
}

static void draw(const struct top *t)
{
	int y = 1;

	erase();
	draw_head(t);
	if (getmaxy(stdscr) >= HINT_ROWS)
		draw_hint(t, y++);
	if (t->shows_help)
		draw_help(y);
	else
		draw_lists(t, y);
	refresh();
}

/*
 * Asking
 */

static void end_look(struct top *t)
{
	t->link = sd_varlink_close_unref(t->link);
	snapshot_forget(&t->coming);
}

static void lose(struct top *t)
{
	int64_t soon = clock_deadline(RETRY_MS);

	if (!t->has_failed)
		snprintf(t->trouble, sizeof(t->trouble), "arenad does not answer");
	if (soon < t->next)
		t->next = soon;
	end_look(t);
}

static void take(struct top *t)
{
	t->coming.at_ns = clock_ns();
	t->answered_at = time(NULL);
	t->trouble[0] = '\0';
	if (!t->is_paused)
		t->err = rates_compute(&t->rates, &t->last, &t->coming);
	if (t->err)
		t->is_over = true;
	else
		rates_sort(&t->rates, t->order);
	snapshot_forget(&t->last);
	t->last = t->coming;
	t->coming = (struct snapshot){ 0 };
	end_look(t);
}

/* The connection ends with an error that the library itself makes. */
static int note_reply(struct sd_varlink *link, struct sd_json_variant *parameters,
		      const char *error, sd_varlink_reply_flags_t flags, void *userdata)
{
	struct top *t = userdata;

	(void)link;
	/* An arenad of an earlier version lacks some methods, and the view has dashes for these. */
	if (error && !strcmp(error, SD_VARLINK_ERROR_METHOD_NOT_FOUND)) {
		parameters = NULL;
		error = NULL;
	}
	if (!error && t->n_answers < SNAPSHOT_PARTS)
		t->coming.part[t->n_answers++] = sd_json_variant_ref(parameters);
	if (!error || t->has_failed)
		return 0;
	t->has_failed = true;
	if (flags & SD_VARLINK_REPLY_LOCAL)
		snprintf(t->trouble, sizeof(t->trouble), "arenad does not answer");
	else
		snprintf(t->trouble, sizeof(t->trouble), "arenad answers %s", error);
	return 0;
}

static void go_on(struct top *t)
{
	int ret = 1;

	while (ret > 0 && !t->has_failed && t->n_answers < SNAPSHOT_PARTS)
		ret = sd_varlink_process(t->link);
	if (t->n_answers == SNAPSHOT_PARTS)
		take(t);
	else if (ret < 0 || t->has_failed || !clock_left_ns(t->deadline))
		lose(t);
}

/* All calls are sent at once, so that their answers are of about the same moment. */
static int send_calls(struct top *t)
{
	char name[128];
	int ret = sd_varlink_bind_reply(t->link, note_reply);

	sd_varlink_set_userdata(t->link, t);
	for (unsigned int i = 0; i < SNAPSHOT_PARTS && ret >= 0; i++) {
		snprintf(name, sizeof(name), SERVICE_INTERFACE ".%s", snapshot_methods[i]);
		ret = sd_varlink_invoke(t->link, name, NULL);
	}
	return ret;
}

/* The first look has a connection already. */
static void look(struct top *t)
{
	t->deadline = clock_deadline(ANSWER_SECONDS * 1000LL);
	t->next = clock_deadline(t->interval_ms);
	t->n_answers = 0;
	t->has_failed = false;
	if ((!t->link && call_open_now(&t->target, &t->link)) || send_calls(t) < 0)
		lose(t);
	else
		go_on(t);
}

/*
 * Keys and signals
 */

static void read_keys(struct top *t)
{
	for (int key = getch(); key != ERR; key = getch()) {
		switch (key) {
		case 'q':
			t->is_over = true;
			break;
		case 's':
			t->order = (t->order + 1) % RATES_ORDERS;
			rates_sort(&t->rates, t->order);
			break;
		case ' ':
			t->is_paused = !t->is_paused;
			break;
		case 'h':
			t->shows_help = !t->shows_help;
			break;
		default:
			/* Also another size of the terminal: all is drawn anew. */
			break;
		}
	}
}

/* Handlers of ncurses run only while the view waits, so never in the middle of a drawing. */
static void await(struct top *t)
{
	int events = t->link ? sd_varlink_get_events(t->link) : 0;
	struct pollfd fd[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = t->signals, .events = POLLIN },
		{
			.fd = t->link ? sd_varlink_get_fd(t->link) : -1,
			.events = (short)(events > 0 ? events : 0),
		},
	};
	struct timespec left = clock_to_timespec(clock_left_ns(t->link ? t->deadline : t->next));
	int n = ppoll(fd, 3, &left, &t->waiting);

	/* The terminal may have gone. */
	if (n > 0 && (fd[1].revents || fd[0].revents & (POLLHUP | POLLERR | POLLNVAL)))
		t->is_over = true;
}

static void turn(struct top *t)
{
	draw(t);
	await(t);
	read_keys(t);
	if (t->link)
		go_on(t);
	else if (!clock_left_ns(t->next))
		look(t);
}

/*
 * SIGWINCH and SIGTSTP are for ncurses, the others end the view in good order. All are blocked
 * before ncurses has handlers.
 */
static int block_signals(struct top *t)
{
	sigset_t ends, all;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	all = ends;
	sigaddset(&all, SIGWINCH);
	sigaddset(&all, SIGTSTP);
	if (sigprocmask(SIG_BLOCK, &all, &t->waiting))
		return -errno;
	sigorset(&t->waiting, &t->waiting, &ends);
	sigdelset(&t->waiting, SIGWINCH);
	sigdelset(&t->waiting, SIGTSTP);
	t->signals = signalfd(-1, &ends, SFD_CLOEXEC);
	return t->signals < 0 ? -errno : 0;
}

static enum query_status show(struct top *t)
{
	SCREEN *screen = newterm(NULL, stdout, stdin);

	if (!screen) {
		log_error("this kind of terminal is not known: %s; set TERM to one that is",
			  getenv("TERM") ?: "there is no TERM in the environment");
		return QUERY_FAILED;
	}
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	look(t);
	while (!t->is_over)
		turn(t);
	endwin();
	delscreen(screen);
	if (!t->err)
		return QUERY_OK;
	log_error("cannot compute the rates: %s", log_reason(-t->err));
	return QUERY_FAILED;
}

static enum query_status begin(struct top *t)
{
	enum query_status status;
	int ret;

	/* For what is wrong from the beginning there is no view. */
	status = call_open(&t->target, false, &t->link);
	if (status)
		return status;
	ret = block_signals(t);
	if (ret) {
		log_error("cannot wait for signals: %s", log_reason(-ret));
		return QUERY_FAILED;
	}
	/* Names of exports are text of any language. */
	setlocale(LC_CTYPE, "");
	return show(t);
}

enum query_status command_top(const struct arenactl_options *o)
{
	struct top t = {
		.target = o->target,
		.interval_ms = (o->interval_seconds ?: DEFAULT_INTERVAL_S) * 1000LL,
		.signals = -1,
	};
	enum query_status status;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		log_error("top needs a terminal; use 'arenactl latency' or 'metrics'");
		return QUERY_FAILED;
	}
	t.target.timeout_seconds = ANSWER_SECONDS;
	status = begin(&t);
	end_look(&t);
	snapshot_forget(&t.last);
	if (t.signals >= 0)
		close(t.signals);
	return status;
}
