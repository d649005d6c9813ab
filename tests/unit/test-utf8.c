// SPDX-License-Identifier: MIT
/*
 * Goal: well-formed UTF-8 is accepted, and everything else is refused.
 * Method: the first and the last character of each length, what lies beside them, and texts that
 * are cut.
 */
#include <common/utf8.h>

#include "tap.h"

int main(void)
{
	static const char *const good[] = {
		"", "disk0", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"gr\xc3\xbc\xc3\x9f" "e",
	};
	static const char *const bad[] = {
		"\x80", "a\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2" "a", "\xe0\x9f\xbf",
		"\xe0\xa0", "\xe2\x82", "\xe2\x82" "a", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xff", "disk\xfe",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ok(utf8_is_valid(good[i]), "good text %zu is UTF-8", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(!utf8_is_valid(bad[i]), "bad text %zu is no UTF-8", i);
	return done_testing();
}
