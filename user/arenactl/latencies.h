/* SPDX-License-Identifier: MIT */
/*
 * The histograms that arenad tells of its processes, with those of several processes put together,
 * and what they say. This header must not know how they are shown.
 */
#ifndef ARENACTL_LATENCIES_H
#define ARENACTL_LATENCIES_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-json.h>

/* Buckets of an arenad of another version may be more, but not as many. */
#define LATENCY_BUCKETS	1024U

/**
 * struct latency_row - requests of a kind, or a stage of all, for an export, in all processes of a
 * role
 * @export: name of the export
 * @role: "np" or "sp"
 * @operation: the kind; "" if it is a stage
 * @stage: the stage; "" if it is a kind
 * @count: how many there were
 * @errors: how many of them have failed; 0 of a stage
 * @bytes: bytes of the others; 0 of a stage
 * @max_ns: the longest time
 * @bucket: how many there were in each bucket
 */
struct latency_row {
	const char *export;
	const char *role;
	const char *operation;
	const char *stage;
	int64_t count;
	int64_t errors;
	int64_t bytes;
	int64_t max_ns;
	int64_t bucket[LATENCY_BUCKETS];
};

/**
 * struct latency_table - all rows
 * @bounds: arenad's array of the ends of the buckets
 * @n: used entries of @row
 * @row: the rows, in the order in which arenad names them, to be freed with free(); their texts are
 *	those of its answer
 */
struct latency_table {
	struct sd_json_variant *bounds;
	size_t n;
	struct latency_row *row;
};

/**
 * latency_table_add() - add what a process tells of a kind or a stage of requests for an export
 * @t: the table
 * @role: the role of the process
 * @latency: a Latency or StageLatency of the interface
 * @before: what it told of the same earlier, and only what has come since is added; NULL for all.
 *	Where it tells less than earlier, the process has begun anew, and all is added
 *
 * Return: 0; -ENOMEM; -E2BIG if there are more rows than any arenad can have.
 */
int latency_table_add(struct latency_table *t, const char *role, struct sd_json_variant *latency,
		      struct sd_json_variant *before);

/** latency_row_add() - add the requests of a row to those of another one */
void latency_row_add(struct latency_row *to, const struct latency_row *row);

/**
 * latency_percentile_ns() - the time that so many of 1000 requests took at most
 * @t: has the ends of the buckets
 * @row: the requests
 * @of_1000: how many
 *
 * It is the end of the bucket in which the last of them is. No request took longer than the longest
 * one.
 */
int64_t latency_percentile_ns(const struct latency_table *t, const struct latency_row *row,
			      int64_t of_1000);

#endif /* ARENACTL_LATENCIES_H */
