/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The turns of a ring: submit, wait, and make the events of operations and sources.
 *
 * It is built on operations, files and sources, which must not know it.
 */
#ifndef ARENA_RING_TURN_H
#define ARENA_RING_TURN_H

#include "core.h"

/** ring_turn_drain() - while the ring is being closed, wait for completions and drop events */
void ring_turn_drain(struct arena_ring *r, int64_t ns);

#endif /* ARENA_RING_TURN_H */
