// SPDX-License-Identifier: MIT
#include "options.h"

#include <common/options.h>
#include <common/parse.h>
#include <errno.h>
#include <query/options.h>
#include <stddef.h>
#include <string.h>

#include "commands.h"

/* It replaces each process, which takes 3 s of some, and more under load. */
#define DEFAULT_TIMEOUT_S	60
#define MAX_TIMEOUT_S		86400

#define MAX_INTERVAL_S		60

#define FIELD(name) .field = offsetof(struct arenactl_options, name)

static const char *const words[] = {
	"status", "exports", "clients", "peers", "channels", "groups", "counters", "latency",
	"metrics", "top", "trace", "regions", "doctor", "reload", "upgrade", "stop", NULL
};

static arenactl_command *const commands[] = {
	command_status, command_exports, command_clients, command_peers, command_channels,
	command_groups, command_counters, command_latency, command_metrics, command_top,
	command_trace, command_regions, command_doctor, command_reload, command_upgrade,
	command_stop,
};

#define N_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

_Static_assert(sizeof(words) / sizeof(words[0]) == N_COMMANDS + 1, "each word is a command");

/* NP/CONNECTION, as the list of clients has it. */
static int take_client(void *values, char *text, struct option_error *error)
{
	struct arenactl_options *o = values;
	char *slash = strchr(text, '/');

	if (slash)
		*slash = '\0';
	if (!slash || parse_u32(text, UINT32_MAX, &o->kill.np) ||
	    parse_u32(slash + 1, UINT32_MAX, &o->kill.connection))
		return option_refuse(error, "a client is NP/CONNECTION, e.g. 0/17, as the command "
				     "clients lists it");
	o->kill.is_given = true;
	return 0;
}

static const struct option_rule rules[] = {
	{ .name = "json", .kind = OPTION_SET, FIELD(json), .help = "print JSON" },
	{ .name = "kill", .kind = OPTION_OTHER, .take = take_client, .argument = "CLIENT",
	  .help = "clients: end this connection, NP/CONNECTION, and list nothing" },
	{ .name = "drain", .kind = OPTION_TEXT, FIELD(drain), .argument = "NAME",
	  .help = "exports: have this one take no further clients, while those that it has go on, "
		  "and list nothing" },
	{ .name = "admit", .kind = OPTION_TEXT, FIELD(admit), .argument = "NAME",
	  .help = "exports: have this one take clients again, and list nothing" },
	{ .name = "timeout", .kind = OPTION_NUMBER, FIELD(target.timeout_seconds), .min = 1,
	  .max = MAX_TIMEOUT_S, .argument = "S",
	  .help = "wait for S seconds at most until something is done (60)" },
	{ .name = "interval", .kind = OPTION_NUMBER, FIELD(interval_seconds), .min = 1,
	  .max = MAX_INTERVAL_S, .argument = "S", .help = "top: look every S seconds (1)" },
	{ .name = "every", .kind = OPTION_NUMBER, FIELD(every), .min = 1, .max = UINT32_MAX,
	  .argument = "N", .help = "trace: draw the path of one request of N (1000)" },
	{ 0 }
};

static const struct option_rule word = { .kind = OPTION_WORD, FIELD(command), .words = words };

static const char *const edit_words[] = {
	[ARENACTL_ADD - 1] = "add", [ARENACTL_REMOVE - 1] = "remove", NULL,
};

static const struct option_rule edit = { .kind = OPTION_WORD, FIELD(edit), .words = edit_words };

/* The words behind "peers". */
static int take_more(void *values, char *text, struct option_error *error)
{
	struct arenactl_options *o = values;

	if (commands[o->command] != command_peers || o->network)
		return option_refuse(error, "%.200s is not an option, and nothing else is expected",
				     text);
	if (o->edit != ARENACTL_LIST) {
		o->network = text;
		return 0;
	}
	if (option_take(&edit, text, o, error))
		return -EINVAL;
	o->edit++;
	return 0;
}

static const struct option_rule more_words = { .kind = OPTION_OTHER, .take = take_more };

static int check(const void *values, struct option_error *error)
{
	const struct arenactl_options *o = values;

	if (o->command >= N_COMMANDS)
		return option_refuse(error, "a command is needed");
	if (o->edit != ARENACTL_LIST && !o->network)
		return option_refuse(error, "peers %s needs a network, e.g. 10.0.0.0/8",
				     edit_words[o->edit - 1]);
	if (o->kill.is_given && commands[o->command] != command_clients)
		return option_refuse(error, "--kill is for clients only");
	if ((o->drain || o->admit) && commands[o->command] != command_exports)
		return option_refuse(error, "--drain and --admit are for exports only");
	if (o->drain && o->admit)
		return option_refuse(error, "--drain and --admit are given");
	if (o->every && commands[o->command] != command_trace)
		return option_refuse(error, "--every is for trace only");
	if (o->interval_seconds && commands[o->command] != command_top)
		return option_refuse(error, "--interval is for top only");
	if (o->json && commands[o->command] == command_top)
		return option_refuse(error, "top has no --json; use latency or metrics");
	return 0;
}

static const struct option_part parts[] = {
	{ query_rules, offsetof(struct arenactl_options, target) },
	{ .rule = NULL },
};

static const struct option_table table = {
	.program = "arenactl",
	.about = "watch and steer arenad",
	.needed = "COMMAND [add|remove NETWORK]",
	.more = "Commands:\n\n"
		"  status    arenad and its processes\n"
		"  exports   exports, with their disks; --drain takes one out of use\n"
		"  clients   connections of clients, one of which --kill ends\n"
		"  peers     who may connect over TCP, and who was refused; 'add NETWORK' and\n"
		"            'remove NETWORK' behind it change that until files are read again\n"
		"  channels  channels between network and storage processes\n"
		"  groups    buffers of each process, by use and state\n"
		"  counters  what each process has counted since its start\n"
		"  latency   how long requests take, by export and operation\n"
		"  metrics   all numbers as OpenMetrics, for Prometheus and others\n"
		"  top       a live view of rates and latencies, on a terminal\n"
		"  regions   all regions of the module; asks no arenad\n"
		"  doctor    what this machine lacks, and what to set; asks no arenad\n"
		"  trace     where requests spend their time: runs bpftrace, as root\n"
		"  reload    read files again, and start lost storage processes\n"
		"  upgrade   put the programs that are installed now in place of those that run\n"
		"  stop      end all processes and arenad\n\n"
		"Exit status: 0 it was done; 1 it was not; 2 the command line is wrong; "
		"3 no arenad answers; 4 permission denied.",
	.rule = rules,
	.part = parts,
	.word = &word,
	.more_words = &more_words,
	.check = check,
};

void arenactl_options_parse(struct arenactl_options *o, int argc, char **argv)
{
	*o = (struct arenactl_options){
		.command = N_COMMANDS, .target.timeout_seconds = DEFAULT_TIMEOUT_S,
	};
	options_parse(&table, o, argc, argv);
	o->run = commands[o->command];
}
