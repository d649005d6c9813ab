/* SPDX-License-Identifier: MIT */
/*
 * The CPUs of the machine that may be used, and what they share. topology.c alone knows hwloc.
 * This header must not know what the CPUs are used for.
 */
#ifndef ARENAD_TOPOLOGY_H
#define ARENAD_TOPOLOGY_H

#include "cpu_set.h"

struct hwloc_topology;

/* The node of a CPU or a disk of which nothing is known. */
#define TOPOLOGY_NO_NODE	(-1)

/**
 * struct topology_cpu - a CPU, which is one thread of a core
 * @number: as the kernel counts it
 * @core: its core, counted from 0
 * @cache: its last-level cache, or that part of the cache which belongs to one node, counted from
 *	0; where caches are not known, the processor package
 * @node: its NUMA node as the kernel counts it, or TOPOLOGY_NO_NODE
 */
struct topology_cpu {
	unsigned int number;
	unsigned int core;
	unsigned int cache;
	int node;
};

/**
 * struct topology - all CPUs that may be used
 * @n: used entries of @cpu
 * @caches: all caches are counted below this
 * @cpu: the CPUs, in the order in which they lie in the machine
 */
struct topology {
	unsigned int n;
	unsigned int caches;
	struct topology_cpu cpu[CPU_SET_MAX];
};

/**
 * topology_take() - take over what hwloc has found
 * @t: filled
 * @from: a topology of hwloc that was loaded
 * @allowed: CPUs that may be used; others are left out
 */
void topology_take(struct topology *t, struct hwloc_topology *from, const struct cpu_set *allowed);

/**
 * topology_load() - look at this machine
 * @t: filled
 * @allowed: CPUs that may be used; others are left out
 *
 * It logs its errors.
 *
 * Return: 0 or -errno.
 */
int topology_load(struct topology *t, const struct cpu_set *allowed);

#endif /* ARENAD_TOPOLOGY_H */
