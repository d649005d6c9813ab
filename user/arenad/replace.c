// SPDX-License-Identifier: MIT
#include "replace.h"

#include <common/clock.h>
#include <common/log.h>
#include <control/handoff.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crew.h"
#include "options.h"
#include "program.h"
#include "reload.h"

void replace_init(struct replacement *r)
{
	*r = (struct replacement){ .child.pidfd = -1, .child.gate = -1, .line = -1,
				    .stats_fd = -1 };
}

static void forget(struct replacement *r)
{
	if (r->line >= 0)
		close(r->line);
	r->line = -1;
	if (r->stats_fd >= 0)
		close(r->stats_fd);
	r->stats_fd = -1;
	r->is_on = false;
	r->child.pidfd = -1;
}

/*
 * The start
 */

static int fork_other(struct crew *c, unsigned int i, struct program *p)
{
	struct replacement *r = &c->replacement;
	int ends[2], ret = control_socket_open(ends);

	if (ret)
		return ret;
	r->line = ends[0];
	p->control_fd = ends[1];
	r->stats_fd = crew_make_stats(c, i);
	p->stats_fd = r->stats_fd;
	r->n_bundles = c->reload->n_bundles;
	reload_give(c->reload, r->line);
	snprintf(r->name, sizeof(r->name), "the process that is to be %s", c->name[i]);
	ret = child_start(&r->child, r->name, &c->options->np_user, program_exec_np, p);
	close(p->control_fd);
	/* If arenad dies, it ends with its control socket, and the running process goes on. */
	if (!ret)
		child_release(&r->child);
	return ret;
}

static int start_other(struct crew *c, unsigned int i, int handoff_fd)
{
	struct program p = {
		.options = c->options, .cpus = c->cpus, .pairs = &c->pairs, .id = i,
		.sockets = &c->sockets[i], .layout_fd = c->layout_fd, .ready_fd = -1,
		.control_fd = -1, .handoff_fd = handoff_fd,
	};
	int ret = fork_other(c, i, &p);

	if (ret)
		forget(&c->replacement);
	return ret;
}

/* The running process does nothing before the other one says that it is ready. */
static int introduce(struct crew *c, unsigned int i, int fd)
{
	const struct control_message m = { .type = CONTROL_HANDOFF };

	return lines_send(&c->lines, i, &m, fd);
}

static int begin(struct crew *c, unsigned int i)
{
	struct replacement *r = &c->replacement;
	int ends[2], ret = handoff_open(ends);

	if (ret)
		return ret;
	ret = start_other(c, i, ends[1]);
	if (!ret) {
		r->is_on = true;
		r->i = i;
		r->deadline = clock_deadline(REPLACE_SECONDS * 1000LL);
		ret = introduce(c, i, ends[0]);
		if (ret)
			child_signal(&r->child, 1, SIGKILL);
	}
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static bool all_run(const struct crew *c, unsigned int i)
{
	for (unsigned int sp = c->nps; sp < c->n; sp++)
		if (c->child[sp].pidfd < 0 && crew_has_export(c, sp - c->nps))
			return false;
	return c->child[i].pidfd >= 0;
}

int crew_replace_np(struct crew *c, unsigned int i)
{
	int ret = c->replacement.is_on ? -EBUSY : all_run(c, i) ? begin(c, i) : -ESRCH;

	if (ret)
		log_error("%s is not replaced: %s", c->name[i], ret == -ESRCH ?
			  "it, or a storage process, does not run; try again when both do" :
			  log_reason(-ret));
	else
		log_info("%s is to be replaced: process %d starts", c->name[i],
			 c->replacement.child.pid);
	return ret;
}

void crew_replace_nps(struct crew *c)
{
	for (unsigned int i = 0; i < c->nps; i++)
		c->replacement.wanted[i] = true;
}

/* Return: the NP that is replaced next; or c->nps. */
static unsigned int next_of(const struct crew *c)
{
	unsigned int i = 0;

	while (i < c->nps && !c->replacement.wanted[i])
		i++;
	return i;
}

/*
 * An SP is replaced by one that is started when it has ended. Exports that are added or removed are
 * not waited for.
 */
static bool is_waiting_for_sp(const struct crew *c)
{
	for (unsigned int i = c->nps; i < c->n; i++)
		if (crew_has_export(c, i - c->nps) && !c->is_new[i] &&
		    (c->is_old[i] || c->leaves_until[i] || c->restart[i].is_due))
			return true;
	return false;
}

bool crew_is_replacing(const struct crew *c)
{
	return c->replacement.is_on || next_of(c) < c->nps || is_waiting_for_sp(c);
}

/*
 * The end
 */

static void promote(struct crew *c, unsigned int i)
{
	struct replacement *r = &c->replacement;

	c->child[i] = r->child;
	c->child[i].name = c->name[i];
	lines_put(&c->lines, i, r->line);
	r->line = -1;
	crew_put_stats(c, i, r->stats_fd);
	r->stats_fd = -1;
	if (r->n_bundles != c->reload->n_bundles)
		reload_owe(c->reload, i);
	/* It has begun with those of its command line, which may be older. */
	c->reload->owes_exports[i] = c->reload->exports >= 0;
	restart_begun(&c->restart[i], clock_ns());
	forget(r);
	crew_pair_up(c, i);
}

bool replace_ended(struct crew *c, unsigned int i)
{
	struct replacement *r = &c->replacement;
	struct child old = c->child[i];

	if (!r->is_on || r->i != i)
		return false;
	if (child_reap(&r->child)) {
		log_error("%s is not replaced: process %d, too, has ended; replace it again when "
			  "it runs", c->name[i], r->child.pid);
		forget(r);
		return false;
	}
	if (old.status == CHILD_STATUS_UNKNOWN || !old.status)
		log_info("%s was replaced: process %d by process %d", c->name[i], old.pid,
			 r->child.pid);
	else
		child_log_end(&old);
	promote(c, i);
	c->restarts[i]++;
	return true;
}

static void look_at_other(struct crew *c)
{
	struct replacement *r = &c->replacement;

	if (child_reap(&r->child)) {
		log_error("%s is not replaced: process %d has ended, and process %d goes on; the "
			  "lines of the one that has ended say why", c->name[r->i], r->child.pid,
			  c->child[r->i].pid);
		forget(r);
	} else if (!clock_left_ms(r->deadline)) {
		log_error("%s is not replaced in time: killing process %d; its lines may say why",
			  c->name[r->i], r->child.pid);
		child_signal(&r->child, 1, SIGKILL);
		r->deadline = clock_deadline(REPLACE_SECONDS * 1000LL);
	}
}

void replace_turn(struct crew *c)
{
	struct replacement *r = &c->replacement;

	if (r->is_on)
		look_at_other(c);
	while (!r->is_on && !is_waiting_for_sp(c) && next_of(c) < c->nps) {
		unsigned int i = next_of(c);

		r->wanted[i] = false;
		crew_replace_np(c, i);
	}
}

int replace_wait_ms(const struct crew *c)
{
	if (c->replacement.is_on)
		return clock_left_ms(c->replacement.deadline);
	return next_of(c) < c->nps && !is_waiting_for_sp(c) ? 0 : -1;
}

void replace_stop(struct crew *c)
{
	struct replacement *r = &c->replacement;

	memset(r->wanted, 0, sizeof(r->wanted));
	if (!r->is_on)
		return;
	child_stop(&r->child, 1);
	forget(r);
}
