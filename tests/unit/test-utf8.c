// SPDX-License-Identifier: MIT
/*
 * Goal: well-formed UTF-8 is accepted, and everything else is refused.
 * Method: the first and the last character of each length, what lies beside them, and texts that
 * are cut.
 */
#include <common/utf8.h>
#include <string.h>

#include "tap.h"

static void check_shown(const char *text, size_t size, const char *want)
{
	char shown[32];

	utf8_show(shown, size, text, strlen(text));
	ok(!strcmp(shown, want), "a text is shown as '%s' in %zu bytes", want, size);
}

static void test_show(void)
{
	check_shown("", 4, "");
	check_shown("disk0", 16, "disk0");
	check_shown("gr\xc3\xbc\xc3\x9f" "e", 16, "gr\xc3\xbc\xc3\x9f" "e");
	check_shown("a\nb\x1b[1m\x7f\xc2\x85", 16, "a?b?[1m???");
	check_shown("\xff\xe0\xa0", 16, "???");
	check_shown("12345678", 9, "12345678");
	check_shown("123456789", 9, "12345...");
	check_shown("1234\xc3\xbc" "678", 9, "1234...");
	check_shown("123", 4, "123");
	check_shown("1234", 4, "...");
}

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
	test_show();
	return done_testing();
}
