/* SPDX-License-Identifier: MIT */
/*
 * The part of the region that each process gets, and the view that restricts the process to it.
 * This header must not know how regions are made, nor where their memory comes from.
 */
#ifndef ARENAD_ROLES_H
#define ARENAD_ROLES_H

#include <arena/layout.h>
#include <mshare.h>
#include <stdint.h>

struct arenad_options;

/**
 * roles_lay_out() - make the layout of the region
 * @o: command line
 * @page_size: bytes of the region's pages; no two processes write to one page
 * @l: layout, which is filled in
 *
 * Return: 0; -ENOSPC if the region is too small for so many processes in such pages; or another
 * -errno of arena_layout_make().
 */
int roles_lay_out(const struct arenad_options *o, uint64_t page_size, struct arena_layout *l);

/**
 * roles_check_parts() - find parts of a given size that are too small for their processes
 * @o: command line
 * @page_size: as for roles_lay_out()
 *
 * It logs its errors, with the size that is enough, and warns of memory that no process gets.
 *
 * Return: 0 or -EINVAL.
 */
int roles_check_parts(const struct arenad_options *o, uint64_t page_size);

/** roles_log() - say how large the part of each process is, as a debug message */
void roles_log(const struct arenad_options *o, const struct arena_layout *l);

/**
 * roles_least_size() - how large a region has to be for so many processes and buffers
 * @o: command line, of which the size does not matter
 * @page_size: as for roles_lay_out()
 *
 * Return: bytes, a multiple of the page size and of 1 MiB; 0 if no region is large enough.
 */
uint64_t roles_least_size(const struct arenad_options *o, uint64_t page_size);

/**
 * roles_make_views() - make the view of each role, which proto_open_region() opens
 * @o: command line
 * @m: region, open for writing
 * @l: its layout
 *
 * It logs its errors.
 *
 * Return: 0 or -errno.
 */
int roles_make_views(const struct arenad_options *o, struct mshare *m,
		     const struct arena_layout *l);

#endif /* ARENAD_ROLES_H */
