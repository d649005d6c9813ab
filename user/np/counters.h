/* SPDX-License-Identifier: MIT */
/*
 * The counters of a network process, for operators and tests, as one line of key=value.
 */
#ifndef NP_COUNTERS_H
#define NP_COUNTERS_H

struct np;

/**
 * counters_print() - write one line of key=value to standard error
 *
 * Keys are stable, and new ones may be added.
 */
void counters_print(const struct np *np);

#endif /* NP_COUNTERS_H */
