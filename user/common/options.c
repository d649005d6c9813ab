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

#define MAX_RULES	96
/* Options without a short form have keys that are no characters. */
#define FIRST_KEY	256

/**
 * struct parse - a command line that is being read
 * @table: the program's options
 * @values: the structure of all values
 * @n: used entries of @rule
 * @rule: the options, those of the table's parts last
 * @to: the structure that each option belongs to
 * @seen: which options were given
 */
struct parse {
	const struct option_table *table;
	void *values;
	unsigned int n;
	const struct option_rule *rule[MAX_RULES];
	void *to[MAX_RULES];
	bool seen[MAX_RULES];
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

/* "4K" for 4096: the greatest unit of which it is a multiple. */
static const char *size_text(uint64_t size, char *text, size_t room)
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

static int take_word(const struct option_rule *rule, const char *text, void *field,
		     struct option_error *error)
{
	char all[128] = "";

	for (unsigned int i = 0; rule->words[i]; i++) {
		if (!strcmp(text, rule->words[i])) {
			*(unsigned int *)field = i;
			return 0;
		}
		if (i)
			strncat(all, ", ", sizeof(all) - strlen(all) - 1);
		strncat(all, rule->words[i], sizeof(all) - strlen(all) - 1);
	}
	return option_refuse(error, "%s is none of %s", text, all);
}

static int take(const struct option_rule *rule, char *text, void *values,
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

static int key_of(const struct parse *p, unsigned int i)
{
	return p->rule[i]->letter ? p->rule[i]->letter : FIRST_KEY + (int)i;
}

static void check_all(struct parse *p, struct argp_state *state)
{
	struct option_error error;

	for (unsigned int i = 0; i < p->n; i++)
		if (p->rule[i]->is_needed && !p->seen[i])
			argp_error(state, "--%s is needed", p->rule[i]->name);
	if (p->table->check && p->table->check(p->values, &error))
		argp_error(state, "%s", error.text);
}

static error_t parse_key(int key, char *text, struct argp_state *state)
{
	struct parse *p = state->input;
	struct option_error error;

	if (key == ARGP_KEY_ARG)
		argp_error(state, "%s is not an option, and nothing else is expected", text);
	if (key == ARGP_KEY_END)
		check_all(p, state);
	for (unsigned int i = 0; i < p->n; i++) {
		if (key != key_of(p, i))
			continue;
		p->seen[i] = true;
		if (take(p->rule[i], text, p->to[i], &error))
			argp_error(state, "--%s: %s", p->rule[i]->name, error.text);
		return 0;
	}
	return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

static void add_rules(struct parse *p, const struct option_rule *rule, void *to)
{
	for (; rule->name; rule++) {
		if (p->n == MAX_RULES)
			abort();
		p->rule[p->n] = rule;
		p->to[p->n++] = to;
	}
}

void options_parse(const struct option_table *table, void *values, int argc, char **argv)
{
	struct argp_option option[MAX_RULES + 1] = { 0 };
	struct parse p = { .table = table, .values = values };
	struct argp argp = {
		.options = option,
		.parser = parse_key,
		.args_doc = table->needed,
	};
	static char version[64];
	char doc[2048];

	add_rules(&p, table->rule, values);
	for (const struct option_part *part = table->part; part && part->rule; part++)
		add_rules(&p, part->rule, (char *)values + part->at);
	for (unsigned int i = 0; i < p.n; i++)
		option[i] = (struct argp_option){
			.name = p.rule[i]->name,
			.key = key_of(&p, i),
			.arg = p.rule[i]->argument,
			.doc = p.rule[i]->help,
		};
	/* What follows \v is printed after the options. */
	snprintf(doc, sizeof(doc), "%s: %s\v%s", table->program, table->about, table->more);
	argp.doc = doc;
	snprintf(version, sizeof(version), "%s %s", table->program, MSHAREARENA_VERSION);
	argp_program_version = version;
	argp_err_exit_status = OPTIONS_EXIT_USAGE;
	/* Only a lack of memory comes back: every other error ends the process. */
	if (argp_parse(&argp, argc, argv, 0, NULL, &p))
		exit(EXIT_FAILURE);
}
