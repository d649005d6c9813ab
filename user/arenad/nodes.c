// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "nodes.h"

#include <common/log.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpus.h"
#include "topology.h"

/* The kernel's greatest number of nodes. */
#define MAX_NODES	1024
#define WORD_BITS	(8 * sizeof(unsigned long))

static int node_of_role(const struct cpus_of *cpus, uint32_t role)
{
	uint32_t number = ARENA_ROLE_NUMBER(role);

	return ARENA_ROLE_CLASS(role) == PROTO_CLASS_NP ? cpus->np_node[number] :
							  cpus->sp_node[number];
}

/* glibc has no function for it. Return: 0 or -errno. */
static int prefer(int node)
{
	unsigned long nodes[MAX_NODES / WORD_BITS] = { 0 };
	int mode = MPOL_DEFAULT;

	if (node != TOPOLOGY_NO_NODE && node < MAX_NODES) {
		mode = MPOL_PREFERRED;
		nodes[(size_t)node / WORD_BITS] = 1UL << (size_t)node % WORD_BITS;
	}
	return syscall(SYS_set_mempolicy, mode, nodes, MAX_NODES + 1) ? -errno : 0;
}

static bool has_policy(void)
{
	int mode = MPOL_DEFAULT;

	return !syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) && mode != MPOL_DEFAULT;
}

/* Give memory to [@start, @end), the part of processes at @node. */
static int populate_part(struct mshare *m, uint64_t start, uint64_t end, int node)
{
	int ret = prefer(node);

	if (ret)
		log_warn("cannot prefer memory of node %d, so the kernel chooses: %s", node,
			 log_reason(-ret));
	else
		log_debug("%llu MiB at %llu MiB are preferably of node %d",
			  (unsigned long long)(end - start) >> 20,
			  (unsigned long long)start >> 20, node);
	return mshare_populate(m, start, end - start);
}

int nodes_populate(struct mshare *m, const struct arena_layout *l, const struct cpus_of *cpus)
{
	uint64_t start = 0;
	int ret = 0;

	if (!cpus->has_nodes || has_policy())
		return mshare_populate(m, 0, l->length);
	/* The groups of a process follow each other, and parts begin at pages. */
	for (uint32_t i = 0; i < l->n_groups && !ret; i++) {
		int node = node_of_role(cpus, l->group[i].role);
		bool is_last = i + 1 == l->n_groups;
		uint64_t end = is_last ? l->length : l->group[i + 1].offset;

		if (!is_last && node_of_role(cpus, l->group[i + 1].role) == node)
			continue;
		ret = populate_part(m, start, end, node);
		start = end;
	}
	prefer(TOPOLOGY_NO_NODE);
	return ret;
}
