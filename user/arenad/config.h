/* SPDX-License-Identifier: MIT */
/*
 * The configuration of arenad: its command line, and files of options. The usual file may be
 * missing; one that the command line names may not. The files of the folder beside it, FILE.d, are
 * read in the order of their names. This header must not know what the options mean.
 */
#ifndef ARENAD_CONFIG_H
#define ARENAD_CONFIG_H

#include <common/settings.h>
#include <exports/copy.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct outcome;
struct slots_change;

/**
 * struct config - the configuration
 * @settings: what was given
 * @begun: settings to which @options refer, too, if those of the exports in @settings are others
 * @options: what follows from it, and refers to it
 * @exports: what the exports in @options refer to after a reload
 * @path: paths of disks that were added by a reload
 * @given: the settings as text, see settings_lines(), with what a reload has put in use at its end
 * @shape: shape_text() of @options; NULL before config_place()
 * @is_behind: the exports are those of processes that run, and other ones are wanted
 * @argc: number of arguments
 * @argv: the arguments, to be read once more
 */
struct config {
	struct settings settings;
	struct settings begun;
	struct arenad_options options;
	struct export_copy exports;
	char *path[PROTO_MAX_SPS];
	char *given;
	char *shape;
	bool is_behind;
	int argc;
	char **argv;
};

/**
 * config_begin() - read the command line, and the files
 * @c: filled, to be freed with config_free()
 *
 * It returns only if arenad has to continue: a wrong configuration ends the process with status
 * OPTIONS_EXIT_USAGE and all its errors; --help, --check-config and --print-config end it, too.
 */
void config_begin(struct config *c, int argc, char **argv);

/**
 * config_place() - give each export its place, see slots.h
 * @c: the configuration
 * @running: shape_text() of processes that run already; NULL if there are none
 * @given: the text @given of the arenad that has started them
 *
 * If nothing else is in the way of adopting the processes but other exports, or other disks of
 * them, @c gets those that the processes have: a reload changes then what it can.
 *
 * Return: 0 or -ENOMEM.
 */
int config_place(struct config *c, const char *running, const char *given);

/**
 * config_reload() - read everything again, and log what has changed
 * @c: gets the exports, with their limits and rules, and who the peers are, and nothing else
 * @usable: bits of the vacant entries in which a process could begin now
 * @change: which exports were added and removed, if all was right
 * @out: empty; filled with what has changed, and what stays as it was, for outcome_free()
 *
 * The caller tells the processes, and whoever keeps @c->given and @c->shape, which are other texts
 * if they say something else then. One line names what else has changed, and says what would put
 * that in use. Errors are logged, too.
 *
 * Return: is it right?
 */
bool config_reload(struct config *c, uint32_t usable, struct slots_change *change,
		   struct outcome *out);

/**
 * config_try() - find out what config_reload() would do, and change nothing
 *
 * Return: would it be right? Errors are logged.
 */
bool config_try(struct config *c, uint32_t usable, struct outcome *out);

/** config_text() - the configuration as a file, to be freed with free(); NULL if there is none */
char *config_text(struct config *c);

/** config_free() - free everything, to which the options refer */
void config_free(struct config *c);

#endif /* ARENAD_CONFIG_H */
