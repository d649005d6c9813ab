/* SPDX-License-Identifier: MIT */
/*
 * Signals, the tick of the clock and the end of the process.
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
 * @signal: handles SIGTERM, SIGINT and SIGUSR1
 * @tick: handles a tick, which comes after a second
 * @is_ticking: a tick is under way
 * @is_stopping: no client is accepted and no request begins any more
 * @since: seconds when @is_stopping became true
 */
struct stop {
	struct np *np;
	struct handler signal;
	struct handler tick;
	bool is_ticking;
	bool is_stopping;
	int64_t since;
};

/** stop_init() - receive signals as events of the ring from now on; logs errors; 0 or -errno */
int stop_init(struct np *np);

/**
 * stop_turn() - start a tick if something needs one, and end the loop if all is done
 *
 * Return: 0; or -errno if there can be no tick, without which no time limit holds. The error was
 * logged.
 */
int stop_turn(struct np *np);

#endif /* NP_STOP_H */
