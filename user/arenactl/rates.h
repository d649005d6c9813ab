/* SPDX-License-Identifier: MIT */
/*
 * What the processes have done between two answers of arenad. This header must not know how arenad
 * is asked, nor how the rates are shown.
 */
#ifndef ARENACTL_RATES_H
#define ARENACTL_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-json.h>

/* More than any arenad has; those beyond are left out. */
#define RATES_EXPORTS	64U
#define RATES_PROCESSES	128U

/* Names that are longer are cut here. */
#define RATES_NAME_SIZE	256

/* A rate or a time that is not known is less than 0. */
#define RATE_UNKNOWN	(-1)

/**
 * enum snapshot_part - an answer of arenad, an index of snapshot_methods
 * @SNAPSHOT_STATUS: the processes
 * @SNAPSHOT_EXPORTS: the exports
 * @SNAPSHOT_COUNTERS: what each process has counted
 * @SNAPSHOT_LATENCIES: the histograms
 * @SNAPSHOT_GROUPS: the buffers of each process
 * @SNAPSHOT_PARTS: how many there are
 */
enum snapshot_part {
	SNAPSHOT_STATUS,
	SNAPSHOT_EXPORTS,
	SNAPSHOT_COUNTERS,
	SNAPSHOT_LATENCIES,
	SNAPSHOT_GROUPS,
	SNAPSHOT_PARTS,
};

/* The methods that give them. */
extern const char *const snapshot_methods[SNAPSHOT_PARTS];

/**
 * struct snapshot - all that arenad has told at a moment
 * @at_ns: the moment, on clock_ns(); 0 if there is nothing
 * @part: the answers, each a reference
 */
struct snapshot {
	int64_t at_ns;
	struct sd_json_variant *part[SNAPSHOT_PARTS];
};

/** snapshot_forget() - free the answers; there is nothing then */
void snapshot_forget(struct snapshot *s);

/**
 * struct latency_rates - how long requests took that have ended in the interval
 * @p50_ns: a half of them at most
 * @p99_ns: 99 of 100 at most
 */
struct latency_rates {
	int64_t p50_ns;
	int64_t p99_ns;
};

/**
 * struct export_rates - requests for an export, in all network processes, in a second
 * @name: name of the export
 * @reads: reads
 * @writes: writes
 * @others: flushes, discards and the like
 * @bytes_in: bytes that were written
 * @bytes_out: bytes that were read
 * @errors: requests that have failed
 * @np: how long requests took for clients
 * @sp: how long they took in the storage process
 */
struct export_rates {
	char name[RATES_NAME_SIZE];
	double reads;
	double writes;
	double others;
	double bytes_in;
	double bytes_out;
	double errors;
	struct latency_rates np;
	struct latency_rates sp;
};

/**
 * enum rates_state - states of buffers, as arenactl(8) describes them
 */
enum rates_state {
	RATES_FREE,
	RATES_OWNED,
	RATES_IN_IO,
	RATES_LENT,
	RATES_LOST,
	RATES_STATES,
};

/**
 * struct process_rates - what a process does
 * @is_np: a network process, else a storage process
 * @number: its number among those of its role
 * @pid: process id; 0 if it is dead
 * @restarts: how often another process was put in its place
 * @cpus: how many CPUs it keeps busy
 * @operations: in a second: requests of a network process, operations on the disk of a storage
 *	process
 * @buffers: its buffers for data, by state: what clients write, of a network process, or read, of
 *	a storage process
 */
struct process_rates {
	bool is_np;
	int64_t number;
	int64_t pid;
	int64_t restarts;
	double cpus;
	double operations;
	double buffers[RATES_STATES];
};

/**
 * struct rates - all of it
 * @n_exports: used entries of @export
 * @n_processes: used entries of @process
 * @export: the exports
 * @process: the processes, in arenad's order
 */
struct rates {
	size_t n_exports;
	size_t n_processes;
	struct export_rates export[RATES_EXPORTS];
	struct process_rates process[RATES_PROCESSES];
};

/**
 * rates_compute() - compare two answers
 * @r: the rates between them, with the exports in arenad's order
 * @before: the earlier one; without anything no rate is known
 * @now: the later one
 *
 * Counters of a process that was started again have begun with 0.
 *
 * Return: 0 or -errno, and then @r is not to be used.
 */
int rates_compute(struct rates *r, const struct snapshot *before, const struct snapshot *now);

/**
 * enum rates_order - an order of exports
 * @RATES_BY_NAME: by their names
 * @RATES_BY_THROUGHPUT: those with most bytes in both directions first
 * @RATES_BY_P99: those with the longest times for clients first
 * @RATES_ORDERS: how many there are
 */
enum rates_order {
	RATES_BY_NAME,
	RATES_BY_THROUGHPUT,
	RATES_BY_P99,
	RATES_ORDERS,
};

/** rates_sort() - put the exports in an order; equal ones are in the order of their names */
void rates_sort(struct rates *r, enum rates_order order);

#endif /* ARENACTL_RATES_H */
