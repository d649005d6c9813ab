/* SPDX-License-Identifier: MIT */
/*
 * The command line of arenactl. This header must not know what the commands do.
 */
#ifndef ARENACTL_OPTIONS_H
#define ARENACTL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * enum arenactl_exit - exit status of arenactl, beside OPTIONS_EXIT_USAGE
 * @ARENACTL_EXIT_OK: it was done
 * @ARENACTL_EXIT_FAILED: it was not done
 * @ARENACTL_EXIT_NO_ARENAD: no arenad answers
 * @ARENACTL_EXIT_DENIED: the user may not do that
 */
enum arenactl_exit {
	ARENACTL_EXIT_OK = 0,
	ARENACTL_EXIT_FAILED = 1,
	ARENACTL_EXIT_NO_ARENAD = 3,
	ARENACTL_EXIT_DENIED = 4,
};

struct arenactl_options;

/** arenactl_command - does what a command says, and prints it; an exit status */
typedef enum arenactl_exit arenactl_command(const struct arenactl_options *o);

/**
 * struct arenactl_options - the values of the command line, after checks
 * @command: which of the words was given
 * @run: what that command is
 * @region: name of the region; NULL for the only one
 * @runtime_dir: folder of arenad, or NULL
 * @json: print JSON
 * @timeout_seconds: how long arenad may take
 */
struct arenactl_options {
	unsigned int command;
	arenactl_command *run;
	const char *region;
	const char *runtime_dir;
	bool json;
	uint32_t timeout_seconds;
};

/** arenactl_options_parse() - read the command line; returns only if arenactl has to continue */
void arenactl_options_parse(struct arenactl_options *o, int argc, char **argv);

#endif /* ARENACTL_OPTIONS_H */
