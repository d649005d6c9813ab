// SPDX-License-Identifier: MIT
/*
 * What arenad tells of its processes, as OpenMetrics, which Prometheus and others read. The format
 * has all samples of a metric side by side.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-json.h>

#include "call.h"
#include "commands.h"
#include "json.h"

#define PREFIX		"msharearena_"

#define SECOND_NS	1000000000.0
#define SECOND_US	1000000.0

/*
 * A histogram here has the ends of these buckets of arenad alone, each of which is four times the
 * one before: each would be a time series of its own for each export and process.
 */
#define FIRST_BUCKET	3
#define BUCKET_STEP	8

static const char *const roles[] = { "np", "sp" };

#define N_ROLES	(sizeof(roles) / sizeof(roles[0]))

static struct sd_json_variant *processes_of(struct sd_json_variant *reply)
{
	return sd_json_variant_by_key(reply, "processes");
}

static bool has_role(struct sd_json_variant *process, const char *role)
{
	return !strcmp(json_text(process, "role"), role);
}

static void describe(const char *name, const char *type, const char *unit, const char *help)
{
	printf("# TYPE " PREFIX "%s %s\n", name, type);
	if (unit)
		printf("# UNIT " PREFIX "%s %s\n", name, unit);
	printf("# HELP " PREFIX "%s %s\n", name, help);
}

/* The value of a label, in which three characters have to be escaped. */
static void print_value(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", stdout);
		else if (*text == '\\' || *text == '"')
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

/*
 * Processes
 */

static void print_process(const char *name, struct sd_json_variant *process)
{
	printf(PREFIX "%s{role=\"%s\",number=\"%" PRId64 "\"} ", name, json_text(process, "role"),
	       json_number(process, "number"));
}

static void print_processes(struct sd_json_variant *reply)
{
	struct sd_json_variant *all = processes_of(reply);
	size_t n = sd_json_variant_elements(all);

	describe("process_up", "gauge", NULL, "Whether the process runs.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);

		print_process("process_up", p);
		printf("%d\n", json_has(p, "pid"));
	}
	describe("process_restarts", "counter", NULL,
		 "How often this arenad has put another process in its place.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);

		print_process("process_restarts_total", p);
		printf("%" PRId64 "\n", json_number(p, "restarts"));
	}
	describe("process_cpu_seconds", "counter", "seconds", "CPU time of the process.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);

		if (!json_has(p, "cpuUSec"))
			continue;
		print_process("process_cpu_seconds_total", p);
		printf("%.6f\n", (double)json_number(p, "cpuUSec") / SECOND_US);
	}
}

/*
 * Counters
 */

/* Those that become less, too. */
static bool is_gauge(const char *counter)
{
	return !strcmp(counter, "withheld_buffers");
}

static void print_counter(struct sd_json_variant *all, const char *role, const char *counter)
{
	char name[128], help[128];

	snprintf(name, sizeof(name), "%s_%s", role, counter);
	snprintf(help, sizeof(help), "The counter %s of arena-%s(8).", counter, role);
	describe(name, is_gauge(counter) ? "gauge" : "counter", NULL, help);
	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);
		struct sd_json_variant *counters = sd_json_variant_by_key(p, "counters");

		if (has_role(p, role) && json_has(counters, counter))
			printf(PREFIX "%s%s{%s=\"%" PRId64 "\"} %" PRId64 "\n", name,
			       is_gauge(counter) ? "" : "_total", role, json_number(p, "number"),
			       json_number(counters, counter));
	}
}

/* Has a process of the role that counter, of those before the @end'th? */
static bool was_printed(struct sd_json_variant *all, size_t end, const char *role,
			const char *counter)
{
	for (size_t i = 0; i < end; i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);

		if (has_role(p, role) && json_has(sd_json_variant_by_key(p, "counters"), counter))
			return true;
	}
	return false;
}

/* Processes of several versions have not the same ones. */
static void print_counters(struct sd_json_variant *reply, const char *role)
{
	struct sd_json_variant *all = processes_of(reply);

	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);
		struct sd_json_variant *counters = sd_json_variant_by_key(p, "counters");

		/* Names and values take turns. */
		for (size_t k = 0; has_role(p, role) && k < sd_json_variant_elements(counters);
		     k += 2) {
			const char *name = sd_json_variant_string(
				sd_json_variant_by_index(counters, k));

			if (name && !was_printed(all, i, role, name))
				print_counter(all, role, name);
		}
	}
}

/*
 * Latencies
 */

