/* SPDX-License-Identifier: MIT */
/*
 * The command line of arenactl. This header must not know what the commands do.
 */
#ifndef ARENACTL_OPTIONS_H
#define ARENACTL_OPTIONS_H

#include <query/call.h>
#include <stdbool.h>
#include <stdint.h>

struct arenactl_options;

/** arenactl_command - does what a command says, and prints it; an exit status */
typedef enum query_status arenactl_command(const struct arenactl_options *o);

/**
 * enum arenactl_verb - what a command does to one thing
 * @ARENACTL_LIST: nothing: the things are listed
 * @ARENACTL_DRAIN: exports: it takes no further clients
 * @ARENACTL_ADMIT: exports: it takes clients again
 * @ARENACTL_KILL: clients: the connection ends
 * @ARENACTL_ADD: exports: it is served; peers: it may connect
 * @ARENACTL_REMOVE: exports: it is served no more; peers: it may connect no more
 */
enum arenactl_verb {
	ARENACTL_LIST,
	ARENACTL_DRAIN,
	ARENACTL_ADMIT,
	ARENACTL_KILL,
	ARENACTL_ADD,
	ARENACTL_REMOVE,
};

/* Words behind the name of an export that is added. */
#define ARENACTL_WORDS	32U

/**
 * struct arenactl_options - the values of the command line, after checks
 * @command: which of the words was given
 * @run: what that command is
 * @target: the arenad that is asked
 * @json: print JSON
 * @verb: what is done to @object
 * @object: the name of an export, or the network of a peer; NULL without a verb
 * @n_words: used entries of @word
 * @word: exports add: the disk, and KEY=VALUE of other options
 * @np: the number of the network process of the connection that is to end
 * @connection: what that calls it
 * @dry_run: reload: only say what it would do
 * @drain: stop: wait until no client is connected any more
 * @interval_seconds: how often the live view looks; 0 if that was not given
 * @every: trace: draw one request of so many; 0 if it was not given
 */
struct arenactl_options {
	unsigned int command;
	arenactl_command *run;
	struct query_target target;
	bool json;
	enum arenactl_verb verb;
	const char *object;
	unsigned int n_words;
	const char *word[ARENACTL_WORDS];
	uint32_t np;
	uint32_t connection;
	bool dry_run;
	bool drain;
	uint32_t interval_seconds;
	uint32_t every;
};

/** arenactl_options_parse() - read the command line; returns only if arenactl has to continue */
void arenactl_options_parse(struct arenactl_options *o, int argc, char **argv);

#endif /* ARENACTL_OPTIONS_H */
