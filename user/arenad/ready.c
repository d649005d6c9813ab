// SPDX-License-Identifier: MIT
#include "ready.h"

#include <common/log.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "notify.h"

void ready_init(struct ready *r, int fd, unsigned int wanted)
{
	*r = (struct ready){ .fd = fd, .wanted = wanted };
}

void ready_close(struct ready *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

bool ready_say(const char *addresses)
{
	if (printf("ready%s\n", addresses) >= 0 && !fflush(stdout)) {
		notify_ready("");
		return true;
	}
	log_error("cannot write the line \"ready\" to standard output: %s", log_reason(errno));
	return false;
}

/*
 * The NPs have the same listening sockets, so each says the same, and the last one counts. Nothing
 * is read after it: an NP that writes more must not make arenad say more.
 */
static void take_line(struct ready *r, const char *line)
{
	if (strncmp(line, "READY", 5) != 0)
		return;
	r->n++;
	if (r->n < r->wanted)
		return;
	snprintf(r->addresses, sizeof(r->addresses), "%s", line + 5);
	ready_close(r);
}

/* Take the whole lines that have come. */
static void take_lines(struct ready *r)
{
	char *newline;

	while (r->fd >= 0 && (newline = memchr(r->text, '\n', r->length))) {
		size_t length = (size_t)(newline + 1 - r->text);

		*newline = '\0';
		take_line(r, r->text);
		r->length -= length;
		memmove(r->text, newline + 1, r->length);
	}
}

/* Each NP writes one line, "READY ADDRESS...", and closes the pipe. */
bool ready_take(struct ready *r)
{
	size_t room = sizeof(r->text) - r->length;
	ssize_t n = read(r->fd, r->text + r->length, room);

	if (n > 0) {
		r->length += (size_t)n;
		take_lines(r);
	} else {
		ready_close(r);
	}
	return ready_is_all(r);
}
