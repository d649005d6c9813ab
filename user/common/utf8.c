// SPDX-License-Identifier: MIT
#include "utf8.h"

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

bool utf8_is_valid(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;

	while (*p) {
		int n = length_of(*p);

		if (!n || (n > 1 && !is_second(p[0], p[1])))
			return false;
		for (int i = 2; i < n; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += n;
	}
	return true;
}
