// SPDX-License-Identifier: MIT
#include "topology.h"

#include <common/log.h>
#include <errno.h>
#include <hwloc.h>
#include <string.h>

/* Return the last-level cache of a CPU, or what stands for it. */
static hwloc_obj_t last_cache(hwloc_obj_t pu)
{
	hwloc_obj_t cache = NULL, package = NULL, top = pu;

	for (hwloc_obj_t o = pu->parent; o; o = o->parent) {
		if (hwloc_obj_type_is_dcache(o->type))
			cache = o;
		if (o->type == HWLOC_OBJ_PACKAGE)
			package = o;
		top = o;
	}
	return cache ? cache : package ? package : top;
}

/* A node that is memory only has no CPUs, so no CPU is at it. */
static int node_of(hwloc_topology_t from, hwloc_obj_t pu)
{
	hwloc_obj_t node = NULL;

	while ((node = hwloc_get_next_obj_by_type(from, HWLOC_OBJ_NUMANODE, node)))
		if (node->cpuset && hwloc_bitmap_isset(node->cpuset, pu->os_index))
			return (int)node->os_index;
	return TOPOLOGY_NO_NODE;
}

static unsigned int core_of(hwloc_topology_t from, hwloc_obj_t pu)
{
	hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(from, HWLOC_OBJ_CORE, pu);

	return core ? core->logical_index : pu->logical_index;
}

/* The CPUs of a cache and node follow each other, as CPUs come in the order of the machine. */
static unsigned int cache_of(const struct topology *t, const hwloc_obj_t *caches, hwloc_obj_t cache,
			     int node)
{
	for (unsigned int i = t->n; i; i--)
		if (caches[i - 1] == cache && t->cpu[i - 1].node == node)
			return t->cpu[i - 1].cache;
	return t->caches;
}

void topology_take(struct topology *t, struct hwloc_topology *from, const struct cpu_set *allowed)
{
	static hwloc_obj_t caches[CPU_SET_MAX];
	hwloc_obj_t pu = NULL;

	t->n = 0;
	t->caches = 0;
	while ((pu = hwloc_get_next_obj_by_type(from, HWLOC_OBJ_PU, pu))) {
		struct topology_cpu *cpu = &t->cpu[t->n];

		if (pu->os_index >= CPU_SET_MAX || !cpu_set_has(allowed, pu->os_index))
			continue;
		cpu->number = pu->os_index;
		cpu->core = core_of(from, pu);
		cpu->node = node_of(from, pu);
		caches[t->n] = last_cache(pu);
		cpu->cache = cache_of(t, caches, caches[t->n], cpu->node);
		if (cpu->cache == t->caches)
			t->caches++;
		t->n++;
	}
}

/* Return: 0 or -errno. */
static int load(hwloc_topology_t from)
{
	if (hwloc_topology_load(from))
		return errno ? -errno : -EIO;
	return 0;
}

int topology_load(struct topology *t, const struct cpu_set *allowed)
{
	struct hwloc_topology *from;
	int ret = hwloc_topology_init(&from) ? -ENOMEM : 0;

	if (!ret) {
		ret = load(from);
		if (!ret)
			topology_take(t, from, allowed);
		hwloc_topology_destroy(from);
	}
	if (!ret && !t->n)
		ret = -ENODEV;
	if (ret)
		log_error("cannot find out the CPUs of this machine: %s", log_reason(-ret));
	return ret;
}
