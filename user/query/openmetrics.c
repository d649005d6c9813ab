// SPDX-License-Identifier: MIT
/*
 * What arenad tells of its processes, as OpenMetrics, which Prometheus and others read. The format
 * has all samples of a metric side by side.
 */
#define _GNU_SOURCE
#include "openmetrics.h"

#include <common/clock.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-json.h>

#include "call.h"
#include "json.h"
#include "metric.h"

#define PREFIX		METRIC_PREFIX

#define SECOND_NS	1000000000.0
#define SECOND_US	1000000.0

/*
 * A histogram here has the ends of these buckets of arenad alone, each of which is four times the
 * one before: each would be a time series of its own for each export and process.
 */
#define FIRST_BUCKET	3
#define BUCKET_STEP	8

#define CLIENTS_MAX	256U

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

/*
 * Processes
 */

static void print_process(FILE *out, const char *name, struct sd_json_variant *process)
{
	fprintf(out, PREFIX "%s{role=\"%s\",number=\"%" PRId64 "\"} ", name,
		json_text(process, "role"), json_number(process, "number"));
}

static void print_processes(FILE *out, struct sd_json_variant *reply)
{
	struct sd_json_variant *all = processes_of(reply);
	size_t n = sd_json_variant_elements(all);

	metric_describe(out, "process_up", "gauge", NULL, "Whether the process runs.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);

		print_process(out, "process_up", p);
		fprintf(out, "%d\n", json_has(p, "pid"));
	}
	metric_describe(out, "process_restarts", "counter", NULL,
			"How often this arenad has put another process in its place.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);

		print_process(out, "process_restarts_total", p);
		fprintf(out, "%" PRId64 "\n", json_number(p, "restarts"));
	}
	metric_describe(out, "process_cpu_seconds", "counter", "seconds",
			"CPU time of the process.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);

		if (!json_has(p, "cpuUSec"))
			continue;
		print_process(out, "process_cpu_seconds_total", p);
		fprintf(out, "%.6f\n", (double)json_number(p, "cpuUSec") / SECOND_US);
	}
}

/*
 * The filter of peers
 */

static void print_dropped(FILE *out, struct sd_json_variant *status)
{
	static const char *const reasons[] = { "stranger", "rate" };
	struct sd_json_variant *dropped = sd_json_variant_by_key(status, "droppedPackets");

	if (!json_has(status, "droppedPackets"))
		return;
	metric_describe(out, "peers_dropped", "counter", NULL,
			"Packets that the filter of peers has dropped, see arenactl(8).");
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		fprintf(out, PREFIX "peers_dropped_total{reason=\"%s\"} %" PRId64 "\n", reasons[i],
			json_number(dropped, reasons[i]));
}

/*
 * The last reload, by the names that Prometheus has for its own
 */

static void print_last_reload(FILE *out, struct sd_json_variant *status)
{
	struct sd_json_variant *last = sd_json_variant_by_key(status, "lastReload");

	if (!json_has(status, "lastReload"))
		return;
	metric_describe(out, "last_reload_successful", "gauge", NULL,
			"Whether the files of options were right, and all that they say is in "
			"use.");
	fprintf(out, PREFIX "last_reload_successful %d\n", json_true(last, "isSuccessful"));
	metric_describe(out, "last_reload_success_timestamp_seconds", "gauge", "seconds",
			"When that was so last.");
	fprintf(out, PREFIX "last_reload_success_timestamp_seconds %.6f\n",
		(double)json_number(last, "successUSec") / SECOND_US);
}

/*
 * Counters
 */

/* Those that become less, too. */
static bool is_gauge(const char *counter)
{
	return !strcmp(counter, "withheld_buffers") || !strcmp(counter, "clients");
}

static void print_counter(FILE *out, struct sd_json_variant *all, const char *role,
			  const char *counter)
{
	char name[128], help[128];

	snprintf(name, sizeof(name), "%s_%s", role, counter);
	snprintf(help, sizeof(help), "The counter %s of arena-%s(8).", counter, role);
	metric_describe(out, name, is_gauge(counter) ? "gauge" : "counter", NULL, help);
	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);
		struct sd_json_variant *counters = sd_json_variant_by_key(p, "counters");

		if (has_role(p, role) && json_has(counters, counter))
			fprintf(out, PREFIX "%s%s{%s=\"%" PRId64 "\"} %" PRId64 "\n", name,
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
static void print_counters(FILE *out, struct sd_json_variant *reply, const char *role)
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
				print_counter(out, all, role, name);
		}
	}
}

/*
 * Latencies
 */

