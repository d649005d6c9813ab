/* SPDX-License-Identifier: MIT */
/*
 * The region that arenad makes: its memory, layout and name. This header must not know the
 * processes that use it.
 */
#ifndef ARENAD_REGION_H
#define ARENAD_REGION_H

#include <mshare.h>

struct arenad_options;
struct arena_layout;
struct cpus_of;

/**
 * arenad_region_open() - make the region, give it memory, write its layout
 * @o: command line
 * @cpus: where the processes will run, for the memory of each
 * @l: filled with the layout
 * @out: the region
 *
 * It logs its errors.
 *
 * Return: 0 or -errno.
 */
int arenad_region_open(const struct arenad_options *o, const struct cpus_of *cpus,
		       struct arena_layout *l, struct mshare **out);

/** arenad_region_close() - remove the region's name and close it */
void arenad_region_close(const struct arenad_options *o, struct mshare *m);

#endif /* ARENAD_REGION_H */
