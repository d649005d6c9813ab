// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "rates.h"

#include <query/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latencies.h"

#define SECOND_NS	1000000000.0
#define SECOND_US	1000000.0

const char *const snapshot_methods[SNAPSHOT_PARTS] = {
	[SNAPSHOT_STATUS] = "GetStatus",
	[SNAPSHOT_EXPORTS] = "ListExports",
	[SNAPSHOT_COUNTERS] = "GetCounters",
	[SNAPSHOT_LATENCIES] = "GetLatencies",
	[SNAPSHOT_GROUPS] = "ListGroups",
};

void snapshot_forget(struct snapshot *s)
{
	for (unsigned int i = 0; i < SNAPSHOT_PARTS; i++)
		sd_json_variant_unref(s->part[i]);
	*s = (struct snapshot){ 0 };
}

/**
 * struct interval - two answers and what was found in them
 * @before: the earlier one
 * @now: the later one
 * @seconds: the time between them
 * @table: requests that have ended between them
 * @np_told: a network process has told about requests
 */
struct interval {
	const struct snapshot *before;
	const struct snapshot *now;
	double seconds;
	struct latency_table table;
	bool np_told;
};

static struct sd_json_variant *processes_of(const struct snapshot *s, enum snapshot_part part)
{
	return sd_json_variant_by_key(s->part[part], "processes");
}

/* Find what a part tells of a process that another part, or another answer, has named. */
static struct sd_json_variant *find_process(const struct snapshot *s, enum snapshot_part part,
					    struct sd_json_variant *wanted)
{
	struct sd_json_variant *all = processes_of(s, part);

	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);

		if (json_number(p, "number") == json_number(wanted, "number") &&
		    !strcmp(json_text(p, "role"), json_text(wanted, "role")))
			return p;
	}
	return NULL;
}

/* Is it the same process in both answers, and not one that was put in the place of another one? */
static bool is_same(const struct interval *v, struct sd_json_variant *process)
{
	struct sd_json_variant *before = find_process(v->before, SNAPSHOT_STATUS, process);
	struct sd_json_variant *now = find_process(v->now, SNAPSHOT_STATUS, process);

	return json_number(before, "pid") == json_number(now, "pid");
}

/*
 * Find what the process had told before in a member of that part. It is nothing if the process has
 * begun since then.
 *
 * Return: is the difference known? It is not if the same process told nothing then.
 */
static bool find_base(const struct interval *v, enum snapshot_part part, const char *key,
		      struct sd_json_variant *process, struct sd_json_variant **base)
{
	*base = NULL;
	if (!v->before->at_ns || v->seconds <= 0)
		return false;
	if (!is_same(v, process))
		return true;
	*base = find_process(v->before, part, process);
	return json_has(*base, key);
}

/*
 * Processes
 */

static double cpus_of(const struct interval *v, struct sd_json_variant *process)
{
	struct sd_json_variant *base;

	if (!json_has(process, "cpuUSec") ||
	    !find_base(v, SNAPSHOT_STATUS, "cpuUSec", process, &base))
		return RATE_UNKNOWN;
	return (double)json_number_since(process, base, "cpuUSec") / SECOND_US / v->seconds;
}

static double operations_of(const struct interval *v, struct sd_json_variant *process, bool is_np)
{
	struct sd_json_variant *told = find_process(v->now, SNAPSHOT_COUNTERS, process), *base;

	if (!json_has(told, "counters") ||
	    !find_base(v, SNAPSHOT_COUNTERS, "counters", process, &base))
		return RATE_UNKNOWN;
	return (double)json_number_since(sd_json_variant_by_key(told, "counters"),
					 sd_json_variant_by_key(base, "counters"),
					 is_np ? "requests" : "operations") / v->seconds;
}

/* The buffers for data. One that tells nothing, or has no such buffers, has none that are known. */
static void count_buffers(const struct interval *v, struct sd_json_variant *process,
			  struct process_rates *r)
{
	static const char *const keys[RATES_STATES] = {
		[RATES_FREE] = "free", [RATES_OWNED] = "owned", [RATES_IN_IO] = "inIo",
		[RATES_LENT] = "lent", [RATES_LOST] = "lost",
	};
	struct sd_json_variant *told = find_process(v->now, SNAPSHOT_GROUPS, process);
	struct sd_json_variant *groups = sd_json_variant_by_key(told, "groups"), *found = NULL;

	for (size_t i = 0; i < sd_json_variant_elements(groups) && !found; i++) {
		struct sd_json_variant *g = sd_json_variant_by_index(groups, i);

		if (!strcmp(json_text(g, "use"), r->is_np ? "payload" : "disk"))
			found = g;
	}
	for (unsigned int i = 0; i < RATES_STATES; i++)
		r->buffers[i] = found ? (double)json_number(found, keys[i]) : RATE_UNKNOWN;
}

static void compute_processes(struct rates *r, const struct interval *v)
{
	struct sd_json_variant *all = processes_of(v->now, SNAPSHOT_STATUS);
	size_t n = sd_json_variant_elements(all);

	r->n_processes = n < RATES_PROCESSES ? n : RATES_PROCESSES;
	for (size_t i = 0; i < r->n_processes; i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);
		bool is_np = !strcmp(json_text(p, "role"), "np");

		r->process[i] = (struct process_rates){
			.is_np = is_np,
			.number = json_number(p, "number"),
			.pid = json_number(p, "pid"),
			.restarts = json_number(p, "restarts"),
			.cpus = cpus_of(v, p),
			.operations = operations_of(v, p, is_np),
		};
		count_buffers(v, p, &r->process[i]);
	}
}

