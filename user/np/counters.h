/* SPDX-License-Identifier: MIT */
/*
 * The counters of a network process, for operators and tests: as one line of key=value, and in
 * memory that arenad reads.
 */
#ifndef NP_COUNTERS_H
#define NP_COUNTERS_H

struct np;
struct request;

/**
 * counters_print() - write one line of key=value to standard error
 *
 * Keys are stable, and new ones may be added.
 */
void counters_print(const struct np *np);

/** counters_turn() - show arenad the counters as they are now */
void counters_turn(struct np *np);

/** counters_note() - note the time of a request whose reply has been given to the kernel */
void counters_note(const struct request *r);

#endif /* NP_COUNTERS_H */
