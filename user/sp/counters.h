/* SPDX-License-Identifier: MIT */
/*
 * What an operator and the tests want to know, as one line of key=value.
 */
#ifndef SP_COUNTERS_H
#define SP_COUNTERS_H

struct sp;

/** sp_counters_log() - keys are stable; new ones may be added */
void sp_counters_log(const struct sp *sp);

#endif /* SP_COUNTERS_H */
