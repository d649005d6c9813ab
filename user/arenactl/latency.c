// SPDX-License-Identifier: MIT
/*
 * How long requests take: arenad tells it of each process, and here the network processes of an
 * export are put together.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <errno.h>
#include <inttypes.h>
#include <query/call.h>
#include <query/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

/* Buckets of an arenad of another version may be more, but not as many. */
#define BUCKETS_MAX	1024U

#define SECOND_NS	1000000000.0
#define MS_NS		1000000.0
#define US_NS		1000.0

#define TIME_SIZE	16

/**
 * struct row - requests of a kind, for an export, in all processes of a role
 * @export: name of the export
 * @role: "np" or "sp"
 * @operation: the kind
 * @count: how many there were
 * @errors: how many of them have failed
 * @bytes: bytes of the others
 * @max_ns: the longest time
 * @bucket: how many there were in each bucket
 */
struct row {
	const char *export;
	const char *role;
	const char *operation;
	int64_t count;
	int64_t errors;
	int64_t bytes;
	int64_t max_ns;
	int64_t bucket[BUCKETS_MAX];
};

/**
 * struct table - all rows
 * @bounds: arenad's array of the ends of the buckets
 * @n: used entries of @row
 * @row: the rows, in the order in which arenad names them
 */
struct table {
	struct sd_json_variant *bounds;
	size_t n;
	struct row *row;
};

static struct row *find_row(struct table *t, const char *role, struct sd_json_variant *latency)
{
	const char *export = json_text(latency, "export");
	const char *operation = json_text(latency, "operation");
	struct row *row;

	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->row[i].export, export) && !strcmp(t->row[i].role, role) &&
		    !strcmp(t->row[i].operation, operation))
			return &t->row[i];
	row = reallocarray(t->row, t->n + 1, sizeof(*row));
	if (!row)
		return NULL;
	t->row = row;
	row[t->n] = (struct row){ .export = export, .role = role, .operation = operation };
	return &row[t->n++];
}

static int add_latency(struct table *t, const char *role, struct sd_json_variant *latency)
{
	struct sd_json_variant *buckets = sd_json_variant_by_key(latency, "buckets");
	struct row *row = find_row(t, role, latency);
	int64_t max_ns = json_number(latency, "maxNSec");

	if (!row)
		return -ENOMEM;
	json_grow(&row->count, json_number(latency, "count"));
	json_grow(&row->errors, json_number(latency, "errors"));
	json_grow(&row->bytes, json_number(latency, "bytes"));
	if (max_ns > row->max_ns)
		row->max_ns = max_ns;
	for (size_t i = 0; i < sd_json_variant_elements(buckets) && i < BUCKETS_MAX; i++)
		json_grow(&row->bucket[i], json_number_at(buckets, i));
	return 0;
}

static int add_process(struct table *t, struct sd_json_variant *process)
{
	struct sd_json_variant *latencies = sd_json_variant_by_key(process, "latencies");
	int ret = 0;

	for (size_t i = 0; i < sd_json_variant_elements(latencies) && !ret; i++)
		ret = add_latency(t, json_text(process, "role"),
				  sd_json_variant_by_index(latencies, i));
	return ret;
}

/*
 * So many of 1000 requests took less than that: the end of the bucket in which the last of them is.
 * No request took longer than the longest one.
 */
static int64_t percentile_ns(const struct table *t, const struct row *row, int64_t of_1000)
{
	int64_t wanted = row->count / 1000 * of_1000 + (row->count % 1000 * of_1000 + 999) / 1000;
	size_t n = sd_json_variant_elements(t->bounds);
	int64_t had = 0, end_ns;

	for (size_t i = 0; i < n && i < BUCKETS_MAX; i++) {
		json_grow(&had, row->bucket[i]);
		if (had < wanted)
			continue;
		end_ns = json_number_at(t->bounds, i);
		return end_ns < row->max_ns ? end_ns : row->max_ns;
	}
	return row->max_ns;
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

static void show(const struct table *t)
{
	char p50[TIME_SIZE], p99[TIME_SIZE], p999[TIME_SIZE], max[TIME_SIZE];

	printf("%-20s %-4s %-9s %12s %8s %10s %10s %10s %10s\n", "EXPORT", "IN", "OPERATION",
	       "COUNT", "ERRORS", "P50", "P99", "P99.9", "MAX");
	for (size_t i = 0; i < t->n; i++) {
		const struct row *r = &t->row[i];

		printf("%-20s %-4s %-9s %12" PRId64 " %8" PRId64 " %10s %10s %10s %10s\n",
		       r->export, r->role, r->operation, r->count, r->errors,
		       format_time(p50, percentile_ns(t, r, 500)),
		       format_time(p99, percentile_ns(t, r, 990)),
		       format_time(p999, percentile_ns(t, r, 999)), format_time(max, r->max_ns));
	}
}

static int add_object(const struct table *t, const struct row *r, struct sd_json_variant **list)
{
	return sd_json_variant_append_arraybo(
		list,
		SD_JSON_BUILD_PAIR_STRING("export", r->export),
		SD_JSON_BUILD_PAIR_STRING("role", r->role),
		SD_JSON_BUILD_PAIR_STRING("operation", r->operation),
		SD_JSON_BUILD_PAIR_INTEGER("count", r->count),
		SD_JSON_BUILD_PAIR_INTEGER("errors", r->errors),
		SD_JSON_BUILD_PAIR_INTEGER("bytes", r->bytes),
		SD_JSON_BUILD_PAIR_INTEGER("p50NSec", percentile_ns(t, r, 500)),
		SD_JSON_BUILD_PAIR_INTEGER("p99NSec", percentile_ns(t, r, 990)),
		SD_JSON_BUILD_PAIR_INTEGER("p999NSec", percentile_ns(t, r, 999)),
		SD_JSON_BUILD_PAIR_INTEGER("maxNSec", r->max_ns));
}

static int show_json(const struct table *t)
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
	struct table t = { .bounds = sd_json_variant_by_key(reply, "boundsNSec") };
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
