// SPDX-License-Identifier: LGPL-2.1-or-later
#include "misuse.h"

#ifdef ARENA_DEBUG
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Steps that are remembered of each buffer. */
#define STEPS	8U

/**
 * struct past - the last steps of the runs that began at a buffer
 * @n: how many there were, STEPS of which are kept
 * @site: of each, where
 * @peer: of each, with whom
 * @step: of each, what
 */
struct past {
	uint32_t n;
	const char *site[STEPS];
	uint32_t peer[STEPS];
	uint8_t step[STEPS];
};

/**
 * struct arena_history - the pasts of a group's buffers
 * @count: buffers
 * @past: one for each
 */
struct arena_history {
	uint32_t count;
	struct past past[];
};

static const char * const step_names[] = {
	[ARENA_STEP_GOT] = "got",
	[ARENA_STEP_FREED] = "freed",
	[ARENA_STEP_IO_BEGUN] = "lent",
	[ARENA_STEP_IO_ENDED] = "done",
	[ARENA_STEP_LENT] = "handed to",
	[ARENA_STEP_UNLENT] = "not handed after all to",
	[ARENA_STEP_REGAINED] = "taken back from",
	[ARENA_STEP_BORROWED] = "accepted from",
	[ARENA_STEP_RETURNED] = "given back to",
	[ARENA_STEP_RECLAIMED] = "freed when the kernel had let go of it",
	[ARENA_STEP_RESET] = "freed with all of its group",
};

static const char * const state_names[] = {
	[ARENA_STALE] = "nobody's",
	[ARENA_OWNED] = "OWNED",
	[ARENA_IN_IO] = "IN_IO",
	[ARENA_LENT] = "LENT",
	[ARENA_LOST] = "LOST",
	[ARENA_BORROWED] = "BORROWED",
};

struct arena_history *arena_history_new(uint32_t count)
{
	struct arena_history *h = calloc(1, sizeof(*h) + count * sizeof(h->past[0]));

	if (h)
		h->count = count;
	return h;
}

void arena_history_free(struct arena_history *h)
{
	free(h);
}

void arena_history_add(struct arena_history *h, uint32_t index, enum arena_step step,
		       uint32_t peer, const char *site)
{
	struct past *p = h ? &h->past[index] : NULL;
	uint32_t at;

	if (!p)
		return;
	at = p->n++ % STEPS;
	p->site[at] = site;
	p->peer[at] = peer;
	p->step[at] = (uint8_t)step;
}

static const char *why(int error)
{
	switch (error) {
	case -ESTALE:
		return "the handle is of an earlier life (ESTALE)";
	case -EBUSY:
		return "the kernel works on it (EBUSY)";
	case -EPERM:
		return "a peer has it (EPERM)";
	case -EACCES:
		return "that may not be done with this group (EACCES)";
	default:
		return "there is no such thing to do (EINVAL)";
	}
}

/* "role 1.0", class and number: in one of two buffers, since a line may have two roles. */
static const char *role_name(uint32_t role)
{
	static char name[2][32];
	static int turn;

	turn = !turn;
	snprintf(name[turn], sizeof(name[turn]), "role %u.%u", ARENA_ROLE_CLASS(role),
		 ARENA_ROLE_NUMBER(role));
	return name[turn];
}

static bool has_peer(uint8_t step)
{
	return step >= ARENA_STEP_LENT && step <= ARENA_STEP_RETURNED;
}

static void tell_steps(const struct past *p)
{
	uint32_t first = p->n > STEPS ? p->n - STEPS : 0;

	if (first)
		fprintf(stderr, "arena:   ... %u earlier steps\n", first);
	for (uint32_t i = first; i < p->n; i++) {
		const char *site = p->site[i % STEPS];
		uint8_t step = p->step[i % STEPS];

		fprintf(stderr, "arena:   %s", step_names[step]);
		if (has_peer(step))
			fprintf(stderr, " %s", role_name(p->peer[i % STEPS]));
		if (site)
			fprintf(stderr, " at %s", site);
		fprintf(stderr, "\n");
	}
}

static void tell_group(const struct arena_misuse *m)
{
	const struct arena_group *g = &m->layout->group[m->b.group];
	const struct arena_usage *u = &m->usage;

	fprintf(stderr, "arena:   group %u: %s's, of use %u, %u of %u bytes\n", m->b.group,
		role_name(g->role), g->use, g->count, g->buffer_size);
	if (g->role == m->role && g->use != ARENA_USE_CONTROL)
		fprintf(stderr,
			"arena:   %u free, %u owned, %u lent, %u handed, %u lost\n",
			u->free, u->owned, u->in_io, u->lent, u->lost);
}

static void tell_buffer(const struct arena_misuse *m)
{
	const struct arena_extent *r = &m->run;

	fprintf(stderr, "arena:   the handle: index %u, count %u, generation %u\n",
		m->b.index, m->b.count, m->b.generation);
	fprintf(stderr, "arena:   the buffer: %s", state_names[r->state]);
	if (r->state == ARENA_LENT || r->state == ARENA_LOST)
		fprintf(stderr, " with %s", role_name(r->peer));
	if (r->state == ARENA_IN_IO)
		fprintf(stderr, " to %u operations", r->io_count);
	if (r->state != ARENA_STALE)
		fprintf(stderr, ", count %u", r->count);
	fprintf(stderr, ", generation %u\n", r->generation);
	if (m->history && m->b.index < m->history->count)
		tell_steps(&m->history->past[m->b.index]);
}

void arena_misuse_report(const struct arena_misuse *m)
{
	fprintf(stderr, "arena: %s() at %s, by %s, is refused: %s\n", m->call, m->site,
		role_name(m->role), why(m->error));
	if (m->b.group < m->layout->n_groups)
		tell_group(m);
	else
		fprintf(stderr, "arena:   there is no group %u\n", m->b.group);
	if (m->b.generation)
		tell_buffer(m);
	fflush(stderr);
	abort();
}
#endif /* ARENA_DEBUG */