static void print_labels(FILE *out, struct sd_json_variant *process,
			 struct sd_json_variant *latency)
{
	fprintf(out, "{%s=\"%" PRId64 "\",export=\"", json_text(process, "role"),
		json_number(process, "number"));
	metric_print_value(out, json_text(latency, "export"));
	if (json_has(latency, "stage"))
		fprintf(out, "\",stage=\"%s\"", json_text(latency, "stage"));
	else
		fprintf(out, "\",operation=\"%s\"", json_text(latency, "operation"));
}

/* Call @print for each latency in a list of each process of a role. */
static void print_each(FILE *out, struct sd_json_variant *reply, const char *role,
		       const char *list, const char *name,
		       void (*print)(FILE *out, const char *name, struct sd_json_variant *reply,
				     struct sd_json_variant *process,
				     struct sd_json_variant *latency))
{
	struct sd_json_variant *all = processes_of(reply);

	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);
		struct sd_json_variant *latencies = sd_json_variant_by_key(p, list);

		for (size_t k = 0; has_role(p, role) && k < sd_json_variant_elements(latencies);
		     k++)
			print(out, name, reply, p, sd_json_variant_by_index(latencies, k));
	}
}

static void print_histogram(FILE *out, const char *name, struct sd_json_variant *reply,
			    struct sd_json_variant *process, struct sd_json_variant *latency)
{
	struct sd_json_variant *bounds = sd_json_variant_by_key(reply, "boundsNSec");
	struct sd_json_variant *buckets = sd_json_variant_by_key(latency, "buckets");
	int64_t sum = 0;

	for (size_t i = 0; i < sd_json_variant_elements(bounds); i++) {
		json_grow(&sum, json_number_at(buckets, i));
		if (i % BUCKET_STEP != FIRST_BUCKET)
			continue;
		fprintf(out, PREFIX "%s_bucket", name);
		print_labels(out, process, latency);
		fprintf(out, ",le=\"%.9f\"} %" PRId64 "\n",
			(double)json_number_at(bounds, i) / SECOND_NS, sum);
	}
	fprintf(out, PREFIX "%s_bucket", name);
	print_labels(out, process, latency);
	fprintf(out, ",le=\"+Inf\"} %" PRId64 "\n", json_number(latency, "count"));
	fprintf(out, PREFIX "%s_count", name);
	print_labels(out, process, latency);
	fprintf(out, "} %" PRId64 "\n", json_number(latency, "count"));
	fprintf(out, PREFIX "%s_sum", name);
	print_labels(out, process, latency);
	fprintf(out, "} %.9f\n", (double)json_number(latency, "sumNSec") / SECOND_NS);
}

static void print_number(FILE *out, const char *name, struct sd_json_variant *process,
			 struct sd_json_variant *latency, const char *key)
{
	fprintf(out, PREFIX "%s_total", name);
	print_labels(out, process, latency);
	fprintf(out, "} %" PRId64 "\n", json_number(latency, key));
}

static void print_errors(FILE *out, const char *name, struct sd_json_variant *reply,
			 struct sd_json_variant *process, struct sd_json_variant *latency)
{
	(void)reply;
	print_number(out, name, process, latency, "errors");
}

static void print_bytes(FILE *out, const char *name, struct sd_json_variant *reply,
			struct sd_json_variant *process, struct sd_json_variant *latency)
{
	(void)reply;
	print_number(out, name, process, latency, "bytes");
}

static void print_latencies(FILE *out, struct sd_json_variant *reply, const char *role)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_request_duration_seconds", role);
	metric_describe(out, name, "histogram", "seconds",
			"How long requests took, see arenactl(8).");
	print_each(out, reply, role, "latencies", name, print_histogram);
	snprintf(name, sizeof(name), "%s_request_errors", role);
	metric_describe(out, name, "counter", NULL, "Requests that have failed.");
	print_each(out, reply, role, "latencies", name, print_errors);
	snprintf(name, sizeof(name), "%s_request_bytes", role);
	metric_describe(out, name, "counter", "bytes",
			"Bytes of the ranges of requests that succeeded.");
	print_each(out, reply, role, "latencies", name, print_bytes);
}

static void print_stages(FILE *out, struct sd_json_variant *reply, const char *role)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_stage_duration_seconds", role);
	metric_describe(out, name, "histogram", "seconds",
			"How long requests were in each stage, see arenactl(8).");
	print_each(out, reply, role, "stages", name, print_histogram);
}

/*
 * The region
 */

static void print_of_region(FILE *out, struct sd_json_variant *region, const char *name,
			    const char *type, const char *unit, const char *key, const char *help)
{
	if (!json_has(region, key))
		return;
	metric_describe(out, name, type, unit, help);
	fprintf(out, PREFIX "%s%s{region=\"%s\"} %" PRId64 "\n", name,
		strcmp(type, "counter") ? "" : "_total", json_text(region, "name"),
		json_number(region, key));
}

