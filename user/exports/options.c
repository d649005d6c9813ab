// SPDX-License-Identifier: MIT
#include "options.h"

#include <common/utf8.h>
#include <errno.h>
#include <np/limits.h>
#include <string.h>

int export_set_add(struct export_set *s, const char *name, struct option_error *error)
{
	size_t length = strlen(name);

	if (length > EXPORT_NAME_MAX)
		return option_refuse(error, "the name has %zu bytes, and %d is the most", length,
				     EXPORT_NAME_MAX);
	if (!utf8_is_valid(name))
		return option_refuse(error, "the name is no UTF-8");
	if (s->n == PROTO_MAX_SPS)
		return option_refuse(error, "there are more than %d", PROTO_MAX_SPS);
	for (unsigned int i = 0; i < s->n; i++)
		if (!strcmp(s->export[i].name, name))
			return option_refuse(error, "two are called %s", name);
	s->export[s->n] = (struct export_options){ .name = name };
	utf8_show(s->export[s->n].label, UTF8_LABEL_SIZE, name, length);
	s->n++;
	return 0;
}

int export_set_add_vacant(struct export_set *s)
{
	if (s->n == PROTO_MAX_SPS)
		return -E2BIG;
	s->export[s->n++] = (struct export_options){ .name = "" };
	return 0;
}

unsigned int export_set_count(const struct export_set *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->n; i++)
		n += !export_is_vacant(&s->export[i]);
	return n;
}

int export_set_find(const struct export_set *s, const char *name, struct option_error *error)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (!export_is_vacant(&s->export[i]) && !strcmp(s->export[i].name, name))
			return (int)i;
	option_refuse(error, "there is no export %.200s", name);
	return -1;
}

char *export_set_take(const struct export_set *s, char *text, const char *form,
		      unsigned int *out, struct option_error *error)
{
	char *equals = strchr(text, '=');
	int found;

	if (!equals || equals == text || !equals[1]) {
		option_refuse(error, "%.200s is not %s", text, form);
		return NULL;
	}
	*equals = '\0';
	found = export_set_find(s, text, error);
	if (found < 0)
		return NULL;
	*out = (unsigned int)found;
	return equals + 1;
}

int export_set_default(const struct export_set *s)
{
	struct option_error error;

	if (s->chosen)
		return export_set_find(s, s->chosen, &error);
	if (export_set_count(s) != 1)
		return -1;
	for (unsigned int i = 0; i < s->n; i++)
		if (!export_is_vacant(&s->export[i]))
			return (int)i;
	return -1;
}

int export_describe(struct export_options *e, const char *text, struct option_error *error)
{
	if (strlen(text) > EXPORT_DESCRIPTION_MAX || !utf8_is_valid(text))
		return option_refuse(error, "the text is no UTF-8 of at most %d bytes",
				     EXPORT_DESCRIPTION_MAX);
	e->description = text;
	return 0;
}

static int take_description(void *values, char *text, struct option_error *error)
{
	struct export_set *s = values;
	unsigned int i;
	char *rest = export_set_take(s, text, "NAME=TEXT", &i, error);

	return rest ? export_describe(&s->export[i], rest, error) : -EINVAL;
}

static int take_allow(void *values, char *text, struct option_error *error)
{
	struct export_set *s = values;
	unsigned int i;
	char *rest = export_set_take(s, text, "NAME=RULE", &i, error);

	return rest ? access_add(&s->export[i].access, rest, error) : -EINVAL;
}

static int take_default(void *values, char *text, struct option_error *error)
{
	struct export_set *s = values;

	s->chosen = text;
	return export_set_find(s, text, error) < 0 ? -EINVAL : 0;
}

const char *const export_no_disk_words[] = {
	[EXPORT_STOP] = "", [EXPORT_HIDE] = "hide", [EXPORT_REFUSE] = "refuse",
};

int export_take_no_disk(struct export_options *e, const char *word, struct option_error *error)
{
	for (unsigned int w = EXPORT_HIDE; w <= EXPORT_REFUSE; w++) {
		if (!strcmp(word, export_no_disk_words[w])) {
			e->no_disk = w;
			return 0;
		}
	}
	return option_refuse(error, "%.200s is none of hide, refuse", word);
}

static int take_no_disk(void *values, char *text, struct option_error *error)
{
	struct export_set *s = values;
	unsigned int i;
	char *rest = export_set_take(s, text, "NAME=hide or NAME=refuse", &i, error);

	return rest ? export_take_no_disk(&s->export[i], rest, error) : -EINVAL;
}

const struct option_rule export_rules[] = {
	{ .name = "description", .scope = OPTION_FOR_ONE, .kind = OPTION_OTHER,
	  .take = take_description, .argument = "NAME=TEXT",
	  .help = "what clients are told of the export NAME" },
	{ .name = "allow", .may_repeat = true, .scope = OPTION_FOR_ONE, .kind = OPTION_OTHER,
	  .take = take_allow, .argument = "NAME=RULE",
	  .help = "who may use the export NAME: 10.0.0.0/8, 2001:db8::/32, 192.0.2.7, unix for "
		  "UNIX sockets, x509:DN or psk:NAME for clients of TLS; may be repeated: any of "
		  "the networks, and any of the identities (everybody)" },
	{ .name = "default-export", .kind = OPTION_OTHER, .take = take_default,
	  .argument = "NAME",
	  .help = "the export of clients that name none (that of a single disk)" },
	{ .name = "no-disk", .scope = OPTION_FOR_ONE, .kind = OPTION_OTHER, .take = take_no_disk,
	  .argument = "NAME=WHAT",
	  .help = "serve on while the export NAME has no disk: hide it from clients, or refuse "
		  "them with an error that says so (end)" },
	{ .name = NULL },
};
