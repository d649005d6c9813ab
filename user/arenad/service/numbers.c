// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "numbers.h"

#include <arenad/crew.h>
#include <arenad/options.h>
#include <common/address.h>
#include <common/clock.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <proto/usage.h>
#include <stats/counters.h>
#include <stats/stats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t numbers_show(uint64_t n)
{
	return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* Why nothing can be said about a process. */
static const char *why(int err)
{
	switch (err) {
	case -ESRCH:
		return "it does not run";
	case -ENODATA:
		return "it has not begun, or is of a version that has none";
	case -EPROTO:
		return "it is of a version that counts in another way";
	default:
		return "there is no memory to read them";
	}
}

static bool is_np(const struct crew *c, unsigned int i)
{
	return i < c->nps;
}

/* Of a place that no export has, and in which nothing runs, there is nothing to be told. */
static bool is_place_free(const struct crew *c, unsigned int i)
{
	return !is_np(c, i) && !crew_has_export(c, i - c->nps) &&
	       (i >= c->started || c->child[i].pidfd < 0);
}

static int add_one(const struct crew *c, unsigned int i, const char *name,
		   int (*make)(const struct crew *c, unsigned int i, const struct stats *s,
			       struct sd_json_variant **out),
		   struct sd_json_variant **out)
{
	struct sd_json_variant *made = NULL;
	struct stats *s;
	int err = crew_stats(c, i, &s), ret = 0;

	if (!err)
		ret = make(c, i, s, &made);
	if (ret >= 0)
		ret = sd_json_variant_append_arraybo(
			out,
			SD_JSON_BUILD_PAIR_STRING("role", is_np(c, i) ? "np" : "sp"),
			SD_JSON_BUILD_PAIR_UNSIGNED("number", is_np(c, i) ? i : i - c->nps),
			SD_JSON_BUILD_PAIR_CONDITION(!err, name, SD_JSON_BUILD_VARIANT(made)),
			SD_JSON_BUILD_PAIR_CONDITION(err, "absent",
						     SD_JSON_BUILD_STRING(why(err))));
	sd_json_variant_unref(made);
	free(s);
	return ret;
}

/*
 * Call a function for each of the first @n processes, and add what it makes to an array: an object
 * that says which process it is, and what was counted, or else why there is nothing.
 */
static int add_each(const struct crew *c, unsigned int n, struct sd_json_variant **out,
		    const char *name,
		    int (*make)(const struct crew *c, unsigned int i, const struct stats *s,
				struct sd_json_variant **out))
{
	int ret = sd_json_variant_new_array(out, NULL, 0);

	for (unsigned int i = 0; i < n && ret >= 0; i++)
		if (!is_place_free(c, i))
			ret = add_one(c, i, name, make, out);
	return ret < 0 ? ret : 0;
}

/* One of another version may have more of them, which have no names here, or fewer. */
static int make_counters(const struct crew *c, unsigned int i, const struct stats *s,
			 struct sd_json_variant **out)
{
	const char *const *names = is_np(c, i) ? np_counter_names : sp_counter_names;
	unsigned int n = is_np(c, i) ? NP_COUNTERS : SP_COUNTERS;
	int ret = 0;

	if (s->n_counters < n)
		n = s->n_counters;
	for (unsigned int k = 0; k < n && ret >= 0; k++)
		ret = sd_json_variant_set_field_integer(out, names[k], numbers_show(s->counter[k]));
	return ret;
}

int numbers_counters(const struct crew *c, struct sd_json_variant **out)
{
	return add_each(c, c->n, out, "counters", make_counters);
}

/* The empty buckets at the end are left out. */
static int make_buckets(const struct stats_times *t, struct sd_json_variant **out)
{
	unsigned int n = HISTOGRAM_BUCKETS;
	int ret = 0;

	while (n && !t->bucket[n - 1])
		n--;
	for (unsigned int i = 0; i < n && ret >= 0; i++)
		ret = sd_json_variant_append_arrayb(
			out, SD_JSON_BUILD_INTEGER(numbers_show(t->bucket[i])));
	return ret;
}

static int add_flow(const struct stats_flow *f, const char *export, unsigned int operation,
		    struct sd_json_variant **out)
{
	struct sd_json_variant *buckets = NULL;
	uint64_t count = stats_count(&f->times);
	int ret;

	if (!count)
		return 0;
	ret = make_buckets(&f->times, &buckets);
	if (ret >= 0)
		ret = sd_json_variant_append_arraybo(
			out,
			SD_JSON_BUILD_PAIR_STRING("export", export),
			SD_JSON_BUILD_PAIR_STRING("operation", stats_operations[operation]),
			SD_JSON_BUILD_PAIR_INTEGER("count", numbers_show(count)),
			SD_JSON_BUILD_PAIR_INTEGER("errors", numbers_show(f->errors)),
			SD_JSON_BUILD_PAIR_INTEGER("bytes", numbers_show(f->bytes)),
			SD_JSON_BUILD_PAIR_INTEGER("sumNSec", numbers_show(f->times.sum_ns)),
			SD_JSON_BUILD_PAIR_INTEGER("maxNSec", numbers_show(f->times.max_ns)),
			SD_JSON_BUILD_PAIR_VARIANT("buckets", buckets));
	sd_json_variant_unref(buckets);
	return ret;
}

static int add_stage(const struct stats_times *t, const char *export, unsigned int stage,
		     struct sd_json_variant **out)
{
	struct sd_json_variant *buckets = NULL;
	uint64_t count = stats_count(t);
	int ret;

	if (!count)
		return 0;
	ret = make_buckets(t, &buckets);
	if (ret >= 0)
		ret = sd_json_variant_append_arraybo(
			out,
			SD_JSON_BUILD_PAIR_STRING("export", export),
			SD_JSON_BUILD_PAIR_STRING("stage", stats_stages[stage]),
			SD_JSON_BUILD_PAIR_INTEGER("count", numbers_show(count)),
			SD_JSON_BUILD_PAIR_INTEGER("sumNSec", numbers_show(t->sum_ns)),
			SD_JSON_BUILD_PAIR_INTEGER("maxNSec", numbers_show(t->max_ns)),
			SD_JSON_BUILD_PAIR_VARIANT("buckets", buckets));
	sd_json_variant_unref(buckets);
	return ret;
}

/* Its name, or NULL if no export has that room. */
static const char *name_export(const struct crew *c, unsigned int process, unsigned int export)
{
	const struct export_options *o =
		&c->options->exports.export[is_np(c, process) ? export : process - c->nps];

	return export_is_vacant(o) ? NULL : o->name;
}

static int make_latencies(const struct crew *c, unsigned int i, const struct stats *s,
			  struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);

	for (unsigned int k = 0; k < s->n_exports * STATS_OPERATIONS && ret >= 0; k++) {
		unsigned int e = k / STATS_OPERATIONS, operation = k % STATS_OPERATIONS;
		const char *name = name_export(c, i, e);

		if (name)
			ret = add_flow(&s->export[e].flow[operation], name, operation, out);
	}
	return ret;
}

