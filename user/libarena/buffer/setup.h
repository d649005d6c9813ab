/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside libarena: what the calls that make or open a region need of the arena.
 */
#ifndef ARENA_SETUP_H
#define ARENA_SETUP_H

#include <stdbool.h>

#include <arena/open.h>

/**
 * arena_own_region() - have arena_close() close the region
 * @a: arena
 * @is_creator: this process made the region: remove its name, too
 */
void arena_own_region(struct arena *a, bool is_creator);

#endif /* ARENA_SETUP_H */
