// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "cpus.h"

#include <common/log.h>
#include <common/parse.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk_node.h"
#include "options.h"
#include "placement.h"

/* Return the set of the process, or of all processes of a kind, that is called @name; or NULL. */
static struct cpu_set *set_named(struct cpus_options *o, const char *name)
{
	bool is_np = !strncmp(name, "np", 2);
	uint32_t number;

	if (!is_np && strncmp(name, "sp", 2) != 0)
		return NULL;
	if (!name[2])
		return is_np ? &o->all_nps : &o->all_sps;
	if (parse_u32(name + 2, (is_np ? PROTO_MAX_NPS : PROTO_MAX_SPS) - 1, &number))
		return NULL;
	return is_np ? &o->np[number] : &o->sp[number];
}

/* Read what begins with the name of a process. */
static int take_name(struct cpus_options *o, char *item, struct cpu_set **set,
		     struct option_error *error)
{
	char *equals = strchr(item, '=');

	*equals = '\0';
	*set = set_named(o, item);
	if (!*set)
		return option_refuse(error, "%s is none of np, sp, and np or sp with a number "
				     "below %u or %u", item, PROTO_MAX_NPS, PROTO_MAX_SPS);
	if (!cpu_set_is_empty(*set))
		return option_refuse(error, "%s has CPUs already", item);
	return 0;
}

static int take_item(struct cpus_options *o, char *item, struct cpu_set **set,
		     struct option_error *error)
{
	char *cpus = strchr(item, '=');
	int ret = 0;

	if (cpus)
		ret = take_name(o, item, set, error);
	if (ret)
		return ret;
	if (!*set)
		return option_refuse(error, "%s is none of none, auto and a list like "
				     "np0=2,sp0=3-5", item);
	cpus = cpus ? cpus + 1 : item;
	ret = cpu_set_add_text(*set, cpus);
	if (ret == -ERANGE)
		return option_refuse(error, "CPU %s: the greatest number is %u", cpus,
				     CPU_SET_MAX - 1);
	if (!ret)
		return 0;
	return option_refuse(error, "'%s' is no number of a CPU and no range like 3-5", cpus);
}

static int take_list(struct cpus_options *o, char *text, struct option_error *error)
{
	struct cpu_set *set = NULL;
	char *item;
	int ret = 0;

	while (!ret && (item = strsep(&text, ",")))
		ret = take_item(o, item, &set, error);
	return ret;
}

int cpus_take(struct cpus_options *o, char *text, struct option_error *error)
{
	enum cpus_mode mode = !strcmp(text, "none") ? CPUS_NONE :
			      !strcmp(text, "auto") ? CPUS_AUTO : CPUS_LIST;

	if (o->is_given && o->mode != mode)
		return option_refuse(error, "none, auto and lists exclude each other");
	o->is_given = true;
	o->mode = mode;
	return mode == CPUS_LIST ? take_list(o, text, error) : 0;
}

int cpus_check(const struct cpus_options *o, unsigned int nps, unsigned int sps,
	       struct option_error *error)
{
	for (unsigned int i = nps; i < PROTO_MAX_NPS; i++)
		if (!cpu_set_is_empty(&o->np[i]))
			return option_refuse(error, "--cpus: there is no np%u with --nps %u", i,
					     nps);
	for (unsigned int i = sps; i < PROTO_MAX_SPS; i++)
		if (!cpu_set_is_empty(&o->sp[i]))
			return option_refuse(error, "--cpus: there is no sp%u, as there are %u "
					     "disks", i, sps);
	return 0;
}

/* The node that all CPUs of a set have in common, or TOPOLOGY_NO_NODE. */
static int node_of_set(const struct topology *t, const struct cpu_set *set)
{
	int node = TOPOLOGY_NO_NODE;

	for (unsigned int i = 0; i < t->n; i++) {
		if (!cpu_set_has(set, t->cpu[i].number))
			continue;
		if (node != TOPOLOGY_NO_NODE && node != t->cpu[i].node)
			return TOPOLOGY_NO_NODE;
		node = t->cpu[i].node;
	}
	return node;
}

static void find_nodes(const struct topology *t, struct cpus_of *plan)
{
	for (unsigned int i = 1; i < t->n; i++)
		plan->has_nodes |= t->cpu[i].node != t->cpu[0].node;
	for (unsigned int i = 0; i < PROTO_MAX_NPS; i++)
		plan->np_node[i] = node_of_set(t, &plan->np[i]);
	for (unsigned int i = 0; i < PROTO_MAX_SPS; i++)
		plan->sp_node[i] = node_of_set(t, &plan->sp[i]);
}

