// SPDX-License-Identifier: MIT
/*
 * Goal: the value of an option is parsed completely or refused.
 */
#include <common/parse.h>
#include <errno.h>

#include "tap.h"

static void size_is(const char *text, int ret, uint64_t value)
{
	uint64_t out = 0;

	is(parse_size(text, &out), ret, ret ? "\"%s\" is refused as a size" :
	   "\"%s\" is a size", text);
	if (!ret)
		ok(out == value, "the size \"%s\" is %llu bytes", text, (unsigned long long)value);
}

static void number_is(const char *text, uint32_t max, int ret, uint32_t value)
{
	uint32_t out = 0;

	is(parse_u32(text, max, &out), ret, ret ? "\"%s\" is refused as a number up to %u" :
	   "\"%s\" is a number up to %u", text, max);
	if (!ret)
		is(out, value, "the number \"%s\" is %u", text, value);
}

int main(void)
{
	size_is("0", 0, 0);
	size_is("4096", 0, 4096);
	size_is("4K", 0, 4096);
	size_is("2M", 0, 2ULL << 20);
	size_is("1G", 0, 1ULL << 30);
	size_is("3T", 0, 3ULL << 40);
	size_is("18446744073709551615", 0, UINT64_MAX);
	size_is("18446744073709551616", -ERANGE, 0);
	size_is("16777216T", -ERANGE, 0);
	size_is("", -EINVAL, 0);
	size_is("K", -EINVAL, 0);
	size_is("-1", -EINVAL, 0);
	size_is("+1", -EINVAL, 0);
	size_is(" 1", -EINVAL, 0);
	size_is("1 ", -EINVAL, 0);
	size_is("1KB", -EINVAL, 0);
	size_is("1k", -EINVAL, 0);
	size_is("0x10", -EINVAL, 0);

	number_is("0", 0, 0, 0);
	number_is("7", 7, 0, 7);
	number_is("8", 7, -ERANGE, 0);
	number_is("4294967295", UINT32_MAX, 0, UINT32_MAX);
	number_is("4294967296", UINT32_MAX, -ERANGE, 0);
	number_is("99999999999999999999", UINT32_MAX, -ERANGE, 0);
	number_is("", 7, -EINVAL, 0);
	number_is("7x", 7, -EINVAL, 0);
	number_is("-0", 7, -EINVAL, 0);
	return done_testing();
}
