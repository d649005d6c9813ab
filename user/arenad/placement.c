// SPDX-License-Identifier: MIT
#include "placement.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* There is no such cache. */
#define NO_CACHE	UINT32_MAX

/**
 * struct chooser - a choice that is under way
 * @t: the machine
 * @on_cpu: processes on each CPU, by its index
 * @on_core: processes on each core
 * @home: cache of the last pair, or NO_CACHE
 */
struct chooser {
	const struct topology *t;
	uint16_t on_cpu[CPU_SET_MAX];
	uint16_t on_core[CPU_SET_MAX];
	uint32_t home;
};

/**
 * struct room - what a cache offers
 * @node: node of its CPUs
 * @free: cores that take one more process as well as any core of the machine does
 */
struct room {
	int node;
	unsigned int free;
};

/* How busy a CPU is: first by itself, then by its core. */
static uint32_t load_of(const struct chooser *c, unsigned int i)
{
	return (uint32_t)c->on_cpu[i] << 16 | c->on_core[c->t->cpu[i].core];
}

static uint32_t least_load(const struct chooser *c)
{
	uint32_t least = UINT32_MAX;

	for (unsigned int i = 0; i < c->t->n; i++)
		if (load_of(c, i) < least)
			least = load_of(c, i);
	return least;
}

/* Count the free cores of each cache. */
static void count_room(const struct chooser *c, struct room *rooms)
{
	bool is_counted[CPU_SET_MAX] = { false };
	uint32_t least = least_load(c);

	for (unsigned int i = 0; i < c->t->caches; i++)
		rooms[i] = (struct room){ .node = TOPOLOGY_NO_NODE };
	for (unsigned int i = 0; i < c->t->n; i++) {
		const struct topology_cpu *cpu = &c->t->cpu[i];

		rooms[cpu->cache].node = cpu->node;
		if (load_of(c, i) != least || is_counted[cpu->core])
			continue;
		is_counted[cpu->core] = true;
		rooms[cpu->cache].free++;
	}
}

/* The greater the better: the right node, room for all, the home of the last pair, much room. */
static uint64_t worth(const struct room *r, int node, unsigned int size, bool was_home)
{
	bool is_right = r->free && (node == TOPOLOGY_NO_NODE || r->node == node);
	uint64_t fitting = r->free < size ? r->free : size;

	return (uint64_t)is_right << 48 | fitting << 32 | (uint64_t)was_home << 16 | r->free;
}

/* Choose the cache for @size processes, the disk of which is at @node. */
static uint32_t choose_home(const struct chooser *c, int node, unsigned int size)
{
	struct room rooms[CPU_SET_MAX];
	uint64_t most = 0;
	uint32_t home = 0;

	count_room(c, rooms);
	for (uint32_t i = 0; i < c->t->caches; i++) {
		uint64_t value = worth(&rooms[i], node, size, i == c->home);

		if (value > most) {
			most = value;
			home = i;
		}
	}
	return home;
}

static int node_of_cache(const struct topology *t, uint32_t cache)
{
	for (unsigned int i = 0; i < t->n; i++)
		if (t->cpu[i].cache == cache)
			return t->cpu[i].node;
	return TOPOLOGY_NO_NODE;
}

