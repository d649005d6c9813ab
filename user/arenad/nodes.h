/* SPDX-License-Identifier: MIT */
/*
 * The memory of a region, at the NUMA nodes where its processes are bound. This header must not
 * know how these nodes were chosen.
 */
#ifndef ARENAD_NODES_H
#define ARENAD_NODES_H

#include <arena/layout.h>
#include <mshare.h>

struct cpus_of;

/**
 * nodes_populate() - give memory to a region
 * @m: region, open for writing
 * @l: its layout
 * @cpus: the CPUs and nodes of the processes
 *
 * The part of each process is preferably taken from its node; where that has no free page, from
 * another one. If the processes have no nodes, or this process has a memory policy already (see
 * numactl(8)), the kernel chooses.
 *
 * Return: 0, or -errno of mshare_populate().
 */
int nodes_populate(struct mshare *m, const struct arena_layout *l, const struct cpus_of *cpus);

#endif /* ARENAD_NODES_H */
