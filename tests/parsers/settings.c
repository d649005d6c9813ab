// SPDX-License-Identifier: MIT
/*
 * Goal: a file of options, which an operator writes, is refused with an error that names its
 * place, or is accepted; and what it means can be printed, read again and printed as before, or it
 * is said why not. The same holds for its lines, which an arenad that adopts processes reads again.
 * Method: the input is a file of arenad's options, behind a byte that may have it follow a good
 * one, so that more inputs are accepted. Nothing is left allocated.
 * runs: 2500
 */
#include <arenad/config.h>
#include <errno.h>
#include <stdbool.h>

#include "parser.h"

static unsigned int told;

static void count(const char *line)
{
	must(line[0]);
	told++;
}

/* Return: what is printed, or NULL. */
static char *print(struct config *c)
{
	unsigned int before = told;
	char *text = config_text(c);

	must(text || told > before);
	return text;
}

static int read_one(struct config *c, const char *data, size_t size)
{
	int ret;

	settings_bytes(&c->settings, "input", data, size);
	ret = settings_apply(&c->settings, &c->options);
	must(!ret == !c->settings.faults);
	must(told == c->settings.faults || c->settings.faults > SETTINGS_FAULTS_MAX);
	return ret;
}

static void begin(struct config *c)
{
	settings_init(&c->settings, &arenad_table, count);
	arenad_options_init(&c->options);
	told = 0;
}

static void again(const char *text)
{
	static struct config c;
	char *second;

	begin(&c);
	must(!read_one(&c, text, strlen(text)));
	second = print(&c);
	must(second && !strcmp(text, second));
	free(second);
	settings_free(&c.settings);
}

static bool is_any(const struct option_rule *rule)
{
	(void)rule;
	return true;
}

/* In lines, a line break of a name is a blank: two names may be one then. */
static bool has_line_break(const struct settings *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->list[i].name && strchr(s->list[i].name, '\n'))
			return true;
	return false;
}

static void lines_again(const struct settings *s)
{
	char *lines = settings_lines(s), *second;
	static struct config c;

	must(lines);
	begin(&c);
	settings_add_lines(&c.settings, lines, is_any);
	must(!settings_apply(&c.settings, &c.options) && !told);
	second = settings_lines(&c.settings);
	must(second && !strcmp(lines, second));
	free(lines);
	free(second);
	settings_free(&c.settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] = "[arenad]\nregion = r\nlisten = unix:/s\n"
				   "[export d]\ndisk = /d\n";
	struct input in = { data, size };
	static struct config c;
	char *text = NULL;

	begin(&c);
	if (eat_u8(&in) & 1)
		settings_bytes(&c.settings, "good", good, strlen(good));
	if (!read_one(&c, in.size ? (const char *)in.data : "", in.size)) {
		text = print(&c);
		if (!has_line_break(&c.settings))
			lines_again(&c.settings);
	}
	if (text)
		again(text);
	free(text);
	settings_free(&c.settings);
	return 0;
}
