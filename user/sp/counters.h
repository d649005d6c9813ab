/* SPDX-License-Identifier: MIT */
/*
 * The counters of a storage process, for operators and tests: as one line of key=value, and in
 * memory that arenad reads.
 */
#ifndef SP_COUNTERS_H
#define SP_COUNTERS_H

#include <proto/record.h>

struct sp;
struct sp_request;

/** sp_counters_log() - log all counters; keys are stable, and new ones may be added */
void sp_counters_log(const struct sp *sp);

/** sp_counters_turn() - show arenad the counters as they are now */
void sp_counters_turn(struct sp *sp);

/** sp_counters_note() - note the times of a request that has ended */
void sp_counters_note(struct sp *sp, const struct sp_request *r, enum proto_status status);

/** sp_counters_spent_us() - how long a request has been here; 0 if the disk was not to do it */
uint32_t sp_counters_spent_us(struct sp *sp, const struct sp_request *r);

#endif /* SP_COUNTERS_H */
