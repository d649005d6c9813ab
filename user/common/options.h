/* SPDX-License-Identifier: MIT */
/*
 * The one parser of command lines. A program has a table of its options; --help,
 * --usage, --version, the ranges of values and the errors come from it. It must not know
 * of any program's options.
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit status of a program whose command line is wrong. */
#define OPTIONS_EXIT_USAGE	2

/**
 * enum option_kind - the value of an option, and the type of its field
 * @OPTION_SET: takes nothing; a bool becomes true
 * @OPTION_CLEAR: takes nothing; a bool becomes false
 * @OPTION_TEXT: a const char *, not empty
 * @OPTION_NUMBER: a uint32_t, in decimal, from @min to @max
 * @OPTION_SIZE: a uint64_t, bytes with an optional K, M, G or T, from @min to @max
 * @OPTION_WORD: an unsigned int, the index of one of @words
 * @OPTION_OTHER: a function reads it
 */
enum option_kind {
	OPTION_SET,
	OPTION_CLEAR,
	OPTION_TEXT,
	OPTION_NUMBER,
	OPTION_SIZE,
	OPTION_WORD,
	OPTION_OTHER,
};

/**
 * struct option_error - why a value is refused, as the user reads it
 * @text: filled by option_refuse()
 */
struct option_error {
	char text[256];
};

/** option_refuse() - say why; returns -EINVAL */
int option_refuse(struct option_error *error, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * struct option_rule - an option
 * @name: without the two dashes
 * @letter: its short form, or 0
 * @is_needed: the program cannot do without
 * @kind: kind of its value
 * @field: offset of its value in the structure of values
 * @min: least number or size
 * @max: greatest number or size
 * @words: OPTION_WORD: the words, NULL at the end
 * @take: OPTION_OTHER: reads the text, which is part of argv and may be changed, into
 *	@values; 0 or what option_refuse() returns
 * @argument: name of its value in the help; NULL if it takes none
 * @help: its description in the help
 */
struct option_rule {
	const char *name;
	char letter;
	bool is_needed;
	enum option_kind kind;
	size_t field;
	uint64_t min;
	uint64_t max;
	const char *const *words;
	int (*take)(void *values, char *text, struct option_error *error);
	const char *argument;
	const char *help;
};

/**
 * struct option_part - options that several programs have
 * @rule: the options, one without a name at the end
 * @at: offset, in the structure of values, of the structure that they fill in
 */
struct option_part {
	const struct option_rule *rule;
	size_t at;
};

/**
 * struct option_table - all options of a program
 * @program: its name
 * @about: one line that describes the program
 * @needed: the options that are needed, for the line of --help on usage
 * @more: text of --help after the options
 * @rule: the options, one without a name at the end
 * @part: options that several programs have, one without options at the end; NULL if none
 * @check: checks all values together, and returns 0 or the result of option_refuse();
 *	NULL if there is nothing to check
 */
struct option_table {
	const char *program;
	const char *about;
	const char *needed;
	const char *more;
	const struct option_rule *rule;
	const struct option_part *part;
	int (*check)(const void *values, struct option_error *error);
};

/**
 * options_parse() - read a command line into @values, which has the defaults
 *
 * It returns only if the command line is right. A wrong one ends the process with status
 * OPTIONS_EXIT_USAGE; --help, --usage and --version end it with status 0.
 */
void options_parse(const struct option_table *table, void *values, int argc, char **argv);

#endif /* COMMON_OPTIONS_H */
