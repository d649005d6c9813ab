/* SPDX-License-Identifier: MIT */
/*
 * Signals, the tick of the clock and the process's end.
 */
#ifndef NP_STOP_H
#define NP_STOP_H

#include <linux/time_types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>

#include "ring.h"

struct np;

/**
 * struct stop - how the process ends
 * @np: the process
 * @signal_fd: SIGTERM, SIGINT and SIGUSR1 arrive there
 * @signal: reads it
 * @info: what was read
 * @tick: fires once a second
 * @interval: the second
 * @is_stopping: no client is accepted and no request begun any more
 * @since: ring seconds when that began
 */
struct stop {
	struct np *np;
	int signal_fd;
	struct ring_op signal;
	struct signalfd_siginfo info;
	struct ring_op tick;
	struct __kernel_timespec interval;
	bool is_stopping;
	int64_t since;
};

/** stop_init() - signals from now on wait for stop_start(); 0 or -errno */
int stop_init(struct np *np);
void stop_exit(struct np *np);

/** stop_start() - signals and the clock are served by the ring */
void stop_start(struct np *np);

/** stop_turn() - end the ring if all is done */
void stop_turn(struct np *np);

#endif /* NP_STOP_H */