static void print_region(FILE *out, struct sd_json_variant *r)
{
	print_of_region(out, r, "region_bytes", "gauge", "bytes", "lengthBytes",
			"Length of the region.");
	print_of_region(out, r, "region_exported_bytes", "gauge", "bytes", "exportedBytes",
			"Bytes of the region that have memory.");
	print_of_region(out, r, "region_attached", "gauge", NULL, "attached",
			"Processes that have the region attached.");
	print_of_region(out, r, "region_table_bytes", "gauge", "bytes", "tableBytes",
			"Bytes of the page tables of the region.");
	print_of_region(out, r, "region_demotions", "counter", NULL, "demotions",
			"How often a page of 1 GiB was replaced by 2 MiB pages.");
	print_of_region(out, r, "region_promotions", "counter", NULL, "promotions",
			"How often these became a page of 1 GiB again.");
}

/*
 * Exports and their disks
 */

static void print_export(FILE *out, const char *name, struct sd_json_variant *e)
{
	fprintf(out, PREFIX "%s{sp=\"%" PRId64 "\",export=\"", name, json_number(e, "sp"));
	metric_print_value(out, json_text(e, "name"));
	fputc('"', out);
}

/* While a storage process is being replaced, clients wait, and get no errors. */
static bool is_up(const char *state)
{
	return !strcmp(state, "running") || !strcmp(state, "leaving");
}

static void print_exports(FILE *out, struct sd_json_variant *reply)
{
	struct sd_json_variant *all = sd_json_variant_by_key(reply, "exports");
	size_t n = sd_json_variant_elements(all);

	metric_describe(out, "export", "info", NULL, "The export and its disk.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *e = sd_json_variant_by_index(all, i);

		print_export(out, "export_info", e);
		fputs(",disk=\"", out);
		metric_print_value(out, json_text(e, "disk"));
		fputs("\"} 1\n", out);
	}
	metric_describe(out, "export_size_bytes", "gauge", "bytes", "How large the disk is.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *e = sd_json_variant_by_index(all, i);

		if (!json_has(e, "sizeBytes"))
			continue;
		print_export(out, "export_size_bytes", e);
		fprintf(out, "} %" PRId64 "\n", json_number(e, "sizeBytes"));
	}
	metric_describe(out, "export_up", "gauge", NULL, "Whether clients are served.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *e = sd_json_variant_by_index(all, i);

		print_export(out, "export_up", e);
		fprintf(out, "} %d\n", is_up(json_text(e, "state")));
	}
	metric_describe(out, "export_drained", "gauge", NULL,
			"Whether it takes no further clients.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *e = sd_json_variant_by_index(all, i);

		print_export(out, "export_drained", e);
		fprintf(out, "} %d\n", json_true(e, "isDrained"));
	}
}

/*
 * Channels
 */

static void print_channel(FILE *out, const char *name, struct sd_json_variant *c)
{
	fprintf(out, PREFIX "%s{np=\"%" PRId64 "\",sp=\"%" PRId64 "\"", name,
		json_number(c, "np"), json_number(c, "sp"));
}

static void print_messages(FILE *out, struct sd_json_variant *c, const char *key, const char *kind)
{
	if (!json_has(c, key))
		return;
	print_channel(out, "channel_messages_total", c);
	fprintf(out, ",kind=\"%s\"} %" PRId64 "\n", kind, json_number(c, key));
}

static void print_channels(FILE *out, struct sd_json_variant *reply)
{
	struct sd_json_variant *all = sd_json_variant_by_key(reply, "channels");
	size_t n = sd_json_variant_elements(all);

	metric_describe(out, "channel_up", "gauge", NULL, "Whether both of its processes run.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *c = sd_json_variant_by_index(all, i);

		print_channel(out, "channel_up", c);
		fprintf(out, "} %d\n", json_true(c, "bothRun"));
	}
	metric_describe(out, "channel_messages", "counter", NULL,
			"Messages of requests and of replies, each with one or more of them.");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *c = sd_json_variant_by_index(all, i);

		print_messages(out, c, "requestMessages", "request");
		print_messages(out, c, "replyMessages", "reply");
	}
}

/*
 * Buffers
 */

static void print_group(FILE *out, const char *role, struct sd_json_variant *process,
			struct sd_json_variant *group)
{
	static const char *const states[][2] = {
		{ "free", "free" }, { "owned", "owned" }, { "inIo", "in_io" }, { "lent", "lent" },
		{ "lost", "lost" },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		fprintf(out, PREFIX "%s_buffers{%s=\"%" PRId64 "\",use=\"%s\",state=\"%s\"} %"
			PRId64 "\n", role, role, json_number(process, "number"),
			json_text(group, "use"), states[i][1], json_number(group, states[i][0]));
}

static void print_groups(FILE *out, struct sd_json_variant *reply, const char *role)
{
	struct sd_json_variant *all = processes_of(reply);
	char name[32];

	snprintf(name, sizeof(name), "%s_buffers", role);
	metric_describe(out, name, "gauge", NULL, "Buffers by use and state, see arenactl(8).");
	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);
		struct sd_json_variant *groups = sd_json_variant_by_key(p, "groups");

