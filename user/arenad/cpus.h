/* SPDX-License-Identifier: MIT */
/*
 * The CPUs to which arenad binds its processes: the option --cpus, and what follows from it on
 * this machine. This header must not know how a choice is made (placement.h), nor how a process
 * is started.
 */
#ifndef ARENAD_CPUS_H
#define ARENAD_CPUS_H

#include <common/options.h>
#include <proto/layout.h>
#include <stdbool.h>

#include "cpu_set.h"

struct arenad_options;

/**
 * enum cpus_mode - how the CPUs are chosen
 * @CPUS_NONE: the processes run where arenad may run
 * @CPUS_AUTO: each is bound to a CPU that fits
 * @CPUS_LIST: the user has said which ones
 */
enum cpus_mode {
	CPUS_NONE,
	CPUS_AUTO,
	CPUS_LIST,
};

/**
 * struct cpus_of - a set of CPUs for each process; an empty one binds nobody
 * @np: CPUs of each NP
 * @sp: CPUs of each SP
 * @has_nodes: the machine has several NUMA nodes, and the nodes below are valid
 * @np_node: node of the CPUs of each NP; TOPOLOGY_NO_NODE if it has no CPUs or those of several
 * @sp_node: node of the CPUs of each SP
 */
struct cpus_of {
	struct cpu_set np[PROTO_MAX_NPS];
	struct cpu_set sp[PROTO_MAX_SPS];
	bool has_nodes;
	int np_node[PROTO_MAX_NPS];
	int sp_node[PROTO_MAX_SPS];
};

/**
 * struct cpus_options - the values of --cpus
 * @mode: how the CPUs are chosen
 * @is_given: there was such an option
 * @all_nps: CPUs of each NP that was not named
 * @all_sps: CPUs of each SP that was not named
 * @np: CPUs of the NPs that were named
 * @sp: CPUs of the SPs that were named
 */
struct cpus_options {
	enum cpus_mode mode;
	bool is_given;
	struct cpu_set all_nps;
	struct cpu_set all_sps;
	struct cpu_set np[PROTO_MAX_NPS];
	struct cpu_set sp[PROTO_MAX_SPS];
};

/**
 * cpus_take() - read the value of an option --cpus, of which there may be several
 * @o: values so far, zeroed before the first
 * @text: "none", "auto" or a list, "np0=2,sp=3-5,7"; it is changed
 * @error: filled in if the value is refused
 *
 * Return: 0 or what option_refuse() returns.
 */
int cpus_take(struct cpus_options *o, char *text, struct option_error *error);

/** cpus_check() - are all processes that were named among those that there will be? */
int cpus_check(const struct cpus_options *o, unsigned int nps, unsigned int sps,
	       struct option_error *error);

/**
 * cpus_plan() - find the CPUs of each process
 * @o: command line
 * @plan: filled
 *
 * It logs a line for each process that is to be bound, and its errors.
 *
 * Return: 0; -EINVAL if the user has named a CPU that cannot be used; or another -errno.
 */
int cpus_plan(const struct arenad_options *o, struct cpus_of *plan);

/**
 * cpus_bind() - bind the calling process, before it executes its program
 * @set: its CPUs; nothing happens if it is empty
 *
 * It logs its errors.
 *
 * Return: 0 or -errno.
 */
int cpus_bind(const struct cpu_set *set);

#endif /* ARENAD_CPUS_H */
