// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "config.h"

#include <common/log.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shape.h"

#define ENDING	".conf"

static void say_on_terminal(const char *line)
{
	fprintf(stderr, "arenad: %s\n", line);
}

static int is_config(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name), ending = strlen(ENDING);

	return n > ending && entry->d_name[0] != '.' &&
	       !strcmp(entry->d_name + n - ending, ENDING);
}

/* By their bytes: the order must not depend on a language. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_one(struct settings *s, const char *folder, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		s->lacks_memory = true;
		return;
	}
	settings_file(s, path);
	free(path);
}

static void read_folder(struct settings *s, const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, is_config, by_name);

	/* A folder that cannot be read is found by the next call, with its name. */
	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		settings_file(s, folder);
	for (int i = 0; i < n; i++) {
		read_one(s, folder, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free((void *)list);
}

static void read_files(struct settings *s)
{
	const char *given = settings_text(s, "config"), *path = given ? given : ARENAD_CONFIG;
	char *folder;

	if (!strcmp(path, "none"))
		return;
	if (given || !access(path, F_OK) || errno != ENOENT)
		settings_file(s, path);
	if (asprintf(&folder, "%s.d", path) < 0) {
		s->lacks_memory = true;
		return;
	}
	read_folder(s, folder);
	free(folder);
}

static int fill(struct config *c, int argc, char **argv, void (*say)(const char *line))
{
	*c = (struct config){ .argc = argc, .argv = argv };
	settings_init(&c->settings, &arenad_table, say);
	settings_command_line(&c->settings, argc, argv);
	arenad_options_init(&c->options);
	read_files(&c->settings);
	return settings_apply(&c->settings, &c->options);
}

__attribute__((noreturn))
static void refuse(const struct settings *s)
{
	if (s->lacks_memory)
		say_on_terminal("there is no memory for the options");
	if (!s->n_files)
		fprintf(stderr, "Try `arenad --help' or `arenad --usage' for more information.\n");
	exit(s->lacks_memory ? EXIT_FAILURE : OPTIONS_EXIT_USAGE);
}

__attribute__((noreturn))
static void end(bool is_written)
{
	if (!is_written || fflush(stdout)) {
		fprintf(stderr, "arenad: cannot write to standard output: %s\n", strerror(errno));
		exit(EXIT_FAILURE);
	}
	exit(EXIT_SUCCESS);
}

/* Room for the rules of an export in a line of the log. */
#define RULES_LOG_SIZE	256

/* Is it a line of an option that a reload puts in use? */
static bool is_live(const char *line)
{
	static const char *const live[] = { "--limit ", "--allow " };

	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
		if (!strncmp(line, live[i], strlen(live[i])))
			return true;
	return false;
}

/* Add the lines that a reload puts in use, or the others. */
static void add_lines(FILE *f, const char *lines, bool wants_live)
{
	for (const char *at = lines; *at;) {
		size_t length = strcspn(at, "\n");

		if (is_live(at) == wants_live)
			fprintf(f, "%.*s\n", (int)length, at);
		at += length + (at[length] == '\n');
	}
}

/*
 * The settings as text, with what a reload has put in use, of other ones, at its end. Return: NULL
 * without memory.
 */
static char *given_text(const struct settings *s, const struct settings *live)
{
	char *text = NULL, *lines = settings_lines(s), *others = settings_lines(live);
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f && lines && others) {
		add_lines(f, lines, false);
		add_lines(f, others, true);
	}
	if (f && (fclose(f) || !lines || !others)) {
		free(text);
		text = NULL;
	}
	free(lines);
	free(others);
	return text;
}

void config_begin(struct config *c, int argc, char **argv)
{
	if (fill(c, argc, argv, say_on_terminal))
		refuse(&c->settings);
	if (c->options.print_config) {
		char *text = config_text(c);
		bool is_written = text && fputs(text, stdout) >= 0;

		if (!text)
			refuse(&c->settings);
		free(text);
		end(is_written);
	}
	if (c->options.check_config)
		end(puts("ok") >= 0);
	c->given = given_text(&c->settings, &c->settings);
	if (!c->given) {
		c->settings.lacks_memory = true;
		refuse(&c->settings);
	}
}

static void say_in_log(const char *line)
{
	log_error("reload: %s", line);
}

static bool has_same_exports(const struct arenad_options *a, const struct arenad_options *b)
{
	if (a->exports.n != b->exports.n)
		return false;
	for (unsigned int i = 0; i < a->exports.n; i++)
		if (strcmp(a->exports.export[i].label, b->exports.export[i].label) != 0)
			return false;
	return true;
}

