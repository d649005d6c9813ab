/* SPDX-License-Identifier: MIT */
/*
 * The command line of arena-metrics. This header must not know what is done with it.
 */
#ifndef METRICS_OPTIONS_H
#define METRICS_OPTIONS_H

#include <common/log.h>
#include <listen/options.h>
#include <query/call.h>
#include <sandbox/user.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct metrics_options - the values of the command line, after checks
 * @listen: where HTTP clients are accepted
 * @target: the arenad that is asked
 * @user: the user that serves them
 * @sandbox: enum sandbox_mode
 * @connections: how many there may be at once
 * @nvme_health: NVMe controllers are asked for their health
 * @health_interval: seconds between two times
 * @log_format: what the lines of the log are
 */
struct metrics_options {
	struct listen_options listen;
	struct query_target target;
	struct user user;
	unsigned int sandbox;
	uint32_t connections;
	bool nvme_health;
	uint32_t health_interval;
	enum log_format log_format;
};

/** metrics_options_parse() - read the command line; returns only if the program has to continue */
void metrics_options_parse(struct metrics_options *o, int argc, char **argv);

#endif /* METRICS_OPTIONS_H */
