// SPDX-License-Identifier: MIT
/*
 * Goal: an address is parsed completely or refused, and printed as it was written.
 */
#include <arpa/inet.h>
#include <common/address.h>
#include <errno.h>
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
	   a.length == sizeof(*v6) && !a.is_dual, "[::1]:0 is an IPv6 address with port 0");
	ok(!address_parse("*:10809", &a) && v6->sin6_family == AF_INET6 && a.is_dual &&
	   IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) && ntohs(v6->sin6_port) == 10809,
	   "*:10809 is every address, IPv4 and IPv6");
	ok(!address_parse("[::]:1", &a) && !a.is_dual, "[::]:1 is every IPv6 address only");
}

static void scoped_addresses(void)
{
	struct address a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a.storage;
	unsigned int lo = if_nametoindex("lo");

	ok(!address_parse("[fe80::1%lo]:10809", &a) && v6->sin6_scope_id == lo,
	   "[fe80::1%%lo]:10809 is a link-local address of the interface lo");
	ok(!address_parse("[fe80::1%1]:10809", &a) && v6->sin6_scope_id == 1,
	   "[fe80::1%%1]:10809 is a link-local address of interface 1");
	is(address_parse("[fe80::1%none]:1", &a), -ENODEV,
	   "an interface that does not exist is refused by its name");
	is(address_parse("[fe80::1%4000000]:1", &a), -ENODEV,
	   "an interface that does not exist is refused by its number");
	is(address_parse("[fe80::1%]:1", &a), -ENODEV, "an empty interface is refused");
	is(address_parse("[fe80::1]:1", &a), -EDESTADDRREQ,
	   "a link-local address without an interface is refused");
	is(address_parse("[fe80::1%averyverylongname]:1", &a), -ENODEV,
	   "an interface whose name is too long is refused");
}

static void unix_addresses(void)
{
	char text[sizeof("unix:") + 200] = "unix:";
	struct address a;
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a.storage;
	size_t most = sizeof(un->sun_path) - 1;

	ok(!address_parse("unix:/run/disk.sock", &a) && un->sun_family == AF_UNIX &&
	   !strcmp(un->sun_path, "/run/disk.sock"), "unix:/run/disk.sock is a UNIX socket");
	ok(!address_parse("unix:a:1", &a) && !strcmp(un->sun_path, "a:1"),
	   "the path of a UNIX socket may have a colon");
	memset(text + 5, 'x', most);
	ok(!address_parse(text, &a) && strlen(un->sun_path) == most,
	   "a path as long as a socket's address has room for is accepted");
	text[5 + most] = 'x';
	is(address_parse(text, &a), -ENAMETOOLONG, "a path that is a byte longer is refused");
	is(address_parse("unix:", &a), -EINVAL, "an empty path is refused");
	is(address_parse("unix:/a b", &a), -EINVAL, "a path with a blank is refused");
	is(address_parse("unix:/a\nb", &a), -EINVAL, "a path with a newline is refused");
}

static void foreign_addresses(void)
{
	struct sockaddr_storage s = { .ss_family = AF_INET6 };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s;
	struct sockaddr_un *un = (struct sockaddr_un *)&s;
	char text[ADDRESS_TEXT_SIZE];

	inet_pton(AF_INET6, "::ffff:1.2.3.4", &v6->sin6_addr);
	v6->sin6_port = htons(5);
	address_format(&s, sizeof(*v6), text, sizeof(text));
	is(strcmp(text, "1.2.3.4:5"), 0, "an IPv4 address in the form of IPv6 is printed as IPv4");
	s = (struct sockaddr_storage){ .ss_family = AF_UNIX };
	address_format(&s, sizeof(s.ss_family), text, sizeof(text));
	is(strcmp(text, "unix:"), 0, "a UNIX socket without a name is printed without one");
	memcpy(un->sun_path, "\0name", 5);
	address_format(&s, offsetof(struct sockaddr_un, sun_path) + 5, text, sizeof(text));
	is(strcmp(text, "unix:@name"), 0, "an abstract UNIX socket is printed with an @");
	memset(un->sun_path, 'x', sizeof(un->sun_path));
	address_format(&s, sizeof(*un), text, sizeof(text));
	is(strlen(text), strlen("unix:") + sizeof(un->sun_path),
	   "a path that fills the address without a NUL is printed completely");
}

static void bad_addresses(void)
{
	static const char *const bad[] = {
		"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:-1",
		"1.2.3.4:65536", "1.2.3.4:99999999999999999999", "1.2.3.4: 1",
		"1.2.3:1", "localhost:1", ":1", "::1:1", "[::1]", "[]:1",
		"[::1:1", "::1]:1", "[x]:1", "1.2.3.4:1 ", "*", "**:1", "[*]:1", "1.2.3.4%lo:1",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
	};
	struct address a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(address_parse(bad[i], &a), "\"%s\" is not an address", bad[i]);
}

static void formatted_addresses(void)
{
	static const char *const texts[] = {
		"0.0.0.0:0", "255.255.255.255:65535", "[::1]:10809", "[fe80::1%lo]:1",
		"unix:/run/x", "unix:x:y",
		"[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
	};
	char text[ADDRESS_TEXT_SIZE];
	struct address a;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		ok(!address_parse(texts[i], &a), "%s is an address", texts[i]);
		address_format(&a.storage, a.length, text, sizeof(text));
		ok(!strcmp(text, texts[i]), "%s is printed as it was read", texts[i]);
	}
}

int main(void)
{
	good_addresses();
	scoped_addresses();
	unix_addresses();
	foreign_addresses();
	bad_addresses();
	formatted_addresses();
	return done_testing();
}
