// SPDX-License-Identifier: MIT
/*
 * Goal: a rule names the clients that its text says and no others, a text that is no rule is
 * refused, and rules of networks and rules of identities are combined as documented.
 * Method: tables of texts, addresses and answers; and, for each length of a prefix, the addresses
 * that differ in the bits beside its end.
 */
#include <arpa/inet.h>
#include <exports/access.h>
#include <stdio.h>
#include <string.h>

#include "tap.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage s = { .ss_family = AF_UNIX };

	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&s)->sin_addr) == 1)
		s.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&s)->sin6_addr) == 1)
		s.ss_family = AF_INET6;
	return s;
}

/* Add rules that are separated by blanks. */
static struct access rules(const char *text)
{
	static char copy[16][256];
	static unsigned int next;
	struct access a = { 0 };
	struct option_error error;
	char *here = copy[next++ % 16];

	strcpy(here, text);
	for (char *rule = strtok(here, " "); rule; rule = strtok(NULL, " "))
		if (access_add(&a, rule, &error))
			bail("%s: %s", rule, error.text);
	return a;
}

static void test_matches(void)
{
	static const struct {
		const char *rules, *from, *identity;
		enum access_answer answer;
	} cases[] = {
		{ "", "192.0.2.1", "", ACCESS_GRANTED },
		{ "", "unix", "", ACCESS_GRANTED },
		{ "192.0.2.0/24", "192.0.2.255", "", ACCESS_GRANTED },
		{ "192.0.2.0/24", "192.0.3.0", "", ACCESS_OTHER_NETWORK },
		{ "192.0.2.0/24", "::ffff:192.0.2.7", "", ACCESS_GRANTED },
		{ "192.0.2.0/24", "::ffff:192.0.3.7", "", ACCESS_OTHER_NETWORK },
		{ "192.0.2.0/24", "2001:db8::1", "", ACCESS_OTHER_NETWORK },
		{ "192.0.2.0/24", "unix", "", ACCESS_OTHER_NETWORK },
		{ "192.0.2.7", "192.0.2.7", "", ACCESS_GRANTED },
		{ "192.0.2.7", "192.0.2.6", "", ACCESS_OTHER_NETWORK },
		{ "0.0.0.0/0", "203.0.113.9", "", ACCESS_GRANTED },
		{ "0.0.0.0/0", "::ffff:203.0.113.9", "", ACCESS_GRANTED },
		{ "0.0.0.0/0", "2001:db8::1", "", ACCESS_OTHER_NETWORK },
		{ "::/0", "2001:db8::1", "", ACCESS_GRANTED },
		{ "::/0", "203.0.113.9", "", ACCESS_OTHER_NETWORK },
		{ "::/0", "::ffff:203.0.113.9", "", ACCESS_OTHER_NETWORK },
		{ "::ffff:192.0.2.0/120", "192.0.2.9", "", ACCESS_GRANTED },
		{ "2001:db8::/32", "2001:db8:ffff::1", "", ACCESS_GRANTED },
		{ "2001:db8::/32", "2001:db9::1", "", ACCESS_OTHER_NETWORK },
		{ "::1", "::1", "", ACCESS_GRANTED },
		{ "unix", "unix", "", ACCESS_GRANTED },
		{ "unix", "127.0.0.1", "", ACCESS_OTHER_NETWORK },
		{ "unix ::1 192.0.2.0/24", "192.0.2.1", "", ACCESS_GRANTED },
		{ "psk:me", "192.0.2.1", "psk:me", ACCESS_GRANTED },
		{ "psk:me", "192.0.2.1", "psk:mee", ACCESS_OTHER_IDENTITY },
		{ "psk:me", "192.0.2.1", "psk:m", ACCESS_OTHER_IDENTITY },
		{ "psk:me", "192.0.2.1", "x509:me", ACCESS_OTHER_IDENTITY },
		{ "psk:me", "192.0.2.1", "", ACCESS_OTHER_IDENTITY },
		{ "psk:me x509:CN=a", "192.0.2.1", "x509:CN=a", ACCESS_GRANTED },
		{ "x509:CN=a\\,b", "192.0.2.1", "x509:CN=a\\,b", ACCESS_GRANTED },
		{ "x509:CN=a\\\\,O=b", "192.0.2.1", "x509:CN=a\\\\,O=b", ACCESS_GRANTED },
		{ "x509:CN=a+UID=b,2.5.4.5=1", "192.0.2.1", "x509:CN=a+UID=b,2.5.4.5=1",
		  ACCESS_GRANTED },
		{ "x509:CN=a,O=b", "192.0.2.1", "x509:CN=a", ACCESS_OTHER_IDENTITY },
		{ "x509:CN=a", "192.0.2.1", "x509:CN=a,O=b", ACCESS_OTHER_IDENTITY },
		{ "x509:CN=", "192.0.2.1", "x509:", ACCESS_OTHER_IDENTITY },
		{ "psk:me 10.0.0.0/8", "10.1.1.1", "psk:me", ACCESS_GRANTED },
		{ "psk:me 10.0.0.0/8", "10.1.1.1", "", ACCESS_OTHER_IDENTITY },
		{ "psk:me 10.0.0.0/8", "11.1.1.1", "psk:me", ACCESS_OTHER_NETWORK },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct access a = rules(cases[i].rules);
		struct sockaddr_storage from = address(cases[i].from);

		is(access_check(&a, &from, cases[i].identity), cases[i].answer,
		   "the rules '%s' give a client at %s with the identity '%s' the answer %d",
		   cases[i].rules, cases[i].from, cases[i].identity, cases[i].answer);
	}
}