static void log_limit(const struct arenad_options *o, unsigned int i)
{
	char text[LIMIT_TEXT_SIZE];

	limit_format(&o->disk[i].limit, text);
	log_info("reload: the limit of export '%s' is now: %s", o->exports.export[i].label,
		 *text ? text : "none");
}

static void take_limits(struct arenad_options *o, const struct config *now)
{
	for (unsigned int i = 0; i < o->exports.n; i++) {
		if (limit_is_same(&o->disk[i].limit, &now->options.disk[i].limit))
			continue;
		o->disk[i].limit = now->options.disk[i].limit;
		log_limit(o, i);
	}
}

static bool has_same_rules(const struct access *a, const struct access *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned int i = 0; i < a->n; i++)
		if (strcmp(a->rule[i].text, b->rule[i].text) != 0)
			return false;
	return true;
}

/* A text that is too long is cut. */
static void join_rules(const struct access *a, char text[RULES_LOG_SIZE])
{
	size_t n = 0;

	for (unsigned int i = 0; i < a->n && n < RULES_LOG_SIZE; i++)
		n += (size_t)snprintf(text + n, RULES_LOG_SIZE - n, "%s%s", i ? ", " : "",
				      a->rule[i].text);
	if (n >= RULES_LOG_SIZE)
		strcpy(text + RULES_LOG_SIZE - sizeof("..."), "...");
}

/* Who has taken the last rule away may have meant that nobody is to use the export. */
static void log_rules(const struct arenad_options *o, unsigned int i)
{
	const struct export_options *e = &o->exports.export[i];
	char text[RULES_LOG_SIZE];

	if (!e->access.n) {
		log_warn("reload: the export '%s' has no rules now: everybody may use it",
			 e->label);
		return;
	}
	join_rules(&e->access, text);
	log_info("reload: the rules of export '%s' are now: %s", e->label, text);
}

/* @rules is a copy of those of the new options. */
static void take_rules(struct config *c, const struct rules *rules)
{
	struct arenad_options *o = &c->options;

	for (unsigned int i = 0; i < o->exports.n; i++) {
		bool is_same = has_same_rules(&o->exports.export[i].access, &rules->access[i]);

		o->exports.export[i].access = rules->access[i];
		if (!is_same)
			log_rules(o, i);
	}
	rules_free(&c->rules);
	c->rules = *rules;
}

/* Put in use what @now has of what can change while the processes run. */
static int take_live(struct config *c, const struct config *now)
{
	struct rules rules;
	char *given;
	int ret;

	if (!has_same_exports(&c->options, &now->options))
		return 0;
	ret = rules_copy(&rules, &now->options.exports);
	if (ret)
		return ret;
	given = given_text(&c->settings, &now->settings);
	if (!given) {
		rules_free(&rules);
		return -ENOMEM;
	}
	if (strcmp(given, c->given) != 0) {
		free(c->given);
		c->given = given;
	} else {
		free(given);
	}
	take_limits(&c->options, now);
	take_rules(c, &rules);
	return 0;
}

/* Processes that are started again have options of before, too, until all are replaced. */
static int log_changes(const struct config *c, const struct config *now)
{
	char *given = given_text(&now->settings, &now->settings);
	char *shape = shape_text(&c->options), *wanted = shape_text(&now->options);
	char names[SHAPE_NAMES_SIZE];
	int ret = given && shape && wanted ? 0 : -ENOMEM;

	if (!ret && shape_name_changes(c->given, given, names))
		log_warn("reload: these options have changed, and stay as they were until %s: %s",
			 strcmp(shape, wanted) ? "arenad is stopped and started" : "SIGUSR2",
			 names);
	free(given);
	free(shape);
	free(wanted);
	return ret;
}

bool config_reload(struct config *c)
{
	static struct config now;
	int ret = fill(&now, c->argc, c->argv, say_in_log);

	if (!ret)
		ret = take_live(c, &now);
	if (!ret)
		ret = log_changes(c, &now);
	if (ret == -E2BIG)
		log_error("reload: the rules of all exports together have more than %u bytes",
			  RULES_TEXT_MAX);
	else if (ret == -EPROTO)
		log_error("reload: a rule of an export cannot be copied");
	if (ret == -ENOMEM)
		log_error("reload: there is no memory for the options");
	if (ret)
		log_error("reload: all options, and the files of TLS, stay in use as they were");
	config_free(&now);
	return !ret;
}

void config_free(struct config *c)
{
	settings_free(&c->settings);
	rules_free(&c->rules);
	free(c->given);
}

char *config_text(struct config *c)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int ret;

	if (!f)
		return NULL;
	ret = settings_print(&c->settings, &c->options, f);
	if (!fclose(f) && !ret)
		return text;
	free(text);
	return NULL;
}
