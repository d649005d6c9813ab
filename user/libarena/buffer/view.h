/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside libarena: what the view of a role shows, as ranges. This header must not know how views
 * are made, nor who may open them.
 */
#ifndef ARENA_VIEW_H
#define ARENA_VIEW_H

#include <arena/layout.h>
#include <mshare.h>
#include <stddef.h>
#include <stdint.h>

/* The layout, and the part of each process. */
#define ARENA_VIEW_RANGES	(1 + ARENA_MAX_CLASSES * ARENA_MAX_PROCESSES)

/**
 * arena_view_ranges() - the ranges of the view of a role
 * @l: checked layout
 * @role: the role
 * @page_size: bytes of the region's pages, a power of two
 * @range: filled, room for ARENA_VIEW_RANGES
 *
 * Return: how many ranges there are; -ENOENT if there is no such role; -EINVAL if two processes
 * write to one page.
 */
int arena_view_ranges(const struct arena_layout *l, uint32_t role, uint64_t page_size,
		      struct mshare_range *range);

#endif /* ARENA_VIEW_H */
