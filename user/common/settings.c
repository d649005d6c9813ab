// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "settings.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ini.h"

void settings_init(struct settings *s, const struct option_table *table,
		   void (*say)(const char *line))
{
	*s = (struct settings){ .table = table, .say = say };
	s->n_known = options_list(table, s->known);
}

static bool is_switch(const struct option_rule *rule)
{
	return rule->kind == OPTION_SET || rule->kind == OPTION_CLEAR ||
	       rule->scope == OPTION_NAMES_ONE;
}

/*
 * Errors
 */

/* What is wrong with a whole file comes behind what is wrong with its lines. */
static bool comes_before(const struct settings_fault *a, const struct settings_fault *b)
{
	unsigned int line = a->line ? a->line : UINT_MAX, other = b->line ? b->line : UINT_MAX;

	return a->file != b->file ? a->file < b->file : line < other;
}

/* Only so many are kept as are told of. */
static void hold(struct settings *s, struct settings_fault f)
{
	unsigned int at = s->n_held;

	while (at && comes_before(&f, &s->held[at - 1]))
		at--;
	if (at == SETTINGS_FAULTS_MAX) {
		free(f.text);
		return;
	}
	if (s->n_held == SETTINGS_FAULTS_MAX)
		free(s->held[--s->n_held].text);
	memmove(&s->held[at + 1], &s->held[at], (s->n_held++ - at) * sizeof(f));
	s->held[at] = f;
}

static void tell(struct settings *s)
{
	if (!s->n_held)
		return;
	for (unsigned int i = 0; i < s->n_held; i++) {
		s->say(s->held[i].text);
		free(s->held[i].text);
	}
	s->n_held = 0;
	if (s->faults > SETTINGS_FAULTS_MAX)
		s->say("there are more errors, which are not shown");
}

__attribute__((format(printf, 4, 5)))
static void fault(struct settings *s, unsigned int file, unsigned int line, const char *fmt, ...)
{
	struct settings_fault f = { file, line, NULL };
	va_list ap;
	int ret;

	s->faults++;
	va_start(ap, fmt);
	ret = vasprintf(&f.text, fmt, ap);
	va_end(ap);
	if (ret < 0)
		s->lacks_memory = true;
	else
		hold(s, f);
}

static void fault_at(struct settings *s, unsigned int file, unsigned int line, const char *key,
		     const char *why)
{
	const char *path = s->file[file];

	if (line)
		fault(s, file, line, "%s:%u: %s%s%s", path, line, key, *key ? ": " : "", why);
	else
		fault(s, file, 0, "%s: %s%s%s", path, key, *key ? ": " : "", why);
}

static void fault_of(struct settings *s, const struct setting *one, const char *why)
{
	const char *name = one->known.rule->name;

	if (one->file == SETTINGS_COMMAND_LINE)
		fault(s, SETTINGS_COMMAND_LINE, 0, "--%s: %s", name, why);
	else
		fault_at(s, one->file, one->line, name, why);
}

/*
 * Reading
 */

static char *copy_of(struct settings *s, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		s->lacks_memory = true;
	return copy;
}

/* Takes over the texts. */
static void add(struct settings *s, struct setting one)
{
	struct setting *list = realloc(s->list, (s->n + 1) * sizeof(*list));

	if (list) {
		s->list = list;
		list[s->n++] = one;
		return;
	}
	s->lacks_memory = true;
	free(one.name);
	free(one.value);
}

/* A value that does not name anything is left to the option's own parser. */
static int add_argument(void *context, const struct option_known *known, char *text,
			struct option_error *error)
{
	struct setting one = { .file = SETTINGS_COMMAND_LINE };
	const char *equals = text ? strchr(text, '=') : NULL;
	struct settings *s = context;

	(void)error;
	if (!known)
		return 0;
	one.known = *known;
	if (known->rule->scope == OPTION_NAMES_ONE) {
		one.name = copy_of(s, text);
		one.value = copy_of(s, "yes");
	} else if (option_is_about_one(known->rule) && equals && equals != text) {
		one.name = strndup(text, (size_t)(equals - text));
		s->lacks_memory |= !one.name;
		one.value = copy_of(s, equals + 1);
	} else {
		one.value = copy_of(s, text);
	}
	add(s, one);
	return 0;
}

void settings_command_line(struct settings *s, int argc, char **argv)
{
	options_walk(s->table, argc, argv, add_argument, s);
}

