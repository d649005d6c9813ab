/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The turns of a ring: submit, wait, and give the events of operations and sources.
 *
 * It stands on operations, files and sources, and is above all of them.
 */
#ifndef ARENA_RING_TURN_H
#define ARENA_RING_TURN_H

#include "core.h"

/** ring_turn_drain() - while the ring is closed: wait for something, and drop all events */
void ring_turn_drain(struct arena_ring *r, int64_t ns);

#endif /* ARENA_RING_TURN_H */
