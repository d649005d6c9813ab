// SPDX-License-Identifier: MIT
/*
 * Goal: arenad chooses CPUs that fit on every kind of machine.
 * Method: topologies that hwloc makes of a description; of the choices, the properties that
 * placement.h promises are checked on many machines, and some are compared with what a person
 * would choose.
 */
#include <arenad/placement.h>
#include <hwloc.h>
#include <string.h>

#include "tap.h"

#define UNKNOWN	TOPOLOGY_NO_NODE

/* Two nodes of two caches of four cores with two threads each; CPUs are numbered in this order. */
#define LARGE	"node:2 l3:2 core:4 pu:2"

static struct topology machine;

/* Make a machine of which the CPUs [@first, @last] may be used. */
static void make(const char *description, unsigned int first, unsigned int last)
{
	struct cpu_set allowed = { 0 };
	struct hwloc_topology *from;

	for (unsigned int i = first; i <= last; i++)
		cpu_set_add(&allowed, i);
	if (hwloc_topology_init(&from) || hwloc_topology_set_synthetic(from, description) ||
	    hwloc_topology_load(from)) {
		printf("Bail out! hwloc does not understand \"%s\"\n", description);
		exit(1);
	}
	topology_take(&machine, from, &allowed);
	hwloc_topology_destroy(from);
}

/* Choose for NPs and for SPs with disks at nodes. */
static struct placement choose(unsigned int nps, unsigned int sps, const int *nodes)
{
	struct placement p = { .topology = &machine, .nps = nps, .sps = sps };

	for (unsigned int i = 0; i < sps; i++)
		p.disk_node[i] = nodes[i];
	placement_choose(&p);
	return p;
}

static const struct topology_cpu *np(const struct placement *p, unsigned int i)
{
	return &machine.cpu[p->np[i]];
}

static const struct topology_cpu *sp(const struct placement *p, unsigned int i)
{
	return &machine.cpu[p->sp[i]];
}

static void test_topology(void)
{
	make(LARGE, 0, 31);
	is(machine.n, 32, "all 32 CPUs of a machine are taken over");
	is(machine.caches, 4, "four caches are counted where two nodes have two each");
	is(machine.cpu[31].core, 15, "the last CPU belongs to core 15 of 16");
	is(machine.cpu[15].node, 0, "CPU 15 of 32 belongs to the first of two nodes");
	is(machine.cpu[16].node, 1, "CPU 16 of 32 belongs to the second of two nodes");
	make(LARGE, 12, 17);
	is(machine.n, 6, "CPUs that may not be used are left out");
	is(machine.caches, 2, "caches without a CPU that may be used are not counted");
	make("core:3 pu:1", 0, 2);
	is(machine.caches, 1, "CPUs of a package without caches count as one cache");
	make("pu:1", 0, 0);
	is(machine.n, 1, "a machine of one CPU is taken over");
	make("l2:4 pu:1", 0, 3);
	is(machine.caches, 4, "an L2 cache counts where it is the last level");
	make("[numa] core:2 pu:1 ", 0, 1);
	is(machine.cpu[1].node, 0, "the CPUs of a machine with one node are at node 0");
	make("l3:1 node:2 core:2 pu:1", 0, 3);
	is(machine.caches, 2, "a cache of two nodes counts as two");
}

static void test_pairs(void)
{
	struct placement p;

	make(LARGE, 0, 31);
	p = choose(1, 1, (int[]){ 1 });
	is(sp(&p, 0)->node, 1, "an SP runs at the node of its disk");
	is(np(&p, 0)->cache, sp(&p, 0)->cache, "an NP shares the last-level cache with its SP");
	ok(np(&p, 0)->core != sp(&p, 0)->core, "an NP does not share a core with its SP");
	p = choose(2, 2, (int[]){ 1, 0 });
	is(sp(&p, 0)->node, 1, "the first of two SPs runs at the node of its disk");
	is(sp(&p, 1)->node, 0, "the second of two SPs runs at the node of its disk");
	for (unsigned int i = 0; i < 2; i++)
		is(np(&p, i)->cache, sp(&p, p.np_with[i])->cache,
		   "NP %u of two shares the cache with the SP of its pair", i);
	ok(p.np_with[0] != p.np_with[1], "two NPs make pairs with different SPs");
	p = choose(2, 2, (int[]){ UNKNOWN, UNKNOWN });
	is(np(&p, 0)->cache, np(&p, 1)->cache, "two pairs share one cache that has room for both");
	p = choose(3, 3, (int[]){ 0, 0, 0 });
	ok(np(&p, 2)->cache == sp(&p, p.np_with[2])->cache && np(&p, 2)->cache != np(&p, 0)->cache,
	   "a pair for which a cache has no cores left goes to another one together");
	is(np(&p, 2)->node, 0, "this other cache is at the node of the disk, too");
	p = choose(1, 4, (int[]){ 1, 0, 1, 1 });
	is(np(&p, 0)->node, 1, "an NP of four SPs runs where most of their disks are");
	is(sp(&p, 1)->node, 0, "an SP whose disk is at another node runs there");
}

