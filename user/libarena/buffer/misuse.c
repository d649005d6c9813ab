// SPDX-License-Identifier: LGPL-2.1-or-later
#include "misuse.h"

#ifdef ARENA_DEBUG
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Steps that are kept of each buffer. */
#define STEPS	8U

/* Set by arena_set_place() for the calls that follow in this thread. */
static __thread const char *current_place;

/**
 * struct past - the last steps of extents that began at one buffer
 * @n: number of steps so far, of which STEPS are kept
 * @place: of each step, or NULL
 * @peer: role of the peer of each step
 * @step: enum arena_step of each step
 */
struct past {
	uint32_t n;
	const char *place[STEPS];
	uint32_t peer[STEPS];
	uint8_t step[STEPS];
};

/**
 * struct arena_history - the pasts of a group's buffers
 * @count: buffers
 * @past: one for each buffer
 */
struct arena_history {
	uint32_t count;
	struct past past[];
};

static const char * const step_names[] = {
	[ARENA_STEP_GOT] = "got",
	[ARENA_STEP_FREED] = "freed",
	[ARENA_STEP_IO_BEGUN] = "io begun",
	[ARENA_STEP_IO_ENDED] = "io ended",
	[ARENA_STEP_LENT] = "lent to",
	[ARENA_STEP_HELD] = "held since before by",
	[ARENA_STEP_UNLENT] = "taken back unsent from",
	[ARENA_STEP_REGAINED] = "regained from",
	[ARENA_STEP_BORROWED] = "borrowed from",
	[ARENA_STEP_RETURNED] = "returned to",
	[ARENA_STEP_RECLAIMED] = "reclaimed",
	[ARENA_STEP_RESET] = "freed by arena_reset_group()",
};

static const char * const state_names[] = {
	[ARENA_STALE] = "FREE",
	[ARENA_OWNED] = "OWNED",
	[ARENA_IN_IO] = "IN_IO",
	[ARENA_LENT] = "LENT",
	[ARENA_LOST] = "LOST",
	[ARENA_BORROWED] = "BORROWED",
};

void arena_set_place(const char *place)
{
	current_place = place;
}

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
		       uint32_t peer)
{
	struct past *p = h ? &h->past[index] : NULL;
	uint32_t at;

	if (!p)
		return;
	at = p->n++ % STEPS;
	p->place[at] = current_place;
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
		return "the group does not allow it (EACCES)";
	default:
		return "no such group, handle, peer or operation (EINVAL)";
	}
}

/* "role 1.0": class and number. Two buffers take turns, as a line may have two roles. */
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

static void write_steps(const struct past *p)
{
	uint32_t first = p->n > STEPS ? p->n - STEPS : 0;

	if (first)
		fprintf(stderr, "arena:   ... %u earlier steps\n", first);
	for (uint32_t i = first; i < p->n; i++) {
		const char *place = p->place[i % STEPS];
		uint8_t step = p->step[i % STEPS];

		fprintf(stderr, "arena:   %s", step_names[step]);
		if (has_peer(step))
			fprintf(stderr, " %s", role_name(p->peer[i % STEPS]));
		if (place)
			fprintf(stderr, " at %s", place);
		fprintf(stderr, "\n");
	}
}

static void write_group(const struct arena_misuse *m)
{
	const struct arena_group *g = &m->layout->group[m->b.group];
	const struct arena_usage *u = &m->usage;

	fprintf(stderr, "arena:   group %u: %s's, of use %u, %u of %u bytes\n", m->b.group,
		role_name(g->role), g->use, g->count, g->buffer_size);
	if (g->role == m->role && g->use != ARENA_USE_CONTROL)
		fprintf(stderr,
			"arena:   %u free, %u owned, %u in io, %u lent, %u lost\n",
			u->free, u->owned, u->in_io, u->lent, u->lost);
}

static void write_buffer(const struct arena_misuse *m)
{
	const struct arena_extent *r = &m->extent;

	fprintf(stderr, "arena:   the handle: index %u, count %u, generation %u\n",
		m->b.index, m->b.count, m->b.generation);
	fprintf(stderr, "arena:   the buffer: %s", state_names[r->state]);
	if (r->state == ARENA_LENT || r->state == ARENA_LOST)
		fprintf(stderr, " with %s", role_name(r->peer));
	if (r->state == ARENA_IN_IO)
		fprintf(stderr, ", %u operations", r->io_count);
	if (r->state != ARENA_STALE)
		fprintf(stderr, ", count %u", r->count);
	fprintf(stderr, ", generation %u\n", r->generation);
	if (m->history && m->b.index < m->history->count)
		write_steps(&m->history->past[m->b.index]);
}

void arena_misuse_report(const struct arena_misuse *m)
{
	fprintf(stderr, "arena: misuse: %s()%s%s, by %s: %s\n", m->call,
		current_place ? " at " : "", current_place ? current_place : "",
		role_name(m->role), why(m->error));
	if (m->b.group < m->layout->n_groups)
		write_group(m);
	else
		fprintf(stderr, "arena:   there is no group %u\n", m->b.group);
	if (m->b.generation)
		write_buffer(m);
	fflush(stderr);
	abort();
}
#else
void arena_set_place(const char *place)
{
	(void)place;
}
#endif /* ARENA_DEBUG */
