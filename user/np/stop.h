/* SPDX-License-Identifier: MIT */
/*
 * Signals, the tick of the clock and the process's end.
 */
#ifndef NP_STOP_H
#define NP_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "handler.h"

struct np;

/**
 * struct stop - how the process ends
 * @np: the process
 * @signal: SIGTERM, SIGINT and SIGUSR1
 * @tick: a second has passed
 * @is_ticking: a tick is under way
 * @is_stopping: no client is accepted and no request begun any more
 * @since: seconds when that began
 */
struct stop {
	struct np *np;
	struct handler signal;
	struct handler tick;
	bool is_ticking;
	bool is_stopping;
	int64_t since;
};

/** stop_init() - signals from now on wait for the ring; 0 or -errno */
int stop_init(struct np *np);

/** stop_turn() - have a tick if anything needs it, and end the loop if all is done */
void stop_turn(struct np *np);

#endif /* NP_STOP_H */
