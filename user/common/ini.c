// SPDX-License-Identifier: MIT
#include "ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini_configobj.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "clock.h"
#include "utf8.h"

/* A program that runs reads files again, and must not wait for one. */
#define READ_MS		5000

/* A section that comes twice would have to be said to which of both an error belongs. */
#define COLLISIONS	(INI_MV1S_ALLOW | INI_MV2S_ALLOW | INI_MS_ERROR)
#define STYLE		(INI_PARSE_NOWRAP | INI_PARSE_NO_C_COMMENTS)

/* The library has no other form of its errors than "Error (5) on line 8: Equal sign is missing." */
static void tell_fault(const struct ini_visitor *v, const char *text)
{
	const char *at = strstr(text, " on line "), *colon = at ? strstr(at, ": ") : NULL;
	unsigned int line = 0;

	if (colon && sscanf(at, " on line %u", &line) == 1)
		text = colon + 2;
	v->fault(v->context, line, text);
}

static int tell_faults(struct ini_cfgobj *o, const struct ini_visitor *v)
{
	char **all = NULL;

	if (ini_config_get_errors(o, &all) || !all)
		return -ENOMEM;
	for (char **at = all; *at; at++)
		tell_fault(v, *at);
	ini_config_free_errors(all);
	return -EINVAL;
}

static bool was_told(char **keys, int i)
{
	for (int k = 0; k < i; k++)
		if (!strcasecmp(keys[k], keys[i]))
			return true;
	return false;
}

/* All values of one key. The library goes on from where it was. */
static int tell_key(struct ini_cfgobj *o, const char *section, const char *key,
		    const struct ini_visitor *v)
{
	int mode = INI_GET_FIRST_VALUE;

	for (;;) {
		struct value_obj *value = NULL;
		uint32_t line = 0;
		const char *text;

		if (ini_get_config_valueobj(section, key, o, mode, &value))
			return -ENOMEM;
		if (!value)
			return 0;
		if (value_get_concatenated(value, &text) || value_get_line(value, &line)) {
			v->fault(v->context, line, "libini_config does not say what the value is");
			return -EINVAL;
		}
		v->value(v->context, section, key, text ? text : "", line);
		mode = INI_GET_NEXT_VALUE;
	}
}

static int tell_section(struct ini_cfgobj *o, const char *section, const struct ini_visitor *v)
{
	int n, err = 0, ret = 0;
	char **keys = ini_get_attribute_list(o, section, &n, &err);

	if (!keys)
		return -ENOMEM;
	if (!n)
		v->value(v->context, section, NULL, NULL, 0);
	for (int i = 0; i < n && !ret; i++)
		if (!was_told(keys, i))
			ret = tell_key(o, section, keys[i], v);
	ini_free_attribute_list(keys);
	return ret;
}

static int tell_all(struct ini_cfgobj *o, const struct ini_visitor *v)
{
	int n, err = 0, ret = 0;
	char **sections = ini_get_section_list(o, &n, &err);

	if (!sections)
		return -ENOMEM;
	for (int i = 0; i < n && !ret; i++)
		ret = tell_section(o, sections[i], v);
	ini_free_section_list(sections);
	return ret;
}

/* The library refuses a file for these, and says neither why nor where. */
static const char *why_not(const char *line, size_t length)
{
	const char *end = memchr(line, '=', length);
	size_t blanks = 0;

	if (memchr(line, '\0', length))
		return "there is a zero byte";
	while (blanks < length && isblank((unsigned char)line[blanks]))
		blanks++;
	if (blanks == length || line[blanks] == '#' || line[blanks] == ';')
		return NULL;
	if (line[blanks] == '[' || !end)
		end = line + length;
	for (const char *at = line; at < end; at++)
		if (*at == '!' || (!isprint((unsigned char)*at) && !isspace((unsigned char)*at)))
			return "a section or key has a character other than those of ASCII, or !";
	return NULL;
}

static int check_lines(const char *data, size_t size, const struct ini_visitor *v)
{
	unsigned int line = 0, values = 0;
	int ret = 0;

	for (const char *at = data, *next; at < data + size; at = next) {
		size_t left = (size_t)(data + size - at);
		const char *end = memchr(at, '\n', left), *why;

		next = end ? end + 1 : data + size;
		line++;
		values += !!memchr(at, '=', (size_t)(next - at));
		why = why_not(at, (size_t)(next - at));
		if (!why)
			continue;
		v->fault(v->context, line, why);
		ret = -EINVAL;
	}
	if (values <= INI_VALUES_MAX)
		return ret;
	v->fault(v->context, 0, "there are too many values");
	return -EINVAL;
}

static int parse(struct ini_cfgfile *file, const struct ini_visitor *v)
{
	struct ini_cfgobj *o = NULL;
	int ret = ini_config_create(&o);

	if (ret)
		return -ENOMEM;
	ret = ini_config_parse(file, INI_STOP_ON_NONE, COLLISIONS, STYLE, o);
	if (ini_config_error_count(o))
		ret = tell_faults(o, v);
	else if (ret && ret != ENOMEM)
		v->fault(v->context, 0, "libini_config does not understand this file");
	else if (!ret)
		ret = tell_all(o, v);
	if (ret > 0)
		ret = ret == ENOMEM ? -ENOMEM : -EINVAL;
	ini_config_destroy(o);
	return ret;
}

int ini_parse(const char *data, size_t size, const struct ini_visitor *v)
{
	struct ini_cfgfile *file = NULL;
	int ret = check_lines(data, size, v);

	/* The library refuses to have nothing. */
	if (ret || !size)
		return ret;
	/* It does not write to the bytes. */
	ret = ini_config_file_from_mem((void *)(uintptr_t)data, (uint32_t)size, &file);
	if (ret == ENOMEM)
		return -ENOMEM;
	if (ret) {
		v->fault(v->context, 0, "this is no text in UTF-8");
		return -EINVAL;
	}
	ret = parse(file, v);
	ini_config_file_destroy(file);
	return ret;
}

/* The file may be a pipe, which has no size, and whose writer may be slow or say nothing. */
static int read_all(int fd, char *data, size_t *size)
{
	int64_t deadline = clock_deadline(READ_MS);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	*size = 0;
	do {
		if (poll(&p, 1, clock_left_ms(deadline)) <= 0)
			return -ETIMEDOUT;
		n = read(fd, data + *size, INI_SIZE_MAX + 1 - *size);
		if (n < 0)
			return -errno;
		*size += (size_t)n;
	} while (n && *size <= INI_SIZE_MAX);
	return n ? -EFBIG : 0;
}

int ini_read(const char *path, const struct ini_visitor *v)
{
	/* To open a pipe that has no writer must not wait. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;
	char *data;
	size_t size;

	if (fd < 0)
		return -errno;
	data = malloc(INI_SIZE_MAX + 1);
	ret = data ? read_all(fd, data, &size) : -ENOMEM;
	close(fd);
	if (!ret)
		ret = ini_parse(data, size, v);
	free(data);
	return ret;
}

bool ini_has_room(const char *text)
{
	size_t length = strlen(text);

	if (!length || !utf8_is_valid(text))
		return false;
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)text[i]))
			return false;
	return !isspace((unsigned char)text[0]) && !isspace((unsigned char)text[length - 1]);
}
