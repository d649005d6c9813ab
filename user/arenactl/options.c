// SPDX-License-Identifier: MIT
#include "options.h"

#include <common/options.h>
#include <common/parse.h>
#include <errno.h>
#include <query/options.h>
#include <stddef.h>
#include <stdio.h>
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

static const struct option_rule rules[] = {
	{ .name = "json", .kind = OPTION_SET, FIELD(json), .help = "print JSON" },
	{ .name = "drain", .kind = OPTION_SET, FIELD(drain),
	  .help = "stop: take no further clients, and wait for those that are connected to leave" },
	{ .name = "dry-run", .kind = OPTION_SET, FIELD(dry_run),
	  .help = "reload: only say what it would change" },
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

/**
 * struct verb - a word behind a command
 * @command: the command
 * @verb: what it does
 * @word: the word
 * @object: what is behind it
 */
struct verb {
	arenactl_command *command;
	enum arenactl_verb verb;
	const char *word;
	const char *object;
};

static const struct verb verbs[] = {
	{ command_exports, ARENACTL_ADD, "add", "the NAME of an export and its DISK" },
	{ command_exports, ARENACTL_REMOVE, "remove", "the NAME of an export" },
	{ command_exports, ARENACTL_DRAIN, "drain", "the NAME of an export" },
	{ command_exports, ARENACTL_ADMIT, "admit", "the NAME of an export" },
	{ command_clients, ARENACTL_KILL, "kill", "a client as NP/CONNECTION, e.g. 0/17" },
	{ command_peers, ARENACTL_ADD, "add", "a NETWORK, e.g. 10.0.0.0/8" },
	{ command_peers, ARENACTL_REMOVE, "remove", "a NETWORK, e.g. 10.0.0.0/8" },
};

#define N_VERBS	(sizeof(verbs) / sizeof(verbs[0]))

static int take_verb(struct arenactl_options *o, const char *text, struct option_error *error)
{
	char words_of[64] = "";

	for (size_t i = 0; i < N_VERBS; i++) {
		size_t n = strlen(words_of);

		if (verbs[i].command != commands[o->command])
			continue;
		if (!strcmp(text, verbs[i].word)) {
			o->verb = verbs[i].verb;
			return 0;
		}
		snprintf(words_of + n, sizeof(words_of) - n, "%s%s", n ? ", " : "", verbs[i].word);
	}
	if (words_of[0])
		return option_refuse(error, "%.100s is none of %s", text, words_of);
	return option_refuse(error, "%.200s is not an option, and nothing else is expected", text);
}

/* NP/CONNECTION, as the list of clients has it. */
static int take_client(struct arenactl_options *o, char *text, struct option_error *error)
{
	char *slash = strchr(text, '/');

	if (slash)
		*slash = '\0';
	if (!slash || parse_u32(text, UINT32_MAX, &o->np) ||
	    parse_u32(slash + 1, UINT32_MAX, &o->connection))
		return option_refuse(error, "a client is NP/CONNECTION, e.g. 0/17, as the command "
				     "clients lists it");
	return 0;
}

static bool adds_export(const struct arenactl_options *o)
{
	return commands[o->command] == command_exports && o->verb == ARENACTL_ADD;
}

/* The words behind the command. */
static int take_more(void *values, char *text, struct option_error *error)
{
	struct arenactl_options *o = values;

	if (o->verb == ARENACTL_LIST)
		return take_verb(o, text, error);
	if (o->object && adds_export(o) && o->n_words < ARENACTL_WORDS) {
		o->word[o->n_words++] = text;
		return 0;
	}
	if (o->object)
		return option_refuse(error, "%.200s is not an option, and nothing else is expected",
				     text);
	o->object = text;
	return o->verb == ARENACTL_KILL ? take_client(o, text, error) : 0;
}

static const struct option_rule more_words = { .kind = OPTION_OTHER, .take = take_more };

static int check(const void *values, struct option_error *error)
{
	const struct arenactl_options *o = values;
	bool is_incomplete;

	if (o->command >= N_COMMANDS)
		return option_refuse(error, "a command is needed");
	is_incomplete = !o->object || (adds_export(o) && !o->n_words);
	for (size_t i = 0; i < N_VERBS && is_incomplete; i++)
		if (verbs[i].verb == o->verb && verbs[i].command == commands[o->command])
			return option_refuse(error, "%s %s needs %s", words[o->command],
					     verbs[i].word, verbs[i].object);
	if (o->drain && commands[o->command] != command_stop)
		return option_refuse(error, "--drain is for stop only; for one export there is "
				     "'exports drain NAME'");
	if (o->dry_run && commands[o->command] != command_reload)
		return option_refuse(error, "--dry-run is for reload only");
	if (o->every && commands[o->command] != command_trace)
		return option_refuse(error, "--every is for trace only");
	if (o->interval_seconds && commands[o->command] != command_top)
		return option_refuse(error, "--interval is for top only");
	if (o->json && commands[o->command] == command_top)
		return option_refuse(error, "top has no --json; use latency or metrics");
	if (o->json && commands[o->command] == command_metrics)
		return option_refuse(error, "metrics has no --json, as it prints OpenMetrics; use "
				     "counters, groups or latency");
	if (o->json && commands[o->command] == command_trace)
		return option_refuse(error, "trace has no --json, as bpftrace prints it");
	return 0;
}

static const struct option_part parts[] = {
	{ query_rules, offsetof(struct arenactl_options, target) },
	{ .rule = NULL },
};

static const struct option_table table = {
	.program = "arenactl",
	.about = "watch and steer arenad",
	.needed = "COMMAND [VERB OBJECT [VALUE...]]",
	.more = "Commands:\n\n"
		"  status    arenad and its processes\n"
		"  exports   exports, with their disks; 'add NAME DISK [KEY=VALUE...]' and\n"
		"            'remove NAME' behind it change which there are, by files; 'drain\n"
		"            NAME' has one take no further clients, and 'admit NAME' ends that\n"
		"  clients   connections of clients; 'kill NP/CONNECTION' behind it ends one\n"
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
		"  reload    read files again, and start lost storage processes; fails, too, if\n"
		"            something in the files needs an upgrade, or a stop and a start\n"
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
