// SPDX-License-Identifier: MIT
#include "stake.h"

#include <arena/snapshot.h>
#include <common/log.h>

#include "sp.h"

static void note(uint32_t *member, uint32_t value)
{
	__atomic_store_n(member, value, __ATOMIC_RELEASE);
}

static void lose(struct sp *sp)
{
	struct sp_stake *s = &sp->stake;

	log_error("disk %s has gone and come back: changes that were not flushed may be lost, and "
		  "a flush of each client fails; clients have to write them again",
		  sp->options.disk);
	s->losses++;
	s->changes = 0;
	/*
	 * If this process is killed in between, its successor counts the loss once more. That
	 * harms nobody, as no NP has been told of the first count.
	 */
	note(&s->note->losses, s->losses);
	note(&s->note->is_at_stake, 0);
}

/* A predecessor can say what it likes: its successor then finds a loss, or none. */
void sp_stake_open(struct sp *sp, struct proto_stake *shared)
{
	struct proto_stake before;

	arena_snapshot(&before, shared, sizeof(before));
	sp->stake = (struct sp_stake){
		.note = shared, .losses = before.losses, .changes = before.is_at_stake ? 1 : 0,
	};
	if (before.is_at_stake && before.disk != sp->backend.sequence)
		lose(sp);
	/* From now on the changes are those of this disk. */
	__atomic_store_n(&shared->disk, sp->backend.sequence, __ATOMIC_RELEASE);
}

void sp_stake_changed(struct sp *sp, const struct sp_request *r)
{
	struct sp_stake *s = &sp->stake;

	/* Nobody needs what was discarded. */
	if (!sp->backend.limits.has_volatile_cache || r->flags & PROTO_FLAG_FUA ||
	    r->operation == PROTO_DISCARD)
		return;
	if (s->changes++ == s->flushed)
		note(&s->note->is_at_stake, 1);
}

void sp_stake_flushed(struct sp *sp, uint64_t covered)
{
	struct sp_stake *s = &sp->stake;

	/* One that began later may have ended before. */
	if (covered <= s->flushed)
		return;
	s->flushed = covered;
	if (s->flushed == s->changes)
		note(&s->note->is_at_stake, 0);
}