static void test_threads(void)
{
	unsigned int siblings = 0;
	struct placement p;

	make(LARGE, 0, 31);
	p = choose(8, 8, (int[]){ 0, 0, 0, 0, 0, 0, 0, 0 });
	for (unsigned int i = 0; i < 8; i++)
		for (unsigned int j = 0; j < 8; j++)
			siblings += np(&p, i)->core == sp(&p, j)->core;
	is(siblings, 0, "16 processes on 16 cores have a core each, wherever the disks are");
	make("l3:1 core:2 pu:2", 0, 3);
	p = choose(2, 2, (int[]){ UNKNOWN, UNKNOWN });
	ok(p.np[0] != p.np[1] && p.np[0] != p.sp[0] && p.np[0] != p.sp[1] && p.sp[0] != p.sp[1],
	   "four processes on two cores of two threads have a CPU each");
}

static void test_explanations(void)
{
	char text[PLACEMENT_TEXT];
	struct placement p;
	struct cpu_set set;

	make(LARGE, 0, 31);
	p = choose(1, 1, (int[]){ 1 });
	placement_explain_sp(&p, 0, text);
	ok(!strcmp(text, "is bound to CPU 16 of node 1, with a core for itself; its disk is at "
		   "this node"), "the choice for an SP is explained: %s", text);
	placement_explain_np(&p, 0, text);
	ok(!strcmp(text, "is bound to CPU 18 of node 1, with a core for itself; it shares the "
		   "last-level cache with arena-sp 0"),
	   "the choice for an NP is explained: %s", text);
	make(LARGE, 0, 15);
	p = choose(1, 1, (int[]){ 1 });
	placement_explain_sp(&p, 0, text);
	ok(strstr(text, "its disk is at node 1, of which it may use no CPU"),
	   "it is said that no CPU of the disk's node may be used: %s", text);
	make("l3:1 core:1 pu:2", 0, 1);
	p = choose(1, 2, (int[]){ UNKNOWN, UNKNOWN });
	placement_explain_sp(&p, 1, text);
	ok(strstr(text, "is bound to CPU 0-1") && strstr(text, "more processes than CPUs"),
	   "it is said that there are more processes than CPUs: %s", text);
	placement_cpus(&p, p.sp[1], &set);
	ok(cpu_set_has(&set, 0) && cpu_set_has(&set, 1) && !cpu_set_has(&set, 2),
	   "a process is bound to all CPUs of a cache if there are more processes than CPUs");
	p = choose(1, 1, (int[]){ UNKNOWN });
	placement_explain_np(&p, 0, text);
	ok(strstr(text, "with a core that another process of ours has, too"),
	   "it is said that two processes share a core: %s", text);
}

/* How many processes of a choice have the most crowded CPU, or core? */
static unsigned int most_on(const struct placement *p, bool by_core)
{
	unsigned int on[CPU_SET_MAX] = { 0 }, most = 0;

	for (unsigned int i = 0; i < p->nps; i++)
		on[by_core ? np(p, i)->core : p->np[i]]++;
	for (unsigned int i = 0; i < p->sps; i++)
		on[by_core ? sp(p, i)->core : p->sp[i]]++;
	for (unsigned int i = 0; i < CPU_SET_MAX; i++)
		most = on[i] > most ? on[i] : most;
	return most;
}

static unsigned int cores(void)
{
	bool seen[CPU_SET_MAX] = { false };
	unsigned int n = 0;

	for (unsigned int i = 0; i < machine.n; i++) {
		n += !seen[machine.cpu[i].core];
		seen[machine.cpu[i].core] = true;
	}
	return n;
}

static bool in_range(const struct placement *p)
{
	bool good = true;

	for (unsigned int i = 0; i < p->nps; i++)
		good &= p->np[i] < machine.n && p->np_with[i] < p->sps;
	for (unsigned int i = 0; i < p->sps; i++)
		good &= p->sp[i] < machine.n;
	return good;
}

/* Return: are the processes spread as evenly as they can be? */
static bool is_even(const struct placement *p)
{
	unsigned int all = p->nps + p->sps, n = cores();

	return most_on(p, false) == (all + machine.n - 1) / machine.n &&
	       (all > machine.n || all > n || most_on(p, true) == 1);
}

/* All numbers of processes, on a machine of which an odd part may be used. */
static void test_machine(const char *description, unsigned int first, unsigned int last)
{
	bool is_good = true, all_even = true;
	int nodes[PROTO_MAX_SPS];

	make(description, first, last);
	for (unsigned int nps = 1; nps <= PROTO_MAX_NPS; nps++) {
		for (unsigned int sps = 1; sps <= PROTO_MAX_SPS; sps++) {
			struct placement p;

			for (unsigned int i = 0; i < sps; i++)
				nodes[i] = (int)(i * 7 + nps) % 4 - 1;
			p = choose(nps, sps, nodes);
			is_good &= in_range(&p);
			all_even &= is_even(&p);
		}
	}
	ok(is_good, "each process has a CPU on \"%s\", CPUs %u to %u", description, first, last);
	ok(all_even, "processes share CPUs and cores only as they must on \"%s\", CPUs %u to %u",
	   description, first, last);
}

int main(void)
{
	test_topology();
	test_pairs();
	test_threads();
	test_explanations();
	test_machine(LARGE, 0, 31);
	test_machine(LARGE, 5, 22);
	test_machine("pu:1", 0, 0);
	test_machine("core:3 pu:1", 0, 2);
	test_machine("node:4 l2:8 core:1 pu:1", 3, 29);
	test_machine("node:2 l3:4 core:8 pu:4", 0, 255);
	return done_testing();
}
