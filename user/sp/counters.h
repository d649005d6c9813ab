/* SPDX-License-Identifier: MIT */
/*
 * The counters of a storage process, for operators and tests, as one line of key=value.
 */
#ifndef SP_COUNTERS_H
#define SP_COUNTERS_H

struct sp;

/** sp_counters_log() - log all counters; keys are stable, and new ones may be added */
void sp_counters_log(const struct sp *sp);

#endif /* SP_COUNTERS_H */
