/* SPDX-License-Identifier: MIT */
/*
 * The command line of arenactl. This header must not know what the commands do.
 */
#ifndef ARENACTL_OPTIONS_H
#define ARENACTL_OPTIONS_H

#include <query/call.h>
#include <stdbool.h>

struct arenactl_options;

/** arenactl_command - does what a command says, and prints it; an exit status */
typedef enum query_status arenactl_command(const struct arenactl_options *o);

/**
 * struct arenactl_options - the values of the command line, after checks
 * @command: which of the words was given
 * @run: what that command is
 * @target: the arenad that is asked
 * @json: print JSON
 */
struct arenactl_options {
	unsigned int command;
	arenactl_command *run;
	struct query_target target;
	bool json;
};

/** arenactl_options_parse() - read the command line; returns only if arenactl has to continue */
void arenactl_options_parse(struct arenactl_options *o, int argc, char **argv);

#endif /* ARENACTL_OPTIONS_H */
