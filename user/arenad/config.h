/* SPDX-License-Identifier: MIT */
/*
 * The configuration of arenad: its command line, and files of options. The usual file may be
 * missing; one that the command line names may not. The files of the folder beside it, FILE.d, are
 * read in the order of their names. This header must not know what the options mean.
 */
#ifndef ARENAD_CONFIG_H
#define ARENAD_CONFIG_H

#include <common/settings.h>
#include <exports/rules.h>
#include <stdbool.h>

#include "options.h"

/**
 * struct config - the configuration
 * @settings: what was given
 * @options: what follows from it, and refers to it
 * @rules: what the rules of exports in @options refer to after a reload
 * @given: the settings as text, see settings_lines(), with what a reload has put in use at its end
 * @argc: number of arguments
 * @argv: the arguments, to be read once more
 */
struct config {
	struct settings settings;
	struct arenad_options options;
	struct rules rules;
	char *given;
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
 * config_reload() - read everything again, and log what has changed
 * @c: gets the limits and the rules of the exports, and nothing else
 *
 * If there are the same exports, these are put in use; the caller tells the processes, and whoever
 * keeps @c->given, which is another text if it says something else then. One line
 * names what else has changed, and says what would put that in use. Errors are logged, too.
 *
 * Return: is it right?
 */
bool config_reload(struct config *c);

/** config_text() - the configuration as a file, to be freed with free(); NULL if there is none */
char *config_text(struct config *c);

/** config_free() - free everything, to which the options refer */
void config_free(struct config *c);

#endif /* ARENAD_CONFIG_H */
