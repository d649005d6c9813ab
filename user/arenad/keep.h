/* SPDX-License-Identifier: MIT */
/*
 * What arenad does while it lives so that the next one can adopt its processes: it has a keeper
 * with all descriptors, and a state that says what they are. Both are made anew when something has
 * changed, and at each moment of that there is one pair of the two that fits. This header must not
 * know how they are adopted.
 */
#ifndef ARENAD_KEEP_H
#define ARENAD_KEEP_H

#include <stdbool.h>

#include "keeper.h"
#include "restart.h"

/* Without a keeper another one is tried for ever, after pauses that grow to this one. */
#define KEEP_LONGEST_MS	60000

struct crew;
struct listen_set;
struct mshare;
struct runtime;
struct state;

/**
 * struct keep - the keeper, and what it is made from
 * @runtime: the folder of the state
 * @shape: the options that count
 * @given: all options that were given
 * @region: the region
 * @listening: sockets that all NPs have
 * @is_ready: all NPs were ready once
 * @keeper: the keeper
 * @restart: what is known of its ends
 * @is_lacking: the last keeper, or state, could not be made, which was logged
 * @last: what the state was last, NULL before the first one
 */
struct keep {
	const struct runtime *runtime;
	const char *shape;
	const char *given;
	const struct mshare *region;
	const struct listen_set *listening;
	bool is_ready;
	struct keeper keeper;
	struct restart restart;
	bool is_lacking;
	struct state *last;
};

/** keep_adopt() - have the keeper that @k->last names, until there is one of this arenad */
void keep_adopt(struct keep *k);

/**
 * keep_renew() - have a keeper and a state of the processes as they are now
 *
 * It is to be called before a process that was started begins, and whenever descriptors or epochs
 * have changed. Without a keeper the processes run all the same, and no arenad can adopt them: that
 * is logged once, and keep_turn() tries again until there is one, which is logged, too.
 */
void keep_renew(struct crew *c);

/**
 * keep_take_over() - the same for processes that are adopted
 *
 * On an error, which was logged, the keeper that keep_adopt() has found stays in use.
 *
 * Return: 0 or -errno.
 */
int keep_take_over(struct crew *c);

/** keep_reap() - look whether the keeper has ended, and plan another one */
void keep_reap(struct keep *k);

/** keep_turn() - make a keeper that is due */
void keep_turn(struct crew *c);

/** keep_end() - end the keeper, and leave no state */
void keep_end(struct keep *k);

#endif /* ARENAD_KEEP_H */