		for (size_t k = 0; has_role(p, role) && k < sd_json_variant_elements(groups); k++)
			print_group(out, role, p, sd_json_variant_by_index(groups, k));
	}
}

/*
 * Clients. Each connection has time series of its own, so there is a limit.
 */

static void print_client(FILE *out, const char *name, const char *key,
			 struct sd_json_variant *process, struct sd_json_variant *client)
{
	fprintf(out, PREFIX "%s_total{np=\"%" PRId64 "\",connection=\"%" PRId64 "\",peer=\"",
		name, json_number(process, "number"), json_number(client, "connection"));
	metric_print_value(out, json_text(client, "peer"));
	fputs("\",export=\"", out);
	metric_print_value(out, json_text(client, "export"));
	fprintf(out, "\"} %" PRId64 "\n", json_number(client, key));
}

static void print_each_client(FILE *out, struct sd_json_variant *reply, const char *name,
			      const char *key)
{
	struct sd_json_variant *all = processes_of(reply);
	unsigned int left = CLIENTS_MAX;

	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);
		struct sd_json_variant *clients = sd_json_variant_by_key(p, "clients");

		for (size_t k = 0; k < sd_json_variant_elements(clients) && left; k++) {
			struct sd_json_variant *c = sd_json_variant_by_index(clients, k);

			/* One without an export may be a stranger yet. */
			if (!json_has(c, "export"))
				continue;
			print_client(out, name, key, p, c);
			left--;
		}
	}
}

static void print_clients(FILE *out, struct sd_json_variant *reply)
{
	metric_describe(out, "client_requests", "counter", NULL,
			"Requests of a connection that have ended; of 256 connections at most.");
	print_each_client(out, reply, "client_requests", "requests");
	metric_describe(out, "client_bytes", "counter", "bytes", "Bytes of the ranges of these.");
	print_each_client(out, reply, "client_bytes", "bytes");
}

/* What arenad is asked for, in this order. */
enum answer {
	STATUS, REGION, EXPORTS, CHANNELS, COUNTERS, GROUPS, CLIENTS, LATENCIES, STAGES, ANSWERS
};

static void print_all(FILE *out, struct sd_json_variant *const reply[ANSWERS],
		      const struct openmetrics_more *more)
{
	print_processes(out, reply[STATUS]);
	print_dropped(out, reply[STATUS]);
	print_last_reload(out, reply[STATUS]);
	print_region(out, reply[REGION]);
	print_exports(out, reply[EXPORTS]);
	print_channels(out, reply[CHANNELS]);
	print_clients(out, reply[CLIENTS]);
	for (size_t i = 0; i < N_ROLES; i++) {
		print_counters(out, reply[COUNTERS], roles[i]);
		print_groups(out, reply[GROUPS], roles[i]);
		print_latencies(out, reply[LATENCIES], roles[i]);
		print_stages(out, reply[STAGES], roles[i]);
	}
	if (more)
		more->write(out, reply[EXPORTS], more->context);
	fputs("# EOF\n", out);
}

enum query_status openmetrics_write(FILE *out, const struct query_target *t, bool is_quiet,
				    const struct openmetrics_more *more)
{
	static const char *const methods[ANSWERS] = {
		[STATUS] = "GetStatus", [REGION] = "GetRegion", [EXPORTS] = "ListExports",
		[CHANNELS] = "ListChannels", [COUNTERS] = "GetCounters", [GROUPS] = "ListGroups",
		[CLIENTS] = "ListClients", [LATENCIES] = "GetLatencies",
		[STAGES] = "GetStages",
	};
	int64_t deadline = clock_deadline(t->timeout_seconds * 1000LL);
	struct query_target left = *t;
	struct sd_json_variant *reply[ANSWERS] = { NULL };
	struct sd_varlink *link = NULL;
	enum query_status ret = call_open(t, is_quiet, &link);

	/* An answer belongs to the connection until the next call; what it lacks is left out. */
	for (unsigned int i = 0; i < ANSWERS && !ret; i++) {
		/* All calls together have the time of one. */
		sd_varlink_set_relative_timeout(link, (clock_left_ms(deadline) + 1) * 1000ULL);
		left.timeout_seconds = (uint32_t)(clock_left_ms(deadline) / 1000 + 1);
		ret = call_if_known(&left, &link, methods[i], is_quiet, &reply[i]);
		sd_json_variant_ref(reply[i]);
	}
	if (!ret)
		print_all(out, reply, more);
	for (unsigned int i = 0; i < ANSWERS; i++)
		sd_json_variant_unref(reply[i]);
	sd_varlink_close_unref(link);
	return ret;
}