int numbers_latencies(const struct crew *c, struct sd_json_variant **out)
{
	return add_each(c, c->n, out, "latencies", make_latencies);
}

static int make_stages(const struct crew *c, unsigned int i, const struct stats *s,
		       struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);

	for (unsigned int k = 0; k < s->n_exports * STATS_STAGES && ret >= 0; k++) {
		unsigned int e = k / STATS_STAGES, stage = k % STATS_STAGES;
		const char *name = name_export(c, i, e);

		if (name)
			ret = add_stage(&s->export[e].stage[stage], name, stage, out);
	}
	return ret;
}

int numbers_stages(const struct crew *c, struct sd_json_variant **out)
{
	return add_each(c, c->n, out, "stages", make_stages);
}

/* The other end, as the log has it. */
static const char *show_peer(const struct stats_client *e, char text[ADDRESS_TEXT_SIZE])
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)e->port),
		.sin6_scope_id = (uint32_t)e->scope,
	};
	struct sockaddr_storage storage = { 0 };

	if (e->family == AF_UNIX) {
		snprintf(text, ADDRESS_TEXT_SIZE, "user %" PRIu32, (uint32_t)e->port);
		return text;
	}
	memcpy(&address.sin6_addr, e->address, sizeof(address.sin6_addr));
	memcpy(&storage, &address, sizeof(address));
	address_format(&storage, sizeof(address), text, ADDRESS_TEXT_SIZE);
	return text;
}

/* In microseconds since 1970. */
static int64_t show_since(uint64_t since_ns)
{
	uint64_t now_ns = clock_boot_ns();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / CLOCK_NS_PER_US -
	       (since_ns < now_ns ? (int64_t)((now_ns - since_ns) / CLOCK_NS_PER_US) : 0);
}