static const struct option_known *find_known(const struct settings *s, const char *name)
{
	for (unsigned int i = 0; i < s->n_known; i++)
		if (!strcasecmp(s->known[i].rule->name, name))
			return &s->known[i];
	return NULL;
}

/* A name has characters of sections, and others as %XX, as in a URI. Return: is it right? */
static bool decode(const char *text, char *name)
{
	unsigned int byte;

	for (; *text; text++) {
		if (*text != '%') {
			*name++ = *text;
			continue;
		}
		if (!isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]) ||
		    sscanf(text + 1, "%2x", &byte) != 1 || !byte)
			return false;
		*name++ = (char)byte;
		text += 2;
	}
	*name = '\0';
	return true;
}

static void encode(const char *name, bool with_capitals, FILE *f)
{
	for (const char *at = name; *at; at++) {
		unsigned char c = (unsigned char)*at;
		bool is_inside = at > name && at[1];

		if (c < 128 && ((isalnum(c) && !(with_capitals && isupper(c))) ||
				strchr("-._~/:+,@", c) || (c == ' ' && is_inside)))
			putc(c, f);
		else
			fprintf(f, "%%%02X", c);
	}
}

/*
 * Return: the length of NAME in "export NAME", which is copied; 0 if the section is that of the
 * program; -EINVAL.
 */
static int name_of_section(const struct settings *s, const char *section,
			   char name[INI_SECTION_MAX + 1])
{
	size_t n = s->table->thing ? strlen(s->table->thing) : 0;

	*name = '\0';
	if (!strcasecmp(section, s->table->program))
		return 0;
	if (!n || strncasecmp(section, s->table->thing, n) != 0 || section[n] != ' ')
		return -EINVAL;
	section += n + strspn(section + n, " ");
	if (strlen(section) > INI_SECTION_MAX || !decode(section, name) || !*name ||
	    strchr(name, '='))
		return -EINVAL;
	return (int)strlen(name);
}

static const char *why_not(const struct settings *s, const struct option_known *known,
			   bool has_name, char *text, size_t room)
{
	if (!known)
		return "there is no such option";
	if (known->rule->scope == OPTION_NOW)
		return "this is for the command line only";
	if (option_is_about_one(known->rule) == has_name)
		return NULL;
	if (has_name)
		snprintf(text, room, "this belongs to the section [%s]", s->table->program);
	else
		snprintf(text, room, "this belongs to a section [%s NAME]", s->table->thing);
	return text;
}

static void fault_section(struct settings *s, unsigned int file, unsigned int line,
			  const char *section)
{
	char key[280], why[160];

	snprintf(key, sizeof(key), "[%.256s]", section);
	snprintf(why, sizeof(why), "sections are [%s] and [%s NAME], with a NAME that has %%XX for "
		 "special characters, and no equals sign", s->table->program,
		 s->table->thing ? s->table->thing : "");
	fault_at(s, file, line, key, why);
}

static void take_value(void *context, const char *section, const char *key, const char *value,
		       unsigned int line)
{
	struct settings *s = context;
	unsigned int file = s->n_files - 1;
	const struct option_known *known;
	char name[INI_SECTION_MAX + 1], text[128];
	int length = name_of_section(s, section, name);
	struct setting one;
	const char *why;

	if (length < 0 && !key)
		fault_section(s, file, line, section);
	if (length < 0 || !key)
		return;
	known = find_known(s, key);
	why = why_not(s, known, length, text, sizeof(text));
	if (why) {
		fault_at(s, file, line, key, why);
		return;
	}
	one = (struct setting){
		.known = *known, .file = file, .line = line,
		.name = copy_of(s, length ? name : NULL), .value = copy_of(s, value),
	};
	add(s, one);
}

static void take_fault(void *context, unsigned int line, const char *why)
{
	struct settings *s = context;

	fault_at(s, s->n_files - 1, line, "", why);
}

/* Return: is there room for another file? */
static bool begin_file(struct settings *s, const char *path)
{
	char **list = (char **)realloc((void *)s->file, (s->n_files + 1) * sizeof(*list));
	char *copy = copy_of(s, path);

	if (list)
		s->file = list;
	if (!list || !copy) {
		s->lacks_memory = true;
		free(copy);
		return false;
	}
	s->file[s->n_files++] = copy;
	return true;
}

