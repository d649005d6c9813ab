// SPDX-License-Identifier: MIT
/*
 * How long requests take: arenad tells it of each process, and here the network processes of an
 * export are put together.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <inttypes.h>
#include <query/call.h>
#include <query/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "latencies.h"

#define SECOND_NS	1000000000.0
#define MS_NS		1000000.0
#define US_NS		1000.0

#define TIME_SIZE	16

static int add_process(struct latency_table *t, struct sd_json_variant *process)
{
	struct sd_json_variant *latencies = sd_json_variant_by_key(process, "latencies");
	int ret = 0;

	for (size_t i = 0; i < sd_json_variant_elements(latencies) && !ret; i++)
		ret = latency_table_add(t, json_text(process, "role"),
					sd_json_variant_by_index(latencies, i), NULL);
	return ret;
}

static const char *format_time(char text[TIME_SIZE], int64_t ns)
{
	if (ns >= SECOND_NS)
		snprintf(text, TIME_SIZE, "%.2f s", (double)ns / SECOND_NS);
	else if (ns >= MS_NS)
		snprintf(text, TIME_SIZE, "%.2f ms", (double)ns / MS_NS);
	else
		snprintf(text, TIME_SIZE, "%.1f us", (double)ns / US_NS);
	return text;
}

static void show(const struct latency_table *t)
{
	char p50[TIME_SIZE], p99[TIME_SIZE], p999[TIME_SIZE], max[TIME_SIZE];

	printf("%-20s %-4s %-9s %12s %8s %10s %10s %10s %10s\n", "EXPORT", "IN", "OPERATION",
	       "COUNT", "ERRORS", "P50", "P99", "P99.9", "MAX");
	for (size_t i = 0; i < t->n; i++) {
		const struct latency_row *r = &t->row[i];

		printf("%-20s %-4s %-9s %12" PRId64 " %8" PRId64 " %10s %10s %10s %10s\n",
		       r->export, r->role, r->operation, r->count, r->errors,
		       format_time(p50, latency_percentile_ns(t, r, 500)),
		       format_time(p99, latency_percentile_ns(t, r, 990)),
		       format_time(p999, latency_percentile_ns(t, r, 999)),
		       format_time(max, r->max_ns));
	}
}

static int add_object(const struct latency_table *t, const struct latency_row *r,
		      struct sd_json_variant **list)
{
	return sd_json_variant_append_arraybo(
		list,
		SD_JSON_BUILD_PAIR_STRING("export", r->export),
		SD_JSON_BUILD_PAIR_STRING("role", r->role),
		SD_JSON_BUILD_PAIR_STRING("operation", r->operation),
		SD_JSON_BUILD_PAIR_INTEGER("count", r->count),
		SD_JSON_BUILD_PAIR_INTEGER("errors", r->errors),
		SD_JSON_BUILD_PAIR_INTEGER("bytes", r->bytes),
		SD_JSON_BUILD_PAIR_INTEGER("p50NSec", latency_percentile_ns(t, r, 500)),
		SD_JSON_BUILD_PAIR_INTEGER("p99NSec", latency_percentile_ns(t, r, 990)),
		SD_JSON_BUILD_PAIR_INTEGER("p999NSec", latency_percentile_ns(t, r, 999)),
		SD_JSON_BUILD_PAIR_INTEGER("maxNSec", r->max_ns));
}

static int show_json(const struct latency_table *t)
{
	struct sd_json_variant *list = NULL, *all = NULL;
	int ret = sd_json_variant_new_array(&list, NULL, 0);

	for (size_t i = 0; i < t->n && ret >= 0; i++)
		ret = add_object(t, &t->row[i], &list);
	if (ret >= 0)
		ret = sd_json_buildo(&all, SD_JSON_BUILD_PAIR_VARIANT("latencies", list));
	if (ret >= 0)
		json_print(all);
	sd_json_variant_unref(all);
	sd_json_variant_unref(list);
	return ret;
}

/* A missing process is named, as the others do not show that. */
static void warn_of_absent(struct sd_json_variant *process)
{
	if (json_has(process, "absent"))
		log_warn("nothing is known of %s %" PRId64 ": %s", json_text(process, "role"),
			 json_number(process, "number"), json_text(process, "absent"));
}

static int print(const struct arenactl_options *o, struct sd_json_variant *reply)
{
	struct sd_json_variant *processes = sd_json_variant_by_key(reply, "processes");
	struct latency_table t = { .bounds = sd_json_variant_by_key(reply, "boundsNSec") };
	int ret = 0;

	for (size_t i = 0; i < sd_json_variant_elements(processes) && !ret; i++) {
		warn_of_absent(sd_json_variant_by_index(processes, i));
		ret = add_process(&t, sd_json_variant_by_index(processes, i));
	}
	if (!ret && o->json)
		ret = show_json(&t);
	else if (!ret)
		show(&t);
	free(t.row);
	return ret;
}

enum query_status command_latency(const struct arenactl_options *o)
{
	struct sd_json_variant *reply = NULL;
	struct sd_varlink *link = NULL;
	enum query_status status = call_open(&o->target, false, &link);
	int ret;

	if (!status)
		status = call_method(link, "GetLatencies", NULL, false, &reply);
	ret = status ? 0 : print(o, reply);
	sd_varlink_close_unref(link);
	if (ret >= 0)
		return status;
	log_error("cannot make the list: %s", strerror(-ret));
	return QUERY_FAILED;
}
