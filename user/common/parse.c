// SPDX-License-Identifier: MIT
#include "parse.h"

#include <errno.h>
#include <string.h>

/* The digits at the front of @text; @text is moved behind them. */
static int parse_digits(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	*text = p;
	*out = value;
	return 0;
}

int parse_u32(const char *text, uint32_t max, uint32_t *out)
{
	uint64_t value;
	int ret = parse_digits(&text, &value);

	if (ret)
		return ret;
	if (*text)
		return -EINVAL;
	if (value > max)
		return -ERANGE;
	*out = (uint32_t)value;
	return 0;
}

int parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t value;
	int ret = parse_digits(&text, &value);

	if (ret)
		return ret;
	if (*text) {
		unsigned int shift;

		unit = strchr(units, *text);
		if (!unit || text[1])
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
		if (value > UINT64_MAX >> shift)
			return -ERANGE;
		value <<= shift;
	}
	*out = value;
	return 0;
}
