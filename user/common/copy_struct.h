/* SPDX-License-Identifier: MIT */
/*
 * Structures that can grow: options that a caller gives, and answers that a library fills in. The
 * first member of each is "size_t size", which the caller sets to sizeof of the structure that
 * its compiler saw. That may be older or newer than the one that the library was built with.
 *
 * The libraries, which define such structures, use it. It must not know any of them.
 */
#ifndef COMMON_COPY_STRUCT_H
#define COMMON_COPY_STRUCT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* No structure is larger than this: the caller has not initialised a greater size. */
#define COPY_STRUCT_MAX	8192U

static inline bool copy_struct_is_zero(const void *from, size_t begin, size_t end)
{
	const unsigned char *byte = from;

	while (begin < end)
		if (byte[begin++])
			return false;
	return true;
}

/**
 * copy_struct() - copy what a caller gave into a structure of the library
 * @known: filled: what the caller gave, then zeroes; its size is @known_size
 * @known_size: bytes of the structure that the library knows
 * @given: the caller's structure, which begins with its size; NULL stands for one that
 *	is all zeroes
 *
 * A caller that was built with a newer header may run with this library as long as it
 * does not use what the library cannot know.
 *
 * Return: 0; -EINVAL if the size is 0 or does not even cover itself; -E2BIG if a byte
 * beyond @known_size is not 0, or if the size makes no sense. @known is then undefined.
 */
static inline int copy_struct(void *known, size_t known_size, const void *given)
{
	size_t given_size = 0, shared;

	memset(known, 0, known_size);
	if (given) {
		memcpy(&given_size, given, sizeof(given_size));
		if (given_size < sizeof(given_size))
			return -EINVAL;
		if (given_size > COPY_STRUCT_MAX)
			return -E2BIG;
		if (!copy_struct_is_zero(given, known_size, given_size))
			return -E2BIG;
		shared = given_size < known_size ? given_size : known_size;
		memcpy(known, given, shared);
	}
	memcpy(known, &known_size, sizeof(known_size));
	return 0;
}

/**
 * fill_struct() - fill in the structure of a caller with what the library knows
 * @out: the caller's structure, which begins with its size; filled behind that
 * @known: the library's; its first member is not copied
 * @known_size: bytes of it
 *
 * A caller that was built with an older header gets the members that it knows, and one that
 * was built with a newer header gets zeroes for those that the library does not know.
 *
 * Return: 0; -EINVAL if the size is 0 or does not even cover itself; -E2BIG if it makes no
 * sense. Nothing is filled in then.
 */
static inline int fill_struct(void *out, const void *known, size_t known_size)
{
	const size_t first = sizeof(size_t);
	size_t size, shared;

	memcpy(&size, out, first);
	if (size < first)
		return -EINVAL;
	if (size > COPY_STRUCT_MAX)
		return -E2BIG;
	shared = size < known_size ? size : known_size;
	memcpy((char *)out + first, (const char *)known + first, shared - first);
	memset((char *)out + shared, 0, size - shared);
	return 0;
}

#endif /* COMMON_COPY_STRUCT_H */
