// SPDX-License-Identifier: MIT
#include "begin.h"

#include <common/log.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "np.h"

void begin_init(struct np *np)
{
	struct begin *b = &np->begin;
	size_t n;

	strcpy(b->ready, "READY");
	n = strlen(b->ready);
	for (unsigned int i = 0; i < np->n_listeners; i++) {
		b->ready[n++] = ' ';
		listen_format(np->listener[i].fd, b->ready + n, sizeof(b->ready) - n);
		n += strlen(b->ready + n);
	}
	b->ready[n++] = '\n';
	b->ready[n] = '\0';
}

void begin_fail(struct np *np, int error)
{
	np->begin.error = error;
	np->is_ending = true;
}

bool begin_is_late(const struct np *np)
{
	return !np->begin.is_over && np->now > np->begin.until;
}

/* The line is written at once, so that the reader of a pipe does not see a part of it. */
static int say_ready(const struct np *np)
{
	const char *line = np->begin.ready;
	size_t n = strlen(line);

	if (np->options->ready_fd < 0)
		return 0;
	if (write(np->options->ready_fd, line, n) != (ssize_t)n) {
		log_error("cannot write to the ready fd: %s", log_reason(errno));
		return -EIO;
	}
	close(np->options->ready_fd);
	return 0;
}

int begin_turn(struct np *np)
{
	if (np->begin.is_over || np->is_ending || np->stop.is_stopping)
		return 0;
	/* Nobody needs the SP of an export that is removed. */
	for (unsigned int i = 0; i < np->n_peers; i++)
		if (!np->peer[i].is_settled && np->peer[i].state != PEER_HELD &&
		    !export_is_vacant(&np->offered.set.export[i]))
			return 0;
	np->begin.is_over = true;
	conn_resume_all(np);
	return say_ready(np);
}
