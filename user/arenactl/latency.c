// SPDX-License-Identifier: MIT
/*
 * How long requests take: arenad tells it of each process, and here the network processes of an
 * export are put together.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <common/utf8.h>
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

/* In the order in which a request comes to them. */
static const char *const stages[] = { "receive", "channel", "queue", "disk", "send" };

static int add_process(struct latency_table *t, struct sd_json_variant *process, const char *list)
{
	struct sd_json_variant *latencies = sd_json_variant_by_key(process, list);
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

static void show_row(const struct latency_table *t, const struct latency_row *r, const char *part,
		     const char *errors)
{
	char p50[TIME_SIZE], p99[TIME_SIZE], p999[TIME_SIZE], max[TIME_SIZE];
	char export[JSON_SHOWN_SIZE];

	printf("%-20s %-4s %-9s %12" PRId64 " %8s %10s %10s %10s %10s\n",
	       utf8_show(export, sizeof(export), r->export, strlen(r->export)), r->role, part,
	       r->count, errors, format_time(p50, latency_percentile_ns(t, r, 500)),
	       format_time(p99, latency_percentile_ns(t, r, 990)),
	       format_time(p999, latency_percentile_ns(t, r, 999)), format_time(max, r->max_ns));
}

static void show_heads(const char *part, const char *errors)
{
	printf("%-20s %-4s %-9s %12s %8s %10s %10s %10s %10s\n", "EXPORT", "IN", part, "COUNT",
	       errors, "P50", "P99", "P99.9", "MAX");
}

static void show(const struct latency_table *t)
{
	char errors[24];

	show_heads("OPERATION", "ERRORS");
	for (size_t i = 0; i < t->n; i++) {
		snprintf(errors, sizeof(errors), "%" PRId64, t->row[i].errors);
		show_row(t, &t->row[i], t->row[i].operation, errors);
	}
}

static void show_stages(const struct latency_table *t)
{
	printf("\n");
	show_heads("STAGE", "");
	for (size_t i = 0; i < t->n; i++)
		show_row(t, &t->row[i], t->row[i].stage, "");
}

static int add_object(const struct latency_table *t, const struct latency_row *r,
		      struct sd_json_variant **list)
{
	bool is_stage = r->stage[0];

	return sd_json_variant_append_arraybo(
		list,
		SD_JSON_BUILD_PAIR_STRING("export", r->export),
		SD_JSON_BUILD_PAIR_STRING("role", r->role),
		SD_JSON_BUILD_PAIR_STRING(is_stage ? "stage" : "operation",
					  is_stage ? r->stage : r->operation),
		SD_JSON_BUILD_PAIR_INTEGER("count", r->count),
		SD_JSON_BUILD_PAIR_CONDITION(!is_stage, "errors", SD_JSON_BUILD_INTEGER(r->errors)),
		SD_JSON_BUILD_PAIR_CONDITION(!is_stage, "bytes", SD_JSON_BUILD_INTEGER(r->bytes)),
		SD_JSON_BUILD_PAIR_INTEGER("p50NSec", latency_percentile_ns(t, r, 500)),
		SD_JSON_BUILD_PAIR_INTEGER("p99NSec", latency_percentile_ns(t, r, 990)),
		SD_JSON_BUILD_PAIR_INTEGER("p999NSec", latency_percentile_ns(t, r, 999)),
		SD_JSON_BUILD_PAIR_INTEGER("maxNSec", r->max_ns));
}

static int make_list(const struct latency_table *t, struct sd_json_variant **list)
{
	int ret = sd_json_variant_new_array(list, NULL, 0);

	for (size_t i = 0; i < t->n && ret >= 0; i++)
		ret = add_object(t, &t->row[i], list);
	return ret;
}

static int show_json(const struct latency_table *operations, const struct latency_table *of_stages)
{
	struct sd_json_variant *list = NULL, *stage_list = NULL, *all = NULL;
	int ret = make_list(operations, &list);

	if (ret >= 0)
		ret = make_list(of_stages, &stage_list);
	if (ret >= 0)
		ret = sd_json_buildo(&all, SD_JSON_BUILD_PAIR_VARIANT("latencies", list),
				     SD_JSON_BUILD_PAIR_VARIANT("stages", stage_list));
	if (ret >= 0)
		json_print(all);
	sd_json_variant_unref(all);
	sd_json_variant_unref(stage_list);
	sd_json_variant_unref(list);
	return ret;
}

/* A missing process is named, as the others do not show that. */
static void warn_of_absent(struct sd_json_variant *process)
{
	if (json_has(process, "absent"))
		log_warn("nothing is known of %s %" PRId64 ": %s; ask again when it runs",
			 json_text(process, "role"), json_number(process, "number"),
			 json_text(process, "absent"));
}

static int make_table(struct sd_json_variant *reply, const char *list, struct latency_table *t)
{
	struct sd_json_variant *processes = sd_json_variant_by_key(reply, "processes");
	int ret = 0;

	*t = (struct latency_table){ .bounds = sd_json_variant_by_key(reply, "boundsNSec") };
	for (size_t i = 0; i < sd_json_variant_elements(processes) && !ret; i++)
		ret = add_process(t, sd_json_variant_by_index(processes, i), list);
	return ret;
}

static size_t order_of(const char *stage)
{
	size_t i = 0;

	while (i < sizeof(stages) / sizeof(stages[0]) && strcmp(stages[i], stage) != 0)
		i++;
	return i;
}

static int compare_stages(const void *a, const void *b)
{
	const struct latency_row *one = a, *other = b;
	int ret = strcmp(one->export, other->export);
	size_t i = order_of(one->stage), k = order_of(other->stage);

	return ret ? ret : (i > k) - (i < k);
}

/* @of_stages is NULL if arenad knows none. */
static int print(const struct arenactl_options *o, struct sd_json_variant *reply,
		 struct sd_json_variant *of_stages)
{
	struct sd_json_variant *processes = sd_json_variant_by_key(reply, "processes");
	struct latency_table operations, parts;
	int ret, err;

	for (size_t i = 0; i < sd_json_variant_elements(processes); i++)
		warn_of_absent(sd_json_variant_by_index(processes, i));
	ret = make_table(reply, "latencies", &operations);
	err = make_table(of_stages, "stages", &parts);
	if (!ret)
		ret = err;
	if (parts.n)
		qsort(parts.row, parts.n, sizeof(*parts.row), compare_stages);
	if (!ret && o->json)
		ret = show_json(&operations, &parts);
	else if (!ret)
		show(&operations);
	if (!ret && !o->json && parts.n)
		show_stages(&parts);
	free(operations.row);
	free(parts.row);
	return ret;
}

enum query_status command_latency(const struct arenactl_options *o)
{
	struct sd_json_variant *reply = NULL, *of_stages = NULL;
	struct sd_varlink *link = NULL;
	enum query_status status = call_open(&o->target, false, &link);
	int ret;

	if (!status)
		status = call_to_read(&o->target, &link, "GetLatencies", false, &reply);
	/* An answer belongs to the connection until the next call. */
	sd_json_variant_ref(reply);
	if (!status)
		status = call_if_known(&o->target, &link, "GetStages", false, &of_stages);
	ret = status ? 0 : print(o, reply, of_stages);
	sd_json_variant_unref(reply);
	sd_varlink_close_unref(link);
	if (ret >= 0)
		return status;
	log_error("cannot make the list: %s", log_reason(-ret));
	return QUERY_FAILED;
}
