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
 * struct arenactl_client - a connection
 * @is_given: it was given
 * @np: number of its network process
 * @connection: what that calls it
 */
struct arenactl_client {
	bool is_given;
	uint32_t np;
	uint32_t connection;
};

/**
 * enum arenactl_edit - what becomes of a peer
 * @ARENACTL_LIST: nothing: the peers are listed
 * @ARENACTL_ADD: it is added
 * @ARENACTL_REMOVE: it is removed
 */
enum arenactl_edit {
	ARENACTL_LIST,
	ARENACTL_ADD,
	ARENACTL_REMOVE,
};

/**
 * struct arenactl_options - the values of the command line, after checks
 * @command: which of the words was given
 * @run: what that command is
 * @target: the arenad that is asked
 * @json: print JSON
 * @kill: the connection that is to end
 * @drain: the export that is to take no further clients, or NULL
 * @admit: the export that is to take them again, or NULL
 * @edit: peers: what becomes of @network, enum arenactl_edit
 * @network: the network of a peer
 * @interval_seconds: how often the live view looks; 0 if that was not given
 * @every: trace: draw one request of so many; 0 if it was not given
 */
struct arenactl_options {
	unsigned int command;
	arenactl_command *run;
	struct query_target target;
	bool json;
	struct arenactl_client kill;
	const char *drain;
	const char *admit;
	unsigned int edit;
	const char *network;
	uint32_t interval_seconds;
	uint32_t every;
};

/** arenactl_options_parse() - read the command line; returns only if arenactl has to continue */
void arenactl_options_parse(struct arenactl_options *o, int argc, char **argv);

#endif /* ARENACTL_OPTIONS_H */
