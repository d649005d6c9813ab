/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside libarena: what the calls that make or open a region need of the arena.
 */
#ifndef ARENA_SETUP_H
#define ARENA_SETUP_H

#include <stdbool.h>

#include <arena/open.h>

/**
 * arena_open_laid_out() - as arena_open_region(), with a layout
 * @m: region
 * @role: role
 * @layout: checked layout, or NULL to read it at the start of the region
 * @out: the arena
 *
 * Return: as arena_open_region(); -ERANGE if the region has less memory than the layout.
 */
int arena_open_laid_out(struct mshare *m, uint32_t role, const struct arena_layout *layout,
			struct arena **out);

/**
 * arena_own_region() - have arena_close() close the region
 * @a: arena
 * @is_creator: this process made the region: remove its name, too
 */
void arena_own_region(struct arena *a, bool is_creator);

#endif /* ARENA_SETUP_H */
