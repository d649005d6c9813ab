/* SPDX-License-Identifier: MIT */
/*
 * What the disk may lose if it goes away: changes that were acknowledged, and that no FLUSH has
 * covered since, in a volatile cache. A process that finds the disk to have gone and come back
 * since its predecessor had it cannot know whether they were lost, and says that they were: its
 * losses are one more, which its HELLO tells each NP. Nothing is said of a disk that went away when
 * nothing was at stake.
 *
 * A FLUSH covers what the clients of all NPs have changed, so only an SP knows what is at stake. A
 * note of it outlives the process (proto/flight.h).
 *
 * This header must not know who is told of losses.
 */
#ifndef SP_STAKE_H
#define SP_STAKE_H

#include <proto/flight.h>
#include <stdint.h>

struct sp;
struct sp_request;

/**
 * struct sp_stake - what the disk may lose
 * @note: the note, in shared memory
 * @losses: how often the disk has lost what was at stake
 * @changes: changes that ended on the disk and are not durable by themselves
 * @flushed: how many of them a FLUSH has covered
 */
struct sp_stake {
	struct proto_stake *note;
	uint32_t losses;
	uint64_t changes;
	uint64_t flushed;
};

/** sp_stake_open() - learn what a predecessor had at stake, and whether it is lost */
void sp_stake_open(struct sp *sp, struct proto_stake *note);

/** sp_stake_changed() - a request that changes the disk has ended well; before its reply */
void sp_stake_changed(struct sp *sp, const struct sp_request *r);

/** sp_stake_flushed() - a FLUSH has ended well, which began after as many changes as @covered */
void sp_stake_flushed(struct sp *sp, uint64_t covered);

#endif /* SP_STAKE_H */
