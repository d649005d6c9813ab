// SPDX-License-Identifier: MIT
/*
 * Checks the histories of clients, and disks, for what a server must never do:
 *
 *  - lose a write that it acknowledged, or put an older one in its place: from then on a cell has
 *    this version or a newer one. The same holds for a version that was read;
 *  - leave a cell torn, or with contents from elsewhere;
 *  - show a version that was not written;
 *  - answer a request that does not wait for an answer, or none in time.
 *
 *	check [--no-errors] [--disk EXPORT=FILE]... HISTORY...
 *
 * With --no-errors it is a fault, too, if a request is answered with an error.
 * It prints a line for each fault, with all that happened to the cell, and at the end what was
 * verified, and how many microseconds answers took. The exit status is 1 if there is a fault, and
 * 2 if a history is unsound or has no end.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "history.h"

#define MAX_DISKS	16
#define MAX_FAULTS	5
#define PAST		24
/* Times are counted up to 128 s, by the microsecond below 1 ms and by the millisecond above. */
#define TIMES_FINE	1000U
#define TIMES		(TIMES_FINE + 128000U)

/**
 * struct cell - what is known of a cell
 * @least: the newest version that was acknowledged or read
 * @newest: the newest version that was sent
 * @zeroes: the newest version that was sent as WRITE_ZEROES
 */
struct cell {
	uint32_t least;
	uint32_t newest;
	uint32_t zeroes;
};

struct disk {
	const char *export;
	const char *path;
	int fd;
};

struct request {
	uint64_t cookie;
	uint32_t at;
};

static bool wants_no_errors;
static struct disk disk[MAX_DISKS];
static unsigned int n_disks;

/* The history that is being checked. */
static const struct history_head *head;
static const struct history_event *event;
static size_t n_events;
static struct cell *cells;
static const char *path;
/* For each answer, which event is its request. */
static uint32_t *asked;

static unsigned int faults;
static uint64_t bytes_read, bytes_written, bytes_on_disk, answers, errors, cuts, closed, again;
/* How many answers took how long. */
static uint64_t times[TIMES];

static const char *const names[] = {
	[HISTORY_WRITE] = "WRITE", [HISTORY_ZERO] = "WRITE_ZEROES", [HISTORY_READ] = "READ",
	[HISTORY_FLUSH] = "FLUSH", [HISTORY_DONE] = "answered", [HISTORY_FAILED] = "failed",
	[HISTORY_SEEN] = "seen", [HISTORY_TORN] = "TORN", [HISTORY_STRAY] = "STRAY ANSWER",
	[HISTORY_STUCK] = "STUCK", [HISTORY_OPENED] = "connection made",
	[HISTORY_CUT] = "connection cut", [HISTORY_CLOSED] = "connection closed by the server",
	[HISTORY_END] = "end",
};

static void print_event(const struct history_event *e)
{
	printf("#   %12.6f connection %u cookie %" PRIu64 ": %s, bytes %" PRIu64 " to %" PRIu64
	       ", %s %u\n", (double)(e->ns - event[0].ns) / 1e9, e->connection, e->cookie,
	       names[e->type], e->offset, e->offset + e->length,
	       e->type == HISTORY_FAILED ? "error" : "version", e->version);
}

static bool touches(const struct history_event *e, uint64_t offset)
{
	return e->type >= HISTORY_OPENED ||
	       (e->offset <= offset && offset < e->offset + e->length);
}

/* The last events before @end that have to do with the cell at @offset. */
static void print_past(uint64_t offset, size_t end)
{
	size_t past[PAST], n = 0;

	for (size_t i = end; i-- > 0 && n < PAST;)
		if (touches(&event[i], offset))
			past[n++] = i;
	while (n)
		print_event(&event[past[--n]]);
}

static void fault(const char *what, uint64_t offset, uint32_t version, size_t at)
{
	const struct cell *c = &cells[history_index(head, offset)];

	if (++faults > MAX_FAULTS)
		return;
	printf("FAULT: %s: %s: byte %" PRIu64 " of export %s has version %u; at least %u was "
	       "acknowledged or read, at most %u was sent\n", path, what, head->first + offset,
	       head->export, version, c->least, c->newest);
	print_past(offset, at < n_events ? at + 1 : n_events);
}

