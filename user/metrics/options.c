// SPDX-License-Identifier: MIT
#include "options.h"

#include <common/log_options.h>
#include <common/options.h>
#include <query/options.h>
#include <sandbox/sandbox.h>
#include <stddef.h>

#define DEFAULT_TIMEOUT_S	5
#define MAX_TIMEOUT_S		60

#define DEFAULT_CONNECTIONS	16
#define MAX_CONNECTIONS		256

#define DEFAULT_INTERVAL_S	60
#define MAX_INTERVAL_S		3600

#define FIELD(name) .field = offsetof(struct metrics_options, name)

static int take_user(void *values, char *text, struct option_error *error)
{
	struct metrics_options *o = values;

	if (user_find(text, &o->user))
		return option_refuse(error, "there is no user %s", text);
	return 0;
}

static const struct option_rule rules[] = {
	{ .name = "timeout", .kind = OPTION_NUMBER, FIELD(target.timeout_seconds), .min = 1,
	  .max = MAX_TIMEOUT_S, .argument = "S",
	  .help = "wait for S seconds at most until arenad answers (5)" },
	{ .name = "user", .kind = OPTION_OTHER, .take = take_user, .argument = "USER",
	  .help = "the user as which HTTP is served (the one that starts the program)" },
	{ .name = "connections", .kind = OPTION_NUMBER, FIELD(connections), .min = 1,
	  .max = MAX_CONNECTIONS, .argument = "N",
	  .help = "HTTP clients that may be connected at once (16)" },
	{ .name = "nvme-health", .kind = OPTION_SET, FIELD(nvme_health),
	  .help = "ask NVMe controllers for their health (SMART), too, which takes CAP_SYS_ADMIN" },
	{ .name = "nvme-health-interval", .kind = OPTION_NUMBER, FIELD(health_interval), .min = 1,
	  .max = MAX_INTERVAL_S, .argument = "S", .help = "how often, in seconds (60)" },
	{ .name = "sandbox", .kind = OPTION_WORD, FIELD(sandbox), .words = sandbox_words,
	  .argument = "WHAT",
	  .help = "auto: take all measures that the machine has; require: end if one is "
		  "missing; off: take none, for a debugger (auto)" },
	{ .name = NULL },
};

static const struct option_part parts[] = {
	{ listen_rules, offsetof(struct metrics_options, listen) },
	{ query_rules, offsetof(struct metrics_options, target) },
	{ log_rules, offsetof(struct metrics_options, log_format) },
	{ .rule = NULL },
};

static const struct option_table table = {
	.program = "arena-metrics",
	.about = "serve the numbers of arenad to Prometheus",
	.needed = "--listen=WHERE...",
	.more = "Each GET of /metrics asks arenad. Exit status: 0 it was asked to stop; 1 an "
		"error, which was logged; 2 the command line is wrong.",
	.rule = rules,
	.part = parts,
};

void metrics_options_parse(struct metrics_options *o, int argc, char **argv)
{
	*o = (struct metrics_options){
		.listen = LISTEN_OPTIONS_INIT,
		.target.timeout_seconds = DEFAULT_TIMEOUT_S,
		.connections = DEFAULT_CONNECTIONS,
		.sandbox = SANDBOX_AUTO,
		.health_interval = DEFAULT_INTERVAL_S,
	};
	options_parse(&table, o, argc, argv);
}
