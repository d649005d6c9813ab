/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Misuse reports. A debug build (ARENA_DEBUG) records the last steps of each extent and,
 * when a call misuses one, writes what it knows to stderr and ends the process. In a
 * release build nothing is recorded and the functions here compile to nothing.
 *
 * This knows what happened to extents, and nothing of how their state is kept.
 */
#ifndef ARENA_MISUSE_H
#define ARENA_MISUSE_H

#include <arena/arena.h>

/**
 * enum arena_step - what happened to an extent
 * @ARENA_STEP_GOT: arena_get()
 * @ARENA_STEP_FREED: arena_put()
 * @ARENA_STEP_IO_BEGUN: arena_io_begin()
 * @ARENA_STEP_IO_ENDED: arena_io_end()
 * @ARENA_STEP_LENT: arena_lend()
 * @ARENA_STEP_HELD: arena_lend_held()
 * @ARENA_STEP_UNLENT: arena_unlend()
 * @ARENA_STEP_REGAINED: arena_regain()
 * @ARENA_STEP_BORROWED: arena_borrow()
 * @ARENA_STEP_RETURNED: arena_return()
 * @ARENA_STEP_RECLAIMED: arena_reclaim() or arena_reclaim_from()
 * @ARENA_STEP_RESET: arena_reset_group()
 */
enum arena_step {
	ARENA_STEP_GOT,
	ARENA_STEP_FREED,
	ARENA_STEP_IO_BEGUN,
	ARENA_STEP_IO_ENDED,
	ARENA_STEP_LENT,
	ARENA_STEP_HELD,
	ARENA_STEP_UNLENT,
	ARENA_STEP_REGAINED,
	ARENA_STEP_BORROWED,
	ARENA_STEP_RETURNED,
	ARENA_STEP_RECLAIMED,
	ARENA_STEP_RESET,
};

struct arena_history;

/**
 * struct arena_misuse - a call that is refused
 * @call: name of the call
 * @error: what it would return, -errno
 * @b: the handle; if its generation is 0, only group and count mean anything
 * @layout: of the arena
 * @role: of the arena
 * @extent: what is known of the extent; ARENA_STALE if nothing is
 * @usage: of the group, all 0 if it is a peer's
 * @history: of the group, or NULL
 */
struct arena_misuse {
	const char *call;
	int error;
	struct arena_buf b;
	const struct arena_layout *layout;
	uint32_t role;
	struct arena_extent extent;
	struct arena_usage usage;
	const struct arena_history *history;
};

#ifdef ARENA_DEBUG
#define ARENA_TRACKS	1

/**
 * arena_history_new() - an empty history of a group of @count buffers
 *
 * Return: the history, or NULL if there is no memory: reports then have no steps.
 */
struct arena_history *arena_history_new(uint32_t count);
/** arena_history_free() - free a history; NULL is allowed */
void arena_history_free(struct arena_history *h);

/**
 * arena_history_add() - record a step of the extent that begins at @index
 * @h: history of the group, or NULL
 * @index: first buffer
 * @step: what happened
 * @peer: role of the peer, if one takes part
 *
 * The place is that of the last arena_set_place().
 */
void arena_history_add(struct arena_history *h, uint32_t index, enum arena_step step,
		       uint32_t peer);

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
				     enum arena_step step, uint32_t peer)
{
	(void)h;
	(void)index;
	(void)step;
	(void)peer;
}
#endif

/** arena_misuse_report() - write the report to stderr and abort(3); debug builds only */
void __attribute__((noreturn)) arena_misuse_report(const struct arena_misuse *m);

#endif /* ARENA_MISUSE_H */
