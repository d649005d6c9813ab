/* SPDX-License-Identifier: MIT */
/*
 * The command by which arenad was started, so that the same one can be executed again. This header
 * must not know what the arguments mean.
 */
#ifndef ARENAD_COMMAND_H
#define ARENAD_COMMAND_H

#include <limits.h>

/**
 * struct command - a command
 * @path: the program as it was named, so that a version that is installed later is found there
 * @argv: copies of the arguments, as they are changed when they are read
 */
struct command {
	char path[PATH_MAX];
	char **argv;
};

/**
 * command_keep() - keep the command of this process
 * @c: filled, to be freed with command_free(), also if the call fails
 * @argv: the arguments of main(), not yet changed
 *
 * Return: 0 or -errno.
 */
int command_keep(struct command *c, char **argv);

/**
 * command_exec() - execute the program with the same arguments, and one more
 * @c: command
 * @more: the argument, or NULL
 *
 * Return: -errno.
 */
int command_exec(const struct command *c, const char *more);

/** command_free() - free the copies */
void command_free(struct command *c);

#endif /* ARENAD_COMMAND_H */