/* Choose the best CPU, and count the process there. Return the CPU's index. */
static unsigned int take_cpu(struct chooser *c, int node)
{
	uint64_t least = UINT64_MAX;
	unsigned int best = 0;

	for (unsigned int i = 0; i < c->t->n; i++) {
		const struct topology_cpu *cpu = &c->t->cpu[i];
		uint64_t cost = (uint64_t)load_of(c, i) << 2 |
				(uint64_t)(cpu->node != node) << 1 | (cpu->cache != c->home);

		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	c->on_cpu[best]++;
	c->on_core[c->t->cpu[best].core]++;
	return best;
}

/* Sort the SPs by the nodes of their disks, so that those of one node follow each other. */
static void sort_sps(const struct placement *p, unsigned int order[PROTO_MAX_SPS])
{
	for (unsigned int i = 0; i < p->sps; i++) {
		unsigned int at = i;

		for (; at && p->disk_node[order[at - 1]] > p->disk_node[i]; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

static void take_for_sp(struct placement *p, struct chooser *c, unsigned int sp)
{
	int node = p->disk_node[sp];

	p->sp[sp] = take_cpu(c, node == TOPOLOGY_NO_NODE ? node_of_cache(c->t, c->home) : node);
}

static void take_for_nps(struct placement *p, struct chooser *c, unsigned int from,
			 unsigned int to, unsigned int sp)
{
	for (unsigned int i = from; i < to; i++) {
		p->np_with[i] = sp;
		p->np[i] = take_cpu(c, node_of_cache(c->t, c->home));
	}
}

/*
 * Place pair number @pair of @pairs, and the processes that join it. The SP in the middle makes
 * the pair: most of the others are at the node of its disk.
 */
static void place_pair(struct placement *p, struct chooser *c, const unsigned int *order,
		       unsigned int pair, unsigned int pairs)
{
	unsigned int first = pair * p->sps / pairs, end = (pair + 1) * p->sps / pairs;
	unsigned int np = pair * p->nps / pairs, np_end = (pair + 1) * p->nps / pairs;
	unsigned int middle = first + (end - first) / 2;

	c->home = choose_home(c, p->disk_node[order[middle]], end - first + np_end - np);
	take_for_sp(p, c, order[middle]);
	take_for_nps(p, c, np, np_end, order[middle]);
	for (unsigned int i = first; i < end; i++)
		if (i != middle)
			take_for_sp(p, c, order[i]);
}

void placement_choose(struct placement *p)
{
	struct chooser c = { .t = p->topology, .home = NO_CACHE };
	unsigned int pairs = p->nps < p->sps ? p->nps : p->sps;
	unsigned int order[PROTO_MAX_SPS];

	sort_sps(p, order);
	for (unsigned int pair = 0; pair < pairs; pair++)
		place_pair(p, &c, order, pair, pairs);
}

/* Count the processes on the core of a CPU. */
static unsigned int count_on_core(const struct placement *p, unsigned int index)
{
	const struct topology_cpu *cpu = p->topology->cpu;
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->nps; i++)
		n += cpu[p->np[i]].core == cpu[index].core;
	for (unsigned int i = 0; i < p->sps; i++)
		n += cpu[p->sp[i]].core == cpu[index].core;
	return n;
}

static bool is_crowded(const struct placement *p)
{
	return p->nps + p->sps > p->topology->n;
}

void placement_cpus(const struct placement *p, unsigned int index, struct cpu_set *set)
{
	const struct topology *t = p->topology;

	memset(set, 0, sizeof(*set));
	for (unsigned int i = 0; i < t->n; i++)
		if (i == index || (is_crowded(p) && t->cpu[i].cache == t->cpu[index].cache))
			cpu_set_add(set, t->cpu[i].number);
}

/* Write what is said of every process: its CPUs, and what it has for itself. */
static void explain_cpus(const struct placement *p, unsigned int index, char text[PLACEMENT_TEXT])
{
	unsigned int on_core = count_on_core(p, index);
	char node[32] = "", cpus[CPU_SET_TEXT];
	int of = p->topology->cpu[index].node;
	const char *with = "with a core for itself";
	struct cpu_set set;

	placement_cpus(p, index, &set);
	cpu_set_format(&set, cpus);
	if (of != TOPOLOGY_NO_NODE)
		snprintf(node, sizeof(node), " of node %d", of);
	if (is_crowded(p))
		with = "as there are more processes than CPUs";
	else if (on_core > 1)
		with = "with a core that another process of ours has, too";
	snprintf(text, PLACEMENT_TEXT, "is bound to CPU %s%s, %s", cpus, node, with);
}

static void append(char text[PLACEMENT_TEXT], const char *more)
{
	size_t length = strlen(text);

	snprintf(text + length, PLACEMENT_TEXT - length, "%s", more);
}

void placement_explain_np(const struct placement *p, unsigned int np, char text[PLACEMENT_TEXT])
{
	const struct topology_cpu *cpu = p->topology->cpu;
	bool shares = cpu[p->np[np]].cache == cpu[p->sp[p->np_with[np]]].cache;
	char more[64];

	explain_cpus(p, p->np[np], text);
	snprintf(more, sizeof(more), "; it shares %s last-level cache with arena-sp %u",
		 shares ? "the" : "no", p->np_with[np]);
	append(text, more);
}

static bool has_cpu_at(const struct topology *t, int node)
{
	for (unsigned int i = 0; i < t->n; i++)
		if (t->cpu[i].node == node)
			return true;
	return false;
}

void placement_explain_sp(const struct placement *p, unsigned int sp, char text[PLACEMENT_TEXT])
{
	int node = p->disk_node[sp];
	char more[96];

	explain_cpus(p, p->sp[sp], text);
	if (node == TOPOLOGY_NO_NODE)
		snprintf(more, sizeof(more), "; the node of its disk is not known");
	else if (p->topology->cpu[p->sp[sp]].node == node)
		snprintf(more, sizeof(more), "; its disk is at this node");
	else if (has_cpu_at(p->topology, node))
		snprintf(more, sizeof(more), "; its disk is at node %d, where no core is free",
			 node);
	else
		snprintf(more, sizeof(more),
			 "; its disk is at node %d, of which it may use no CPU", node);
	append(text, more);
}