/*
 * Exports
 */

/* Kinds of requests of which there were none are not told. */
static struct sd_json_variant *find_latency(struct sd_json_variant *process,
					    struct sd_json_variant *wanted)
{
	struct sd_json_variant *all = sd_json_variant_by_key(process, "latencies");

	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *l = sd_json_variant_by_index(all, i);

		if (!strcmp(json_text(l, "export"), json_text(wanted, "export")) &&
		    !strcmp(json_text(l, "operation"), json_text(wanted, "operation")))
			return l;
	}
	return NULL;
}

static int add_process(struct interval *v, struct sd_json_variant *process)
{
	struct sd_json_variant *all = sd_json_variant_by_key(process, "latencies"), *base;
	const char *role = json_text(process, "role");
	int ret = 0;

	if (!json_has(process, "latencies") ||
	    !find_base(v, SNAPSHOT_LATENCIES, "latencies", process, &base))
		return 0;
	v->np_told |= !strcmp(role, "np");
	for (size_t i = 0; i < sd_json_variant_elements(all) && !ret; i++) {
		struct sd_json_variant *l = sd_json_variant_by_index(all, i);

		ret = latency_table_add(&v->table, role, l, find_latency(base, l));
	}
	return ret;
}

/* All requests of an export in the processes of a role. */
static struct latency_rates latencies_of(const struct interval *v, const char *export,
					 const char *role)
{
	struct latency_row all = { 0 };

	for (size_t i = 0; i < v->table.n; i++)
		if (!strcmp(v->table.row[i].export, export) && !strcmp(v->table.row[i].role, role))
			latency_row_add(&all, &v->table.row[i]);
	if (!all.count)
		return (struct latency_rates){ RATE_UNKNOWN, RATE_UNKNOWN };
	return (struct latency_rates){
		.p50_ns = latency_percentile_ns(&v->table, &all, 500),
		.p99_ns = latency_percentile_ns(&v->table, &all, 990),
	};
}

static void add_requests(struct export_rates *e, const struct latency_row *row, double seconds)
{
	double count = (double)row->count / seconds, bytes = (double)row->bytes / seconds;

	e->errors += (double)row->errors / seconds;
	if (!strcmp(row->operation, "read")) {
		e->reads += count;
		e->bytes_out += bytes;
	} else if (!strcmp(row->operation, "write")) {
		e->writes += count;
		e->bytes_in += bytes;
	} else {
		e->others += count;
	}
}

static void compute_export(struct export_rates *e, const struct interval *v, const char *name)
{
	double none = v->np_told ? 0 : RATE_UNKNOWN;

	*e = (struct export_rates){
		.reads = none, .writes = none, .others = none,
		.bytes_in = none, .bytes_out = none, .errors = none,
		.np = latencies_of(v, name, "np"),
		.sp = latencies_of(v, name, "sp"),
	};
	snprintf(e->name, sizeof(e->name), "%s", name);
	for (size_t i = 0; i < v->table.n; i++) {
		const struct latency_row *row = &v->table.row[i];

		if (!strcmp(row->export, name) && !strcmp(row->role, "np"))
			add_requests(e, row, v->seconds);
	}
}

static int compute_exports(struct rates *r, struct interval *v)
{
	struct sd_json_variant *exports = sd_json_variant_by_key(v->now->part[SNAPSHOT_EXPORTS],
								 "exports");
	struct sd_json_variant *processes = processes_of(v->now, SNAPSHOT_LATENCIES);
	size_t n = sd_json_variant_elements(exports);
	int ret = 0;

	for (size_t i = 0; i < sd_json_variant_elements(processes) && !ret; i++)
		ret = add_process(v, sd_json_variant_by_index(processes, i));
	r->n_exports = n < RATES_EXPORTS ? n : RATES_EXPORTS;
	for (size_t i = 0; i < r->n_exports && !ret; i++)
		compute_export(&r->export[i], v,
			       json_text(sd_json_variant_by_index(exports, i), "name"));
	return ret;
}

int rates_compute(struct rates *r, const struct snapshot *before, const struct snapshot *now)
{
	struct interval v = {
		.before = before,
		.now = now,
		.seconds = (double)(now->at_ns - before->at_ns) / SECOND_NS,
		.table.bounds = sd_json_variant_by_key(now->part[SNAPSHOT_LATENCIES], "boundsNSec"),
	};
	int ret;

	compute_processes(r, &v);
	ret = compute_exports(r, &v);
	free(v.table.row);
	return ret;
}

/*
 * Their order
 */

static int by_name(const void *a, const void *b)
{
	const struct export_rates *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static int by_throughput(const void *a, const void *b)
{
	const struct export_rates *one = a, *other = b;
	double bytes = one->bytes_in + one->bytes_out;
	double other_bytes = other->bytes_in + other->bytes_out;

	return bytes < other_bytes ? 1 : bytes > other_bytes ? -1 : by_name(a, b);
}

static int by_p99(const void *a, const void *b)
{
	const struct export_rates *one = a, *other = b;
	int64_t ns = one->np.p99_ns, other_ns = other->np.p99_ns;

	return ns < other_ns ? 1 : ns > other_ns ? -1 : by_name(a, b);
}

void rates_sort(struct rates *r, enum rates_order order)
{
	static int (*const compare[RATES_ORDERS])(const void *a, const void *b) = {
		[RATES_BY_NAME] = by_name,
		[RATES_BY_THROUGHPUT] = by_throughput,
		[RATES_BY_P99] = by_p99,
	};

	qsort(r->export, r->n_exports, sizeof(r->export[0]), compare[order]);
}
