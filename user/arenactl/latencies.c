// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "latencies.h"

#include <errno.h>
#include <query/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Several times as many as there are with all exports, and operations and roles, or stages. */
#define ROWS_MAX	1024U

static bool is_same(const struct latency_row *a, const struct latency_row *b)
{
	return !strcmp(a->export, b->export) && !strcmp(a->role, b->role) &&
	       !strcmp(a->operation, b->operation) && !strcmp(a->stage, b->stage);
}

static struct latency_row *find_row(const struct latency_table *t, const struct latency_row *like)
{
	for (size_t i = 0; i < t->n; i++)
		if (is_same(&t->row[i], like))
			return &t->row[i];
	return NULL;
}

static int append_row(struct latency_table *t, const struct latency_row *like,
		      struct latency_row **out)
{
	struct latency_row *row;

	if (t->n == ROWS_MAX)
		return -E2BIG;
	row = reallocarray(t->row, t->n + 1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	t->row = row;
	row[t->n] = *like;
	*out = &row[t->n++];
	return 0;
}

static void add_buckets(struct latency_row *row, struct sd_json_variant *latency,
			struct sd_json_variant *before)
{
	struct sd_json_variant *now = sd_json_variant_by_key(latency, "buckets");
	struct sd_json_variant *then = sd_json_variant_by_key(before, "buckets");

	for (size_t i = 0; i < sd_json_variant_elements(now) && i < LATENCY_BUCKETS; i++)
		json_grow(&row->bucket[i], json_since(json_number_at(now, i),
						      json_number_at(then, i)));
}

int latency_table_add(struct latency_table *t, const char *role, struct sd_json_variant *latency,
		      struct sd_json_variant *before)
{
	const struct latency_row like = {
		.export = json_text(latency, "export"), .role = role,
		.operation = json_text(latency, "operation"), .stage = json_text(latency, "stage"),
	};
	struct latency_row *row = find_row(t, &like);
	int64_t max_ns = json_number(latency, "maxNSec");
	int ret = row ? 0 : append_row(t, &like, &row);

	if (ret)
		return ret;
	/* Its other numbers may have become greater all the same. */
	if (json_number(latency, "count") < json_number(before, "count"))
		before = NULL;
	json_grow(&row->count, json_number_since(latency, before, "count"));
	json_grow(&row->errors, json_number_since(latency, before, "errors"));
	json_grow(&row->bytes, json_number_since(latency, before, "bytes"));
	if (max_ns > row->max_ns)
		row->max_ns = max_ns;
	add_buckets(row, latency, before);
	return 0;
}

void latency_row_add(struct latency_row *to, const struct latency_row *row)
{
	json_grow(&to->count, row->count);
	json_grow(&to->errors, row->errors);
	json_grow(&to->bytes, row->bytes);
	if (row->max_ns > to->max_ns)
		to->max_ns = row->max_ns;
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		json_grow(&to->bucket[i], row->bucket[i]);
}

int64_t latency_percentile_ns(const struct latency_table *t, const struct latency_row *row,
			      int64_t of_1000)
{
	int64_t wanted = row->count / 1000 * of_1000 + (row->count % 1000 * of_1000 + 999) / 1000;
	size_t n = sd_json_variant_elements(t->bounds);
	int64_t had = 0, end_ns;

	for (size_t i = 0; i < n && i < LATENCY_BUCKETS; i++) {
		json_grow(&had, row->bucket[i]);
		if (had < wanted)
			continue;
		end_ns = json_number_at(t->bounds, i);
		return end_ns < row->max_ns ? end_ns : row->max_ns;
	}
	return row->max_ns;
}