static bool may_be_zeroes(const struct cell *c)
{
	return !c->least || c->zeroes >= c->least;
}

static void see(uint64_t offset, uint32_t version, size_t at)
{
	struct cell *c = &cells[history_index(head, offset)];

	if (version > c->newest)
		fault("a version that was never sent", offset, version, at);
	else if (!version && may_be_zeroes(c))
		return;
	else if (version < c->least)
		fault("an acknowledged write is lost", offset, version, at);
	else
		c->least = version;
}

static void each_cell(const struct history_event *e, size_t at,
		      void (*act)(const struct history_event *e, struct cell *c, uint64_t offset,
				  size_t at))
{
	for (uint64_t o = e->offset; o < e->offset + e->length; o += history_cell(head, o))
		act(e, &cells[history_index(head, o)], o, at);
}

static void cell_sent(const struct history_event *e, struct cell *c, uint64_t offset, size_t at)
{
	(void)offset;
	(void)at;
	if (e->version > c->newest)
		c->newest = e->version;
	if (e->type == HISTORY_ZERO && e->version > c->zeroes)
		c->zeroes = e->version;
}

static void cell_done(const struct history_event *e, struct cell *c, uint64_t offset, size_t at)
{
	(void)offset;
	(void)at;
	if (e->version > c->least)
		c->least = e->version;
}

static void cell_seen(const struct history_event *e, struct cell *c, uint64_t offset, size_t at)
{
	(void)c;
	see(offset, e->version, at);
}

static bool is_write(const struct history_event *e)
{
	return e->type == HISTORY_WRITE || e->type == HISTORY_ZERO;
}

static void count_time(uint64_t ns)
{
	uint64_t us = ns / 1000, at = us < TIMES_FINE ? us : TIMES_FINE + us / 1000;

	times[at < TIMES ? at : TIMES - 1]++;
}

/* Return: the time in microseconds that @part of 1000 answers did not exceed. */
static uint64_t time_of(uint64_t part)
{
	uint64_t n = 0, all = 0;
	unsigned int at = 0;

	for (unsigned int i = 0; i < TIMES; i++)
		all += times[i];
	while (at < TIMES - 1 && (n += times[at]) * 1000 < all * part)
		at++;
	return at < TIMES_FINE ? at : (uint64_t)(at - TIMES_FINE) * 1000;
}

static void take_answer(size_t at)
{
	const struct history_event *e = &event[at], *q = &event[asked[at]];

	count_time(e->ns - q->ns);
	if (e->type == HISTORY_FAILED) {
		errors++;
		if (wants_no_errors)
			fault("a request was answered with an error, the last one below", q->offset,
			      cells[history_index(head, q->offset)].least, at);
		return;
	}
	answers++;
	if (is_write(q)) {
		each_cell(q, at, cell_done);
		bytes_written += q->length;
	} else if (q->type == HISTORY_READ) {
		bytes_read += q->length;
	}
}

static void take_event(size_t at)
{
	const struct history_event *e = &event[at];

	switch (e->type) {
	case HISTORY_WRITE:
	case HISTORY_ZERO:
		again += e->length && cells[history_index(head, e->offset)].newest >= e->version;
		each_cell(e, at, cell_sent);
		break;
	case HISTORY_DONE:
	case HISTORY_FAILED:
		take_answer(at);
		break;
	case HISTORY_SEEN:
		each_cell(e, at, cell_seen);
		break;
	case HISTORY_TORN:
		fault("a cell is torn or from elsewhere", e->offset, e->version, at);
		break;
	case HISTORY_STRAY:
		fault("a request was answered that does not wait", e->offset, e->version, at);
		break;
	case HISTORY_STUCK:
		fault("a request was not answered in time", e->offset, e->version, at);
		break;
	case HISTORY_CUT:
		cuts++;
		break;
	case HISTORY_CLOSED:
		closed++;
		break;
	default:
		break;
	}
}