static void print_labels(struct sd_json_variant *process, struct sd_json_variant *latency)
{
	printf("{%s=\"%" PRId64 "\",export=\"", json_text(process, "role"),
	       json_number(process, "number"));
	print_value(json_text(latency, "export"));
	printf("\",operation=\"%s\"", json_text(latency, "operation"));
}

/* Call @print for each latency of each process of a role. */
static void print_each(struct sd_json_variant *reply, const char *role, const char *name,
		       void (*print)(const char *name, struct sd_json_variant *reply,
				     struct sd_json_variant *process,
				     struct sd_json_variant *latency))
{
	struct sd_json_variant *all = processes_of(reply);

	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);
		struct sd_json_variant *latencies = sd_json_variant_by_key(p, "latencies");

		for (size_t k = 0; has_role(p, role) && k < sd_json_variant_elements(latencies);
		     k++)
			print(name, reply, p, sd_json_variant_by_index(latencies, k));
	}
}

static void print_histogram(const char *name, struct sd_json_variant *reply,
			    struct sd_json_variant *process, struct sd_json_variant *latency)
{
	struct sd_json_variant *bounds = sd_json_variant_by_key(reply, "boundsNSec");
	struct sd_json_variant *buckets = sd_json_variant_by_key(latency, "buckets");
	int64_t sum = 0;

	for (size_t i = 0; i < sd_json_variant_elements(bounds); i++) {
		json_grow(&sum, json_number_at(buckets, i));
		if (i % BUCKET_STEP != FIRST_BUCKET)
			continue;
		printf(PREFIX "%s_bucket", name);
		print_labels(process, latency);
		printf(",le=\"%.9f\"} %" PRId64 "\n",
		       (double)json_number_at(bounds, i) / SECOND_NS, sum);
	}
	printf(PREFIX "%s_bucket", name);
	print_labels(process, latency);
	printf(",le=\"+Inf\"} %" PRId64 "\n", json_number(latency, "count"));
	printf(PREFIX "%s_count", name);
	print_labels(process, latency);
	printf("} %" PRId64 "\n", json_number(latency, "count"));
	printf(PREFIX "%s_sum", name);
	print_labels(process, latency);
	printf("} %.9f\n", (double)json_number(latency, "sumNSec") / SECOND_NS);
}

static void print_number(const char *name, struct sd_json_variant *process,
			 struct sd_json_variant *latency, const char *key)
{
	printf(PREFIX "%s_total", name);
	print_labels(process, latency);
	printf("} %" PRId64 "\n", json_number(latency, key));
}

static void print_errors(const char *name, struct sd_json_variant *reply,
			 struct sd_json_variant *process, struct sd_json_variant *latency)
{
	(void)reply;
	print_number(name, process, latency, "errors");
}

static void print_bytes(const char *name, struct sd_json_variant *reply,
			struct sd_json_variant *process, struct sd_json_variant *latency)
{
	(void)reply;
	print_number(name, process, latency, "bytes");
}

static void print_latencies(struct sd_json_variant *reply, const char *role)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_request_duration_seconds", role);
	describe(name, "histogram", "seconds", "How long requests took, see arenactl(8).");
	print_each(reply, role, name, print_histogram);
	snprintf(name, sizeof(name), "%s_request_errors", role);
	describe(name, "counter", NULL, "Requests that have failed.");
	print_each(reply, role, name, print_errors);
	snprintf(name, sizeof(name), "%s_request_bytes", role);
	describe(name, "counter", "bytes", "Bytes of the ranges of requests that succeeded.");
	print_each(reply, role, name, print_bytes);
}

enum arenactl_exit command_metrics(const struct arenactl_options *o)
{
	static const char *const methods[] = { "GetStatus", "GetCounters", "GetLatencies" };
	struct sd_json_variant *reply[3] = { NULL };
	struct sd_varlink *link = NULL;
	enum arenactl_exit ret = call_open(o, false, &link);

	/* An answer belongs to the connection until the next call. */
	for (unsigned int i = 0; i < 3 && !ret; i++) {
		ret = call_method(link, methods[i], false, &reply[i]);
		sd_json_variant_ref(reply[i]);
	}
	if (!ret)
		print_processes(reply[0]);
	for (size_t i = 0; i < N_ROLES && !ret; i++) {
		print_counters(reply[1], roles[i]);
		print_latencies(reply[2], roles[i]);
	}
	if (!ret)
		puts("# EOF");
	for (unsigned int i = 0; i < 3; i++)
		sd_json_variant_unref(reply[i]);
	sd_varlink_close_unref(link);
	return ret;
}