static void end_file(struct settings *s, int ret)
{
	s->is_incomplete |= !!ret;
	if (ret == -ENOMEM)
		s->lacks_memory = true;
	else if (ret == -EFBIG)
		fault_at(s, s->n_files - 1, 0, "", "the file is larger than 1 MiB");
	else if (ret == -ETIMEDOUT)
		fault_at(s, s->n_files - 1, 0, "", "it was not read to its end within 5 seconds");
	else if (ret && ret != -EINVAL)
		fault_at(s, s->n_files - 1, 0, "", strerror(-ret));
}

void settings_file(struct settings *s, const char *path)
{
	const struct ini_visitor v = { take_value, take_fault, s };

	if (begin_file(s, path))
		end_file(s, ini_read(path, &v));
}

void settings_bytes(struct settings *s, const char *name, const char *data, size_t size)
{
	const struct ini_visitor v = { take_value, take_fault, s };

	if (begin_file(s, name))
		end_file(s, ini_parse(data, size, &v));
}

const char *settings_text(const struct settings *s, const char *name)
{
	const char *text = NULL;

	for (unsigned int i = 0; i < s->n; i++)
		if (!strcmp(s->list[i].known.rule->name, name))
			text = s->list[i].value ? s->list[i].value : "";
	return text;
}

/*
 * Applying
 */

static bool is_about_same(const struct setting *a, const struct setting *b)
{
	return a->known.rule == b->known.rule && !a->name == !b->name &&
	       (!a->name || !strcmp(a->name, b->name));
}

/* Files are numbered in the order in which they are read, and the command line counts most. */
static void override_one(struct settings *s, struct setting *one)
{
	for (unsigned int i = 0; i < s->n && !one->is_void; i++) {
		const struct setting *other = &s->list[i];
		char why[64];

		if (other == one || !is_about_same(one, other))
			continue;
		one->is_void = other->file > one->file;
		if (other->file != one->file || other > one || one->known.rule->may_repeat ||
		    one->file == SETTINGS_COMMAND_LINE)
			continue;
		snprintf(why, sizeof(why), "this was said in line %u", other->line);
		fault_of(s, one, why);
		return;
	}
}

static void override(struct settings *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		override_one(s, &s->list[i]);
	/* An empty value has overridden others by now, and is the value of nothing itself. */
	for (unsigned int i = 0; i < s->n; i++)
		if (s->list[i].file != SETTINGS_COMMAND_LINE && !*s->list[i].value)
			s->list[i].is_void = true;
}

/* Return: 0; 1 if the setting says no; or what option_refuse() returns. */
static int make_text(struct settings *s, struct setting *one, struct option_error *error)
{
	const struct option_rule *rule = one->known.rule;

	if (one->file != SETTINGS_COMMAND_LINE && is_switch(rule)) {
		if (!strcasecmp(one->value, "no"))
			return 1;
		if (strcasecmp(one->value, "yes") != 0)
			return option_refuse(error, "%.200s is neither yes nor no", one->value);
	}
	if (rule->scope == OPTION_NAMES_ONE)
		one->text = copy_of(s, one->name);
	else if (!one->name)
		one->text = copy_of(s, one->value);
	else if (asprintf(&one->text, "%s=%s", one->name, one->value) < 0)
		one->text = NULL;
	if (one->text || !one->value)
		return 0;
	s->lacks_memory = true;
	return 1;
}

static void apply_one(struct settings *s, struct setting *one, void *values)
{
	struct option_error error;
	int ret = make_text(s, one, &error);

	if (!ret)
		ret = option_take(one->known.rule, one->text, (char *)values + one->known.at,
				  &error);
	if (ret < 0)
		fault_of(s, one, error.text);
}

/* The things first, since the other options are about them. */
static void apply_all(struct settings *s, void *values)
{
	for (int pass = 0; pass < 2; pass++)
		for (unsigned int i = 0; i < s->n; i++) {
			struct setting *one = &s->list[i];
			bool adds = one->known.rule->scope == OPTION_ADDS_ONE;

			if (!one->is_void && adds == !pass)
				apply_one(s, one, values);
		}
}

static bool is_set(const struct settings *s, const struct option_rule *rule)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->list[i].known.rule == rule && !s->list[i].is_void)
			return true;
	return false;
}

/* The last empty value that has taken back what others say, or NULL. */
static const struct setting *find_empty(const struct settings *s, const struct option_rule *rule)
{
	for (unsigned int i = s->n; i--;) {
		const struct setting *one = &s->list[i];

		if (one->known.rule == rule && one->file != SETTINGS_COMMAND_LINE && !*one->value)
			return one;
	}
	return NULL;
}

