/* SPDX-License-Identifier: MIT */
/*
 * The choice of a CPU for each NP and SP. It is pure: the same machine and the same disks give the
 * same choice. This header must not know where the topology comes from, nor how processes are
 * bound.
 *
 * What counts, the first thing first: a CPU of its own; a core of its own; for an SP the NUMA node
 * of its disk; for a pair of NP and SP one last-level cache. All NPs talk to all SPs, so there are
 * as many pairs as the smaller of the two numbers. The further processes of the other kind join
 * the pairs, SPs of one node the same pair. A pair goes where the pairs before it are while there
 * are cores for it.
 */
#ifndef ARENAD_PLACEMENT_H
#define ARENAD_PLACEMENT_H

#include <proto/layout.h>

#include "topology.h"

/* Bytes of placement_explain_np() and placement_explain_sp(), with the NUL. */
#define PLACEMENT_TEXT	256

/**
 * struct placement - who runs where
 * @topology: the machine; it has to live as long as this structure
 * @nps: used entries of @np and @np_with
 * @sps: used entries of @sp
 * @disk_node: node of the disk of each SP, or TOPOLOGY_NO_NODE
 * @np: index of the CPU of each NP in @topology
 * @np_with: the SP with which each NP makes a pair
 * @sp: index of the CPU of each SP in @topology
 */
struct placement {
	const struct topology *topology;
	unsigned int nps;
	unsigned int sps;
	int disk_node[PROTO_MAX_SPS];
	unsigned int np[PROTO_MAX_NPS];
	unsigned int np_with[PROTO_MAX_NPS];
	unsigned int sp[PROTO_MAX_SPS];
};

/**
 * placement_choose() - choose a CPU for each process
 * @p: @topology with one CPU at least, @nps and @sps of at least 1 and @disk_node are filled in;
 *	the rest is chosen
 */
void placement_choose(struct placement *p);

/**
 * placement_cpus() - the CPUs to which a process is bound
 * @p: choice
 * @index: index of the CPU that was chosen for the process
 * @set: this CPU; or, if there are more processes than CPUs, all CPUs of its cache, among which
 *	the kernel moves the processes
 */
void placement_cpus(const struct placement *p, unsigned int index, struct cpu_set *set);

/** placement_explain_np() - write why an NP has its CPU, without its name */
void placement_explain_np(const struct placement *p, unsigned int np, char text[PLACEMENT_TEXT]);

/** placement_explain_sp() - write why an SP has its CPU, without its name */
void placement_explain_sp(const struct placement *p, unsigned int sp, char text[PLACEMENT_TEXT]);

#endif /* ARENAD_PLACEMENT_H */
