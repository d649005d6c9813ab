// SPDX-License-Identifier: MIT
#include "utf8.h"

#include <string.h>

#include <stdint.h>

/* Return: bytes of the character that a byte begins; 0 if none begins so. */
static int length_of(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* The second byte says whether there are too many bytes, a surrogate, or more than U+10FFFF. */
static bool is_second(uint8_t first, uint8_t second)
{
	uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

	return second >= least && second <= most;
}

size_t utf8_length(const void *text, size_t length)
{
	const uint8_t *p = text;
	size_t n = (size_t)length_of(*p);

	if (n > length || (n > 1 && !is_second(p[0], p[1])))
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool utf8_is_control(const void *text, size_t n)
{
	const uint8_t *p = text;

	if (n == 1)
		return p[0] < 0x20 || p[0] == 0x7f;
	/* U+0080 to U+009F are control characters, too. */
	return n == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

bool utf8_is_valid(const char *text)
{
	size_t left = strlen(text), n;

	for (; left; left -= n, text += n) {
		n = utf8_length(text, left);
		if (!n)
			return false;
	}
	return true;
}

/* Return: bytes of the printable character at @p, or 0. */
static size_t printable(const uint8_t *p, size_t left)
{
	size_t n = utf8_length(p, left);

	return utf8_is_control(p, n) ? 0 : n;
}

const char *utf8_show(char *to, size_t size, const void *text, size_t length)
{
	const uint8_t *p = text;
	size_t at = 0, from = 0, cut = 0;

	while (from < length && at < size) {
		size_t n = printable(p + from, length - from);

		/* Keep room for the dots, in case that not all fits. */
		if (at + 4 <= size)
			cut = at;
		if (at + (n ? n : 1) >= size)
			break;
		if (n)
			memcpy(to + at, p + from, n);
		else
			to[at] = '?';
		at += n ? n : 1;
		from += n ? n : 1;
	}
	if (from < length) {
		memcpy(to + cut, "...", 3);
		at = cut + 3;
	}
	to[at] = '\0';
	return to;
}
