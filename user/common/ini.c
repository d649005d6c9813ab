// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
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

/**
 * struct walk - where the sections are, which the library does not say
 * @data: the file
 * @size: bytes of it
 * @at: behind the section that was found last, as they come in the order of the file
 * @line: number of the line there
 */
struct walk {
	const char *data;
	size_t size;
	const char *at;
	unsigned int line;
};

static const char *end_of_line(const char *at, const char *end)
{
	const char *found = memchr(at, '\n', (size_t)(end - at));

	return found ? found : end;
}

/* Is it the line "[SECTION]"? */
static bool is_section(const char *line, size_t length, const char *section)
{
	const char *end = memrchr(line, ']', length);

	if (*line++ != '[' || !end)
		return false;
	while (line < end && isspace((unsigned char)*line))
		line++;
	while (line < end && isspace((unsigned char)end[-1]))
		end--;
	return strlen(section) == (size_t)(end - line) &&
	       !strncasecmp(section, line, (size_t)(end - line));
}

/* Return: is it found between @w->at, where it is in the line @w->line, and the end? */
static bool go_on(struct walk *w, const char *section)
{
	const char *end = w->data + w->size;

	while (w->at < end) {
		const char *line = w->at, *next = end_of_line(line, end);

		w->at = next < end ? next + 1 : end;
		w->line++;
		if (is_section(line, (size_t)(next - line), section))
			return true;
	}
	return false;
}

/* Return: its line; 0 if it is not found. */
static unsigned int find_section(struct walk *w, const char *section)
{
	if (go_on(w, section))
		return w->line;
	w->at = w->data;
	w->line = 0;
	return go_on(w, section) ? w->line : 0;
}

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

static int tell_section(struct ini_cfgobj *o, const char *section, struct walk *w,
			const struct ini_visitor *v)
{
	int n, err = 0, ret = 0;
	char **keys = ini_get_attribute_list(o, section, &n, &err);

	if (!keys)
		return -ENOMEM;
	v->value(v->context, section, NULL, NULL, find_section(w, section));
	for (int i = 0; i < n && !ret; i++)
		if (!was_told(keys, i))
			ret = tell_key(o, section, keys[i], v);
	ini_free_attribute_list(keys);
	return ret;
}

static int tell_all(struct ini_cfgobj *o, struct walk *w, const struct ini_visitor *v)
{
	int n, err = 0, ret = 0;
	char **sections = ini_get_section_list(o, &n, &err);

	if (!sections)
		return -ENOMEM;
	for (int i = 0; i < n && !ret; i++)
		ret = tell_section(o, sections[i], w, v);
	ini_free_section_list(sections);
	return ret;
}

#define BYTE_ORDER_MARK	"\xef\xbb\xbf"

static bool is_text(const char *line, size_t length)
{
	while (length) {
		size_t n = utf8_length(line, length);

		if (!n)
			return false;
		line += n;
		length -= n;
	}
	return true;
}

static const char *why_not_ascii(const char *line, size_t length)
{
	const char *end = memchr(line, '=', length);

	if (*line == '[' || !end)
		end = line + length;
	for (const char *at = line; at < end; at++)
		if (*at == '!' || (!isprint((unsigned char)*at) && !isspace((unsigned char)*at)))
			return "a section or key has a character other than those of ASCII, or !";
	return NULL;
}

/*
 * The library refuses a file for these, and says neither why nor where, or something else. A key
 * that is in no section would be in one that the file does not have.
 */
static const char *why_not(const char *line, size_t length, bool *is_in_section)
{
	size_t blanks = 0;

	if (memchr(line, '\0', length))
		return "there is a zero byte: the file has to be text in UTF-8";
	if (!is_text(line, length))
		return "this is no text in UTF-8: convert the file, as by iconv";
	while (blanks < length && isspace((unsigned char)line[blanks]))
		blanks++;
	if (blanks == length || line[blanks] == '#' || line[blanks] == ';')
		return NULL;
	if (line[blanks] == '[')
		*is_in_section = true;
	if (line[blanks] == '[' && blanks)
		return "there are blanks in front of a section: begin the line with the bracket";
	if (*is_in_section)
		return why_not_ascii(line + blanks, length - blanks);
	*is_in_section = true;
	return "this belongs to no section: write the section, in brackets, above it";
}

static const char *why_not_first(const char *line, size_t length, bool *is_in_section)
{
	size_t n = strlen(BYTE_ORDER_MARK);

	if (length < n || memcmp(line, BYTE_ORDER_MARK, n) != 0)
		return why_not(line, length, is_in_section);
	*is_in_section = true;
	return "the file begins with a byte order mark: save it as UTF-8 without that";
}

static int check_lines(const char *data, size_t size, const struct ini_visitor *v)
{
	unsigned int line = 0, values = 0, sections = 0;
	bool is_in_section = false;
	int ret = 0;

	for (const char *at = data, *next; at < data + size; at = next) {
		const char *end = end_of_line(at, data + size), *why;

		next = end < data + size ? end + 1 : end;
		why = (line++ ? why_not : why_not_first)(at, (size_t)(next - at), &is_in_section);
		if (memchr(at, '=', (size_t)(next - at)) && ++values == INI_VALUES_MAX + 1)
			why = "there are too many values";
		if (*at == '[' && ++sections == INI_SECTIONS_MAX + 1)
			why = "there are too many sections";
		if (!why)
			continue;
		v->fault(v->context, line, why);
		ret = -EINVAL;
	}
	return ret;
}

static int parse(struct ini_cfgfile *file, struct walk *w, const struct ini_visitor *v)
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
		ret = tell_all(o, w, v);
	if (ret > 0)
		ret = ret == ENOMEM ? -ENOMEM : -EINVAL;
	ini_config_destroy(o);
	return ret;
}

int ini_parse(const char *data, size_t size, const struct ini_visitor *v)
{
	struct walk w = { .data = data, .size = size, .at = data };
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
	ret = parse(file, &w, v);
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

const char *ini_why_not(const char *text)
{
	size_t length = strlen(text);

	if (!length)
		return "in a file, an empty value stands for the default";
	if (!utf8_is_valid(text))
		return "a file cannot say this, as it is no text in UTF-8";
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)text[i]))
			return "a file cannot say this, as it has a line break or another control "
			       "character";
	if (isspace((unsigned char)text[0]) || isspace((unsigned char)text[length - 1]))
		return "a file cannot say this, as it begins or ends with a blank";
	return NULL;
}
