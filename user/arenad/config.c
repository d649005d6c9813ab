// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "config.h"

#include <common/log.h>
#include <common/utf8.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outcome.h"
#include "shape.h"
#include "slots.h"

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
	else
		fprintf(stderr, "Correct that; `arenad --check-config' tries the files and starts "
			"nothing, and arenad.conf(5) has all options.\n");
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

/* Room for the names of options, with which a line of the log is not too long. */
#define KEPT_LOG_SIZE	800

/* Is it a line of that option? */
static bool is_of(const char *line, const char *option)
{
	size_t length = strlen(option);

	return !strncmp(line, option, length) && line[length] == ' ';
}

/* The options that say which disk an export has: they stay as they are as long as there is one. */
static bool is_of_disk(const char *line)
{
	return is_of(line, "--disk") || is_of(line, "--read-only") ||
	       is_of(line, "--disk-memory");
}

/**
 * struct given_exports - the exports of a text, after a reload or without one
 * @set: the exports
 * @disk: their disks
 * @added: bits of those that the reload adds
 * @before: the text before the reload; NULL without one
 */
struct given_exports {
	const struct export_set *set;
	const struct arenad_disk *disk;
	uint32_t added;
	const char *before;
};

/* The number of the export that the line names, which ends at @length; -1 if there is none. */
static int named_by(const char *line, size_t length, const struct export_set *s)
{
	const char *name = strchr(line, ' ') + 1;
	size_t n = strcspn(name, "=\n");

	if (name + n > line + length)
		return -1;
	for (unsigned int i = 0; i < s->n; i++)
		if (strlen(s->export[i].name) == n && !memcmp(s->export[i].name, name, n))
			return (int)i;
	return -1;
}

/**
 * enum source - where a line counts
 * @OF_BEGIN: among the settings with which arenad began
 * @OF_RELOAD: among the settings that a reload has found
 * @OF_BEFORE: in the text before the reload: the disk of an export that an earlier reload has added
 */
enum source { OF_BEGIN, OF_RELOAD, OF_BEFORE };

static enum source source_of_disk(const char *line, size_t length, const struct given_exports *e)
{
	int i = named_by(line, length, e->set);

	if (i >= 0 && !e->disk[i].is_late)
		return OF_BEGIN;
	return i < 0 || !e->before || e->added >> i & 1 ? OF_RELOAD : OF_BEFORE;
}

static enum source source_of(const char *line, size_t length, const struct given_exports *e)
{
	static const char *const live[] = {
		"--limit", "--allow", "--description", "--no-disk", "--default-export", "--peer",
		"--connect-rate", "--peer-filter",
	};

	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
		if (is_of(line, live[i]))
			return OF_RELOAD;
	return is_of_disk(line) ? source_of_disk(line, length, e) : OF_BEGIN;
}

/**
 * struct lines_of - lines of options
 * @line: the lines, each in memory of its own
 * @n: how many
 * @lacks_memory: some are missing
 */
struct lines_of {
	char **line;
	size_t n;
	bool lacks_memory;
};

static void add_line(struct lines_of *l, const char *line, size_t length)
{
	char **more = (char **)realloc((void *)l->line, (l->n + 1) * sizeof(*more));

	if (more) {
		l->line = more;
		more[l->n] = strndup(line, length);
	}
	if (!more || !more[l->n])
		l->lacks_memory = true;
	else
		l->n++;
}