/* Compare a prefix of each length with addresses that differ in one bit. */
static void test_prefixes(void)
{
	bool good = true;

	for (unsigned int bits = 1; bits <= 128; bits++) {
		struct access a = { .n = 1, .rule[0].network = { { 0x20 }, bits } };

		if (bits < 3)
			a.rule[0].network.address[0] = 0;
		for (unsigned int bit = 0; bit < 128; bit++) {
			struct sockaddr_storage from = { .ss_family = AF_INET6 };
			struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&from;

			memcpy(&v6->sin6_addr, a.rule[0].network.address, 16);
			v6->sin6_addr.s6_addr[bit / 8] ^= 0x80 >> bit % 8;
			good &= (access_check(&a, &from, "") == ACCESS_GRANTED) == (bit >= bits);
		}
	}
	ok(good, "a prefix of each length names just the addresses that differ behind it");
}

static void test_refusals(void)
{
	static const char *const bad[] = {
		"", "/", "/8", "10/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
		"10.0.0.0/8/8", "10.0.0.256", "10.0.0.1/8", "::1/64", "::/129", "1:2", "fe80::1%lo",
		"localhost", "UNIX", "unix:/x", "x509:", "psk:", "x509:alice", "x509:=alice",
		"x509:CN", "x509:CN=a, O=b", "x509:CN=a,", "x509:CN=a+", "x509:CN=a,b",
		"x509:C N=a", "x509", "tls:me", "[::1]",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};
	struct option_error error = { "" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct access a = { 0 };

		ok(access_add(&a, bad[i], &error) && !a.n && error.text[0],
		   "'%s' is refused as a rule, and an error says why", bad[i]);
	}
}

static void test_many(void)
{
	struct option_error error;
	struct access a = { 0 };

	for (unsigned int i = 0; i < ACCESS_RULES_MAX; i++)
		if (access_add(&a, "unix", &error))
			bail("rule %u is refused: %s", i, error.text);
	ok(access_add(&a, "unix", &error), "an export has at most %u rules", ACCESS_RULES_MAX);
}

int main(void)
{
	test_matches();
	test_prefixes();
	test_refusals();
	test_many();
	return done_testing();
}
