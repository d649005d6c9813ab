// SPDX-License-Identifier: MIT
/*
 * Goal: a TCP address is parsed completely or refused, and printed as it was written.
 */
#include <arpa/inet.h>
#include <common/address.h>
#include <string.h>

#include "tap.h"

static void good_addresses(void)
{
	struct address a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a.storage;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a.storage;

	ok(!address_parse("1.2.3.4:10809", &a) && v4->sin_family == AF_INET &&
	   ntohs(v4->sin_port) == 10809 && ntohl(v4->sin_addr.s_addr) == 0x01020304 &&
	   a.length == sizeof(*v4), "1.2.3.4:10809 is an IPv4 address with a port");
	ok(!address_parse("[::1]:0", &a) && v6->sin6_family == AF_INET6 &&
	   v6->sin6_port == 0 && v6->sin6_addr.s6_addr[15] == 1 &&
	   a.length == sizeof(*v6), "[::1]:0 is an IPv6 address with port 0");
}

static void bad_addresses(void)
{
	static const char *const bad[] = {
		"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:-1",
		"1.2.3.4:65536", "1.2.3.4:99999999999999999999", "1.2.3.4: 1",
		"1.2.3:1", "localhost:1", ":1", "::1:1", "[::1]", "[]:1",
		"[::1:1", "::1]:1", "[x]:1", "1.2.3.4:1 ",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
	};
	struct address a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(address_parse(bad[i], &a), "\"%s\" is not an address", bad[i]);
}

static void formatted_addresses(void)
{
	static const char *const texts[] = {
		"0.0.0.0:0", "255.255.255.255:65535", "[::1]:10809",
		"[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
	};
	char text[ADDRESS_TEXT_SIZE];
	struct address a;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		ok(!address_parse(texts[i], &a), "%s is an address", texts[i]);
		address_format(&a.storage, text, sizeof(text));
		ok(!strcmp(text, texts[i]), "%s is printed as it was read", texts[i]);
	}
}

int main(void)
{
	good_addresses();
	bad_addresses();
	formatted_addresses();
	return done_testing();
}
