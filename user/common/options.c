// SPDX-License-Identifier: MIT
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

/* Options without a short form have keys that are no characters. */
#define FIRST_KEY	256

/* Room for the list of all words that an option may have. */
#define WORDS_SIZE	384

/**
 * struct walk - a command line that is being read
 * @n: used entries of @known
 * @known: the options
 * @word: the first argument that is no option; without a rule if there is none
 * @more_words: each further one, likewise
 * @visit: called for each that is given
 * @context: for @visit
 */
struct walk {
	unsigned int n;
	struct option_known known[OPTIONS_MAX];
	struct option_known word;
	struct option_known more_words;
	option_visit *visit;
	void *context;
};

/**
 * struct parse - values that are being filled in
 * @table: the program's options
 * @values: the structure of all values
 * @seen: which options were given
 * @n: used entries of @seen
 */
struct parse {
	const struct option_table *table;
	void *values;
	const struct option_rule *seen[OPTIONS_MAX];
	unsigned int n;
};

int option_refuse(struct option_error *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(error->text, sizeof(error->text), fmt, ap) < 0)
		error->text[0] = '\0';
	va_end(ap);
	return -EINVAL;
}

const char *size_text(uint64_t size, char *text, size_t room)
{
	static const char units[] = "\0KMGT";
	unsigned int unit = 0;

	for (; size && size % 1024 == 0 && unit < 4; unit++)
		size /= 1024;
	snprintf(text, room, "%" PRIu64 "%.1s", size, units + unit);
	return text;
}

static int take_number(const struct option_rule *rule, const char *text, void *field,
		       struct option_error *error)
{
	uint32_t value;

	if (parse_u32(text, (uint32_t)rule->max, &value) || value < rule->min)
		return option_refuse(error, "%s is not a number from %" PRIu64 " to %" PRIu64,
				     text, rule->min, rule->max);
	*(uint32_t *)field = value;
	return 0;
}

static int take_size(const struct option_rule *rule, const char *text, void *field,
		     struct option_error *error)
{
	char min[24], max[24];
	uint64_t value;
	int ret = parse_size(text, &value);

	if (ret == -EINVAL)
		return option_refuse(error, "%s is not a size; use e.g. %s", text,
				     size_text(rule->max, max, sizeof(max)));
	if (ret || value < rule->min || value > rule->max)
		return option_refuse(error, "%s is not a size from %s to %s", text,
				     size_text(rule->min, min, sizeof(min)),
				     size_text(rule->max, max, sizeof(max)));
	*(uint64_t *)field = value;
	return 0;
}

/* A word that has no room is left out, as a part of it would be read as another word. */
static void add_word(char all[WORDS_SIZE], const char *word)
{
	size_t n = strlen(all);

	if (n + strlen(word) + sizeof(", ") <= WORDS_SIZE)
		snprintf(all + n, WORDS_SIZE - n, "%s%s", n ? ", " : "", word);
}

static int take_word(const struct option_rule *rule, const char *text, void *field,
		     struct option_error *error)
{
	char all[WORDS_SIZE] = "";

	for (unsigned int i = 0; rule->words[i]; i++) {
		if (!strcmp(text, rule->words[i])) {
			*(unsigned int *)field = i;
			return 0;
		}
		add_word(all, rule->words[i]);
	}
	return option_refuse(error, "%.100s is none of %s", text, all);
}

int option_take(const struct option_rule *rule, char *text, void *values,
		struct option_error *error)
{
	void *field = (char *)values + rule->field;

	switch (rule->kind) {
	case OPTION_SET:
	case OPTION_CLEAR:
		*(bool *)field = rule->kind == OPTION_SET;
		return 0;
	case OPTION_TEXT:
		*(const char **)field = text;
		return *text ? 0 : option_refuse(error, "must not be empty");
	case OPTION_NUMBER:
		return take_number(rule, text, field, error);
	case OPTION_SIZE:
		return take_size(rule, text, field, error);
	case OPTION_WORD:
		return take_word(rule, text, field, error);
	case OPTION_OTHER:
		return rule->take(values, text, error);
	}
	return -EINVAL;
}

static int key_of(const struct walk *w, unsigned int i)
{
	const struct option_rule *rule = w->known[i].rule;

	return rule->letter ? rule->letter : FIRST_KEY + (int)i;
}