/* A client has few requests at a time, so the search is short. */
static bool find_request(size_t at)
{
	for (size_t i = at; i-- > 0;) {
		const struct history_event *e = &event[i];

		if (e->type <= HISTORY_FLUSH && e->cookie == event[at].cookie) {
			asked[at] = (uint32_t)i;
			return e->connection == event[at].connection;
		}
	}
	return false;
}

static bool is_sound(size_t at)
{
	const struct history_event *e = &event[at];
	uint64_t cell = history_cell(head, e->offset);

	if (!e->type || e->type > HISTORY_END || e->offset > head->bytes ||
	    e->length > head->bytes - e->offset || e->offset % cell || e->length % CELL_SMALL)
		return false;
	if (e->type == HISTORY_DONE || e->type == HISTORY_FAILED)
		return find_request(at);
	return true;
}

static void check_disk(int fd)
{
	uint8_t data[CELL_LARGE];
	uint32_t version;

	for (uint64_t o = 0; o < head->bytes; o += history_cell(head, o)) {
		uint32_t n = history_cell(head, o);

		if (pread(fd, data, n, (off_t)(head->first + o)) != (ssize_t)n) {
			fault("the disk cannot be read", o, 0, n_events);
			return;
		}
		if (history_look(head, data, o, &version))
			see(o, version, n_events);
		else
			fault("a cell of the disk is torn or from elsewhere", o, version, n_events);
		bytes_on_disk += n;
	}
}

static bool check_history(size_t bytes)
{
	size_t i;

	event = (const void *)(head + 1);
	n_events = (bytes - sizeof(*head)) / sizeof(*event);
	cells = calloc(history_cells(head), sizeof(*cells));
	asked = calloc(n_events, sizeof(*asked));
	for (i = 0; i < n_events && is_sound(i); i++)
		take_event(i);
	if (i < n_events || !n_events || event[n_events - 1].type != HISTORY_END) {
		fprintf(stderr, "%s: event %zu makes no sense, or the history has no end\n",
			path, i);
		return false;
	}
	for (unsigned int d = 0; d < n_disks; d++)
		if (!strcmp(disk[d].export, head->export))
			check_disk(disk[d].fd);
	free(cells);
	free(asked);
	return true;
}

static bool check_file(void)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good;

	if (fd < 0 || fstat(fd, &st) || (size_t)st.st_size < sizeof(*head)) {
		fprintf(stderr, "%s: no history\n", path);
		return false;
	}
	head = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (head == MAP_FAILED || head->magic != HISTORY_MAGIC || head->bytes % (2 * CELL_LARGE)) {
		fprintf(stderr, "%s: no history\n", path);
		return false;
	}
	good = check_history((size_t)st.st_size);
	munmap((void *)(uintptr_t)head, (size_t)st.st_size);
	return good;
}

static bool take_disk(char *text)
{
	char *equals = strchr(text, '=');
	struct disk *d = &disk[n_disks];

	if (!equals || n_disks == MAX_DISKS)
		return false;
	*equals = '\0';
	*d = (struct disk){ .export = text, .path = equals + 1 };
	d->fd = open(d->path, O_RDONLY | O_CLOEXEC);
	n_disks++;
	return d->fd >= 0;
}

int main(int argc, char **argv)
{
	int i = 1;

	wants_no_errors = argc > 1 && !strcmp(argv[1], "--no-errors");
	i += wants_no_errors;
	for (; i + 1 < argc && !strcmp(argv[i], "--disk"); i += 2) {
		if (!take_disk(argv[i + 1])) {
			fprintf(stderr, "%s: %s\n", argv[i + 1], strerror(errno));
			return 2;
		}
	}
	for (; i < argc; i++) {
		path = argv[i];
		if (!check_file())
			return 2;
	}
	printf("answers %" PRIu64 " errors %" PRIu64 " sent-again %" PRIu64 " cut %" PRIu64
	       " closed %" PRIu64 " written %" PRIu64 " read %" PRIu64 " on-disk %" PRIu64
	       " p50 %" PRIu64 " p99 %" PRIu64 " p999 %" PRIu64 " slowest %" PRIu64
	       " faults %u\n", answers, errors, again, cuts, closed, bytes_written, bytes_read,
	       bytes_on_disk, time_of(500), time_of(990), time_of(999), time_of(1000), faults);
	return faults ? 1 : 0;
}
