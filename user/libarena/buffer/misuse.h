/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The story of a buffer, for whoever misused it: built only with ARENA_DEBUG.
 */
#ifndef ARENA_MISUSE_H
#define ARENA_MISUSE_H

#include <arena/arena.h>

/**
 * enum arena_step - what happened to a run
 * @ARENA_STEP_GOT: arena_get()
 * @ARENA_STEP_FREED: arena_put()
 * @ARENA_STEP_IO_BEGUN: arena_io_begin()
 * @ARENA_STEP_IO_ENDED: arena_io_end()
 * @ARENA_STEP_LENT: arena_lend()
 * @ARENA_STEP_UNLENT: arena_unlend()
 * @ARENA_STEP_REGAINED: arena_regain()
 * @ARENA_STEP_BORROWED: arena_borrow()
 * @ARENA_STEP_RETURNED: arena_return()
 * @ARENA_STEP_RECLAIMED: arena_reclaim()
 * @ARENA_STEP_RESET: arena_reset_group()
 */
enum arena_step {
	ARENA_STEP_GOT,
	ARENA_STEP_FREED,
	ARENA_STEP_IO_BEGUN,
	ARENA_STEP_IO_ENDED,
	ARENA_STEP_LENT,
	ARENA_STEP_UNLENT,
	ARENA_STEP_REGAINED,
	ARENA_STEP_BORROWED,
	ARENA_STEP_RETURNED,
	ARENA_STEP_RECLAIMED,
	ARENA_STEP_RESET,
};

struct arena_history;

/**
 * struct arena_misuse - what went wrong
 * @call: what was tried
 * @site: where
 * @error: why it is refused, -errno
 * @b: on what; of generation 0 if only the group and the count mean anything
 * @layout: of the arena
 * @role: of the arena
 * @run: what is known of the buffer, state ARENA_STALE if nothing is
 * @usage: of the group, all 0 if it is a peer's
 * @history: of the group, or NULL
 */
struct arena_misuse {
	const char *call;
	const char *site;
	int error;
	struct arena_buf b;
	const struct arena_layout *layout;
	uint32_t role;
	struct arena_extent run;
	struct arena_usage usage;
	const struct arena_history *history;
};

#ifdef ARENA_DEBUG
#define ARENA_TRACKS	1

/**
 * arena_history_new() - no steps yet, of a group of @count buffers
 *
 * Return: NULL if there is no memory; then nothing will be told of steps.
 */
struct arena_history *arena_history_new(uint32_t count);
/** arena_history_free() - NULL is allowed */
void arena_history_free(struct arena_history *h);

/**
 * arena_history_add() - remember a step of the run that begins at @index
 * @h: of the group, or NULL
 * @index: first buffer
 * @step: what
 * @peer: with whom, where a peer takes part
 * @site: where, or NULL
 */
void arena_history_add(struct arena_history *h, uint32_t index, enum arena_step step,
		       uint32_t peer, const char *site);

#else
#define ARENA_TRACKS	0

static inline struct arena_history *arena_history_new(uint32_t count)
{
	(void)count;
	return NULL;
}

static inline void arena_history_free(struct arena_history *h)
{
	(void)h;
}

static inline void arena_history_add(struct arena_history *h, uint32_t index,
				     enum arena_step step, uint32_t peer, const char *site)
{
	(void)h;
	(void)index;
	(void)step;
	(void)peer;
	(void)site;
}
#endif

/** arena_misuse_report() - write it all to stderr and abort(3); only where ARENA_TRACKS */
void __attribute__((noreturn)) arena_misuse_report(const struct arena_misuse *m);

#endif /* ARENA_MISUSE_H */