static void check_needed(struct settings *s)
{
	for (unsigned int i = 0; i < s->n_known; i++) {
		const struct option_rule *rule = s->known[i].rule;
		const struct setting *empty;

		if (!rule->is_needed || is_set(s, rule))
			continue;
		empty = find_empty(s, rule);
		if (empty)
			fault_of(s, empty, "this empty value takes back what was said before it, "
				 "and one is needed");
		else if (s->n_files)
			fault(s, 0, 0, "%s: %s is needed", s->file[0], rule->name);
		else
			fault(s, SETTINGS_COMMAND_LINE, 0, "--%s is needed", rule->name);
	}
}

/* Its text begins with the option that it is about, mostly. */
static void check_values(struct settings *s, const void *values)
{
	struct option_error error;
	const char *colon;

	if (!s->table->check || !s->table->check(values, &error))
		return;
	colon = strstr(error.text, ": ");
	for (unsigned int i = 0; colon && i < s->n; i++) {
		const char *name = s->list[i].known.rule->name;

		if (s->list[i].is_void || s->list[i].file == SETTINGS_COMMAND_LINE ||
		    strlen(name) + 2 != (size_t)(colon - error.text) ||
		    memcmp(error.text + 2, name, strlen(name)) != 0)
			continue;
		fault_of(s, &s->list[i], colon + 2);
		return;
	}
	fault(s, SETTINGS_COMMAND_LINE, 0, "%s", error.text);
}

/* They were read first, to know which files there are. */
static void move_command_line_last(struct settings *s)
{
	struct setting *list = calloc(s->n + 1, sizeof(*list));
	unsigned int n = 0;

	if (!list) {
		s->lacks_memory = true;
		return;
	}
	for (int is_last = 0; is_last < 2; is_last++)
		for (unsigned int i = 0; i < s->n; i++) {
			bool is_argument = s->list[i].file == SETTINGS_COMMAND_LINE;

			if (is_argument == is_last)
				list[n++] = s->list[i];
		}
	free(s->list);
	s->list = list;
}

static void apply_and_check(struct settings *s, void *values)
{
	override(s);
	apply_all(s, values);
	if (!s->is_incomplete)
		check_needed(s);
	/* The program checks values together only where each is right by itself. */
	if (!s->faults && !s->is_incomplete && !s->lacks_memory)
		check_values(s, values);
}

int settings_apply(struct settings *s, void *values)
{
	move_command_line_last(s);
	/* Some texts may be missing then. */
	if (!s->lacks_memory)
		apply_and_check(s, values);
	tell(s);
	if (s->lacks_memory)
		return -ENOMEM;
	return s->faults ? -EINVAL : 0;
}

/*
 * Printing
 */

static const char *value_of(const struct setting *one)
{
	if (is_switch(one->known.rule) && one->file == SETTINGS_COMMAND_LINE)
		return "yes";
	return one->value;
}

static void print_one(struct settings *s, const struct setting *one, FILE *f)
{
	const char *value = value_of(one);
	const char *why = ini_why_not(value);

	if (why)
		fault_of(s, one, why);
	else
		fprintf(f, "%s = %s\n", one->known.rule->name, value);
}

static void print_default(const struct option_known *known, const void *values, FILE *f)
{
	const struct option_rule *rule = known->rule;
	const void *field = (const char *)values + known->at + rule->field;
	char text[24];

	fprintf(f, "# %s =", rule->name);
	switch (rule->kind) {
	case OPTION_SET:
	case OPTION_CLEAR:
		fprintf(f, " no");
		break;
	case OPTION_NUMBER:
		fprintf(f, " %" PRIu32, *(const uint32_t *)field);
		break;
	case OPTION_SIZE:
		fprintf(f, " %s", size_text(*(const uint64_t *)field, text, sizeof(text)));
		break;
	case OPTION_WORD:
		fprintf(f, " %s", rule->words[*(const unsigned int *)field]);
		break;
	case OPTION_TEXT:
	case OPTION_OTHER:
		break;
	}
	fprintf(f, "\n");
}

/* The last of those that may not repeat is the one that counts. */
static bool counts(const struct settings *s, const struct setting *one)
{
	if (one->is_void)
		return false;
	if (one->known.rule->may_repeat)
		return true;
	for (const struct setting *later = one + 1; later < s->list + s->n; later++)
		if (!later->is_void && is_about_same(one, later))
			return false;
	return true;
}

