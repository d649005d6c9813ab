/* SPDX-License-Identifier: MIT */
/*
 * What the processes have counted, as the interface has it. It is the word of each process. This
 * header must not know who asks.
 */
#ifndef ARENAD_SERVICE_NUMBERS_H
#define ARENAD_SERVICE_NUMBERS_H

#include <stdint.h>
#include <systemd/sd-json.h>

struct crew;

/** numbers_show() - a number as Varlink can have it, whose integers have 64 bits with a sign */
int64_t numbers_show(uint64_t n);

/*
 * Each call writes an array to @out, to be freed with sd_json_variant_unref() also if the call
 * fails. Return: 0 or -errno.
 */

/** numbers_counters() - the counters of all processes */
int numbers_counters(const struct crew *c, struct sd_json_variant **out);

/** numbers_latencies() - how long requests took in all processes */
int numbers_latencies(const struct crew *c, struct sd_json_variant **out);

/** numbers_stages() - the same by enum stats_stage */
int numbers_stages(const struct crew *c, struct sd_json_variant **out);

/** numbers_clients() - the connections of all NPs */
int numbers_clients(const struct crew *c, struct sd_json_variant **out);

/** numbers_groups() - the buffers of all processes, by use and state */
int numbers_groups(const struct crew *c, struct sd_json_variant **out);

/** numbers_bounds() - the ends of the buckets of times, in nanoseconds, but for the last one */
int numbers_bounds(struct sd_json_variant **out);

#endif /* ARENAD_SERVICE_NUMBERS_H */