static void visit_one(struct walk *w, unsigned int i, char *text, struct argp_state *state)
{
	struct option_error error;

	if (w->visit(w->context, &w->known[i], text, &error))
		argp_error(state, "--%s: %s", w->known[i].rule->name, error.text);
}

static error_t parse_key(int key, char *text, struct argp_state *state)
{
	struct walk *w = state->input;
	const struct option_known *word = state->arg_num ? &w->more_words : &w->word;
	struct option_error error;

	if (key == ARGP_KEY_ARG && word->rule) {
		if (w->visit(w->context, word, text, &error))
			argp_error(state, "%s", error.text);
		return 0;
	}
	if (key == ARGP_KEY_ARG)
		argp_error(state, "%s is not an option, and nothing else is expected", text);
	if (key == ARGP_KEY_END && w->visit(w->context, NULL, NULL, &error))
		argp_error(state, "%s", error.text);
	for (unsigned int i = 0; i < w->n; i++) {
		if (key != key_of(w, i))
			continue;
		visit_one(w, i, text, state);
		return 0;
	}
	return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

static void add_rules(struct option_known *all, unsigned int *n, const struct option_rule *rule,
		      size_t at)
{
	for (; rule->name; rule++) {
		if (*n == OPTIONS_MAX)
			abort();
		all[(*n)++] = (struct option_known){ rule, at };
	}
}

unsigned int options_list(const struct option_table *table, struct option_known all[OPTIONS_MAX])
{
	unsigned int n = 0;

	add_rules(all, &n, table->rule, 0);
	for (const struct option_part *part = table->part; part && part->rule; part++)
		add_rules(all, &n, part->rule, part->at);
	return n;
}

void options_walk(const struct option_table *table, int argc, char **argv, option_visit *visit,
		  void *context)
{
	struct argp_option option[OPTIONS_MAX + 1] = { 0 };
	struct walk w = {
		.word.rule = table->word, .more_words.rule = table->more_words,
		.visit = visit, .context = context,
	};
	struct argp argp = {
		.options = option,
		.parser = parse_key,
		.args_doc = table->needed,
	};
	static char version[64];
	char doc[2048];

	w.n = options_list(table, w.known);
	for (unsigned int i = 0; i < w.n; i++)
		option[i] = (struct argp_option){
			.name = w.known[i].rule->name,
			.key = key_of(&w, i),
			.arg = w.known[i].rule->argument,
			.doc = w.known[i].rule->help,
		};
	/* What follows \v is printed after the options. */
	snprintf(doc, sizeof(doc), "%s: %s\v%s", table->program, table->about, table->more);
	argp.doc = doc;
	snprintf(version, sizeof(version), "%s %s", table->program, MSHAREARENA_VERSION);
	argp_program_version = version;
	argp_err_exit_status = OPTIONS_EXIT_USAGE;
	/* Only a lack of memory comes back: every other error ends the process. */
	if (argp_parse(&argp, argc, argv, 0, NULL, &w))
		exit(EXIT_FAILURE);
}

static bool was_seen(const struct parse *p, const struct option_rule *rule)
{
	for (unsigned int i = 0; i < p->n; i++)
		if (p->seen[i] == rule)
			return true;
	return false;
}

static int check_all(const struct parse *p, struct option_error *error)
{
	struct option_known all[OPTIONS_MAX];
	unsigned int n = options_list(p->table, all);

	for (unsigned int i = 0; i < n; i++)
		if (all[i].rule->is_needed && !was_seen(p, all[i].rule))
			return option_refuse(error, "--%s is needed", all[i].rule->name);
	return p->table->check ? p->table->check(p->values, error) : 0;
}

static int take_at_once(void *context, const struct option_known *known, char *text,
			struct option_error *error)
{
	struct parse *p = context;

	if (!known)
		return check_all(p, error);
	if (!was_seen(p, known->rule))
		p->seen[p->n++] = known->rule;
	return option_take(known->rule, text, (char *)p->values + known->at, error);
}

void options_parse(const struct option_table *table, void *values, int argc, char **argv)
{
	struct parse p = { .table = table, .values = values };

	options_walk(table, argc, argv, take_at_once, &p);
}
