/* SPDX-License-Identifier: MIT */
/*
 * The requests of an SP that has died. For a while they wait for its successor, and so do requests
 * that come meanwhile: clients see a pause and no error. The successor gets all of them again, in
 * the order in which they were complete; requests of clients that have gone are not sent again.
 * Replies that have come from the dead SP are sent on, and their data stays where it is.
 *
 * The wait is bounded by --hold, and the number of requests by the bounds that they have anyway.
 *
 * This header must not know messages, nor of NBD.
 */
#ifndef NP_HOLD_H
#define NP_HOLD_H

#include <stdbool.h>

struct conn;
struct peer;
struct request;

/** hold_is_wanted() - may the requests of an SP wait for a successor? */
bool hold_is_wanted(const struct peer *peer);

/** hold_from_start() - let requests wait for an SP that has not come yet, but had a predecessor */
void hold_from_start(struct peer *peer);

/** hold_begin() - let them wait; the SP is sent no more messages */
void hold_begin(struct peer *peer);

/** hold_is_over() - has no successor come in time? */
bool hold_is_over(const struct peer *peer);

/** hold_again() - let a request wait that the SP gave back undone, as it ends */
void hold_again(struct peer *peer, struct request *s);

/** hold_abandon() - drop those requests of a dead connection whose payload no disk reads */
void hold_abandon(struct conn *c);

/** hold_regain() - use buffers again that a disk could read for a dead SP, and does not any more */
void hold_regain(struct peer *peer);

/**
 * hold_end() - take back all that a dead SP had, and queue its requests for the successor
 * @peer: the SP, whose successor has said HELLO and so has the claim to the disk
 *
 * Return: 0 or -ENOMEM.
 */
int hold_end(struct peer *peer);

#endif /* NP_HOLD_H */
