/* SPDX-License-Identifier: MIT */
/*
 * Files of sections, keys and values, as libini_config reads them: "[section]", "key = value", and
 * comments in lines that begin with # or ;. A line may be as long as the file. Sections and keys
 * are ASCII, and told apart without regard to case. This header must not know what the values mean.
 */
#ifndef COMMON_INI_H
#define COMMON_INI_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a file. */
#define INI_SIZE_MAX	(1U << 20)

/* Values of a file; the time that the library takes grows with their square. */
#define INI_VALUES_MAX	20000U

/* Sections of a file, likewise. */
#define INI_SECTIONS_MAX	1024U

/**
 * struct ini_visitor - who is told of a file
 * @value: called for each section, with key and value NULL, and then for each of its values, which
 *	may be empty and has to be copied
 * @fault: called for each line that is wrong; the line is 0 if the whole file is
 * @context: for both
 */
struct ini_visitor {
	void (*value)(void *context, const char *section, const char *key, const char *value,
		      unsigned int line);
	void (*fault)(void *context, unsigned int line, const char *why);
	void *context;
};

/**
 * ini_parse() - read the bytes of a file
 * @data: the bytes
 * @size: how many, at most INI_SIZE_MAX
 * @v: told of each fault; or, if there is none, of each value
 *
 * Return: 0; -EINVAL if there was a fault; -ENOMEM.
 */
int ini_parse(const char *data, size_t size, const struct ini_visitor *v);

/**
 * ini_read() - read a file, which may be a pipe, within 5 seconds
 *
 * Return: as ini_parse(); or -EFBIG, -ETIMEDOUT or another -errno of which @v knows nothing.
 */
int ini_read(const char *path, const struct ini_visitor *v);

/* Bytes of a section's name are bounded by the library; these are not too many. */
#define INI_SECTION_MAX	1000U

/** ini_why_not() - why a file cannot say this as a value; NULL if it can */
const char *ini_why_not(const char *text);

#endif /* COMMON_INI_H */