static int plan_auto(const struct arenad_options *o, struct topology *machine,
		     struct cpus_of *plan)
{
	struct placement p = { .topology = machine, .nps = o->nps, .sps = o->exports.n };
	char text[PLACEMENT_TEXT];
	struct cpu_set own;
	int ret = cpu_set_own(&own);

	if (!ret)
		ret = topology_load(machine, &own);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < p.sps; i++)
		p.disk_node[i] = o->disk[i].path ? disk_node_find(o->disk[i].path) :
				 TOPOLOGY_NO_NODE;
	placement_choose(&p);
	for (unsigned int i = 0; i < p.nps; i++) {
		placement_cpus(&p, p.np[i], &plan->np[i]);
		placement_explain_np(&p, i, text);
		log_info("arena-np %u %s", i, text);
	}
	for (unsigned int i = 0; i < p.sps; i++) {
		placement_cpus(&p, p.sp[i], &plan->sp[i]);
		if (export_is_vacant(&o->exports.export[i]))
			continue;
		placement_explain_sp(&p, i, text);
		log_info("arena-sp %u (disk %s) %s", i, o->exports.export[i].label, text);
	}
	return 0;
}

/* Refuse a list of which not all can be used: the user means something else than would happen. */
static int check_usable(const char *name, unsigned int number, const struct cpu_set *set)
{
	char text[CPU_SET_TEXT], usable_text[CPU_SET_TEXT];
	struct cpu_set usable;
	int ret = cpu_set_usable(set, &usable);

	cpu_set_format(set, text);
	if (ret) {
		log_error("cannot bind %s %u to CPUs %s: %s; look whether they are online, and "
			  "allowed to this control group (cpuset)", name, number, text,
			  strerror(-ret));
		return ret;
	}
	if (!memcmp(set, &usable, sizeof(usable))) {
		log_info("%s %u is bound to CPUs %s, as asked", name, number, text);
		return 0;
	}
	cpu_set_format(&usable, usable_text);
	log_error("--cpus: of the CPUs %s of %s %u only these can be used: %s. The others do not "
		  "exist, are offline, or are not allowed to this control group (cpuset); choose "
		  "others", text, name, number,
		  cpu_set_is_empty(&usable) ? "none" : usable_text);
	return -EINVAL;
}

static int plan_list(const char *name, unsigned int number, const struct cpu_set *each,
		     const struct cpu_set *all, struct cpu_set *out)
{
	*out = cpu_set_is_empty(each) ? *all : *each;
	return cpu_set_is_empty(out) ? 0 : check_usable(name, number, out);
}

static int plan_lists(const struct arenad_options *o, struct topology *machine,
		      struct cpus_of *plan)
{
	const struct cpus_options *c = &o->cpus;
	struct cpu_set all;
	int ret = 0;

	for (unsigned int i = 0; i < o->nps && !ret; i++)
		ret = plan_list("arena-np", i, &c->np[i], &c->all_nps, &plan->np[i]);
	for (unsigned int i = 0; i < o->exports.n && !ret; i++)
		ret = plan_list("arena-sp", i, &c->sp[i], &c->all_sps, &plan->sp[i]);
	memset(&all, 0xff, sizeof(all));
	return ret ? ret : topology_load(machine, &all);
}

int cpus_plan(const struct arenad_options *o, struct cpus_of *plan)
{
	static struct topology machine;
	int ret;

	memset(plan, 0, sizeof(*plan));
	if (o->cpus.mode == CPUS_NONE)
		return 0;
	ret = o->cpus.mode == CPUS_AUTO ? plan_auto(o, &machine, plan) :
					  plan_lists(o, &machine, plan);
	if (!ret)
		find_nodes(&machine, plan);
	return ret;
}

int cpus_bind(const struct cpu_set *set)
{
	char text[CPU_SET_TEXT];
	int ret = cpu_set_is_empty(set) ? 0 : cpu_set_bind(set);

	if (ret) {
		cpu_set_format(set, text);
		log_error("cannot bind a process to CPUs %s: %s; look whether they are online, and "
			  "allowed to this control group (cpuset)", text, strerror(-ret));
	}
	return ret;
}
