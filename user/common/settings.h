/* SPDX-License-Identifier: MIT */
/*
 * All that a user has set, on the command line and in files, by one table of options. A file has a
 * section of the program, "[arenad]", and one for each thing, "[export NAME]"; its keys are the
 * names of the options. Special characters in a NAME are written as %XX, as in a URI. A value
 * overrides those that were read before it, and the command line overrides all files. An empty
 * value stands for the default.
 *
 * This header must not know of any program's options.
 */
#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

#include <stdbool.h>
#include <stdio.h>

#include "options.h"

/* So many errors are told of; the others are counted. */
#define SETTINGS_FAULTS_MAX	20U

/**
 * struct settings_fault - an error
 * @file: number of the file; SETTINGS_COMMAND_LINE, also for what is in no file
 * @line: line of the file; 0 if it is the whole file
 * @text: as people read it
 */
struct settings_fault {
	unsigned int file;
	unsigned int line;
	char *text;
};

/**
 * struct setting - an option that was given
 * @known: the option
 * @file: number of the file, from 0 on; SETTINGS_COMMAND_LINE
 * @line: line of the file
 * @name: the thing that it is about, or NULL
 * @value: its value, without that name; NULL if it has none
 * @text: what the option's own parser has got, which the values refer to
 * @is_void: something that was read later is in its place
 */
struct setting {
	struct option_known known;
	unsigned int file;
	unsigned int line;
	char *name;
	char *value;
	char *text;
	bool is_void;
};

#define SETTINGS_COMMAND_LINE	(~0U)

/**
 * struct settings - all of them
 * @table: the options
 * @n_known: used entries of @known
 * @known: the options
 * @n: used entries of @list
 * @list: the settings, in the order in which they were read
 * @n_files: used entries of @file
 * @file: paths of the files that were read
 * @faults: how many errors were found
 * @n_held: used entries of @held
 * @held: the first errors of those that were not told of yet, in the order of the files
 * @is_incomplete: a file could not be read
 * @lacks_memory: memory was short, so not all are there
 * @say: called with each error, as a line for people
 */
struct settings {
	const struct option_table *table;
	unsigned int n_known;
	struct option_known known[OPTIONS_MAX];
	unsigned int n;
	struct setting *list;
	unsigned int n_files;
	char **file;
	unsigned int faults;
	unsigned int n_held;
	struct settings_fault held[SETTINGS_FAULTS_MAX];
	bool is_incomplete;
	bool lacks_memory;
	void (*say)(const char *line);
};

/** settings_init() - have none; to be freed by settings_free() */
void settings_init(struct settings *s, const struct option_table *table,
		   void (*say)(const char *line));

/**
 * settings_command_line() - read a command line
 *
 * An option that does not exist, or lacks its value, ends the process, as do --help, --usage and
 * --version; see options_parse().
 */
void settings_command_line(struct settings *s, int argc, char **argv);

/**
 * settings_file() - read a file
 *
 * settings_apply() tells of its errors.
 */
void settings_file(struct settings *s, const char *path);

/** settings_bytes() - the same with the bytes of a file, whose name is for errors only */
void settings_bytes(struct settings *s, const char *name, const char *data, size_t size);

/** settings_text() - the last value of an option, or NULL; "" for one that has no values */
const char *settings_text(const struct settings *s, const char *name);

/**
 * settings_apply() - fill in values
 * @s: the settings
 * @values: the structure of all values, which has the defaults, and refers to @s afterwards
 *
 * It tells of all errors, also of those that were found before, in the order of the files and of
 * their lines, and last of those of the command line. Return: 0; -EINVAL; -ENOMEM.
 */
int settings_apply(struct settings *s, void *values);

/**
 * settings_print() - write all of it as a file, which has the same effect
 * @s: the settings, after settings_apply()
 * @values: what that has filled in
 * @f: where to
 *
 * Options that were not set are there as comments. The function tells of its errors.
 *
 * Return: 0; -EINVAL if a file cannot say it.
 */
int settings_print(struct settings *s, const void *values, FILE *f);

/**
 * settings_lines() - what counts, with a line for each setting, as the command line would have it
 * @s: the settings, after settings_apply()
 *
 * The lines are in the order of the options, so the same settings have the same text, wherever they
 * were given.
 *
 * Return: to be freed with free(); NULL if there is no memory.
 */
char *settings_lines(const struct settings *s);

/**
 * settings_add_lines() - take settings from lines that settings_lines() has written
 * @s: the settings
 * @lines: the lines, perhaps of a program of another version
 * @wants: called with each option; those for which it returns false are left out
 *
 * An option that does not exist here is an error; settings_apply() fails then.
 */
void settings_add_lines(struct settings *s, const char *lines,
			bool (*wants)(const struct option_rule *rule));

/** settings_free() - free everything; the values do not refer to it any more */
void settings_free(struct settings *s);

#endif /* COMMON_SETTINGS_H */
