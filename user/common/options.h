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
 * enum option_scope - what an option is about, and where a file may give it
 * @OPTION_FOR_ALL: the program; a file has it in the section of the program
 * @OPTION_FOR_ONE: the thing that its value "NAME=REST" names; a file has REST in its section
 * @OPTION_ADDS_ONE: the same, and the thing exists by this option
 * @OPTION_NAMES_ONE: the thing that its value names; a file has yes or no in its section
 * @OPTION_NOW: this one run of the program; no file has it
 */
enum option_scope {
	OPTION_FOR_ALL,
	OPTION_FOR_ONE,
	OPTION_ADDS_ONE,
	OPTION_NAMES_ONE,
	OPTION_NOW,
};

/**
 * struct option_error - why a value is refused, as the user reads it
 * @text: filled by option_refuse()
 */
struct option_error {
	char text[512];
};

/** option_refuse() - say why; returns -EINVAL */
int option_refuse(struct option_error *error, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * struct option_rule - an option
 * @name: without the two dashes
 * @letter: its short form, or 0
 * @is_needed: the program cannot do without
 * @may_repeat: all values that are given count, and not the last one
 * @scope: what it is about
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
	bool may_repeat;
	enum option_scope scope;
	enum option_kind kind;
	size_t field;
	uint64_t min;
	uint64_t max;
	const char *const *words;
	int (*take)(void *values, char *text, struct option_error *error);
	const char *argument;
	const char *help;
};

/** option_is_about_one() - is it about a thing that its value names? */
static inline bool option_is_about_one(const struct option_rule *rule)
{
	return rule->scope == OPTION_FOR_ONE || rule->scope == OPTION_ADDS_ONE ||
	       rule->scope == OPTION_NAMES_ONE;
}

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
 * @needed: the options and the word that are needed, for the line of --help on usage
 * @more: text of --help after the options
 * @rule: the options, one without a name at the end
 * @part: options that several programs have, one without options at the end; NULL if none
 * @thing: in files: the word of sections for options that name a thing; NULL if there are none
 * @word: what the first argument is that is no option; NULL if there is none
 * @more_words: what each further one is, an OPTION_OTHER; NULL if there are none
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
	const char *thing;
	const struct option_rule *word;
	const struct option_rule *more_words;
	int (*check)(const void *values, struct option_error *error);
};

/**
 * options_parse() - read a command line into @values, which has the defaults
 *
 * It returns only if the command line is right. A wrong one ends the process with status
 * OPTIONS_EXIT_USAGE; --help, --usage and --version end it with status 0.
 */
void options_parse(const struct option_table *table, void *values, int argc, char **argv);

/**
 * option_take() - read the value of an option
 * @rule: the option
 * @text: the value, which may be changed and has to outlive @values; NULL if it takes none
 * @values: the structure that @rule is of
 * @error: says what is wrong
 *
 * Return: 0 or what option_refuse() returns.
 */
int option_take(const struct option_rule *rule, char *text, void *values,
		struct option_error *error);

/** size_text() - "4K" for 4096: the greatest unit of which it is a multiple; returns @text */
const char *size_text(uint64_t size, char *text, size_t room);

/**
 * struct option_known - an option of a program
 * @rule: the option
 * @at: offset of the structure that it fills in, in that of all values
 */
struct option_known {
	const struct option_rule *rule;
	size_t at;
};

/* The options of a program, those of parts too. */
#define OPTIONS_MAX	96

/** options_list() - the options of a program, those of its parts last; returns how many */
unsigned int options_list(const struct option_table *table, struct option_known all[OPTIONS_MAX]);

/**
 * option_visit - called for each option of a command line, and at its end
 * @context: whatever
 * @known: the option; NULL at the end
 * @text: its value, or NULL
 * @error: says what is wrong
 *
 * Return: 0 or what option_refuse() returns.
 */
typedef int option_visit(void *context, const struct option_known *known, char *text,
			 struct option_error *error);

/** options_walk() - visit a command line; returns, and ends the process, as options_parse() */
void options_walk(const struct option_table *table, int argc, char **argv, option_visit *visit,
		  void *context);

#endif /* COMMON_OPTIONS_H */