static bool print_known(struct settings *s, const struct option_known *known, const char *name,
			FILE *f)
{
	bool is_printed = false;

	for (unsigned int i = 0; i < s->n; i++) {
		const struct setting *one = &s->list[i];

		if (one->known.rule != known->rule || !counts(s, one) ||
		    (name && strcmp(one->name, name) != 0))
			continue;
		print_one(s, one, f);
		is_printed = true;
	}
	return is_printed;
}

/* Sections that differ in case only are one for a file. */
static bool has_double(const struct settings *s, const struct setting *one)
{
	for (unsigned int i = 0; i < s->n; i++) {
		const struct setting *other = &s->list[i];

		if (!other->is_void && other->known.rule->scope == OPTION_ADDS_ONE &&
		    strcmp(other->name, one->name) != 0 && !strcasecmp(other->name, one->name))
			return true;
	}
	return false;
}

static void print_thing(struct settings *s, const struct setting *added, FILE *f)
{
	/* Each byte may become three. */
	if (strlen(added->name) * 3 > INI_SECTION_MAX)
		fault_of(s, added, "the name is too long for a file");
	fprintf(f, "\n[%s ", s->table->thing);
	encode(added->name, has_double(s, added), f);
	fprintf(f, "]\n");
	for (unsigned int i = 0; i < s->n_known; i++)
		if (option_is_about_one(s->known[i].rule) &&
		    !print_known(s, &s->known[i], added->name, f))
			fprintf(f, "# %s =\n", s->known[i].rule->name);
}

int settings_print(struct settings *s, const void *values, FILE *f)
{
	fprintf(f, "[%s]\n", s->table->program);
	for (unsigned int i = 0; i < s->n_known; i++)
		if (s->known[i].rule->scope == OPTION_FOR_ALL &&
		    !print_known(s, &s->known[i], NULL, f))
			print_default(&s->known[i], values, f);
	for (unsigned int i = 0; i < s->n; i++)
		if (!s->list[i].is_void && s->list[i].known.rule->scope == OPTION_ADDS_ONE)
			print_thing(s, &s->list[i], f);
	tell(s);
	if (s->lacks_memory || ferror(f))
		return -ENOMEM;
	return s->faults ? -EINVAL : 0;
}

/* A line break would begin another line. */
static void write_text(const char *text, FILE *f)
{
	for (; *text; text++)
		putc(*text == '\n' ? ' ' : *text, f);
}

static void write_line(const struct setting *one, FILE *f)
{
	const struct option_rule *rule = one->known.rule;

	if (is_switch(rule) && !strcasecmp(value_of(one), "no"))
		return;
	fprintf(f, "--%s", rule->name);
	if (one->name) {
		putc(' ', f);
		write_text(one->name, f);
	}
	if (!is_switch(rule)) {
		putc(one->name ? '=' : ' ', f);
		write_text(one->value, f);
	}
	putc('\n', f);
}

char *settings_lines(const struct settings *s)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (unsigned int k = 0; k < s->n_known; k++)
		for (unsigned int i = 0; i < s->n; i++)
			if (s->list[i].known.rule == s->known[k].rule &&
			    s->known[k].rule->scope != OPTION_NOW && counts(s, &s->list[i]))
				write_line(&s->list[i], f);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

/* Everything behind the first blank is the value. */
static void add_line(struct settings *s, char *line,
		     bool (*wants)(const struct option_rule *rule))
{
	char *name = line + strspn(line, "-"), *value = strchr(name, ' ');
	const struct option_known *known;
	struct option_error unused;

	if (value)
		*value++ = '\0';
	known = find_known(s, name);
	if (!known)
		fault(s, SETTINGS_COMMAND_LINE, 0, "there is no option --%s", name);
	else if (wants(known->rule))
		add_argument(s, known, value, &unused);
}

void settings_add_lines(struct settings *s, const char *lines,
			bool (*wants)(const struct option_rule *rule))
{
	char *copy = copy_of(s, lines), *rest = copy, *line;

	while (copy && (line = strsep(&rest, "\n")))
		if (*line)
			add_line(s, line, wants);
	free(copy);
}

void settings_free(struct settings *s)
{
	for (unsigned int i = 0; i < s->n; i++) {
		free(s->list[i].name);
		free(s->list[i].value);
		free(s->list[i].text);
	}
	for (unsigned int i = 0; i < s->n_files; i++)
		free(s->file[i]);
	for (unsigned int i = 0; i < s->n_held; i++)
		free(s->held[i].text);
	free(s->list);
	free((void *)s->file);
	settings_init(s, s->table, s->say);
}