static int add_client(const struct crew *c, const struct stats_client *e,
		      struct sd_json_variant **out)
{
	bool has_export = e->export && e->export <= c->options->exports.n &&
			  crew_has_export(c, (unsigned int)e->export - 1);
	char peer[ADDRESS_TEXT_SIZE];

	if (!e->number || e->number > UINT32_MAX)
		return 0;
	return sd_json_variant_append_arraybo(
		out,
		SD_JSON_BUILD_PAIR_INTEGER("connection", numbers_show(e->number)),
		SD_JSON_BUILD_PAIR_STRING("peer", show_peer(e, peer)),
		SD_JSON_BUILD_PAIR_CONDITION(has_export, "export", SD_JSON_BUILD_STRING(
			has_export ? c->options->exports.export[e->export - 1].name : NULL)),
		SD_JSON_BUILD_PAIR_BOOLEAN("isTls", e->is_tls),
		SD_JSON_BUILD_PAIR_INTEGER("sinceUSec", show_since(e->since_ns)),
		SD_JSON_BUILD_PAIR_INTEGER("requests", numbers_show(e->requests)),
		SD_JSON_BUILD_PAIR_INTEGER("bytes", numbers_show(e->bytes)));
}

static int make_clients(const struct crew *c, unsigned int i, const struct stats *s,
			struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);

	(void)i;
	for (unsigned int k = 0; k < STATS_CLIENTS && ret >= 0; k++)
		ret = add_client(c, &s->client[k], out);
	return ret;
}

int numbers_clients(const struct crew *c, struct sd_json_variant **out)
{
	return add_each(c, c->nps, out, "clients", make_clients);
}

/**
 * struct use - the buffers of a process that are for the same use
 * @bytes: of one buffer; 0 if there are none
 * @in: how many are in each state
 */
struct use {
	uint32_t bytes;
	struct { uint64_t free, owned, in_io, lent, lost; } in;
};

static void sum_up(const struct stats *s, struct use use[PROTO_USES])
{
	memset(use, 0, PROTO_USES * sizeof(*use));
	for (unsigned int i = 0; i < STATS_GROUPS; i++) {
		const struct stats_group *g = &s->group[i];
		struct use *u;

		if (!g->buffer_bytes || g->use >= PROTO_USES)
			continue;
		u = &use[g->use];
		u->bytes = g->buffer_bytes;
		u->in.free += g->usage.free;
		u->in.owned += g->usage.owned;
		u->in.in_io += g->usage.in_io;
		u->in.lent += g->usage.lent;
		u->in.lost += g->usage.lost;
	}
}

static int add_use(const struct use *u, const char *name, struct sd_json_variant **out)
{
	if (!u->bytes)
		return 0;
	return sd_json_variant_append_arraybo(
		out,
		SD_JSON_BUILD_PAIR_STRING("use", name),
		SD_JSON_BUILD_PAIR_UNSIGNED("bufferBytes", u->bytes),
		SD_JSON_BUILD_PAIR_UNSIGNED("free", u->in.free),
		SD_JSON_BUILD_PAIR_UNSIGNED("owned", u->in.owned),
		SD_JSON_BUILD_PAIR_UNSIGNED("inIo", u->in.in_io),
		SD_JSON_BUILD_PAIR_UNSIGNED("lent", u->in.lent),
		SD_JSON_BUILD_PAIR_UNSIGNED("lost", u->in.lost));
}

static int make_groups(const struct crew *c, unsigned int i, const struct stats *s,
		       struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);
	struct use use[PROTO_USES];

	(void)c;
	(void)i;
	sum_up(s, use);
	for (unsigned int k = PROTO_USE_NET; k < PROTO_USES && ret >= 0; k++)
		ret = add_use(&use[k], proto_use_names[k], out);
	return ret;
}

int numbers_groups(const struct crew *c, struct sd_json_variant **out)
{
	return add_each(c, c->n, out, "groups", make_groups);
}

int numbers_bounds(struct sd_json_variant **out)
{
	int ret = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS - 1 && ret >= 0; i++)
		ret = sd_json_variant_append_arrayb(
			out, SD_JSON_BUILD_UNSIGNED(histogram_bound_ns(i)));
	return ret < 0 ? ret : 0;
}