/* Add the lines that count there. */
static void add_lines(struct lines_of *l, const char *lines, enum source source,
		      const struct given_exports *e)
{
	for (const char *at = lines; *at;) {
		size_t length = strcspn(at, "\n");

		if (source_of(at, length, e) == source)
			add_line(l, at, length);
		at += length + (at[length] == '\n');
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * The order of disks in the files does not matter, but in the text it does: those of a reload would
 * come behind the others.
 */
static void sort_disks(struct lines_of *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		char *line = l->line[i];

		if (!is_of_disk(line))
			continue;
		for (size_t k = i; k > n; k--)
			l->line[k] = l->line[k - 1];
		l->line[n++] = line;
	}
	if (n)
		qsort((void *)l->line, n, sizeof(*l->line), by_text);
}

static char *join(const struct lines_of *l)
{
	char *text = NULL;
	size_t size;
	FILE *f = l->lacks_memory ? NULL : open_memstream(&text, &size);

	for (size_t i = 0; i < l->n && f; i++)
		fprintf(f, "%s\n", l->line[i]);
	if (!f || !fclose(f))
		return text;
	free(text);
	return NULL;
}

/*
 * The settings as text, with what a reload has put in use, of other ones. Return: NULL without
 * memory.
 */
static char *given_text(const struct settings *s, const struct settings *live,
			const struct given_exports *e)
{
	char *text = NULL, *lines = settings_lines(s), *others = settings_lines(live);
	struct lines_of l = { .n = 0 };

	if (lines && others) {
		add_lines(&l, lines, OF_BEGIN, e);
		add_lines(&l, others, OF_RELOAD, e);
		if (e->before)
			add_lines(&l, e->before, OF_BEFORE, e);
		sort_disks(&l);
		text = join(&l);
	}
	for (size_t i = 0; i < l.n; i++)
		free(l.line[i]);
	free((void *)l.line);
	free(lines);
	free(others);
	return text;
}

/* The text of options that no reload has changed. */
static char *own_text(const struct settings *s, const struct arenad_options *o)
{
	const struct given_exports e = { .set = &o->exports, .disk = o->disk };

	return given_text(s, s, &e);
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
	c->given = own_text(&c->settings, &c->options);
	if (!c->given) {
		c->settings.lacks_memory = true;
		refuse(&c->settings);
	}
}

/*
 * The exports of processes that run
 */

static bool is_of_exports(const struct option_rule *rule)
{
	return option_is_about_one(rule) || !strcmp(rule->name, "default-export");
}

static bool is_of_all(const struct option_rule *rule)
{
	return !is_of_exports(rule);
}

static void say_of_running(const char *line)
{
	log_error("the options of the running processes: %s; start arenad with those, or end them "
		  "by --replace", line);
}

/* Give each export its place, and make the text of that. */
static int place(struct config *c, const char *running)
{
	slots_fill(&c->options);
	if (running)
		slots_follow(&c->options, running);
	c->shape = shape_text(&c->options);
	return c->shape ? 0 : -ENOMEM;
}

/* Have the options of @c, but the exports of @given. Return: 0; -EINVAL; -ENOMEM. */
static int fill_as_given(struct config *as, const struct config *c, const char *given)
{
	char *own = settings_lines(&c->settings);
	int ret = -ENOMEM;

	settings_init(&as->settings, &arenad_table, say_of_running);
	arenad_options_init(&as->options);
	if (own) {
		settings_add_lines(&as->settings, own, is_of_all);
		settings_add_lines(&as->settings, given, is_of_exports);
		ret = settings_apply(&as->settings, &as->options);
	}
	free(own);
	if (!ret)
		as->given = own_text(&as->settings, &as->options);
	return ret || as->given ? ret : -ENOMEM;
}

/* Take over what @as has. The other options in @c still refer to the settings of before. */
static void go_back(struct config *c, struct config *as)
{
	c->begun = c->settings;
	c->settings = as->settings;
	c->options.exports = as->options.exports;
	memcpy(c->options.disk, as->options.disk, sizeof(c->options.disk));
	free(c->given);
	free(c->shape);
	c->given = as->given;
	c->shape = as->shape;
	c->is_behind = true;
}

int config_place(struct config *c, const char *running, const char *given)
{
	static struct config as;
	int ret = place(c, running);

	if (ret || !running || !strcmp(c->shape, running))
		return ret;
	as = (struct config){ .given = NULL };
	ret = fill_as_given(&as, c, given);
	if (!ret)
		ret = place(&as, running);
	if (!ret && !strcmp(as.shape, running)) {
		go_back(c, &as);
		return 0;
	}
	/* Other options are in the way, so the operator is told of them, and not of exports. */
	if (!ret) {
		free(c->shape);
		c->shape = as.shape;
		as.shape = NULL;
	}
	config_free(&as);
	return ret == -ENOMEM ? ret : 0;
}

static void say_in_log(const char *line)
{
	log_error("reload: %s; correct it, and reload again", line);
}

static void say_of_trial(const char *line)
{
	log_error("trial of a reload: %s; correct it before a reload", line);
}

static void log_limit(const struct limit *l, const char *label)
{
	char text[LIMIT_TEXT_SIZE];

	limit_format(l, text);
	log_info("reload: the limit of export '%s' is now: %s", label, *text ? text : "none");
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
static void log_rules(const struct export_options *e)
{
	char text[RULES_LOG_SIZE];

	if (!e->access.n) {
		log_warn("reload: the export '%s' has no rules now: everybody may use it; allow= "
			 "in its section says who may", e->label);
		return;
	}
	join_rules(&e->access, text);
	log_info("reload: the rules of export '%s' are now: %s", e->label, text);
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Log what has changed of an export that stays. */
static void log_stays(const struct arenad_options *o, const struct slots_change *now,
		      unsigned int i)
{
	const struct export_options *is = &o->exports.export[i], *e = &now->exports.export[i];

	if (!has_same_rules(&is->access, &e->access))
		log_rules(e);
	if (!limit_is_same(&o->disk[i].limit, &now->disk[i].limit))
		log_limit(&now->disk[i].limit, e->label);
	if (!is_same_text(is->description, e->description) || is->no_disk != e->no_disk)
		log_info("reload: clients are told something else of export '%s' now", e->label);
}

static void log_exports(const struct arenad_options *o, const struct slots_change *now)
{
	for (unsigned int i = 0; i < o->exports.n; i++) {
		if (now->removed >> i & 1)
			log_info("reload: export '%s' is removed, and its clients are cut off",
				 o->exports.export[i].label);
		if (now->added >> i & 1)
			log_info("reload: export '%s' is added: disk %s",
				 now->exports.export[i].label, now->disk[i].path);
		else if (!export_is_vacant(&now->exports.export[i]))
			log_stays(o, now, i);
	}
}

/* Note what changes of an export that stays. */
static void note_stays(const struct arenad_options *o, const struct slots_change *now,
		       unsigned int i, struct outcome *out)
{
	const struct export_options *is = &o->exports.export[i], *e = &now->exports.export[i];

	if (!has_same_rules(&is->access, &e->access))
		outcome_add(out, &out->changed, e->name, "rules", 0);
	if (!limit_is_same(&o->disk[i].limit, &now->disk[i].limit))
		outcome_add(out, &out->changed, e->name, "limit", 0);
	if (!is_same_text(is->description, e->description) || is->no_disk != e->no_disk)
		outcome_add(out, &out->changed, e->name, "description", 0);
}

/* Note what changes of the exports, as log_exports() logs it. */
static void note_exports(const struct arenad_options *o, const struct slots_change *now,
			 struct outcome *out)
{
	for (unsigned int i = 0; i < o->exports.n; i++) {
		if (now->removed >> i & 1)
			outcome_add(out, &out->changed, o->exports.export[i].name, "removed", 0);
		if (now->added >> i & 1)
			outcome_add(out, &out->changed, now->exports.export[i].name, "added", 0);
		else if (!export_is_vacant(&now->exports.export[i]))
			note_stays(o, now, i, out);
	}
}

/**
 * struct live - what a reload puts in use, all of it allocated
 * @exports: a copy of the exports
 * @given: struct config
 * @shape: struct config
 * @path: paths of disks that are added
 */
struct live {
	struct export_copy exports;
	char *given;
	char *shape;
	char *path[PROTO_MAX_SPS];
};

static void live_free(struct live *l)
{
	export_copy_free(&l->exports);
	free(l->given);
	free(l->shape);
	for (unsigned int i = 0; i < PROTO_MAX_SPS; i++)
		free(l->path[i]);
}

static char *shape_after(const struct config *c, const struct slots_change *change)
{
	static struct arenad_options o;

	o = c->options;
	o.exports = change->exports;
	memcpy(o.disk, change->disk, sizeof(o.disk));
	return shape_text(&o);
}

static int live_make(struct live *l, const struct config *c, const struct config *now,
		     const struct slots_change *change)
{
	const struct given_exports e = { &change->exports, change->disk, change->added, c->given };
	int ret;

	*l = (struct live){ .given = NULL };
	ret = export_copy(&l->exports, &change->exports);
	if (ret)
		return ret;
	l->given = given_text(&c->settings, &now->settings, &e);
	l->shape = shape_after(c, change);
	if (!l->given || !l->shape)
		return -ENOMEM;
	for (unsigned int i = 0; i < change->exports.n; i++) {
		if (!(change->added >> i & 1))
			continue;
		l->path[i] = strdup(change->disk[i].path);
		if (!l->path[i])
			return -ENOMEM;
	}
	return 0;
}

/* Take a new text in place of an old one; the same one keeps its place. */
static void take_text(char **text, char *now)
{
	if (!strcmp(*text, now)) {
		free(now);
		return;
	}
	free(*text);
	*text = now;
}

static void take_disks(struct config *c, struct live *l, const struct slots_change *change)
{
	memcpy(c->options.disk, change->disk, sizeof(c->options.disk));
	for (unsigned int i = 0; i < change->exports.n; i++) {
		if (!((change->added | change->removed) >> i & 1))
			continue;
		free(c->path[i]);
		c->path[i] = l->path[i];
		c->options.disk[i].path = c->path[i];
	}
}

/* Is the option of the line, "--OPTION REST", about one export, which REST names? */
static bool is_about_export(const struct settings *s, const char *option)
{
	for (unsigned int i = 0; i < s->n_known; i++)
		if (!strcmp(s->known[i].rule->name, option))
			return option_is_about_one(s->known[i].rule);
	return false;
}

/* Note the option of a line that differs, with the export that it is about. */
static void note_line(const struct config *now, const char *line, size_t length,
		      struct outcome *out)
{
	char *option = strndup(line, length), *rest;

	if (!option) {
		out->lacks_memory = true;
		return;
	}
	rest = option + strcspn(option, " ");
	if (*rest)
		*rest++ = '\0';
	rest[strcspn(rest, "=")] = '\0';
	/* The line begins with two dashes. */
	outcome_add(out, &out->kept, is_about_export(&now->settings, option + 2) ? rest : NULL,
		    option + 2, 0);
	free(option);
}

/* Note the lines of @text that @other does not have. */
static void note_missing(const struct config *now, const char *text, const char *other,
			 struct outcome *out)
{
	for (const char *at = text; *at;) {
		size_t length = strcspn(at, "\n");

		if (!shape_has_line(other, at, length))
			note_line(now, at, length, out);
		at += length + (at[length] == '\n');
	}
}

/* Texts that have the same lines in another order begin to differ at an option that is repeated. */
static void note_order(const struct config *now, const char *before, const char *after,
		       struct outcome *out)
{
	size_t length = strcspn(before, "\n");

	while (length && !strncmp(before, after, length + 1)) {
		before += length + 1;
		after += length + 1;
		length = strcspn(before, "\n");
	}
	/* One of the two may be at its end. */
	note_line(now, length ? before : after, length ? length : strcspn(after, "\n"), out);
}

/*
 * Note what stays as it was, in the order of the options. Processes that are started again have
 * options of before, too, until all are replaced.
 */
static int note_kept(const struct live *l, struct config *now, const struct slots_change *change,
		     struct outcome *out)
{
	const struct given_exports e = { .set = &change->exports, .disk = change->disk };
	char *given = given_text(&now->settings, &now->settings, &e);
	char *wanted;

	slots_fill(&now->options);
	slots_follow(&now->options, l->shape);
	wanted = shape_text(&now->options);
	if (given && wanted) {
		bool is_other = strcmp(l->given, given) != 0;
		unsigned int n = out->kept.n;

		note_missing(now, l->given, given, out);
		note_missing(now, given, l->given, out);
		if (is_other && out->kept.n == n)
			note_order(now, l->given, given, out);
		out->needs_restart = strcmp(l->shape, wanted) != 0;
	}
	free(given);
	free(wanted);
	return given && wanted ? 0 : -ENOMEM;
}

/* Where each export is named: the last place counts, which may be the command line. */
static void note_places(const struct settings *s, struct outcome *out)
{
	for (unsigned int i = s->n; i--;) {
		const struct setting *one = &s->list[i];
		bool is_argument = one->file == SETTINGS_COMMAND_LINE;

		if (!one->is_void && one->known.rule->scope == OPTION_ADDS_ONE)
			outcome_add(out, &out->places, one->name,
				    is_argument ? NULL : s->file[one->file], one->line);
	}
}

/* A line of the log has only so much of them. */
static void name_kept(const struct outcome_list *kept, char names[KEPT_LOG_SIZE])
{
	size_t n = 0;

	for (unsigned int i = 0; i < kept->n && n < KEPT_LOG_SIZE; i++) {
		const struct outcome_line *l = &kept->line[i];
		const char *name = l->export ? l->export : "";
		char label[UTF8_LABEL_SIZE];

		utf8_show(label, sizeof(label), name, strlen(name));
		n += (size_t)snprintf(names + n, KEPT_LOG_SIZE - n, "%s--%s%s%s%s", i ? " " : "",
				      l->what, *name ? " (export '" : "", label, *name ? "')" : "");
	}
	if (n >= KEPT_LOG_SIZE)
		strcpy(names + KEPT_LOG_SIZE - sizeof("..."), "...");
}

static void log_kept(const struct outcome *out)
{
	char names[KEPT_LOG_SIZE];

	if (!out->kept.n)
		return;
	name_kept(&out->kept, names);
	log_warn("reload: these options have changed, and stay as they were: %s; %s puts them in "
		 "use", names,
		 out->needs_restart ? "stopping arenad and starting it" : "'arenactl upgrade'");
}

/* Put in use what can change while the processes run. @l is used up. */
static void take_live(struct config *c, const struct config *now, struct live *l,
		      const struct slots_change *change)
{
	log_exports(&c->options, change);
	take_disks(c, l, change);
	take_text(&c->given, l->given);
	take_text(&c->shape, l->shape);
	export_copy_free(&c->exports);
	c->exports = l->exports;
	c->options.exports = l->exports.set;
	/* Nothing in it refers to the settings. */
	c->options.peers = now->options.peers;
}

/* Find out what @now changes, and put that in use unless it is only to be told. */
static int compare(struct config *c, struct config *now, uint32_t usable,
		   struct slots_change *change, struct outcome *out, bool is_trial)
{
	struct live l;
	int ret = slots_change(&c->options, &now->options, usable, change);

	if (ret)
		return ret;
	note_places(&now->settings, out);
	note_exports(&c->options, change, out);
	ret = live_make(&l, c, now, change);
	if (!ret)
		ret = note_kept(&l, now, change, out);
	if (!ret && out->lacks_memory)
		ret = -ENOMEM;
	if (ret || is_trial) {
		live_free(&l);
		return ret;
	}
	take_live(c, now, &l, change);
	log_kept(out);
	return 0;
}

static void log_failure(int err)
{
	if (err == -E2BIG)
		log_error("reload: the options of all exports together have more than %u bytes; "
			  "shorten them", EXPORT_COPY_TEXT_MAX);
	else if (err == -EPROTO)
		log_error("reload: an option of an export cannot be copied" LOG_REPORT);
	else if (err == -ENOMEM)
		log_error("reload: there is no memory for the options; free memory, and reload "
			  "again");
}

static bool read_again(struct config *c, uint32_t usable, struct slots_change *change,
		       struct outcome *out, bool is_trial)
{
	static struct config now;
	int ret = fill(&now, c->argc, c->argv, is_trial ? say_of_trial : say_in_log);

	out->has_files = now.settings.n_files;
	if (!ret)
		ret = compare(c, &now, usable, change, out, is_trial);
	log_failure(ret);
	config_free(&now);
	return !ret;
}

bool config_reload(struct config *c, uint32_t usable, struct slots_change *change,
		   struct outcome *out)
{
	if (read_again(c, usable, change, out, false))
		return true;
	log_warn("reload: all options, and the files of TLS, stay in use as they were; correct "
		 "what the lines before name, and reload again");
	return false;
}

bool config_try(struct config *c, uint32_t usable, struct outcome *out)
{
	static struct slots_change change;

	return read_again(c, usable, &change, out, true);
}

void config_free(struct config *c)
{
	settings_free(&c->settings);
	if (c->begun.table)
		settings_free(&c->begun);
	export_copy_free(&c->exports);
	free(c->given);
	free(c->shape);
	for (unsigned int i = 0; i < PROTO_MAX_SPS; i++)
		free(c->path[i]);
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
